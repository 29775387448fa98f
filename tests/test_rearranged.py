"""Trees are read by their labels: what xarray did to one changes no answer, or is refused by name.

The truth is the answer that the tree gives as `fit` returned it.
"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayeslmm as bl
from tests.whole import COLUMNS, declare

DRAWN = ("posterior", "sample_stats", "log_prior")


@pytest.fixture(scope="module")
def matrix():
    table = bl.datasets.load("iris").drop(columns="Species").iloc[:30].copy()
    table.iloc[0, 2] = np.nan
    model = bl.ppca(table, components=2)
    return model, bl.fit(model, bl.EmpiricalBayes("ml", draws=30), seed=1)


@pytest.fixture(scope="module")
def cases(whole, matrix):
    """Name -> (model, tree): maximised, sampled, and of a matrix."""
    return {"eb": (whole.model, whole.eb), "nuts": (whole.model, whole.nuts), "matrix": matrix}


def changed(tree, change, *groups):
    """The tree with a function of some of its groups' datasets; by default of all."""
    other = tree.copy()
    for name in groups or tree.children:
        if name in tree.children:
            other[name].dataset = change(tree[name].dataset)
    return other


def labelled(data):
    return [dim for dim in data.dims if dim in data.indexes and dim not in ("chain", "draw")]


def reversed_labels(data):
    return data.isel({dim: slice(None, None, -1) for dim in labelled(data)})


def by_label(data):
    return data.sortby(labelled(data))


def backwards(data):
    return data.isel({d: slice(None, None, -1) for d in ("chain", "draw") if d in data.dims})


def transposed(data):
    return data.transpose(*list(data.dims)[::-1])


def as_text(data):
    return data.assign_coords({dim: data.indexes[dim].map(str) for dim in labelled(data)})


def halves_joined(data):
    """What joining along a dimension makes: the later half first."""
    dims = [dim for dim in labelled(data) if data.sizes[dim] > 1]
    for dim in dims:
        parts = [data.isel({dim: slice(1, None)}), data.isel({dim: slice(0, 1)})]
        data = xr.concat(parts, dim, data_vars="minimal", coords="minimal", compat="override")
    return data


SAME = {
    "labels of the posterior the other way round": lambda t: changed(
        t, reversed_labels, "posterior"
    ),
    "labels of the moments": lambda t: changed(t, reversed_labels, "posterior_moments"),
    "labels of the data": lambda t: changed(t, reversed_labels, "observed_data", "constant_data"),
    "all sorted": lambda t: changed(t, by_label),
    "joined from parts": lambda t: changed(t, halves_joined, "posterior"),
    "dimensions in another order": lambda t: changed(t, transposed),
    "chains and draws the other way round": lambda t: changed(t, backwards, *DRAWN),
    "draws of the posterior alone": lambda t: changed(t, backwards, "posterior"),
    "labels as text": lambda t: changed(t, as_text),
    "stacked and unstacked": lambda t: changed(
        t, lambda d: d.stack(s=("chain", "draw")).unstack("s"), "posterior"
    ),
    "variables in another order": lambda t: changed(
        t, lambda d: d[sorted(d.data_vars)[::-1]], "posterior"
    ),
}


def everything(tree):
    """All of these at once, and other orders in the posterior than in the moments."""
    for name in ("labels of the posterior the other way round", "labels of the data"):
        tree = SAME[name](tree)
    for name in ("chains and draws the other way round", "dimensions in another order"):
        tree = SAME[name](tree)
    return SAME["labels as text"](tree)


def new_rows(model, tree, data):
    new = data.iloc[:5]
    return bl.predict(model, tree, new, terms={"z": new[COLUMNS]}, noise=True, seed=3).draws


def group(found, name):
    return found[name].dataset


