"""The space of the variances theta: names, laws, and the map from R^d.

    sd = exp(z),     L_t = diag(sd_t) K_t,     K_t K_t' a correlation matrix,     sigma = exp(z)

A row of K is (w, 1) / sqrt(1 + |w|^2) with w in R^i, the transform that PyMC uses. Under LKJ(eta)
the
log density of w is then (2 eta + n - 1) log K_ii, plus a constant, for every row. Fixed parameters
have no coordinate. The map and its derivative are compiled; they know no model.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .gaussian.compiled import jit
from .gaussian.score import just_value, lower_product, value_and_score
from .gaussian.sums import Array
from .laws import Law, density, lkj_constant, lkj_sample

FIXED, CUSTOM = -1, -2  # in place of a law's code


@dataclass(frozen=True)
class Positive:
    """A vector of standard deviations: fixed, under a `Law`, or under a PyMC distribution."""

    name: str
    size: int
    dim: str | None = None
    law: Law | None = None
    fixed: Array | None = None
    custom: Any = None

    @property
    def free(self) -> bool:
        return self.fixed is None

    @property
    def prior(self) -> str:
        if self.fixed is not None:
            return "fixed at " + np.array2string(np.squeeze(self.fixed), precision=4)
        return repr(self.law) if self.law else f"{type(self.custom.owner.op).__name__[:-2]}(...)"


@dataclass(frozen=True)
class Correlation:
    """Correlations of the effects of one factor, block by block; zero between blocks."""

    name: str
    size: int
    blocks: tuple[tuple[int, ...], ...]
    eta: float = 2.0
    fixed: Array | None = None  # correlation matrix

    @property
    def free(self) -> bool:
        return self.fixed is None and bool(self.parts)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Blocks that have a correlation."""
        return tuple(b for b in self.blocks if len(b) > 1)

    @property
    def prior(self) -> str:
        if self.fixed is not None:
            return "fixed at " + np.array2string(self.fixed, precision=4).replace("\n", "")
        return f"LKJ({self.eta:g})"

    @property
    def start(self) -> Array:
        """Cholesky factor before any free correlation is put in."""
        return np.eye(self.size) if self.fixed is None else np.linalg.cholesky(self.fixed)


class Layout(NamedTuple):
    """The space as arrays, the form that compiled code takes."""

    at: np.ndarray  # (scales,) coordinate of each scale, or -1
    code: np.ndarray  # (scales,) code of its law
    parameters: Array  # (scales, 3)
    value: Array  # (scales,) where fixed
    widths: np.ndarray  # (factors,) effects per factor
    blocks: np.ndarray  # (blocks, 4): factor, size, first member, first coordinate
    members: np.ndarray  # (sum of sizes,)
    eta: Array  # (blocks, 2): eta, log constant
    start: Array  # flat Cholesky factors of the correlations before the blocks are filled


