"""What is drawn heeds weights, frequency, offset and known noise, and keeps a draw together."""

import numpy as np
import pytest
from scipy import stats

import bayeslmm as bl
from tests.whole import COLUMNS, GROUPS, ROWS, declare, not_kept

SURE = 5.0  # standard errors


def far(values, error):
    """The largest distance from zero, in standard errors."""
    return float(np.abs(values / error).max())


def is_white(z):
    """Draws (k, n) of independent standard normal numbers: means, variances, correlations."""
    k = len(z)
    assert far(z.mean(axis=0), 1.0 / np.sqrt(k)) < SURE
    products = z.T @ z / k - np.eye(z.shape[1])
    assert far(products, np.sqrt((1.0 + np.eye(z.shape[1])) / k)) < SURE


@pytest.fixture(scope="module")
def known(whole):
    """All variances fixed: groups ten times as far apart as the noise is wide."""
    fixed = {"sd_g": [5.0, 2.0], "corr_g": 0.5, "sd_h": 4.0, "sd_z": 1.0, "sigma": 0.02}
    priors = {"Intercept": "Normal(30, 2)", "x": "Normal(0, 1)"} | fixed
    model = declare(whole.data, priors=priors)
    return model, bl.fit(model, bl.EmpiricalBayes("evidence", draws=600), seed=1)


@pytest.fixture(scope="module")
def measured(whole):
    """Noise that is known row by row, sigma one."""
    data = whole.data.assign(s=1.0 / np.sqrt(whole.data["w"]))
    model = bl.lmm("y ~ x", data, noise_sd="s", offset="o", priors={"beta": "Normal(0, 3)"})
    return model, bl.fit(model, bl.EmpiricalBayes(draws=500), seed=1), data


@pytest.mark.parametrize("engine", ["nuts", "eb"])
def test_replicates_have_each_draws_mean_and_each_rows_noise(whole, engine):
    tree = getattr(whole, engine)
    y = bl.posterior_predictive(whole.model, tree, seed=2)["posterior_predictive"]["y"].values
    is_white(((y - whole.means(tree)) / whole.noise(tree)).reshape(-1, ROWS))


def test_replicates_heed_known_noise(measured):
    model, tree, data = measured
    y = bl.posterior_predictive(model, tree, seed=2)["posterior_predictive"]["y"].values[0]
    beta = tree["posterior"]["beta"].values[0]
    mean = data["o"].to_numpy() + beta[:, :1] + beta[:, 1:] * data["x"].to_numpy()
    is_white((y - mean) / data["s"].to_numpy())


def effects_by_group(whole, left):
    """Intercept and slope of each level by least squares from rows without noise, (k, 10, 2)."""
    found = []
    for level in dict.fromkeys(whole.data["g"]):
        inside = (whole.data["g"] == level).to_numpy()
        found.append(np.linalg.lstsq(whole.X[inside], left[:, inside].T, rcond=None)[0].T)
    return np.stack(found, axis=1)


@pytest.fixture(scope="module")
def alone(whole):
    """One factor, hardly any noise: a replicate shows the effects that it was drawn with."""
    fixed = {"sd_g": [5.0, 2.0], "corr_g": 0.5, "sd_z": 1.0, "sigma": 1e-4}
    model = declare(whole.data, formula="y ~ x + (x | g)", priors=fixed)
    return model, bl.fit(model, bl.EmpiricalBayes("evidence", draws=1000), seed=1)


def test_effects_of_new_groups_are_drawn_once_for_a_group(whole, alone):
    """All rows of a level lie on one line, and the lines have the law N(0, Psi)."""
    model, tree = alone
    made = bl.posterior_predictive(model, tree, seed=3, groups="new")
    y = made["posterior_predictive"]["y"].values[0]
    p = tree["posterior"]
    rest = whole.of_columns(p["beta"].values[0], p["u_z"].values[0])
    left = y - rest - whole.data["o"].to_numpy()
    u = effects_by_group(whole, left)
    lines = whole.of_groups(u, np.zeros((len(u), 5, 1)))
    assert np.abs(left - lines).max() < 1e-2  # the noise, 50 times its sd
    root = np.linalg.cholesky([[25.0, 5.0], [5.0, 4.0]])
    is_white(np.linalg.solve(root, u.reshape(-1, 2).T).T.reshape(len(u), 2 * GROUPS))


def test_effects_of_known_groups_are_those_of_the_draw(whole, alone):
    model, tree = alone
    y = bl.posterior_predictive(model, tree, seed=3)["posterior_predictive"]["y"].values[0]
    p = tree["posterior"]
    rest = whole.of_columns(p["beta"].values[0], p["u_z"].values[0])
    u = effects_by_group(whole, y - rest - whole.data["o"].to_numpy())
    np.testing.assert_allclose(u, p["u_g"].values[0], atol=1e-2)


