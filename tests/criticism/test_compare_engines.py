"""Engines side by side: the known biases come out as sd ratios, and weighting mends them."""

import numpy as np
import pytest

import bayeslmm as bl


@pytest.fixture(scope="module")
def fits():
    table = bl.datasets.load("sleepstudy")
    model = bl.lmm("Reaction ~ Days + (Days || Subject)", table)
    engines = {
        "EB": bl.EmpiricalBayes("reml"),
        "NUTS": bl.NUTS(draws=2000),
        "CAVI": bl.CAVI(),
    }
    return {name: bl.fit(model, engine, seed=5) for name, engine in engines.items()}


@pytest.fixture(scope="module")
def compared(fits):
    return bl.compare_engines(fits)


def test_the_reference_is_the_fit_by_markov_chains(compared, fits):
    assert compared.reference == "NUTS"
    own = compared.parameters.xs("NUTS", level="engine")
    assert (own["sd ratio"] == 1.0).all()
    assert (own["distance"] == 0.0).all()
    assert bl.compare_engines(fits, reference="EB").reference == "EB"


def test_plugged_in_variances_leave_the_coefficients_too_narrow(compared):
    ratio = compared.parameters.xs("EB", level="engine")["sd ratio"]
    for name in ("Intercept", "Days", "u_Subject[Intercept]", "u_Subject[Days]"):
        assert 0.85 < ratio[name] < 0.98


def test_mean_field_leaves_the_variances_too_narrow_and_weights_mend_it(compared):
    table = compared.parameters
    for name in ("sd_Subject[Intercept]", "sd_Subject[Days]"):
        cavi, nuts = table.loc[(name, "CAVI")], table.loc[(name, "NUTS")]
        assert cavi["sd ratio"] < 0.85
        assert cavi["weighted sd"] == pytest.approx(nuts["sd"], rel=0.15)


def test_numbers_are_those_of_the_tables(compared, fits):
    row = compared.parameters.loc[("Days", "EB")]
    assert row["mean"] == pytest.approx(bl.fixef(fits["EB"]).loc["Days", "mean"])
    nuts = fits["NUTS"]["posterior"]["sigma"]
    assert compared.parameters.loc[("sigma", "NUTS"), "sd"] == pytest.approx(float(nuts.std()))
    assert compared.engines.loc["CAVI", "k-hat"] == fits["CAVI"].attrs["khat"]
    assert compared.engines.loc["EB", "plugged in"] == "sd_Subject, sigma"


def test_it_shows_both_tables(compared):
    assert "sd ratio and distance against NUTS" in repr(compared)
    assert compared._repr_html_().count("<table") == 2
    assert np.isnan(compared.parameters.loc[("u_Subject[Days]", "EB"), "mean"])


def test_what_cannot_be_compared_is_refused(fits):
    with pytest.raises(TypeError, match="takes a dict"):
        bl.compare_engines(fits["EB"])
    with pytest.raises(ValueError, match="dict is empty"):
        bl.compare_engines({})
    with pytest.raises(ValueError, match="reference='x' is none of 'EB', 'NUTS', 'CAVI'"):
        bl.compare_engines(fits, reference="x")
    other = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    tree = bl.fit(other, bl.EmpiricalBayes("reml"), seed=1)
    with pytest.raises(ValueError, match="there is compare_models"):
        bl.compare_engines({**fits, "other": tree})
