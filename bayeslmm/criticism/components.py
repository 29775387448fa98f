"""How many components? The evidence answers (Minka 2000 by Laplace's method; here by sampling).

For q = 0, 1, 2, ... the loadings and variances are integrated out under their priors,

    log p(Y | q) = log of the integral of p(Y | W, sigma) p(W | sd_W) p(sd_W) p(sigma),

by importance sampling from Laplace's approximation in the coordinates in which the posterior has
one mode; where its weights are too uneven, draws of the posterior are bridged to a t that is fitted
to them (Meng & Wong 1996). Beyond `LARGEST` coordinates Laplace's approximation itself stands for
the evidence, and where even its curvature would be too large, Minka's closed form for all q.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines.integral import MOST, bridged, quadrature
from ..engines.laplace import laplace, laplace_sampled
from ..engines.loadings_maximum import maximum
from ..engines.nuts import NUTS
from ..fit import fit
from ..host.arithmetic import arithmetic
from ..host.options import shown
from ..host.seeds import generator
from ..model.model import Model
from ..models.ppca import ppca
from ..posterior.recover import coordinates
from ..results.drawing import INK, draw, name_axes
from ..solvers.expectation import NoNoise
from ..stats.normal import LOG_2PI
from ..stats.weights import KHAT, normalised
from ..types import Array
from . import frames as tables

LARGEST = 300  # coordinates up to which draws are taken
CURVED = 2000  # and up to which curvature is
SURE = 0.1  # standard error of importance sampling, in nats, that needs no bridge
DRAWS, PER = 500, 10  # of each of four chains for a bridge: at least, and for each coordinate
HOPELESS = 10.0  # nats below the best; two numbers in a row, and no more are tried


@dataclass(frozen=True, repr=False)
class Components:
    """What `choose_components` found.

    Attributes
    ----------
    table : pandas.DataFrame
        By number of components: log evidence and its error, posterior probability under equal
        prior ones, log likelihood, BIC (minus half of it, to be compared with the evidence), sd of
        the noise, and how the evidence was computed.
    best : int
        The number of largest evidence.
    eigenvalues : ndarray (d,)
        Of the covariance of the rows (divisor n), the largest first; with missing entries of the
        most likely model with most components.
    noise : float
        Variance of the noise at the maximum of the likelihood with `best` components.
    limit : str
        Why no larger number was tried; empty where `most` or hopeless evidence ended the search.
    """

    table: Any
    best: int
    eigenvalues: Array
    noise: float
    limit: str = ""

    @property
    def verdict(self) -> str:
        """In words."""
        last, d = int(self.table.index[-1]), self.eigenvalues.size
        if self.best == last and self.limit:
            return f"The evidence is for {last} or more, but {self.limit}."
        if self.best == last and last < d - 1 and last > 0:
            return f"The evidence still rises at {last}, the largest number tried: raise most=."
        if self.best == d - 1 and self.best > 0:
            return (
                f"The evidence is for {self.best}, the most that {d} columns allow: the noise may "
                f"well not be alike in all of them (scale='sd' divides them by their sds)."
            )
        return f"The evidence is for {self.best}."

    def plot(self, axes: Any = None) -> Any:
        """Draw the scree: eigenvalues, those of the chosen components filled, and the noise.

        Parameters
        ----------
        axes : matplotlib Axes, optional
            By default new ones.

        Returns
        -------
        matplotlib Axes
        """
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(layout="constrained").add_subplot()
        self._paint(axes)
        return axes

    def _paint(self, axes: Any) -> None:
        place = np.arange(1, self.eigenvalues.size + 1)
        axes.plot(place, self.eigenvalues, color=INK, linewidth=0.8)
        axes.plot(place, self.eigenvalues, "o", color=INK, markerfacecolor="white", markersize=5)
        axes.plot(place[: self.best], self.eigenvalues[: self.best], "o", color=INK, markersize=5)
        axes.axhline(self.noise, color="#c4501b", linewidth=1.0, linestyle="--")
        axes.annotate("noise", (place[-1], self.noise), ha="right", va="bottom", color="#c4501b")
        axes.set_yscale("log")
        name_axes(axes, "component", "eigenvalue", f"{self.best} of {place.size} above the noise")

    def __repr__(self) -> str:
        return tables.text("Components", self.table, self.verdict)

    def _repr_html_(self) -> str:
        alt = f"Eigenvalues and the noise level; {self.best} components are chosen"
        image = draw(self._paint, alt)
        page = tables.html("Components", self.table, self.verdict)
        return f'{page}<img src="{image.source}" alt="{image.alt}" width="{image.width}">'


def choose_components(
    Y: Any,
    *,
    most: int | None = None,
    scale: str | None = None,
    priors: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> Components:
    """Compare numbers of components by their evidence.

    Parameters
    ----------
    Y, scale, priors
        As in `ppca`. Priors must be proper.
    most : int, optional
        Largest number that is tried; by default 10, or as many as leave some noise, but no more
        once two in a row lie 10 nats below the best.
    seed : int, optional
        Of the sampling.

    Returns
    -------
    Components
        `best`, `table`, `plot()`; it shows itself as a table with a scree plot.

    Raises
    ------
    DesignError
        As `ppca`.
    ValueError
        Where a prior is improper, so that there is no evidence.

    References
    ----------
    Minka (2000), Automatic choice of dimensionality for PCA, Advances in Neural Information
    Processing Systems 13; Tipping & Bishop (1999), section 3.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> iris = bl.datasets.load("iris").drop(columns="Species")
    >>> found = bl.choose_components(iris, seed=1)
    >>> found.best, found.table["log evidence"].round().tolist()
    (3, [-907.0, -506.0, -451.0, -433.0])
    """
    import pandas as pd

    rng = generator(seed)
    rows: list[list[Any]] = []
    last, limit = _most(Y, most, scale), ""
    with arithmetic():
        closed = ppca(Y, last, scale=scale).space.size > CURVED
        for q in range(last + 1):
            tried = ppca(Y, q, scale=scale, priors=_of(priors, q))
            limit = _limit(tried)
            if limit:
                break
            model, best = tried, maximum(tried, "ml")
            found = _closed(model) if closed else _evidence(model, rng)
            rows.append([*found[:2], best.value, _bic(model), best.sigma, found[2]])
            behind = max(r[0] for r in rows) - np.array([r[0] for r in rows])
            if most is None and (behind[-2:] > HOPELESS).all() and q:
                break
    columns = ["log evidence", "error", "log likelihood", "-BIC / 2", "noise sd", "method"]
    index = pd.RangeIndex(len(rows), name="components")
    table = pd.DataFrame(rows, columns=columns, index=index)
    table.insert(2, "probability", normalised(table["log evidence"].to_numpy()))
    chosen = int(table["log evidence"].idxmax())
    noise = float(table["noise sd"].iloc[chosen]) ** 2
    if (
        not limit
        and most is None
        and len(rows) == model.design.y.shape[0] - 1 < model.design.y.shape[1]
    ):
        limit = _few(model, len(rows))
    return Components(table, chosen, _eigenvalues(model), noise, limit)


def _limit(model: Model) -> str:
    """Why this many components cannot be compared with others; empty where they can."""
    try:
        maximum(model, "ml")
    except NoNoise:
        q, (n, d) = model.components, model.design.y.shape
        if n - 1 <= q:
            return _few(model, q)
        least = "sigma a prior that keeps off zero and fit ppca itself"
        if not model.design.complete:
            return (
                f"{q} follow all entries that are there exactly, so that no noise is left to "
                f"compare more with: too few are there; give more rows, or give {least}"
            )
        return (
            f"{q} follow the rows exactly, so that no noise is left to compare more with: the "
            f"{n:,} x {d} matrix has rank {q} about its means (columns made of others, or repeated "
            f"rows); drop such columns, or give {least}"
        )
    return ""


def _few(model: Model, q: int) -> str:
    n = model.design.y.shape[0]
    return f"{n:,} rows leave no noise to compare {q} with: more rows are needed"


def _most(Y: Any, most: int | None, scale: str | None) -> int:
    n, d = ppca(Y, 0, scale=scale).design.y.shape
    if most is None:
        return min(d - 1, n - 2, 10)
    if isinstance(most, bool) or not isinstance(most, int | np.integer) or not 0 <= most < d:
        raise ValueError(
            f"choose_components(most=...) must be a whole number below the number of columns, "
            f"{d}, got {shown(most)}"
        )
    return int(most)


def _of(priors: Mapping[str, Any] | None, q: int) -> Mapping[str, Any]:
    """The priors of a model with q components: without any there is no sd_W."""
    return {name: p for name, p in (priors or {}).items() if q or name != "sd_W"}


def _evidence(model: Model, rng: np.random.Generator) -> tuple[float, float, str]:
    """Log evidence, its error, and how it was computed."""
    if model.improper:
        raise ValueError(
            f"the evidence needs proper priors, but that of {', '.join(model.improper)} is flat"
        )
    size = model.space.size
    if size <= MOST:
        nodes = quadrature(model)
        return nodes.log_evidence, nodes.error, "quadrature"
    if size > LARGEST:
        return laplace(model)[0], np.nan, "Laplace"
    found = laplace_sampled(model, rng)
    if found.khat <= KHAT and found.error <= SURE:
        return found.value, found.error, "importance sampling"
    engine = NUTS(draws=max(DRAWS, PER * size), tune=DRAWS)
    tree = fit(model, engine, seed=int(rng.integers(2**31)), progress=False)
    found = bridged(model, coordinates(model, tree["posterior"].dataset), rng)
    return found.value, found.error, "bridge sampling"


def _closed(model: Model) -> tuple[float, float, str]:
    """The evidence by a formula, for loadings so many that their curvature cannot be had."""
    if model.design.complete:
        return _minka(model), np.nan, "Minka's formula"
    return _bic(model), np.nan, "BIC"


def _bic(model: Model) -> float:
    """Minus half of the Bayesian information criterion (Schwarz 1978)."""
    d, q = model.design.y.shape[1], model.components
    n = int(model.design.there.any(axis=1).sum())
    free = d + d * q - q * (q - 1) // 2 + 1
    return maximum(model, "ml").value - 0.5 * free * float(np.log(n))


def _minka(model: Model) -> float:
    """Laplace's approximation in closed form (Minka 2000, equation 30), uniform over subspaces."""
    from math import lgamma

    values, n = _eigenvalues(model), float(model.design.y.shape[0])
    d, q = values.size, model.components
    if q == 0:
        return _bic(model)
    noise = float(values[q:].mean())
    m = d * q - q * (q + 1) / 2
    log_u = -q * np.log(2.0)
    for i in range(1, q + 1):
        log_u += lgamma(0.5 * (d - i + 1)) - 0.5 * (d - i + 1) * np.log(np.pi)
    hat = np.concatenate([values[:q], np.full(d - q, noise)])
    log_a = 0.0
    for i in range(q):
        j = np.arange(i + 1, d)
        gaps = (1.0 / hat[j] - 1.0 / hat[i]) * (values[i] - values[j])
        log_a += float(np.log(np.maximum(gaps, 1e-300)).sum()) + (d - i - 1) * np.log(n)
    log_p = -0.5 * n * (np.log(values[:q]).sum() + (d - q) * np.log(noise))
    log_p += log_u + 0.5 * (m + q) * LOG_2PI - 0.5 * log_a - 0.5 * q * np.log(n)
    return float(log_p - 0.5 * n * d * (1.0 + LOG_2PI))


def _eigenvalues(model: Model) -> Array:
    """Of the covariance of the rows inside, the largest first (d,)."""
    if model.design.complete:
        centred = model.problem.Y - model.problem.Y.mean(axis=0)
        return np.maximum(np.linalg.eigvalsh(centred.T @ centred / len(centred))[::-1], 0.0)
    best = maximum(model, "ml")
    return np.linalg.eigvalsh(best.W @ best.W.T)[::-1] + best.sigma**2