def test_draws_of_the_prior_belong_together(known, whole):
    """beta, effects and y of one draw are one draw; rows have their weights' noise."""
    model, _ = known
    tree = bl.prior_predictive(model, draws=600, seed=4)
    drawn = {"posterior": tree["prior"]}
    y = tree["prior_predictive"]["y"].values
    is_white(((y - whole.means(drawn)) / whole.noise(drawn))[0])


def test_the_prior_of_every_coefficient_is_the_declared_one(known, whole):
    model, _ = known
    p = bl.prior_predictive(model, draws=1500, seed=5)["prior"]
    beta = (p["beta"].values[0] - [30.0, 0.0]) / [2.0, 1.0]
    root = np.linalg.cholesky([[25.0, 5.0], [5.0, 4.0]])
    u_g = np.linalg.solve(root, p["u_g"].values[0].reshape(-1, 2).T).T.reshape(1500, -1)
    u_z = p["u_z"].values[0] * whole.spread
    is_white(np.column_stack([beta, u_g, p["u_h"].values[0, :, :, 0] / 4.0, u_z]))


def test_variances_of_the_prior_have_their_declared_law(whole):
    priors = {"sd_h": "HalfNormal(3)", "sigma": "HalfNormal(2)"}
    model = bl.lmm("y ~ x + (1 | h)", whole.data, priors=priors)
    p = bl.prior_predictive(model, draws=800, seed=6)["prior"]
    for name, scale in (("sd_h", 3.0), ("sigma", 2.0)):
        law = stats.halfnorm(scale=scale)
        assert stats.kstest(p[name].values.ravel(), law.cdf).pvalue > 1e-4
    assert abs(np.corrcoef(p["sd_h"].values.ravel(), p["sigma"].values.ravel())[0, 1]) < 0.18


def test_the_prior_predictive_heeds_known_noise(measured):
    model, _, data = measured
    tree = bl.prior_predictive(model, draws=500, seed=7)
    beta = tree["prior"]["beta"].values[0]
    mean = data["o"].to_numpy() + beta[:, :1] + beta[:, 1:] * data["x"].to_numpy()
    is_white((tree["prior_predictive"]["y"].values[0] - mean) / data["s"].to_numpy())


def test_a_response_simulated_from_the_prior_heeds_weights_and_offset(known, whole):
    """Everything integrated out, y is normal with the covariance that the equation says."""
    model, _ = known
    y = np.array([bl.simulate(model, seed=s) for s in range(400)])
    A = whole.design
    S = np.zeros((31, 31))
    S[:2, :2] = np.diag([4.0, 1.0])
    S[2:22, 2:22] = np.kron(np.eye(GROUPS), [[25.0, 5.0], [5.0, 4.0]])
    S[22:27, 22:27] = 16.0 * np.eye(5)
    S[27:, 27:] = np.diag(whole.spread**-2.0)
    V = A @ S @ A.T + np.diag(0.02**2 / whole.data["w"])
    mean = whole.data["o"].to_numpy() + 30.0
    is_white(np.linalg.solve(np.linalg.cholesky(V), (y - mean).T).T)


def labelled(whole):
    """A tree whose draw i has the intercept 1000 i, and sigma 1 + i / 10: a draw can be told."""
    tree = whole.nuts.copy(deep=True)
    p, shape = tree["posterior"], tree["posterior"]["sigma"].shape
    index = np.arange(np.prod(shape)).reshape(shape)
    beta = np.stack([1000.0 * index, np.zeros(shape)], axis=-1)
    for name, values in (("beta", beta), ("sigma", 1.0 + 0.1 * index)):
        p[name] = p[name].copy(data=values)
    for name in ("sd_g", "sd_h", "sd_z"):
        p[name] = p[name].copy(data=np.full(p[name].shape, 1e-6))
    return tree


def test_a_simulated_response_takes_one_random_draw_of_the_posterior(whole):
    tree, found = labelled(whole), []
    for seed in range(40):
        y = bl.simulate(whole.model, tree, seed=seed) - whole.data["o"].to_numpy()
        draw = round(np.median(y) / 1000.0)
        z = (y - 1000.0 * draw) * np.sqrt(whole.data["w"]) / (1.0 + 0.1 * draw)
        assert abs(z.mean()) < SURE / np.sqrt(ROWS)
        assert (z**2).mean() == pytest.approx(1.0, abs=SURE * np.sqrt(2.0 / ROWS))
        found.append(draw)
    total = whole.nuts["posterior"]["sigma"].size
    assert len(set(found)) > 30  # of 40 among 400 two or three meet
    assert min(found) < total / 4
    assert max(found) > 3 * total / 4


