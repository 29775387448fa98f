"""What a formula means: each design against matrices made by hand."""

import numpy as np
import pandas as pd
import pytest

from bayeslmm.design import build_design

from .table_for_tests import crossed, dummies


def ones(table):
    return np.ones(len(table))


def by_hand(table):
    """Formulas and the columns of X that they mean."""
    x, z = table.x.to_numpy(), table.z.to_numpy()
    a, b, c = dummies(table.f, ["A", "B", "C"]).T
    i = ones(table)
    return {
        "y ~ x": (("Intercept", "x"), [i, x]),
        "y ~ 0 + x": (("x",), [x]),
        "y ~ x - 1": (("x",), [x]),
        "y~x+z": (("Intercept", "x", "z"), [i, x, z]),
        "y ~ f": (("Intercept", "f[B]", "f[C]"), [i, b, c]),
        "y ~ 0 + f": (("f[A]", "f[B]", "f[C]"), [a, b, c]),
        "y ~ x * z": (("Intercept", "x", "z", "x:z"), [i, x, z, x * z]),
        "y ~ x:z + x": (("Intercept", "x", "x:z"), [i, x, x * z]),
        "y ~ (x + z)**2 - z": (("Intercept", "x", "x:z"), [i, x, x * z]),
        "y ~ f * x": (
            ("Intercept", "f[B]", "f[C]", "x", "f[B]:x", "f[C]:x"),
            [i, b, c, x, b * x, c * x],
        ),
        "y ~ f / x": (
            ("Intercept", "f[B]", "f[C]", "f[A]:x", "f[B]:x", "f[C]:x"),
            [i, b, c, a * x, b * x, c * x],
        ),
        "y ~ I(x**2)": (("Intercept", "I(x**2)"), [i, x**2]),
        "y ~ I(-x**2)": (("Intercept", "I(-x**2)"), [i, -(x**2)]),
        "y ~ {x - z * 2}": (("Intercept", "{x - z * 2}"), [i, x - 2 * z]),
        "y ~ I((x + z) * 2)": (("Intercept", "I((x + z) * 2)"), [i, (x + z) * 2]),
        "y ~ I(x + z*2)": (("Intercept", "I(x + z*2)"), [i, x + 2 * z]),
        "y ~ np.exp(x)": (("Intercept", "np.exp(x)"), [i, np.exp(x)]),
        "y ~ exp(x) + abs(z)": (("Intercept", "exp(x)", "abs(z)"), [i, np.exp(x), abs(z)]),
        "y ~ I(-(x > 0.5))": (("Intercept", "I(-(x > 0.5))"), [i, -1.0 * (x > 0.5)]),
        "y ~ I(x > 0.5)": (("Intercept", "I(x > 0.5)"), [i, x > 0.5]),
        "y ~ I(f == 'B')": (("Intercept", "I(f == 'B')"), [i, b]),
        "y ~ center(x)": (("Intercept", "center(x)"), [i, x - x.mean()]),
        "y ~ scale(x)": (("Intercept", "scale(x)"), [i, (x - x.mean()) / x.std()]),
        "y ~ T(f, 'B')": (("Intercept", "T(f, 'B')[A]", "T(f, 'B')[C]"), [i, a, c]),
        "y ~ S(f)": (("Intercept", "S(f)[A]", "S(f)[B]"), [i, a - c, b - c]),
        "y ~ C(f, Sum)": (("Intercept", "C(f, Sum)[A]", "C(f, Sum)[B]"), [i, a - c, b - c]),
        "y ~ C(C(f), Sum)": (
            ("Intercept", "C(C(f), Sum)[A]", "C(C(f), Sum)[B]"),
            [i, a - c, b - c],
        ),
        "y ~ 0 + S(f)": (("S(f)[mean]", "S(f)[A]", "S(f)[B]"), [i, a - c, b - c]),
        "y ~ I(f == 'B'):x": (("Intercept", "I(f == 'B'):x"), [i, b * x]),
        "y ~ binary(f, 'C')": (("Intercept", "binary(f, 'C')"), [i, c]),
        "y ~ x + x + x:x": (("Intercept", "x"), [i, x]),
        "y\n ~\n x\n + z": (("Intercept", "x", "z"), [i, x, z]),
    }


@pytest.mark.parametrize("formula", list(by_hand(crossed())))
def test_a_formula_means_the_columns_that_one_makes_by_hand(formula):
    table = crossed()
    names, columns = by_hand(table)[formula]
    design = build_design(formula, table)
    assert design.fixed == names
    np.testing.assert_allclose(design.X, np.column_stack(columns), atol=1e-12)
    assert design.X.flags.c_contiguous
    assert design.X.dtype == np.float64


def test_nothing_but_random_effects_leaves_no_fixed_column():
    design = build_design("y ~ 0 + (1 | g)", crossed())
    assert design.X.shape == (24, 0)
    assert design.fixed == ()


