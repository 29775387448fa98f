"""What `check` looks at: each check fails where it should, with what to do, and not elsewhere."""

import numpy as np
import pytest

import bayeslmm as bl
from bayeslmm.engines.convergence import judge


@pytest.fixture(scope="module")
def model():
    return bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))


@pytest.fixture(scope="module")
def nuts(model):
    return bl.fit(model, bl.NUTS(), seed=1)


def altered(tree, group, name, values):
    other = tree.copy(deep=True)
    other[group][name] = tree[group][name].copy(data=values)
    return other


def row(tree, name):
    return bl.check(tree).table().loc[name]


def test_a_good_fit_passes_every_check(nuts):
    found = bl.check(nuts)
    assert found.ok
    assert found.verdict == "to be trusted"
    assert list(found.table()["ok"].unique()) == ["yes"]
    assert (found.table()["what to do"] == "").all()


def test_r_hat_and_effective_sizes_are_arvizs_and_named(nuts):
    from arviz_stats.base import array_stats

    posterior, labels = nuts["posterior"], {}
    for name, array in posterior.data_vars.items():
        values = array.values.reshape(*array.shape[:2], -1)
        names = list(np.ndindex(array.shape[2:]))
        for k, index in enumerate(names):
            if np.ptp(values[..., k]) > 0.0:
                at = [str(array[d].values[i]) for d, i in zip(array.dims[2:], index)]
                labels[f"{name}[{', '.join(at)}]" if at else name] = values[..., k]
    found = bl.check(nuts).table()["value"]
    for row_name, method, worst, form in (
        ("largest R-hat", lambda x: array_stats.rhat(x, method="rank"), max, "{:.4f}"),
        ("smallest bulk ESS", lambda x: array_stats.ess(x, method="bulk"), min, "{:,.0f}"),
        (
            "smallest tail ESS",
            lambda x: array_stats.ess(x, method="tail", prob=(0.05, 0.95)),
            min,
            "{:,.0f}",
        ),
    ):
        truth = {label: float(method(x)) for label, x in labels.items()}
        number, _, label = found[row_name].partition(" (")
        value = worst(truth.values())
        assert number == form.format(value)
        assert truth[label.rstrip(")")] == pytest.approx(value, rel=1e-6)


def test_a_chain_that_sits_elsewhere_is_found_and_named(nuts):
    values = nuts["posterior"]["sigma"].values.copy()
    values[0] += 20.0
    bad = row(altered(nuts, "posterior", "sigma", values), "largest R-hat")
    assert bad["ok"] == "NO"
    assert bad["value"].endswith("(sigma)")
    assert bad["what to do"] == "tune and draw longer, or simplify the model"


def test_divergences_and_cut_trees_are_counted(nuts):
    hits = np.zeros(nuts["sample_stats"]["diverging"].shape, bool)
    hits[0, :7] = True
    assert row(altered(nuts, "sample_stats", "diverging", hits), "divergences")["value"] == "7"
    depth = nuts["sample_stats"]["tree_depth"].values.copy()
    depth[1, 3] = 10
    cut = row(altered(nuts, "sample_stats", "tree_depth", depth), "trees cut short")
    assert (cut["value"], cut["ok"]) == ("1", "NO")


def test_an_energy_that_moves_slowly_is_told(nuts):
    rng = np.random.default_rng(0)
    slow = np.cumsum(rng.normal(size=nuts["sample_stats"]["energy"].shape), axis=1)
    bad = row(altered(nuts, "sample_stats", "energy", slow), "energy explored a step")
    assert bad["ok"] == "NO"


def test_one_chain_cannot_be_judged(model):
    tree = bl.fit(model, bl.NUTS(chains=1, draws=500), seed=1)
    assert row(tree, "largest R-hat")["what to do"] == "use chains=4"
    assert bl.check(tree).verdict == "not to be trusted"


def test_a_variance_at_zero_is_a_point_estimate_only():
    zero = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff2"))
    found = bl.check(bl.fit(zero, bl.EmpiricalBayes("reml"), seed=1))
    assert found.table().loc["at the boundary", "value"] == "sd_Batch"
    assert found.verdict.startswith("a maximum at the boundary, to be trusted as a point estimate")
    assert "given sd_Batch, sigma at their maximum" in found.verdict


