"""Work that is done in parts is the work done at once: every limit on a part made small.

Where draws are made part by part the law is the same; each is whitened by dense algebra at its own
variances, and all parts have to be white.
"""

from importlib import import_module

import numpy as np
import pytest
from scipy import stats

import bayeslmm as bl
from bayeslmm.columns.kernels import gaussian
from bayeslmm.posterior.log_densities import log_complete
from bayeslmm.posterior.recover import points, theta_points
from bayeslmm.posterior.redrawn import pieces
from bayeslmm.solvers.column_moments import column_moments
from bayeslmm.solvers.dual import Dual
from tests.whole import ROWS

SURE = 5.0  # standard errors
SIZE = 31  # coefficients of the whole model


def whitened(whole, posterior, drawn):
    """Draws (k, 31) in units of the law given their own variances."""
    p = {n: posterior[n].values for n in ("sd_g", "corr_g", "sd_h", "sd_z", "sigma")}
    flat = {n: v.reshape(-1, *v.shape[2:]) for n, v in p.items()}
    found = np.empty(drawn.shape)
    for k in range(len(drawn)):
        mean, precision = whole.law_given(*(flat[n][k] for n in flat))
        found[k] = np.linalg.cholesky(precision).T @ (drawn[k] - mean)
    return found


def are_white(z, step, parts=4):
    """Each part of the draws has mean zero, variance one, and is unlike the next, `step` on."""
    for own in np.array_split(z, parts):
        assert np.abs(own.mean(axis=0)).max() < SURE / np.sqrt(len(own))
        assert np.mean(own**2) == pytest.approx(1.0, abs=SURE * np.sqrt(2.0 / own.size))
    for lag in (step, len(z) // 2):
        pairs = z[:-lag] * z[lag:]
        assert abs(np.mean(pairs)) < SURE / np.sqrt(pairs.size)


def side_by_side(model, drawn):
    """All coefficients (k, .), in the order of the terms."""
    each = [drawn[term.coefficients] for term in model.terms]
    return np.hstack([values.reshape(len(values), -1) for values in each])


@pytest.mark.parametrize("gone", [["u_g"], ["u_g", "u_h", "u_z", "beta"], ["u_z"]])
def test_coefficients_that_were_not_kept_are_drawn_slice_by_slice(whole, monkeypatch, gone):
    monkeypatch.setattr("bayeslmm.posterior.redrawn.SLICE", 33 * SIZE)
    posterior = whole.nuts["posterior"].dataset.drop_vars(gone)
    found, slices = [], []
    for part, drawn in pieces(whole.model, posterior, np.random.default_rng(0)):
        slices.append(part)
        found.append(side_by_side(whole.model, drawn))
    assert [s.start for s in slices] == list(range(0, 400, 33))
    are_white(whitened(whole, posterior, np.concatenate(found)), 33)


def test_draws_in_batches_of_random_numbers(whole, monkeypatch):
    monkeypatch.setattr("bayeslmm.solvers.primal.BATCH", 1000)
    posterior, model = whole.nuts["posterior"].dataset, whole.model
    solver = model.solver()
    scales, sigma = theta_points(model, posterior)
    batches = solver._batches(sigma.size, True)
    assert len(batches) > 4
    beta, effects = solver.draws(scales, sigma, np.random.default_rng(0))
    again = solver.redraws(scales, sigma, beta, effects[1:], np.random.default_rng(1))
    for first in (effects[0], again):
        drawn = side_by_side(model, model.coefficients(beta, (first, *effects[1:])))
        are_white(whitened(whole, posterior, drawn), batches[0].stop)


def test_fitted_values_and_r2_over_blocks_of_draws(whole, monkeypatch):
    monkeypatch.setattr("bayeslmm.criticism.residuals.BLOCK", 2 * 7 * ROWS)
    values = whole.means(whole.nuts)
    table = bl.fitted(whole.model, whole.nuts)
    np.testing.assert_allclose(table["mean"], values.mean(axis=(0, 1)), rtol=1e-9)
    np.testing.assert_allclose(table["sd"], values.std(axis=(0, 1)), rtol=1e-7)
    in_parts = bl.r2(whole.model, whole.nuts)
    monkeypatch.undo()
    np.testing.assert_allclose(in_parts, bl.r2(whole.model, whole.nuts), rtol=1e-12)


def test_columns_by_the_thousand_have_the_moments_of_dense_algebra():
    """Ridge with more than four times as many columns as rows: they are whitened in parts."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 70)), rng.normal(size=8)
    fixed = {"Intercept": "Normal(0, 1)", "sd_x": 0.5, "sigma": 0.7}
    model = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ridge(X, name="x", scale=None)], priors=fixed)
    eb = bl.fit(model, bl.EmpiricalBayes(draws=2), seed=1)
    Z = np.column_stack([np.ones(8), X - X.mean(axis=0)])
    precision = Z.T @ Z / 0.49 + np.diag([1.0, *np.full(70, 4.0)])
    V = np.linalg.inv(precision)
    moments = eb["posterior_moments"]
    assert isinstance(model.solver(), Dual)
    np.testing.assert_allclose(moments["u_x_mean"], (V @ Z.T @ y / 0.49)[1:], atol=1e-10)
    np.testing.assert_allclose(moments["u_x_sd"], np.sqrt(np.diag(V))[1:], rtol=1e-9)


@pytest.mark.parametrize("gone", [0.0, 0.2])
def test_moments_of_columns_over_many_rows(gone):
    Y = 3.0 + np.random.default_rng(0).normal(size=(601, 3))
    Y[np.random.default_rng(1).uniform(size=Y.shape) < gone] = np.nan
    mean, variance = column_moments(Y, gone == 0.0)
    np.testing.assert_allclose(mean, np.nanmean(Y, axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, np.nanvar(Y, axis=0), rtol=1e-12)


def test_a_kernel_of_many_rows(monkeypatch):
    monkeypatch.setattr(import_module("bayeslmm.columns.kernels"), "_BLOCK", 12)
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(11, 2)), rng.normal(size=(4, 2))
    truth = np.exp(-((x[:, None] - c) ** 2).sum(axis=2) / 1.5**2)
    np.testing.assert_allclose(gaussian(width=1.5)(x, c), truth, rtol=1e-12)


def test_equal_columns_are_found_however_far_apart():
    X = np.random.default_rng(0).normal(size=(9, 600))
    X[:, 599] = X[:, 3]
    with pytest.raises(bl.DesignError, match=r"\b3\b.*\b599\b"):
        bl.lmm("y ~ 1", {"y": np.arange(9.0)}, terms=[bl.horseshoe(X, name="x")])


def test_a_joint_density_of_many_draws(whole, monkeypatch):
    """log p(y | beta, u, sigma) + log p(u | theta) + log p(beta), seven draws at a time."""
    monkeypatch.setattr("bayeslmm.posterior.log_densities.BLOCK", 7 * ROWS)
    p, count = whole.nuts["posterior"].dataset, whole.data["f"].to_numpy()
    flat = {n: p[n].values.reshape(-1, *p[n].shape[2:]) for n in p.data_vars}
    rows = stats.norm.logpdf(whole.data["y"], whole.means(whole.nuts), whole.noise(whole.nuts))
    truth = (rows @ count).ravel()
    truth += stats.norm.logpdf(flat["beta"], [30.0, 0.0], [20.0, 5.0]).sum(axis=1)
    truth += stats.norm.logpdf(flat["u_h"][..., 0], 0.0, flat["sd_h"]).sum(axis=1)
    truth += stats.norm.logpdf(flat["u_z"], 0.0, flat["sd_z"][:, None] / whole.spread).sum(axis=1)
    for k, (sd, corr, u) in enumerate(zip(flat["sd_g"], flat["corr_g"], flat["u_g"])):
        psi = sd[:, None] * corr * sd
        truth[k] += stats.multivariate_normal.logpdf(u, np.zeros(2), psi).sum()
    drawn = {term.coefficients: flat[term.coefficients] for term in whole.model.terms}
    found = log_complete(whole.model, points(whole.model, p), drawn)
    np.testing.assert_allclose(found, truth, rtol=1e-9)
