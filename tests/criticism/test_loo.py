"""Leave-one-out over the variances: brute force by quadrature, expanded tables, ArviZ."""

import warnings

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import bayeslmm as bl
from bayeslmm.criticism.leave_out import passes
from bayeslmm.criticism.leave_out.refit import without
from bayeslmm.criticism.leave_out.units_of import UnitsOf
from bayeslmm.engines.integral import quadrature

PRIORS = {
    "Intercept": "Normal(250, 100)",
    "Days": "Normal(0, 50)",
    "sd_Subject": "HalfNormal(50)",
    "sigma": "HalfNormal(50)",
}
NUTS = bl.NUTS(draws=1000, tune=500, chains=4)


@pytest.fixture(scope="module")
def few():
    """Six subjects: leaving one of them out moves the variances."""
    data = bl.datasets.load("sleepstudy")
    model = bl.lmm("Reaction ~ Days + (1 | Subject)", data[:60], priors=PRIORS)
    return model, bl.fit(model, NUTS, seed=1)


def brute_force(model, unit):
    """log p(y) - log p(y_-I), the variances integrated by quadrature, the priors the same."""
    units, whole = UnitsOf.of(model, unit), bl.log_evidence(model).value
    each = range(units.size)
    return np.array([whole - bl.log_evidence(without(model, units.codes == j)).value for j in each])


def quiet(function, *args, **more):
    """Without the warning of k-hat."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*args, **more)


def test_groups_left_out_are_the_brute_force_of_every_refit(few):
    model, tree = few
    truth = brute_force(model, "Subject")
    smoothed = quiet(bl.loo, model, tree, unit="Subject")
    refitted = bl.loo(model, tree, unit="Subject", refit=True, seed=2)
    k = smoothed.pareto_k.values
    # over seeds the error has an sd of 0.03 where k-hat is near 0.4, 0.06 near 0.6, 0.02 refitted
    for which, limit in ((k < 0.5, 0.1), (k < 0.7, 0.2), (k > 0.7, 0.08)):
        assert which.any()
        np.testing.assert_allclose(refitted.elpd_i[which], truth[which], atol=limit)
    assert abs(refitted.elpd - truth.sum()) < abs(smoothed.elpd - truth.sum())
    assert not refitted.warning
    assert smoothed.elpd_i.coords["Subject"].values.tolist() == [308, 309, 310, 330, 331, 332]


def test_rows_left_out_are_the_brute_force_of_every_refit(few):
    model, tree = few
    found = quiet(bl.loo, model, tree)
    near = found.pareto_k.values < 0.5
    assert near.mean() > 0.9
    np.testing.assert_allclose(found.elpd_i[near], brute_force(model, "row")[near], atol=0.04)


def test_effective_parameters_are_the_in_sample_density_less_elpd(few):
    """By quadrature over theta and, given theta, the law of each row's own mean."""
    model, tree = few
    nodes = quadrature(model)
    kept = nodes.weights > 1e-9
    scales, sigma = model.roots(model.space.constrain(nodes.z[kept]))
    way = UnitsOf.of(model, "Subject").way(model, None)
    logs = [way.at(L, float(s)).in_sample for L, s in zip(scales, sigma, strict=True)]
    truth = np.log(nodes.weights[kept] @ np.exp(logs))
    found = quiet(bl.loo, model, tree, unit="Subject")
    np.testing.assert_allclose(found.elpd_i + found.p_loo_i, truth, atol=0.03)
    assert (found.p_loo_i > 0.0).all()
    assert found.p == pytest.approx(float(found.p_loo_i.sum()))


def test_a_row_that_counts_twice_is_two_rows_of_the_expanded_table():
    data = bl.datasets.load("Dyestuff")
    times = np.random.default_rng(1).integers(1, 4, len(data))
    priors = {"Intercept": "Normal(1500, 500)", "sd_Batch": 40.0, "sigma": 50.0}
    short = bl.lmm("Yield ~ 1 + (1 | Batch)", data, frequency=times, priors=priors)
    long = bl.lmm("Yield ~ 1 + (1 | Batch)", data.loc[data.index.repeat(times)], priors=priors)
    fits = [bl.fit(m, bl.EmpiricalBayes(), seed=1) for m in (short, long)]
    for unit in ("row", "Batch"):
        a, b = (bl.loo(m, t, unit=unit) for m, t in zip((short, long), fits, strict=True))
        assert a.elpd == pytest.approx(b.elpd, rel=1e-10)
        assert a.se == pytest.approx(b.se, rel=1e-10)
        assert a.p == pytest.approx(b.p, rel=1e-10)
        assert a.n_data_points == b.n_data_points
    pits = [bl.loo_pit(m, t) for m, t in zip((short, long), fits, strict=True)]
    np.testing.assert_allclose(np.repeat(pits[0], times), pits[1], rtol=1e-10)


