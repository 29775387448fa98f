"""Every kind of table says the same."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayeslmm.design import DesignError, build_design

from .table_for_tests import crossed

FORMULA = "y ~ x + f + flag + (x | g) + (1 | h)"

KINDS = {
    "dict of arrays": lambda t: {name: t[name].to_numpy() for name in t},
    "dict of lists": lambda t: {name: t[name].tolist() for name in t},
    "dict of series": lambda t: {name: t[name] for name in t},
    "dict of polars series": lambda t: {name: pl.Series(t[name].tolist()) for name in t},
    "structured array": lambda t: np.rec.fromarrays(
        [t[name].to_numpy("U1" if t[name].dtype.kind not in "fib" else None) for name in t],
        names=list(t),
    ),
    "polars": lambda t: pl.DataFrame({name: t[name].tolist() for name in t}),
    "polars categories": lambda t: pl.DataFrame(
        {name: t[name].tolist() for name in t}
    ).with_columns(pl.col("g").cast(pl.Categorical), pl.col("f").cast(pl.Enum(["A", "B", "C"]))),
    "pyarrow": lambda t: pa.table({name: t[name].tolist() for name in t}),
    "pyarrow dictionary": lambda t: pa.table(
        {name: pa.array(t[name].tolist()) for name in t}
        | {"f": pa.array(t.f.tolist()).dictionary_encode()}
    ),
    "nullable pandas": lambda t: t.convert_dtypes(),
    "arrow-backed pandas": lambda t: t.convert_dtypes(dtype_backend="pyarrow"),
    "object columns": lambda t: t.astype(object),
    "categorical pandas": lambda t: t.astype({"f": "category", "g": "category"}),
    "shuffled columns": lambda t: t[list(reversed(t.columns))],
    "float32": lambda t: t.astype({"h": "int16"}),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_table_of_any_kind_gives_the_same_design(kind):
    table = crossed()
    truth, design = build_design(FORMULA, table), build_design(FORMULA, KINDS[kind](table))
    assert design.fixed == truth.fixed
    np.testing.assert_array_equal(design.X, truth.X)
    np.testing.assert_array_equal(design.y, truth.y)
    for got, group in zip(design.groups, truth.groups, strict=True):
        np.testing.assert_array_equal(got.levels, group.levels)
        assert got.levels.dtype.kind == group.levels.dtype.kind
        np.testing.assert_array_equal(got.codes, group.codes)
        np.testing.assert_array_equal(got.Z, group.Z)


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "nullable pandas", "dict of lists"])
def test_gaps_are_gaps_in_any_kind_of_table(kind):
    table = crossed().astype(object)
    for row, name in enumerate(["y", "x", "f", "g", "h", "flag"]):
        table.loc[2 * row, name] = None
    design = build_design(FORMULA, KINDS[kind](table), missing="drop")
    assert design.dropped.tolist() == [0, 2, 4, 6, 8, 10]
    truth = build_design(FORMULA, crossed().drop(index=[0, 2, 4, 6, 8, 10]))
    np.testing.assert_array_equal(design.X, truth.X)
    np.testing.assert_array_equal(design.groups[1].levels, truth.groups[1].levels)


def test_the_order_of_an_enum_is_kept():
    table = pl.DataFrame({"y": [1.0, 2, 4, 3], "f": ["lo", "hi", "lo", "hi"]})
    table = table.with_columns(pl.col("f").cast(pl.Enum(["lo", "hi"])))
    assert build_design("y ~ f", table).fixed == ("Intercept", "f[hi]")


def test_rows_carry_the_labels_of_the_index():
    table = crossed().set_index(["g", "h"], drop=False)
    assert build_design("y ~ x", table).rows[0] == "a, 10"


def test_a_lazy_frame_is_refused_with_what_to_do():
    with pytest.raises(DesignError, match="collect"):
        build_design("y ~ x", pl.LazyFrame({"y": [1.0]}))


def test_the_table_is_left_as_it_was():
    table = crossed()
    before = table.copy()
    build_design(FORMULA, table).y[0] = 99.0
    pd.testing.assert_frame_equal(table, before)


def test_importing_the_package_is_light():
    code = (
        "import sys, bayeslmm; "
        "heavy = ('pandas', 'formulae', 'pymc', 'pytensor', 'arviz', 'nutpie', 'matplotlib'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("engine", ["EmpiricalBayes('reml')", "ImportanceSampling()"])
@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ x"])
def test_a_small_table_is_fitted_without_what_samples_compiles_or_draws(engine, formula):
    """No minute of compiling either: Numba is not even loaded."""
    code = (
        "import sys, numpy as np, bayeslmm as bl\n"
        "rng = np.random.default_rng(0)\n"
        "g, x = np.repeat(np.arange(8), 5), rng.normal(size=40)\n"
        "table = {'y': x + rng.normal(size=8)[g] + rng.normal(size=40), 'x': x, 'g': g}\n"
        f"tree = bl.fit(bl.lmm('{formula}', table), bl.{engine}, seed=1)\n"
        "bl.fixef(tree), bl.varcorr(tree)\n"
        "heavy = 'numba', 'pymc', 'pytensor', 'arviz', 'nutpie', 'matplotlib', 'formulae'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("start", [2**60, 2**63])
@pytest.mark.parametrize("gap", [False, True])
def test_identifiers_above_two_to_the_53_stay_apart(start, gap):
    table = crossed()
    table["g"] = pd.array([start + i // 4 for i in range(24)], dtype="UInt64")
    if gap:
        table.loc[0, "g"] = pd.NA
    (group,) = build_design("y ~ x + (1 | g)", table, missing="drop").groups
    assert group.levels.tolist() == [start + i for i in range(6)]


@pytest.mark.parametrize("new", ["category", "int64", "float64"])
@pytest.mark.parametrize("fitted", ["category", "int64"])
def test_numbers_declared_categories_match_the_same_numbers(fitted, new):
    design = build_design("y ~ h", crossed().astype({"h": fitted}))
    encoded = design.encoder.encode(crossed().astype({"h": new}))
    np.testing.assert_array_equal(encoded.X, design.X)


def test_masked_values_are_gaps():
    table = crossed()
    x = np.ma.array(table.x, mask=np.arange(24) == 3)
    design = build_design("y ~ x", {"y": table.y, "x": x}, missing="drop")
    assert design.dropped.tolist() == [3]
    design = build_design("y ~ z", table, weights=abs(x), missing="drop")
    assert design.dropped.tolist() == [3]


def test_a_design_shows_itself_in_a_line():
    design = build_design("y ~ x + (x | g)", crossed())
    assert repr(design) == (
        "Design('y ~ x + (x | g)', 24 rows, 2 fixed effects, "
        "random effects by g (6 levels: Intercept, x))"
    )
