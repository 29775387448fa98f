"""One chain of the Gibbs sampler of a regression with shrinkage blocks (Park & Casella 2008).

A sweep draws (1) every scale given the coefficients and sigma, (2) common scales once more with u
integrated out, (3) sigma, (4) all coefficients jointly. Where all blocks are in units of sigma,
step 3 has u integrated out, and beta too where it is flat: for density 1 or 1 / sigma the draw is
then an inverse gamma, else a slice step. Where a block is not, sigma is drawn given all
coefficients, and therefore before step 2, after which the old u belong to no scale. Either way the
posterior is left invariant (van Dyk & Park 2008: what is integrated out is drawn before anything
else uses it).
The rows enter through sums that are formed once.
"""

from typing import NamedTuple

import numpy as np

from ...solvers.compiled import jit
from .coefficients import draw_coefficients, integrate, make_work, profiled, residual
from .scales import COMMON, FIXED, block_scales, draw_block
from .slices import log_density, plain, slice_step

HALF_FLAT, JEFFREYS = 0, 9
STEP = 1.5  # longest typical step of the log of a common scale


class Laws(NamedTuple):
    """Laws as rows (code, a, b, constant), code -1 where the value is fixed."""

    starts: np.ndarray  # (B + 1,) where the blocks begin among the columns
    power: np.ndarray  # (B,) 1 where scales are in units of sigma
    local: np.ndarray  # (P, 4)
    heads: np.ndarray  # (B, 3, 4): common, rate, slab^2
    sigma: np.ndarray  # (4,)
    moved: np.ndarray  # (B,) 1 where step 2 is taken


class SweepState(NamedTuple):
    """Where a chain is; every array is changed in place."""

    beta: np.ndarray  # (p,)
    u: np.ndarray  # (P,)
    local: np.ndarray  # (P,)
    heads: np.ndarray  # (B, 3)
    sigma: np.ndarray  # (1,)


@jit
def _all_scales(laws, state, sigma, S):
    """S (P,) <- scales in units of sigma."""
    for b in range(laws.power.size):
        at = slice(laws.starts[b], laws.starts[b + 1])
        block_scales(state.local[at], state.heads[b], laws.power[b], sigma, S[at])
    for j in range(S.size):
        S[j] /= sigma


@jit
def _draw_sigma(rng, law, degrees, total, sigma):
    """A draw of sigma, whose likelihood is sigma^-degrees exp(-total / (2 sigma^2))."""
    if law[0] == JEFFREYS or law[0] == HALF_FLAT:
        shape = 0.5 * degrees if law[0] == JEFFREYS else 0.5 * (degrees - 1.0)
        return np.sqrt(0.5 * total / rng.standard_gamma(shape))
    return slice_step(rng, plain(law, degrees, 0.5 * total, 2.0), sigma, 3.0 / np.sqrt(degrees))


@jit
def _given_coefficients(data, laws, state, S):
    """Degrees of freedom and sum of squares of sigma's conditional given beta and u."""
    rest = np.empty(data.z.size)
    residual(data, state.beta, state.u, rest)
    degrees, total = data.size, np.dot(rest, rest)
    for b in range(laws.power.size):
        if laws.power[b]:
            for j in range(laws.starts[b], laws.starts[b + 1]):
                degrees += 1.0
                total += (state.u[j] / S[j]) ** 2
    return degrees, total


@jit
def _integrated(data, work, state, q):
    """The same with u integrated out, and beta too where it is flat; last, whether it exists."""
    if data.flat:
        total, whole = profiled(work, q)
        return data.size - state.beta.size, total, whole
    return data.size, _squares(work, state, q), True


@jit
def _squares(work, state, q):
    """Sum of squares with u integrated out, beta held."""
    for k in range(state.beta.size):
        q += state.beta[k] * (np.dot(work.C[k], state.beta) - 2.0 * work.t[k])
    return q


@jit
def _log_common(data, laws, state, work, S, b):
    """Log density of the log of a block's common scale, u integrated out, beta and sigma held."""
    _all_scales(laws, state, state.sigma[0], S)
    q, whole = integrate(data, work, S)
    if not whole:
        return -np.inf
    value = log_density(plain(laws.heads[b, COMMON], 0.0, 0.0, 0.0), np.log(state.heads[b, COMMON]))
    for i in range(work.solved.size):
        value -= np.log(work.factor[i, i])
    return value - 0.5 * _squares(work, state, q) / state.sigma[0] ** 2


@jit
def _move_common(rng, data, laws, state, work, S, b):
    """A Metropolis step of a block's common scale with all u integrated out.

    Given u a common scale can hardly move where columns are many (Johndrow, Orenstein &
    Bhattacharya 2020); the step's length is itself random, since the right one is not known.
    """
    old = state.heads[b, COMMON]
    before = _log_common(data, laws, state, work, S, b)
    state.heads[b, COMMON] = old * np.exp(STEP * rng.random() * rng.standard_normal())
    after = _log_common(data, laws, state, work, S, b)
    if not after - before > -rng.standard_exponential():
        state.heads[b, COMMON] = old


@jit
def sweep(rng, data, laws, state, work, S):
    """All steps once; False where a factor does not exist in float64."""
    for b in range(laws.power.size):
        at = slice(laws.starts[b], laws.starts[b + 1])
        draw_block(
            rng,
            state.u[at],
            state.local[at],
            state.heads[b],
            laws.local[at],
            laws.heads[b],
            laws.power[b],
            state.sigma[0],
        )
    free = laws.sigma[0] != FIXED
    together = laws.power.min() > 0
    if free and not together:  # given u, so before u is integrated out
        _all_scales(laws, state, state.sigma[0], S)
        degrees, total = _given_coefficients(data, laws, state, S)
        state.sigma[0] = _draw_sigma(rng, laws.sigma, degrees, total, state.sigma[0])
    for b in range(laws.power.size):
        if laws.moved[b]:
            _move_common(rng, data, laws, state, work, S, b)
    _all_scales(laws, state, state.sigma[0], S)
    q, whole = integrate(data, work, S)
    if free and together and whole:
        degrees, total, whole = _integrated(data, work, state, q)
        if whole:
            state.sigma[0] = _draw_sigma(rng, laws.sigma, degrees, total, state.sigma[0])
    return whole and draw_coefficients(rng, data, work, S, state.sigma[0], state.beta, state.u)


@jit
def keep(values, out):
    """out <- values, entry by entry."""
    for i in range(out.size):
        out[i] = values[i]


@jit
def run(rng, data, laws, state, tune, beta, u, local, heads, sigma):
    """Sweep `tune` times, then fill the arrays draw by draw; the number of draws that are good."""
    work, S = make_work(data), np.empty(state.u.size)
    _all_scales(laws, state, state.sigma[0], S)
    _, whole = integrate(data, work, S)
    if not whole or not draw_coefficients(rng, data, work, S, state.sigma[0], state.beta, state.u):
        return 0
    for i in range(-tune, sigma.size):
        if not sweep(rng, data, laws, state, work, S):
            return max(i, 0)
        if i >= 0:
            keep(state.beta, beta[i])
            keep(state.u, u[i])
            keep(state.local, local[i])
            keep(state.heads.ravel(), heads[i])
            sigma[i] = state.sigma[0]
    return sigma.size
