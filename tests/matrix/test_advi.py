"""Variational inference of loadings: what is known to go wrong, and what does not."""

import numpy as np
import pytest

import bayeslmm as bl


@pytest.fixture(scope="module")
def model():
    return bl.ppca(bl.datasets.load("iris").drop(columns="Species").iloc[::3], 1)


@pytest.fixture(scope="module")
def nuts(model):
    return bl.fit(model, bl.NUTS(), seed=1)["posterior"]


def compared(tree, nuts, name):
    """sd ratio, and distance of the means in sds, element by element."""
    own, true = tree["posterior"][name], nuts[name]
    over = ("chain", "draw")
    ratio = own.std(over) / true.std(over)
    return ratio.values, (np.abs(own.mean(over) - true.mean(over)) / true.std(over)).values


def test_on_theta_alone_it_is_right(model, nuts):
    tree = bl.fit(model, bl.ADVI(marginal=True), seed=1)
    assert tree.attrs["khat"] < 0.7
    for name in ("sigma", "covariance", "W"):
        ratio, distance = compared(tree, nuts, name)
        assert (ratio > 0.8).all()
        assert (ratio < 1.25).all()
        assert (distance < 0.25).all()


def test_on_the_joint_graph_mean_field_is_too_narrow_and_says_so(model, nuts):
    """Scores and loadings multiply each other, and independent factors cannot follow."""
    tree = bl.fit(model, bl.ADVI(steps=5000), seed=1)
    assert tree.attrs["verdict"] == "not to be trusted"
    ratio, _ = compared(tree, nuts, "sigma")
    assert ratio < 0.9
    W = tree["posterior"]["W"]
    assert W.dims == ("chain", "draw", "feature", "component")
    assert set(tree["posterior"].data_vars) == set(nuts.data_vars)


def test_what_it_cannot_do_is_refused():
    iris = bl.datasets.load("iris").drop(columns="Species")
    with pytest.raises(ValueError, match=r"ADVI\(marginal=True\) is not for ard=True"):
        bl.fit(bl.ppca(iris, 2, ard=True), bl.ADVI(marginal=True))