def test_no_random_effect_leaves_a_linear_model():
    design = build_design("y ~ x", crossed())
    assert design.groups == ()
    assert design.noise_sd is None
    np.testing.assert_array_equal(design.weights, np.ones(24))
    np.testing.assert_array_equal(design.rows, np.arange(24))


def test_a_dot_is_every_column_that_is_not_response_group_or_weight():
    table = crossed().assign(w=2.0)
    design = build_design("y ~ . - f - flag + (1 | g)", table, weights="w")
    assert design.fixed == ("Intercept", "x", "z", "h")


def test_a_dot_interacts_like_a_sum_of_columns():
    table = crossed()[["y", "x", "z"]]
    assert build_design("y ~ .**2", table).fixed == ("Intercept", "x", "z", "x:z")


def test_a_column_with_an_odd_name_stands_in_backticks():
    table = crossed().rename(columns={"x": "my col (cm)", "g": "the group"})
    design = build_design("y ~ `my col (cm)` + (`my col (cm)` | `the group`)", table)
    assert design.fixed == ("Intercept", "my col (cm)")
    assert design.groups[0].name == "the group"


def test_a_dotted_column_name_is_a_column_not_an_attribute():
    table = crossed().rename(columns={"x": "Sepal.Length"})
    assert build_design("y ~ Sepal.Length", table).fixed == ("Intercept", "Sepal.Length")


@pytest.mark.parametrize(
    ("formula", "name", "truth"),
    [
        ("np.exp(y) ~ x", "np.exp(y)", np.exp),
        ("exp( y ) ~ x", "exp( y )", np.exp),
        ("y / 2 ~ x", "y / 2", lambda y: y / 2),
        ("I(y**2) ~ x", "I(y**2)", lambda y: y**2),
    ],
)
def test_a_transformed_response_keeps_the_name_it_was_written_with(formula, name, truth):
    table = crossed()
    design = build_design(formula, table)
    assert design.response == name
    np.testing.assert_allclose(design.y, truth(table.y.to_numpy()))


def test_offsets_in_the_formula_and_beside_it_add_up():
    table = crossed()
    design = build_design("y ~ x + offset(exp(z)) + offset(2 * x)", table, offset="h")
    np.testing.assert_allclose(design.offset, np.exp(table.z) + 2 * table.x + table.h)
    assert design.fixed == ("Intercept", "x")


def test_a_boolean_is_a_number_zero_or_one():
    table = crossed()
    design = build_design("y ~ flag", table)
    assert design.fixed == ("Intercept", "flag")
    np.testing.assert_array_equal(design.X[:, 1], table.flag.to_numpy(float))


def test_a_categorical_keeps_its_order_and_loses_its_unused_levels():
    table = crossed()
    table["f"] = pd.Categorical(table.f, ["unused", "C", "A", "B"])
    assert build_design("y ~ f", table).fixed == ("Intercept", "f[A]", "f[B]")


def test_a_categorical_of_numbers_is_categorical():
    table = crossed()
    table["h"] = pd.Categorical(table.h)
    assert build_design("y ~ h", table).fixed == ("Intercept", "h[4]", "h[10]", "h[30]")


def test_numbers_become_categories_by_request():
    assert build_design("y ~ C(h)", crossed()).fixed == (
        "Intercept",
        "C(h)[4]",
        "C(h)[10]",
        "C(h)[30]",
    )


def test_whole_numbers_that_become_categories_stay_whole():
    assert build_design("y ~ C(-h)", crossed()).fixed[1:] == (
        "C(-h)[-10]",
        "C(-h)[-4]",
        "C(-h)[-2]",
    )
    assert build_design("y ~ C(h / 4)", crossed()).fixed[1:3] == ("C(h / 4)[1.0]", "C(h / 4)[2.5]")


def test_a_spline_interacts_like_any_other_columns():
    table = crossed()
    basis = build_design("y ~ 0 + bs(x, df=3)", table).X
    design = build_design("y ~ 0 + bs(x, df=3):z", table)
    np.testing.assert_array_equal(design.X, basis * table[["z"]].to_numpy())
    assert design.fixed == ("bs(x, df=3)[0]:z", "bs(x, df=3)[1]:z", "bs(x, df=3)[2]:z")


def test_one_and_one_point_zero_are_one_number():
    assert build_design("y ~ I(x + 1) + I(x+1.0)", crossed()).fixed == ("Intercept", "I(x + 1)")


def test_two_expressions_that_differ_by_parentheses_are_two_columns():
    table = crossed()
    design = build_design("y ~ I((x + z) * x) + I(x + z * x)", table)
    np.testing.assert_allclose(design.X[:, 1], (table.x + table.z) * table.x)
    np.testing.assert_allclose(design.X[:, 2], table.x + table.z * table.x)


def test_a_thousand_terms_are_no_deeper_than_two():
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(size=(20, 1500)), columns=[f"v{j}" for j in range(1500)])
    table["y"] = rng.normal(size=20)
    formula = "y ~ " + " + ".join(f"v{j}" for j in range(1500))
    assert build_design(formula, table, check_rank=False).X.shape == (20, 1501)
