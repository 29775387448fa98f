"""Leaving rows and groups out of models with blocks of columns: the dense normal says the same."""

import numpy as np
import pytest

import bayeslmm as bl
from bayeslmm.model.space import at_draw
from bayeslmm.posterior.recover import points
from bayeslmm.solvers.dual import Dual


def precision(model, tree):
    """Precision P of the rows at the plugged-in scales, and P (y - mean), written out."""
    theta = at_draw(points(model, tree["posterior"].dataset.isel(draw=[0])), 0)
    d, p = model.design, model.beta
    V = np.diag(theta["sigma"] ** 2 / model.residual.precision)
    for term in model.groups:
        A = term.grouping.Z @ term.root(theta)
        V += (term.grouping.codes[:, None] == term.grouping.codes) * (A @ A.T)
    for block in model.blocks:
        A = block.Z * block.root(theta)
        V += A @ A.T
    root = np.linalg.solve(p.H, np.diag(p.scale))
    V += d.X @ root @ root.T @ d.X.T
    P = np.linalg.inv(V)
    return P, P @ (d.y - d.offset - d.X @ np.linalg.solve(p.H, p.location))


def density(P, r, unit):
    """log N of the unit's rows given all others (Sundararajan & Keerthi 2001)."""
    own = P[np.ix_(unit, unit)]
    return 0.5 * (
        np.linalg.slogdet(own)[1]
        - r[unit] @ np.linalg.solve(own, r[unit])
        - unit.size * np.log(2 * np.pi)
    )


@pytest.fixture(scope="module", params=["ridge", "ard"])
def law(request):
    return getattr(bl, request.param)


@pytest.mark.parametrize("columns", [6, 90])
def test_rows_and_groups_left_out_are_those_of_the_dense_normal(law, columns):
    rng = np.random.default_rng(columns)
    X, g, h = rng.standard_normal((60, columns)), np.arange(60) % 6, np.arange(60) // 15
    y = X[:, 0] + rng.standard_normal(6)[g] + rng.standard_normal(60)
    table = {"y": y, "g": g, "h": h, "w": rng.uniform(0.5, 2.0, 60)}
    model = bl.lmm("y ~ 1 + (1 | g) + (1 | h)", table, terms=[law(X, name="x")], weights="w")
    assert isinstance(model.solver(), Dual) == (columns > 60)
    tree = bl.fit(model, bl.EmpiricalBayes(draws=10), seed=1)
    P, r = precision(model, tree)
    truth = [density(P, r, np.array([i])) for i in range(60)]
    np.testing.assert_allclose(bl.loo(model, tree, refit=False).elpd_i, truth, rtol=1e-8, atol=1e-8)
    for unit, codes in (("g", g), ("h", h)):
        truth = [density(P, r, np.flatnonzero(codes == k)) for k in np.unique(codes)]
        found = bl.loo(model, tree, unit=unit, refit=False)
        np.testing.assert_allclose(found.elpd_i, truth, rtol=1e-7)


def test_one_of_equal_rows_is_left_out_where_columns_outnumber_rows():
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((20, 50)), rng.standard_normal(20)
    f = np.where(np.arange(20) < 5, 3, 1)
    priors = {"sd_x": 0.3, "sigma": 0.8}
    short = bl.lmm(
        "y ~ 1",
        {"y": y},
        terms=[bl.ridge(X, name="x", scale=None)],
        frequency=f,
        priors={**priors, "beta": "Normal(0, 1)"},
    )
    long = bl.lmm(
        "y ~ 1",
        {"y": np.repeat(y, f)},
        terms=[bl.ridge(np.repeat(X, f, axis=0), name="x", scale=None)],
        priors={**priors, "beta": "Normal(0, 1)"},
    )
    assert isinstance(short.solver(), Dual)
    assert isinstance(long.solver(), Dual)
    a, b = (bl.loo(m, bl.fit(m, bl.EmpiricalBayes(draws=5), seed=1)) for m in (short, long))
    assert a.elpd == pytest.approx(b.elpd, rel=1e-9)


def test_calibration_and_the_report_of_a_kernel_model(tmp_path):
    rng = np.random.default_rng(0)
    x = np.linspace(-5.0, 5.0, 40)
    model = bl.rvm(x, np.sinc(x) + 0.1 * rng.standard_normal(40), kernel=bl.kernels.gaussian(2.0))
    tree = bl.fit(model, bl.EmpiricalBayes(draws=100), seed=1)
    pit = np.asarray(bl.loo_pit(model, tree))
    assert pit.shape == (40,)
    assert 0.2 < pit.mean() < 0.8
    bl.report(model, {"EB": tree}, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "scale_w[0]" not in page  # columns are told by bl.selected
