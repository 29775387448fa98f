"""Blocks of columns: one declaration, whatever the law, the solver and what stands beside them."""

import pickle
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayeslmm as bl
from bayeslmm.design import DesignError
from bayeslmm.posterior.recover import moments_of
from bayeslmm.solvers.dual import Dual
from bayeslmm.testing import check_engine, check_model

LAWS = {
    "ridge": bl.ridge,
    "ard": bl.ard,
    "laplace": bl.laplace,
    "horseshoe": lambda X, name: bl.horseshoe(X, name, nonzero=1),
    "slab": lambda X, name: bl.horseshoe(X, name, nonzero=1, slab=2.0),
}


def table(n=30, seed=0):
    rng = np.random.default_rng(seed)
    g = np.arange(n) % 5
    x = rng.standard_normal(n)
    y = 3.0 + x + rng.standard_normal(5)[g] + 0.5 * rng.standard_normal(n)
    return {"y": y, "x": x, "g": g}


def columns(n=30, P=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, P)) * rng.uniform(0.5, 4.0, P) + rng.uniform(-2.0, 2.0, P)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("formula", ["y ~ x", "y ~ 0 + x", "y ~ 1 + (1 + x | g)"])
def test_graphs_solver_and_recovery_agree(law, formula):
    check_model(bl.lmm(formula, table(), terms=[LAWS[law](columns(), "a")]), points=2)


@pytest.mark.parametrize("law", LAWS)
def test_graphs_solver_and_recovery_agree_with_more_columns_than_rows(law):
    m = bl.lmm("y ~ x + (1 | g)", table(15), terms=[LAWS[law](columns(15, 24), "a")])
    assert isinstance(m.solver(), Dual)
    check_model(m, points=2)


@pytest.mark.parametrize("pair", [*combinations_with_replacement(LAWS, 2)], ids="+".join)
def test_every_sum_of_two_laws_agrees(pair):
    terms = [LAWS[law](columns(seed=s), name) for law, s, name in zip(pair, (1, 2), "ab")]
    check_model(bl.lmm("y ~ x + (1 | g)", table(), terms=terms), points=1)


def test_a_kernel_and_a_lasso_agree():
    d = table()
    check_model(bl.rvm(d["x"], d["y"], kernel=bl.kernels.gaussian(2.0)), points=1)
    X = pd.DataFrame(columns(), columns=["a", "b", "c"])
    check_model(bl.lasso("y ~ .", X.assign(y=d["y"])), points=1)


def test_weights_frequencies_and_an_offset_reach_both_solvers():
    d = table(12)
    extras = {
        "weights": np.linspace(0.5, 2.0, 12),
        "frequency": np.arange(12) % 3 + 1,
        "offset": np.linspace(-1.0, 1.0, 12),
    }
    for P in (3, 20):
        m = bl.lmm("y ~ x", d, terms=[bl.laplace(columns(12, P), "a")], **extras)
        check_model(m, points=1)


def test_given_the_variances_a_ridge_block_is_ridge_regression():
    d, X = table(), columns()
    priors = {"sd_a": 0.7, "sigma": 0.5, "Intercept": "flat"}
    m = bl.lmm("y ~ 1", d, terms=[bl.ridge(X, "a")], priors=priors)
    found = bl.fit(m, bl.EmpiricalBayes(), seed=1)["posterior_moments"]["u_a_mean"].values
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    lam = 0.5**2 / 0.7**2
    w = np.linalg.solve(Z.T @ Z + lam * np.eye(3), Z.T @ (d["y"] - d["y"].mean()))
    np.testing.assert_allclose(found, w / X.std(axis=0), rtol=1e-10)