@dataclass(frozen=True)
class Space:
    """All variance parameters of a model, in the solver's order of factors; sigma last."""

    scales: tuple[Positive, ...]
    correlations: tuple[Correlation, ...]

    @property
    def sigma(self) -> Positive:
        return self.scales[-1]

    @property
    def size(self) -> int:
        """Number of free coordinates d."""
        free = sum(s.size for s in self.scales if s.free)
        return free + sum(
            len(b) * (len(b) - 1) // 2 for c in self.correlations if c.free for b in c.parts
        )

    @property
    def proper(self) -> bool:
        return all(s.law is None or s.law.proper for s in self.scales)

    @property
    def customs(self) -> tuple[tuple[Any, slice], ...]:
        """PyMC distributions that compiled code does not know, and the scales that they govern."""
        found, at = [], 0
        for s in self.scales:
            if s.custom is not None:
                found.append((s.custom, slice(at, at + s.size)))
            at += s.size
        return tuple(found)

    def layout(self) -> Layout:
        index, code, value, parameters, z = [], [], [], [], 0
        for s in self.scales:
            kind = FIXED if not s.free else s.law.code if s.law else CUSTOM
            index += list(range(z, z + s.size)) if s.free else [-1] * s.size
            z += s.size if s.free else 0
            code += [kind] * s.size
            value += (
                list(np.broadcast_to(s.fixed, s.size)) if s.fixed is not None else [1.0] * s.size
            )
            parameters.append(s.law.table(s.size) if s.law else np.zeros((s.size, 3)))
        blocks: list[tuple[int, ...]] = []
        members: list[int] = []
        eta: list[tuple[float, float]] = []
        for factor, c in enumerate(self.correlations):
            for b in c.parts if c.free else ():
                blocks.append((factor, len(b), len(members), z))
                members += b
                eta.append((c.eta, lkj_constant(len(b), c.eta)))
                z += len(b) * (len(b) - 1) // 2
        flat = [c.start.ravel() for c in self.correlations]
        return Layout(
            at=np.array(index, np.int64),
            code=np.array(code, np.int64),
            parameters=np.vstack(parameters),
            value=np.array(value, np.float64),
            widths=np.array([c.size for c in self.correlations], np.int64),
            blocks=np.array(blocks, np.int64).reshape(-1, 4),
            members=np.array(members, np.int64),
            eta=np.array(eta, np.float64).reshape(-1, 2),
            start=np.concatenate([*flat, np.zeros(0)]),
        )

    def constrain(self, z: Array, layout: Layout | None = None) -> "Theta":
        """The variances at coordinates z (d,)."""
        layout = layout or self.layout()
        h, corr, scales = np.zeros(layout.at.size), layout.start.copy(), layout.start.copy()
        unpack(np.asarray(z, np.float64), layout, h, corr, scales)
        return Theta(h, corr, scales)

    def coordinates(self, theta: "Theta") -> Array:
        """The inverse of `constrain`; -inf where a scale is zero. Fixed ones are not looked at."""
        layout = self.layout()
        z = np.zeros(self.size)
        free = layout.at >= 0
        with np.errstate(divide="ignore"):
            z[layout.at[free]] = np.log(theta.h[free])
        starts = np.concatenate([[0], np.cumsum(layout.widths**2)])
        for factor, size, first, at in layout.blocks:
            q = layout.widths[factor]
            K = theta.corr[starts[factor] : starts[factor + 1]].reshape(q, q)
            rows = layout.members[first : first + size]
            K = np.linalg.cholesky((K @ K.T)[np.ix_(rows, rows)])
            for i in range(1, size):
                z[at : at + i] = K[i, :i] / K[i, i]
                at += i
        return z

    def theta(self, scales: Array, sigma: float) -> "Theta":
        """The point with flat triangular factors `scales` and noise `sigma`."""
        h, corr, at = [], [], 0
        for c in self.correlations:
            L = scales[at : at + c.size**2].reshape(c.size, c.size)
            sd = np.sqrt((L**2).sum(axis=1))
            h.append(sd)
            K = np.divide(L, sd[:, None], out=np.eye(c.size), where=sd[:, None] > 0)
            corr.append(K.ravel())
            at += c.size**2
        return Theta(
            np.concatenate([*h, [sigma]]), np.concatenate([*corr, np.zeros(0)]), np.asarray(scales)
        )

    def sample(self, rng: np.random.Generator) -> "Theta":
        """One draw from the prior."""
        h, corr, scales = [], [], []
        for s in self.scales:
            if s.fixed is not None:
                h.append(np.broadcast_to(s.fixed, s.size).astype(float))
            elif s.law is not None:
                h.append(s.law.sample(rng, s.size))
            else:
                import pymc as pm

                seed = int(rng.integers(2**31))
                h.append(np.broadcast_to(pm.draw(s.custom, random_seed=seed), s.size))
        for c, sd in zip(self.correlations, h):
            K = c.start.copy()
            for b in c.parts if c.free else ():
                K[np.ix_(b, b)] = lkj_sample(len(b), c.eta, rng)
            corr.append(K.ravel())
            scales.append((sd[:, None] * K).ravel())
        empty = [np.zeros(0)]
        return Theta(
            np.concatenate(h), np.concatenate(corr + empty), np.concatenate(scales + empty)
        )


@dataclass(frozen=True)
class Theta:
    """A point: all scales (sigma last), and flat triangular factors of every factor."""

    h: Array
    corr: Array  # Cholesky factors of the correlation matrices
    scales: Array  # L = diag(sd) K, what a solver takes

    @property
    def sigma(self) -> float:
        return float(self.h[-1])


@jit
def unpack(z, layout, h, corr, scales):
    """Fill the scales h, the correlations' factors and L = diag(sd) K."""
    deviations(z, layout, h)
    corr[:] = layout.start
    for b in range(layout.blocks.shape[0]):
        factor, size, first, at = layout.blocks[b]
        base = 0
        for f in range(factor):
            base += layout.widths[f] ** 2
        q = layout.widths[factor]
        for i in range(size):
            row = base + layout.members[first + i] * q
            norm = 1.0
            for j in range(i):
                norm += z[at + j] ** 2
            norm = np.sqrt(norm)
            for j in range(i):
                corr[row + layout.members[first + j]] = z[at + j] / norm
            corr[row + layout.members[first + i]] = 1.0 / norm
            at += i
    base = scale = 0
    for f in range(layout.widths.size):
        q = layout.widths[f]
        for i in range(q):
            for j in range(q):
                scales[base + i * q + j] = h[scale + i] * corr[base + i * q + j]
        base += q * q
        scale += q


