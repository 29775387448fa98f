"""What data do not determine is said: by message, table and check, whatever the engine."""

import numpy as np
import pandas as pd
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.engines.exact import exact_fit
from bayeslmm.engines.improper import refuse_improper
from bayeslmm.engines.spans import dependences


@pytest.fixture(scope="module")
def rows():
    """Eight groups of six rows; gb takes two values and gx eight, one a group."""
    rng = np.random.default_rng(9)
    g = np.repeat(np.arange(8), 6)
    d = pd.DataFrame(
        {"g": [f"g{i}" for i in g], "x": rng.normal(size=48), "k": np.tile(range(6), 8)}
    )
    d["gb"], d["gx"], d["obs"] = g % 2 * 1.0, rng.normal(size=8)[g], np.arange(48)
    d["y"] = rng.normal(0, 2, 8)[g] + d.x + rng.normal(size=48)
    return d


@pytest.fixture(scope="module")
def hot(rows):
    return (rows.g.to_numpy()[:, None] == np.unique(rows.g)).astype(float)


@pytest.fixture(scope="module")
def wide():
    """More columns than rows, and one variance for all: REML is largest at sigma = 0."""
    rng = np.random.default_rng(3)
    G = rng.binomial(2, rng.uniform(0.1, 0.5, 300), (140, 300)).astype(float)
    G = G[:, G[:40].std(0) > 0]
    signal = G @ rng.normal(size=G.shape[1])
    y = (10 + signal / signal.std() + rng.normal(size=140))[:40]
    return bl.lmm("y ~ 1", {"y": y}, terms=[bl.ridge(G[:40], name="snp")])


def dense_rank(model):
    """Rank of the variances' matrices off the span of X, and how many there are."""
    X = model.design.X
    P = np.eye(len(X)) - X @ np.linalg.pinv(X)
    found = [np.diag(1.0 / model.residual.precision)]
    for term in model.groups:
        same = term.grouping.codes[:, None] == term.grouping.codes
        z = term.grouping.Z.T
        q = range(len(z))
        pairs = [(i, j) for i in q for j in range(i + 1) if i == j or term.correlated]
        found += [same * (np.outer(z[i], z[j]) + np.outer(z[j], z[i])) for i, j in pairs]
    found += [block.Z @ block.Z.T for block in model.blocks]
    flat = np.array([(P @ V @ P).ravel() / np.linalg.norm(V) for V in found])
    return np.linalg.matrix_rank(flat, tol=1e-9), len(found)


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("y ~ x + g + (1 | g)", {"sd_g"}),
        ("y ~ gx + gb + (1 | gb)", {"sd_gb"}),
        ("y ~ x + (gb | g)", {"sd_g[gb]", "corr_g[Intercept, gb]"}),
        ("y ~ x + (1 | obs)", {"sd_obs", "sigma"}),
        ("y ~ (1 | k) + (1 | g) + (1 | g:k)", {"sd_g:k", "sigma"}),
        ("y ~ x + (gx | g)", set()),
        ("y ~ x + (x | g) + (1 | k)", set()),
        ("y ~ x + (gb || g)", set()),
    ],
)
def test_a_design_that_cannot_tell_variances_apart_is_the_dense_rank_of_their_matrices(
    rows, formula, names
):
    model = bl.lmm(formula, rows)
    found = dependences(model)
    assert {name for one in found for name in one.names} == names
    rank, count = dense_rank(model)
    assert len(found) == count - rank


def test_blocks_and_factors_of_one_span_are_named_together(rows, hot):
    both = bl.lmm("y ~ x + (1 | g)", rows, terms=[bl.ridge(hot, name="hot", scale=None)])
    assert [one.names for one in dependences(both)] == [("sd_g", "sd_hot")]
    blocks = [bl.ridge(hot[:, ::s], name=n, scale=None) for s, n in ((1, "a"), (-1, "b"))]
    assert [one.names for one in dependences(bl.lmm("y ~ x", rows, terms=blocks))] == [
        ("sd_a", "sd_b")
    ]


def test_the_noise_of_unlike_rows_is_told_from_one_effect_a_row(rows):
    d = rows.assign(w=np.linspace(1, 9, 48))
    assert not dependences(bl.lmm("y ~ x + (1 | obs)", d, weights="w"))
    assert not dependences(bl.lmm("y ~ x + (1 | obs)", d.assign(f=2.0), frequency="f"))