@pytest.mark.parametrize("P", [4, 40])
def test_with_equal_variances_the_relevance_vector_machine_is_ridge(P):
    d, X = table(), columns(P=P)
    rvm = bl.rvm(X, d["y"], priors={"scale_w": 0.3, "sigma": 0.5})
    lmm = bl.lmm(
        "y ~ 0", d, terms=[bl.ridge(X, "w", scale=None)], priors={"sd_w": 0.3, "sigma": 0.5}
    )
    z = np.zeros(0)
    assert rvm.target()(z)[0] == pytest.approx(lmm.target()(z)[0], rel=1e-10)
    means = [
        moments_of(m, m.solver().condition(m.roots(m.space.constrain(z))[0], 0.5))[0]["u_w"]
        for m in (rvm, lmm)
    ]
    np.testing.assert_allclose(means[0], means[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [3.0, 0.5])
def test_the_identity_as_columns_gives_james_and_stein(size):
    z = size * np.random.default_rng(3).standard_normal(20)
    m = bl.lmm(
        "y ~ 0", {"y": z}, terms=[bl.ridge(np.eye(20), "u", scale=None)], priors={"sigma": 1.0}
    )
    eb = bl.fit(m, bl.EmpiricalBayes("ml"), seed=1)
    kept = max(0.0, 1.0 - 20 / (z @ z))
    found = eb["posterior_moments"]["u_u_mean"].values
    np.testing.assert_allclose(found, kept * z, atol=1e-6)
    assert ("at zero" in eb.attrs["message"]) == (kept == 0.0)


def test_units_of_columns_do_not_matter_and_shifts_neither():
    d, X = table(), columns()
    other = X * [1e-3, 1.0, 1e5] + [0.0, 1e6, 0.0]
    found = []
    for Z, unit in ((X, np.ones(3)), (other, np.array([1e-3, 1.0, 1e5]))):
        m = bl.lmm("y ~ 1", d, terms=[bl.ridge(Z, "a")])
        eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
        found.append(eb["posterior_moments"]["u_a_mean"].values * unit)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


def test_the_density_of_tau_is_that_of_an_exponential_on_its_square():
    d = table()
    m = bl.lmm("y ~ 1", d, terms=[bl.laplace(columns(), "a")])
    prior = bl.prior_predictive(m, draws=50, seed=1)["prior"]
    lam2, tau = prior["lam2_a"].values[..., None], prior["tau_a"].values
    from bayeslmm.posterior.log_densities import log_prior

    variables = {n: (a.dims[2:], a.values) for n, a in prior.data_vars.items()}
    found = log_prior(m, variables)
    expected = stats.expon(scale=2.0 / lam2).logpdf(tau**2) + np.log(2.0 * tau)
    np.testing.assert_allclose(found["tau_a"][1], expected, rtol=1e-10)
    np.testing.assert_allclose(prior["lam_a"].values ** 2, prior["lam2_a"].values)


def test_the_density_of_a_horseshoes_width_is_given_sigma():
    m = bl.lmm("y ~ 1", table(), terms=[bl.horseshoe(columns(), "a", nonzero=1)])
    prior = bl.prior_predictive(m, draws=50, seed=1)["prior"]
    from bayeslmm.posterior.log_densities import log_prior

    found = log_prior(m, {n: (a.dims[2:], a.values) for n, a in prior.data_vars.items()})
    width = prior["sigma"].values * 1.0 / (2.0 * np.sqrt(30))
    expected = stats.halfnorm(scale=width).logpdf(prior["sd_a"].values)
    np.testing.assert_allclose(found["sd_a"][1], expected, rtol=1e-10)


def test_a_model_with_blocks_is_pickled_and_takes_other_data():
    for P in (3, 40):
        m = bl.lmm("y ~ x", table(), terms=[bl.laplace(columns(P=P), "a")])
        again = pickle.loads(pickle.dumps(m))
        z = np.zeros(m.space.size)
        assert again.digest == m.digest
        assert again.target()(z)[0] == m.target()(z)[0]
        y = bl.simulate(m, seed=1)
        fresh = bl.lmm("y ~ x", {**table(), "y": y}, terms=[bl.laplace(columns(P=P), "a")])
        changed = m.with_data(y).solver()
        theta = m.space.constrain(z)
        mine = changed.value(*m.roots(theta))
        # The priors are those of the first data: only the criterion without them is compared.
        theirs = fresh.solver("reml").value(*m.roots(theta))
        assert np.isfinite(mine)
        assert m.with_data(y).solver("reml").value(*m.roots(theta)) == pytest.approx(
            theirs, rel=1e-9
        )


def test_other_columns_make_another_digest():
    X = columns()
    digests = {
        bl.lmm("y ~ 1", table(), terms=[term]).digest
        for term in (bl.ridge(X, "a"), bl.ridge(X * 2, "a"), bl.ridge(X, "b"), bl.ard(X, "a"))
    }
    assert len(digests) == 4


def test_engines_return_every_variable_by_name():
    m = bl.lmm("y ~ x", table(), terms=[bl.horseshoe(columns(), "a", nonzero=1, slab=2.0)])
    check_engine(bl.NUTS(draws=50, tune=100, chains=2), m)
    ridge = bl.lmm("y ~ x + (1 | g)", table(), terms=[bl.ridge(columns(15 + 15, 40), "a")])
    tree = check_engine(bl.EmpiricalBayes("reml", draws=50), ridge)
    assert tree["posterior"]["u_a"].dims == ("chain", "draw", "a_column")


# Columns that a maximum chooses.


def sparse(n=40, P=60, seed=5):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, P))
    return X, 1.0 + 3.0 * X[:, 7] - 2.0 * X[:, 31] + 0.3 * rng.standard_normal(n)


