"""Models side by side: the numbers are those of their parts, and the advice reads them rightly."""

import gc

import numpy as np
import pytest

import bayeslmm as bl

QUIET = pytest.mark.filterwarnings("ignore:k-hat is above")


@pytest.fixture(scope="module")
def pair():
    data = bl.datasets.load("sleepstudy")
    models = {
        "intercepts": bl.lmm("Reaction ~ Days + (1 | Subject)", data),
        "slopes": bl.lmm("Reaction ~ Days + (Days | Subject)", data),
    }
    return models, {name: bl.fit(m, bl.NUTS(), seed=1) for name, m in models.items()}


@pytest.fixture(scope="module")
def compared(pair):
    return bl.compare_models(pair[1])


@QUIET
def test_rows_groups_and_evidence_stand_side_by_side(pair, compared):
    models, trees = pair
    table = compared.table
    assert list(table.index) == ["slopes", "intercepts"]
    assert list(dict.fromkeys(table.columns.get_level_values(0))) == [
        "log evidence",
        "row",
        "Subject",
    ]
    for name, model in models.items():
        for unit in ("row", "Subject"):
            own = bl.loo(model, trees[name], unit=unit)
            assert table.loc[name, (unit, "elpd")] == pytest.approx(own.elpd)
    for name, model in models.items():
        evidence = bl.log_evidence(model, seed=3).value
        assert table.loc[name, "log evidence"].item() == pytest.approx(evidence, abs=0.05)


@QUIET
def test_differences_are_paired_and_weights_favour_the_better(pair, compared):
    models, trees = pair
    slopes, plain = (
        np.asarray(bl.loo(models[n], trees[n]).elpd_i) for n in ("slopes", "intercepts")
    )
    ours = compared.table["row"]
    assert ours.loc["intercepts", "difference"] == pytest.approx((plain - slopes).sum())
    error = np.sqrt(180) * (plain - slopes).std()
    assert ours.loc["intercepts", "se of difference"] == pytest.approx(error, rel=0.01)
    assert ours["weight"].sum() == pytest.approx(1.0)
    assert ours.loc["slopes", "weight"] > 0.5


def test_the_advice_names_the_better_model_and_by_how_much(compared):
    row = compared.table["row"]
    gap, error = -row.loc["intercepts", "difference"], row.loc["intercepts", "se of difference"]
    assert 10 < gap < 2 * error
    told = f"left-out rows: slopes and intercepts cannot be told apart, {gap:.1f} +- {error:.1f}"
    assert compared.advice[0].startswith(told)
    bad = {name: int(count) for name, count in row["bad k-hat"].items() if count}
    told = f"k-hat is too large in {', '.join(f'{n} ({c})' for n, c in bad.items())}: see loo("
    assert (told in compared.advice[0]) == bool(bad)
    assert compared.advice[1].startswith("left-out levels of Subject: ")
    assert "depends on the priors" in compared.advice[-1]
    assert "<table" in compared._repr_html_()
    assert "left-out levels of Subject" in repr(compared)


def test_a_clear_difference_names_the_winner():
    data = bl.datasets.load("sleepstudy")
    models = {f: bl.lmm(f"Reaction ~ {f}", data) for f in ("1", "Days + (1 | Subject)")}
    fits = {n: bl.fit(m, bl.EmpiricalBayes("reml"), seed=1) for n, m in models.items()}
    advice = bl.compare_models(fits).advice[0]
    assert advice.startswith("left-out rows: Days + (1 | Subject) predicts best, by ")
    assert advice.endswith("nats over 1")


def test_models_that_predict_alike_are_not_told_apart():
    data = bl.datasets.load("sleepstudy")
    models = {
        "joint": bl.lmm("Reaction ~ Days + (Days | Subject)", data),
        "apart": bl.lmm("Reaction ~ Days + (Days || Subject)", data),
    }
    fits = {n: bl.fit(m, bl.EmpiricalBayes("reml"), seed=1) for n, m in models.items()}
    found = bl.compare_models(fits)
    assert "cannot be told apart" in found.advice[0]


def test_an_improper_prior_has_no_evidence_and_says_so(pair):
    data = bl.datasets.load("sleepstudy")
    flat = bl.lmm("Reaction ~ Days + (1 | Subject)", data, priors={"beta": "flat"})
    fits = {"flat": bl.fit(flat, bl.EmpiricalBayes("reml"), seed=1), "slopes": pair[1]["slopes"]}
    found = bl.compare_models(fits)
    assert np.isnan(found.table.loc["flat", "log evidence"].item())
    assert found.advice[-1] == "log evidence: not defined, or not computed, for flat"


def test_a_fit_from_a_file_needs_its_model(tmp_path):
    import xarray as xr

    def made(formula):
        model = bl.lmm(formula, bl.datasets.load("Dyestuff"))
        return model, bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)

    model, tree = made("Yield ~ 1 + (1 | Batch)")
    other, plain = made("Yield ~ 1")
    tree.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as read:
        fits = {"groups": read.load(), "none": plain}
        known = bl.compare_models(fits).table
        formula, model, tree = model.design.formula, None, None  # a tree keeps its model
        gc.collect()
        with pytest.raises(ValueError, match="the model of 'groups' is not in this session"):
            bl.compare_models(fits)
        again = bl.lmm(formula, bl.datasets.load("Dyestuff"))
        given = bl.compare_models(fits, models={"groups": again})
        np.testing.assert_allclose(given.table["row", "elpd"], known["row", "elpd"])
        assert other is not None