@pytest.mark.parametrize("criterion", ["ml", "reml", "evidence"])
def test_a_factor_that_is_fixed_and_random_has_no_standard_error(rows, criterion):
    model = bl.lmm("y ~ x + g + (1 | g)", rows)
    tree = bl.fit(model, bl.EmpiricalBayes(criterion, draws=20), seed=1)
    assert tree.attrs["message"].startswith("sd_g is not determined: the fixed effects already")
    table = bl.varcorr(tree)
    assert np.isnan(table.loc["sd_g", "se"])
    assert table.loc["sd_g", "why"] == "not determined"
    if criterion == "reml":  # s^2 / sqrt(2 df) / (2 s), of least squares
        assert table.loc["sigma", "se"] == pytest.approx(
            table.loc["sigma", "estimate"] / np.sqrt(2 * 39), rel=1e-4
        )
    found = bl.check(tree)
    assert found.table().loc["determined", "value"] == "not sd_g"
    assert found.verdict.startswith("not to be trusted")


def test_engines_with_priors_say_that_priors_alone_tell(rows):
    model = bl.lmm("y ~ x + g + (1 | g)", rows)
    for engine in (bl.EmpiricalBayes("map"), bl.CAVI(draws=200)):
        tree = bl.fit(model, engine, seed=1)
        assert "sd_g is not determined: the fixed effects already" in tree.attrs["message"]
        assert "so that priors alone tell" in tree.attrs["message"]
        assert bl.check(tree).table().loc["told by priors alone", "value"] == "sd_g"


def test_centred_columns_and_a_maximised_intercept_leave_no_maximum_likelihood(wide):
    """Z Z' has no share along the ones, where beta leaves nothing: log sigma falls for ever."""
    tree = bl.fit(wide, bl.EmpiricalBayes("ml", draws=20), seed=1)
    assert "the likelihood has no maximum" in tree.attrs["message"]
    assert bl.check(tree).verdict.startswith("not to be trusted")
    assert exact_fit(wide) is None


@pytest.mark.parametrize("criterion", ["reml", "evidence"])
def test_noise_that_columns_follow_is_at_its_boundary(wide, criterion):
    tree = bl.fit(wide, bl.EmpiricalBayes(criterion, draws=20), seed=1)
    assert tree.attrs["message"].startswith("sigma is at zero: the criterion loses nothing")
    assert bl.varcorr(tree).loc["sigma", "why"] == "at the boundary"
    assert np.isnan(bl.varcorr(tree).loc["sigma", "se"])
    found = bl.check(tree).table().loc["at the boundary"]
    assert (found["value"], found["ok"]) == ("sigma", "NO")


def test_the_criterion_on_a_grid_agrees_that_sigma_ends_at_zero(wide):
    lam, U = np.linalg.eigh(wide.blocks[0].Z @ wide.blocks[0].Z.T)
    r, lam = U[:, 1:].T @ wide.design.y, lam[1:]  # the null vector is the intercept

    def reml(s):
        v = np.linspace(0.001, 0.15, 400)[:, None] ** 2 * lam + s * s
        return (-0.5 * (np.log(v) + r**2 / v).sum(axis=1)).max()

    drops = [reml(0.0) - reml(s) for s in (0.1, 0.3, 0.6, 1.0, 1.39)]
    assert (np.diff([0.0, *drops]) > 0.0).all()
    assert drops[-1] == pytest.approx(0.5 * 1.96**2, rel=0.05)  # where the profile interval ends
    tree = bl.fit(wide, bl.EmpiricalBayes("reml", draws=20), seed=1)
    assert bl.confint(wide, tree).loc["sigma", "lower"] == 0.0
    assert bl.confint(wide, tree).loc["sigma", "upper"] == pytest.approx(1.39, abs=0.01)


X = np.random.default_rng(0).normal(size=(20, 3))
LINE = pd.DataFrame({"x": np.arange(12.0), "g": np.repeat(list("abcd"), 3)})
LINE["y"], LINE["c"] = 2 * LINE.x + 1, np.array([1.0, 3.0, 2.0, 7.0]).repeat(3)
LINE["lines"] = LINE.c + LINE.x * np.array([0.1, 2.0, -1.0, 0.3]).repeat(3)


@pytest.mark.parametrize(
    ("model", "terms", "power"),
    [
        (bl.lmm("y ~ x", LINE), (), 10),
        (bl.lmm("y ~ x + (1 | g)", LINE), (), 10),
        (bl.lmm("c ~ 1 + (1 | g)", LINE), ("g",), 8),
        (bl.lmm("lines ~ 1 + (x | g)", LINE), ("g",), 4),
        (bl.lasso(X, 1 + 2 * X[:, 0]), ("beta_",), 16),
        (bl.lmm("y ~ 1", {"y": X[:, 0]}, terms=[bl.ridge(X, name="r")]), ("r",), 16),
        (bl.lmm("y ~ 1", {"y": X[:, 0]}, terms=[bl.horseshoe(X, name="r")]), ("r",), 16),
    ],
    ids=lambda v: v.formula if hasattr(v, "formula") else str(v),
)
def test_an_exact_fit_is_recognised_and_has_no_posterior(model, terms, power):
    found = exact_fit(model)
    assert (found.terms, found.power) == (terms, power)
    with pytest.raises(ValueError, match="fit y exactly, so that no noise is left"):
        refuse_improper(model)