def test_a_maximum_keeps_the_columns_that_matter_and_says_how_many():
    X, y = sparse()
    m = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(X, "a")])
    eb = check_engine(bl.EmpiricalBayes(draws=100), m)
    mean = eb["posterior_moments"]["u_a_mean"].values
    assert np.flatnonzero(mean).tolist() == [7, 31]
    np.testing.assert_allclose(mean[[7, 31]], [3.0, -2.0], atol=0.2)
    assert eb["posterior"]["scale_a"].values[..., 0].max() == 0.0
    assert eb.attrs["message"].startswith("2 of 60 columns kept")


def test_the_maximum_is_that_of_the_dense_normal_in_every_direction():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((40, 12))
    y = 1.0 + 3.0 * X[:, 7] - 2.0 * X[:, 2] + 0.3 * rng.standard_normal(40)
    m = bl.rvm(X, y, price=0.0)
    eb = bl.fit(m, bl.EmpiricalBayes(draws=10), seed=1)
    scale = eb["posterior"]["scale_w"].values[0, 0]
    sigma = float(eb["posterior"]["sigma"][0, 0])

    def dense(s, noise):
        V = noise**2 * np.eye(40) + (X * s**2) @ X.T
        return stats.multivariate_normal(cov=V).logpdf(y)

    best = dense(scale, sigma)
    assert best == pytest.approx(eb.attrs["log_marginal"], abs=1e-8)
    for j in range(12):
        for step in (0.9, 1.1) if scale[j] else (0.01, 0.1, 1.0):
            other = scale.copy()
            other[j] = other[j] * step if scale[j] else step
            assert dense(other, sigma) < best
    assert max(dense(scale, sigma * 0.99), dense(scale, sigma * 1.01)) < best


def test_nothing_to_keep_is_a_clear_result():
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((50, 100)), rng.standard_normal(50)
    m = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(X, "a")])
    eb = check_engine(bl.EmpiricalBayes(draws=100), m)
    assert "none of 100 columns kept" in eb.attrs["message"]
    assert not eb["posterior"]["u_a"].values.any()
    assert np.ptp(bl.predict(m, eb, seed=1).draws, axis=1).max() < 1e-12


def test_columns_are_chosen_beside_random_effects_and_a_ridge():
    rng = np.random.default_rng(4)
    X, y = sparse(60, 80)
    g = np.arange(60) % 6
    more = rng.standard_normal((60, 10))
    y = y + rng.standard_normal(6)[g] + more @ rng.standard_normal(10) * 0.2
    m = bl.lmm("y ~ 1 + (1 | g)", {"y": y, "g": g}, terms=[bl.ridge(more, "b"), bl.ard(X, "a")])
    eb = bl.fit(m, bl.EmpiricalBayes("reml", draws=50), seed=1)
    assert np.flatnonzero(eb["posterior_moments"]["u_a_mean"].values).tolist() == [7, 31]
    theta = {n: eb["posterior"][n].values[0, 0] for n in ("sd_g", "sd_b", "sigma", "scale_a")}
    Zb = (more - more.mean(axis=0)) / more.std(axis=0)
    Za = (X - X.mean(axis=0)) / X.std(axis=0)
    V = theta["sigma"] ** 2 * np.eye(60) + theta["sd_g"] ** 2 * (g[:, None] == g)
    V += theta["sd_b"] ** 2 * Zb @ Zb.T + (Za * theta["scale_a"] ** 2) @ Za.T
    W, ones = np.linalg.inv(V), np.ones(60)
    rest = y - ones * (ones @ W @ y) / (ones @ W @ ones)
    reml = -0.5 * (np.linalg.slogdet(V)[1] + np.log(ones @ W @ ones) + rest @ W @ rest)
    assert eb.attrs["log_marginal"] == pytest.approx(reml - 29.5 * np.log(2 * np.pi), abs=1e-7)


