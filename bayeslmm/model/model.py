"""A model, as engines see it: a sum of terms, and the law of what they leave.

    y = offset + sum_t A_t u_t + e,   u_t ~ N(0, G_t(theta)),   e ~ N(0, sigma^2 C)

A `Model` is a declaration and nothing else: validated rows, terms with the laws of their
coefficients, a residual. What an engine needs follows from it: theta by name (`space`), the solver
for a criterion, the log posterior of theta as compiled code, and both PyMC graphs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from ..solvers.axes import Axes
from ..solvers.beta import Beta, FixedPrior, beta_of
from ..solvers.choose import choose
from ..solvers.problem import MatrixProblem, Problem
from ..solvers.row_words import row_words
from ..types import Array, Coefficients, Named, Theta
from . import printed
from .space import Space
from .target import Target
from .terms import BlockTerm, FixedTerm, GroupTerm, MeansTerm, Roots, ScoresTerm

CRITERIA = ("ml", "reml", "evidence", "map")

type Random = GroupTerm | BlockTerm | ScoresTerm


@dataclass(frozen=True, eq=False)
class Model:
    """A declared model. Made by `bayeslmm.lmm` and its siblings, not by hand.

    Attributes
    ----------
    kind : str
        Name of the model's family, for titles.
    design : Design or Matrix
        Validated rows, of one response or of many.
    terms : tuple
        What is added up to the mean: fixed effects, random effects (the factor that is eliminated
        group by group first), blocks of columns that belong to no group; of a matrix the means of
        its columns, and the scores.
    residual : Independent or ByColumn
        The law of what the terms leave.
    prior_table : dict
        Name of a parameter -> its prior in words, in the order of the printed table.
    graph, marginal : pymc.Model
        The joint graph, and the graph over theta with the coefficients integrated out.
    """

    kind: str
    design: Any
    terms: tuple[Any, ...]
    residual: Any
    prior_table: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def fixed(self) -> Any:
        """The coefficients whose law does not depend on theta, if there are any."""
        return next((t for t in self.terms if isinstance(t, FixedTerm | MeansTerm)), None)

    @cached_property
    def groups(self) -> tuple[GroupTerm, ...]:
        """Random effects of grouping factors."""
        return tuple(t for t in self.terms if isinstance(t, GroupTerm))

    @cached_property
    def blocks(self) -> tuple[BlockTerm, ...]:
        """Blocks of columns that belong to no group."""
        return tuple(t for t in self.terms if isinstance(t, BlockTerm))

    @cached_property
    def scores(self) -> ScoresTerm | None:
        """Scores through columns that are the unknown, if there are any."""
        return next((t for t in self.terms if isinstance(t, ScoresTerm)), None)

    @cached_property
    def columns(self) -> tuple[GroupTerm | BlockTerm, ...]:
        """Terms whose columns are known and whose coefficients' law is theta's."""
        return (*self.groups, *self.blocks)

    @cached_property
    def parts(self) -> tuple[Random, ...]:
        """Terms whose coefficients' law is theta's: random effects, blocks of columns, scores."""
        return (*self.columns, *((self.scores,) if self.scores else ()))

    @cached_property
    def rooted(self) -> tuple[Any, ...]:
        """What has entries in the vector that solvers take: terms, a residual beyond sigma."""
        return (*self.parts, self.residual) if self.residual.products else self.parts

    @property
    def levelled(self) -> tuple[Random, ...]:
        """Terms whose coefficients belong to groups or rows, and are drawn anew for new ones."""
        return tuple(part for part in self.parts if not isinstance(part, BlockTerm))

    @cached_property
    def space(self) -> Space:
        """Theta: the parameters of all terms, and of the residual."""
        each = (p for part in self.parts for p in part.parameters)
        products = (*(b.product() for b in self.blocks), *self.residual.products)
        return Space((*each, *self.residual.parameters), products, self.axes)

    @property
    def beta(self) -> Beta:
        """The declared prior of the fixed coefficients."""
        if isinstance(self.fixed, MeansTerm):
            return self.fixed.beta
        return self.fixed.prior if self.fixed else FixedPrior.flat(0)

    @cached_property
    def problem(self) -> Any:
        """The rows as solvers take them."""
        d = self.design
        if isinstance(self.fixed, MeansTerm):
            lengths = (~np.isnan(d.y)).sum(axis=0) if self.fixed.scaled else 0.0
            jacobian = -float(np.sum(lengths * np.log(self.fixed.unit)))
            log_det = float(np.log(self.fixed.unit).sum())
            return MatrixProblem(self.fixed.inside(d.y), jacobian, log_det)
        factors = tuple(t.factor() for t in self.groups)
        blocks = tuple(b.block() for b in self.blocks)
        return Problem(d.y, d.X, factors, blocks, d.offset, self.residual.precision, d.frequency)

    @cached_property
    def axes(self) -> Axes | None:
        """What the rows alone say of loadings, where every row has many responses."""
        if not isinstance(self.problem, MatrixProblem):
            return None
        sigma = self.residual.sigma.fixed
        known = None if sigma is None else float(sigma[0])
        return Axes(self.problem, self.beta, self.components, known)

    @property
    def components(self) -> int:
        """Number of components that rows have scores on."""
        return self.scores.components if self.scores else 0

    @cached_property
    def _solver(self) -> Any:
        """The solver that costs the least."""
        return choose(self.problem, self.beta)

    def solver(self, criterion: str = "evidence") -> Any:
        """The solver for one of the four criteria ("map" is "evidence" before its prior)."""
        return self._solver.under(beta_of(criterion, self.beta))

    def target(self, criterion: str = "evidence", prior: bool = True) -> Target:
        """The log density of theta's coordinates, and its gradient, as a callable."""
        return Target(self.solver(criterion), self.space, prior)

    @cached_property
    def graph(self) -> Any:
        """The joint graph: every coefficient is a named random variable."""
        from .graphs import joint_graph  # PyMC is slow to load, and few ask for it

        return joint_graph(self)

    @cached_property
    def marginal(self) -> Any:
        """The graph over theta alone, coefficients integrated out."""
        from .graphs import marginal_graph

        return marginal_graph(self)

    @cached_property
    def entries(self) -> Roots:
        """Where the roots lie in the vector that solvers take."""
        return Roots(tuple(each.root_shape for each in self.rooted))

    def roots(self, theta: Theta) -> tuple[Array, Any]:
        """What solvers take, at points (..., *shape) of theta: roots (..., m), and sigma (...)."""
        scale = self.residual.scale(theta)
        vector = self.entries.join([each.root(theta) for each in self.rooted], scale.shape)
        return vector, np.ascontiguousarray(scale) if scale.ndim else float(scale)

    def coefficients(self, beta: Array, effects: Sequence[Array]) -> Coefficients:
        """What a solver gives, by name and on the user's columns; effects may be left out."""
        found = {self.fixed.coefficients: self.fixed.told(beta)} if self.fixed else {}
        first = len(effects) - len(self.parts)  # without groups there may be an empty factor
        for part, u in zip(self.parts, effects[max(first, 0) :]):
            if u.size or not part.columns:
                found[part.coefficients] = part.told(u)
        return found

    @property
    def improper(self) -> tuple[str, ...]:
        """Names of what has a flat prior, under which there is no evidence."""
        flat = [s.name for s in self.space.scales if not s.proper]
        return (*flat, *([self.fixed.name] if self.fixed and not self.fixed.proper else []))

    def with_data(self, y: Array) -> "Model":
        """The same model, priors and compiled code with another response, (n,) or (n, d).

        Raises
        ------
        DesignError
            Where y has another shape, or is not finite; of a matrix entries may be missing anew.
        """
        other = replace(self, design=self.design.with_response(y))
        if self.axes is None:
            other.__dict__["space"] = self.space
            other.__dict__["_solver"] = self._solver.with_response(other.design.y)
        return other

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

    @property
    def response(self) -> str:
        """Name of the response as a variable: as written, a slash (which paths use) replaced."""
        return self.design.response.replace("/", "\N{DIVISION SLASH}")

    @property
    def observed(self) -> tuple[tuple[str, ...], Array]:
        """The response with its dimensions."""
        return ("row", "feature")[: self.design.y.ndim], self.design.y

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of theta's parameters; a correlation of one effect is none."""
        return tuple(p.name for p in self.space.ordered if p.coordinates)

    @property
    def moving(self) -> tuple[str, ...]:
        """Names of the parameters that are not fixed, so that their draws must move."""
        return tuple(p.name for p in self.space.ordered if p.free)

    @property
    def coords(self) -> dict[str, Any]:
        """Labels of every dimension of the result."""
        coords: dict[str, Any] = {"row": self.design.labels}
        for term in self.terms:
            coords |= term.coords
        return coords

    @property
    def constants(self) -> Named:
        """What a reader of a file needs to see the rows as the model takes them."""
        found: Named = {}
        for each in (*self.terms, self.residual):
            found |= each.constants
        offset = getattr(self.design, "offset", np.zeros(0))
        return found | ({"offset": (("row",), offset)} if offset.any() else {})

    @cached_property
    def digest(self) -> str:
        """Digest of the declaration and its data: equal for equal models, in any process."""
        d = self.design
        found = blake2b(digest_size=12)
        y = d.y if d.y.ndim == 1 else row_words(d.y)
        arrays = [y, *d.others, *(a for t in self.terms for a in t.arrays)]
        for array in arrays:
            found.update(np.ascontiguousarray(array).tobytes())
        labels = d.labels
        found.update(repr(labels).encode() if isinstance(labels, list) else labels.tobytes())
        found.update(repr((d.formula, [t.identity for t in self.terms])).encode())
        found.update(self.space.identity)
        return found.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: the declaration; graphs and sums are made again when needed."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def group(self, name: str) -> GroupTerm:
        """The random effects of one grouping factor."""
        for term in self.groups:
            if term.name == name:
                return term
        known = ", ".join(t.name for t in self.groups)
        raise KeyError(f"no random effects for {name!r}; there are: {known}")

    @property
    def formula(self) -> str:
        """The model in words, for titles."""
        return printed.formula(self)

    @property
    def equation(self) -> str:
        """The model in one line."""
        return printed.equation(self)

    @property
    def sizes(self) -> str:
        """Counts of rows, columns and groups, in words."""
        return printed.sizes(self)

    def __repr__(self) -> str:
        return printed.text(self)

    def _repr_html_(self) -> str:
        return printed.html(self)
