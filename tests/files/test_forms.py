"""A table is the same however it is written, or the file is refused."""

import bz2
import gzip
import io
import lzma
import os
import threading
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bayeslmm.cli.tables import Form, TableError, read_table_file
from tests.files.written import X, Y, read, refused, text

WANTED = pd.DataFrame({"y": Y, "x": X, "g": ["ä", "b", "c d"] * 8})
CONTENT = text(**WANTED).encode()


def zipped(*names):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, CONTENT)
    return held.getvalue()


def zstd(raw):
    held = pa.BufferOutputStream()
    with pa.CompressedOutputStream(held, "zstd") as stream:
        stream.write(raw)
    return held.getvalue().to_pybytes()


def named(value):
    """Of a test: packed bytes hold the time, and workers must agree on names."""
    return "bytes" if isinstance(value, bytes) else None


QUOTED = b'"' + CONTENT[:-1].replace(b",", b'","').replace(b"\n", b'"\n"') + b'"'
SAME = {  # other ways to write the same table
    "upper case": ("T.CSV", CONTENT, Form()),
    "gzip": ("t.csv.gz", gzip.compress(CONTENT), Form()),
    "gzip in parts": ("t.csv.gz", gzip.compress(CONTENT[:9]) + gzip.compress(CONTENT[9:]), Form()),
    "bzip2": ("t.csv.bz2", bz2.compress(CONTENT), Form()),
    "xz": ("t.csv.xz", lzma.compress(CONTENT), Form()),
    "zstd": ("t.csv.zst", zstd(CONTENT), Form()),
    "zip": ("t.csv.zip", zipped("t.csv"), Form()),
    "zip of a Mac": ("t.csv.zip", zipped("t.csv", "__MACOSX/._t.csv"), Form()),
    "UTF-8 mark": ("t.csv", b"\xef\xbb\xbf" + CONTENT, Form()),
    "UTF-16": ("t.csv", CONTENT.decode().encode("utf-16"), Form()),
    "UTF-16 big endian": ("t.csv", b"\xfe\xff" + CONTENT.decode().encode("utf-16-be"), Form()),
    "UTF-32": ("t.csv", CONTENT.decode().encode("utf-32"), Form()),
    "Windows": ("t.csv", CONTENT.replace(b"\n", b"\r\n"), Form()),
    "old Mac": ("t.csv", CONTENT.replace(b"\n", b"\r"), Form()),
    "no last line end": ("t.csv", CONTENT[:-1], Form()),
    "blank lines": ("t.csv", b"\n\n" + CONTENT.replace(b"\n", b"\n\n"), Form()),
    "quotes": ("t.csv", QUOTED, Form()),
    "spaces in the header": ("t.csv", CONTENT.replace(b"y,x,g", b" y, x ,g"), Form()),
    "commas at the ends": ("t.csv", CONTENT.replace(b"\n", b",,\n"), Form()),
    "spaces around numbers": ("t.csv", CONTENT.replace(b"\n", b"\n ")[:-1], Form()),
    "tsv": ("t.tsv", CONTENT.replace(b",", b"\t"), Form()),
    "packed tsv": ("t.tsv.gz", gzip.compress(CONTENT.replace(b",", b"\t")), Form()),
    "tsv with commas": ("t.tsv", CONTENT, Form(",")),
    "txt": ("t.txt", CONTENT, Form(",")),
    "no ending": ("t", CONTENT.replace(b",", b"|"), Form("|")),
    "section signs": ("t.csv", CONTENT.replace(b",", "§".encode()), Form("§")),
}  # fmt: skip


@pytest.mark.parametrize("way", list(SAME))
def test_a_table_is_the_same_however_it_is_written(tmp_path, way):
    name, content, form = SAME[way]
    file = read(tmp_path, content, name=name, form=form)
    wanted = WANTED.copy()
    pd.testing.assert_frame_equal(file.data, wanted)
    assert not file.said


def test_a_field_may_be_long_beside_blank_lines(tmp_path):
    file = read(tmp_path, CONTENT.replace(b"c d", b"c" * 200_000, 1) + b"\n\n")
    assert [len(label) for label in file.data["g"][:3]] == [1, 1, 200_000]


