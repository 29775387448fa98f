"""Names of a result never meet the user's; what is refused has a way out that works."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.design import DesignError, build_design, names

from .table_for_tests import crossed

RNG = np.random.default_rng(3)
EB = bl.EmpiricalBayes("reml", draws=30)


@pytest.mark.parametrize("name", names.RESPONSE)
def test_a_response_with_a_name_of_the_result_is_refused_with_a_way_out_that_works(name):
    table = crossed().rename(columns={"y": name})
    with pytest.raises(DesignError, match=f"the response '{name}' has the name of a variable"):
        build_design(f"{name} ~ x + (1 | g)", table)
    renamed = table.rename(columns={name: f"{name}_value"})
    assert build_design(f"{name}_value ~ x + (1 | g)", renamed).response == f"{name}_value"


@pytest.mark.parametrize("name", ["g_effect", "sd_g", "u_g", "icc_g", "corr_g", "codes_g"])
def test_a_response_with_a_name_made_of_a_group_is_refused(name):
    with pytest.raises(DesignError, match=f"response '{name}' .* of the grouping factor 'g'"):
        build_design(f"{name} ~ x + (x | g)", crossed().rename(columns={"y": name}))


def test_blocks_take_names_too():
    table, X = crossed(), RNG.normal(size=(24, 3))
    for name, formula in {"t_column": "y ~ x + (1 | t_column)", "u_t": "u_t ~ x"}.items():
        renamed = table.rename(columns={"g" if "|" in formula else "y": name})
        with pytest.raises(DesignError, match=f"'{name}'.*rename"):
            bl.lmm(formula, renamed, terms=[bl.ridge(X, name="t")])
    for name in ("tau", "lam"):
        with pytest.raises(DesignError, match=f"response '{name}'"):
            bl.lasso(f"{name} ~ x + z", table.rename(columns={"y": name}))
        assert bl.lmm(f"{name} ~ x", table.rename(columns={"y": name})).response == name


def test_a_column_called_as_a_parameter_is_refused():
    for name in ("sd_g", "sigma", "sd_t"):
        table = crossed().rename(columns={"z": name})
        with pytest.raises(DesignError, match=f"column '{name}' has the name of a parameter"):
            bl.lmm(f"y ~ {name} + (1 | g)", table, terms=[bl.ridge(table[["x"]], name="t")])


@pytest.mark.parametrize("name", ["step", "parameter"])
def test_a_group_called_as_a_table_of_an_engine_is_refused(name):
    with pytest.raises(DesignError, match=f"'{name}' has the name of a variable or dimension"):
        build_design(f"y ~ x + (1 | {name})", crossed().rename(columns={"g": name}))


def test_a_crossed_factor_and_a_column_of_its_name_are_refused():
    table = crossed().assign(**{"g:h": np.resize(list("pqrs"), 24)})
    with pytest.raises(DesignError, match="would both make the name 'g:h'"):
        build_design("y ~ x + (1 | `g:h`) + (1 | g:h)", table)


@pytest.mark.parametrize("formula", ["`` ~ x + (1 | g)", "y ~ x + (1 | ``)"])
def test_what_has_no_name_is_refused(formula):
    table = crossed().rename(columns={"y" if formula[0] == "`" else "g": ""})
    with pytest.raises(DesignError, match="has no name; rename the column"):
        build_design(formula, table)


@pytest.mark.parametrize("name", ["W", "row", "feature", "component", "sigma", "z"])
def test_a_matrix_with_a_name_of_the_result_is_refused(name):
    with pytest.raises(DesignError, match=f"name='{name}' is a variable or dimension"):
        bl.ppca(RNG.normal(size=(9, 3)), components=1, name=name)


def told(tree):
    """All names of variables and dimensions that a tree holds."""
    sets = [node.dataset for node in tree.children.values()]
    return {str(name) for each in sets for name in (*each.variables, *each.dims)}


def test_trees_use_no_name_that_the_list_does_not_know():
    table, X = crossed(), RNG.normal(size=(24, 3))
    m = bl.lmm("y ~ x + (x | g)", table, terms=[bl.ridge(X, name="t")], weights=table.x**2)
    made = names.of_groups(["g"]) + names.of_blocks(["t"])
    known = {*names.ALWAYS, "X", *(name for _, each in made for name in each)}
    moments = {f"{name}_{what}" for name in known for what in ("mean", "sd")}
    statistics = {"log_weight", "elbo", "rate", "estimate", "se"}
    tree = bl.fit(m, EB, seed=1, posterior_predictive=True, log_likelihood=True)
    assert told(tree) <= known | moments | statistics
    machine = bl.fit(bl.rvm(X, table.y), bl.EmpiricalBayes(draws=30), seed=1)
    made = {*names.ALWAYS, *names.BARE, *names.of_blocks(["w"])[0][1]}
    assert told(machine) <= made | {f"{n}_{w}" for n in made for w in ("mean", "sd")} | statistics
    factors = bl.fit(bl.ppca(X, components=1), bl.EmpiricalBayes("ml", draws=30), seed=1)
    known = {*names.MATRIX, "Y", "parameter"}
    assert told(factors) <= known | {f"{n}_{w}" for n in known for w in ("mean", "sd")} | statistics


def test_a_basis_of_an_input_called_bias_has_another_name_for_its_own():
    x = pd.DataFrame({"bias": RNG.normal(size=12), "gain": RNG.normal(size=12)})
    m = bl.rvm(x, x["gain"] + RNG.normal(size=12), kernel=bl.bases.polynomial(1))
    assert m.blocks[0].labels[0] == "bias_"
    assert len(set(m.blocks[0].labels)) == len(m.blocks[0].labels)


CELLS = pd.DataFrame(
    {
        "y": RNG.normal(size=48),
        "x": RNG.normal(size=48),
        "g": np.repeat(list("abcdef"), 8),
        "a": np.tile(list("pqrp"), 12),
        "b": np.tile(list("uuvv"), 12),
    }
)


@pytest.mark.parametrize(
    ("formula", "followed"),
    [
        ("y ~ a * b + (1 | g)", "y ~ a_b + (1 | g)"),
        ("y ~ a * S(b)", "y ~ a_b"),
        ("y ~ a:C(b)", "y ~ a_b"),
        ("y ~ a * b * x", "y ~ a_b * x"),
        ("y ~ x + (0 + a:b | g)", "y ~ x + (0 + a_b | g)"),
    ],
)
def test_cells_without_rows_are_named_and_the_advice_can_be_followed(formula, followed):
    advice = (
        r"no row has a = 'q' and b = 'v' \(1 more such cell\).*table\['a_b'\] = "
        r"table\['a'\].astype\(str\) \+ ':' \+ table\['b'\].astype\(str\), and write a_b"
    )
    with pytest.raises(DesignError, match=advice):
        build_design(formula, CELLS)
    table = CELLS.assign(a_b=CELLS["a"].astype(str) + ":" + CELLS["b"].astype(str))
    design = build_design(followed, table)
    matrix = design.groups[0].Z if "0 + a_b" in followed else design.X
    cells = pd.get_dummies(table["a_b"]).to_numpy(float)
    both = np.hstack([matrix, cells])  # every cell that occurs has a mean of its own
    assert np.linalg.matrix_rank(matrix) == np.linalg.matrix_rank(both) == matrix.shape[1]


def test_models_that_shrink_name_cells_without_rows_too():
    with pytest.raises(DesignError, match="no row has a = 'q' and b = 'v'"):
        bl.lasso("y ~ a * b", CELLS)


def test_a_slope_that_no_row_of_a_level_has_is_named_and_the_advice_can_be_followed():
    dose = np.where(CELLS["a"] == "q", 0.0, CELLS["x"])  # a control group without dose
    table = CELLS.assign(dose=dose)
    advice = (
        r"'a\[q\]:dose' is zero .* drop the term 'a:dose', or .* I\(\(factor == 'level'\) \* x\)"
    )
    with pytest.raises(DesignError, match=advice):
        build_design("y ~ a * dose", table)
    assert len(build_design("y ~ a + dose", table).fixed) == 4
    one_by_one = build_design("y ~ a + I((a == 'p') * dose) + I((a == 'r') * dose)", table)
    np.testing.assert_array_equal(one_by_one.X[:, 3], dose * (CELLS["a"] == "p"))


def test_of_a_factor_made_of_another_the_term_is_to_be_dropped():
    table = CELLS.assign(whole=CELLS["a"].map({"p": "one", "q": "two", "r": "two"}))
    with pytest.raises(DesignError, match=r"drop one of the terms '(a|whole)', '(a|whole)'"):
        build_design("y ~ a + whole", table)
    assert len(build_design("y ~ a", table).fixed) == 3