OF_ANY = {
    "fixef": lambda m, t, d: bl.fixef(t),
    "ranef": lambda m, t, d: bl.ranef(t),
    "varcorr": lambda m, t, d: bl.varcorr(t).sort_index(),
    "check": lambda m, t, d: bl.check(t).table(),
    "verdict": lambda m, t, d: bl.check(t).verdict,
    "replicated": lambda m, t, d: group(
        bl.posterior_predictive(m, t, seed=1), "posterior_predictive"
    ),
    "new groups": lambda m, t, d: group(
        bl.posterior_predictive(m, t, seed=1, groups="new"), "posterior_predictive"
    ),
    "log_likelihood": lambda m, t, d: group(bl.log_likelihood(m, t, seed=1), "log_likelihood"),
    "simulate": lambda m, t, d: bl.simulate(m, t, seed=1),
    "loo": lambda m, t, d: bl.loo(m, t, refit=False).elpd_i,
    "compare_engines": lambda m, t, d: bl.compare_engines({"a": t, "b": t}).parameters,
}
OF_ROWS = {
    "selected": lambda m, t, d: bl.selected(t),
    "predict": new_rows,
    "fitted": lambda m, t, d: bl.fitted(m, t, seed=1),
    "residuals": lambda m, t, d: bl.residuals(m, t, standardized=True),
    "r2": lambda m, t, d: bl.r2(m, t, seed=1),
    "loo_pit": lambda m, t, d: bl.loo_pit(m, t, refit=False),
}
OF_MATRIX = {
    "impute": lambda m, t, d: bl.impute(m, t).entries,
    "transform": lambda m, t, d: bl.transform(m, t).table(),
    "reconstruct": lambda m, t, d: bl.reconstruct(m, t),
    "log_density": lambda m, t, d: bl.log_density(m, t),
}
ANSWERS = {
    "eb": OF_ANY | OF_ROWS,
    "nuts": OF_ANY | OF_ROWS,
    "matrix": OF_ANY | OF_MATRIX,
}


def alike(one, other):
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key, value in one.items():
            alike(value, other[key])
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-12)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other, rtol=1e-9, atol=1e-12)
    elif isinstance(one, xr.Dataset | xr.DataArray):
        xr.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    elif isinstance(one, str):
        assert one == other
    else:
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("which", "answer"), [(which, name) for which, asked in ANSWERS.items() for name in asked]
)
@pytest.mark.filterwarnings("ignore:k-hat is above")
def test_a_rearranged_tree_gives_the_same_answer(cases, whole, which, answer):
    model, tree = cases[which]
    ask = ANSWERS[which][answer]
    alike(ask(model, tree, whole.data), ask(model, everything(tree), whole.data))


@pytest.mark.parametrize("which", ANSWERS)
@pytest.mark.parametrize("how", SAME)
def test_every_way_to_rearrange_it_gives_the_same_answer(cases, whole, which, how):
    model, tree = cases[which]
    other = SAME[how](tree)
    asked = {"varcorr", "replicated", "predict", "transform", "verdict"} & set(ANSWERS[which])
    for answer in asked:
        ask = ANSWERS[which][answer]
        alike(ask(model, tree, whole.data), ask(model, other, whole.data))


def test_single_precision_changes_no_more_than_its_rounding(whole):
    lean = changed(whole.nuts, lambda d: d.astype(np.float32), "posterior", "observed_data")
    ours, truth = (new_rows(whole.model, t, whole.data) for t in (lean, whole.nuts))
    np.testing.assert_allclose(ours, truth, rtol=1e-4)


@pytest.mark.parametrize(
    "pick",
    [
        lambda t: t.isel(chain=0, missing_dims="ignore"),
        lambda t: t.isel(draw=slice(None, None, 7), missing_dims="ignore"),
        lambda t: changed(t, lambda d: d.isel(draw=slice(0, 50)), "posterior"),
    ],
    ids=["one chain", "each seventh draw", "draws of the posterior alone"],
)
def test_some_draws_are_those_draws(whole, pick):
    some = pick(changed(whole.nuts, lambda d: d, *DRAWN))
    held = np.atleast_2d(some["posterior"]["sigma"].values)
    found = bl.log_likelihood(whole.model, some)
    ours, truth = (
        found["log_likelihood"],
        bl.log_likelihood(whole.model, whole.nuts)["log_likelihood"],
    )
    assert ours["y"].shape[:2] == held.shape
    same = truth["y"].sel(chain=ours["chain"], draw=ours["draw"])
    np.testing.assert_allclose(ours["y"].values, same.values, rtol=1e-9)


def test_two_fits_joined_along_their_chains_are_all_chains(whole):
    joined = changed(whole.nuts, lambda d: xr.concat([d, d], "chain"), *DRAWN)
    assert new_rows(whole.model, joined, whole.data).shape[0] == 2 * 400
    alike(bl.fixef(joined)["mean"], bl.fixef(whole.nuts)["mean"])


def test_a_chain_that_is_there_twice_is_no_second_witness(whole):
    joined = changed(whole.nuts, lambda d: xr.concat([d, d], "chain"), *DRAWN)
    found = bl.check(joined)
    assert found.verdict == "not to be trusted: it could not be judged"
    assert "chains that differ" in found.table().index


def test_draws_of_a_maximum_that_are_joined_are_no_chains(whole):
    joined = changed(whole.eb, lambda d: xr.concat([d, d], "chain"), *DRAWN)
    alike(bl.check(joined).table(), bl.check(whole.eb).table())
    assert bl.check(joined).verdict == bl.check(whole.eb).verdict


