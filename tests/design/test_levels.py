"""A level is a value: it is found by its value in any table, alone or among others, or told new."""

from decimal import Decimal
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayeslmm.design import DesignError, build_design, design_from_arrays

# Ways in which the same labels can come in a table.
BOOLEANS = {
    "list": lambda v: [bool(x) for x in v],
    "numpy": lambda v: np.array(v, bool),
    "objects": lambda v: pd.Series([np.bool_(x) for x in v], dtype=object),
    "nullable": lambda v: pd.array([bool(x) for x in v], dtype="boolean"),
    "category": lambda v: pd.Categorical([bool(x) for x in v], [True, False]),
    "arrow": lambda v: pd.array([bool(x) for x in v], dtype="bool[pyarrow]"),
    "polars": lambda v: pl.Series([bool(x) for x in v]),
}
NUMBERS = {
    "list": list,
    "floats": lambda v: [float(x) for x in v],
    "small": lambda v: np.array(v, np.int8),
    "unsigned": lambda v: np.array(v, np.uint64),
    "nullable": lambda v: pd.array(v, dtype="Int64"),
    "category": lambda v: pd.Categorical(v, [3, 2, 1], ordered=True),
    "category of floats": lambda v: pd.Categorical([float(x) for x in v]),
    "decimals": lambda v: [Decimal(x) for x in v],
    "dictionary": lambda v: pa.array(v).dictionary_encode(),
}
TEXTS = {
    "list": list,
    "numpy": np.array,
    "objects": lambda v: pd.Series(v, dtype=object),
    "string": lambda v: pd.Series(v, dtype="string"),
    "category": lambda v: pd.Categorical(v, list("zcbay")),
    "enum": lambda v: pl.Series(v, dtype=pl.Enum(list("cba"))),
    "dictionary": lambda v: pa.array(v).dictionary_encode(),
}
VALUES = {"booleans": [0, 1, 1, 0] * 6, "numbers": [1, 2, 3, 1] * 6, "texts": list("abca") * 6}
FORMS = [
    (what, forms, *pair)
    for what, forms in (("booleans", BOOLEANS), ("numbers", NUMBERS), ("texts", TEXTS))
    for pair in dict.fromkeys([*product(forms, ["list"]), *product(["list"], forms)])
]


def table(form, values, rows=slice(None)):
    y = np.random.default_rng(0).normal(size=24)
    h = list("uvwxuv") * 4
    return {"y": y[rows], "x": np.arange(24.0)[rows] ** 2, "h": h[rows], "k": form(values[rows])}


@pytest.mark.parametrize(("what", "forms", "fitted", "new"), FORMS)
def test_a_row_has_the_level_that_it_had_whatever_holds_it(what, forms, fitted, new):
    values = VALUES[what]
    for formula in ("y ~ x + C(k)", "y ~ x + k:x + (1 | k:h)", "y ~ 1 + (1 | k)"):
        design = build_design(formula, table(forms[fitted], values))
        for rows in (slice(2, 3), slice(0, 2)):  # alone, and not all levels
            found = design.encoder.encode(table(forms[new], values, rows))
            if ":x" not in formula or {fitted, new} <= set(TEXTS):
                np.testing.assert_array_equal(found.X, design.X[rows])
            for group, known in zip(found.groups, design.groups, strict=True):
                assert group.codes.tolist() == known.codes[rows].tolist()


@pytest.mark.parametrize("kind", [bool, "boolean", "category"])
@pytest.mark.parametrize("new", [[True, False], [1, 0], [1.0, 0.0], [np.bool_(True), False]])
def test_booleans_and_zeros_and_ones_are_the_same_levels(kind, new):
    t = pd.Series([True, False, True, True, False, False]).astype(kind)
    data = pd.DataFrame({"y": [5.0, 1.0, 5.5, 4.5, 1.5, 0.5], "t": t})
    for formula in ("y ~ t", "y ~ C(t)"):
        encoder = build_design(formula, data).encoder
        assert encoder.encode({"t": new}).X[:, 1].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("fitted", "new", "formula"),
    [
        ([True, False, True, True], [2, 0], "y ~ k"),
        ([True, False, True, True], [2, 0], "y ~ C(k)"),
        ([1, 2, 3, 1], [True, False], "y ~ k"),
        ([1, 2, 3, 1], [True, True], "y ~ C(k)"),
        ([1, 2, 3, 1], ["1", "2"], "y ~ C(k)"),
        (["1", "x", "z", "1"], [1, 1], "y ~ k"),
        ([True, False, True, True], ["True", "False"], "y ~ k"),
        ([True, False, True, False], [1, 0], "y ~ 1 + (1 | k)"),
    ],
)
def test_what_is_of_another_kind_is_refused_not_coded(fitted, new, formula):
    design = build_design(formula, {"y": [1.0, 2.0, 4.0, 3.0], "k": fitted})
    with pytest.raises(DesignError, match=r"'k' was .* in the fitted table and is .* here"):
        design.encoder.encode({"k": new})


