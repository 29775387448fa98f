"""Coordinates for maximising over theta that are smooth where a variance is zero.

    x = r_i L_ij / sigma,    log sigma       (r_i the rms of the effect's column)

as lme4 does (Bates et al. 2015, section 3), made free of units. The criterion depends on L through
L L' alone, so it is even in the columns of x: a maximum at a variance of zero is an ordinary
stationary point, and Newton's method converges to it. Terms whose sd or correlations are partly
fixed take log sd and the row coordinates of `space` instead.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..coordinates import pull
from ..model import Model
from ..space import Theta
from ..target import Target
from ..types import Array

FAR, HUGE = 300.0, 1e100  # log scales, and coordinates, whose squares leave float64


@dataclass(frozen=True)
class Block:
    """One factor in the chart, or one scale of many columns: where its free entries of L are."""

    factor: int  # number of the factor; -1 for a scale of columns
    q: int
    base: int  # start of L in the flat scales
    h: int  # start of its standard deviations in h
    at: int  # start of its coordinates in x
    rows: np.ndarray  # (k,) rows and columns of the free entries
    cols: np.ndarray
    unit: Array  # (q,) r_i


@dataclass(frozen=True, repr=False)
class Chart:
    """Coordinates x of a model's variances.

    `natural` terms are parametrised by their triangular factor, all others by `space`.
    """

    model: Model
    target: Target

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        found, base, at, h = [], 0, 0, 0
        for number, term in enumerate(self.model.terms):
            q = term.shape[1]
            if term.sd.free and (term.correlation.free or not term.correlated):
                rows, cols = _pattern(term.correlation.blocks)
                unit = np.sqrt(np.mean(term.grouping.Z**2, axis=0))
                found.append(Block(number, q, base, h, at, rows, cols, unit))
                at += rows.size
            base, h = base + q * q, h + q
        one = np.zeros(1, np.int64)
        for columns in self.model.blocks:
            law = columns.law
            common = law.common
            if common is not None and common.free and law.parameters == (common,) and not law.noise:
                unit = np.sqrt([np.mean((columns.Z**2).sum(axis=1))])
                found.append(Block(-1, 1, base, h, at, one, one, unit))
                at += 1
            base += columns.entries
            h += sum(p.size for p in law.parameters)
        return tuple(found)

    @cached_property
    def others(self) -> np.ndarray:
        """Coordinates of `space` that stay as they are (log sigma among them)."""
        layout = self.model.layout
        taken = {int(i) for b in self.blocks for i in layout.at[b.h : b.h + b.q]}
        owners = {b.factor for b in self.blocks}
        for factor, size, _, first in layout.blocks:
            if factor in owners:
                taken |= set(range(first, first + size * (size - 1) // 2))
        return np.array([i for i in range(self.model.space.size) if i not in taken], np.int64)

    @property
    def natural(self) -> int:
        """Number of coordinates that are entries of a triangular factor."""
        return sum(b.rows.size for b in self.blocks)

    @property
    def size(self) -> int:
        return self.natural + self.others.size

    def theta(self, x: Array) -> Theta:
        """The variances at x."""
        z = np.zeros(self.model.space.size)
        z[self.others] = x[self.natural :]
        theta = self.model.space.constrain(z, self.model.layout)
        h, corr, scales = theta.h.copy(), theta.corr.copy(), theta.scales.copy()
        for b in self.blocks:
            L = np.zeros((b.q, b.q))
            entries = x[b.at : b.at + b.rows.size]
            L[b.rows, b.cols] = entries * theta.sigma / b.unit[b.rows]
            with np.errstate(over="ignore"):  # a density there is not finite, which is told
                sd = np.sqrt((L**2).sum(axis=1))
            h[b.h : b.h + b.q] = sd
            scales[b.base : b.base + b.q * b.q] = L.ravel()
            if b.factor >= 0:
                K = np.divide(L, sd[:, None], out=np.eye(b.q), where=sd[:, None] > 0)
                corr[b.base : b.base + b.q * b.q] = K.ravel()
        return Theta(h, corr, scales)

    def coordinates(self, theta: Theta) -> Array:
        """x at the variances theta."""
        x = np.zeros(self.size)
        for b in self.blocks:
            L = theta.scales[b.base : b.base + b.q * b.q].reshape(b.q, b.q)
            with np.errstate(over="ignore"):
                x[b.at : b.at + b.rows.size] = L[b.rows, b.cols] * b.unit[b.rows] / theta.sigma
        if self.others.size:
            x[self.natural :] = self.model.space.coordinates(self._inner(theta))[self.others]
        return x

    def _inner(self, theta: Theta) -> Theta:
        """theta with the blocks' own scales at one: at a boundary they have no logarithm."""
        h, corr = theta.h.copy(), theta.corr.copy()
        for b in self.blocks:
            h[b.h : b.h + b.q] = 1.0
            if b.factor >= 0:
                corr[b.base : b.base + b.q * b.q] = np.eye(b.q).ravel()
        return Theta(h, corr, theta.scales)

    def value(self, x: Array) -> tuple[float, Array]:
        """The criterion and its gradient at x; NaN where float64 cannot hold it."""
        size = np.abs(x)
        if not (size.max(initial=0.0) < HUGE and size[self.natural :].max(initial=0.0) < FAR):
            return np.nan, np.zeros(x.size)
        theta = self.theta(x)
        value, J, slope_sigma = self.target.solver.score(
            theta.scales, theta.sigma, self.target.work
        )
        slopes = np.zeros_like(theta.scales)
        at = 0
        for term in self.model.terms:
            q = term.shape[1]
            L = theta.scales[at : at + q * q].reshape(q, q)
            slopes[at : at + q * q] = np.tril(J[at : at + q * q].reshape(q, q) @ L).ravel()
            at += q * q
        slopes[at:] = J[at:] * theta.scales[at:]
        by_scale = np.zeros(theta.h.size)
        if self.target.prior:
            more, by_scale = self.target.scale_prior(theta.h)
            value += more + self._add_prior(theta, by_scale, slopes)
            slope_sigma += by_scale[-1]
        grad = np.zeros(self.size)
        z, full = np.zeros(self.model.space.size), np.zeros(self.model.space.size)
        z[self.others] = x[self.natural :]
        layout = self.model.layout
        plain = self.model.space.constrain(z, layout)
        total = slope_sigma
        for b in self.blocks:
            own = slopes[b.base : b.base + b.q * b.q].reshape(b.q, b.q)
            grad[b.at : b.at + b.rows.size] = own[b.rows, b.cols] * theta.sigma / b.unit[b.rows]
            L = theta.scales[b.base : b.base + b.q * b.q].reshape(b.q, b.q)
            total += float((own * L).sum()) / theta.sigma
        pull(z, layout, plain.h, plain.corr, slopes, total, full)
        for i in range(int(layout.widths.sum()), theta.h.size - 1):
            if layout.at[i] >= 0:  # of the terms above the prior is in `slopes`
                full[layout.at[i]] += by_scale[i] * theta.h[i]
        grad[self.natural :] = full[self.others]
        return value, grad

    def _add_prior(self, theta: Theta, by_scale: Array, slopes: Array) -> float:
        """Add the prior's slopes in L; the log prior of the correlations, no Jacobian."""
        total, at, base = float(self.model.layout.eta[:, 1].sum()), 0, 0
        for term in self.model.terms:
            q = term.shape[1]
            L = theta.scales[base : base + q * q].reshape(q, q)
            own = slopes[base : base + q * q].reshape(q, q)
            sd = theta.h[at : at + q]
            safe = np.where(sd > 0.0, sd, 1.0)
            own += (by_scale[at : at + q] * (sd > 0.0) / safe)[:, None] * L
            power = 2.0 * (term.correlation.eta - 1.0)
            for part in term.correlation.parts if term.correlation.free and power else ():
                for i in part[1:]:
                    # A singular factor has no density under LKJ: the value is then not finite.
                    with np.errstate(divide="ignore", invalid="ignore"):
                        total += power * (np.log(abs(L[i, i])) - np.log(sd[i]))
                        own[i] -= power * L[i] / sd[i] ** 2
                        own[i, i] += power / L[i, i]
            at += q
            base += q * q
        for b in self.blocks:
            if b.factor < 0:
                slopes[b.base] += by_scale[b.h] * np.sign(theta.scales[b.base])
        return total


def _pattern(blocks: tuple[tuple[int, ...], ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the lower triangles of the diagonal blocks."""
    pairs = [(r, c) for block in blocks for i, r in enumerate(block) for c in block[: i + 1]]
    rows, cols = np.array(sorted(pairs)).T
    return rows, cols