def test_divergences_that_were_taken_out_are_still_told(whole):
    tree = changed(whole.nuts, lambda d: d.drop_vars("diverging"), "sample_stats")
    tree.attrs["divergences"] = 7
    assert bl.check(tree).table().loc["divergences", ["value", "ok"]].tolist() == ["7", "NO"]


def test_a_file_is_read_by_its_labels_where_its_model_is_gone(whole, tmp_path, monkeypatch):
    path = tmp_path / "fit.nc"
    changed(whole.eb, reversed_labels, "posterior").to_netcdf(path, engine="h5netcdf")
    monkeypatch.setattr("bayeslmm.posterior.tree._models", [])
    with xr.open_datatree(path, engine="h5netcdf") as back:
        for read in (bl.fixef, bl.varcorr, bl.selected):
            truth = read(whole.eb)
            alike(read(back).loc[truth.index], truth)
        alike(bl.ranef(back)["g"].loc[bl.ranef(whole.eb)["g"].index], bl.ranef(whole.eb)["g"])


def of_posterior(change):
    return lambda tree: changed(tree, change, "posterior")


def renamed(data):
    labels = data.indexes["g"].tolist()
    return data.assign_coords(g=["somebody", *labels[1:]])


def doubled(data):
    labels = data.indexes["g"].tolist()
    return data.assign_coords(g=[labels[1], *labels[1:]])


def with_a_gap(data):
    values = data["sigma"].values.copy()
    values[0, 3] = np.nan
    return data.assign(sigma=data["sigma"].copy(data=values))


def without(tree, name):
    other = tree.copy()
    del other[name]
    return other


def without_attributes(tree):
    return xr.DataTree.from_dict({name: each.dataset for name, each in tree.children.items()})