def test_different_rows_cannot_be_compared(pair):
    data = bl.datasets.load("sleepstudy")
    less = bl.lmm("Reaction ~ Days + (1 | Subject)", data[data["Days"] > 0])
    tree = bl.fit(less, bl.EmpiricalBayes("reml"), seed=1)
    with pytest.raises(ValueError, match="'less' and 'slopes' have different responses or rows"):
        bl.compare_models({"slopes": pair[1]["slopes"], "less": tree})
    with pytest.raises(ValueError, match="at least two fits; got 1"):
        bl.compare_models({"slopes": pair[1]["slopes"]})
    with pytest.raises(TypeError, match="takes a dict"):
        bl.compare_models(pair[1]["slopes"])


def test_equal_declarations_have_equal_digests_and_others_not():
    data = bl.datasets.load("Dyestuff")
    first, again = (bl.lmm("Yield ~ 1 + (1 | Batch)", data) for _ in range(2))
    assert first.digest == again.digest
    prior = bl.lmm("Yield ~ 1 + (1 | Batch)", data, priors={"sd_Batch": "HalfNormal(10)"})
    moved = first.with_data(first.design.y + 1.0)
    assert len({first.digest, prior.digest, moved.digest}) == 3


def test_plugged_in_variances_beside_drawn_ones_are_told():
    data = bl.datasets.load("sleepstudy")
    model = bl.lmm("Reaction ~ Days + (1 | Subject)", data)
    fits = {"EB": bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)}
    fits["CAVI"] = bl.fit(model, bl.CAVI(), seed=1)
    found = bl.compare_models(fits)
    assert "(EB: 2 numbers from 180 rows)" in " ".join(found.advice)
    assert any("fit all by one engine" in a for a in found.advice)


def test_rows_in_another_order_or_counted_otherwise_are_told_apart():
    data = bl.datasets.load("Dyestuff")

    def fit(table, **options):
        model = bl.lmm("Yield ~ 1 + (1 | Batch)", table, **options)
        return model, bl.fit(model, bl.EmpiricalBayes("reml"), seed=1)

    keep, (a, b, c) = zip(*(fit(data), fit(data[::-1]), fit(data, frequency=np.full(30, 2))))
    assert len(keep) == 3
    with pytest.raises(ValueError, match="the same responses in another order"):
        bl.compare_models({"a": a, "b": b})
    with pytest.raises(ValueError, match="count their rows differently"):
        bl.compare_models({"a": a, "c": c})


def test_a_factor_whose_levels_hold_other_rows_is_not_shared():
    data = bl.datasets.load("Dyestuff")
    moved = data.assign(Batch=np.random.default_rng(0).permutation(data["Batch"]))
    models = [bl.lmm("Yield ~ 1 + (1 | Batch)", d) for d in (data, moved)]
    fits = {str(i): bl.fit(m, bl.EmpiricalBayes("map"), seed=1) for i, m in enumerate(models)}
    assert "Batch" not in bl.compare_models(fits).table.columns.get_level_values(0)


def test_digests_tell_priors_apart_that_print_alike():
    import pymc as pm

    data = bl.datasets.load("Dyestuff")
    priors = [
        "HalfNormal(1234.4)",
        "HalfNormal(1233.6)",
        50.001,
        50.004,
        pm.Truncated.dist(pm.Normal.dist(50.0, 5.0), lower=0.0),
        pm.Truncated.dist(pm.Normal.dist(150.0, 5.0), lower=0.0),
    ]
    made = [bl.lmm("Yield ~ 1 + (1 | Batch)", data, priors={"sigma": p}) for p in priors]
    assert len({m.digest for m in made}) == len(priors)
    again = pm.Truncated.dist(pm.Normal.dist(50.0, 5.0), lower=0.0)
    same = bl.lmm("Yield ~ 1 + (1 | Batch)", data, priors={"sigma": again})
    assert same.digest == made[4].digest


def test_levels_by_other_names_are_another_model():
    data = bl.datasets.load("Dyestuff")
    named = data.assign(Batch=data["Batch"].astype(str).str.lower())
    models = [bl.lmm("Yield ~ 1 + (1 | Batch)", d) for d in (data, named)]
    assert models[0].digest != models[1].digest
    fits = [bl.fit(m, bl.EmpiricalBayes("reml"), seed=1) for m in models]
    assert len(bl.compare_models(dict(zip("ab", fits))).table) == 2


def test_a_name_that_is_no_fit_is_refused(pair):
    with pytest.raises(ValueError, match="models= names typo"):
        bl.compare_models(pair[1], models={"typo": pair[0]["slopes"]})


def test_a_member_that_could_not_be_judged_is_named():
    data = bl.datasets.load("Dyestuff")
    models = [bl.lmm("Yield ~ 1 + (1 | Batch)", data), bl.lmm("Yield ~ 1", data)]
    fits = {
        name: bl.fit(model, bl.EmpiricalBayes("reml", draws=draws), seed=1)
        for name, model, draws in zip(("few", "many"), models, (3, 100))
    }
    told = "few is not to be trusted: it could not be judged (see check)"
    found = bl.compare_models(fits).advice
    assert [line.startswith(told) for line in found].count(True) == 1
    assert not any(line.startswith("many is not") for line in found)