# What cannot be used.


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (lambda X: bl.ridge(X[:10], "a"), "30"),
        (lambda X: bl.ridge(np.where(X > 1, np.nan, X), "a"), "missing|NaN|nan"),
        (lambda X: bl.ard(np.column_stack([X, X[:, 0]]), "a"), "equal in every row"),
        (lambda X: bl.ard(np.column_stack([X, np.ones(30)]), "a"), "one value in every row"),
        (lambda X: bl.ridge(X[:, :0], "a"), "column"),
        (lambda X: bl.ridge(np.array([["a"]] * 30), "a"), "text|number"),
        (lambda X: bl.laplace(X, "a", lam=-1.0), "positive"),
        (lambda X: bl.laplace(X, "a", lam=1e308), "positive number up to 1e\\+100"),
        (lambda X: bl.horseshoe(X, "a", slab=1e308), "positive number up to 1e\\+100"),
        (lambda X: bl.horseshoe(X, "a", nonzero=3), "expects all 3"),
        (lambda X: bl.horseshoe(X, "a", nonzero=0), "positive"),
        (lambda X: bl.ard(X, "a", price=-1.0), "at least 0"),
        (lambda X: bl.ridge(X, "g"), "taken"),
        (lambda X: bl.ridge(X, "a b"), "name"),
        (lambda X: bl.ridge(X, "a", scale="z"), "'sd'"),
        (lambda X: X, "terms= takes blocks"),
    ],
)
def test_a_block_that_cannot_be_used_is_refused_in_words(term, words):
    with pytest.raises(DesignError, match=words):
        bl.lmm("y ~ 1 + (1 | g)", table(), terms=[term(columns())])


def test_equal_columns_may_share_a_variance():
    X = columns()
    m = bl.lmm("y ~ 1", table(), terms=[bl.ridge(np.column_stack([X, X]), "a")])
    u = bl.fit(m, bl.EmpiricalBayes("reml", draws=10), seed=1)["posterior_moments"][
        "u_a_mean"
    ].values
    np.testing.assert_allclose(u[:3], u[3:], rtol=1e-6)


def test_a_prior_of_a_blocks_parameter_goes_by_its_name():
    m = bl.lmm("y ~ 1", table(), terms=[bl.ridge(columns(), "a")], priors={"sd_a": "HalfNormal(2)"})
    assert m.prior_table["sd_a"] == "HalfNormal(2)"
    with pytest.raises(DesignError, match="sd_a"):
        bl.lmm("y ~ 1", table(), terms=[bl.ridge(columns(), "a")], priors={"sd_b": 1.0})


def test_flat_scales_are_for_a_maximum_only():
    m = bl.rvm(columns(), table()["y"], priors={"scale_w": "HalfFlat()"})
    for engine in (bl.NUTS(), bl.ADVI(marginal=True)):
        with pytest.raises(ValueError, match="improper"):
            bl.fit(m, engine)
    assert bl.fit(m, bl.EmpiricalBayes(draws=10), seed=1).attrs["converged"]


def test_a_horseshoe_has_no_maximum_worth_having():
    m = bl.lmm("y ~ 1", table(), terms=[bl.horseshoe(columns(), "a", nonzero=1)])
    with pytest.raises(ValueError, match=r"NUTS\(\)"):
        bl.fit(m, bl.EmpiricalBayes())
    with pytest.raises(ValueError, match="CAVI"):
        bl.fit(m, bl.CAVI())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda d: bl.rvm(["a"] * 30, d["y"], kernel=bl.kernels.gaussian(1.0)),
            r"^the input x of gaussian\(width=1\) must hold real numbers, got text; convert",
        ),
        (
            lambda d: bl.rvm(
                d["x"], np.column_stack([d["y"]] * 2), kernel=bl.kernels.gaussian(1.0)
            ),
            r"^bl\.rvm takes one response of shape \(n,\), got shape \(30, 2\); fit one model for",
        ),
        (lambda d: bl.rvm(d["x"]), r"^bl\.rvm\(x, y\) needs the response y; or a formula and a"),
        (
            lambda d: bl.rvm("y ~ x + (1 | g)", d),
            r"^bl\.rvm has no grouping factors; add bl\.ard\(columns\) to bl\.lmm",
        ),
        (
            lambda d: bl.rvm(d["x"][:9], d["y"], kernel=bl.kernels.gaussian(1.0)),
            r"^the input x of gaussian\(width=1\): 9 rows, but the response has 30; give both for "
            r"the same rows",
        ),
        (lambda d: bl.lasso(columns()), r"^bl\.lasso\(X, y\) needs the response y; or a formula"),
        (
            lambda d: bl.lasso("y ~ 1", d),
            r"^the formula y ~ 1: there are no columns; give at least",
        ),
    ],
)
def test_siblings_refuse_in_words_too(call, words):
    with pytest.raises(DesignError, match=words):
        call(table())


