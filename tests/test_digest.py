"""A model's digest changes with whatever was declared, so no verb takes another's fit."""

import numpy as np
import pandas as pd
import pymc as pm
import pytest

import bayeslmm as bl
from bayeslmm.posterior.tree import read_tree
from tests.whole import COLUMNS, PRIORS, declare, table


def changed(column, row=17, by=1.0):
    """The table with one number changed."""
    data = table()
    data[column] = data[column].astype(float)
    data.loc[row, column] += by
    return data


def renamed(column, old, new):
    data = table()
    data[column] = data[column].replace(old, new)
    return data


def prior(**more):
    return {"priors": PRIORS | more}


def block(make=bl.ridge, columns=COLUMNS, name="z", **options):
    data = table()
    return {"terms": [make(data[list(columns)], name=name, **options)]}


def other_names(columns, name):
    return bl.ridge(columns.set_axis([*"abcd"], axis=1), name=name)


def moved():
    """One row into another group."""
    data = table()
    data.loc[0, "g"] = "g1"
    return data


WAYS = {
    "as it is": (table(), {}),
    "y": (changed("y"), {}),
    "y by a last digit": (changed("y", by=1e-13), {}),
    "X": (changed("x"), {}),
    "weights": (changed("w"), {}),
    "no weights": (table(), {"weights": None}),
    "frequency": (changed("f"), {}),
    "no frequency": (table(), {"frequency": None}),
    "offset": (changed("o"), {}),
    "no offset": (table(), {"offset": None}),
    "known noise": (table(), {"weights": None, "noise_sd": "w"}),
    "another group": (moved(), {}),
    "a level's name": (renamed("g", "g9", "zz"), {}),
    "rows' names": (table().set_axis([f"r{i}" for i in range(60)]), {}),
    "without a correlation": (table(), {"formula": "y ~ x + (x || g) + (1 | h)"}),
    "without a factor": (table(), {"formula": "y ~ x + (x | g)"}),
    "without an intercept": (table(), {"formula": "y ~ 0 + x + (x | g) + (1 | h)", "priors": {}}),
    "a centred column": (table(), {"formula": "y ~ center(x) + (x | g) + (1 | h)", "priors": {}}),
    "default priors": (table(), {"priors": {}}),
    "mean of beta": (table(), {"priors": PRIORS | {"x": "Normal(1, 5)"}}),
    "sd of beta": (table(), {"priors": PRIORS | {"x": "Normal(0, 6)"}}),
    "flat beta": (table(), {"priors": {"beta": "flat"}}),
    "law of sd": (table(), prior(sd_h="HalfNormal(3)")),
    "its scale": (table(), prior(sd_h="HalfNormal(3.0000000001)")),
    "another law": (table(), prior(sd_h="HalfCauchy(3)")),
    "one law an effect": (table(), prior(sd_g=pm.HalfNormal.dist([3.0, 1.0]))),
    "the other an effect": (table(), prior(sd_g=pm.HalfNormal.dist([1.0, 3.0]))),
    "a law of PyMC's": (table(), prior(sd_h=pm.Weibull.dist(2.0, 3.0))),
    "its parameter": (table(), prior(sd_h=pm.Weibull.dist(2.0, 4.0))),
    "a fixed sd": (table(), prior(sd_h=1.0)),
    "another fixed sd": (table(), prior(sd_h=1.5)),
    "LKJ": (table(), prior(corr_g="LKJ(3)")),
    "a fixed correlation": (table(), prior(corr_g=0.3)),
    "another one": (table(), prior(corr_g=-0.3)),
    "fixed noise": (table(), prior(sigma=1.0)),
    "no block": (table(), {"terms": []}),
    "a number of a block": (table(), {"terms": [bl.ridge(changed("z1")[COLUMNS], name="z")]}),
    "fewer columns": (table(), block(columns=COLUMNS[:3])),
    "columns in another order": (table(), block(columns=COLUMNS[::-1])),
    "a block's name": (table(), block(name="other")),
    "columns' names": (table(), block(other_names)),
    "columns as they are": (table(), block(scale=None)),
    "columns of length one": (table(), block(scale="norm")),
    "ard": (table(), block(bl.ard)),
    "laplace": (table(), block(bl.laplace)),
    "laplace with its penalty": (table(), block(bl.laplace) | prior(lam2_z=2.0)),
    "horseshoe": (table(), block(bl.horseshoe)),
    "of more columns that matter": (table(), block(bl.horseshoe, nonzero=2)),
    "with a slab": (table(), block(bl.horseshoe, slab=2.0)),
    "law of a block's sd": (table(), prior(sd_z="HalfNormal(1)")),
}  # fmt: skip


@pytest.fixture(scope="module")
def models():
    return {name: declare(data, **options) for name, (data, options) in WAYS.items()}


def test_every_change_makes_another_digest(models):
    by_digest = {}
    for name, model in models.items():
        by_digest.setdefault(model.digest, []).append(name)
    assert [same for same in by_digest.values() if len(same) > 1] == []


def test_the_same_declaration_has_the_same_digest(models):
    for name, (data, options) in WAYS.items():
        if "terms" not in options:
            assert declare(data.copy(), **options).digest == models[name].digest, name


def test_weights_as_an_array_are_the_same_model(models):
    data = table()
    arrays = {"weights": data["w"].to_numpy(), "frequency": list(data["f"]), "offset": data["o"]}
    assert declare(data, **arrays).digest == models["as it is"].digest


def test_a_fit_is_refused_by_every_model_but_its_own(whole, models):
    read_tree(models["as it is"], whole.eb)
    for name, model in models.items():
        if name != "as it is":
            with pytest.raises(ValueError, match="this tree is not a fit of this model"):
                read_tree(model, whole.eb)


@pytest.mark.parametrize(
    "verb",
    [
        bl.fitted,
        bl.residuals,
        bl.r2,
        bl.predict,
        bl.posterior_predictive,
        bl.log_likelihood,
        bl.simulate,
        bl.loo,
        bl.loo_pit,
        bl.confint,
    ],
)
@pytest.mark.parametrize("change", ["weights", "frequency", "offset", "sd of beta"])
def test_every_verb_refuses_a_fit_of_other_weights(whole, models, verb, change):
    with pytest.raises(ValueError, match="columns, weights, offset or priors"):
        verb(models[change], whole.eb)


def test_other_rows_of_a_matrix_make_another_digest():
    Y = np.random.default_rng(0).normal(size=(20, 4))
    gap, more, names = Y.copy(), Y.copy(), ["a", "b", "c", "d"]
    gap[3, 1], more[3, 1] = np.nan, more[3, 1] + 1e-13
    models = [bl.ppca(Y, 2), bl.ppca(gap, 2), bl.ppca(more, 2), bl.ppca(Y, 1)]
    models += [bl.ppca(Y, 2, scale="sd"), bl.ppca(Y, 2, ard=True), bl.ppca(Y[::-1].copy(), 2)]
    for priors in ({"sigma": 0.5}, {"sd_W": 1.0}, {"mu": "flat"}, {"sigma": "HalfNormal(1)"}):
        models.append(bl.ppca(Y, 2, priors=priors))
    models.append(bl.ppca(pd.DataFrame(Y, columns=names), 2))
    models.append(bl.ppca(pd.DataFrame(Y, columns=names, index=[f"r{i}" for i in range(20)]), 2))
    assert len({model.digest for model in models}) == len(models)