@jit
def log_prior(z, layout, h, grad):
    """Log prior density of z (Jacobian included) without custom laws; adds its gradient."""
    total = 0.0
    for i in range(h.size):
        if layout.at[i] >= 0:
            total += z[layout.at[i]]
            grad[layout.at[i]] += 1.0
            if layout.code[i] >= 0:
                p = layout.parameters[i]
                value, slope = density(layout.code[i], p[0], p[1], p[2], h[i])
                total += value
                grad[layout.at[i]] += slope * h[i]
    for b in range(layout.blocks.shape[0]):
        size, at = layout.blocks[b, 1], layout.blocks[b, 3]
        power = 2.0 * layout.eta[b, 0] + size - 1.0
        total += layout.eta[b, 1]
        for i in range(1, size):
            norm = 1.0
            for j in range(i):
                norm += z[at + j] ** 2
            total -= 0.5 * power * np.log(norm)
            for j in range(i):
                grad[at + j] -= power * z[at + j] / norm
            at += i
    return total


@jit
def pull(z, layout, h, corr, slope_scales, slope_sigma, grad):
    """Add the gradient in z of a function with derivative `slope_scales` in the flat L."""
    base = scale = 0
    last = h.size - 1
    for f in range(layout.widths.size):
        q = layout.widths[f]
        for i in range(q):
            at = layout.at[scale + i]
            if at >= 0:
                total = 0.0
                for j in range(i + 1):
                    total += slope_scales[base + i * q + j] * corr[base + i * q + j]
                grad[at] += total * h[scale + i]
        base += q * q
        scale += q
    if layout.at[last] >= 0:
        grad[layout.at[last]] += slope_sigma * h[last]
    for b in range(layout.blocks.shape[0]):
        factor, size, first, at = layout.blocks[b]
        base = scale = 0
        for f in range(factor):
            base += layout.widths[f] ** 2
            scale += layout.widths[f]
        q = layout.widths[factor]
        for i in range(1, size):
            row = base + layout.members[first + i] * q
            sd = h[scale + layout.members[first + i]]
            norm = 1.0
            for j in range(i):
                norm += z[at + j] ** 2
            norm = np.sqrt(norm)
            along = slope_scales[row + layout.members[first + i]] * sd
            for j in range(i):
                along += slope_scales[row + layout.members[first + j]] * sd * z[at + j]
            for j in range(i):
                own = slope_scales[row + layout.members[first + j]] * sd
                grad[at + j] += own / norm - z[at + j] * along / norm**3
            at += i


@jit
def log_criterion(z, layout, data, work, grad):
    """Log density of y given z and its gradient, no prior; NaN where it fails."""
    h = np.empty(layout.at.size)
    corr = np.empty(layout.start.size)
    scales = np.empty(layout.start.size)
    J = np.empty(layout.start.size)
    slopes = np.empty(layout.start.size)
    unpack(z, layout, h, corr, scales)
    grad[:] = 0.0
    value, slope = value_and_score(scales, h[h.size - 1], data, work, J)
    if not np.isfinite(value):
        return np.nan
    at = 0
    for f in range(layout.widths.size):
        at = lower_product(scales, J, slopes, at, layout.widths[f])
    pull(z, layout, h, corr, slopes, slope, grad)
    return value


@jit
def log_posterior(z, layout, data, work, grad):
    """Log density of z given y (up to the evidence) and its gradient; NaN where it fails."""
    value = log_criterion(z, layout, data, work, grad)
    h = np.empty(layout.at.size)
    deviations(z, layout, h)
    value += log_prior(z, layout, h, grad)
    for i in range(grad.size):
        if not np.isfinite(grad[i]):
            return np.nan
    return value


@jit
def deviations(z, layout, h):
    """Fill the standard deviations h."""
    for i in range(h.size):
        h[i] = layout.value[i] if layout.at[i] < 0 else np.exp(z[layout.at[i]])


@jit
def log_posterior_many(Z, layout, data, work):
    """`log_posterior` without gradient at many points (k, d)."""
    h = np.empty(layout.at.size)
    corr = np.empty(layout.start.size)
    scales = np.empty(layout.start.size)
    grad = np.empty(Z.shape[1])
    out = np.empty(Z.shape[0])
    for i in range(Z.shape[0]):
        unpack(Z[i], layout, h, corr, scales)
        out[i] = just_value(scales, h[h.size - 1], data, work)
        out[i] += log_prior(Z[i], layout, h, grad)
    return out


@jit
def unpack_many(Z, layout):
    """`unpack` at k points: scales (k, .), correlation factors (k, .), L (k, .)."""
    h = np.empty((Z.shape[0], layout.at.size))
    corr = np.empty((Z.shape[0], layout.start.size))
    scales = np.empty((Z.shape[0], layout.start.size))
    for i in range(Z.shape[0]):
        unpack(Z[i], layout, h[i], corr[i], scales[i])
    return h, corr, scales
