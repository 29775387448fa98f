"""Numbers that were plugged in are counted, and estimated anew without what is left out."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

import bayeslmm as bl
from bayeslmm.criticism.leave_out.anew import turns_of
from bayeslmm.criticism.leave_out.refit import without
from bayeslmm.criticism.plugged import plugged_in

ONE = bl.EmpiricalBayes("reml", draws=1)


def nobody(turns):
    return np.zeros(0, np.intp)


@pytest.fixture(scope="module")
def batches():
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    return model, bl.fit(model, ONE, seed=1)


def test_each_group_is_left_out_at_the_variances_that_the_other_groups_give(batches):
    """log p(y) - log p(y_-g), both at the maximum of y_-g."""
    model, tree = batches
    found = bl.loo(model, tree, unit="Batch")
    codes = model.design.groups[0].codes
    for j, level in enumerate(model.groups[0].grouping.levels):
        rest = without(model, codes == j)
        posterior = bl.fit(rest, ONE, seed=1)["posterior"].isel(chain=0, draw=0)
        theta = posterior["sd_Batch"].values, float(posterior["sigma"])
        truth = model.solver("reml").value(*theta) - rest.solver("reml").value(*theta)
        assert float(found.elpd_i.sel(Batch=level)) == pytest.approx(truth, abs=1e-6)
    assert "estimated anew without each Batch in turn" in found.note
    assert found.elpd < bl.loo(model, tree, unit="Batch", refit=False).elpd


def test_with_every_variance_fixed_nothing_is_estimated_anew():
    fixed = {"sd_Batch": 40.0, "sigma": 50.0}
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"), priors=fixed)
    found = bl.loo(model, bl.fit(model, ONE, seed=1))
    assert found.note == "All variances are fixed by the model: the values are exact."


def test_a_plain_regression_is_left_out_at_the_noise_of_the_other_rows():
    """REML's sigma^2 is RSS / (n - p), and a new row's variance sigma^2 (1 + x'(X'X)^-1 x)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(18)
    y = 1.0 + x + rng.standard_normal(18)
    model = bl.lmm("y ~ x", {"y": y, "x": x})
    tree = bl.fit(model, ONE, seed=1)
    truth, below = np.empty(18), np.empty(18)
    for i in range(18):
        X = np.column_stack([np.ones(17), np.delete(x, i)])
        b, rss, *_ = np.linalg.lstsq(X, np.delete(y, i))
        new = np.array([1.0, x[i]])
        sd = np.sqrt(rss[0] / 15.0 * (1.0 + new @ np.linalg.solve(X.T @ X, new)))
        truth[i], below[i] = norm.logpdf(y[i], new @ b, sd), norm.cdf(y[i], new @ b, sd)
    np.testing.assert_allclose(bl.loo(model, tree).elpd_i, truth, rtol=1e-6)
    np.testing.assert_allclose(bl.loo_pit(model, tree), below, rtol=1e-5)


def test_one_of_a_rows_repeats_is_left_out():
    rng = np.random.default_rng(1)
    y, times = rng.standard_normal(9), np.array([1, 2, 3, 1, 1, 2, 1, 1, 1])
    short = bl.lmm("y ~ 1", {"y": y}, frequency=times)
    long = bl.lmm("y ~ 1", {"y": np.repeat(y, times)})
    a, b = (bl.loo(m, bl.fit(m, ONE, seed=1)) for m in (short, long))
    assert a.elpd == pytest.approx(b.elpd, abs=1e-5)


def test_many_rows_are_left_out_some_at_a_time():
    turns = turns_of(200, 200, nobody)
    assert np.bincount(turns).tolist() == [10] * 20
    assert np.bincount(turns_of(50_000, 50_000, nobody)).tolist() == [10_000] * 5
    assert sorted(turns_of(7, 7, nobody)) == list(range(7))


def test_a_turn_that_takes_the_last_rows_of_a_level_is_halved():
    """Both rows of level b share a turn: without them its coefficient would have no row."""
    rng = np.random.default_rng(2)
    i, j = np.flatnonzero(turns_of(60, 60, nobody) == 0)[:2]
    x = np.full(60, "a")
    x[[i, j]] = "b"
    model = bl.lmm("y ~ x", {"y": rng.standard_normal(60), "x": x})
    assert np.isfinite(bl.loo(model, bl.fit(model, ONE, seed=1)).elpd)


