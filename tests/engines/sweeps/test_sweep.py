"""The sweep leaves the joint law of parameters and data as it is (Geweke 2004, section 3).

Draw y given the parameters, sweep given y, and again: if, and only if, every step is right, the
parameters keep their prior. Probability transforms of all of them are then uniform.
"""

import numpy as np
import pytest
from scipy import stats

from bayeslmm.engines.sweeps.coefficients import make_work
from bayeslmm.engines.sweeps.sampler import SweptBlock, prepare, reduce_rows
from bayeslmm.engines.sweeps.scales import block_scales
from bayeslmm.engines.sweeps.sweep import SweepState, sweep
from bayeslmm.model.laws import Law

from .test_slices import assert_uniform

CDF = {
    "HalfNormal": lambda s: stats.halfnorm(scale=s),
    "HalfCauchy": lambda s: stats.halfcauchy(scale=s),
    "Gamma": lambda a, b: stats.gamma(a, scale=1 / b),
    "InverseGamma": lambda a, b: stats.invgamma(a, scale=b),
    "LogNormal": lambda m, s: stats.lognorm(s, scale=np.exp(m)),
    "Rayleigh": lambda s: stats.rayleigh(scale=s),
}
DRAWS = 25_000
COMMON, RATE = Law("HalfNormal", (0.8,)), Law("Gamma", (2.0, 1.0))
RAYLEIGH, CAUCHY = Law("Rayleigh", (1.0,)), Law("HalfCauchy", (1.0,))
SLAB = Law("InverseGamma", (2.0, 0.3))
BLOCKS = {
    "laplace": [SweptBlock(3, local=RAYLEIGH, rate=RATE, power=1)],
    "laplace, both shared scales": [
        SweptBlock(3, local=Law("Rayleigh", (0.6,)), common=COMMON, rate=RATE, power=0)
    ],
    "laplace with a slab": [SweptBlock(3, local=RAYLEIGH, rate=RATE, slab2=SLAB, power=1)],
    "horseshoe": [SweptBlock(3, local=CAUCHY, common=COMMON, power=1)],
    "horseshoe with a slab": [SweptBlock(3, local=CAUCHY, common=COMMON, slab2=SLAB, power=1)],
    "ard": [SweptBlock(3, local=Law("LogNormal", (0.0, 1.0)))],
    "ridge": [SweptBlock(3, common=COMMON)],
    "two in units of sigma": [
        SweptBlock(2, local=RAYLEIGH, rate=RATE, power=1),
        SweptBlock(2, local=CAUCHY, common=COMMON, power=1),
    ],
    "one in units of sigma, one not": [
        SweptBlock(2, local=RAYLEIGH, rate=RATE, power=1),
        SweptBlock(2, common=COMMON),
    ],
    "more columns than rows": [SweptBlock(12, local=RAYLEIGH, rate=RATE, power=1)],
}


def uniform(law, x):
    return CDF[law.name](*law.parameters).cdf(x)


