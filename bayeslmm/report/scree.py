"""Panel: eigenvalues of the covariance, those of the sample, and the level of the noise.

W W' + sigma^2 I has q eigenvalues above sigma^2 and d - q equal to it: components are for those of
the sample's eigenvalues that stand above the noise (Tipping & Bishop 1999, section 3.2).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..results.drawing import INK, Image, draw, name_axes, styles
from ..results.estimates import INTERVAL
from ..types import Array
from .factors import Factors
from .view import View

MOST = 20  # eigenvalues that are drawn
WIDEST = 1500  # columns whose covariance is decomposed
WIDE = 20.0  # ratio of eigenvalues from which the axis is logarithmic
FEWEST = 2  # complete rows for each column, for these to stand for all


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What one engine says: mean and both ends of eigenvalues (3, q), and of the noise's (3,)."""

    along: Array
    noise: Array


def scree(view: View) -> tuple[list[Image], str]:
    """One figure, the engines overlaid."""
    found = view.factors
    if found is None:
        return [], ""
    spectra = {engine: _spectrum(found, engine) for engine in view.trees}
    sample, told = sample_eigenvalues(found)
    note = f"Marks: mean and {INTERVAL} of the variance along each component, the noise included; "
    note += f"lines: the noise, sigma², which is what is left along all others. {told}"
    if (found.taken != 1.0).any():
        note += " All are of the columns divided by their sds."
    return [_figure(view, spectra, sample)], note


def _spectrum(found: Factors, engine: str) -> Spectrum:
    held = found.estimates[engine]
    sigma, along = np.delete(held["sigma"].told, 1, 0), held.get("explained_variance")
    none = np.zeros((3, 0))
    return Spectrum(none if along is None else np.delete(along.told, 1, 0)[:, :MOST], sigma**2)


def sample_eigenvalues(found: Factors) -> tuple[Array, str]:
    """Eigenvalues of the sample's covariance, the largest first, and of which rows it is."""
    d = found.Y.shape[1]
    if d > WIDEST:
        return np.zeros(0), f"Those of the sample are left out: there are {d:,} columns."
    X = found.Y / found.taken
    whole = found.there.all(axis=1)
    if whole.all():
        C, told = np.cov(X.T, bias=True), "Crosses: the sample's."
    elif whole.sum() >= FEWEST * d:
        C = np.cov(X[whole].T, bias=True)
        told = f"Crosses: those of the {whole.sum():,} complete rows."
    else:
        C = pairwise(X)
        if np.isnan(C).any():
            told = "The sample has none: some columns are never seen together."
            return np.zeros(0), told
        told = "Crosses: those of the covariances of pairs of columns, each of the rows that "
        told += "have both. What is missing spreads them: the large come out too large, the "
        told += "small too small or negative; negative ones are left out."
    values = np.linalg.eigvalsh(np.atleast_2d(C))[::-1]
    return values[values > 1e-12 * values[0]][:MOST], told


def pairwise(X: Array) -> Array:
    """Covariances (d, d), each over the rows that have both; NaN where fewer than two have."""
    there = ~np.isnan(X)
    centred = np.where(there, X - np.nanmean(X, axis=0), 0.0)
    seen = there.astype(float)
    return of_pairs(centred, seen, seen.T @ seen)


def of_pairs(X: Array, seen: Array, count: Array) -> Array:
    """The same of a matrix with zeros where `seen` has them, and counts of rows by pair."""
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = X.T @ seen / count  # [i, j]: mean of i where j is there too
        C: Array = X.T @ X / count - sums * sums.T
    return np.where(count >= 2.0, C, np.nan)


def _figure(view: View, spectra: dict[str, Spectrum], sample: Array) -> Image:
    style = styles(view.trees)
    shown = max([sample.size, *(len(s.along.T) for s in spectra.values())])
    step = 0.16

    def paint(axes: Any) -> None:
        for number, (engine, spectrum) in enumerate(spectra.items()):
            (colour, mark), (noise, *span) = style[engine], spectrum.noise
            if np.isfinite(span).all():
                axes.axhspan(*span, color=colour, alpha=0.15, linewidth=0)
            axes.axhline(noise, color=colour, linewidth=1.1, linestyle=("-", "--")[number > 0])
            mean, lower, upper = spectrum.along
            x = np.arange(1, mean.size + 1) + step * (number + 1)
            axes.vlines(x, lower, upper, color=colour, lw=1.2, alpha=0.8)
            axes.plot(x, mean, mark, color=colour, markersize=4.2, mew=0)
        rank = np.arange(1, sample.size + 1)
        axes.plot(rank, sample, "x", color=INK, markersize=4.5, mew=1.1)
        axes.set_xlim(0.5, max(shown, 1) + 0.5 + step * len(spectra))
        axes.locator_params(axis="x", integer=True, nbins=10)
        _height(axes, sample, spectra)
        name_axes(axes, "component", "variance", "Eigenvalues")

    words = [f"noise {s.noise[0]:.3g} by {engine}" for engine, s in spectra.items()]
    for engine, s in spectra.items():
        if s.along.size:
            values = ", ".join(f"{v:.3g}" for v in s.along[0])
            words.append(f"components {values} by {engine}")
    if sample.size:
        words.append(f"sample {', '.join(f'{v:.3g}' for v in sample)}")
    return draw(paint, f"Eigenvalues of the covariance; {'; '.join(words)}", height=2.9)


def _height(axes: Any, sample: Array, spectra: dict[str, Spectrum]) -> None:
    """A logarithmic axis in plain numbers where eigenvalues differ much."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ends = [v for s in spectra.values() for v in (s.noise[0], *s.along[0])]
    values = np.array([*ends, *sample], dtype=float)
    if values.max() <= WIDE * values.min():
        axes.set_ylim(bottom=0.0)
        return
    axes.set_yscale("log")
    decades = np.log10(values.max() / values.min())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3.0 else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
