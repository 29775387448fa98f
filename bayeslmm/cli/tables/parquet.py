"""A table in Parquet: every column as it stands, those of an index included."""

from pathlib import Path
from typing import Any

from .form import TableError


def read_parquet(path: Path, raw: bytes) -> Any:
    """A pyarrow.Table.

    Raises
    ------
    TableError
        Where the file is none of Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # `read_table` minds names that stand twice
        table = pq.ParquetFile(pa.BufferReader(raw)).read()
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path} is no Parquet file: {str(error).splitlines()[0]}") from None
    return _categories_again(table)


def _categories_again(table: Any) -> Any:
    """Columns that were categorical in pandas, whose numbers Parquet keeps as mere numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for told in (table.schema.pandas_metadata or {}).get("columns", ()):
        place = table.schema.get_field_index(told.get("field_name") or "")
        if told.get("pandas_type") != "categorical" or place < 0:
            continue
        column = table.column(place).combine_chunks()
        if pa.types.is_primitive(column.type):
            levels = pc.unique(column).drop_null().sort()
            codes = pc.index_in(column, value_set=levels, skip_nulls=True)
            column = pa.DictionaryArray.from_arrays(codes, levels)
            table = table.set_column(place, table.schema.names[place], column)
    return table


def plain(name: str, column: Any) -> Any:
    """A column as a pandas Series, whole numbers with gaps exact."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type) and column.null_count:
        ends = pc.min_max(column).as_py()
        large = max(abs(ends["min"] or 0), abs(ends["max"] or 0)) >= 2**53
        return column.to_pandas(integer_object_nulls=large)
    return column.to_pandas()


def labels(name: str, column: Any) -> Any:
    """A column as labels in text, each number as it is; dates as they show.

    Raises
    ------
    TableError
        Where it holds lists and the like, or bytes that are no text.
    """
    import pandas as pd
    import pyarrow as pa

    from ...design.column import read_column
    from ...design.levels import level_texts

    if pa.types.is_dictionary(column.type):
        if _is_text(column.type.value_type):
            return column.to_pandas()  # labels already, in their order
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        raise TableError(f"column {name!r} holds values of the kind {column.type}, not labels")
    if _is_bytes(column.type):
        column = _as_text(name, column)
    series = column.to_pandas(integer_object_nulls=True)
    if pa.types.is_temporal(column.type) or isinstance(column.type, pa.BaseExtensionType):
        return series.map(str, na_action="ignore")
    told = read_column(name, series, pd.RangeIndex(len(series)), "the labels of column")
    found = pd.Series([None] * len(series), dtype=object)
    found[~told.missing] = level_texts(told.take(~told.missing), "the column")
    return found.astype("category")


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    of = pa.types
    return bool(
        of.is_binary(kind)
        or of.is_large_binary(kind)
        or of.is_fixed_size_binary(kind)
        or of.is_binary_view(kind)
    )


def _as_text(name: str, column: Any) -> Any:
    """Bytes as the text that they are, for Parquet may keep it so."""
    import pyarrow as pa

    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        raise TableError(f"column {name!r} holds bytes that are no text in UTF-8") from None
