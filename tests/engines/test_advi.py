"""ADVI: its vector is the graph's, its ascent stops by its rule, and its biases are told."""

import logging

import numpy as np
import pymc as pm
import pytest
from scipy.special import logsumexp

import bayeslmm as bl
from bayeslmm.engines.descent import RATES, trend
from bayeslmm.engines.values import Values
from bayeslmm.testing import check_engine


def clusters(groups=8, rows=15, seed=3):
    """Correlated intercepts and slopes, strong against the noise."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), rows)
    x = rng.normal(size=g.size)
    u = rng.normal(size=(groups, 2)) @ np.linalg.cholesky([[1.0, 0.56], [0.56, 0.49]]).T
    y = 1.0 + 0.5 * x + u[g, 0] + u[g, 1] * x + 0.5 * rng.normal(size=g.size)
    return {"y": y, "x": x, "g": g}


@pytest.fixture(scope="module")
def correlated():
    return bl.lmm("y ~ x + (x | g)", clusters())


@pytest.fixture(scope="module")
def plain():
    """No random effects, a centred predictor, many rows: the posterior nearly factorises."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=1000)
    y = 1.0 + 0.5 * x + 0.5 * rng.normal(size=1000)
    return bl.lmm("y ~ x", {"y": y, "x": x - x.mean()})


@pytest.fixture(scope="module")
def mean_field(correlated):
    return bl.fit(correlated, bl.ADVI(), seed=1)


@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
@pytest.mark.parametrize("marginal", [False, True])
def test_the_vector_is_the_graphs_and_its_density_pymcs(marginal):
    """Three correlated effects (PyMC's spiral), a second factor, and a prior of PyMC's own."""
    rng = np.random.default_rng(0)
    table = {"y": rng.normal(size=40), "x": rng.normal(size=40), "z": rng.normal(size=40)}
    table |= {"a": np.arange(40) % 5, "b": rng.integers(0, 3, 40)}
    priors = {"sd_b": pm.Uniform.dist(0.0, 4.0)}
    model = bl.lmm("y ~ x + (x + z | a) + (1 | b)", table, priors=priors)
    graph = model.marginal if marginal else model.graph
    logp, places, at = graph.compile_logp(mode="FAST_COMPILE"), {}, 0
    point = graph.initial_point()
    for name, value in point.items():
        places[name] = slice(at, at + value.size)
        at += value.size
    values = Values(model, graph, places)
    v = 0.5 * rng.normal(size=(3, at))
    for row, got in zip(v, values.reading(v, rng).log_target):
        filled = {n: row[places[n]].reshape(point[n].shape) for n in point}
        assert got == pytest.approx(float(logp(filled)), rel=1e-7)
    z, _ = values.coordinates(v[:1])
    drawn = {name: u[0] for name, u in values.read(v[:1]).drawn.items()}
    back = values.write(z[0], drawn)
    np.testing.assert_allclose(back, v[0], rtol=1e-9)


def test_default_mean_field_is_told_not_to_be_trusted_on_correlated_slopes(correlated, mean_field):
    """n = 120 in 8 groups: mean field drops the covariance of beta and u."""
    attrs = mean_field.attrs
    assert attrs["verdict"] == "not to be trusted"
    assert attrs["khat"] > 0.7
    assert attrs["sd_ratio"] < 0.5
    assert attrs["message"].startswith("not to be trusted: k-hat is")
    nuts = bl.fit(correlated, bl.NUTS(), seed=1)["posterior"]["beta"].std(("chain", "draw"))
    ours = mean_field["posterior"]["beta"].std(("chain", "draw"))
    assert (ours < 0.5 * nuts).all()
    with pytest.raises(ValueError, match="no weighting of these draws"):
        bl.importance_resample(mean_field)


def test_a_nearly_factorised_posterior_is_told_to_be_trusted(plain):
    tree = check_engine(bl.ADVI(draws=2000), plain)
    assert tree.attrs["verdict"] == "to be trusted"
    assert tree.attrs["khat"] < 0.7
    assert tree.attrs["kl"] < 0.05
    exact = bl.log_evidence(plain)
    assert tree.attrs["elbo"] == pytest.approx(exact.value - tree.attrs["kl"], abs=0.05)
    logs = tree["sample_stats"]["log_weight"].values.ravel()
    assert logsumexp(logs) - np.log(logs.size) == pytest.approx(exact.value, abs=0.02)
    nuts = bl.fit(plain, bl.NUTS(), seed=2)
    for name in ("beta", "sigma"):
        a, b = (
            t["posterior"][name].values.reshape(-1, *t["posterior"][name].shape[2:])
            for t in (tree, nuts)
        )
        np.testing.assert_allclose(a.mean(0), b.mean(0), atol=0.15 * float(b.std(0).min()))
        np.testing.assert_allclose(a.std(0), b.std(0), rtol=0.1)


def test_on_the_marginal_graph_the_coefficients_keep_their_covariance(correlated, mean_field):
    engine = bl.ADVI(marginal=True, full_rank=True)
    tree = bl.fit(correlated, engine, seed=1)
    assert tree.attrs["engine"] == "ADVI (full rank, marginal)"
    assert tree.attrs["elbo"] > mean_field.attrs["elbo"] + 1.0
    nuts = bl.fit(correlated, bl.NUTS(), seed=1)["posterior"]
    for name in ("beta", "u_g"):
        ratio = tree["posterior"][name].std(("chain", "draw")) / nuts[name].std(("chain", "draw"))
        assert float(ratio.min()) > 0.75
        assert float(ratio.max()) < 1.2