def test_arviz_compares_and_prints(few):
    model, tree = few
    other = bl.lmm("Reaction ~ 1 + (1 | Subject)", bl.datasets.load("sleepstudy")[:60])
    trees = {"days": (model, tree), "none": (other, bl.fit(other, NUTS, seed=3))}
    for unit in ("row", "Subject"):
        found = {n: quiet(bl.loo, m, t, unit=unit) for n, (m, t) in trees.items()}
        table = az.compare(found)
        assert table.index.tolist() == ["days", "none"]
        text = str(found["days"])
        assert f"x {unit} left out" in text
        assert "Pareto k" in text
        assert isinstance(found["days"], az.ELPDData)


def test_plugged_in_variances_have_no_weights_and_say_so(few):
    model, _ = few
    eb = bl.fit(model, bl.EmpiricalBayes("reml", draws=10), seed=1)
    found = bl.loo(model, eb, unit="Subject", refit=False)
    assert (found.pareto_k == 0.0).all()
    assert found.n_samples == 1
    assert "sd_Subject, sigma were plugged in (2 numbers from 60 rows)" in found.note
    assert found.note in str(found)
    value = model.solver("reml").value
    posterior = eb["posterior"].isel(chain=0, draw=0)
    L, sigma = posterior["sd_Subject"].values, float(posterior["sigma"])
    for j, level in enumerate(model.groups[0].grouping.levels):
        rest = without(model, model.design.groups[0].codes == j).solver("reml").value(L, sigma)
        assert found.elpd_i.sel(Subject=level) == pytest.approx(value(L, sigma) - rest, abs=1e-8)


def test_a_unit_with_a_large_k_hat_is_named_with_what_to_do(few):
    model, _ = few
    y = model.design.y.copy()
    y[7] += 400.0
    other = model.with_data(y)
    fitted = bl.fit(other, NUTS, seed=4)
    with pytest.warns(UserWarning, match=r"k-hat is above 0\.70 .*\(7.*refit=True") as caught:
        found = bl.loo(other, fitted)
    assert __file__ == caught[0].filename
    assert found.warning
    again = bl.loo(other, fitted, refit=True, seed=1)
    truth = bl.log_evidence(other).value
    truth -= bl.log_evidence(without(other, np.arange(60) == 7)).value
    assert float(again.elpd_i[7]) == pytest.approx(truth, abs=0.4)
    assert "sampled again without 7" in again.note
    assert not again.warning
    with pytest.warns(UserWarning, match="refit=True"):
        smoothed = bl.loo_pit(other, fitted)
    pit = bl.loo_pit(other, fitted, refit=True, seed=1)
    assert pit.iloc[7] > 1.0 - 1e-6
    np.testing.assert_array_equal(pit.drop(7), smoothed.drop(7))


def test_a_row_that_the_model_hardly_ever_draws_stays_named_after_a_refit(few):
    model, _ = few
    y = model.design.y.copy()
    y[7] += 3000.0
    far = model.with_data(y)
    with pytest.warns(UserWarning, match=r"\(7\).*hardly ever draws"):
        bl.loo(far, bl.fit(far, NUTS, seed=4), refit=True, seed=1)


def test_draws_of_an_approximation_are_corrected_by_their_log_weight(few):
    """Draws of twice the posterior's spread, and how much too often each was drawn."""
    model, tree = few
    target, rng = model.target(), np.random.default_rng(5)
    nodes = quadrature(model)
    mean = nodes.weights @ nodes.z
    sd = 1.5 * np.sqrt(nodes.weights @ (nodes.z - mean) ** 2)
    z = mean + sd * rng.standard_normal((4000, 2))
    theta = model.space.constrain(z[None])
    log_weight = target.many(z) - norm.logpdf(z, mean, sd).sum(axis=1)
    other = tree.isel(chain=slice(0, 1), draw=np.zeros(4000, int))
    posterior = other["posterior"].dataset.copy()
    posterior["sd_Subject"] = (posterior["sd_Subject"].dims, theta["sd_Subject"])
    posterior["sigma"] = (posterior["sigma"].dims, theta["sigma"])
    stats = posterior[["sigma"]].rename(sigma="log_weight")
    stats["log_weight"] = (("chain", "draw"), log_weight[None])
    other["posterior"], other["sample_stats"] = posterior, stats
    a, b = quiet(bl.loo, model, other), quiet(bl.loo, model, tree)
    good = np.maximum(a.pareto_k.values, b.pareto_k.values) < 0.5
    assert good.sum() > 40
    np.testing.assert_allclose(a.elpd_i[good], b.elpd_i[good], atol=0.05)
    np.testing.assert_allclose(a.p_loo_i[good], b.p_loo_i[good], atol=0.08)
    assert "approximation" in a.note