@pytest.fixture(scope="module")
def loadings():
    """Twenty rows of eight columns that two components made; fits of one, two, five and seven."""
    rng = np.random.default_rng(1)
    W = rng.normal(size=(2, 8))
    Y = rng.normal(size=(20, 2)) @ W + 0.7 * rng.normal(size=(20, 8))
    models = {str(q): bl.ppca(Y, q) for q in (1, 2, 5, 7)}
    engine = bl.EmpiricalBayes("ml", draws=100)
    return models, {q: bl.fit(m, engine, seed=1) for q, m in models.items()}


def test_components_that_made_the_rows_predict_best(loadings):
    """On 2,000 new rows two are best, at -227, and seven worst, at -360 (faults, b01)."""
    models, fits = loadings
    table = bl.compare_models(fits).table
    assert table.index[0] == "2"
    assert table.loc["2", ("row", "elpd")] - table.loc["7", ("row", "elpd")] > 20.0
    inside = {q: bl.log_density(m, fits[q], m.design.y).sum() for q, m in models.items()}
    assert max(inside, key=inside.get) == "7"  # so it was ranked
    assert "(W, sd_W, sigma: 16 numbers)" in bl.loo(models["2"], fits["2"]).note


def test_a_matrix_row_left_out_has_the_density_of_a_fit_without_it(loadings):
    """N(m, C (1 + 1 / n)), C by the closed form of the others; 200 draws of the mean: 0.05."""
    models, fits = loadings
    found = bl.loo(models["2"], fits["2"])
    Y = models["2"].design.y
    for i in (0, 11):
        rest = np.delete(Y, i, axis=0)
        values, axes = np.linalg.eigh(np.cov(rest.T, bias=True))
        noise = values[:-2].mean()
        C = noise * np.eye(8) + (axes[:, -2:] * (values[-2:] - noise)) @ axes[:, -2:].T
        truth = multivariate_normal(rest.mean(axis=0), C * (1.0 + 1.0 / 19.0)).logpdf(Y[i])
        assert float(found.elpd_i[i]) == pytest.approx(truth, abs=0.15)


def test_units_of_columns_come_from_the_other_rows_too(loadings):
    Y = loadings[0]["2"].design.y * np.arange(1.0, 9.0)
    model = bl.ppca(Y, 1, scale="sd")
    found = bl.loo(model, bl.fit(model, bl.EmpiricalBayes("ml", draws=100), seed=1))
    rest = bl.ppca(np.delete(Y, 3, axis=0), 1, scale="sd")
    other = bl.fit(rest, bl.EmpiricalBayes("ml", draws=400), seed=2)
    truth = float(bl.log_density(rest, other, Y[3:4]).iloc[0])
    assert float(found.elpd_i[3]) == pytest.approx(truth, abs=0.2)  # draws of the mean


def test_a_scale_for_each_column_is_not_ranked_by_the_rows_that_it_was_found_from():
    """The order is that of 500 new rows, by 20 nats and more for each thirty of them."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(530, 24))
    y = X[:, :3] @ [1.0, -1.0, 0.7] + rng.normal(size=530)
    blocks = {"ard": bl.ard(X[:30], "x", price=0.0), "ridge": bl.ridge(X[:30], "x")}
    models = {name: bl.lmm("y ~ 1", {"y": y[:30]}, terms=[b]) for name, b in blocks.items()}
    fits = {name: bl.fit(m, bl.EmpiricalBayes(), seed=1) for name, m in models.items()}
    new = {}
    for name, model in models.items():
        p = bl.predict(model, fits[name], terms={"x": X[30:]}, seed=1, noise=True)
        new[name] = 30.0 * norm.logpdf(y[30:], p.mean, p.sd).mean()
    assert new["ridge"] > new["ard"] + 10.0
    found = bl.compare_models(fits)
    assert found.table.index.tolist() == ["ridge", "ard"]
    assert "ridge: 2 numbers from 30 rows" in " ".join(found.advice)
    judged = bl.check(fits["ard"])
    assert not judged.ok
    assert judged.verdict.startswith("a maximum, to be trusted as a point estimate only")
    assert bl.check(fits["ridge"]).ok


def test_what_is_counted_is_what_was_maximised(loadings, batches):
    """W less its rotations: 8 x 2 - 1; means are integrated out."""
    given = plugged_in(loadings[1]["2"])
    assert (given.count, given.observed, given.of) == (15 + 1, 160, "entries")
    judged = bl.check(loadings[1]["7"])
    assert [row.name for row in judged.rows if not row.ok] == ["plugged in"]
    assert "36 numbers from 160 entries" in judged.verdict
    given = plugged_in(batches[1])
    assert (str(given), given.few) == ("2 numbers from 30 rows", True)
    assert (
        plugged_in(bl.fit(batches[0], bl.EmpiricalBayes(laplace=True, draws=100), seed=1)) is None
    )
