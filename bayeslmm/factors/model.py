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

from .. import printed
from ..design.matrix import Matrix
from ..gaussian.beta import FLAT, MAXIMISED, MeanPrior, beta_of
from ..gaussian.choose import choose
from ..gaussian.complete import Complete
from ..gaussian.problem import MatrixProblem
from ..gaussian.scatter import Scatter
from ..named import Recovered
from ..parameters import Positive
from ..types import Array, Named
from . import begin, words
from .canonical import facing, upright
from .chart import NATURAL, NONE, POSTERIOR, chart_of
from .digest import row_words
from .maximum import UNBOUNDED, Maximum, ascended, closed_form, imputed
from .moments import column_moments
from .posterior import canonical, coordinates, log_prior, recovered
from .recover import Loadings
from .space import FactorSpace
from .target import FactorTarget, Solver

COSTLY = 2e10  # operations beyond which the law of mu is not asked for beside plugged-in loadings


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
        return f"{self.design.formula}, {words.counted(self.components, 'component')}"

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

    @cached_property
    def problem(self) -> MatrixProblem:
        """The rows as solvers take them."""
        return MatrixProblem(self.X, self.log_jacobian, float(np.log(self.unit).sum()))

    @cached_property
    def _solver(self) -> Solver:
        found = choose(self.problem, self.mean_prior.beta)
        if not found.spectral and self.components:
            found = replace(found, basis=np.linalg.svd(self.begun.W)[0])
        return found

    def solver(self, criterion: str = "evidence") -> Solver:
        """The solver for one of the four criteria ("map" is "evidence" before its prior).

        Density one of mu is density one on the user's scale.
        """
        return self._solver.under(beta_of(criterion, self.mean_prior.beta))

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

    @property
    def _spectral(self) -> bool:
        """Whether the rows enter through their mean and scatter alone."""
        return Complete.cost(self.problem, self.mean_prior.beta) is not None

    @cached_property
    def spread(self) -> float:
        """Rms sd of the columns inside."""
        if self._spectral:
            return float(np.sqrt(self.rows.total / self.X.size))
        return float(np.sqrt(np.mean(column_moments(self.X, self.design.complete)[1])))

    @cached_property
    def space(self) -> FactorSpace:
        n, d = self.design.y.shape
        floor = 1.0
        if self.ard:  # the length that a component has where there is none
            floor = self.begun.sigma * float(np.sqrt(d / n)) / self.spread
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
            return self.likeliest
        solver = self.solver(criterion)
        if solver.spectral and solver.beta is FLAT and criterion != "map":
            complete = Complete(self.problem, solver.beta)
            return closed_form(complete, self.components, self.fixed_sigma)
        if criterion == "map" and self.components and self.scales[0].free:
            raise ValueError(
                "EmpiricalBayes('map') has no maximum while sd_W is free: the density of W and "
                "sd_W grows without bound where both go to zero. Fix it (priors={'sd_W': ...}), or "
                "use NUTS()"
            )
        if criterion == "map":
            return ascended(self._target(criterion, NATURAL), self._centres, self.spread)
        bounded = self.likeliest.bounded  # or there is no maximum
        best = ascended(self._target(criterion, NONE), self._centres, self.spread)
        return best if bounded else replace(best, message=UNBOUNDED, bounded=False)

    @cached_property
    def likeliest(self) -> Maximum:
        """The maximum of the likelihood.

        Raises
        ------
        NoNoise
            Where it has none.
        """
        return self.likeliest_at(self.fixed_sigma)

    def likeliest_at(self, sigma: float | None) -> Maximum:
        """The same where the noise is known."""
        if not self.design.complete:
            return imputed(self.X, self.components, sigma, self.log_jacobian)
        # The prior of mu has no part in the likelihood, whatever solver it asks for.
        return closed_form(Complete(self.problem, MAXIMISED), self.components, sigma)

    @property
    def rows(self) -> Scatter:
        """What complete rows say."""
        return self.problem.scatter

    @cached_property
    def begun(self) -> Maximum:
        """From where searches start."""
        return begin.begun(self)

    @cached_property
    def pole(self) -> str:
        """Why nothing can be drawn from the posterior; empty where it has no pole."""
        return begin.pole(self)

    def plugged(self, best: Maximum, draws: int) -> Loadings:
        """The maximum for every draw; the means too where their law is too costly to have."""
        n, d = self.X.shape
        costly = best.mean is not None and float(n) * d * d * max(self.components, 1) > COSTLY
        h = self.scales_at(best.W, best.sigma)
        return Loadings.repeat(best.W, h, draws, best.mean if costly else None)

    @cached_property
    def reference(self) -> Array:
        """Principal axes at the maximum of the likelihood (d, q): they fix the signs."""
        return upright(self.begun.W)

    @cached_property
    def _centres(self) -> list[Array]:
        return begin.centres(self)

    @property
    def centre(self) -> Array:
        """Coordinates from which searches start: of the likelihood's maxima the most probable."""
        starts = self._centres
        if len(starts) == 1:
            return starts[0].copy()
        return starts[int(np.argmax(self.target().many(np.array(starts))))].copy()

    @property
    def lowest(self) -> Array | None:
        """Coordinates under which a search for the mode finds a pole that holds no mass."""
        return begin.lowest(self)

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

    # The posterior by name, from draws of theta and back: `posterior` has the answers.

    def recover(
        self,
        thetas: Loadings,
        rng: np.random.Generator,
        keep: Collection[str] = (),
        criterion: str = "evidence",
    ) -> Recovered:
        """All variables of the posterior at draws of theta."""
        return recovered(self, thetas, rng, keep, criterion)

    def canonical(self, variables: Named) -> Named:
        """Drawn variables with loadings and scores turned to face the reference."""
        return canonical(self, variables)

    def coordinates(self, posterior: Any) -> Array:
        """Coordinates of theta (k, D) at the draws of a posterior."""
        return coordinates(self, posterior)

    def log_prior(self, variables: Named) -> Named:
        """Log prior density draw by draw, each parameter on its declared scale."""
        return log_prior(self, variables)

    def judged(self, thetas: Loadings, z: Array) -> dict[str, Array]:
        """What tells whether chains agree: the coordinates, where loadings have but one place."""
        if not self.ard:
            return {"z": z}
        W = thetas.flat[0]
        W = W @ facing(W, self.reference)
        h = -np.sort(-np.log(thetas.h[..., :-1]), axis=-1)
        return {"W": W.reshape(thetas.W.shape), "sd_W": h, "sigma": np.log(thetas.h[..., -1:])}

    def reader(self, graph: Any, places: Mapping[str, slice]) -> Any:
        """Who reads the vector of an approximation on a graph."""
        from .flat import Flat

        return Flat(self, graph, places)

    @property
    def operations(self) -> float:
        """Multiplications that one evaluation of the log posterior takes, roughly."""
        q = self.components + 1
        if self._spectral:
            return 10.0 * self.unit.size * q * q
        lengths = self.design.there.sum(axis=1).astype(float)
        return 4.0 * q * float((lengths**2).sum()) + self.unit.size**3

    @property
    def large(self) -> list[str]:
        """Names of variables that may be too large for their draws to be kept."""
        return ["z", "covariance"]

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
    def moving(self) -> tuple[str, ...]:
        """Names of the parameters that are not fixed, so that their draws must move."""
        free = tuple(s.name for s in self.scales if s.free)
        return ("W", *free) if self.components else free

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
        return words.equation(self)

    @property
    def sizes(self) -> str:
        """Counts of rows, columns and components, in words."""
        return words.sizes(self)

    def __repr__(self) -> str:
        return printed.text(self)

    def _repr_html_(self) -> str:
        return printed.html(self)
