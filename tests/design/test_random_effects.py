"""Bars: which effects, which groups, which correlations."""

import numpy as np
import pandas as pd
import pytest

from bayeslmm.design import DesignError, build_design

from .table_for_tests import crossed, dummies

BLOCKS = {
    "(1 | g)": (("Intercept",), ((0,),)),
    "(x | g)": (("Intercept", "x"), ((0, 1),)),
    "(1 + x | g)": (("Intercept", "x"), ((0, 1),)),
    "(x || g)": (("Intercept", "x"), ((0,), (1,))),
    "(1 | g) + (0 + x | g)": (("Intercept", "x"), ((0,), (1,))),
    "(0 + x | g)": (("x",), ((0,),)),
    "(0 + x + z | g) + (1 | g)": (("x", "z", "Intercept"), ((0, 1), (2,))),
    "(f | g)": (("Intercept", "f[B]", "f[C]"), ((0, 1, 2),)),
    "(f || g)": (("Intercept", "f[B]", "f[C]"), ((0,), (1,), (2,))),
    "(0 + f | g)": (("f[A]", "f[B]", "f[C]"), ((0, 1, 2),)),
    "(scale(x) | g)": (("Intercept", "scale(x)"), ((0, 1),)),
    "(x*z|g)": (("Intercept", "x", "z", "x:z"), ((0, 1, 2, 3),)),
}


@pytest.mark.parametrize("bar", list(BLOCKS))
def test_a_bar_names_its_effects_and_says_which_are_correlated(bar):
    (group,) = build_design(f"y ~ x + {bar}", crossed()).groups
    assert (group.effects, group.blocks) == BLOCKS[bar]
    assert group.Z.shape == (24, len(group.effects))
    assert group.Z.flags.c_contiguous


def test_effects_are_the_columns_that_one_makes_by_hand():
    table = crossed()
    (group,) = build_design("y ~ 1 + (0 + f + x | g)", table).groups
    truth = np.column_stack([dummies(table.f, ["A", "B", "C"]), table.x])
    np.testing.assert_array_equal(group.Z, truth)


@pytest.mark.parametrize("values", [[7, 3, 7, 5, 3, 5], list("dcdbcb"), [1.5, 0.5, 1.5, 2, 0.5, 2]])
def test_levels_are_sorted_and_codes_point_at_them(values):
    table = pd.DataFrame({"y": np.arange(6.0), "g": values})
    (group,) = build_design("y ~ 1 + (1 | g)", table).groups
    assert group.levels.tolist() == sorted(set(values))
    assert group.levels[group.codes].tolist() == values
    assert group.codes.dtype == np.intp


def test_a_boolean_groups():
    (group,) = build_design("y ~ 1 + (1 | flag)", crossed()).groups
    assert group.levels.tolist() == [False, True]


def test_a_categorical_groups_by_its_sorted_used_levels():
    table = crossed()
    table["g"] = pd.Categorical(table.g, list("zfedcba"))
    (group,) = build_design("y ~ 1 + (1 | g)", table).groups
    assert group.levels.tolist() == list("abcdef")


def test_nesting_is_the_outer_factor_and_the_combinations_that_occur():
    table = crossed().iloc[:-1]
    outer, inner = build_design("y ~ 1 + (x | g/h)", table).groups
    assert (outer.name, inner.name) == ("g", "g:h")
    assert len(inner.levels) == 23
    assert inner.levels[:4].tolist() == ["a:2", "a:4", "a:10", "a:30"]
    made = [f"{g}:{h}" for g, h in zip(table.g, table.h, strict=True)]
    assert inner.levels[inner.codes].tolist() == made
    assert inner.effects == ("Intercept", "x")


def test_three_levels_of_nesting_are_three_factors():
    design = build_design("y ~ 1 + (1 | flag/f/g)", crossed())
    assert [group.name for group in design.groups] == ["flag", "flag:f", "flag:f:g"]


def test_crossed_factors_come_in_the_order_written():
    design = build_design("y ~ x + (1 | h) + (x | g) + (1 | h:g)", crossed())
    assert [group.name for group in design.groups] == ["h", "g", "h:g"]


def test_the_order_of_columns_in_an_interaction_makes_no_second_factor():
    with pytest.raises(DesignError, match="appears twice"):
        build_design("y ~ 1 + (1 | g:h) + (1 | h:g)", crossed())


def test_two_combinations_with_one_label_are_refused():
    table = pd.DataFrame({"y": [1.0, 2, 3], "a": ["p:q", "p", "r"], "b": ["r", "q:r", "s"]})
    with pytest.raises(DesignError, match="'a:b' share the label 'p:q:r'"):
        build_design("y ~ 1 + (1 | a:b)", table)


def test_the_same_effect_twice_on_a_factor_is_refused_with_what_to_write():
    with pytest.raises(DesignError, match=r"'Intercept' appears twice on 'g'.*\(x \|\| g\)"):
        build_design("y ~ x + (1 | g) + (x | g)", crossed())


def test_a_full_set_of_dummies_beside_an_intercept_is_refused():
    with pytest.raises(DesignError, match=r"random effects of 'g'.*f\[.\].*linear combination"):
        build_design("y ~ x + (1 | g) + (0 + f | g)", crossed())


def test_an_effect_that_is_zero_everywhere_is_refused():
    with pytest.raises(DesignError, match="'nil' is zero in every row"):
        build_design("y ~ x + (0 + nil | g)", crossed().assign(nil=0.0))


def test_a_grouping_factor_of_one_level_is_refused_by_name():
    with pytest.raises(DesignError, match="'one' has one level, 'only'"):
        build_design("y ~ x + (1 | one)", crossed().assign(one="only"))


def test_a_grouping_factor_may_be_called_sample_as_in_the_penicillin_data():
    table = crossed().rename(columns={"g": "plate", "h": "sample"})
    design = build_design("y ~ 1 + (1 | plate) + (1 | sample)", table)
    assert [group.name for group in design.groups] == ["plate", "sample"]