def test_an_approximation_carries_its_own_verdict(model):
    tree = bl.fit(model, bl.CAVI(), seed=1)
    found = bl.check(tree)
    assert found.verdict == tree.attrs["verdict"]
    assert found.table().loc["k-hat", "value"] == f"{tree.attrs['khat']:.2f}"
    better = bl.fit(model, bl.EmpiricalBayes("map", laplace=True), seed=1)
    resampled = bl.check(bl.importance_resample(better, seed=1))
    assert resampled.verdict == "to be trusted"
    assert "k-hat" not in resampled.table().index


def test_it_shows_itself_in_a_terminal_and_a_notebook(nuts):
    found = bl.check(nuts)
    assert repr(found).splitlines()[0] == "NUTS"
    assert repr(found).splitlines()[-1] == "Verdict: to be trusted."
    assert "<table" in found._repr_html_()


def test_what_is_no_fit_is_refused():
    with pytest.raises(TypeError, match=r"expected what bayeslmm\.fit returned"):
        bl.check(3)


def test_many_levels_are_looked_at_in_reasonable_time():
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(3000), 3)
    y = rng.normal(size=3000)[g] + rng.normal(size=9000)
    model = bl.lmm("y ~ 1 + (1 | g)", {"y": y, "g": g})
    tree = bl.fit(model, bl.NUTS(draws=100, tune=300, chains=2, cores=1), seed=1)
    assert "largest R-hat" in bl.check(tree).table().index


def test_the_energy_share_is_betancourts(nuts):
    energy = nuts["sample_stats"]["energy"].values
    share = min((np.diff(e) ** 2).mean() / e.var() for e in energy)
    assert row(nuts, "energy explored a step")["value"] == f"{share:.2f}"
    rng = np.random.default_rng(0)
    for rho, ok in ((0.8, "yes"), (0.9, "NO")):  # an AR(1) explores 2 (1 - rho) of its variance
        from scipy.signal import lfilter

        noise = rng.normal(size=energy.shape) * np.sqrt(1 - rho**2)
        slow = lfilter([1.0], [1.0, -rho], noise, axis=1)
        assert (
            row(altered(nuts, "sample_stats", "energy", slow), "energy explored a step")["ok"] == ok
        )


def test_a_dict_of_fits_is_for_compare_engines(nuts):
    with pytest.raises(TypeError, match="for a dict of fits there is compare_engines"):
        bl.check({"NUTS": nuts})


def test_a_mean_that_is_far_off_is_told(model):
    tree = bl.fit(model, bl.EmpiricalBayes("reml", laplace=True), seed=1)
    for shift, ok in ((0.2, "yes"), (0.3, "NO")):
        tree.attrs["shift"] = shift
        assert row(tree, "farthest mean")["ok"] == ok


def test_an_approximation_that_was_interrupted_is_not_called_trusted(model):
    tree = bl.fit(model, bl.EmpiricalBayes("reml", laplace=True), seed=1)
    tree.attrs["verdict"] = "to be trusted"
    tree.attrs["interrupted"] = 1
    assert bl.check(tree).verdict == "not to be trusted"


def test_an_sd_fixed_at_zero_is_no_chain_that_does_not_mix():
    table = bl.datasets.load("Dyestuff")
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", table, priors={"sd_Batch": 0.0})
    found = bl.check(bl.fit(model, bl.NUTS(), seed=1))
    assert found.ok
    assert "nan" not in found.table().loc["largest R-hat", "value"]


@pytest.mark.parametrize(("chains", "draws"), [(4, 0), (4, 1), (4, 3), (1, 1)])
def test_too_few_draws_are_no_passed_check(nuts, chains, draws):
    short = nuts.isel(chain=slice(0, chains), draw=slice(0, draws))
    found = bl.check(short)
    assert found.verdict == "not to be trusted: it could not be judged"
    assert found.table().loc["draws", "limit"] == "at least 100 a chain"


