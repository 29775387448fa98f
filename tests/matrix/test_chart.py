"""Loadings turned to a triangle have the law that the chart states; the target is its density."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from scipy import stats

import bayeslmm as bl
from bayeslmm.engines.start import centre
from bayeslmm.model.laws import Law
from bayeslmm.model.loadings import (
    NATURAL,
    NONE,
    POSTERIOR,
    chart_of,
    coordinates,
    prior_at,
    unpack_many,
)
from bayeslmm.model.parameters import Loadings, Positive
from bayeslmm.model.space import Space
from bayeslmm.solvers.canonical import covariance, described, facing, principal, upright
from tests.solvers.dense_factor import Dense, rows

SD = 1.3


def known(name, *values):
    return Positive(name, len(values), fixed=np.array(values, dtype=float))


def chart_at(d, q, unit, scales, floor=1.0):
    """The chart of loadings under the first of some scales, and its number of coordinates."""
    loadings = Loadings("W", d, q, scales[0])
    space = Space((loadings, *scales))
    at = space.layout
    return chart_of(loadings, unit, floor, at.at, at.code, at.parameters, at.value), space.size


def triangle_of(W, U):
    """The lower triangle of U'W with a positive diagonal, by Cholesky of its rows' products."""
    T = U.T @ W
    q = T.shape[1]
    top = np.linalg.cholesky(T[:q] @ T[:q].T)
    return np.vstack([top, T[q:] @ T[:q].T @ np.linalg.inv(top).T])


def turn(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


# Coordinates and back


@pytest.mark.parametrize(("d", "q"), [(2, 1), (5, 3), (6, 5), (4, 0)])
def test_loadings_come_back_from_their_coordinates_up_to_a_rotation(d, q):
    scales = [known("sd_W", SD)] * (q > 0) + [Positive("sigma", 1, law=Law("HalfNormal", (1.0,)))]
    (chart, size), U = chart_at(d, q, 0.8, scales), turn(d)
    W = np.random.default_rng(1).standard_normal((d, q))
    h = np.array([SD] * (q > 0) + [0.4])
    z = coordinates(chart, size, U, W, h)
    assert z.size == size == d * q - q * (q - 1) // 2 + 1
    T, back = unpack_many(z[None], chart)
    np.testing.assert_allclose(back[0], h, rtol=1e-14)
    np.testing.assert_allclose(U @ T[0] @ T[0].T @ U.T, W @ W.T, atol=1e-13)
    if q:
        np.testing.assert_allclose(T[0], triangle_of(W, U), atol=1e-12)
        turned = coordinates(chart, size, U, W @ turn(q, 2), h)
        np.testing.assert_allclose(turned, z, atol=1e-12)


def test_every_loading_is_a_coordinate_where_components_have_scales_of_their_own():
    sigma = Positive("sigma", 1, law=Law("HalfNormal", (1.0,)))
    own = Positive("sd_W", 2, law=Law("HalfNormal", (1.0,)))
    (chart, size), U = chart_at(4, 2, 0.8, [own, sigma]), turn(4)
    W, h = np.random.default_rng(1).standard_normal((4, 2)), np.array([0.5, 2.0, 0.3])
    T, back = unpack_many(coordinates(chart, size, U, W, h)[None], chart)
    np.testing.assert_allclose(U @ T[0], W, atol=1e-14)
    np.testing.assert_allclose(back[0], h, rtol=1e-14)


# Bartlett's law


def test_the_prior_of_two_features_and_one_component_integrates_to_one_and_to_its_moments():
    chart, _ = chart_at(2, 1, 0.8, [known("sd_W", SD), known("sigma", 1.0)])
    nodes, weights = np.polynomial.legendre.leggauss(60)
    t, by_t = 5.5 * SD * (nodes + 1), 5.5 * SD * weights  # T_11, from 0
    x, by_x = 11 * SD * nodes / 0.8, 11 * SD * weights / 0.8  # T_21 / unit
    density = np.array(
        [[np.exp(prior_at(np.array([np.log(a / 0.8), b]), chart)) / a for b in x] for a in t]
    )
    mass = density * by_t[:, None] * by_x
    assert mass.sum() == pytest.approx(1.0, abs=1e-8)
    a, b = np.meshgrid(t, 0.8 * x, indexing="ij")
    for f, truth in [
        (a**2, SD**2),  # of w w' for iid w, by the moments of the normal
        (b**2, SD**2),
        (a * b, 0.0),
        (a**2 * b**2, SD**4),
        (a**4, 3 * SD**4),
        ((a**2 + b**2) ** 2, 8 * SD**4),
    ]:
        assert (mass * f).sum() == pytest.approx(truth, abs=1e-7 * SD**4)


@pytest.mark.parametrize(("d", "q"), [(3, 2), (5, 3), (4, 1)])
def test_iid_loadings_turned_to_the_triangle_have_the_stated_density(d, q):
    """Draws under p reweighted by g / p are draws of g, whose moments are known."""
    count, unit, U = 5_000, 0.8, turn(d)
    chart, size = chart_at(d, q, unit, [known("sd_W", SD), known("sigma", 1.0)])
    rng = np.random.default_rng(4)
    below = [(i, j) for j in range(q) for i in range(j, d)]
    diagonal = np.array([i == j for i, j in below])
    draws = np.empty((count, len(below)))
    log_p = np.empty(count)
    for k in range(count):
        W = SD * rng.standard_normal((d, q))
        z = coordinates(chart, size, U, W, np.array([SD, 1.0]))
        log_p[k] = prior_at(z, chart)
        T = triangle_of(W, U)
        draws[k] = [T[at] for at in below]
    for scale in (0.6, 0.8):
        g = stats.norm(0.2, scale * SD).logpdf(draws[:, ~diagonal]).sum(axis=1)
        g += stats.maxwell(scale=scale * SD).logpdf(draws[:, diagonal]).sum(axis=1)
        g += np.log(draws[:, diagonal]).sum(axis=1) + (~diagonal).sum() * np.log(unit)
        weight = np.exp(g - log_p)
        truths = [(np.ones(count), 1.0)]
        for j in range(len(below)):
            mean = 2 * scale * SD * np.sqrt(2 / np.pi) if diagonal[j] else 0.2
            square = 3 * (scale * SD) ** 2 if diagonal[j] else 0.04 + (scale * SD) ** 2
            truths += [(draws[:, j], mean), (draws[:, j] ** 2, square)]
        for f, truth in truths:
            error = (weight * f).std() / np.sqrt(count)
            assert abs((weight * f).mean() - truth) < 4 * error
            assert error < 0.3


def test_columns_of_bent_length_have_the_law_of_iid_loadings_under_their_own_scales():
    """The density of w and log s times a Jacobian of differences, near the bend and far off."""
    d, q, unit = 4, 2, 0.8
    own = Positive("sd_W", q, law=Law("LogNormal", (0.0, 0.5)))
    chart, size = chart_at(d, q, unit, [own, known("sigma", 1.0)], 0.3)
    rng = np.random.default_rng(5)
    for reach in (0.05, 0.3, 2.0):
        z = np.concatenate([reach * rng.standard_normal(q * d), rng.standard_normal(q)])
        T, h = (a[0] for a in unpack_many(z[None], chart))
        truth = stats.norm(0.0, h[:q]).logpdf(T).sum() + stats.lognorm(0.5).logpdf(h[:q]).sum()
        e = 1e-6 * np.eye(z.size)
        J = [(lower(chart, None, z + s) - lower(chart, None, z - s)) / 2e-6 for s in e]
        assert prior_at(z, chart) == pytest.approx(truth + np.linalg.slogdet(J)[1], rel=1e-6)
        np.testing.assert_allclose(
            coordinates(chart, size, np.eye(d), T, h), z, rtol=1e-9, atol=1e-12
        )


# The target


LAWS = {"sd_W": "Gamma(2, 1)", "sigma": "HalfStudentT(3, 0.5)"}


def sd_W_density(x):
    return stats.gamma(2.0).logpdf(x)


def sigma_density(x):
    return np.log(2.0) + stats.t(3, scale=0.5).logpdf(x)


def table(missing, seed=3, n=9, d=4, q=2):
    rng = np.random.default_rng(seed)
    return rows(rng, n, rng.standard_normal((d, q)), 0.5, 1.0, missing)


def models():
    for missing in (0.0, 0.25):
        Y = table(missing)
        name = "gaps" if missing else "complete"
        yield f"{name}", bl.ppca(Y, 2, priors=LAWS), (sd_W_density, sigma_density)
        fixed = LAWS | {"sd_W": 0.9}
        yield f"{name}, sd_W fixed", bl.ppca(Y, 2, priors=fixed), (None, sigma_density)
        fixed = LAWS | {"sigma": 0.6}
        yield f"{name}, sigma fixed", bl.ppca(Y, 2, priors=fixed), (sd_W_density, None)
        both = {"sd_W": 0.9, "sigma": 0.6}
        yield f"{name}, both fixed", bl.ppca(Y, 2, priors=both), (None, None)
        custom = LAWS | {"sigma": pm.Weibull.dist(alpha=3.0, beta=1.1)}
        weibull = stats.weibull_min(3.0, scale=1.1).logpdf
        yield f"{name}, custom", bl.ppca(Y, 2, priors=custom), (sd_W_density, weibull)
        yield f"{name}, ard", bl.ppca(Y, 2, ard=True, priors=LAWS), (sd_W_density, sigma_density)
        yield (
            f"{name}, scaled",
            bl.ppca(Y, 2, scale="sd", priors=LAWS),
            (sd_W_density, sigma_density),
        )


CASES = {name: (model, laws) for name, model, laws in models()}
each = pytest.mark.parametrize("name", list(CASES))
modes = pytest.mark.parametrize("mode", [NONE, POSTERIOR, NATURAL])


def target_of(model, mode):
    return replace(model.target(prior=mode != NONE), natural=mode == NATURAL)


def some_point(model, seed=0):
    target = model.target()
    return centre(model) + 0.3 * np.random.default_rng(seed).standard_normal(target.dimension)


def lower(chart, U, z):
    """Free numbers of T and h at z, as one vector: what a density in z is a Jacobian away from."""
    T, h = (a[0] for a in unpack_many(z[None], chart))
    free = [T[i, j] for j in range(chart.q) for i in range(0 if chart.full else j, chart.d)]
    return np.array([*free, *h[chart.at >= 0]])


@each
@modes
def test_the_target_is_the_dense_density_times_the_prior_that_was_declared(name, mode):
    model, laws = CASES[name]
    target, z = target_of(model, mode), some_point(model)
    theta = model.space.constrain(z)
    W, h = theta["W"], np.append(theta["sd_W"], theta["sigma"])
    truth = Dense(model.problem.Y, W, h[-1], model.fixed).value("evidence")
    truth -= model.problem.there.sum(axis=0) @ np.log(model.fixed.unit)
    spread = np.broadcast_to(h[:-1], 2)
    if mode != NONE:
        truth += sum(law(h[k]).sum() for k, law in zip((slice(0, -1), -1), laws) if law)
    if mode == NATURAL:
        truth += stats.norm(0.0, spread).logpdf(W).sum()
    if mode == POSTERIOR:
        T = model.axes.basis.T @ W
        if model.scores.loadings.own:
            truth += stats.norm(0.0, spread).logpdf(T).sum()
        else:
            truth += stats.norm(0.0, spread[0]).logpdf(T[[1, 2, 2, 3, 3], [0, 0, 1, 0, 1]]).sum()
            truth += stats.chi(2, scale=spread[0]).logpdf(T[0, 0])
            truth += stats.chi(1, scale=spread[0]).logpdf(T[1, 1])
        step, chart = 1e-6, model.space.chart
        J = np.array(
            [
                (lower(chart, None, z + e) - lower(chart, None, z - e)) / (2 * step)
                for e in step * np.eye(z.size)
            ]
        )
        truth += np.linalg.slogdet(J)[1]
    assert target(z)[0] == pytest.approx(truth, rel=1e-8, abs=1e-7)


@each
@modes
def test_the_gradient_is_the_difference_quotient(name, mode):
    model, _ = CASES[name]
    target, z = target_of(model, mode), some_point(model, 1)
    _, grad = target(z)
    step = 1e-5
    truth = [(target(z + e)[0] - target(z - e)[0]) / (2 * step) for e in step * np.eye(z.size)]
    np.testing.assert_allclose(grad, truth, rtol=1e-6, atol=1e-6)


@each
def test_the_prior_is_the_posterior_less_the_likelihood(name):
    model, _ = CASES[name]
    Z = np.array([some_point(model, s) for s in range(3)])
    both, likelihood = (target_of(model, m).many(Z) for m in (POSTERIOR, NONE))
    np.testing.assert_allclose(model.target().prior_many(Z), both - likelihood, atol=1e-9)


# Canonical form


def test_principal_axes_are_orthogonal_and_ordered_and_the_covariance_is_the_same():
    W = np.random.default_rng(0).standard_normal((50, 6, 3))
    turned, Q = principal(W)
    gram = np.swapaxes(turned, 1, 2) @ turned
    lengths = np.diagonal(gram, axis1=1, axis2=2)
    np.testing.assert_allclose(gram, lengths[:, :, None] * np.eye(3), atol=1e-12)
    assert (np.diff(lengths, axis=1) <= 0.0).all()
    np.testing.assert_allclose(W @ Q, turned, atol=1e-13)
    np.testing.assert_allclose(
        Q @ np.swapaxes(Q, 1, 2), np.broadcast_to(np.eye(3), Q.shape), atol=1e-13
    )
    sigma = np.full(50, 0.4)
    truth = W @ np.swapaxes(W, 1, 2) + 0.16 * np.eye(6)
    np.testing.assert_allclose(covariance(turned, sigma), truth, atol=1e-12)


def test_signs_are_those_of_the_reference_whose_largest_entries_are_positive():
    rng = np.random.default_rng(1)
    reference = upright(principal(rng.standard_normal((6, 3)))[0])
    largest = np.abs(reference).argmax(axis=0)
    assert (reference[largest, range(3)] > 0.0).all()
    W = reference + 0.2 * rng.standard_normal((40, 6, 3))
    turned = W @ facing(W, reference)
    assert (np.einsum("kdq,dq->kq", turned, reference) > 0.0).all()


def test_no_other_rotation_brings_loadings_nearer_to_the_reference():
    rng = np.random.default_rng(4)
    W, reference = rng.standard_normal((30, 6, 3)), rng.standard_normal((6, 3))
    Q = facing(W, reference)
    np.testing.assert_allclose(Q @ np.swapaxes(Q, 1, 2), np.tile(np.eye(3), (30, 1, 1)), atol=1e-12)
    nearest = np.linalg.norm(W @ Q - reference, axis=(1, 2))
    for seed in range(20):
        other = np.linalg.norm(W @ turn(3, seed) - reference, axis=(1, 2))
        assert (nearest <= other + 1e-12).all()
    reference[:, 2] = 0.0  # a component of no length tells nothing, and is not turned at random
    axes = principal(W)[0]
    again = principal(W)[0] @ facing(axes, reference)
    np.testing.assert_array_equal(again, axes @ facing(axes, reference))


def test_a_rotation_of_the_loadings_changes_nothing_that_is_told():
    rng = np.random.default_rng(2)
    W, reference = rng.standard_normal((2, 5, 3))
    for seed in range(3):
        a, b = (each @ facing(each[None], reference)[0] for each in (W, W @ turn(3, seed)))
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_explained_variances_are_the_largest_eigenvalues_of_the_covariance():
    W, sigma = np.random.default_rng(3).standard_normal((4, 6, 2)), np.array([0.3, 0.5, 1.0, 2.0])
    told = described(principal(W)[0], sigma)
    for k, C in enumerate(covariance(W, sigma)):
        values = np.linalg.eigvalsh(C)[::-1]
        np.testing.assert_allclose(told["explained_variance"][k], values[:2], rtol=1e-12)
        np.testing.assert_allclose(
            told["explained_ratio"][k], values[:2] / values.sum(), rtol=1e-12
        )
