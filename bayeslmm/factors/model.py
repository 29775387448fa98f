"""A factor model, as engines see it: loadings and variances theta, means and scores integrated out.

    y_i = mu + W z_i + e_i,    z_i ~ N(0, I_q),    e_i ~ N(0, sigma^2 U^2),    U = diag(unit)

Inside, columns are taken about their means and divided by their units (ones, or their sds), so that
noise is alike in all; what is reported is on the user's scale. What engines ask of it are the
names that `Model` of the mixed models has too.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from ..design.matrix import Matrix
from ..gaussian.complete import REML, Complete, MeanPrior
from ..gaussian.patterns import Patterns, gather
from ..gaussian.sums import Array
from ..laws import log_densities
from ..named import Named, Recovered, passes
from ..space import Positive, Space
from ..target import foreign_log_density
from .canonical import aligned, covariance, described, upright
from .chart import NATURAL, NONE, POSTERIOR, Chart, chart_of, size
from .chart import coordinates as chart_coordinates
from .maximum import Maximum, ascended, closed_form, imputed
from .recover import Loadings, Means, draw_all, score_moments, told
from .target import FactorTarget, Solver
from .words import row_words

LOG_2PI = float(np.log(2.0 * np.pi))
ROWS = 256  # that are passed at a time
TINY = 1e-3  # of the spread: a loading from which a search for the maximum can rise
COSTLY = 2e10  # operations beyond which the law of mu is not asked for beside plugged-in loadings


@dataclass(frozen=True)
class FactorSpace:
    """Theta: the loadings, then scales, sigma last."""

    scales: tuple[Positive, ...]
    chart: Chart

    @property
    def size(self) -> int:
        """Number of free coordinates."""
        return size(self.chart)

    @property
    def sigma(self) -> Positive:
        return self.scales[-1]

    @property
    def proper(self) -> bool:
        return all(s.law is None or s.law.proper for s in self.scales)

    @property
    def identity(self) -> bytes:
        """Bytes that differ where a law or a fixed value does."""
        return Space(self.scales, ()).identity


@dataclass(frozen=True, eq=False)
class FactorModel:
    """A declared factor model. Made by `bayeslmm.ppca`, not by hand.

    Attributes
    ----------
    kind : str
        Name of the model's family, for titles.
    design : Matrix
        Validated rows; entries may be missing.
    components : int
        q, the number of columns of W.
    shift, unit : ndarray (d,)
        What the columns are taken about, and divided by.
    scales : tuple of Positive
        sd_W (one number, or one for each component), then sigma.
    mean_prior : MeanPrior
        Prior of (mu - shift) / unit.
    prior_table : dict
        Name of a parameter -> its prior in words.
    graph, marginal : pymc.Model
        The joint graph, and the graph over theta with means and scores integrated out.
    """

    kind: str
    design: Matrix
    components: int
    shift: Array
    unit: Array
    scales: tuple[Positive, ...]
    mean_prior: MeanPrior
    prior_table: Mapping[str, str] = field(default_factory=dict)

    terms = ()
    blocks = ()
    parts = ()
    advice: tuple[str, ...] = ()
    matrix = True  # every row has many responses, and the columns are unknown

    @property
    def formula(self) -> str:
        """The model in words, for titles."""
        return f"{self.design.formula}, {_counted(self.components, 'component')}"

    @cached_property
    def X(self) -> Array:
        """The rows as the model takes them, (n, d)."""
        X: Array = self.design.y - self.shift
        return X / self.unit if self.scaled else X

    @property
    def scaled(self) -> bool:
        """Whether columns are divided by units of their own."""
        return bool((self.unit != 1.0).any())

    @property
    def ard(self) -> bool:
        """Whether every component has a scale of its own."""
        return self.components > 1 and self.scales[0].size > 1

    @property
    def _by_sums(self) -> bool:
        """Whether the rows enter through their mean and scatter alone."""
        variance = self.mean_prior.variance
        return self.design.complete and bool((variance == variance[0]).all())

    @cached_property
    def _solver(self) -> Solver:
        if self._by_sums:
            return Complete.of(self.X, self.mean_prior, constant=self.log_jacobian)
        W = self._likeliest.W
        basis = np.linalg.svd(W)[0] if W.shape[1] else np.eye(W.shape[0])
        return Patterns(gather(self.X), basis, self.mean_prior, constant=self.log_jacobian)

    def solver(self, criterion: str = "evidence") -> Solver:
        """The solver for one of the four criteria ("map" is "evidence" before its prior).

        Density one of mu is density one on the user's scale.
        """
        found = self._solver.under(criterion)
        if found.code != REML:
            return found
        return replace(found, constant=found.constant + float(np.log(self.unit).sum()))

    @property
    def log_jacobian(self) -> float:
        """What dividing columns by their units takes from the log density of Y."""
        if not self.scaled:
            return 0.0
        return -float(self.design.there.sum(axis=0) @ np.log(self.unit))

    @property
    def fixed_sigma(self) -> float | None:
        fixed = self.scales[-1].fixed
        return None if fixed is None else float(fixed[0])

    @cached_property
    def spread(self) -> float:
        """Rms sd of the columns inside."""
        if self._by_sums and isinstance(self._solver, Complete):
            return float(np.sqrt(self._solver.rows.total / self.X.size))
        return float(np.sqrt(np.mean(column_moments(self.X, self.design.complete)[1])))

    @cached_property
    def space(self) -> FactorSpace:
        n, d = self.design.y.shape
        floor = 1.0
        if self.ard:  # the length that a component has where there is none
            floor = self._likeliest.sigma * float(np.sqrt(d / n)) / self.spread
        chart = chart_of(d, self.components, self.ard, self.spread, self.scales, floor)
        return FactorSpace(self.scales, chart)

    def target(self, criterion: str = "evidence", prior: bool = True) -> FactorTarget:
        """The log density of theta's coordinates, and its gradient, as a callable."""
        return self._target(criterion, POSTERIOR if prior else NONE)

    def _target(self, criterion: str, mode: int) -> FactorTarget:
        return FactorTarget(self.space.chart, self.solver(criterion), self.scales, mode)

    def maximum(self, criterion: str = "ml") -> Maximum:
        """Where the criterion is largest over W and sigma.

        Raises
        ------
        ValueError
            Where it has no maximum: no noise is left, or a prior has a pole.
        """
        if self.ard:
            raise ValueError(
                "EmpiricalBayes has nothing to maximise under ard=True: the density of a component "
                "and its own sd_W grows without bound where both go to zero. Use NUTS(), or leave "
                "ard out and ask choose_components"
            )
        if criterion == "ml":
            return self._likeliest
        solver = self.solver(criterion)
        if isinstance(solver, Complete) and solver.code == REML and criterion != "map":
            return closed_form(solver, self.components, self.fixed_sigma)
        if criterion == "map" and self.components and self.scales[0].free:
            raise ValueError(
                "EmpiricalBayes('map') has no maximum while sd_W is free: the density of W and "
                "sd_W grows without bound where both go to zero. Fix it (priors={'sd_W': ...}), or "
                "use NUTS()"
            )
        mode = NATURAL if criterion == "map" else NONE
        return ascended(self._target(criterion, mode), self.centre)

    @cached_property
    def _likeliest(self) -> Maximum:
        if self.design.complete:
            rows = self._solver
            if not isinstance(rows, Complete):  # the prior of mu has no part in the likelihood
                rows = Complete.of(self.X, self.mean_prior)
            solver = replace(rows.under("ml"), constant=self.log_jacobian)
            return closed_form(solver, self.components, self.fixed_sigma)
        return imputed(self.X, self.components, self.fixed_sigma, self.log_jacobian)

    def plugged(self, best: Maximum, draws: int) -> Loadings:
        """The maximum for every draw; the means too where their law is too costly to have."""
        n, d = self.X.shape
        costly = best.mean is not None and float(n) * d * d * max(self.components, 1) > COSTLY
        h = self.scales_at(best.W, best.sigma)
        return Loadings.repeat(best.W, h, draws, best.mean if costly else None)

    @cached_property
    def reference(self) -> Array:
        """Principal axes at the maximum of the likelihood (d, q): they fix the signs."""
        return upright(self._likeliest.W)

    @property
    def centre(self) -> Array:
        """Coordinates from which searches start: the maximum of the likelihood.

        A component of length zero has no slope and, in the triangle, no coordinate: it is started
        at a little more, along the basis vector of its place.
        """
        best, basis, q = self._likeliest, self._solver.basis, self.components
        zero = (best.W**2).sum(axis=0) < (TINY * self.spread) ** 2
        W = np.where(zero, TINY * self.spread * basis[:, :q], best.W)
        return chart_coordinates(self.space.chart, basis, W, self.scales_at(W, best.sigma))

    def scales_at(self, W: Array, sigma: float) -> Array:
        """All scales at loadings W: those of W that make it most probable, then sigma."""
        found = []
        for scale in self.scales[:-1]:
            square = (W**2).mean(axis=0) if self.ard else np.atleast_1d((W**2).mean())
            own = np.sqrt(np.maximum(square, 1e-12 * self.spread**2))
            found.append(
                own if scale.free else np.broadcast_to(np.asarray(scale.fixed), scale.size)
            )
        return np.concatenate([*found, [sigma]])

    def thetas(self, z: Array) -> Loadings:
        """Draws of theta from coordinates z (chains, draws, D)."""
        W, h = self.target().loadings(z.reshape(-1, z.shape[-1]))
        shape = z.shape[:2]
        return Loadings(W.reshape(*shape, *W.shape[1:]), h.reshape(*shape, -1))

    def theta_variables(self, thetas: Loadings) -> Named:
        """The variables of theta by name at every draw (chains, draws, ...)."""
        chains, draws = thetas.h.shape[:2]
        found, _, _, _ = told(thetas, self.reference, self.unit, bool((self.unit != 1.0).any()))
        found |= self._own_scales(thetas)
        return {n: (dims, _spread(a, chains, draws)) for n, (dims, a) in found.items()}

    def with_fixed(self, drawn: Named) -> Named:
        """Draws of a graph's free variables (chains, draws, ...), and scales that are fixed."""
        shape = drawn["mu"][1].shape[:2]
        found = dict(drawn)
        for scale in self.scales:
            if scale.fixed is not None:
                values = scale.fixed if scale.dim else scale.fixed[0]
                dims = (scale.dim,) if scale.dim else ()
                found[scale.name] = dims, np.broadcast_to(values, (*shape, *np.shape(values)))
        return found

    def recover(
        self,
        thetas: Loadings,
        rng: np.random.Generator,
        keep: Collection[str] = (),
        criterion: str = "evidence",
    ) -> Recovered:
        """All variables of the posterior at draws of theta, and the moments of what is too large.

        Under "ml" and "reml" mu is drawn as under a flat prior, else under its own.
        """
        chains, draws = thetas.h.shape[:2]
        count = chains * draws
        variables, moments, W, sigma = told(thetas, self.reference, self.unit, self.scaled)
        variables |= self._own_scales(thetas)
        solver = None
        if thetas.mean is None:
            solver = self.solver("reml" if criterion in ("ml", "reml") else criterion)
        n, q = self.X.shape[0], self.components
        index = np.zeros(count, np.int64) if thetas.plugged else np.arange(count)
        kept = q > 0 and ("z" in keep or not passes(count, n * q))
        law = Means(solver, W, sigma, thetas.mean)
        mu, z = draw_all(law, self.X, index, rng, scores=kept)
        if q and (thetas.plugged or not kept):
            mean, sd = score_moments(law, self.X)
            moments |= {"z_mean": (("row", "component"), mean), "z_sd": (("row", "component"), sd)}
        if thetas.plugged and thetas.mean is None:
            m, sd = law.moments()
            moments["mu_mean"] = (("feature",), self.shift + self.unit * m)
            moments["mu_sd"] = (("feature",), self.unit * sd)
        shaped = {
            name: (dims, _spread(values, chains, draws))
            for name, (dims, values) in variables.items()
        }
        shaped["mu"] = (("feature",), (self.shift + self.unit * mu).reshape(chains, draws, -1))
        if kept:
            shaped["z"] = (("row", "component"), z.reshape(chains, draws, n, q))
        order = ("W", "mu", "z")
        first = {name: shaped[name] for name in order if name in shaped}
        return Recovered(first | shaped, moments)

    def _own_scales(self, thetas: Loadings) -> Named:
        """sd_W by draws; of several, the largest first, as the components are."""
        if not self.components:
            return {}
        h = thetas.flat[1][:, :-1]
        if not self.ard:
            return {"sd_W": ((), h[:, 0])}
        return {"sd_W": (("component",), -np.sort(-h, axis=1))}

    def judged(self, thetas: Loadings, z: Array) -> dict[str, Array]:
        """What tells whether chains agree: the coordinates, where loadings have but one place."""
        if not self.ard:
            return {"z": z}
        W, _ = aligned(thetas.flat[0], self.reference)
        h = -np.sort(-np.log(thetas.h[..., :-1]), axis=-1)
        return {"W": W.reshape(thetas.W.shape), "sd_W": h, "sigma": np.log(thetas.h[..., -1:])}

    def canonical(self, variables: Named) -> Named:
        """Drawn variables with loadings and scores turned to the principal axes."""
        found = {n: v for n, v in variables.items() if n not in ("W_square", "W_lower")}
        if "W" not in found:
            return found
        dims, W = found["W"]
        flat = W.reshape(-1, *W.shape[2:]) / self.unit[:, None]
        turned, Q = aligned(flat, self.reference)
        found["W"] = dims, (turned * self.unit[:, None]).reshape(W.shape)
        if "z" in found:
            dims, z = found["z"]
            found["z"] = dims, (z.reshape(-1, *z.shape[2:]) @ Q).reshape(z.shape)
        sigma = found["sigma"][1]
        for name, values in described(turned, sigma.reshape(-1)).items():
            found[name] = ("component",), values.reshape(*sigma.shape, -1)
        C = covariance(turned, sigma.reshape(-1)) * np.outer(self.unit, self.unit)
        found["covariance"] = ("feature", "feature_2"), C.reshape(*sigma.shape, *C.shape[1:])
        if self.ard:
            dims, values = found["sd_W"]
            found["sd_W"] = dims, -np.sort(-values, axis=-1)
        return found

    def coordinates(self, posterior: Any) -> Array:
        """Coordinates of theta (k, D) at the draws of a posterior."""
        if self.ard:
            raise ValueError(
                "with ard=True the columns of the loadings before their rotation to principal axes "
                "are not kept, so the evidence cannot be had from draws; leave ard out"
            )
        data = posterior.stack(__draw__=("chain", "draw")).transpose("__draw__", ...)
        sigma = data["sigma"].values
        h, W = [sigma], np.zeros((sigma.size, self.unit.size, 0))
        if self.components:
            h.insert(0, data["sd_W"].values)
            W = data["W"].transpose("__draw__", "feature", "component").values / self.unit[:, None]
        chart, basis = self.space.chart, self._solver.basis
        each = zip(W, np.column_stack(h))
        return np.array([chart_coordinates(chart, basis, w, own) for w, own in each])

    def reader(self, graph: Any, places: Mapping[str, slice]) -> Any:
        """Who reads the vector of an approximation on a graph."""
        from .flat import Flat

        return Flat(self, graph, places)

    @property
    def operations(self) -> float:
        """Multiplications that one evaluation of the log posterior takes, roughly."""
        q = self.components + 1
        if self._by_sums:
            return 10.0 * self.unit.size * q * q
        lengths = self.design.there.sum(axis=1).astype(float)
        return 4.0 * q * float((lengths**2).sum()) + self.unit.size**3

    @property
    def large(self) -> list[str]:
        """Names of variables that may be too large for their draws to be kept."""
        return ["z", "covariance"]

    def log_prior(self, variables: Named) -> Named:
        """Log prior density draw by draw, each parameter on its declared scale."""
        found: Named = {}
        if self.components and not self.ard and {"W", "sd_W"} <= set(variables):
            inside = variables["W"][1] / self.unit[:, None]
            sd = np.expand_dims(variables["sd_W"][1], (-1, -2))
            density = -0.5 * (inside / sd) ** 2 - np.log(sd * self.unit[:, None])
            found["W"] = (), density.sum(axis=(-1, -2)) - 0.5 * inside[0, 0].size * LOG_2PI
        for scale in self.scales:
            if scale.name not in variables or not scale.free:
                continue
            dims, values = variables[scale.name]
            if scale.law is None:
                found[scale.name] = (dims, foreign_log_density(scale, values))
            elif scale.law.proper:
                found[scale.name] = (dims, log_densities(scale.law, values))
        if "mu" in variables and not self.mean_prior.flat:
            x = (variables["mu"][1] - self.shift) / self.unit
            sd = np.sqrt(self.mean_prior.variance)
            density = -0.5 * ((x - self.mean_prior.location) / sd) ** 2
            density -= np.log(sd * self.unit) + 0.5 * np.log(2.0 * np.pi)
            found["mu"] = ((), density.sum(axis=-1))
        return found

    @property
    def response(self) -> str:
        return self.design.response

    @property
    def variables(self) -> dict[str, tuple[str, ...]]:
        """Variables of the posterior with their dims."""
        found: dict[str, tuple[str, ...]] = {"mu": ("feature",), "sigma": ()}
        found["covariance"] = ("feature", "feature_2")
        if self.components:
            found |= {"W": ("feature", "component"), "z": ("row", "component")}
            found |= {"explained_variance": ("component",), "explained_ratio": ("component",)}
            found["sd_W"] = ("component",) if self.ard else ()
        return found

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parts of theta."""
        return ("W", "sd_W", "sigma") if self.components else ("sigma",)

    @property
    def improper(self) -> tuple[str, ...]:
        """Names of what has a flat prior, under which there is no evidence."""
        flat = [s.name for s in self.scales if s.law is not None and not s.law.proper]
        return tuple(flat + (["mu"] if self.mean_prior.flat else []))

    @property
    def component_names(self) -> list[str]:
        return [f"PC{k + 1}" for k in range(self.components)]

    @property
    def coords(self) -> dict[str, Any]:
        """Labels of every dimension of the result."""
        coords: dict[str, Any] = {"row": self.design.labels}
        coords["feature"] = coords["feature_2"] = list(self.design.features)
        coords["component"] = self.component_names
        return coords

    @property
    def observed(self) -> tuple[tuple[str, ...], Array]:
        """The response with its dimensions."""
        return ("row", "feature"), self.design.y

    @property
    def constants(self) -> Named:
        """What a reader of a file needs to see the rows as the model takes them."""
        return {"shift": (("feature",), self.shift), "unit": (("feature",), self.unit)}

    @cached_property
    def graph(self) -> Any:
        """The joint graph: loadings, means and every row's scores are random variables."""
        from .graphs import joint_graph

        return joint_graph(self)

    @cached_property
    def marginal(self) -> Any:
        """The graph over theta alone, means and scores integrated out."""
        from .graphs import marginal_graph

        return marginal_graph(self)

    @property
    def basis(self) -> Array:
        """Orthonormal basis (d, d) in which loadings are a triangle (`chart`)."""
        return self._solver.basis

    def simulate_at(self, W: Array, sigma: float, rng: np.random.Generator) -> Array:
        """One matrix (n, d) at loadings W (d, q) on the user's scale; mu from its prior."""
        from .predictive import draw_mean, matrix_at

        z = rng.standard_normal((self.design.y.shape[0], W.shape[1]))
        return matrix_at(self, W / self.unit[:, None], sigma, draw_mean(self, rng), z, rng)

    def simulated(self, tree: Any, rng: np.random.Generator) -> Array:
        """One new matrix at a draw of the prior, or of a posterior."""
        from .predictive import simulated

        return simulated(self, tree, rng)

    def prior_draws(self, draws: int, rng: np.random.Generator) -> tuple[Named, Array]:
        """All variables by name, and the matrix, from the prior."""
        from .predictive import prior_draws

        return prior_draws(self, draws, rng)

    def replicated(self, tree: Any, rng: np.random.Generator, groups: str) -> Array:
        """One matrix for every draw of a posterior."""
        from .predictive import replicated

        return replicated(self, tree, rng, groups)

    def row_densities(self, tree: Any, rng: np.random.Generator) -> Array:
        """Log density of every row at every draw (chains, draws, n)."""
        from .predictive import row_densities

        return row_densities(self, tree, rng)

    def with_data(self, y: Array) -> "FactorModel":
        """The same model and priors with another matrix (n, d), in which others may be missing."""
        return replace(self, design=self.design.with_response(y))

    @cached_property
    def digest(self) -> str:
        """Digest of the declaration and its data: equal for equal models, in any process."""
        found, prior = sha256(row_words(self.design.y)), self.mean_prior
        for array in (self.shift, self.unit, prior.location, prior.variance):
            found.update(np.ascontiguousarray(array, dtype=np.float64))
        d = self.design
        found.update(repr((self.kind, self.components, d.features)).encode())
        labels = d.labels
        found.update(repr(labels).encode() if isinstance(labels, list) else labels.tobytes())
        found.update(self.space.identity)
        return found.hexdigest()[:24]

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: the declaration; graphs and sums are made again when needed."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @property
    def equation(self) -> str:
        """The model in one line."""
        return f"{self.response}[i] = mu + {'W z[i] + ' if self.components else ''}e[i]"

    @property
    def sizes(self) -> str:
        """Counts of rows, columns and components, in words."""
        n, d = self.design.y.shape
        gone = int((~self.design.there).sum())
        text = f"{n:,} rows, {_counted(d, 'column')}, {_counted(self.components, 'component')}"
        if gone:
            text += f"; {gone:,} of {n * d:,} entries missing"
        empty = int((~self.design.there.any(axis=1)).sum())
        return text + (f", {_counted(empty, 'row')} without any" if empty else "")

    def __repr__(self) -> str:
        lines = [
            f"{self.kind}: {self.formula}",
            f"  {self.equation}",
            "  " + self.sizes,
            "",
            "Priors",
        ]
        width = max(len(name) for name in self.prior_table)
        lines += [f"  {name:<{width}}  {law}" for name, law in self.prior_table.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(n)}</th><td>{escape(p)}</td></tr>"
            for n, p in self.prior_table.items()
        )
        return (
            f"<div><b>{escape(self.kind)}</b> <code>{escape(self.formula)}</code>"
            f"<p>{escape(self.equation)}; {escape(self.sizes)}</p><table>{rows}</table></div>"
        )


def column_moments(Y: Array, complete: bool) -> tuple[Array, Array]:
    """Means and variances of columns (d,) over the entries that are there, divisor their number.

    Rows are taken some at a time, so that what is made of them stays in the processor's cache.
    """
    parts = [Y[start : start + ROWS] for start in range(0, Y.shape[0], ROWS)]
    counts, sums, squares = np.zeros((3, Y.shape[1]))
    for part in parts:
        known = 1.0 if complete else np.where(np.isnan(part), 0.0, 1.0)
        counts += np.broadcast_to(known, part.shape).sum(axis=0)
        sums += (part if complete else np.where(known, part, 0.0)).sum(axis=0)
    mean = sums / counts
    for part in parts:
        centred = part - mean
        if not complete:
            centred = np.where(np.isnan(centred), 0.0, centred)
        squares += np.einsum("ij,ij->j", centred, centred)
    return mean, squares / counts


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _spread(values: Array, chains: int, draws: int) -> Array:
    """Draws (k, ...) by chains; one that stands for all is shown at every draw."""
    if values.shape[0] == 1 and chains * draws > 1:
        return np.broadcast_to(values[0], (chains, draws, *values.shape[1:]))
    return values.reshape(chains, draws, *values.shape[1:])