@pytest.mark.parametrize(
    ("prior", "proper"),
    [
        (pm.HalfNormal.dist(1.0), False),
        (pm.Gamma.dist(9.5, 1.0), False),  # density x^8.5, the likelihood's x^-10
        (pm.Gamma.dist(10.5, 1.0), True),
        (pm.Weibull.dist(11.0, 1.0), True),
        (pm.Weibull.dist(1.5, 1.0), False),
        (pm.LogNormal.dist(0.0, 1.0), True),
        (pm.InverseGamma.dist(2.0, 1.0), True),
        (1.0, True),
    ],
)
def test_a_prior_that_keeps_sigma_off_zero_faster_than_the_likelihood_grows_is_enough(
    prior, proper
):
    model = bl.lmm("y ~ x", LINE, priors={"sigma": prior})
    if proper:
        refuse_improper(model)
    else:
        with pytest.raises(ValueError, match="the posterior is improper; look for a column"):
            refuse_improper(model)


def test_noise_that_is_small_is_no_exact_fit():
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=40), rng.normal(size=40)
    for level, size in ((0.0, 1e-9), (1e8, 1e-5), (1e4, 1e-8)):
        assert exact_fit(bl.lmm("y ~ x", {"y": level + 2 * x + size * noise, "x": x})) is None
    assert exact_fit(bl.lmm("y ~ x", {"y": 1e8 + 2 * x, "x": x})) is not None
    assert exact_fit(bl.lasso(X, X[:, 0], lam=1.0)) is not None
    refuse_improper(bl.lasso(X, X[:, 0], lam=1.0))  # exp(-lam |b| / sigma) holds sigma


def test_crossed_factors_that_share_the_intercept_fit_nothing_exactly():
    table = bl.datasets.load("Penicillin")
    model = bl.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", table)
    assert exact_fit(model) is None


@pytest.mark.parametrize(
    "engine", [bl.Gibbs(), bl.NUTS(), bl.ADVI(), bl.ADVI(marginal=True)], ids=lambda e: e.name
)
def test_every_sampler_refuses_an_exact_fit_in_the_same_words(engine):
    with pytest.raises(ValueError, match="the fixed effects and beta_ fit y exactly"):
        bl.fit(bl.lasso(X, 1 + 2 * X[:, 0]), engine, seed=1)


@pytest.mark.parametrize("engine", [bl.CAVI(), bl.EmpiricalBayes(laplace=True)])
def test_so_do_the_engines_of_groups(engine):
    with pytest.raises(ValueError, match="the fixed effects and g fit y exactly"):
        bl.fit(bl.lmm("c ~ 1 + (1 | g)", LINE), engine, seed=1)


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + (1 | g)", "c ~ 1 + (1 | g)"])
def test_a_maximum_that_fits_exactly_is_found_and_not_trusted(formula):
    tree = bl.fit(bl.lmm(formula, LINE), bl.EmpiricalBayes("reml", draws=20), seed=1)
    assert "fit y exactly, so that no noise is left" in tree.attrs["message"]
    assert tree.attrs["converged"] == 0
    assert bl.check(tree).verdict.startswith("not to be trusted")
    assert bl.varcorr(tree)["se"].isna().all()
    if formula.startswith("y"):
        np.testing.assert_allclose(bl.fixef(tree)["mean"], [1.0, 2.0], atol=1e-9)


def test_messages_speak_of_the_model_at_hand():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(400, 5))
    y = 30 * Z[:, 0] + 1e-5 * rng.normal(size=400)
    small = bl.fit(bl.lmm("y ~ 1", {"y": y}, terms=[bl.ard(Z, name="x")]), bl.EmpiricalBayes())
    assert "exactly" not in small.attrs["message"]
    assert "crossed" not in small.attrs["message"]
    assert "of y's sd" in small.attrs["message"]
    x = np.linspace(0, 10, 50)
    high = np.sin(x) + 0.1 * rng.normal(size=50) + 1e4
    tree = bl.fit(bl.rvm(x, high, kernel=bl.kernels.gaussian(2.0)), bl.EmpiricalBayes(), seed=1)
    assert "of its sds from zero, so take a constant off it" in tree.attrs["message"]