def test_the_trace_and_the_schedule_are_kept(mean_field):
    trace = mean_field["elbo"]
    assert trace["elbo"].size == mean_field.attrs["steps_taken"]
    assert set(np.unique(trace["rate"])) == set(RATES)
    assert (np.diff(trace["rate"]) <= 0.0).all()
    assert mean_field.attrs["converged"] == 1
    assert trace["elbo"][-1000:].mean() == pytest.approx(mean_field.attrs["elbo"])


def test_the_trend_of_a_line_is_its_slope():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=1000)
    slope, error = trend(0.002 * np.arange(1000) + noise)
    assert abs(slope - 2.0) < 3 * error
    t = np.arange(1000) - 499.5
    assert error == pytest.approx(1000.0 * noise.std() / np.sqrt(t @ t), rel=0.05)


def test_too_few_steps_are_told(correlated):
    tree = bl.fit(correlated, bl.ADVI(steps=3000), seed=1)
    assert tree.attrs["converged"] == 0
    assert "had not settled after 3,000 steps" in tree.attrs["message"]


def test_an_interrupt_keeps_what_was_reached(plain, monkeypatch):
    from bayeslmm.engines.descent import Schedule

    step = Schedule.__call__

    def stop(self, approximation, losses, number):
        if number == 1500:
            raise KeyboardInterrupt
        step(self, approximation, losses, number)

    monkeypatch.setattr(Schedule, "__call__", stop)
    tree = bl.fit(plain, bl.ADVI(draws=200), seed=1)
    assert tree.attrs["interrupted"] == 1
    assert "interrupted after 1,499 steps" in tree.attrs["message"]
    assert np.isfinite(tree["posterior"]["sigma"].values).all()
    assert logging.getLogger("pymc.variational.inference").level == logging.NOTSET


def test_units_of_the_data_change_nothing():
    table = clusters()
    big = {**table, "y": 1e6 * (table["y"] - table["y"].mean()), "x": 1e-4 * table["x"]}
    small = {**table, "y": table["y"] - table["y"].mean()}
    trees = [bl.fit(bl.lmm("y ~ x", t), bl.ADVI(), seed=1) for t in (big, small)]
    slopes = [t["posterior"]["beta"].sel(fixed="x") for t in trees]
    assert float(slopes[0].mean()) == pytest.approx(1e10 * float(slopes[1].mean()), rel=0.01)
    assert float(slopes[0].std()) == pytest.approx(1e10 * float(slopes[1].std()), rel=0.05)


def test_what_has_no_density_is_refused():
    table = clusters()
    zero = bl.lmm("y ~ x + (1 | g)", table, priors={"sd_g": 0.0})
    with pytest.raises(ValueError, match="sd_g is fixed at zero"):
        bl.fit(zero, bl.ADVI(), seed=1)
    held = bl.lmm("y ~ x", table, priors={"sigma": 1.0})
    with pytest.raises(ValueError, match="all variances are fixed"):
        bl.fit(held, bl.ADVI(marginal=True), seed=1)


def test_a_covariance_too_large_to_estimate_is_refused_before_anything_is_compiled():
    rng = np.random.default_rng(0)
    table = {"y": rng.normal(size=2400), "g": np.repeat(np.arange(1200), 2)}
    with pytest.raises(ValueError, match=r"covariance of 1,203 coordinates.*use marginal=True"):
        bl.fit(bl.lmm("y ~ 1 + (1 | g)", table), bl.ADVI(full_rank=True), seed=1)


@pytest.mark.parametrize(("option", "value"), [("steps", 10), ("draws", 5), ("steps", 2.5e4)])
def test_an_option_out_of_range_is_refused_by_name(option, value):
    with pytest.raises(ValueError, match=option):
        bl.ADVI(**{option: value})


class Shared:
    """What a schedule needs of a shared variable."""

    def __init__(self, value):
        self.value = np.asarray(value, float)

    def get_value(self, borrow=False):
        return self.value

    def set_value(self, value):
        self.value = np.asarray(value, float)


def run_schedule(elbo, mean, steps=20_000):
    """Steps until the schedule stops, its rates, and its average."""
    from bayeslmm.engines.descent import Schedule

    rng = np.random.default_rng(0)
    rate, param = Shared(0.0), Shared(mean(0))
    schedule, losses = Schedule(rate, [param], np.ones(2)), []
    for step in range(steps):
        param.set_value(mean(step))
        losses.append(-elbo(step) + rng.normal())
        try:
            schedule(None, np.array(losses[-1000:]), step + 1)
        except StopIteration:
            break
    return schedule, len(losses)


def test_a_flat_bound_with_still_means_ends_every_stage_at_its_first_look():
    schedule, steps = run_schedule(lambda s: 0.0, lambda s: np.zeros(2))
    assert schedule.done
    assert 3000 <= steps <= 4000
    assert [schedule.rates.count(r) > 0 for r in RATES] == [True] * 3


def test_a_rising_bound_holds_its_stage():
    schedule, steps = run_schedule(lambda s: 0.003 * s, lambda s: np.zeros(2), 6000)
    assert not schedule.done
    assert schedule.stage == 0
    assert steps == 6000


def test_means_that_still_move_hold_the_last_stage():
    schedule, _ = run_schedule(lambda s: 0.0, lambda s: np.full(2, 2e-4 * s), 8000)
    assert schedule.stage == 2
    assert not schedule.done
    assert schedule.drift == pytest.approx(0.1, rel=0.01)  # 500 steps of 2e-4


def test_the_answer_is_the_average_of_the_last_thousand_iterates():
    schedule, steps = run_schedule(lambda s: 0.0, lambda s: np.full(2, 1e-5 * s), 5000)
    (average,) = schedule.average()
    assert schedule.done
    np.testing.assert_allclose(average, 1e-5 * (steps - 500.5), rtol=1e-3)
