"""Every limit of `check`, crossed from both sides by trees made for it."""

import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from scipy.signal import lfilter

import bayeslmm as bl
from bayeslmm.engines.convergence import judge
from bayeslmm.stats.weights import limit, psis

STATS = {"diverging": False, "tree_depth": 3, "energy": 0.0}


def tree(posterior, stats=None, table=None, fixed="", **attrs):
    """A fit that holds these draws (chains, draws, ...), statistics, table and attributes."""
    made = {}
    for name, values in posterior.items():
        dims = ("chain", "draw", *[f"{name}_{k}" for k in range(np.ndim(values) - 2)])
        made[name] = (dims, values)
    groups = {"posterior": xr.Dataset(made, attrs={"fixed": fixed})}
    groups["observed_data"] = xr.Dataset({"y": ("row", np.zeros(1000))})
    groups["constant_data"] = xr.Dataset({"X": (("row", "fixed"), np.ones((1000, 1)))})
    if stats is not None:
        groups["sample_stats"] = xr.Dataset({k: (("chain", "draw"), v) for k, v in stats.items()})
    if table is not None:
        names, why = zip(*table.items())
        columns = {"estimate": [1.0] * len(why), "se": [0.1] * len(why), "why": list(why)}
        made = {name: ("parameter", values) for name, values in columns.items()}
        groups["variance_parameters"] = xr.Dataset(made, {"parameter": list(names)})
    found = xr.DataTree.from_dict(groups)
    found.attrs.update({"engine": "made", "response": "y"} | attrs)
    return found


def row(fit, name):
    return bl.check(fit).table().loc[name]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def slow(rho, chains, draws, seed=0):
    """An AR(1) chain of variance one."""
    noise = normal(chains, draws + 200, seed=seed) * np.sqrt(1.0 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=1)[:, 200:]


