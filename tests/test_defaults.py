"""What is promised where nobody says otherwise: default priors, options of engines, their words.

The scales of the table in docs/priors.md by NumPy, each row as often as it counts. Beside it, the
power of each unit: y in other units scales with y, a column's slope against its column.
"""

import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from tests.whole import COLUMNS, declare, table

DOCS = Path(__file__).parents[1] / "docs"
ENGINES = (bl.NUTS, bl.ADVI, bl.CAVI, bl.EmpiricalBayes, bl.Gibbs)


def moments(values, count):
    """Mean, sd (divisor n) and rms, each row as often as it counts."""
    mean = np.average(values, weights=count)
    centred = np.average((values - mean) ** 2, weights=count)
    return mean, np.sqrt(centred), np.sqrt(np.average(values**2, weights=count))


def laws(model):
    """Name of a scale -> law and parameters."""
    return {s.name: (s.law.name, *map(np.asarray, s.law.parameters)) for s in model.space.scales}


def beta(model):
    """Name of a coefficient -> location and sd of its normal law."""
    prior = model.beta
    return dict(zip(model.design.fixed, zip(prior.location, prior.scale)))


@pytest.fixture(scope="module")
def model():
    return declare(table(), priors={})


def test_fixed_effects_are_two_and_a_half_sds_wide(model):
    d = table()
    mean, sd, _ = moments(d["y"] - d["o"], d["f"])
    x_mean, x_sd, _ = moments(d["x"], d["f"])
    found = beta(model)
    assert found["Intercept"] == pytest.approx((mean, 2.5 * sd))
    assert found["x"] == pytest.approx((0.0, 2.5 * sd / x_sd))
    # the prior of the intercept is on the height of the line at the mean of x
    np.testing.assert_allclose(model.beta.H, [[1.0, x_mean], [0.0, 1.0]])


def test_without_an_intercept_sizes_take_the_place_of_sds():
    d = table()
    model = bl.lmm("y ~ 0 + x + (0 + x | g)", d, weights="w", frequency="f", offset="o")
    _, _, rms = moments(d["y"] - d["o"], d["f"])
    x_rms = moments(d["x"], d["f"])[2]
    assert beta(model)["x"] == pytest.approx((0.0, 2.5 * rms / x_rms))
    assert laws(model)["sd_g"][2] == pytest.approx(rms / x_rms)


def test_sds_of_effects_have_the_spread_of_y_over_that_of_their_column(model):
    d = table()
    _, sd, _ = moments(d["y"] - d["o"], d["f"])
    x_mean, x_sd, _ = moments(d["x"], d["f"])
    found = laws(model)
    assert {law for law, *_ in found.values()} == {"HalfStudentT"}
    assert {float(df) for _, df, _ in found.values()} == {3.0}
    # the intercept of a group is the height of its line at zero
    height = sd * np.sqrt(1.0 + (x_mean / x_sd) ** 2)
    np.testing.assert_allclose(found["sd_g"][2], [height, sd / x_sd])
    assert found["sd_h"][2] == pytest.approx(sd)
    apart = laws(declare(d, formula="y ~ x + (x || g) + (1 | h)", priors={}))
    np.testing.assert_allclose(apart["sd_g"][2], [sd, sd / x_sd])


def test_sigma_is_the_noise_of_a_row_of_weight_one(model):
    d = table()
    _, sd, _ = moments(d["y"] - d["o"], d["f"])
    root = np.sqrt(np.average(d["w"], weights=d["f"]))
    assert laws(model)["sigma"][2] == pytest.approx(sd * root)
    assert laws(declare(d, priors={}, weights=None))["sigma"][2] == pytest.approx(sd)


def test_sigma_is_one_beside_known_noise():
    model = declare(table(), priors={}, weights=None, noise_sd="w")
    assert model.space.sigma.fixed == 1.0
    assert model.prior_table["sigma"] == "fixed at 1"


def test_correlations_are_lkj_of_two(model):
    assert [c.eta for c in model.space.correlations if c.parts] == [2.0]
    assert model.prior_table["corr_g"] == "LKJ(2)"


def scaled(model):
    """Name of every scale -> the scale of its law."""
    return {name: np.asarray(found[-1]) for name, found in laws(model).items()}


def test_everything_scales_with_y(model):
    """Millimetres instead of metres: every scale of the default priors is a thousand times."""
    d = table()
    d[["y", "o"]] *= 1000.0
    other = declare(d, priors={})
    for name, scale in scaled(model).items():
        np.testing.assert_allclose(scaled(other)[name], 1000.0 * scale, err_msg=name)
    for name, law in beta(model).items():
        np.testing.assert_allclose(beta(other)[name], 1000.0 * np.array(law), err_msg=name)