REFUSED = {
    "levels are cut": (of_posterior(lambda d: d.isel(g=slice(0, 3))), "lacks 7 of 10 labels of g"),
    "columns are cut": (
        lambda t: t.isel(z_column=slice(0, 3), missing_dims="ignore"),
        "lacks 1 of 4 labels of z_column, such as 'z3'",
    ),
    "a level has another name": (of_posterior(renamed), "lacks 1 of 10 labels of g, such as 'g0'"),
    "a level stands twice": (of_posterior(doubled), "the label 'g1' of g more than once"),
    "labels are gone": (
        of_posterior(lambda d: d.drop_vars("g")),
        "the labels of g are gone from its posterior",
    ),
    "a dimension has another name": (
        of_posterior(lambda d: d.rename(g_effect="effect")),
        "sd_g by chain, draw, effect, not by chain, draw, g_effect",
    ),
    "a dimension too many": (
        of_posterior(lambda d: d.assign(sigma=d["sigma"].expand_dims(more=2, axis=2))),
        "sigma by chain, draw, more, not by chain, draw",
    ),
    "one level is picked": (
        of_posterior(lambda d: d.isel(g_effect=0)),
        "sd_g by chain, draw, not by",
    ),
    "chains and draws are stacked": (
        of_posterior(lambda d: d.stack(sample=("chain", "draw"))),
        "the draws of its posterior are stacked in 'sample'",
    ),
    "draws are averaged": (of_posterior(lambda d: d.mean("draw")), "has no dimension draw"),
    "a variable is gone": (of_posterior(lambda d: d.drop_vars(["sigma", "u_g"])), "lacks .*sigma"),
    "there are no draws": (
        lambda t: changed(t, lambda d: d.isel(draw=slice(0, 0)), *DRAWN),
        "holds no draws",
    ),
    "a draw is no number": (of_posterior(with_a_gap), "sigma that is not finite in 1 of 400 draws"),
    "a variable is text": (
        of_posterior(lambda d: d.assign(sigma=d["sigma"].astype(str) + "!")),
        "its sigma holds what is no number",
    ),
    "the posterior's attributes are gone": (
        of_posterior(lambda d: d.drop_attrs()),
        "its posterior's attributes are gone",
    ),
    "the tree's attributes are gone": (without_attributes, "its attributes are gone"),
    "the data are gone": (lambda t: without(t, "constant_data"), "it lacks constant_data"),
    "data are joined too": (
        lambda t: changed(t, lambda d: xr.concat([d, d], "chain")),
        "its observed_data has a dimension chain",
    ),
    "statistics of other draws": (
        lambda t: changed(t, lambda d: d.isel(draw=slice(0, 10)), "sample_stats"),
        "its sample_stats has not the draws of its posterior",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(whole, what):
    spoil, told = REFUSED[what]
    tree = spoil(whole.nuts)
    with pytest.raises(ValueError, match=told) as caught:
        new_rows(whole.model, tree, whole.data)
    assert "\n" not in str(caught.value)


IN_TABLES = set(REFUSED) - {"levels are cut", "columns are cut", "a level has another name"}


@pytest.mark.parametrize("what", sorted(IN_TABLES))
def test_tables_refuse_it_too(whole, what):
    spoil, told = REFUSED[what]
    for read in (bl.fixef, bl.ranef, bl.varcorr, bl.selected):
        with pytest.raises(ValueError, match=told):
            read(spoil(whole.nuts))


def test_tables_of_some_levels_are_of_those_levels(whole):
    truth = bl.ranef(whole.eb)["g"]
    some = changed(whole.eb, lambda d: d.isel(g=[4, 2]), "posterior", "posterior_moments")
    alike(bl.ranef(some)["g"], truth.loc[["g2", "g4"]])
    with pytest.raises(ValueError, match="labels of g that the model has not, such as 'somebody'"):
        bl.ranef(changed(whole.eb, renamed, "posterior"))


@pytest.mark.parametrize("what", ["levels are cut", "a variable is gone", "a level stands twice"])
def test_nothing_is_judged_by_a_part_of_a_fit(whole, what):
    spoil, told = REFUSED[what]
    for judge in (bl.check, lambda t: bl.compare_engines({"a": whole.eb, "b": t})):
        with pytest.raises(ValueError, match=told):
            judge(spoil(whole.nuts))


NO_TREES = {
    "one group": lambda t: t["posterior"],
    "its dataset": lambda t: t["posterior"].dataset,
    "a dict of groups": lambda t: {name: each.dataset for name, each in t.children.items()},
    "a dict of fits": lambda t: {"NUTS": t},
    "a path": lambda t: "fit.nc",
    "nothing": lambda t: None,
}


@pytest.mark.parametrize("what", NO_TREES)
def test_what_is_no_tree_is_refused_by_what_it_is(whole, what):
    thing = NO_TREES[what](whole.nuts)
    for ask in (bl.fixef, bl.ranef, bl.varcorr, bl.selected, bl.importance_resample):
        with pytest.raises(TypeError, match=r"expected what bayeslmm\.fit returned, got"):
            ask(thing)
    for ask in (bl.predict, bl.fitted, bl.loo, bl.r2, bl.log_likelihood, bl.confint):
        with pytest.raises(TypeError, match=r"expected what bayeslmm\.fit returned, got"):
            ask(whole.model, thing)
    with pytest.raises(TypeError, match=r"expected what bayeslmm\.fit returned, got"):
        bl.lr_test(thing, whole.eb)


def test_nesting_is_seen_whatever_the_order(whole):
    """Columns of both designs, codes and correlations are compared row by row."""
    formulas = ("y ~ x + (1 | g) + (1 | h)", "y ~ x + (x | g) + (1 | h)")
    small, large = (
        bl.fit(declare(whole.data, formula=f, terms=[]), bl.EmpiricalBayes("ml", draws=5), seed=1)
        for f in formulas
    )
    truth = bl.lr_test(small, large)
    assert truth["df"] == 2
    alike(truth, bl.lr_test(everything(small), large))
    alike(truth, bl.lr_test(small, everything(large)))


def test_draws_are_weighted_by_the_weights_of_their_labels(whole):
    tree = bl.fit(whole.model, bl.EmpiricalBayes("map", draws=300, laplace=True), seed=1)
    truth = bl.importance_resample(tree, seed=2)
    for other in (everything(tree), SAME["draws of the posterior alone"](tree)):
        found = bl.importance_resample(other, seed=2)
        alike(truth["posterior"].dataset.drop_vars(["g", "h"]), of_labels(found, truth))


def of_labels(found, like):
    """A posterior with the labels of another, whose text they are."""
    held, names = found["posterior"].dataset, like["posterior"].dataset
    return held.assign_coords(names.coords).drop_vars(["g", "h"])


def test_an_estimator_reads_its_tree_by_labels():
    machines = pytest.importorskip("bayeslmm.sklearn")
    x = np.linspace(-3.0, 3.0, 20)[:, None]
    machine = machines.RVMRegressor(width=2.0, healed=True).fit(x, np.sinc(x[:, 0]))
    truth = machine.predict(x, return_std=True)
    machine.tree_ = changed(machine.tree_, reversed_labels, "posterior")
    for ours, theirs in zip(machine.predict(x, return_std=True), truth):
        alike(ours, theirs)


def test_a_page_is_the_same(whole, tmp_path):
    pages = [
        bl.report(whole.model, {"EB": tree}, tmp_path / f"{name}.md").read_text(encoding="utf-8")
        for name, tree in {"as fitted": whole.eb, "rearranged": everything(whole.eb)}.items()
    ]
    assert pages[0] == pages[1]