def test_too_many_numbers_are_thinned_and_taken_in_blocks(few, monkeypatch):
    model, tree = few
    whole = quiet(bl.loo, model, tree)
    assert whole.note == ""
    monkeypatch.setattr("bayeslmm.criticism.leave_out.passes.LIMIT", 8.0 * 4000 * 7)
    blocks = quiet(bl.loo, model, tree)
    np.testing.assert_array_equal(blocks.elpd_i, whole.elpd_i)
    monkeypatch.setattr("bayeslmm.criticism.leave_out.theta_draws.LIMIT", 8.0 * 60 * 1000)
    thin = quiet(bl.loo, model, tree)
    assert thin.n_samples == 1000
    assert "1000 of 4000 draws" in thin.note
    np.testing.assert_allclose(thin.elpd, whole.elpd, atol=0.5)


def test_weights_and_offset_are_those_of_the_rows():
    rng = np.random.default_rng(12)
    frame = pd.DataFrame({"g": np.arange(20) % 4, "w": np.exp(rng.normal(size=20))})
    frame["o"], frame["y"] = rng.normal(size=20) * 5, rng.normal(size=20)
    priors = {"Intercept": "Normal(0, 2)", "sd_g": 0.8, "sigma": 0.5}
    model = bl.lmm("y ~ 1 + (1 | g)", frame, weights="w", offset="o", priors=priors)
    found = bl.loo(model, bl.fit(model, bl.EmpiricalBayes(), seed=1))
    assert found.n_samples == 1  # all variances are known: one point, and nothing to weigh
    assert (found.pareto_k == 0.0).all()
    truth = brute_force(model, "row")
    np.testing.assert_allclose(found.elpd_i, truth, rtol=1e-9)


def test_bad_input_says_what_to_do(few):
    model, tree = few
    with pytest.raises(ValueError, match="unit must be one of 'row', 'Subject', got 'subject'"):
        bl.loo(model, tree, unit="subject")
    other = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    with pytest.raises(ValueError, match="not a fit of this model"):
        bl.loo(other, tree)
    with pytest.raises(TypeError, match=r"bayeslmm\.fit"):
        bl.loo(model, {})
    with pytest.raises(ValueError, match="at least 25 draws"):
        bl.loo(model, tree.isel(chain=slice(0, 1), draw=slice(0, 20)))
    with pytest.raises(ValueError, match="no draws"):
        bl.loo(model, tree.isel(draw=slice(0, 0)))


def test_a_group_that_alone_tells_a_flat_coefficient_is_refused():
    frame = pd.DataFrame({"g": np.repeat(np.arange(6), 4), "y": np.arange(24.0) % 7})
    frame["treated"] = (frame["g"] == 2).astype(float)
    model = bl.lmm("y ~ treated + (1 | g)", frame)
    reml = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
    with pytest.raises(ValueError, match=r"without g 2 .*prior is flat"):
        bl.loo(model, reml, unit="g")
    assert np.isfinite(bl.loo(model, reml).elpd)
    proper = bl.fit(model, bl.EmpiricalBayes("evidence"), seed=1)
    assert np.isfinite(bl.loo(model, proper, unit="g").elpd)


def test_crossed_factors_leave_out_rows_and_levels_of_each():
    model = bl.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", bl.datasets.load("Penicillin"))
    tree = bl.fit(model, bl.NUTS(draws=300, tune=300, chains=2), seed=1)
    for unit, size in (("row", 144), ("plate", 24), ("sample", 6)):
        found = quiet(bl.loo, model, tree, unit=unit)
        assert found.elpd_i.sizes == {unit: size}
        assert np.isfinite(found.elpd_i).all()
        way = UnitsOf.of(model, unit).way(model, None)
        point = passes.draws_of(model, tree, 1)
        L, sigma = point.scales[3], float(point.sigma[3])
        rest = without(model, UnitsOf.of(model, unit).codes == 5).solver().value(L, sigma)
        truth = model.solver().value(L, sigma) - rest
        assert way.at(L, sigma).log_density[5] == pytest.approx(truth, abs=1e-8)


def test_rows_are_those_of_arviz_with_a_smaller_k_hat(few):
    """`az.loo` weights draws of u and beta too; the number that it estimates is the same."""
    model, tree = few
    own = quiet(bl.loo, model, tree)
    theirs = quiet(az.loo, bl.log_likelihood(model, tree), pointwise=True)
    near = np.maximum(own.pareto_k.values, theirs.pareto_k.values) < 0.5
    assert near.mean() > 0.8
    np.testing.assert_allclose(own.elpd_i[near], theirs.elpd_i[near], atol=0.1)
    assert own.elpd == pytest.approx(theirs.elpd, abs=0.5)
    assert own.p == pytest.approx(theirs.p, abs=0.7)
    assert own.pareto_k.mean() < theirs.pareto_k.mean()