REFUSED = [  # a file, options, and what is said of it
    ("t.csv", gzip.compress(CONTENT), [], "is packed by gzip, not text"),
    ("t.csv", zipped("t.csv"), [], "is a zip archive or an Excel file, not text"),
    ("t.csv.gz", CONTENT, [], "is broken, or not packed as .gz says"),
    ("t.csv.gz", gzip.compress(CONTENT)[:60], [], "is broken, or not packed as .gz says"),
    ("t.csv.bz2", bz2.compress(CONTENT)[:60], [], "is broken, or not packed as .bz2 says"),
    ("t.csv.xz", lzma.compress(CONTENT)[:60], [], "is broken, or not packed as .xz says"),
    ("t.csv.zst", zstd(CONTENT)[:60], [], "is broken, or not packed as .zst says"),
    ("t.csv.zip", zipped("a.csv", "b.csv"), [], "it holds 2 files; pack one table alone"),
    ("t.parquet", CONTENT, [], "is no Parquet file"),
    ("t.parquet", b"PAR1PAR1", [], "is no Parquet file"),
    ("t.txt", CONTENT, [], "with --separator text may have any ending"),
    ("t.xlsx", zipped("x"), ["--separator", ","], "is a zip archive or an Excel file"),
    ("t.csv", CONTENT.decode().encode("latin-1"), [], "is not UTF-8 text (byte "),
    ("t.csv", CONTENT.decode().encode("utf-16-le"), [], "holds a NUL byte (line 1)"),
    ("t.csv", CONTENT.replace(b"c d", b"c\0d"), [], "holds a NUL byte (line 4)"),
    ("t.csv", b"\n \n" * 3, [], "no column has a name"),
    ("t.csv", b"y,x,g", [], "is empty: it has 3 columns and no rows"),
    ("t.csv", CONTENT + b"1,2\n", [], "line 26 has fewer fields than the header (2, and 3 names)"),
    ("t.csv", CONTENT + b"1,2,a,b\n", [], "line 26 has more fields than the header (4, and 3"),
    ("t.csv", b"\n" + CONTENT + b"\n1\n", [], "line 28 has fewer fields than the header"),
    ("t.csv", CONTENT + b'1,2,"a\n', [], "a quote that opens is never closed (line 26)"),
    ("t.csv", CONTENT.replace(b"b", b'"b', 1), [], "is broken: EOF inside string"),
    ("t.csv", CONTENT.replace(b"b", b'"say \\"b\\""', 1), [], "is broken: "),
    ("t.csv", CONTENT.replace(b"b", b'"b', 1) + b'1,2,"c\n', [], "is broken: "),
    ("t.csv", CONTENT.replace(b"y,x,g", b"y,,g"), [], "column 2 has no name; name it"),
    ("t.csv", CONTENT.replace(b"y,x,g", b"y,x, x"), [], "the column 'x' stands twice"),
    ("t.csv", CONTENT.replace(b"g", "x\u200b".encode(), 1), [], r"'x' and 'x\u200b' look the same"),
    ("t.csv", CONTENT.replace(b"g", "ｘ".encode(), 1), [], r"'x' and '\uff58' look the same"),
    ("t.csv", b"# made by a program\n" + CONTENT, [], "line 1 is '# made by a program'"),
    ("t.csv", b"# " + CONTENT, [], "the first line begins with '# y'"),
    ("t.csv", b"Growth of plants\n" + CONTENT, [], "line 1 is 'Growth of plants'"),
    ("t.csv", b"Growth of plants,,\n" + CONTENT, [], "the first line of a table names its columns"),
    ("t.csv", b"sep=;\n" + CONTENT.replace(b",", b";"), ["--separator", ";"], "line 1 is 'sep='"),
    ("t.csv", b"sep=;\ny;x\n1;2\n", ["--separator", ";"], "the first line begins with 'sep='"),
    ("t.csv", b"5.1,3.5,1.4\n4.9,3,1.4\n", [], "the first line holds numbers, 5.1, 3.5, 1.4"),
    ("t.csv", CONTENT.replace(b"\n", b"\nkg,cm,\n", 1), [], "'kg' in line 2"),
    ("t.csv", CONTENT + b"1,2,Total\n", [], "the last one, is called 'Total' in column 'g'"),
    ("t.csv", CONTENT + b"Sum,2,\n", [], "line 26, the last one, is called 'Sum' in column 'y'"),
    ("t.csv", CONTENT.replace(b",", b";"), [], "separated by semicolons: give --separator ';'"),
    ("t.csv", CONTENT.replace(b",", b"|"), [], "separated by bars: give --separator '|'"),
    ("t.tsv", CONTENT, [], "separated by commas: give --separator ','"),
    ("t.csv", b'"y,x"\n"1,2"\n', [], "each line stands in quotes as a whole"),
    ("t.csv", CONTENT, ["--decimal", "e"], "--decimal is '.' or ',', but is 'e'"),
    ("t.csv", CONTENT, ["--decimal", "5"], "--decimal is '.' or ',', but is '5'"),
    ("t.csv", CONTENT, ["--separator", '"'], "--separator is one character"),
    ("t.csv", CONTENT, ["--separator", "\n"], "--separator is one character"),
    ("t.csv", CONTENT, ["--separator", "1"], "--separator is one character"),
    ("t.csv", CONTENT, ["--separator", "."], "--separator is one character"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "words", "message"), REFUSED, ids=named)
def test_a_file_that_may_be_read_wrongly_is_refused(tmp_path, name, content, words, message):
    assert message in refused(tmp_path, content, "y ~ x + (1 | g)", *words, name=name)


def test_names_of_rows_without_a_name_in_the_header_are_told(tmp_path):
    """R's write.table leaves the header one name short."""
    content = CONTENT.replace(b"\n", b"\n1,").replace(b"y,x,g\n1,", b"y,x,g\n1,")[:-2]
    line = refused(tmp_path, content, "y ~ x")
    assert "line 2 has more fields than the header (4, and 3 names)" in line
    assert "row.names = FALSE" in line


@pytest.mark.parametrize("kind", ["named", "nameless", "descriptor", "parquet", "semicolons"])
def test_a_pipe_is_read_once(tmp_path, kind):
    wanted = WANTED.copy()
    content, form = CONTENT, Form()
    if kind == "parquet":
        content = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(wanted), content)
        content = content.getvalue().to_pybytes()
    if kind == "semicolons":
        content, form = content.replace(b",", b";"), Form(";")
    if kind == "descriptor":
        out, into = os.pipe()
        path = f"/dev/fd/{out}"
    else:
        path = tmp_path / ("t.csv" if kind == "named" else "t")
        os.mkfifo(path)
        into = path

    def write():
        with open(into, "wb") as pipe:
            pipe.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    file = read_table_file(tmp_path / path, form=form)
    writer.join()
    pd.testing.assert_frame_equal(file.data, wanted)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_a_device_is_no_table(tmp_path, path):
    with pytest.raises(TableError, match="is a device, not a table"):
        read_table_file(tmp_path / path)
