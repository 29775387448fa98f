"""Draws that nobody reads are not made; who reads them finds what was promised."""

import pickle

import numpy as np
import pytest
import xarray as xr

import bayeslmm as bl
from bayeslmm.posterior.when_read import WhenRead


@pytest.fixture(scope="module")
def fitted():
    m = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    return m, bl.fit(m, bl.EmpiricalBayes("reml", draws=20_000), seed=1)


def test_they_have_the_exact_moments_and_go_with_their_own_beta(fitted):
    """Given beta a group's effects are as far from it as Henderson's equations say."""
    m, tree = fitted
    u, beta = tree["posterior"]["u_Subject"].values[0], tree["posterior"]["beta"].values[0]
    exact = m.solver("reml").condition(*m.roots(m.space.constrain(_mode(m, tree))))
    np.testing.assert_allclose(u.mean(axis=0), exact.effects[0], atol=1.0)
    sd = np.sqrt(np.diagonal(exact.effects_cov[0], axis1=1, axis2=2))
    np.testing.assert_allclose(u.std(axis=0), sd, rtol=0.03)
    given = np.sqrt(np.diagonal(exact.effects_own_cov, axis1=1, axis2=2))
    slopes = np.linalg.lstsq(np.column_stack([np.ones(len(beta)), beta]), u.reshape(len(u), -1))
    left = u.reshape(len(u), -1) - np.column_stack([np.ones(len(beta)), beta]) @ slopes[0]
    np.testing.assert_allclose(left.std(axis=0), given.ravel(), rtol=0.03)


def _mode(m, tree):
    theta = {n: tree["posterior"][n].values[0, 0] for n in ("sd_Subject", "sigma")}
    corr = tree["posterior"]["corr_Subject"].values[0, 0]
    return m.space.unconstrain({**theta, "corr_Subject": np.linalg.cholesky(corr)})


def test_copies_pickles_files_and_selections_hold_the_same(fitted, tmp_path):
    _, tree = fitted
    u = tree["posterior"]["u_Subject"]
    copy, again = tree.copy(deep=True), pickle.loads(pickle.dumps(tree))
    few = u.isel(draw=slice(0, 5)).values
    for other in (copy, again):
        np.testing.assert_array_equal(other["posterior"]["u_Subject"].values, u.values)
    np.testing.assert_array_equal(few, u.values[:, :5])
    tree.to_netcdf(tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc") as read:
        np.testing.assert_array_equal(read["posterior"]["u_Subject"].values, u.values)


def test_the_seed_decides_them_whenever_they_are_read(fitted):
    m, tree = fitted
    other = bl.fit(m, bl.EmpiricalBayes("reml", draws=20_000), seed=1)
    np.random.default_rng(0).normal(size=10)
    for name in ("u_Subject", "beta"):
        np.testing.assert_array_equal(other["posterior"][name], tree["posterior"][name])


def test_a_fit_that_nobody_reads_makes_none(monkeypatch):
    def never(*args):
        raise AssertionError("effects were drawn")

    monkeypatch.setattr("bayeslmm.posterior.recover._effects", never)
    m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    tree = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    assert bl.ranef(tree)["Batch"].notna().all(axis=None)
    assert "u_Batch" in repr(tree["posterior"])
    with pytest.raises(AssertionError, match="were drawn"):
        tree["posterior"]["u_Batch"].values  # noqa: B018


def test_threads_that_read_at_once_make_them_once():
    from concurrent.futures import ThreadPoolExecutor

    made = []

    def make():
        made.append(1)
        return np.arange(6.0)

    lazy = WhenRead((2, 3), make)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: lazy.values, range(8)))
    assert len(made) == 1
    assert all(f is found[0] for f in found)
    assert lazy.size == 6