def test_a_width_is_positive():
    with pytest.raises(ValueError, match="width"):
        bl.kernels.gaussian(0.0)


@pytest.mark.parametrize(
    "option", [{"criterion": "map"}, {"laplace": True}, {"log_evidence": True}]
)
def test_what_means_nothing_where_columns_are_chosen_is_refused(option):
    m = bl.rvm(columns(), table()["y"])
    with pytest.raises(ValueError, match="no meaning"):
        bl.fit(m, bl.EmpiricalBayes(**option))


def test_repeated_rows_are_rows_for_a_maximum_that_chooses():
    rng = np.random.default_rng(8)
    X = rng.standard_normal((20, 8))
    y = 1.0 + 2.0 * X[:, 3] + 0.5 * rng.standard_normal(20)
    times = 1 + np.arange(20) % 3
    merged = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(X, "a")], frequency=times)
    every = bl.lmm(
        "y ~ 1", {"y": np.repeat(y, times)}, terms=[bl.ard(X.repeat(times, axis=0), "a")]
    )
    for criterion in ("reml", "evidence"):
        a, b = (bl.fit(m, bl.EmpiricalBayes(criterion, draws=10), seed=1) for m in (merged, every))
        assert a.attrs["log_marginal"] == pytest.approx(b.attrs["log_marginal"], abs=1e-7)
        np.testing.assert_allclose(
            a["posterior_moments"]["u_a_mean"], b["posterior_moments"]["u_a_mean"], atol=1e-6
        )


@pytest.mark.parametrize("law", ["ridge", "laplace", "horseshoe"])
def test_a_block_given_repeated_rows_once_is_the_same_block(law):
    d, X, times = table(), columns(), 1 + np.arange(30) % 3
    merged = bl.lmm("y ~ x", d, terms=[LAWS[law](X, "a")], frequency=times)
    rows = {name: np.repeat(column, times) for name, column in d.items()}
    every = bl.lmm("y ~ x", rows, terms=[LAWS[law](X.repeat(times, axis=0), "a")])
    z = np.full(merged.space.size, -0.5)
    assert merged.prior_table == every.prior_table
    assert merged.target()(z)[0] == pytest.approx(every.target()(z)[0], rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("criterion", ["reml", "evidence"])
def test_noise_beside_many_fixed_effects_keeps_no_column_for_nothing(seed, criterion):
    rng = np.random.default_rng(seed)
    W, X, y = rng.standard_normal((40, 24)), rng.standard_normal((40, 60)), rng.standard_normal(40)
    names = {f"w{j}": W[:, j] for j in range(24)}
    formula = "y ~ " + " + ".join(names)
    m = bl.lmm(formula, {"y": y, **names}, terms=[bl.ard(X, "a")])
    eb = bl.fit(m, bl.EmpiricalBayes(criterion, draws=10), seed=1)
    none = bl.lmm(formula, {"y": y, **names}, priors=frozen(m))
    empty = bl.fit(none, bl.EmpiricalBayes(criterion, draws=10), seed=1).attrs["log_marginal"]
    bought = eb.attrs["log_marginal"] - np.log(60) * eb.attrs["columns_kept"]
    assert bought >= empty - 1e-6


def frozen(m):
    """The priors of beta that a model took from its data, as text."""
    return {n: t.split(" at ")[0] for n, t in m.prior_table.items() if t.startswith("Normal")}


def test_every_column_kept_brings_its_price():
    rng = np.random.default_rng(11)
    X, y = rng.standard_normal((20, 10)), rng.standard_normal(20)
    m = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(X, "a")])
    eb = bl.fit(m, bl.EmpiricalBayes("reml", draws=10), seed=1)
    scales, sigma = eb["posterior"]["scale_a"].values[0, 0], float(eb["posterior"]["sigma"][0, 0])
    solver = m.solver("reml")
    top = solver.value(scales, sigma)
    assert top == pytest.approx(eb.attrs["log_marginal"], abs=1e-8)
    for j in np.flatnonzero(scales):
        assert top - solver.value(np.where(np.arange(10) == j, 0.0, scales), sigma) > 0.0