@pytest.mark.parametrize("name", BLOCKS)
def test_getting_it_right(name):
    blocks, sigma = BLOCKS[name], Law("LogNormal", (0.0, 0.5))
    P, n = sum(b.columns for b in blocks), 4
    rng = np.random.default_rng(5)
    X, A = rng.normal(size=(n, 2)), rng.normal(size=(n, P)) * 0.7
    precision = np.array([[1.0, 0.3], [0.3, 0.8]])
    mean = np.array([0.5, -1.0])
    data, _ = reduce_rows(X, A, np.zeros(n), precision, precision @ mean)
    assert (data.gram.size == 0) == (P > 10)
    laws, *start = prepare(blocks, sigma, wide=3)  # as in wide blocks
    state = SweepState(mean.copy(), np.zeros(P), *start, np.ones(1))
    work, S = make_work(data), np.empty(P)
    found, inverse = [], np.linalg.cholesky(precision).T
    for _ in range(DRAWS):
        noise = state.sigma[0] * rng.standard_normal(n)
        data.z[:] = X @ state.beta + A @ state.u + noise
        data.score[:], data.Xz[:] = A.T @ data.z, X.T @ data.z
        assert sweep(rng, data, laws, state, work, S)
        for b in range(len(blocks)):
            at = slice(laws.starts[b], laws.starts[b + 1])
            block_scales(state.local[at], state.heads[b], laws.power[b], state.sigma[0], S[at])
        z = inverse @ (state.beta - mean)
        e = (data.z - X @ state.beta - A @ state.u) / state.sigma
        heads, local = state.heads.ravel(), state.local
        found.append(np.concatenate([state.sigma, heads, local, z, state.u / S, e]))
    draws = np.array(found).T
    parts = np.split(draws, np.cumsum([1, 3 * len(blocks), P]))
    assert_uniform(uniform(sigma, parts[0][0]))
    for b, block in enumerate(blocks):
        for k, law in enumerate((block.common, block.rate, block.slab2)):
            if isinstance(law, Law):
                assert_uniform(uniform(law, parts[1][3 * b + k]))
        for j in range(laws.starts[b], laws.starts[b + 1]):
            if isinstance(block.local, Law):
                assert_uniform(uniform(block.local, parts[2][j]))
    for z in parts[3]:  # beta, u and errors, in units of their scales
        assert_uniform(stats.norm.cdf(z))


def grid_of_a_ridge(A, y):
    """Log sd, log sigma at the points of a grid and their probabilities, by dense algebra."""
    values, vectors = np.linalg.eigh(A @ A.T)
    squares = (vectors.T @ y) ** 2
    points = np.stack(np.meshgrid(np.linspace(-8, 2, 300), np.linspace(-8, 2, 300)), -1)
    points = points.reshape(-1, 2)
    sd, noise = np.exp(points).T
    variance = sd[:, None] ** 2 * values + noise[:, None] ** 2
    logs = points.sum(axis=1) - 0.5 * (np.log(variance) + squares / variance).sum(axis=1)
    logs += stats.halfnorm(scale=1.0).logpdf(sd) + stats.halfnorm(scale=2.0).logpdf(noise)
    weights = np.exp(logs - logs.max())
    return points, weights / weights.sum()


def test_a_wide_block_not_in_units_of_sigma_keeps_its_posterior():
    """Sweeps from exact draws of the posterior of more columns than rows end in it (by a grid)."""
    rng, (n, P) = np.random.default_rng(7), (40, 45)
    A = rng.normal(size=(n, P))
    y = 0.15 * A @ rng.normal(size=P) + rng.normal(size=n)
    points, weights = grid_of_a_ridge(A, y)
    data, _ = reduce_rows(np.zeros((n, 0)), A, y)
    blocks = [SweptBlock(P, common=Law("HalfNormal", (1.0,)))]
    laws, local, heads = prepare(blocks, Law("HalfNormal", (2.0,)))
    assert laws.moved[0]
    work, S, found = make_work(data), np.empty(P), []
    for sd, noise in np.exp(points[rng.choice(len(points), 25_000, p=weights)]):
        u = sd * rng.standard_normal(P)  # from its prior, then moved to its law given y
        gap = y - A @ u - noise * rng.standard_normal(n)
        u += sd**2 * A.T @ np.linalg.solve(sd**2 * A @ A.T + noise**2 * np.eye(n), gap)
        state = SweepState(np.zeros(0), u, local.copy(), heads.copy(), np.array([noise]))
        state.heads[0, 0] = sd
        for _ in range(6):
            assert sweep(rng, data, laws, state, work, S)
        found.append(np.log([state.heads[0, 0], state.sigma[0]]))
    drawn = np.array(found) - weights @ points
    points = points - weights @ points
    for f in (lambda z: z[:, 0], lambda z: z[:, 1], lambda z: z[:, 0] * z[:, 1]):
        truth = weights @ f(points)
        sd = np.sqrt(weights @ (f(points) - truth) ** 2)
        error = (f(drawn).mean() - truth) / (sd / np.sqrt(len(drawn)))
        assert abs(error) < 4.0  # the draws are independent
