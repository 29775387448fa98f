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

from ..model.model import Model
from ..model.target import Target
from ..model.terms import BlockTerm, GroupTerm
from ..solvers import at_points
from ..types import Array, Theta

FAR, HUGE = 300.0, 1e100  # log scales, and coordinates, whose squares leave float64


@dataclass(frozen=True)
class Free:
    """A term whose root is free, and where its free entries are."""

    number: int  # of the term among all
    term: GroupTerm | BlockTerm
    q: int
    at: int  # start of its coordinates in x
    rows: np.ndarray  # (k,) rows and columns of the free entries of the root
    cols: np.ndarray
    unit: Array  # (q,) r_i

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that the root stands for."""
        return tuple(p.name for p in self.term.parameters)

    @property
    def coordinates(self) -> slice:
        """Its coordinates in x."""
        return slice(self.at, self.at + self.rows.size)

    def relative(self, x: Array) -> Array:
        """r_i L_ij / sigma, (q, q), at x."""
        L = np.zeros((self.q, self.q))
        L[self.rows, self.cols] = x[self.coordinates]
        return L


@dataclass(frozen=True, repr=False)
class Chart:
    """Coordinates x of a model's variances.

    `natural` terms are parametrised by their triangular factor, all others by `space`.
    """

    model: Model
    target: Target

    @cached_property
    def blocks(self) -> tuple[Free, ...]:
        found: list[Free] = []
        for number, part in enumerate(self.model.columns):
            at = found[-1].coordinates.stop if found else 0
            if isinstance(part, GroupTerm):
                if part.sd.free and (part.correlation.free or not part.correlated):
                    rows, cols = _pattern(part.correlation.blocks)
                    unit = np.sqrt(np.mean(part.grouping.Z**2, axis=0))
                    found.append(Free(number, part, unit.size, at, rows, cols, unit))
                continue
            common = part.law.common
            alone = common is not None and part.law.parameters == (common,)
            if alone and common.free and not part.law.noise:  # type: ignore[union-attr]
                one = np.zeros(1, np.int64)
                unit = np.sqrt([np.mean((part.Z**2).sum(axis=1))])
                found.append(Free(number, part, 1, at, one, one, unit))
        return tuple(found)

    @cached_property
    def others(self) -> np.ndarray:
        """Coordinates of `space` that stay as they are (log sigma among them)."""
        places, own = self.model.space.places, {n for b in self.blocks for n in b.names}
        kept = [place for name, place in places.items() if name not in own]
        return np.concatenate([*kept, np.zeros(0, np.int64)])

    @property
    def natural(self) -> int:
        """Number of coordinates that are entries of a triangular factor."""
        return sum(b.rows.size for b in self.blocks)

    @property
    def size(self) -> int:
        return self.natural + self.others.size

    def _others(self, x: Array) -> Array:
        """Coordinates of `space`, those of the blocks' own parameters at zero."""
        z = np.zeros(self.model.space.size)
        z[self.others] = x[self.natural :]
        return z

    def _at(self, x: Array) -> tuple[Theta, list[Array]]:
        """The variances at x but for the blocks', and the blocks' roots, with their signs."""
        theta = self.model.space.constrain(self._others(x))
        sigma = float(theta["sigma"])
        return theta, [b.relative(x) * sigma / b.unit[:, None] for b in self.blocks]

    def _whole(self, theta: Theta, roots: list[Array]) -> Theta:
        """The same with the variances that the blocks' roots are of."""
        with np.errstate(over="ignore"):  # a density there is not finite, which is told
            for b, L in zip(self.blocks, roots):
                theta = theta | b.term.at_root(L)
        return theta

    def theta(self, x: Array) -> Theta:
        """The variances at x."""
        return self._whole(*self._at(x))

    def coordinates(self, theta: Theta) -> Array:
        """x at the variances theta."""
        x, sigma = np.zeros(self.size), float(theta["sigma"])
        for b in self.blocks:
            L = b.term.root(theta).reshape(b.q, b.q)
            with np.errstate(over="ignore"):
                x[b.coordinates] = L[b.rows, b.cols] * b.unit[b.rows] / sigma
        if self.others.size:
            x[self.natural :] = self.model.space.unconstrain(self._inner(theta))[self.others]
        return x

    def _inner(self, theta: Theta) -> Theta:
        """theta with the blocks' own roots at one: at a boundary they have no logarithm."""
        found = dict(theta)
        for b in self.blocks:
            found |= b.term.at_root(np.eye(b.q))
        return found

    def value(self, x: Array) -> tuple[float, Array]:
        """The criterion and its gradient at x; NaN where float64 cannot hold it."""
        size = np.abs(x)
        if not (size.max(initial=0.0) < HUGE and size[self.natural :].max(initial=0.0) < FAR):
            return np.nan, np.zeros(x.size)
        model, (theta, own) = self.model, self._at(x)
        known = {b.number: L for b, L in zip(self.blocks, own)}
        roots = [
            known[i] if i in known else each.root(theta) for i, each in enumerate(model.rooted)
        ]
        scales, sigma = model.entries.join(roots), float(theta["sigma"])
        value, J, slope_sigma = self.target.solver.score(scales, sigma, self.target.work)
        flat = np.zeros_like(J)
        slopes = model.entries.split(flat)
        for slope, j, L in zip(slopes, model.entries.split(J), model.entries.split(scales)):
            slope += np.tril(j @ L) if j.ndim == 2 else j * L
        by_scale: Theta = {}
        if self.target.prior:
            theta = self._whole(theta, own)
            more, by_scale = self.target.scale_prior(theta)
            value += more + self._add_prior(theta, own, by_scale, slopes)
            slope_sigma += float(by_scale["sigma"])
        grad, total = np.zeros(self.size), slope_sigma
        for b, L in zip(self.blocks, own):
            slope = slopes[b.number].reshape(b.q, b.q)
            grad[b.coordinates] = slope[b.rows, b.cols] * sigma / b.unit[b.rows]
            total += float((slope * L).sum()) / sigma
        full = self.target.pulled(self._others(x)[None], flat[None], np.array([total]))[0]
        for name, place in model.space.places.items():
            if name in by_scale and name not in self._grouped and name != "sigma":
                full[place] += np.ravel(by_scale[name] * theta[name])
        grad[self.natural :] = full[self.others]
        return value, grad

    def slopes(self, X: Array) -> tuple[Array, Array]:
        """The criterion (k,) and its gradients (k, size) at points X (k, size)."""
        if self.target.prior:
            each = [self.value(x) for x in X]
            return np.array([v for v, _ in each]), np.array([g for _, g in each])
        with np.errstate(all="ignore"):
            values, grads = self._slopes(X)
        size = np.abs(X)
        held = size.max(axis=1, initial=0.0) < HUGE
        held &= size[:, self.natural :].max(axis=1, initial=0.0) < FAR
        held &= np.isfinite(values) & np.isfinite(grads).all(axis=1)
        return np.where(held, values, np.nan), np.where(held[:, None], grads, 0.0)

    def _slopes(self, X: Array) -> tuple[Array, Array]:
        """Without a prior of the variances, on whole arrays."""
        model, k = self.model, X.shape[0]
        Z = np.zeros((k, model.space.size))
        Z[:, self.others] = X[:, self.natural :]
        theta = model.space.constrain(Z)
        sigma = np.ascontiguousarray(theta["sigma"])
        own = {}
        for b in self.blocks:
            L = np.zeros((k, b.q, b.q))
            L[:, b.rows, b.cols] = X[:, b.coordinates]
            own[b.number] = L * sigma[:, None, None] / b.unit[:, None]
        roots = [own[i] if i in own else r.root(theta) for i, r in enumerate(model.rooted)]
        scales = model.entries.join(roots, (k,))
        values, J, slope = at_points.scores(self.target.solver, scales, sigma, self.target.work)
        flat = np.zeros_like(J)
        slopes = model.entries.split(flat)
        for s, j, L in zip(slopes, model.entries.split(J), model.entries.split(scales)):
            s += np.tril(j @ L) if j.ndim == 3 else j * L
        grads = np.zeros((k, self.size))
        for b in self.blocks:
            each = slopes[b.number].reshape(k, b.q, b.q)
            grads[:, b.coordinates] = each[:, b.rows, b.cols] * sigma[:, None] / b.unit[b.rows]
            slope = slope + (each * own[b.number]).sum(axis=(1, 2)) / sigma
        full = self.target.pulled(Z, flat, slope)
        grads[:, self.natural :] = full[:, self.others]
        return values, grads

    @cached_property
    def _grouped(self) -> frozenset[str]:
        """Scales whose prior is added to the slopes of roots."""
        return frozenset(t.sd.name for t in self.model.groups)

    def _add_prior(
        self, theta: Theta, roots: list[Array], by_scale: Theta, slopes: list[Array]
    ) -> float:
        """Add the prior's slopes in L; the log prior of the correlations, no Jacobian."""
        total = float(self.model.space.layout.eta[:, 1].sum())
        for b, root in zip(self.blocks, roots):
            if isinstance(b.term, BlockTerm):
                slopes[b.number] += by_scale[b.names[0]] * np.sign(root[0])
        for term, own in zip(self.model.groups, slopes):
            L, sd = term.root(theta), theta[term.sd.name]
            safe = np.where(sd > 0.0, sd, 1.0)
            own += (by_scale[term.sd.name] * (sd > 0.0) / safe)[:, None] * L
            power = 2.0 * (term.correlation.eta - 1.0)
            for part in term.correlation.parts if term.correlation.free and power else ():
                for i in part[1:]:
                    # A singular factor has no density under LKJ: the value is then not finite.
                    with np.errstate(divide="ignore", invalid="ignore"):
                        total += power * (np.log(abs(L[i, i])) - np.log(sd[i]))
                        own[i] -= power * L[i] / sd[i] ** 2
                        own[i, i] += power / L[i, i]
        return total


def _pattern(blocks: tuple[tuple[int, ...], ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the lower triangles of the diagonal blocks."""
    pairs = [(r, c) for block in blocks for i, r in enumerate(block) for c in block[: i + 1]]
    rows, cols = np.array(sorted(pairs)).T
    return rows, cols