def crossing(measure, low, high, limit):
    """Two settings close to each other between which a measure passes a limit: below, above."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if measure(middle) <= limit else (low, middle)
    step = 1e-6 * (abs(low) + abs(high))
    return low - step, high + step


def marked(posterior, **attrs):
    """A fit by Markov chains."""
    return tree(posterior, {"diverging": np.zeros(posterior["sigma"].shape, bool)}, **attrs)


def test_r_hat_is_arvizs_and_its_limit_is_a_hundredth_above_one():
    base = normal(4, 500)

    def shifted(by):
        return base + np.array([by, 0.0, 0.0, 0.0])[:, None]

    def rhat(x):
        return float(array_stats.rhat(x, method="rank"))

    below, above = crossing(lambda by: rhat(shifted(by)), 0.0, 1.0, 1.01)
    assert 1.0099 < rhat(shifted(below)) <= 1.01 < rhat(shifted(above)) < 1.0101
    for by, ok in ((below, "yes"), (above, "NO")):
        found = row(marked({"sigma": shifted(by)}), "largest R-hat")
        assert found["ok"] == ok
        assert found["value"] == f"{rhat(shifted(by)):.4f} (sigma)"


def test_the_worst_of_all_elements_is_told_by_its_label():
    x = normal(4, 400, 3, seed=2)
    x[1, :, 2] += 3.0
    y = {"sigma": normal(4, 400, seed=3), "sd_g": x}
    found = row(marked(y), "largest R-hat")
    truth = array_stats.rhat(x[:, :, 2], method="rank")
    assert found["value"] == f"{float(truth):.4f} (sd_g[2])"


def sticky(length, seed=0):
    """Draws whose middle is independent and whose ends come in long runs: few of the tails."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, (4, length))
    runs = np.repeat(rng.uniform(size=(4, -(-length // 50))) < 0.12, 50, axis=1)[:, :length]
    return np.where(runs, np.sign(normal(4, 1, seed=seed)) * 1.5 + 0.1 * x, x)


def test_bulk_and_tail_sizes_are_those_of_the_middle_and_of_the_ends():
    x = sticky(2000)
    bulk = float(array_stats.ess(x, method="bulk"))
    tail = float(array_stats.ess(x, method="tail", prob=(0.05, 0.95)))
    assert bulk > 1.5 * tail  # or the test would not tell them apart
    found = marked({"sigma": x})
    assert row(found, "smallest bulk ESS")["value"] == f"{bulk:,.0f} (sigma)"
    assert row(found, "smallest tail ESS")["value"] == f"{tail:,.0f} (sigma)"


@pytest.mark.parametrize("chains", [2, 4])
@pytest.mark.parametrize("kind", ["bulk", "tail"])
def test_effective_sizes_have_a_limit_of_a_hundred_a_chain(chains, kind):
    more = {"prob": (0.05, 0.95)} if kind == "tail" else {}
    whole = slow(0.5, chains, 1500, seed=1)
    sizes = {n: float(array_stats.ess(whole[:, :n], method=kind, **more)) for n in (80, 1500)}
    assert sizes[80] < 100 * chains < sizes[1500]
    for n, ok in ((80, "NO"), (1500, "yes")):
        found = row(marked({"sigma": whole[:, :n]}), f"smallest {kind} ESS")
        assert (found["ok"], found["limit"]) == (ok, f"at least {100 * chains}")
        assert found["value"] == f"{sizes[n]:,.0f} (sigma)"


def test_just_enough_is_enough():
    """Draws one after the other until the bulk ESS passes 400."""
    whole = normal(4, 300, seed=3)
    sizes = {n: float(array_stats.ess(whole[:, :n], method="bulk")) for n in range(60, 160, 2)}
    last = max(n for n, size in sizes.items() if size < 400)
    first = min(n for n, size in sizes.items() if n > last)
    assert row(marked({"sigma": whole[:, :last]}), "smallest bulk ESS")["ok"] == "NO"
    assert row(marked({"sigma": whole[:, :first]}), "smallest bulk ESS")["ok"] == "yes"


@pytest.mark.parametrize(
    ("statistic", "name", "good", "bad"),
    [("diverging", "divergences", False, True), ("tree_depth", "trees cut short", 9, 10)],
)
def test_one_bad_step_is_one_too_many(statistic, name, good, bad):
    x, values = normal(2, 400), np.full((2, 400), good)
    found = row(tree({"sigma": x}, {statistic: values}), name)
    assert (found["value"], found["ok"]) == ("0", "yes")
    values = values.copy()
    values[1, 7] = bad
    found = row(tree({"sigma": x}, {statistic: values}), name)
    assert (found["value"], found["ok"]) == ("1", "NO")


def test_the_energy_of_the_worst_chain_has_a_limit_of_three_tenths():
    fast, lazy = normal(2, 800, seed=4), np.sin(np.arange(800) / 40.0)

    def energy(share):
        made = fast.copy()
        made[1] = (1.0 - share) * fast[1] + 3.0 * share * lazy
        return made

    def explored(share):
        return min((np.diff(e) ** 2).mean() / e.var() for e in energy(share))

    above, below = crossing(lambda s: -explored(s), 0.0, 1.0, -0.3)
    assert explored(below) < 0.3 <= explored(above)
    for share, ok in ((above, "yes"), (below, "NO")):
        made = tree({"sigma": normal(2, 800)}, {"energy": energy(share)})
        found = row(made, "energy explored a step")
        assert (found["value"], found["ok"]) == (f"{explored(share):.2f}", ok)


APPROXIMATION = {
    "khat": 0.5,
    "khat_limit": 0.7,
    "share": 0.95,
    "kl": 0.1,
    "sd_ratio": 1.0,
    "sd_ratio_of": "beta",
    "shift": 0.1,
    "shift_of": "sigma",
    "converged": 1,
    "verdict": "to be trusted",
}


def approximated(**changed):
    return tree({"sigma": normal(1, 100)}, **(APPROXIMATION | changed))


@pytest.mark.parametrize(
    ("name", "attribute", "inside", "outside", "value"),
    [
        ("k-hat", "khat", 0.7, 0.7001, "0.70"),
        ("posterior found", "share", 0.9, 0.8999, "90%"),
        ("worst sd ratio", "sd_ratio", 0.8, 0.7999, "0.80 (beta)"),
        ("worst sd ratio", "sd_ratio", 1.25, 1.2501, "1.25 (beta)"),
        ("farthest mean", "shift", 0.25, 0.2501, "0.25 (sigma)"),
    ],
)
def test_limits_of_an_approximation(name, attribute, inside, outside, value):
    for number, ok in ((inside, "yes"), (outside, "NO")):
        found = row(approximated(**{attribute: number}), name)
        assert (found["value"], found["ok"]) == (value, ok)
    assert bl.check(approximated(**{attribute: inside})).ok
    failing = bl.check(approximated(**{attribute: outside}))
    assert [r.name for r in failing.rows if not r.ok] == [name]
    assert failing.verdict.startswith("not to be trusted")  # whatever the engine had said


def test_weights_are_advised_only_where_they_can_help():
    cure = "importance_resample(tree)"
    for name, changed in (("worst sd ratio", {"sd_ratio": 0.5}), ("farthest mean", {"shift": 1.0})):
        assert row(approximated(**changed), name)["what to do"] == cure
        for hopeless in ({"khat": 0.9}, {"share": 0.5}, {"converged": 0}):
            assert row(approximated(**changed, **hopeless), name)["what to do"] == "use NUTS()"


def test_a_bound_that_still_rises_by_two_errors_has_not_settled():
    for slope, ok in ((0.2, "yes"), (0.2001, "NO")):
        made = approximated(elbo_slope=slope, elbo_slope_error=0.1, elbo_noise=1.0)
        found = row(made, "slope of the bound")
        assert found["ok"] == ok
        assert found["value"] == f"{slope:+.3f} +- 0.100 nats per 1,000 steps"


def test_resampled_draws_are_worth_at_least_a_hundred():
    for worth, ok in ((100.0, "yes"), (99.9, "NO")):
        found = row(tree({"sigma": normal(1, 500)}, effective_draws=worth), "effective draws")
        assert found["ok"] == ok
    assert found["limit"] == "at least 100"


def test_what_did_not_come_to_its_end_says_so():
    assert row(tree({"sigma": normal(1, 9)}, interrupted=1), "ended")["ok"] == "NO"
    for done, ok in ((1, "yes"), (0, "NO")):
        ascent = {"steps_taken": 1234, "elbo": -5.25, "converged": done}
        found = row(tree({"sigma": normal(1, 9)}, **ascent), "bound settled")
        assert (found["value"], found["ok"]) == ("after 1,234 steps, at -5.250", ok)
        maximum = {"criterion": "reml", "log_marginal": -12.5, "converged": done}
        found = row(tree({"sigma": normal(1, 9)}, **maximum), "maximum found")
        assert (found["value"], found["ok"]) == ("reml -12.5000", ok)


MAXIMUM = {"criterion": "reml", "log_marginal": -1.0, "converged": 1}


@pytest.mark.parametrize(
    ("why", "check"),
    [
        ("at the boundary", "at the boundary"),
        ("not determined", "determined"),
        ("no maximum: y is fitted exactly", "determined"),
        ("undefined at sd zero", None),
        ("", None),
    ],
)
def test_a_parameter_without_a_standard_error_fails_by_its_reason(why, check):
    made = tree({"sigma": np.ones((1, 9))}, table={"sigma": "", "sd_g": why}, **MAXIMUM)
    found = bl.check(made)
    failed = [row for row in found.rows if not row.ok]
    assert [row.name for row in failed] == ([check] if check else [])
    assert all("sd_g" in row.value for row in failed)
    assert all("sigma" not in row.value for row in failed)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_correlation_of_one_is_at_the_boundary_whatever_its_sign(sign):
    """Slopes that follow intercepts exactly; those that do not have a correlation inside."""
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(20), 6), np.tile(np.arange(6.0) - 2.5, 20)
    u, noise = 3.0 * rng.normal(size=(20, 2)), rng.normal(size=120)
    for slope, held in ((sign * u[:, 0], True), (u[:, 1], False)):
        y = u[g, 0] + slope[g] * x + 3.0 * noise
        model = bl.lmm("y ~ x + (x | g)", {"y": y, "x": x, "g": g})
        eb = bl.fit(model, bl.EmpiricalBayes("reml", draws=2), seed=1)
        rho = float(bl.varcorr(eb).loc["corr_g[Intercept, x]", "estimate"])
        found = row(eb, "at the boundary")
        assert (found["ok"] == "NO") == held == ("corr_g" in found["value"])
        assert not held or rho == pytest.approx(sign, abs=1e-6)


def test_a_column_that_was_left_out_is_no_boundary():
    """A scale of zero among those of a block's own columns is what selection does."""
    draws = {"sigma": np.ones((1, 9)), "scale_x": np.ones((1, 9, 2)), "sd_g": np.ones((1, 9, 2))}
    for name, ok in (("scale_x[a]", "yes"), ("sd_g[a]", "NO")):
        made = tree(draws, table={"sigma": "", name: "at the boundary"}, **MAXIMUM)
        made["posterior"] = made["posterior"].dataset.rename(scale_x_0="x_column")
        assert row(made, "at the boundary")["ok"] == ok


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_draws_that_are_no_numbers_are_named(bad):
    x = normal(1, 50)
    x[0, 17] = bad
    found = row(tree({"sigma": normal(1, 50), "sd_g": x}), "finite draws")
    assert (found["value"], found["ok"]) == ("not in sd_g", "NO")
    assert "finite draws" not in bl.check(tree({"sigma": normal(1, 50)})).table().index


def test_an_infinite_precision_of_a_column_is_no_fault_and_a_missing_one_is():
    alpha = np.full((1, 50, 2), np.inf)
    good = {"sigma": normal(1, 50), "alpha": alpha}
    assert "finite draws" not in bl.check(tree(good)).table().index
    alpha = alpha.copy()
    alpha[0, 3, 1] = np.nan
    assert row(tree(good | {"alpha": alpha}), "finite draws")["value"] == "not in alpha"


def test_an_engine_judges_its_chains_by_the_same_limits():
    base = normal(4, 500)
    good = judge({"z": base[..., None]}, {"diverging": np.zeros((4, 500), bool)}, ["z"])
    assert (good["converged"], good["message"], good["divergences"]) == (1, "converged", 0)
    assert good["rhat_max"] == pytest.approx(float(array_stats.rhat(base, method="rank")))
    assert good["ess_min"] == pytest.approx(float(array_stats.ess(base, method="bulk")))
    two = np.stack([base, slow(0.9, 4, 500)], axis=-1)
    worst = judge({"z": two}, {}, ["z"])
    assert worst["rhat_max"] == max(float(array_stats.rhat(two[..., k])) for k in range(2))
    assert worst["ess_min"] == min(float(array_stats.ess(two[..., k])) for k in range(2))
    far = base + np.array([0.5, 0.0, 0.0, 0.0])[:, None]
    hit = np.zeros((4, 500), bool)
    hit[2, :3] = True
    for draws, stats, words in (
        (far, {}, "R-hat is"),
        (slow(0.95, 4, 500), {}, "the smallest bulk ESS is"),
        (base, {"diverging": hit}, "3 divergences"),
        (base[:1], {}, "one chain"),
        (base[:, :3], {}, "3 draws a chain are too few"),
    ):
        found = judge({"z": draws[..., None]}, stats, ["z"])
        assert found["converged"] == 0
        assert words in found["message"]


def test_smoothed_weights_and_k_hat_are_arvizs():
    ratios = 1.5 * normal(1, 2000, seed=5)[0]
    weights, k = psis(ratios)
    truth, shape = array_stats.psislw(-ratios)
    assert k == pytest.approx(float(shape))
    np.testing.assert_allclose(np.exp(weights), np.exp(truth - np.logaddexp.reduce(truth)))
    assert np.exp(weights).sum() == pytest.approx(1.0)
    assert psis(np.zeros(500))[1] == 0.0
    assert psis(np.array([0.0, np.nan] * 50))[1] == np.inf


def test_the_limit_of_k_hat_rises_with_the_draws_to_seven_tenths():
    """Vehtari, Simpson, Gelman, Yao & Gabry (2024), section 3.2: min(1 - 1 / log10(S), 0.7)."""
    for draws, most in ((100, 0.5), (1000, 1.0 - 1.0 / 3.0), (4000, 0.7), (10**6, 0.7)):
        assert limit(draws) == pytest.approx(most)
