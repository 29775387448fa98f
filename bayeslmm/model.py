"""A model, as engines see it: a Gaussian block whose coefficients are eliminated, and theta.

    y = offset + X beta + sum_t Z_t u_t + e,   u_t ~ N(0, G_t(theta)),   e_i ~ N(0, sigma^2 / w_i)

A `Model` is a declaration: the design, the terms with the laws of their variances, and the prior of
beta. Everything an engine needs follows from it: the solver for a criterion, the log posterior of
theta as compiled code, the exact recovery of the coefficients, and both PyMC graphs (`graphs`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from . import printed
from .design import Design
from .gaussian.beta import FixedPrior, beta_of
from .gaussian.choose import choose
from .gaussian.problem import Problem
from .named import Recovered
from .residual import Independent
from .space import Space
from .target import Target
from .terms import BlockTerm, FixedTerm, GroupTerm, Roots
from .types import Array, Coefficients, Named, Theta

FAR = 20.0  # sds from zero beyond which a slope beside an intercept is hard to sample
KEPT = 200_000  # numbers of a block of columns that a tree carries
CRITERIA = ("ml", "reml", "evidence", "map")


type Part = GroupTerm | BlockTerm


@dataclass(frozen=True, eq=False)
class Model:
    """A declared model. Made by `bayeslmm.lmm` and its siblings, not by hand.

    Attributes
    ----------
    kind : str
        Name of the model's family, for titles.
    design : Design
        Validated rows.
    terms : tuple
        What is added up to the mean: X beta, then random terms (the one that is eliminated group by
        group first), then blocks of columns that belong to no group.
    residual : Independent
        The law of what the terms leave.
    prior_table : dict
        Name of a parameter -> its prior in words, in the order of the printed table.
    graph, marginal : pymc.Model
        The joint graph, and the graph over theta with the coefficients integrated out.
    """

    kind: str
    design: Design
    terms: tuple[FixedTerm | GroupTerm | BlockTerm, ...]
    residual: Independent
    prior_table: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def fixed(self) -> FixedTerm | None:
        """The fixed effects, if there are any."""
        return next((t for t in self.terms if isinstance(t, FixedTerm)), None)

    @cached_property
    def groups(self) -> tuple[GroupTerm, ...]:
        """Random effects of grouping factors."""
        return tuple(t for t in self.terms if isinstance(t, GroupTerm))

    @cached_property
    def blocks(self) -> tuple[BlockTerm, ...]:
        """Blocks of columns that belong to no group."""
        return tuple(t for t in self.terms if isinstance(t, BlockTerm))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Terms whose coefficients' law is theta's: random effects, then blocks of columns."""
        return (*self.groups, *self.blocks)

    @cached_property
    def space(self) -> Space:
        """Theta: the parameters of all terms, and of the residual."""
        each = (p for part in self.parts for p in part.parameters)
        products = tuple(b.product() for b in self.blocks)
        return Space((*each, *self.residual.parameters), products)

    @property
    def fixed_prior(self) -> FixedPrior:
        """Prior of beta; of no coefficient where there are no fixed effects."""
        return self.fixed.prior if self.fixed else FixedPrior.flat(0)

    @property
    def problem(self) -> Problem:
        """The rows as solvers take them."""
        d = self.design
        return Problem(
            d.y,
            d.X,
            tuple(t.factor() for t in self.groups),
            tuple(b.block() for b in self.blocks),
            d.offset,
            self.precision,
            d.frequency,
        )

    @cached_property
    def _solver(self) -> Any:
        """The solver that costs the least."""
        return choose(self.problem, self.fixed_prior)

    @property
    def precision(self) -> Array:
        """Weights of the rows, (n,): the noise variance of row i is sigma^2 / w_i."""
        return self.residual.precision

    @cached_property
    def graph(self) -> Any:
        """The joint graph: every coefficient is a named random variable."""
        from .graphs import joint_graph

        return joint_graph(self)

    @cached_property
    def marginal(self) -> Any:
        """The graph over theta alone, coefficients integrated out."""
        from .graphs import marginal_graph

        return marginal_graph(self)

    # What engines and readers ask of any model. The answers stand to the right of this file, and
    # are loaded when they are first asked for.

    def thetas(self, z: Array) -> Any:
        """Draws of the variances from coordinates z (chains, draws, d)."""
        return self.space.constrain(z)

    def recover(
        self,
        thetas: Any,
        rng: np.random.Generator,
        keep: Collection[str] = (),
        criterion: str = "evidence",
    ) -> Recovered:
        """All variables of the posterior at draws of the variances."""
        from .recover import recover

        return recover(self, thetas, rng, keep, criterion)

    def log_prior(self, variables: Named) -> Named:
        """Log prior density draw by draw, each parameter on its declared scale."""
        from .densities import log_prior

        return log_prior(self, variables)

    def simulated(self, tree: Any, rng: np.random.Generator) -> Array:
        """One new response at a draw of the prior, or of a posterior."""
        from .predictive import simulated

        return simulated(self, tree, rng)

    def prior_draws(self, draws: int, rng: np.random.Generator) -> tuple[Named, Array]:
        """All variables by name, and the response, from the prior."""
        from .predictive import prior_draws

        return prior_draws(self, draws, rng)

    def replicated(self, tree: Any, rng: np.random.Generator, groups: str) -> Array:
        """One response for every draw of a posterior."""
        from .predictive import replicated

        return replicated(self, tree, rng, groups)

    def row_densities(self, tree: Any, rng: np.random.Generator) -> Array:
        """Log density of every row at every draw (chains, draws, n)."""
        from .predictive import row_densities

        return row_densities(self, tree, rng)

    def coordinates(self, posterior: Any) -> Array:
        """Coordinates of theta (k, d) at the draws of a posterior."""
        from .recover import points

        return self.space.unconstrain(points(self, posterior))

    def canonical(self, variables: Named) -> Named:
        """Drawn variables in the form in which they are told: as they are."""
        return variables

    def judged(self, thetas: Any, z: Array) -> dict[str, Array]:
        """What tells whether chains agree: the coordinates."""
        return {"z": z}

    def maximum(self, criterion: str) -> Any:
        """Where a criterion is largest, if the model knows: it does not, and engines search."""

    def reader(self, graph: Any, places: Mapping[str, slice]) -> Any:
        """Who reads an approximation's vector on a graph: nobody here, `engines.values` does."""

    @property
    def operations(self) -> float:
        """Multiplications that one evaluation of the log posterior takes, roughly."""
        return float(self._solver.operations)

    @property
    def variables(self) -> dict[str, tuple[str, ...]]:
        """Variables of the posterior beside those of its terms and blocks, with their dims."""
        return {self.fixed.coefficients: self.fixed.dims} if self.fixed else {}

    matrix = False  # whether every row has many responses, and the columns are unknown
    pole = ""  # why nothing can be drawn from the posterior, where priors are proper
    lowest = None  # coordinates under which a search for the mode finds a pole that holds no mass

    @property
    def large(self) -> list[str]:
        """Names of variables that may be too large for their draws to be kept."""
        return [t.coefficients for t in self.parts]

    @property
    def improper(self) -> tuple[str, ...]:
        """Names of what has a flat prior, under which there is no evidence."""
        flat = [s.name for s in self.space.scales if not s.proper]
        return tuple(
            flat + [t.name for t in self.terms if isinstance(t, FixedTerm) and not t.proper]
        )

    @property
    def centre(self) -> Array:
        """A point of the right magnitude: every scale at the scale of its default law.

        Response and columns give the magnitude: sd y / rms z for effects, sd y for the noise.
        """
        design = self.design
        spread = float(np.std(design.y - design.offset)) or 1.0
        scales: Theta = {"sigma": 0.5 * spread * np.sqrt(np.mean(self.precision))}
        for term in self.groups:
            scales[term.sd.name] = 0.5 * spread / np.sqrt(np.mean(term.grouping.Z**2, axis=0))
        for block in self.blocks:
            size = 0.5 * spread / np.sqrt(max(block.columns, 1))
            for p in block.law.parameters:
                flat = p.law is None or not p.law.proper
                scales[p.name] = size if flat else p.law.typical  # type: ignore[union-attr]
        z = np.zeros(self.space.size)
        for name, value in scales.items():
            if name in self.space.places:
                z[self.space.places[name]] = np.log(value)
        return z

    @property
    def formula(self) -> str:
        """The model in words, for titles."""
        return self.design.formula

    @property
    def observed(self) -> tuple[tuple[str, ...], Array]:
        """The response with its dimensions."""
        return ("row",), self.design.y

    @property
    def constants(self) -> Named:
        """X, offset, weights, codes, columns: what a reader of the file needs to see the rows."""
        design = self.design
        found: Named = {}
        if self.fixed:
            found["X"] = (("row", "fixed"), design.X)
        if design.offset.any():
            found["offset"] = (("row",), design.offset)
        if (self.precision != 1.0).any():
            found["weights"] = (("row",), self.precision)
        if (design.frequency != 1.0).any():
            found["frequency"] = (("row",), design.frequency)
        for term in self.groups:
            found[f"codes_{term.name}"] = (("row",), term.grouping.codes)
            if (term.grouping.Z != 1.0).any():
                found[f"columns_{term.name}"] = (("row", term.dims[1]), term.grouping.Z)
        for block in self.blocks:
            found[f"unit_{block.name}"] = (block.dims, block.unit)
            if block.Z.size <= KEPT:
                columns = block.Z * block.unit + block.centre
                found[f"columns_{block.name}"] = (("row", *block.dims), columns)
        return found

    @cached_property
    def entries(self) -> Roots:
        """Where the roots of the terms lie in the vector that solvers take."""
        return Roots(tuple(part.root_shape for part in self.parts))

    def roots(self, theta: Theta) -> tuple[Array, Any]:
        """What solvers take, at points (..., *shape) of theta: roots (..., m), and sigma (...)."""
        scale = self.residual.scale(theta)
        vector = self.entries.join([part.root(theta) for part in self.parts], scale.shape)
        return vector, np.ascontiguousarray(scale) if scale.ndim else float(scale)

    def solver(self, criterion: str = "evidence") -> Any:
        """The solver for one of the four criteria ("map" is "evidence" before its prior)."""
        return self._solver.under(beta_of(criterion, self.fixed_prior))

    @property
    def advice(self) -> list[str]:
        """What makes this model hard to infer, and what to do: slopes on columns far from zero."""
        found = []
        for term in self.groups:
            Z, effects = term.grouping.Z, term.grouping.effects
            for part in term.correlation.parts if "Intercept" in effects else ():
                for j in part:
                    mean, sd = float(np.mean(Z[:, j])), float(np.std(Z[:, j]))
                    if sd > 0.0 and abs(mean) > FAR * sd:
                        found.append(
                            f"{effects[j]} lies {abs(mean) / sd:.0f} sds from zero, so that "
                            f"intercepts and slopes by {term.name} are almost one: centre it, as "
                            f"in (center({effects[j]}) | {term.name})"
                        )
        return found

    def with_data(self, y: Array) -> "Model":
        """The same model, priors and compiled code with another response (n,).

        Raises
        ------
        DesignError
            Where y has another length, or is not finite.
        """
        other = replace(self, design=self.design.with_response(y))
        other.__dict__["space"] = self.space
        other.__dict__["_solver"] = self._solver.with_response(other.design.y)
        return other

    def coefficients(self, beta: Array, effects: Sequence[Array]) -> Coefficients:
        """What a solver gives, by name and on the user's columns; effects may be left out."""
        found = {self.fixed.coefficients: self.fixed.told(beta)} if self.fixed else {}
        first = len(effects) - len(self.parts)  # without groups there may be an empty factor
        for part, u in zip(self.parts, effects[max(first, 0) :]):
            if u.size or not part.columns:
                found[part.coefficients] = part.told(u)
        return found

    def restricted(self, kept: Mapping[str, np.ndarray]) -> "Model":
        """The same model with some columns of the blocks that are named; with none, no block."""
        terms: list[Any] = []
        for term in self.terms:
            if not isinstance(term, BlockTerm) or term.name not in kept:
                terms.append(term)
            elif kept[term.name].size:
                terms.append(term.part(kept[term.name]))
        return replace(self, terms=tuple(terms))

    def with_flat_beta(self) -> "Model":
        """The same model with a flat prior of its fixed effects."""
        flat = [
            replace(t, prior=FixedPrior.flat(t.columns)) if isinstance(t, FixedTerm) else t
            for t in self.terms
        ]
        return replace(self, terms=tuple(flat))

    def target(self, criterion: str = "evidence", prior: bool = True) -> "Target":
        """The log density of theta's coordinates, and its gradient, as a callable."""
        return Target(self.solver(criterion), self.space, prior)

    @property
    def response(self) -> str:
        """Name of the response as a variable: as written, a slash (which paths use) replaced."""
        return self.design.response.replace("/", "\N{DIVISION SLASH}")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the variance parameters."""
        return tuple(s.name for s in self.space.scales) + tuple(
            c.name for c in self.space.correlations if c.parts
        )

    @property
    def moving(self) -> tuple[str, ...]:
        """Names of the parameters that are not fixed, so that their draws must move."""
        space = self.space
        return tuple(s.name for s in space.scales if s.free) + tuple(
            c.name for c in space.correlations if c.free
        )

    @property
    def coords(self) -> dict[str, list]:
        """Labels of every dimension of the result."""
        coords: dict[str, list] = {"row": self.design.rows.tolist()}
        if self.fixed:
            coords["fixed"] = coords["fixed_2"] = list(self.fixed.labels)
        for term in self.groups:
            coords[term.name] = term.grouping.levels.tolist()
            coords[f"{term.name}_effect"] = list(term.grouping.effects)
            if term.correlated:
                coords[f"{term.name}_effect_2"] = list(term.grouping.effects)
        for block in self.blocks:
            coords[block.dims[0]] = list(block.labels)
        return coords

    @cached_property
    def digest(self) -> str:
        """Digest of the declaration and its data: equal for equal models, in any process."""
        d = self.design
        found = blake2b(digest_size=12)
        arrays = [d.y, d.X, d.offset, self.precision, d.frequency]
        arrays += [a for t in self.groups for a in (t.grouping.codes, t.grouping.Z)]
        arrays += [a for b in self.blocks for a in (b.Z, b.centre, b.unit)]
        arrays += [getattr(self.fixed_prior, f.name) for f in fields(self.fixed_prior)]
        for array in arrays:
            found.update(np.ascontiguousarray(array).tobytes())
        groups = [(t.name, t.grouping.effects, t.grouping.levels.tolist()) for t in self.groups]
        found.update(repr((d.formula, d.fixed, d.rows.tolist(), groups)).encode())
        found.update(repr([(b.name, b.labels, b.law.price) for b in self.blocks] or "").encode())
        found.update(self.space.identity)
        return found.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: the declaration; graphs and sums are made again when needed."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def term(self, name: str) -> GroupTerm:
        """The random term of one grouping factor."""
        for term in self.groups:
            if term.name == name:
                return term
        known = ", ".join(t.name for t in self.groups)
        raise KeyError(f"no random effects for {name!r}; there are: {known}")

    @property
    def equation(self) -> str:
        """The model in one line."""
        d = self.design
        parts = (["offset"] if d.offset.any() else []) + (["X beta"] if self.fixed else [])
        parts += [f"Z u_{t.name}" for t in self.parts]
        return f"{self.response} = {' + '.join(parts)} + e"

    def __repr__(self) -> str:
        return printed.text(self)

    def _repr_html_(self) -> str:
        return printed.html(self)

    @property
    def sizes(self) -> str:
        """Counts of rows, columns and groups, in words."""
        d = self.design
        groups = [f"{t.shape[0]} {t.name} x {t.shape[1]}" for t in self.groups]
        text = f"{d.y.size} rows, {len(d.fixed)} fixed effects"
        if groups:
            text += f", random effects: {', '.join(groups)}"
        columns = [f"{b.columns:,} columns {b.name} ({b.law.kind})" for b in self.blocks]
        text += "".join(f", {c}" for c in columns)
        return text + (f"; {d.dropped.size} rows dropped" if d.dropped.size else "")