def test_a_strong_prior_of_a_fixed_effect_is_seen_by_the_search():
    rng = np.random.default_rng(3)
    x = rng.standard_normal(40)
    X = np.column_stack([x + 1e-3 * rng.standard_normal(40), rng.standard_normal((40, 3))])
    y = 3.0 * x + 0.3 * rng.standard_normal(40)
    m = bl.lmm("y ~ x", {"y": y, "x": x}, terms=[bl.ard(X, "a")], priors={"x": "Normal(0, 0.001)"})
    eb = bl.fit(m, bl.EmpiricalBayes(draws=10), seed=1)
    assert eb["posterior_moments"]["u_a_mean"].values[0] == pytest.approx(3.0, abs=0.2)


def test_each_block_has_its_own_price():
    rng = np.random.default_rng(6)
    A, B = rng.standard_normal((30, 5)), rng.standard_normal((30, 100))
    y = 0.45 * A[:, 0] + 4.0 * B[:, 7] + rng.standard_normal(30)
    free = [bl.ard(A, "a", price=0.0), bl.ard(B, "b")]
    m = bl.lmm("y ~ 1", {"y": y}, terms=free)
    prices = {b.name: b.law.price for b in m.blocks}
    assert prices == {"a": 0.0, "b": pytest.approx(np.log(105))}
    alone = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(np.hstack([A, B]), "c")])
    assert alone.blocks[0].law.price == prices["b"]


def test_weights_in_other_units_change_nothing():
    d, X = table(), columns()
    z = None
    for law in ("laplace", "slab"):
        values = []
        for unit in (1.0, 100.0):
            weights = unit * np.linspace(0.5, 2.0, 30)
            m = bl.lmm("y ~ x", d, terms=[LAWS[law](X, "a")], weights=weights)
            z = np.zeros(m.space.size)
            z[-1] = 0.5 * np.log(unit)  # sigma is the noise of a row of weight one
            theta = m.space.constrain(z)
            values.append(m.solver().value(*m.roots(theta)))
        assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_known_noise_is_the_unit_of_laws_in_units_of_the_noise():
    d, X = table(), columns()
    known = bl.lmm("y ~ x", d, terms=[bl.laplace(X, "a", lam=2.0)], noise_sd=np.full(30, 5.0))
    fixed = bl.lmm("y ~ x", d, terms=[bl.laplace(X, "a", lam=2.0)], priors={"sigma": 5.0})
    z = np.zeros(3)
    values = []
    for m in (known, fixed):
        theta = m.space.constrain(z)
        values.append(m.solver("reml").value(*m.roots(theta)))
    assert values[0] == pytest.approx(values[1], rel=1e-9)


@pytest.mark.parametrize("law", ["ridge", "ard", "horseshoe"])
def test_default_scales_do_not_depend_on_how_columns_are_standardised(law):
    X = np.random.default_rng(0).standard_normal((30, 3))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    laws = {"ridge": bl.ridge, "ard": bl.ard, "horseshoe": bl.horseshoe}
    values = []
    for scale in ("sd", "norm", None):
        m = bl.lmm("y ~ x", table(), terms=[laws[law](X, "a", scale=scale)])
        z = np.zeros(m.space.size)
        h = m.space.scales[:-1]
        at = [p.name for p in h].index("scale_a" if law == "ard" else "sd_a")
        shift = np.log(m.blocks[0].unit[0])  # the same scale in the units of these columns
        first = sum(p.size for p in h[:at])
        z[first : first + h[at].size] = shift - 3.0
        values.append(m.target()(z)[0])
    assert values[0] == pytest.approx(values[1], rel=1e-9)
    assert values[0] == pytest.approx(values[2], rel=1e-9)


def test_a_scale_for_each_column_has_a_default_in_its_own_units():
    """sd y / (rms x sqrt P), one for each; one for all where they are alike, and for a kernel."""
    X, y = columns() * [1e-3, 1.0, 1e4], table()["y"]
    m = bl.rvm(X, y)
    law = m.blocks[0].law.local.law
    rms = np.sqrt(np.mean(X**2, axis=0))
    size = np.sqrt(np.mean(y**2)) / np.sqrt(X.shape[1])
    np.testing.assert_allclose(law.parameters[1], size / rms, rtol=1e-12)
    assert np.ndim(bl.rvm(X / rms, y).blocks[0].law.local.law.parameters[1]) == 0
    kernel = bl.rvm(X[:, 1], y, kernel=bl.kernels.gaussian(1.0))
    assert np.ndim(kernel.blocks[0].law.local.law.parameters[1]) == 0
    assert "by column" in bl.rvm(np.hstack([X, X**2, X**3]), y).prior_table["scale_w"]
