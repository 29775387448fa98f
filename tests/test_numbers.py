"""Every number of every table that reads a fit, beside NumPy on the draws of its tree.

Under empirical Bayes the exact moments come from dense algebra at the plugged-in variances.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayeslmm as bl
from tests.whole import COLUMNS, GROUPS, OTHERS, ROWS

PROB = 0.8  # not the default, and not its complement
TAILS = [0.1, 0.9]
WIDTH = 1.2815515655446004  # of a normal interval that holds 80%, in sds
NUMBERS = ["mean", "sd", "lower", "upper"]


def of_draws(values):
    """mean, sd and quantiles of draws (chains, draws, ...), (k, 4)."""
    flat = values.reshape(values.shape[0] * values.shape[1], -1)
    return np.column_stack([flat.mean(axis=0), flat.std(axis=0), *np.quantile(flat, TAILS, axis=0)])


def of_normal(mean, sd):
    return np.column_stack([mean, sd, mean - WIDTH * sd, mean + WIDTH * sd])


@pytest.fixture(scope="module")
def exact(whole):
    """Mean and sd of all 31 coefficients at the plugged-in variances, by dense algebra."""
    p = whole.eb["posterior"].isel(chain=0, draw=0)
    scales = [p[name].values for name in ("sd_g", "corr_g", "sd_h", "sd_z", "sigma")]
    mean, precision = whole.law_given(*scales)
    return mean, np.sqrt(np.diag(np.linalg.inv(precision)))


def test_fixed_effects(whole, exact):
    drawn, given = bl.fixef(whole.nuts, prob=PROB), bl.fixef(whole.eb, prob=PROB)
    assert list(drawn.index) == list(given.index) == ["Intercept", "x"]
    assert list(drawn.columns) == list(given.columns) == NUMBERS
    np.testing.assert_allclose(drawn, of_draws(whole.nuts["posterior"]["beta"].values))
    np.testing.assert_allclose(given, of_normal(exact[0][:2], exact[1][:2]), rtol=1e-7)


def test_random_effects(whole, exact):
    parts = {"g": slice(2, 22), "h": slice(22, 27)}
    drawn, given = bl.ranef(whole.nuts, prob=PROB), bl.ranef(whole.eb, prob=PROB)
    assert set(drawn) == set(given) == {"g", "h"}
    for name, part in parts.items():
        truth = of_draws(whole.nuts["posterior"][f"u_{name}"].values)
        np.testing.assert_allclose(drawn[name], truth)
        normal = of_normal(exact[0][part], exact[1][part])
        np.testing.assert_allclose(given[name], normal, rtol=1e-6, atol=1e-8)
    levels = [(f"g{i}", e) for i in range(GROUPS) for e in ("Intercept", "x")]
    assert list(drawn["g"].index) == list(given["g"].index) == levels
    assert list(drawn["h"].index) == [(f"h{i}", "Intercept") for i in range(OTHERS)]


def shares(whole, p):
    """Variance of an average row that each part carries, (chains, draws) each, and the noise."""
    count = whole.data["f"].to_numpy()
    psi = p["sd_g"].values[..., :, None] * p["corr_g"].values * p["sd_g"].values[..., None, :]
    by_row = np.einsum("ni,...ij,nj->...n", whole.X, psi, whole.X)
    made = {"icc_g": np.average(by_row, axis=-1, weights=count)}
    made["icc_h"] = p["sd_h"].values[..., 0] ** 2
    made["h2_z"] = len(COLUMNS) * p["sd_z"].values ** 2  # columns of unit variance
    noise = p["sigma"].values ** 2 * np.average(1.0 / whole.data["w"], weights=count)
    return made, noise


@pytest.mark.parametrize("engine", ["nuts", "eb"])
def test_shares_of_variance(whole, engine):
    p = getattr(whole, engine)["posterior"]
    made, noise = shares(whole, p)
    total = sum(made.values()) + noise
    for name, share in made.items():
        np.testing.assert_allclose(p[name].values, share / total, rtol=1e-10)


def test_variance_parameters(whole):
    p, table = whole.nuts["posterior"], bl.varcorr(whole.nuts, prob=PROB)
    values = {
        "sd_g[Intercept]": p["sd_g"].values[..., 0],
        "sd_g[x]": p["sd_g"].values[..., 1],
        "corr_g[Intercept, x]": p["corr_g"].values[..., 0, 1],
        "sd_h": p["sd_h"].values[..., 0],
    }
    values |= {name: p[name].values for name in ("sd_z", "sigma", "icc_g", "icc_h", "h2_z")}
    assert set(table.index) == set(values)
    for name, draws in values.items():
        np.testing.assert_allclose(table.loc[name, NUMBERS], of_draws(draws)[0], err_msg=name)
    plugged, q = bl.varcorr(whole.eb), whole.eb["posterior"].isel(chain=0, draw=0)
    assert list(plugged.columns) == ["estimate", "se"]
    truth = {"sd_g[Intercept]": q["sd_g"][0], "sd_g[x]": q["sd_g"][1], "sd_h": q["sd_h"][0]}
    truth |= {"corr_g[Intercept, x]": q["corr_g"][0, 1], "sd_z": q["sd_z"], "sigma": q["sigma"]}
    assert set(plugged.index) == set(truth)
    for name, value in truth.items():
        assert plugged.loc[name, "estimate"] == pytest.approx(float(value), rel=1e-12)


def test_standard_errors_are_from_the_curvature_of_the_criterion(whole):
    """Differences of the log density that dense algebra gives, in the parameters themselves."""
    q = whole.eb["posterior"].isel(chain=0, draw=0)
    at = [*q["sd_g"].values, float(q["corr_g"][0, 1]), float(q["sd_h"][0])]
    at = np.array([*at, float(q["sd_z"]), float(q["sigma"])])
    A, count = whole.design, np.repeat(np.arange(ROWS), whole.data["f"])
    y = (whole.data["y"] - whole.data["o"]).to_numpy()[count] - 30.0
    A, w = A[count], whole.data["w"].to_numpy()[count]

    def log_density(theta):
        s0, s1, rho, s_h, s_z, sigma = theta
        psi = np.array([[s0**2, rho * s0 * s1], [rho * s0 * s1, s1**2]])
        S = np.zeros((31, 31))
        S[:2, :2] = np.diag([400.0, 25.0])
        S[2:22, 2:22] = np.kron(np.eye(GROUPS), psi)
        S[22:27, 22:27] = s_h**2 * np.eye(OTHERS)
        S[27:, 27:] = np.diag((s_z / whole.spread) ** 2)
        V = A @ S @ A.T + np.diag(sigma**2 / w)
        return stats.multivariate_normal.logpdf(y, np.zeros(y.size), V)

    h, size = 1e-3, at.size
    H, eye = np.empty((size, size)), np.eye(size) * h
    for i in range(size):
        for j in range(i + 1):
            f = [log_density(at + a * eye[i] + b * eye[j]) for a in (1, -1) for b in (1, -1)]
            H[i, j] = H[j, i] = -(f[0] - f[1] - f[2] + f[3]) / (4 * h * h)
    se = np.sqrt(np.diag(np.linalg.inv(H)))
    names = ["sd_g[Intercept]", "sd_g[x]", "corr_g[Intercept, x]", "sd_h", "sd_z", "sigma"]
    np.testing.assert_allclose(bl.varcorr(whole.eb).loc[names, "se"], se, rtol=2e-3)
    assert whole.eb.attrs["log_marginal"] == pytest.approx(log_density(at), abs=1e-6)


def test_coefficients_of_a_block(whole, exact):
    values = whole.nuts["posterior"]["u_z"].values.reshape(-1, 4)
    table = bl.selected(whole.nuts, prob=PROB).loc[COLUMNS]
    np.testing.assert_allclose(table[NUMBERS], of_draws(whole.nuts["posterior"]["u_z"].values))
    np.testing.assert_allclose(table["median"], np.median(values, axis=0))
    positive = (values > 0.0).mean(axis=0)
    np.testing.assert_allclose(table["sign"], np.maximum(positive, 1.0 - positive))
    inside = (table["lower"] <= 0.0) & (table["upper"] >= 0.0)
    assert (table["included"] == ~inside).all()
    given = bl.selected(whole.eb, prob=PROB).loc[COLUMNS]
    mean, sd = exact[0][27:], exact[1][27:]
    np.testing.assert_allclose(given[NUMBERS], of_normal(mean, sd), rtol=1e-6)
    np.testing.assert_allclose(given["median"], mean, rtol=1e-6)
    np.testing.assert_allclose(given["sign"], stats.norm.cdf(np.abs(mean) / sd), rtol=1e-6)


def test_columns_stand_in_the_order_of_their_certainty(whole):
    for tree in (whole.nuts, whole.eb):
        table = bl.selected(tree)
        order = table["included"].to_numpy() * 1e6 + np.abs(table["mean"] / table["sd"])
        assert (np.diff(order) < 0.0).all()
        assert table["included"].nunique() == 2  # both kinds are here
    tree = whole.nuts.copy(deep=True)
    mean, sd = np.array([1.0, 10.0, 0.02, 3.0]), np.array([0.1, 4.0, 0.001, 5.0])
    z = np.random.default_rng(0).normal(size=(2, 200, 4))
    tree["posterior"]["u_z"] = tree["posterior"]["u_z"].copy(data=mean + sd * z)
    assert list(bl.selected(tree).index) == ["z2", "z0", "z1", "z3"]


def test_fitted_values_and_residuals(whole, exact):
    values = whole.means(whole.nuts)
    table = bl.fitted(whole.model, whole.nuts)
    truth = of_draws(values)[:, :2]
    np.testing.assert_allclose(table, truth, rtol=1e-7)
    assert list(table.index) == list(range(ROWS))
    left = whole.data["y"] - truth[:, 0]
    np.testing.assert_allclose(bl.residuals(whole.model, whole.nuts), left, rtol=1e-9)
    sigma = whole.nuts["posterior"]["sigma"].values.mean()
    scaled = bl.residuals(whole.model, whole.nuts, standardized=True)
    np.testing.assert_allclose(scaled, left * np.sqrt(whole.data["w"]) / sigma, rtol=1e-9)
    by_law = whole.design @ exact[0] + whole.data["o"].to_numpy()
    np.testing.assert_allclose(bl.fitted(whole.model, whole.eb)["mean"], by_law, rtol=1e-8)
    left = whole.data["y"] - by_law
    np.testing.assert_allclose(bl.residuals(whole.model, whole.eb), left, rtol=1e-6)


@pytest.mark.parametrize("engine", ["nuts", "eb"])
def test_r2(whole, engine):
    p, count = getattr(whole, engine)["posterior"], whole.data["f"].to_numpy()
    fixed = whole.of_columns(p["beta"].values, p["u_z"].values)
    centre = np.average(fixed, axis=-1, weights=count)[..., None]
    of_x = np.average((fixed - centre) ** 2, axis=-1, weights=count)
    made, noise = shares(whole, p)
    groups = made["icc_g"] + made["icc_h"]
    table = bl.r2(whole.model, getattr(whole, engine), prob=PROB)
    total = of_x + groups + noise
    np.testing.assert_allclose(table.loc["marginal"], of_draws(of_x / total)[0])
    np.testing.assert_allclose(table.loc["conditional"], of_draws((of_x + groups) / total)[0])


def test_predictions_are_the_draws_of_the_equation_and_their_quantiles(whole):
    """Of known groups without noise; then weights of the new rows are those of their noise."""
    new = whole.data.iloc[::7].drop(columns=["y", "f"])
    found = bl.predict(whole.model, whole.nuts, new)
    truth = whole.means(whole.nuts)[:, :, ::7]
    np.testing.assert_allclose(found.draws, truth.reshape(-1, len(new)), rtol=1e-9)
    np.testing.assert_allclose(found.table(PROB), of_draws(truth), rtol=1e-9)
    assert list(found.table().index) == list(new.index)
    noisy = bl.predict(whole.model, whole.nuts, new, noise=True, seed=1).draws - found.draws
    sd = whole.noise(whole.nuts)[:, :, ::7].reshape(noisy.shape)
    z = noisy / sd
    assert abs(z.mean()) < 5.0 / np.sqrt(z.size)
    error = np.sqrt(2.0 / len(z))
    np.testing.assert_allclose((z**2).mean(axis=0), 1.0, atol=5.0 * error)


def test_the_tree_says_what_was_given(whole):
    """Rows of the tree are those of the table, so that a reader of the file has them."""
    data, held = whole.data, whole.nuts["constant_data"]
    for name, column in (("offset", "o"), ("weights", "w"), ("frequency", "f")):
        np.testing.assert_array_equal(held[name], data[column])
    np.testing.assert_array_equal(held["X"], whole.X)
    np.testing.assert_array_equal(held["codes_g"], data["g"].str[1:].astype(int))
    np.testing.assert_array_equal(held["codes_h"], data["h"].str[1:].astype(int))
    np.testing.assert_allclose(held["columns_z"], data[COLUMNS], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(whole.nuts["observed_data"]["y"], data["y"])


def test_the_log_prior_of_every_parameter_is_the_declared_one(whole):
    """HalfStudentT(3, s) with the scales of the printed table, LKJ(2), and normal beta."""
    p, held = whole.nuts["posterior"], whole.nuts["log_prior"]
    width = {s.name: np.asarray(s.law.parameters[1]) for s in whole.model.space.scales}
    for name in ("sd_g", "sd_h", "sd_z", "sigma"):
        values, scale = p[name].values, width[name]
        truth = stats.t.logpdf(values, 3.0, scale=scale) + np.log(2.0)
        np.testing.assert_allclose(held[name], truth, rtol=1e-9, err_msg=name)
    rho = p["corr_g"].values[..., 0, 1]
    truth = stats.beta.logpdf(0.5 * (rho + 1.0), 2.0, 2.0) - np.log(2.0)
    np.testing.assert_allclose(held["corr_g"], truth, rtol=1e-9)
    truth = stats.norm.logpdf(p["beta"].values, [30.0, 0.0], [20.0, 5.0]).sum(axis=-1)
    np.testing.assert_allclose(held["beta"], truth, rtol=1e-9)


def test_a_left_out_total_is_the_sum_over_rows_as_often_as_they_count(whole):
    """At plugged-in variances each value is a difference of two log densities by dense algebra."""
    q = whole.eb["posterior"].isel(chain=0, draw=0)
    scales = [q[n].values for n in ("sd_g", "corr_g", "sd_h", "sd_z", "sigma")]
    data, sigma = whole.data, float(q["sigma"])
    mean, precision = whole.law_given(*scales)
    cov, A = np.linalg.inv(precision), whole.design
    noise, y = sigma**2 / data["w"], data["y"] - data["o"]
    spread = np.einsum("ni,ij,nj->n", A, cov, A)
    # one observation taken out of a normal posterior: its share of the precision goes
    outside = 1.0 / (1.0 / spread - 1.0 / noise)
    centre = outside * (A @ mean / spread - y / noise)
    truth = stats.norm.logpdf(y, centre, np.sqrt(outside + noise))
    found = bl.loo(whole.model, whole.eb, refit=False)
    each = np.repeat(truth, data["f"])
    np.testing.assert_allclose(found.elpd_i, each, rtol=1e-6)
    assert found.elpd == pytest.approx(each.sum(), rel=1e-8)
    assert found.se == pytest.approx(np.sqrt(each.size * each.var(ddof=1)), rel=1e-7)
    assert found.n_data_points == each.size == data["f"].sum()
    inside = stats.norm.logpdf(y, A @ mean, np.sqrt(spread + noise))
    assert found.p == pytest.approx(np.repeat(inside - truth, data["f"]).sum(), rel=1e-6)
    pit = stats.norm.cdf(y, centre, np.sqrt(outside + noise))
    held = bl.loo_pit(whole.model, whole.eb, refit=False)
    np.testing.assert_allclose(held, pit, rtol=1e-6)
    assert isinstance(held, pd.Series)