@pytest.mark.parametrize("formula", ["y ~ k", "y ~ C(k)", "y ~ S(k)", "y ~ x:k", "y ~ x + (0+k|h)"])
def test_a_level_never_seen_is_refused_whatever_codes_it(formula):
    design = build_design(formula, table(list, VALUES["texts"]))
    with pytest.raises(DesignError, match=r"'(k|C.k.|S.k.)' has the level 'q' in 1 row: 1"):
        design.encoder.encode({"x": [1.0, 2.0], "h": ["u", "v"], "k": ["a", "q"]})


def test_a_row_alone_has_the_crossed_group_that_it_has_among_others():
    dose = [0.5, 1.0, 2.0, 1.0] * 6
    whole = table(list, dose)
    design = build_design("y ~ x + (1 | h/k)", whole)
    outer, crossed = design.groups
    assert crossed.levels[crossed.codes[:3]].tolist() == ["u:0.5", "v:1", "w:2"]
    for row in range(24):
        alone = design.encoder.encode({name: [column[row]] for name, column in whole.items()})
        assert [g.codes.tolist() for g in alone.groups] == [
            [outer.codes[row]],
            [crossed.codes[row]],
        ]


def test_a_new_combination_of_known_values_is_new():
    design = build_design("y ~ 1 + (1 | h:k)", table(list, [0.5, 1.0, 2.0, 1.0] * 6))
    (group,) = design.encoder.encode({"h": ["u", "u", "u"], "k": [2, 1, 7.25]}).groups
    assert (group.codes < 0).tolist() == [False, True, True]
    assert group.new_levels.tolist() == ["u:1", "u:7.25"]


BIG = 2**53
GAPS = {  # ways in which 24 identifiers, the first one missing, come in
    "dict of lists": lambda v: v,
    "dict of tuples": tuple,
    "masked": lambda v: np.ma.array([x or 0 for x in v], mask=[x is None for x in v]),
    "objects": lambda v: pd.Series(v, dtype=object),
    "decimals": lambda v: [None if x is None else Decimal(x) for x in v],
    "nullable": lambda v: pd.array(v, dtype="Int64"),
    "arrow": lambda v: pd.array(v, dtype="int64[pyarrow]"),
    "arrow decimals": lambda v: pd.array(
        [None if x is None else Decimal(x) for x in v], dtype=pd.ArrowDtype(pa.decimal128(30))
    ),
    "category": lambda v: pd.Categorical(pd.Series(v, dtype=object)),
    "nullable category": lambda v: pd.Series(pd.array(v, dtype="Int64")).astype("category"),
    "long doubles": lambda v: np.array([np.nan if x is None else x for x in v], np.longdouble),
    "polars": pl.Series,
    "polars wide": lambda v: pl.Series(v, dtype=pl.Int128),
    "pyarrow": pa.array,
    "dictionary": lambda v: pa.array(v).dictionary_encode(),
}