def test_a_bootstrap_response_has_the_estimates_not_a_draw_of_beta(whole):
    """Least squares of it scatter by the noise alone; by drawn beta they would by twice that."""
    d = whole.data
    model = bl.lmm("y ~ x", d, weights="w", offset="o", priors={"sigma": 2.0})
    eb = bl.fit(model, bl.EmpiricalBayes("reml", draws=200), seed=1)
    y = np.array([bl.simulate(model, eb, seed=s) for s in range(200)]) - d["o"].to_numpy()
    root = np.sqrt(d["w"].to_numpy())
    found = np.linalg.lstsq(whole.X * root[:, None], (y * root).T, rcond=None)[0].T
    precision = (whole.X * d["w"].to_numpy()[:, None]).T @ whole.X / 4.0
    left = found - bl.fixef(eb)["mean"].to_numpy()
    is_white(left @ np.linalg.cholesky(precision))


DRAWING = {
    "posterior_predictive": lambda m, t, s: bl.posterior_predictive(m, t, seed=s)[
        "posterior_predictive"
    ]["y"],
    "of new groups": lambda m, t, s: bl.posterior_predictive(m, t, seed=s, groups="new")[
        "posterior_predictive"
    ]["y"],
    "prior_predictive": lambda m, t, s: bl.prior_predictive(m, draws=3, seed=s)["prior_predictive"][
        "y"
    ],
    "simulate": lambda m, t, s: bl.simulate(m, t, seed=s),
    "simulate from the prior": lambda m, t, s: bl.simulate(m, seed=s),
    "noise": lambda m, t, s: bl.predict(m, t, noise=True, seed=s).draws,
    "a new group": lambda m, t, s: bl.predict(m, t, NEW, seed=s).draws,
    "its noise": lambda m, t, s: bl.predict(m, t, NEW, noise=True, seed=s).draws,
}
NEW = {"x": [1.0], "g": ["new"], "h": ["h1"], "o": [0.0], "w": [1.0]} | {c: [0.0] for c in COLUMNS}


@pytest.mark.parametrize("verb", DRAWING)
def test_a_seed_gives_its_draws_and_another_seed_others(whole, verb):
    draw = DRAWING[verb]
    first, again, other = (np.asarray(draw(whole.model, whole.nuts, s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).min() > 0.0
    unseeded = [np.asarray(draw(whole.model, whole.nuts, None)) for _ in range(2)]
    assert np.abs(unseeded[0] - unseeded[1]).min() > 0.0


def test_a_simulated_response_has_new_groups(whole, alone):
    model, tree = alone
    y = np.array([bl.simulate(model, tree, seed=s) for s in range(60)])
    moments = tree["posterior_moments"]
    beta, u_z = moments["beta_mean"].values, tree["posterior"]["u_z"].values.mean(axis=(0, 1))
    u = effects_by_group(whole, y - whole.of_columns(beta, u_z) - whole.data["o"].to_numpy())
    kept = tree["posterior"]["u_g"].values.mean(axis=(0, 1))
    mine, theirs = u.reshape(60, -1), kept.ravel()
    agree = np.array([np.corrcoef(row, theirs)[0, 1] for row in mine])
    assert abs(agree.mean()) < SURE / np.sqrt(60 * 2 * GROUPS / 4)


@pytest.mark.parametrize("engine", ["nuts", "eb"])
def test_the_log_likelihood_of_a_row_heeds_its_weight_and_how_often_it_counts(whole, engine):
    tree = getattr(whole, engine)
    mean, sd = whole.means(tree), whole.noise(tree)
    truth = stats.norm.logpdf(whole.data["y"], mean, sd) * whole.data["f"].to_numpy()
    ours = bl.log_likelihood(whole.model, tree)["log_likelihood"]["y"]
    assert ours.dims == ("chain", "draw", "row")
    np.testing.assert_allclose(ours, truth, rtol=1e-9)


def test_the_log_likelihood_heeds_known_noise(measured):
    model, tree, data = measured
    beta = tree["posterior"]["beta"].values[0]
    mean = data["o"].to_numpy() + beta[:, :1] + beta[:, 1:] * data["x"].to_numpy()
    truth = stats.norm.logpdf(data["y"], mean, data["s"])
    ours = bl.log_likelihood(model, tree)["log_likelihood"]["y"].values[0]
    np.testing.assert_allclose(ours, truth, rtol=1e-9)


def test_rows_without_their_draws_are_drawn_again_with_the_same_law(whole):
    """Columns and groups that were not kept come back by the conditional law of their draw."""
    lean = not_kept(whole.nuts, "u_g", "u_h", "u_z", "beta")
    y = bl.posterior_predictive(whole.model, lean, seed=2)["posterior_predictive"]["y"].values
    truth = whole.means(whole.nuts).reshape(-1, ROWS)
    error = np.sqrt(2.0 * truth.var(axis=0) + (whole.noise(whole.nuts) ** 2).mean(axis=(0, 1)))
    gap = y.reshape(-1, ROWS).mean(axis=0) - truth.mean(axis=0)
    assert far(gap, error / np.sqrt(len(truth) / 2.0)) < SURE  # chains: half as many draws
    assert list(whole.model.blocks[0].labels) == COLUMNS
