"""Text that is mostly numbers was read wrongly: it is refused with what to do."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayeslmm.cli.tables import Form
from bayeslmm.design import DesignError, build_design
from tests.files.written import X, Y, read, refused, text

WRITTEN = {  # entries of a column, and what is said of them
    "decimal commas": (["0,5", "1", "1,5"], "numbers with a decimal comma", "--decimal ','"),
    "comma exponents": (["1,5e3", "2,5e3", "3"], "with a decimal comma", "--decimal ','"),
    "bare commas": ([",5", "1,5", "2"], "with a decimal comma", "--decimal ','"),
    "thousands": (["1,250", "999.5", "2,500"], "commas between the thousands", "take the marks"),
    "millions": (["1,250,000", "1,250", "5"], "commas between the thousands", "take the marks"),
    "cents": (["1,250.50", "1,250", "5"], "commas between the thousands", "take the marks"),
    "either": (["1,250", "2,500", "5"], "thousands or before decimals", "for thousands, take the"),
    "German": (["1.250,5", "250,5", "1"], "decimal commas, and points between", "take the marks"),
    "both": (["1,5", "1.5", "2"], "decimal commas and with points", "write them alike"),
    "spaces": (["1 250", "2 500", "5"], "in groups of three", "take the marks between"),
    "narrow spaces": (["1\u202f250", "2\u00a0500", "5"], "in groups of three", "take the marks"),
    "apostrophes": (["1'250", "2'500", "5"], "in groups of three", "take the marks between"),
    "percent": (["5%", "7.5 %", "8%"], "percent signs", "write plain numbers"),
    "currency": (["$5", "$7.5", "8"], "signs of a currency", "write plain numbers"),
    "euros": (["5 €", "7,50 €", "8 €"], "signs of a currency", "write plain numbers"),
    "units": (["12 kg", "13 kg", "14"], "with their unit", "take the unit out"),
    "units without space": (["5mg", "10mg", "20mg"], "with their unit", "take the unit out"),
    "minus": (["−3", "−4.5", "5"], "a minus sign that is no hyphen", "write plain numbers"),
    "unseen": (["\u00a03", "4\u200b", "\u200b5"], "characters that are not seen", "write plain"),
    "full width": (["１", "２", "３"], "digits of other scripts", "write plain numbers"),
    "Arabic": (["٣", "٤", "٥"], "digits of other scripts", "write plain numbers"),
    "underscores": (["1_0", "2_0", "3_0"], "underscores or digits", "write plain numbers"),
    "Fortran": (["1d3", "2.5D-03", "3"], "exponents that are written d", "write plain numbers"),
    "hexadecimal": (["0x1F", "0x2F", "0x3F"], "digits of base 16", "write plain numbers"),
    "accounts": (["(5)", "6", "7"], "brackets, stars or quotes", "write plain numbers"),
    "stars": (["0.5*", "0.7**", "0.9"], "brackets, stars or quotes", "write plain numbers"),
    "limits": (["<0.5", "0.7", "0.9"], "numbers with < or > ('<0.5')", "put a number in"),
    "mostly limits": (["<0.5", ">9", "0.9"], "numbers with < or >", "take these rows out"),
    "degrees": (["12°C", "13 °C", "14"], "with their unit", "take the unit out"),
    "a word": (["low", "0.7", "0.9"], "not numbers: 'low' in", "correct these entries"),
    "of Excel": (["#DIV/0!", "0.7", "0.9"], "not numbers: '#DIV/0!' in", "correct these entries"),
    "of SAS": ([".", "0.7", "0.9"], "not numbers: '.' in", "correct these entries"),
    "dates": (["2020-01-01", "2020-01-02", "2021-03-01"], "dates or times", "days since"),
    "times of Excel": (
        ["1/2/2020 12:30", "2/2/2020 1:30", "3/2/2020 9:05:10"],
        "dates or times",
        "days since",
    ),
    "days of SAS": (["01JAN2020", "2-Feb-20", "Mar 3, 2020"], "dates or times", "days since"),
    "clocks": (["12:30", "1:20 PM", "00:01:15.25"], "dates or times", "days since the first"),
    "days": (["1.2.2020", "13.2.2020", "14.2.2020"], "dates or times", "days since the first"),
}
PYTHON = {"--decimal ','": "decimal=','", "correct these entries": "pandas.to_numeric"}


@pytest.mark.parametrize("way", list(WRITTEN))
def test_text_that_is_mostly_numbers_is_refused_with_what_to_do(tmp_path, way):
    """By one rule for a file and for tables of any kind; C(x) still makes categories of it."""
    entries, told, advice = WRITTEN[way]
    column = entries * 8
    line = refused(tmp_path, text("\t", y=Y, x=column), "y ~ x", "--separator", "tab")
    assert told in line
    assert advice in line
    assert "write C(x) or give --group x" in line
    for table in (
        {"y": Y, "x": column},
        pd.DataFrame({"y": Y, "x": column}),
        pl.DataFrame({"y": Y, "x": column}),
        pa.table({"y": Y, "x": column}),
    ):
        with pytest.raises(DesignError) as error:
            build_design("y ~ x", table)
        assert told in str(error.value)
        assert PYTHON.get(advice, advice) in str(error.value)
        assert "--" not in str(error.value)
        assert len(build_design("y ~ C(x)", table).fixed) == len(set(entries))
    file = read(tmp_path, text("\t", y=Y, x=column), "y ~ C(x)", form=Form("\t"))
    assert len(build_design("y ~ C(x)", file.data).fixed) == len(set(entries))


@pytest.mark.parametrize("way", ["decimal commas", "percent", "units"])
@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["x ~ z"], "x"),
        (["z ~ log(x)"], "x"),
        (["y ~ z", "--weights", "x"], "x"),
        (["y ~ z + offset(x)"], "x"),
        (["y ~ z", "--term", "ridge: x"], "x"),
        (["--model", "ppca", "--components", "1"], "x"),
    ],
)
def test_wherever_numbers_belong_the_same_is_said(tmp_path, way, words, name):
    entries, told, advice = WRITTEN[way]
    line = refused(tmp_path, text(";", y=Y, z=X, x=entries * 8), *words, "--separator", ";")
    assert f"'{name}'" in line
    assert told in line
    assert advice in line


@pytest.mark.parametrize(
    "entries",
    [
        ["18-25", "26-35", "65+"],
        ["<18", ">=18", "65+"],
        ["<18", "18-65", ">65"],
        ["5'UTR", "3'UTR", "CDS"],
        ["5'", "3'", "3'"],
        ["Jan-20", "Feb-20", "2020-03"],
        ["1a", "1b", "2a"],
        ["1st", "2nd", "3rd"],
        ["v1", "v2", "v3"],
        ["1/2", "1/3", "2/3"],
        ["10", "low", "high"],
        ["A,1", "B,2", "C,3"],
        ["yes", "no", "?"],
    ],
)
def test_levels_that_hold_digits_are_levels(tmp_path, entries):
    file = read(tmp_path, text(";", y=Y, x=entries * 8), "y ~ x", form=Form(";"))
    assert len(build_design("y ~ x", file.data).fixed) == len(set(entries))


def test_points_under_a_decimal_comma_are_said(tmp_path):
    content = text(";", y=[str(v).replace(".", ",") for v in Y], x=["1.250", "250", "3.750"] * 8)
    line = refused(tmp_path, content, "y ~ x", "--separator", ";", "--decimal", ",")
    assert "column 'x' has points, but --decimal says ','" in line