@pytest.mark.parametrize("way", list(GAPS))
def test_identifiers_from_two_to_the_53_on_stay_apart_on_every_road(way):
    ids = [None, *(BIG + i // 4 for i in range(1, 24))]
    y = np.random.default_rng(0).normal(size=24)
    given = GAPS[way](ids)
    tables = [{"y": y, "g": given}]
    if isinstance(given, pl.Series):
        tables += [pl.DataFrame({"y": y, "g": given})]
    if isinstance(given, pa.Array | pa.DictionaryArray):
        tables += [pa.table({"y": y, "g": given}), pa.RecordBatch.from_pydict({"y": y, "g": given})]
    if hasattr(given, "dtype") and not isinstance(given, pl.Series | np.ma.MaskedArray):
        tables += [pd.DataFrame({"y": y, "g": given})]
    wanted = [BIG + i for i in range(6)]
    for each in tables:
        (group,) = build_design("y ~ 1 + (1 | g)", each, missing="drop").groups
        assert group.levels.tolist() == wanted
        fixed = build_design("y ~ C(g)", each, missing="drop").fixed
        assert fixed[1:] == tuple(f"C(g)[{level}]" for level in wanted[1:])
    (group,) = design_from_arrays(y, np.ones((24, 1)), {"g": given}, missing="drop").groups
    assert group.levels.tolist() == wanted


@pytest.mark.parametrize(
    "labels",
    [
        np.array([BIG, BIG + 2.0] * 12),  # who knows what these were
        np.array([2**24, 2**24 + 2] * 12, np.float32),
        pd.Series(np.array([2**24, 2**24 + 2] * 12, np.float32)).astype("category"),
        [Decimal("0.1"), Decimal("0.10000000000000000001")] * 12,
        [-1, 2**64 - 1] * 12,
        [1.5, BIG + 1] * 12,
        [np.float32(0.1), np.float32(0.2)] * 12,
        pd.array([BIG, BIG + 2.0] * 12, dtype="Float64"),
        pd.array([BIG, BIG + 2.0] * 12, dtype="double[pyarrow]"),
        pd.array([0.1, 0.2] * 12, dtype="float[pyarrow]"),
        pd.Categorical([float(BIG), BIG + 2.0] * 12),
        pa.array([float(BIG), BIG + 2.0] * 12).dictionary_encode(),
        np.ma.array([float(BIG), BIG + 2.0] * 12, mask=[False] * 24),
        pl.Series([0.1, 0.2] * 12, dtype=pl.Float32),
        pa.array([Decimal(10) ** 40, Decimal(10) ** 40 + 1] * 12, pa.decimal256(50)),
    ],
)
def test_labels_that_may_have_been_rounded_are_refused(labels):
    y = np.random.default_rng(0).normal(size=24)
    for formula in ("y ~ 1 + (1 | g)", "y ~ C(g)"):
        with pytest.raises(
            DesignError, match="'g' holds labels that passed through floating point"
        ):
            build_design(formula, {"y": y, "g": labels})
    with pytest.raises(DesignError, match="'g' holds labels that passed"):
        design_from_arrays(y, np.ones((24, 1)), {"g": labels})


def test_large_numbers_that_are_no_labels_are_numbers():
    data = table(list, VALUES["texts"]) | {"z": [2.0**60 * i for i in range(24)]}
    assert build_design("y ~ z", data).X[3, 1] == 3 * 2.0**60


def test_a_text_that_ends_in_nul_is_not_taken_for_the_one_without():
    data = {"y": [1.0, 2.0, 4.0, 3.0], "g": ["a", "a\0", "b", "a"]}
    with pytest.raises(DesignError, match=r"'g' holds texts that end in NUL, 'a\\x00'"):
        build_design("y ~ 1 + (1 | g)", data)


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (pd.Categorical([(1, 2), (3, 4)] * 12), "rename_categories"),
        (pd.Series(pd.date_range("2020-01-01", periods=24, tz="UTC")).astype("category"), "dates"),
        ([b"a", b"b"] * 12, r"'bytes', which is neither .* \.map\(str\)"),
        ([True, 2] * 12, "mixes values of the kinds 'bool', 'int'"),
    ],
)
def test_what_cannot_be_a_level_is_refused_with_what_to_do(values, advice):
    y = np.random.default_rng(0).normal(size=24)
    for formula in ("y ~ k", "y ~ 1 + (1 | k)"):
        with pytest.raises(DesignError, match=advice):
            build_design(formula, pd.DataFrame({"y": y, "k": values}))


@pytest.mark.parametrize("gap", [False, True])
def test_intervals_of_cut_are_categories_in_their_order(gap):
    ages = np.r_[np.nan if gap else 0.0, np.arange(1.0, 24.0)]
    cut = pd.cut(ages, [-1, 5, 15, 23])
    y = np.random.default_rng(0).normal(size=24)
    for k in (cut, pd.Series(cut).cat.rename_categories(str)):
        design = build_design("y ~ k", pd.DataFrame({"y": y, "k": k}), missing="drop")
        assert design.fixed[1:] == ("k[(5, 15]]", "k[(15, 23]]")
        assert len(design.y) == 24 - gap
    new = pd.DataFrame({"k": pd.cut([4.0, 20.0], [-1, 5, 15, 23])})
    assert design.encoder.encode(new).X.tolist() == [[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]


def test_a_gap_that_numpy_wrote_as_text_is_no_label():
    data = {"y": [1.0, 2, 4, 3], "g": np.array(["a", np.nan, "b", "a"])}
    with pytest.raises(DesignError, match="'g' of the table holds the text 'nan'"):
        build_design("y ~ 1 + (1 | g)", data)


@pytest.mark.parametrize(
    "nothing", [[None] * 4, np.full(4, np.nan), pd.array([None] * 4, "string")]
)
def test_a_column_of_nothing_is_all_missing(nothing):
    data = pd.DataFrame({"y": [1.0, 2, 4, 3], "x": nothing})
    for formula in ("y ~ x", "y ~ 1 + (1 | x)", "x ~ y"):
        with pytest.raises(DesignError, match="missing values: column 'x' in 4 rows"):
            build_design(formula, data)


def test_a_gap_in_whole_weights_is_a_gap_not_a_zero():
    data = pd.DataFrame({"y": [1.0, 2, 4, 3], "o": pd.array([3, None, 1, 2], dtype="Int64")})
    with pytest.raises(DesignError, match=r"offset \(column 'o'\) in 1 row: 1"):
        build_design("y ~ 1", data, offset="o")
