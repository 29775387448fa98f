"""What is no model, table, dict or probability is refused in one line that says what it is."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayeslmm as bl

ROWS = 30
RNG = np.random.default_rng(0)
Y, X = RNG.normal(size=ROWS), np.column_stack([np.ones(ROWS), RNG.normal(size=(ROWS, 2))])
G = np.repeat(np.arange(6), 5)
DATASET = xr.Dataset({"a": ("row", Y)})


@pytest.mark.parametrize("groups", [3, "g", [G], {1}, np.array(3), pd.Series(G), xr.DataArray(G)])
def test_groups_are_a_dict(groups):
    with pytest.raises(bl.DesignError, match=r"groups must be a dict such as .*, got a \w+"):
        bl.lmm(Y, X, groups=groups)


@pytest.mark.parametrize("pair", [[G, X], [G, 3], [G, "a"], [G, G, G, X]])
def test_labels_and_columns_of_a_group_are_a_tuple(pair):
    with pytest.raises(bl.DesignError, match=r"as a tuple, \(labels, columns\)") as caught:
        bl.lmm(Y, X, groups={"g": pair})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: bl.lmm(DATASET, X),
        lambda: bl.lmm(Y, DATASET),
        lambda: bl.lmm(Y, X, weights=DATASET),
        lambda: bl.ppca(DATASET, components=1),
    ],
)
def test_a_dataset_of_xarray_is_told_what_to_be(ask):
    with pytest.raises(bl.DesignError, match=r"is an xarray Dataset; give a table"):
        ask()


def test_new_rows_of_a_matrix_are_no_dataset():
    model = bl.ppca(X[:, 1:], components=1)
    tree = bl.fit(model, bl.EmpiricalBayes("ml", draws=10), seed=1)
    for ask in (bl.transform, bl.impute, bl.reconstruct, bl.log_density):
        with pytest.raises(bl.DesignError, match=r"the new rows is an xarray Dataset"):
            ask(model, tree, DATASET)


def test_a_block_beside_arrays_has_columns_and_no_name():
    with pytest.raises(bl.DesignError, match="arrays have no names; give it the columns"):
        bl.lmm(Y, X, terms=[bl.ridge("abc", name="b")])


@pytest.mark.parametrize("thing", [None, 3, "y ~ x", [1], {"a": 1}, pd.Series(Y), DATASET, dict])
def test_a_model_comes_first(thing):
    for name in ("prior_predictive", "simulate", "log_evidence"):
        with pytest.raises(TypeError, match=rf"{name} takes a model first, .*; got \w+"):
            getattr(bl, name)(thing)


@pytest.mark.parametrize("prob", [0, 1, -0.5, np.nan, None, "0.9", [0.9], pd.Series(Y), DATASET])
def test_a_probability_is_one_number(whole, prob):
    for ask in (bl.fixef, bl.ranef, bl.varcorr, bl.selected):
        with pytest.raises(ValueError, match=r"prob must lie in \(0, 1\), but is") as caught:
            ask(whole.eb, prob=prob)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"prob must lie in \(0, 1\), but is"):
        bl.confint(whole.model, whole.eb, prob=prob)
    with pytest.raises(ValueError, match=r"prob must lie in \(0, 1\), but is"):
        bl.predict(whole.model, whole.eb).interval(prob)


def test_new_columns_of_blocks_are_a_dict(whole):
    with pytest.raises(bl.DesignError, match="terms must be a dict such as"):
        bl.predict(whole.model, whole.eb, whole.data, terms=pd.Series(Y))


LARGE = [pd.Series(["drop"] * 3), pd.DataFrame({"a": Y}), np.arange(1e5), [Y], list(range(999))]


@pytest.mark.parametrize("thing", LARGE, ids=lambda thing: type(thing).__name__)
@pytest.mark.parametrize(
    "ask",
    [
        lambda w, thing: bl.lmm("y ~ x", w.data, missing=thing),
        lambda w, thing: bl.loo(w.model, w.eb, unit=thing),
        lambda w, thing: bl.selected(w.eb, rule=thing),
        lambda w, thing: bl.selected(w.eb, thing),
        lambda w, thing: bl.predict(w.model, w.eb, groups=thing),
        lambda w, thing: bl.posterior_predictive(w.model, w.eb, groups=thing),
        lambda w, thing: bl.prior_predictive(w.model, draws=thing),
        lambda w, thing: bl.ppca(X, 1, scale=thing),
        lambda w, thing: bl.ridge(X, name="x", scale=thing),
        lambda w, thing: bl.EmpiricalBayes(thing),
        lambda w, thing: bl.EmpiricalBayes(draws=thing),
        lambda w, thing: bl.NUTS(chains=thing),
        lambda w, thing: bl.NUTS(target_accept=thing),
        lambda w, thing: bl.fit(w.model, thing),
        lambda w, thing: bl.fit(w.model, bl.EmpiricalBayes(), seed=thing),
        lambda w, thing: bl.datasets.load(thing),
        lambda w, thing: bl.compare_engines({"a": w.eb}, reference=thing),
        lambda w, thing: bl.compare_models({"a": w.eb, "b": w.eb}, models=thing),
    ],
)
def test_an_option_that_is_a_table_is_refused_in_one_short_line(whole, ask, thing):
    with pytest.raises((ValueError, TypeError)) as caught:
        ask(whole, thing)
    told = str(caught.value)
    assert "ambiguous" not in told
    assert "unhashable" not in told
    assert "\n" not in told
    assert len(told) < 350


def test_what_is_kept_is_a_list_of_names(whole):
    with pytest.raises(TypeError, match="keep is a list of names of variables, not 3"):
        bl.fit(whole.model, bl.EmpiricalBayes(), keep=3)
