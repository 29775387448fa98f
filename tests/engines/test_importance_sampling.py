"""Independent draws: against quadrature and other routes, certified or left to NUTS, and read."""

import numpy as np
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.engines import importance_sampling, many_points
from bayeslmm.engines.integral import quadrature
from bayeslmm.posterior.recover import coordinates
from bayeslmm.testing import check_engine
from tests.engines.test_quadrature import CASES, declare

ENGINE = bl.ImportanceSampling()


@pytest.fixture(scope="module")
def slopes():
    return bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))


@pytest.fixture(scope="module")
def tree(slopes):
    return bl.fit(slopes, seed=1)


@pytest.fixture(scope="module")
def many_scales():
    """A horseshoe of thirty columns, of which each has a scale."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 30))
    table = {"y": X[:, 0] * 3.0 + rng.normal(size=40)}
    return bl.lmm("y ~ 1", table, terms=[bl.horseshoe(X, "x")])


def one_row_each():
    return {"y": np.random.default_rng(4).normal(size=60), "g": np.arange(60)}


def few_levels():
    rng = np.random.default_rng(6)
    g, h = np.repeat(np.arange(6), 20), rng.integers(0, 14, 120)
    y = rng.normal(size=6)[g] + 0.3 * rng.normal(size=14)[h] + rng.normal(size=120)
    return bl.lmm("y ~ 1 + (1 | g) + (1 | h)", {"y": y, "g": g, "h": h})


MODELS = {
    "Dyestuff": lambda: bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff")),
    "Dyestuff2": lambda: bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff2")),
    "a factor of 6 and one of 14 levels": few_levels,
    "one row per group": lambda: bl.lmm("y ~ 1 + (1 | g)", one_row_each()),
    "one row per group, known noise": lambda: bl.lmm(
        "y ~ 1 + (1 | g)", one_row_each(), priors={"sigma": 0.5}
    ),
    "a prior of PyMC's": lambda: bl.lmm(
        "Yield ~ 1 + (1 | Batch)",
        bl.datasets.load("Dyestuff"),
        priors={"sd_Batch": pm.Weibull.dist(alpha=2.0, beta=40.0)},
    ),
    "a ridge": lambda: bl.lmm(
        "y ~ 1",
        bl.datasets.load("diabetes"),
        terms=[bl.ridge(bl.datasets.load("diabetes")[["age", "bmi", "bp", "s5"]], "x")],
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_draws_have_the_law_that_quadrature_finds(name):
    """Means to 0.06 of an sd, four errors of 4,000 draws; sds to 6%, four of theirs; evidence."""
    model = MODELS[name]()
    found = bl.fit(model, ENGINE, seed=1)
    assert found.attrs["engine"] == ENGINE.name
    assert found.attrs["khat"] < 0.7
    assert found.attrs["effective_draws"] > 3000
    nodes = quadrature(model)
    z = coordinates(model, found["posterior"].dataset)
    mean = nodes.weights @ nodes.z
    sd = np.sqrt(nodes.weights @ (nodes.z - mean) ** 2)
    assert np.abs((z.mean(axis=0) - mean) / sd).max() < 0.06
    kurtosis = nodes.weights @ ((nodes.z - mean) / sd) ** 4
    error = np.sqrt((kurtosis - 1.0) / 4.0 / len(z))  # of an sd, over the sd
    assert (np.abs(z.std(axis=0) / sd - 1.0) < 4.0 * error + 0.01).all()
    assert found.attrs["log_evidence_error"] < 0.02
    gap = found.attrs["log_evidence"] - nodes.log_evidence
    assert abs(gap) < 4.0 * found.attrs["log_evidence_error"] + 1e-4


@pytest.mark.parametrize("case", CASES)
def test_quantiles_and_coefficients_are_those_of_the_reference(case, quadrature_truth):
    truth = quadrature_truth[case]
    found = bl.fit(declare(case), bl.ImportanceSampling(draws=4000), seed=2)
    posterior = found["posterior"]
    name = next(str(n) for n in posterior if str(n).startswith("sd_"))
    for draws, quantiles in ((posterior[name], "su_q"), (posterior["sigma"], "se_q")):
        below = [float((draws < q).mean()) for q in truth[quantiles]]
        assert below == pytest.approx([0.025, 0.5, 0.975], abs=0.015)
    beta = posterior["beta"].values.reshape(16_000, -1)
    error = 4.0 * np.array(truth["b_sd"]) / np.sqrt(15_000)
    assert (np.abs(beta.mean(axis=0) - truth["b_mean"]) < error).all()
    assert beta.std(axis=0) == pytest.approx(truth["b_sd"], rel=0.04)


def test_weights_are_nearly_equal_where_slopes_are_correlated(tree):
    assert tree.attrs["engine"] == "importance sampling"
    assert tree.attrs["khat"] < 0.7
    assert tree.attrs["efficiency"] > 1700 / 2048
    assert tree.attrs["effective_draws"] > 3900
    assert tree.attrs["rhat_max"] < 1.01
    assert (tree.attrs["converged"], tree.attrs["message"]) == (1, "converged")


def test_eleven_coordinates_are_no_trouble():
    """Four correlated slopes in forty groups; of the sds and sigma the truth is known."""
    rng = np.random.default_rng(3)
    g, X = np.repeat(np.arange(40), 12), rng.normal(size=(480, 4))
    y = (X * rng.normal(size=(40, 4))[g]).sum(axis=1) + rng.normal(size=480)
    names = ["a", "b", "c", "d"]
    table = {"y": y, "g": g, **dict(zip(names, X.T))}
    model = bl.lmm("y ~ 1 + (0 + a + b + c + d | g)", table)
    found = bl.fit(model, seed=1)
    assert (model.space.size, found.attrs["engine"]) == (11, ENGINE.name)
    assert found.attrs["khat"] < 0.7
    assert found.attrs["effective_draws"] > 3000
    for name in ("sd_g", "sigma"):
        draws = found["posterior"][name].values.reshape(4000, -1)
        assert (np.abs(draws.mean(axis=0) - 1.0) < 4.0 * draws.std(axis=0)).all()


@pytest.mark.parametrize(
    "make",
    [
        MODELS["Dyestuff2"],
        MODELS["a factor of 6 and one of 14 levels"],
        MODELS["a prior of PyMC's"],
        lambda: bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff")).with_data(
            np.arange(30.0)
        ),
        lambda: bl.ppca(bl.datasets.load("iris").drop(columns="Species"), 1),
    ],
)
def test_it_conforms(make):
    check_engine(bl.ImportanceSampling(draws=200, chains=2), make())


def test_more_replicates_do_not_repeat_each_other(tree):
    z = tree["posterior"]["sigma"].values
    assert len({chain.tobytes() for chain in z}) == 4
    assert np.unique(z).size > 0.95 * z.size


@pytest.mark.parametrize("option", [{"draws": 0}, {"chains": 1.5}, {"draws": True}], ids=str)
def test_options_out_of_range_are_refused(option):
    words = rf"ImportanceSampling\({next(iter(option))}=...\) must be an integer"
    with pytest.raises(ValueError, match=words):
        bl.ImportanceSampling(**option)


def test_fixed_variances_are_drawn_exactly():
    known = bl.lmm(
        "Yield ~ 1 + (1 | Batch)",
        bl.datasets.load("Dyestuff"),
        priors={"sd_Batch": 40.0, "sigma": 50.0},
    )
    found = bl.fit(known, seed=1)
    assert found.attrs["message"] == "all variances are fixed: every draw is exact and independent"


def test_a_posterior_that_does_not_exist_is_refused_as_nuts_refuses_it():
    table = {"y": np.arange(6.0), "g": [0, 0, 0, 1, 1, 1]}
    flat = bl.lmm("y ~ 1 + (1 | g)", table, priors={"sd_g": "HalfFlat()"})
    said = []
    for engine in (ENGINE, bl.NUTS()):
        with pytest.raises(ValueError, match="the posterior is improper") as told:
            bl.fit(flat, engine, seed=1)
        said.append(str(told.value))
    assert said[0] == said[1]


# --- where it cannot be certified ---


def test_many_coordinates_are_left_to_nuts(many_scales):
    small = bl.ImportanceSampling(draws=60, chains=2)
    found = bl.fit(many_scales, small, seed=1)
    assert found.attrs["engine"] == found["posterior"].attrs["engine"] == "NUTS"
    assert "draws=60" in found.attrs["options"]
    assert found.attrs["fallback"].startswith(f"theta has {many_scales.space.size} coordinates")
    assert found.attrs["message"].startswith(f"drawn by NUTS: {found.attrs['fallback']}")
    assert dict(found["posterior"].sizes)["draw"] == 60
    assert "diverging" in found["sample_stats"]
    assert "khat" not in found.attrs


def test_weights_that_are_not_certified_are_left_to_nuts(monkeypatch, slopes):
    monkeypatch.setattr(importance_sampling, "limit", lambda points: -10.0)
    found = bl.fit(slopes, bl.ImportanceSampling(draws=50, chains=2), seed=1)
    assert found.attrs["engine"] == "NUTS"
    assert "importance weights have k-hat" in found.attrs["fallback"]
    assert dict(found["posterior"].sizes)["chain"] == 2


def test_components_with_scales_of_their_own_are_left_to_nuts():
    model = bl.ppca(bl.datasets.load("iris").drop(columns="Species"), 2, ard=True)
    found = bl.fit(model, bl.ImportanceSampling(draws=20, chains=2), seed=1)
    assert (found.attrs["engine"], "many modes" in found.attrs["message"]) == ("NUTS", True)


def test_threads_and_batches_change_nothing(monkeypatch, slopes, capsys):
    target = slopes.target()
    z = np.random.default_rng(0).normal([3.2, 1.8, 3.2, 0.0], 0.1, size=(301, 4))
    whole = many_points.values(slopes, target)(z)
    monkeypatch.setattr(many_points, "pieces", lambda n, columns: [slice(0, 1), slice(1, n)])
    for progress in (False, True):
        with many_points.watched(many_points.values(slopes, target), 2e7, progress) as value:
            assert np.array_equal(value(z), whole)
        assert ("301 points" in capsys.readouterr().err) == progress


# --- who reads such a fit ---


def test_it_is_what_fit_takes_by_default(slopes, tree):
    again = bl.fit(slopes, bl.ImportanceSampling(), seed=1)
    assert again["posterior"].dataset.equals(tree["posterior"].dataset)
    assert tree.attrs["options"] == "ImportanceSampling(draws=1000, chains=4)"


def test_check_tells_replicates_and_weights(tree):
    found = bl.check(tree)
    assert found.ok
    assert found.verdict == "to be trusted"
    names = [row.name for row in found.rows]
    assert {"largest R-hat", "smallest bulk ESS", "k-hat of the weights"} <= {*names}
    assert not {"divergences", "k-hat"} & {*names}


def test_check_sees_weights_that_were_not_certified(tree):
    worse = tree.copy()
    worse.attrs = {**tree.attrs, "khat": 0.9}
    found = bl.check(worse)
    assert (found.ok, found.verdict) == (False, "not to be trusted")


def test_it_is_what_other_engines_are_compared_with(slopes, tree):
    eb = bl.fit(slopes, bl.EmpiricalBayes("reml"), seed=1)
    found = bl.compare_engines({"EB": eb, "IS": tree})
    assert found.reference == "IS"
    assert found.engines.loc["IS", "verdict"] == "to be trusted"
    assert found.engines.loc["IS", "k-hat"] == tree.attrs["khat"]
    assert found.engines.loc["IS", "smallest ESS"] > 3000


def test_it_agrees_with_nuts(slopes, tree):
    nuts = bl.fit(slopes, bl.NUTS(), seed=2)
    found = bl.compare_engines({"NUTS": nuts, "IS": tree}).parameters.xs("IS", level="engine")
    assert found["distance"].max() < 0.1
    assert found["sd ratio"].sub(1.0).abs().max() < 0.12


def test_draws_are_not_weighted_again(slopes, tree):
    """They have been resampled: leave-one-out and importance resampling take them as they are."""
    with pytest.raises(ValueError, match="resampled by importance already"):
        bl.importance_resample(tree)
    nuts = bl.fit(slopes, bl.NUTS(), seed=3)
    one, other = bl.loo(slopes, tree), bl.loo(slopes, nuts)
    assert one.elpd == pytest.approx(other.elpd, abs=0.5)
    assert one.p == pytest.approx(other.p, abs=0.5)


def test_evidence_is_bridged_from_it_and_comes_with_it(slopes, tree):
    bridged = bl.log_evidence(slopes, tree, seed=1)
    assert bridged.method.startswith("bridge sampling")
    error = np.hypot(bridged.error, tree.attrs["log_evidence_error"])
    assert abs(bridged.value - tree.attrs["log_evidence"]) < 4.0 * error
    table = bl.compare_models({"one": tree, "same": tree}).table
    assert (table["log evidence", ""] == tree.attrs["log_evidence"]).all()


def test_under_a_flat_prior_there_is_no_evidence():
    flat = bl.lmm(
        "Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"), priors={"Intercept": "flat"}
    )
    assert "log_evidence" not in bl.fit(flat, seed=1).attrs


def test_predictions_are_those_of_nuts(slopes, tree):
    nuts = bl.fit(slopes, bl.NUTS(), seed=2)
    new = {"Days": [10, 10], "Subject": [308, 999]}
    one, other = (bl.predict(slopes, each, new, seed=3).table() for each in (tree, nuts))
    assert one["mean"].to_numpy() == pytest.approx(other["mean"].to_numpy(), abs=6.0)
    assert one["sd"].to_numpy() == pytest.approx(other["sd"].to_numpy(), rel=0.1)


def test_a_report_tells_what_the_draws_are(slopes, tree, tmp_path):
    bl.report(slopes, {"IS": tree}, tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "resampled by importance" in text
    assert "ImportanceSampling(draws=1000, chains=4)" in text
    assert "k-hat of the weights" in text


def test_an_estimator_takes_it_by_name():
    from bayeslmm.sklearn import BayesianLasso

    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 3))
    found = BayesianLasso(engine="is", random_state=1).fit(X, 2.0 * X[:, 0] + rng.normal(size=60))
    assert found.tree_.attrs["engine"] == ENGINE.name
    assert found.coef_ == pytest.approx([2.0, 0.0, 0.0], abs=0.5)


def test_a_page_has_the_ranks_of_replicates(slopes, tree, tmp_path):
    eb = bl.fit(slopes, bl.EmpiricalBayes("reml"), seed=1)
    bl.report(slopes, {"IS": tree, "EB": eb}, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "k-hat of the weights" in text
    assert "Ranks of" in text
