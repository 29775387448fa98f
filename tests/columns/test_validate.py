"""What cannot be fitted is refused before any work, and named."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl
from bayeslmm.columns import (
    expand,
    read_given,
    refuse_many_responses,
    refuse_too_large,
    select,
    validate,
)
from bayeslmm.columns.validate import equal_columns
from bayeslmm.design import build_design

RNG = np.random.default_rng(6)


def frame(**changes):
    data = pd.DataFrame(RNG.normal(size=(5, 3)), columns=["a", "b", "c"], index=list("pqrst"))
    return data.assign(**changes)


def read(values):
    return read_given(values, "term 'x'")


def refused(block, match, **options):
    with pytest.raises(bl.DesignError, match=match):
        validate(block, **options)


def test_a_good_block_passes():
    validate(read(frame()), 5)
    validate(expand(bl.kernels.gaussian(1.0), RNG.normal(size=30)), 30, constant=True)


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (np.nan, r"column 'b' of term 'x' is missing in 1 row: r; fill or drop"),
        (np.inf, r"column 'b' of term 'x' is infinite in 1 row: r;"),
    ],
)
def test_an_entry_that_is_not_finite_is_named(bad, match):
    data = frame()
    data.loc["r", "b"] = bad
    with pytest.raises(bl.DesignError, match=match):
        read(data)
    with pytest.raises(bl.DesignError, match=r"column '1' .* in 1 row: 2;"):
        read(data.to_numpy())
    with pytest.raises(bl.DesignError, match=r"column 'b' of .* in the new rows is .* row: r"):
        read(frame()).encode(data)


def test_several_columns_that_are_not_finite_are_counted():
    values = np.full((3, 4), np.nan)
    with pytest.raises(bl.DesignError, match=r"3 rows: 0, 1, 2, and 3 more columns;"):
        read(values)


def test_a_gap_of_a_nullable_column_is_missing():
    with pytest.raises(bl.DesignError, match=r"'b' .*missing in 1 row: q"):
        read(frame(b=pd.array([1, None, 3, 4, 5], dtype="Int64")))


def test_text_is_named():
    with pytest.raises(bl.DesignError, match=r"'b' holds text .* 'oops' in row r"):
        read(frame(b=["1", "2", "oops", "4", "5"]))
    with pytest.raises(bl.DesignError, match=r"real numbers, got text"):
        read(np.array([["a", "b"]]))


def test_a_kernel_of_strings_is_refused():
    kernel = bl.kernels.gaussian(3.0)
    for x in (["u", "v"], pd.Series(["u", "v"], dtype=object), np.array([["u"], ["v"]])):
        with pytest.raises(bl.DesignError, match=r"input x of gaussian\(width=3\).*(text|objects)"):
            expand(kernel, x)
    with pytest.raises(bl.DesignError, match=r"'word' holds text"):
        expand(kernel, pd.DataFrame({"word": ["u", "v"]}))


def test_a_name_is_no_kernel():
    with pytest.raises(bl.DesignError, match=r"one of bl.kernels or bl.bases.* got 'gaussian'"):
        expand("gaussian", [1.0, 2.0])


def test_a_function_that_is_no_kernel_is_told_what_a_kernel_gives():
    with pytest.raises(bl.DesignError, match=r"shape \(3, 3\).* got float64 of shape \(3, 1\)"):
        expand(lambda x, z: x, [0.0, 1.0, 2.0])


def test_zero_columns_are_refused_everywhere():
    for options in ({}, {"constant": True, "duplicates": True}):
        refused(read(frame(b=0.0)), r"column 'b' of .* zero in every row", **options)


def test_a_constant_column_is_refused_beside_an_intercept():
    refused(read(frame(b=3.0)), r"column 'b' .* one value in every row.*intercept.*drop it")
    validate(read(frame(b=3.0)), constant=True)
    refused(read(frame(b=3.0, c=1.0)), r"columns 'b', 'c' .*one such column", constant=True)


def test_constant_means_constant_to_rounding():
    refused(read(frame(b=1e8 + 1e-8 * np.arange(5))), r"column 'b'")
    validate(read(frame(b=1e8 + 1e-6 * np.arange(5))))


def test_equal_columns_are_named_in_pairs():
    data = frame()
    data["d"], data["e"] = data["a"], data["c"]
    refused(read(data), r"equal in every row: 'a' and 'd', 'c' and 'e'; drop all but one")
    validate(read(data), duplicates=True)


def test_a_column_and_its_negative_are_two():
    data = frame()
    data["d"] = -data["a"]
    validate(read(data))


def test_zero_and_minus_zero_are_equal():
    refused(read({"a": [0.0, 1.0, 2.0], "b": [-0.0, 1.0, 2.0]}), r"'a' and 'b'")


def test_equal_columns_are_found_among_five_thousand():
    matrix = RNG.normal(size=(40, 5000))
    matrix[:, 4999], matrix[:, 700], matrix[:, 701] = matrix[:, 3], matrix[:, 256], matrix[:, 256]
    assert equal_columns(matrix) == [(256, 700), (256, 701), (3, 4999)]
    assert equal_columns(np.asfortranarray(matrix)) == equal_columns(matrix)


def test_columns_of_few_values_are_told_apart():
    """Markers 0, 1, 2: every pair compared directly."""
    matrix = RNG.integers(0, 3, size=(6, 300)).astype(float)
    direct = {
        j: next((i for i in range(j) if (matrix[:, i] == matrix[:, j]).all()), None)
        for j in range(300)
    }
    expected = [(i, j) for j, i in direct.items() if i is not None]
    assert len(expected) > 30
    assert equal_columns(matrix) == expected


def test_a_kernel_too_wide_to_tell_rows_apart_says_so():
    block = expand(bl.kernels.gaussian(1e12), [0.0, 1.0, 2.0])
    refused(
        block,
        r"'bias', '0', '1', '2' .*gaussian\(width=1e\+12\).*; choose another width",
        constant=True,
    )
    step = expand(lambda x, z: (x >= np.floor(z.T)) + 0.0, [0.0, 1.0, 1.5, 3.0])
    refused(step, r"'1' and '2'; choose another width", constant=True)


def test_a_kernel_that_overflows_is_named():
    with pytest.raises(bl.DesignError, match=r"'1' of poly.* in 1 row: 1; .*scale x"):
        expand(bl.kernels.polynomial(20), [1.0, 1e10])
    with pytest.raises(bl.DesignError, match=r"'x\^2' of .* in the new rows is .*scale x"):
        expand(bl.bases.polynomial(2), [1.0, 2.0]).encode([1e200])


def test_rows_are_those_of_the_response():
    refused(read(frame()), r"5 rows, but the response has 6", n=6)


def test_a_block_has_columns():
    refused(read(np.empty((5, 0))), r"there are no columns; give at least one", n=5)
    refused(select(build_design("y ~ 1", {"y": [1.0, 2.0]})), r"y ~ 1: there are no columns")


def test_a_block_has_two_dimensions():
    with pytest.raises(bl.DesignError, match=r"got shape \(4,\); write \[:, None\] for one column"):
        read(np.ones(4))
    with pytest.raises(bl.DesignError, match=r"rows and columns, got shape \(2, 2, 2\)"):
        read(np.ones((2, 2, 2)))


def test_a_sparse_matrix_is_told_how_to_come():
    from scipy.sparse import eye_array

    with pytest.raises(bl.DesignError, match=r"call .toarray\(\)"):
        read(eye_array(3))


def test_two_columns_of_one_name_are_refused():
    data = frame()
    data.columns = ["a", "b", "a"]
    with pytest.raises(bl.DesignError, match=r"2 columns called 'a'"):
        read(data)
    with pytest.raises(bl.DesignError, match=r"called 'k'; rename"):
        read_given(np.eye(3), "X", names=["k", "m", "k"])
    with pytest.raises(bl.DesignError, match=r"2 names were given for the 3 columns"):
        read_given(np.eye(3), "X", names=["k", "m"])


def test_new_rows_have_the_fitted_columns():
    block = read(frame())
    with pytest.raises(bl.DesignError, match=r"lacks the columns 'b'; it has 'a', 'c'"):
        block.encode(frame()[["a", "c"]])
    with pytest.raises(bl.DesignError, match=r"3 columns as the fitted had, got shape \(5, 2\)"):
        block.encode(np.ones((5, 2)))
    with pytest.raises(bl.DesignError, match=r"\[None, :\] for one row"):
        block.encode(np.ones(3))
    with pytest.raises(bl.DesignError, match=r"got text"):
        expand(bl.kernels.gaussian(1.0), [0.0, 1.0]).encode(["u"])


def test_one_response():
    refuse_many_responses(np.ones(4))
    with pytest.raises(bl.DesignError, match=r"bl.rvm takes one response.* got shape \(4, 2\)"):
        refuse_many_responses(np.ones((4, 2)))
    with pytest.raises(bl.DesignError, match=r"bl.lasso takes one .* write y\[:, 0\]"):
        refuse_many_responses(np.ones((4, 1)), "bl.lasso")


def test_what_cannot_fit_is_told_in_gigabytes_before_it_is_made():
    x = np.arange(1_000_000.0)
    with pytest.raises(bl.DesignError, match=r"1,000,000 rows x 1,000,000 columns.*48,000 GB, but"):
        expand(bl.kernels.gaussian(3.0), x)
    with pytest.raises(bl.DesignError, match=r"polynomial\(degree=12\).*; lower the degree"):
        expand(bl.bases.polynomial(12), np.ones((100, 50)))
    need = 8.0 * 3 * (500 * 5000 + 500 * 500)
    refuse_too_large(500, 5000, "X", there=lambda: need)
    with pytest.raises(bl.DesignError, match=r"X: 500 rows x 5,000 columns need 3 matrices"):
        refuse_too_large(500, 5000, "X", there=lambda: need - 1.0)
    refuse_too_large(500, 5000, "X", there=lambda: None)  # the system does not tell
