"""Labels and columns of Parquet."""

import io
from decimal import Decimal
from uuid import UUID

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bayeslmm.cli.tables import Roles, TableError, read_table_file
from bayeslmm.design import build_design
from tests.files.written import N, X, Y, levels, refused

BIG = 2**53
IDS = [BIG + i // 4 for i in range(N)]


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (pa.array([None, *IDS[1:]]), [str(BIG + i) for i in range(6)]),
        (pa.array(IDS).dictionary_encode(), [str(BIG + i) for i in range(6)]),
        (pa.array([2**63 + i // 12 for i in range(N)], pa.uint64()), [str(2**63), str(2**63 + 1)]),
        (pa.array([308.0, None, 309.5] * 8), ["308", "309.5"]),
        (pa.array([Decimal("0.1"), Decimal("0.2")] * 12), ["0.1", "0.2"]),
        (pa.array([True, False] * 12), ["False", "True"]),
        (pa.array([b"a", b"b"] * 12), ["a", "b"]),
        (pa.array([b"ab", b"cd"] * 12, pa.binary(2)), ["ab", "cd"]),
        (
            pa.array([bytes(16), b"a" * 16] * 12, pa.uuid()),
            [str(UUID(int=0)), str(UUID(bytes=b"a" * 16))],
        ),
        (pa.array(["NA", "007", None] * 8), ["007", "NA"]),
        (pa.array(["b", "a"] * 12, pa.large_string()), ["a", "b"]),
        (pa.array([18262, 18263] * 12, pa.int32()).cast(pa.date32()), ["2020-01-01", "2020-01-02"]),
    ],
)
def test_labels_of_parquet_are_texts_under_group(tmp_path, column, wanted):
    pq.write_table(pa.table({"y": Y, "x": X, "g": column}), tmp_path / "t.parquet")
    file = read_table_file(tmp_path / "t.parquet", Roles(given=frozenset("g")))
    assert levels(file) == wanted


def test_categories_of_pandas_are_a_factor_still(tmp_path):
    """Parquet keeps them as the numbers that they were, and pandas' remark that they were more."""
    kinds = {"number": [3, 1, None], "text": ["c", "a", None], "large": [BIG + 1, BIG, None]}
    for kind, entries in kinds.items():
        levels_of = pd.Categorical(entries * 8, [v for v in entries if v])
        pd.DataFrame({"y": Y, "x": levels_of}).to_parquet(tmp_path / "t.parquet")
        for group in ((), ("x",)):
            data = read_table_file(tmp_path / "t.parquet", Roles(given=frozenset(group))).data
            found = list(build_design("y ~ x", data, missing="drop").fixed)
            last = "a" if kind == "text" else str(max(entries[:2]))
            assert found == ["Intercept", f"x[{last}]"]


def test_lists_are_no_labels(tmp_path):
    pq.write_table(pa.table({"y": Y, "g": [[1], [2]] * 12}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match=r"'g' holds values of the kind list.*, not labels"):
        read_table_file(tmp_path / "t.parquet", Roles(given=frozenset("g")))


def test_labels_of_parquet_that_may_have_been_rounded_are_refused(tmp_path):
    table = pa.table({"y": Y, "x": X, "g": [float(i) for i in IDS]})
    pq.write_table(table, tmp_path / "t.parquet")
    for group in ((), ("g",)):
        with pytest.raises(ValueError, match="passed through floating point"):
            levels(read_table_file(tmp_path / "t.parquet", Roles(given=frozenset(group))))


def test_a_column_of_nothing_is_missing_and_no_text(tmp_path):
    held = io.BytesIO()
    pq.write_table(pa.table({"y": Y, "x": X, "g": pa.nulls(N)}), held)
    line = refused(tmp_path, held.getvalue(), "y ~ x + g", name="t.parquet")
    assert "missing values: column 'g' in 24 rows: 1, 2, 3" in line


def test_bytes_that_are_no_text_are_no_labels(tmp_path):
    pq.write_table(pa.table({"y": Y, "g": [b"a", b"\xff"] * 12}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match="column 'g' holds bytes that are no text"):
        read_table_file(tmp_path / "t.parquet", Roles(given=frozenset("g")))


def test_two_columns_of_parquet_with_one_name_are_refused(tmp_path):
    held = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(Y)] * 3, names=["y", "x", "x"]), held)
    line = refused(tmp_path, held.getvalue(), "y ~ x", name="t.parquet")
    assert "the column 'x' stands twice" in line
