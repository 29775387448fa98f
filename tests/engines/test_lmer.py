"""Empirical Bayes reproduces lme4: 22 fits by REML and ML, pinned in tests/references."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl

REFERENCES = Path(__file__).parents[1] / "references"


def polynomial(column):
    """Orthogonal polynomial contrasts, as R codes an ordered factor."""
    levels = np.unique(column)
    basis = np.linalg.qr(np.vander(np.arange(levels.size), increasing=True))[0][:, 1:]
    return basis[np.searchsorted(levels, column)]


def declare(fit):
    """The model of one reference fit."""
    data, formula = fit["data"], fit["formula"]
    table = bl.datasets.load("cake" if data == "cake_temp" else data)
    if data != "cake":
        return bl.lmm(formula, table)
    # lme4 read temperature as an ordered factor; the REML criterion depends on that coding.
    recipe = pd.get_dummies(table["recipe"], drop_first=True).to_numpy(float)
    degree = polynomial(table["temperature"].to_numpy())
    both = [recipe[:, [i]] * degree for i in range(2)]
    X = np.column_stack([np.ones(len(table)), recipe, degree, *both])
    group = table["recipe"] + ":" + table["replicate"].astype(str)
    return bl.lmm(table["angle"].to_numpy(), X, groups={"cell": group})


def published(fit):
    """sd and correlations in lme4's order of factors, by (factor, effects)."""
    found = {}
    for row in fit["varcorr"]:
        if row["grp"] != "Residual":
            group = row["grp"].removesuffix(".1")
            effects = tuple(
                "Intercept" if row[v] == "(Intercept)" else row[v]
                for v in ("var1", "var2")
                if row.get(v)
            )
            found[frozenset(group.split(":")), effects] = row["sdcor"]
    return found


@pytest.fixture(scope="module")
def fits(lmer_truth):
    """Every reference fit beside ours."""
    found = []
    for fit in lmer_truth:
        model = declare(fit)
        criterion = "reml" if fit["REML"] else "ml"
        found.append((fit, model, bl.fit(model, bl.EmpiricalBayes(criterion, draws=10), seed=1)))
    return found


def test_the_criterion_is_lme4s_to_1e_4(fits):
    for fit, _, tree in fits:
        assert abs(-2 * tree.attrs["log_marginal"] - fit["crit"]) < 1e-4, fit["formula"]
        assert tree.attrs["converged"] == 1


def test_standard_deviations_and_correlations_are_lme4s_to_1e_3(fits):
    for fit, model, tree in fits:
        if fit["data"] == "cake":
            continue  # coded by hand above: its factor has another name
        posterior = tree["posterior"].isel(chain=0, draw=0)
        assert posterior["sigma"] == pytest.approx(fit["sigma"], rel=1e-3)
        ours = {}
        for term in model.groups:
            key, effects = frozenset(term.name.split(":")), term.grouping.effects
            for i, effect in enumerate(effects):
                ours[key, (effect,)] = float(posterior[f"sd_{term.name}"][i])
                for j in range(i):
                    if term.correlated:
                        value = posterior[f"corr_{term.name}"][j, i]
                        ours[key, (effects[j], effect)] = float(value)
        for key, value in published(fit).items():
            assert ours[key] == pytest.approx(value, rel=1e-3, abs=1e-5), (fit["formula"], key)


def test_fixed_effects_and_their_standard_errors_are_lme4s(fits):
    for fit, _, tree in fits:
        table = bl.fixef(tree)
        if not fit["REML"] or fit["data"] == "cake":
            continue
        np.testing.assert_allclose(table["mean"], list(fit["beta"].values()), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(table["sd"], list(fit["se"].values()), rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
        ("Dyestuff", "Yield ~ 1 + (1 | Batch)"),
        ("Penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)"),
    ],
)
def test_conditional_modes_are_lme4s_to_a_thousandth_of_a_residual_sd(name, formula):
    reference = pd.read_csv(REFERENCES / f"truth_ranef_{name}_REML.csv")
    model = bl.lmm(formula, bl.datasets.load(name))
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=10), seed=1)
    tables = bl.ranef(tree)
    sigma = float(tree["posterior"]["sigma"][0, 0])
    for row in reference.itertuples():
        table = tables[row.grpvar]
        level = type(table.index[0][0])(row.grp)
        effect = "Intercept" if row.term == "(Intercept)" else row.term
        assert abs(table.loc[(level, effect), "mean"] - row.condval) < 1e-3 * sigma


def test_conditional_sds_given_beta_are_lme4s():
    reference = pd.read_csv(REFERENCES / "truth_ranef_sleepstudy_REML.csv")
    model = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    best = bl.engines.maximise.maximise(model, "reml").theta
    own = model.solver("reml").condition(*model.roots(best)).effects_own_cov
    ours = np.sqrt(np.diagonal(own, axis1=1, axis2=2)).T.ravel()
    np.testing.assert_allclose(ours, reference.sort_values(["term", "grp"])["condsd"], rtol=1e-4)


def test_a_variance_of_zero_is_found_told_and_has_no_standard_error():
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff2"))
    tree = bl.fit(model, bl.EmpiricalBayes("reml", draws=10), seed=1)
    table = bl.varcorr(tree)
    assert table.loc["sd_Batch", "estimate"] == 0.0
    assert np.isnan(table.loc["sd_Batch", "se"])
    assert (
        "sd_Batch is at zero: the data do not support this random effect" in tree.attrs["message"]
    )
    assert np.all(tree["posterior"]["u_Batch"].values == 0.0)