@pytest.mark.parametrize("some", [slice(None), slice(1, 2)])
def test_chains_that_stand_still_are_named(nuts, some):
    values = nuts["posterior"]["sigma"].values.copy()
    values[some] = 20.0
    stuck = altered(nuts, "posterior", "sigma", values)
    assert row(stuck, "chains that move")["value"] == "sigma did not move"
    assert bl.check(stuck).verdict == "not to be trusted: it could not be judged"


def test_an_engine_says_the_same_of_its_draws():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4, 500, 2))
    assert judge({"z": z}, {})["converged"] == 1
    few = judge({"z": z[:, :2]}, {})
    assert few["message"].startswith("2 draws a chain are too few to judge")
    z[2] = 0.0
    still = judge({"z": z}, {})
    assert (still["converged"], "z did not move" in still["message"]) == (0, True)
    assert judge({"z": z, "c": np.ones((4, 500))}, {}, moving=())["message"] != "converged"


def test_draws_of_another_program_are_judged_by_what_they_hold():
    import xarray as xr

    rng = np.random.default_rng(0)
    draws = {"mu": (("chain", "draw"), rng.normal(size=(4, 1000)))}
    calm = {"diverging": (("chain", "draw"), np.zeros((4, 1000), bool))}
    unknown = "not to be trusted: it could not be judged"
    groups = {"posterior": xr.Dataset(draws), "sample_stats": xr.Dataset(calm)}
    assert bl.check(xr.DataTree.from_dict(groups)).verdict == "to be trusted"
    del groups["sample_stats"]
    assert bl.check(xr.DataTree.from_dict(groups)).verdict == unknown
    for posterior in (xr.Dataset(), xr.Dataset(draws).isel(chain=[0])):
        assert bl.check(xr.DataTree.from_dict({"posterior": posterior})).verdict == unknown


@pytest.mark.parametrize("draws", [0, 1, 3, 4])
def test_a_maximum_of_few_draws_is_not_to_be_trusted_for_more_than_itself(whole, draws):
    few = whole.eb.isel(draw=slice(0, draws), missing_dims="ignore")
    found = bl.check(few)
    unjudged = found.verdict.startswith("not to be trusted: it could not be judged")
    assert unjudged == (draws < 4)
    if unjudged:
        assert found.table().loc["draws", "what to do"] == "fit again with draws=..."
        with pytest.raises(ValueError, match="draw"):
            bl.selected(whole.nuts.isel(chain=[0], draw=slice(0, draws), missing_dims="ignore"))


def test_resampled_draws_are_worth_no_more_than_are_left(model):
    better = bl.fit(model, bl.EmpiricalBayes("map", laplace=True), seed=1)
    resampled = bl.importance_resample(better, seed=1)
    left = resampled.isel(draw=slice(0, 50), missing_dims="ignore")
    assert (row(resampled, "effective draws")["ok"], row(left, "effective draws")["ok"]) == (
        "yes",
        "NO",
    )


def long_tails(length):
    """Chains whose middle is independent, and whose ends come in runs."""
    rng = np.random.default_rng(0)
    ends = rng.uniform(size=(4, length // 20)) < 0.12
    far = np.where(ends, rng.choice([-1.5, 1.5], ends.shape), 0.0).repeat(20, axis=1)
    return np.where(far == 0.0, rng.uniform(-1.0, 1.0, (4, length)), far)


def test_an_engine_judges_the_tails_by_the_limit_that_check_has():
    from arviz_stats.base import array_stats

    z = long_tails(1500)
    found = judge({"z": z}, {})
    tail = float(array_stats.ess(z, method="tail", prob=(0.05, 0.95)))
    assert found["tail_ess_min"] == tail
    assert tail < 400 < found["ess_min"]
    assert found["message"].endswith(f"tail ESS is {tail:.0f}, under 400: draw longer")
    assert found["converged"] == 0


def test_a_measure_that_is_no_number_is_the_worst(nuts, monkeypatch):
    """Of whatever element it is: one behind good ones too."""
    calls = iter(range(10_000))
    monkeypatch.setattr(
        "bayeslmm.criticism.chained.measured",
        lambda draws: {"R-hat": np.nan if next(calls) == 3 else 1.0, "bulk ESS": 1e4},
    )
    assert row(nuts, "largest R-hat")["ok"] == "NO"