def test_a_slope_scales_against_its_column_and_nothing_else_does(model):
    d = table()
    d[["x", "z2"]] *= 100.0
    other = declare(d, priors={})
    for name, scale in scaled(model).items():
        power = [1.0, 0.01] if name == "sd_g" else 1.0
        np.testing.assert_allclose(scaled(other)[name], scale * power, err_msg=name)
    assert beta(other)["x"] == pytest.approx((0.0, 0.01 * beta(model)["x"][1]))
    assert beta(other)["Intercept"] == pytest.approx(beta(model)["Intercept"])


def block(make, data=None, **options):
    data = table() if data is None else data
    given = make(data[COLUMNS], name="z", **options)
    return declare(data, terms=[given], priors={}, weights=None)


def test_blocks_share_the_spread_of_y_among_their_columns():
    d = table()
    _, sd, _ = moments(d["y"] - d["o"], d["f"])
    for make, name in ((bl.ridge, "sd_z"), (bl.ard, "scale_z")):
        law, df, scale = laws(block(make))[name]
        assert (law, float(df)) == ("HalfStudentT", 3.0)
        assert float(scale) == pytest.approx(sd / np.sqrt(4.0))


def test_a_horseshoe_expects_a_tenth_of_its_columns_and_at_least_one():
    n = float(table()["f"].sum())  # each row as often as it counts
    for options, p0 in (({}, 1.0), ({"nonzero": 2}, 2.0)):
        found = laws(block(bl.horseshoe, **options))
        law, scale = found["sd_z"]
        assert law == "HalfNormal"
        assert float(scale) == pytest.approx(p0 / ((4.0 - p0) * np.sqrt(n)))
        assert found["scale_z"] == ("HalfCauchy", 1.0)
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 50)))
    model = bl.lmm("y ~ 1", table(), terms=[bl.horseshoe(wide, name="z")])
    assert float(laws(model)["sd_z"][1]) == pytest.approx(5.0 / (45.0 * np.sqrt(60.0)))


def test_a_lasso_has_a_gamma_law_on_the_square_of_its_penalty():
    law, shape, rate = laws(block(bl.laplace))["lam2_z"]
    assert (law, float(shape), float(rate)) == ("Gamma", 1.0, 1.78)


def test_the_printed_table_has_the_numbers_of_the_laws(model):
    told = model.prior_table
    for name, found in laws(model).items():
        scale = found[2]
        texts = [f"{v:.4g}" for v in np.atleast_1d(scale)]
        shown = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        assert told[name] == f"HalfStudentT(3, {shown})"
    for name, (mean, sd) in beta(model).items():
        assert told[name].startswith(f"Normal({mean:.4g}, {sd:.4g})")
    assert list(told)[:2] == ["Intercept", "x"]
    text = repr(model)
    assert all(words in text for words in told.values())


def test_priors_stay_as_they_are_with_other_data(model):
    other = model.with_data(model.design.y * 7.0)
    for name, scale in scaled(model).items():
        np.testing.assert_array_equal(scaled(other)[name], scale)
    assert beta(other) == beta(model)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.__name__)
def test_documented_options_of_an_engine_are_its_defaults(engine):
    """docs/engines.md shows them all once, as the call that makes the engine."""
    text = (DOCS / "engines.md").read_text(encoding="utf-8")
    shown = re.findall(rf"`({engine.__name__}\([^()\n]*\))`", text)
    names = [f.name for f in fields(engine)]
    whole = [call for call in shown if re.findall(r"(\w+)=", call) == names]
    assert [eval(call, {e.__name__: e for e in ENGINES}) for call in whole] == [engine()]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.__name__)
def test_an_engine_tells_every_option_in_the_tree(engine):
    """`options` of a tree is what makes the engine again."""
    made = engine(draws=333)
    assert eval(repr(made), {e.__name__: e for e in ENGINES}) == made
    for field in fields(engine):
        assert f"{field.name}=" in repr(made)
        assert field.name in engine.__doc__
    assert replace(made, draws=334) != made


def test_a_tree_holds_its_options_and_its_seed(whole):
    assert eval(whole.nuts.attrs["options"], {"NUTS": bl.NUTS}) == bl.NUTS(
        draws=200, tune=200, chains=2, cores=1
    )
    assert whole.nuts["posterior"].sizes["draw"] == 200
    assert whole.nuts["posterior"].sizes["chain"] == 2
    assert whole.eb["posterior"].sizes["draw"] == 400
    assert (whole.eb.attrs["seed"], whole.eb.attrs["engine"]) == (1, "EB (evidence)")
    drawn = bl.fit(whole.model, bl.EmpiricalBayes(draws=2))
    again = bl.fit(whole.model, bl.EmpiricalBayes(draws=2), seed=int(drawn.attrs["seed"]))
    np.testing.assert_array_equal(drawn["posterior"]["beta"], again["posterior"]["beta"])
