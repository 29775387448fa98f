"""A model has one answer: what it hands out cannot change it, and its trees keep it."""

import copy
import dataclasses
import gc
import pickle

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr

import bayeslmm as bl
from bayeslmm.posterior.tree import model_of


@pytest.fixture(scope="module")
def dyestuff():
    return bl.datasets.load("Dyestuff")


def declared(dyestuff, kind):
    if kind == "ppca":
        return bl.ppca(bl.datasets.load("iris").drop(columns="Species") + 0.125, 2)
    return bl.lmm("Yield ~ 1 + (1 | Batch)", dyestuff)


def with_another_observation(graph):
    with graph:
        pm.Normal("lab", graph["sigma"], 1.0, observed=20.0)


def with_a_potential(graph):
    with graph:
        pm.Potential("lab", -graph["sigma"])


def with_longer_dims(graph):
    graph.add_coord("lab", [1, 2])


CHANGES = (with_another_observation, with_a_potential, with_longer_dims)
ENGINES = (bl.NUTS(), bl.NUTS(marginal=False), bl.ADVI(), bl.EmpiricalBayes("ml"), bl.CAVI())


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", ["graph", "marginal"])
@pytest.mark.parametrize("kind", ["lmm", "ppca"])
def test_a_model_whose_graph_was_changed_is_refused_by_every_engine(dyestuff, kind, name, change):
    model = declared(dyestuff, kind)
    change(getattr(model, name))
    for engine in ENGINES:
        with pytest.raises(ValueError, match=rf"model\.{name} was changed \(.*lab"):
            bl.fit(model, engine, seed=1)


def test_so_is_it_by_whatever_reads_a_fit_or_asks_the_model(dyestuff):
    model = declared(dyestuff, "lmm")
    fitted = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
    with_another_observation(model.graph)
    asked = (
        lambda: bl.predict(model, fitted, {"Batch": ["A"]}),
        lambda: bl.posterior_predictive(model, fitted, seed=1),
        lambda: bl.simulate(model, seed=1),
        lambda: bl.prior_predictive(model, draws=2, seed=1),
        lambda: bl.log_evidence(model),
        lambda: bl.confint(model, fitted),
        lambda: bl.loo(model, fitted),
    )
    for ask in asked:
        with pytest.raises(ValueError, match="change a copy"):
            ask()


def test_a_copy_may_be_changed_and_the_model_stays(dyestuff):
    model = declared(dyestuff, "lmm")
    before = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
    graph = model.graph.copy()
    with_another_observation(graph)
    assert "lab" in graph.named_vars
    after = bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)
    assert after.attrs["log_marginal"] == before.attrs["log_marginal"]


def test_models_declared_in_a_loop_live_as_long_as_their_trees(dyestuff):
    trees = {}
    for formula in ("Yield ~ 1 + (1 | Batch)", "Yield ~ 1"):
        trees[formula] = bl.fit(bl.lmm(formula, dyestuff), bl.EmpiricalBayes("ml"), seed=1)
    assert list(bl.compare_models(trees).table.index)
    for formula, tree in trees.items():
        assert model_of(tree).formula == formula


COPIES = {
    "copy": lambda t: t.copy(),
    "deep copy": copy.deepcopy,
    "selection": lambda t: t.isel(draw=slice(0, 5)),
    "with one more group": lambda t: bl.log_likelihood(model_of(t), t, seed=1),
}


@pytest.mark.parametrize("kind", ["lmm", "ppca"])
def test_copies_of_a_tree_keep_the_model_and_nothing_else_does(dyestuff, kind):
    other = dyestuff.assign(Yield=dyestuff["Yield"] + 0.125)  # nobody else has declared this
    tree = bl.fit(declared(other, kind), bl.EmpiricalBayes("ml"), seed=1)
    trees = {name: made(tree) for name, made in COPIES.items()}
    digest = tree.attrs["model_digest"]
    del tree
    while trees:
        name, last = trees.popitem()
        assert model_of(last).digest == digest, name
    text = xr.DataTree()
    text.attrs["model_digest"] = digest
    del last
    gc.collect()
    assert model_of(text) is None


def test_draws_taken_anew_by_importance_keep_the_model(dyestuff):
    approximated = bl.fit(declared(dyestuff, "lmm"), bl.EmpiricalBayes("ml", laplace=True), seed=1)
    assert model_of(bl.importance_resample(approximated, seed=1)) is model_of(approximated)


def test_a_tree_from_a_pickle_or_a_file_finds_a_model_that_is_still_here(dyestuff, tmp_path):
    alone = dyestuff.assign(Yield=dyestuff["Yield"] + 0.375)  # nobody else has declared this
    model = declared(alone, "lmm")
    tree = bl.fit(model, bl.EmpiricalBayes("ml"), seed=1)
    tree.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as read:
        assert model_of(read) is model
    assert len(pickle.dumps(tree)) < 2 * tree.nbytes + 50_000  # the model is not in it
    assert model_of(pickle.loads(pickle.dumps(tree))) is model


G = np.arange(30) // 5
DECLARED = {  # how a model is declared with numbers of the user's: a matrix whose first column is y
    "arrays": lambda y, A: bl.lmm(y, A[:, 1:], groups={"g": G}),
    "formula": lambda y, A: bl.lmm("y ~ 1 + (1 | g)", {"y": y, "g": G}),
    "weights": lambda y, A: bl.lmm("y ~ 1", {"y": A[:, 1].copy()}, weights=np.exp(y), offset=y),
    "offset": lambda y, A: bl.lmm("y ~ 1", {"y": A[:, 1].copy()}, offset=y),
    "a block": lambda y, A: bl.lmm("y ~ 1", {"y": A[:, 1].copy()}, terms=[bl.ridge(A, name="x")]),
    "a kernel": lambda y, A: bl.rvm(A, A[:, 1].copy(), kernel=bl.kernels.gaussian(1.0)),
    "a basis": lambda y, A: bl.rvm(A, A[:, 1].copy()),
    "a lasso": lambda y, A: bl.lasso(A, y),
    "a matrix": lambda y, A: bl.ppca(A, 1),
    "a matrix anew": lambda y, A: bl.ppca(A[::-1].copy(), 1).with_data(A),
    "a response anew": lambda y, A: bl.lmm("y ~ 1", {"y": A[:, 1].copy()}).with_data(y),
    "one column": lambda y, A: bl.lmm(
        "y ~ 1", {"y": A[:, 1].copy()}, terms=[bl.ridge(pd.DataFrame({"a": y}), name="x")]
    ),
}


def numbers_of(thing, path="model"):
    """Every array that a model is made of, by where it is."""
    if isinstance(thing, np.ndarray):
        yield path, thing
    elif dataclasses.is_dataclass(thing):
        for field in dataclasses.fields(thing):
            yield from numbers_of(getattr(thing, field.name), f"{path}.{field.name}")
    elif isinstance(thing, tuple | list):
        for each in thing:
            yield from numbers_of(each, path)


@pytest.mark.parametrize("declare", DECLARED.values(), ids=DECLARED)
def test_a_model_keeps_numbers_of_its_own(declare):
    A = np.random.default_rng(1).normal(size=(30, 4))
    y = A[:, 0].copy()
    for path, array in numbers_of(declare(y, A)):
        assert not np.shares_memory(array, y), path
        assert not np.shares_memory(array, A), path
