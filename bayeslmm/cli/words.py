"""Errors of the package in the words of a shell: its options, and the lines of its file.

The package speaks to who calls it from Python. Whoever sits at a shell is told `--missing drop` for
`missing='drop'`, and counts the lines of a file from one: both are put here, and only here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from .tables import TableFile

PHRASES = tuple(
    (re.compile(python), shell)
    for python, shell in (
        (r"pass missing='drop'", "give --missing drop"),
        (r"missing='(\w+)'", r"--missing \1"),
        (
            r"\); convert it with pandas\.to_numeric",
            "); correct these entries, or leave missing ones empty",
        ),
        (r"; convert it with pandas\.to_numeric", "; write it as numbers"),
        (r"(write C\((.*?)\)) or make it a categorical column", r"\1 or give --group \2"),
        (
            r"(reads as a number\)); convert it first, e\.g\. pandas\.to_numeric",
            r"\1; write it as numbers, without --group",
        ),
        (
            r"(; convert it first), e\.g\. pandas\.to_numeric",
            "; correct the file, where a missing entry is an empty one",
        ),
        (r"read the table with decimal=','", "give --decimal ','"),
        (r"; drop (it|them), as in table\.drop\(columns=\[.*?\]\)", ""),
        (
            r"Give it as text, or as whole numbers of one sign: pandas makes floats .*",
            "Write the column into the file as text, or as whole numbers",
        ),
        (r"holds dates or durations; convert it to text", "holds dates; --group reads it as text"),
        (
            r"convert it to text, in a categorical column with .*? else with \.map\(str\)",
            "--group reads it as text",
        ),
        (r"\bnoise_sd=", "--noise-sd "),
        (r"\b(weights|offset|frequency)=(?!\w)", r"--\1 "),
        (r"(--[a-z-]+) (?=[,;.]| )", r"\1"),
        (r"(rename the column), e\.g\. table\.rename\(.*?\}\)", r"\1"),
        (r", or an unnamed PyMC distribution such as pm\.\S+\)", ""),
        (r"\bpm\.(\w+)\.dist\(", r"\1("),
        (r"add bl\.ard\(columns\) to bl\.lmm\(.*?\]\)", "give --model lmm --term 'ard: columns'"),
        (r"\bbl\.(lmm|lasso|rvm|ppca)\b(?!\()", r"--model \1"),
        (r"\bwith ard=True\b", "with --ard"),
        (r"\b(for|under) ard=True\b", r"\1 --ard"),
        (r"\bfull_rank=True\b", "--full-rank"),
        (r"(?<!\()\bmarginal=True\b", "--marginal"),
        (r"\bpriors=(?!\{)", "--prior"),
        (r"\bpriors=\{'([^']+)': (['\"]?)([^'\"}]*)\2\}", r"--prior '\1=\3'"),
        (r"\bEmpiricalBayes\('(\w+)'\)", r"--engine eb --criterion \1"),
        (r"\bADVI\(marginal=True\)", "--engine advi --marginal"),
        (r"\bEmpiricalBayes\(\)", "--engine eb"),
        (r"\bEmpiricalBayes\b(?!\()", "--engine eb"),
        (r"\b(?:ImportanceSampling|NUTS|Gibbs|ADVI|CAVI|EmpiricalBayes)\((\w+)=\.\.\.\)", r"--\1"),
        (r"\bImportanceSampling\(\)", "--engine is"),
        (r"\bNUTS\(\)", "--engine nuts"),
        (r"\bADVI\(\)", "--engine advi"),
        (r"\bCAVI\(\)", "--engine cavi"),
        (r"\bGibbs\(\)", "--engine gibbs"),
    )
)
ROWS = re.compile(r"\b(\d+) rows?: (\d+(?:, \d+)*)")
ROW = re.compile(r"\bin row (\d+)\b")


def of_the_shell(text: str) -> str:
    """What Python is told to do, as the options that do it."""
    for python, shell in PHRASES:
        text = python.sub(shell, text)
    return text


@contextmanager
def of_the_file(file: TableFile) -> Iterator[None]:
    """Errors of a design name rows of a file as its lines, and how its columns were read."""
    try:
        yield
    except ValueError as error:
        text = _with_places(str(error), file)
        notes = [note.text for note in file.of_columns if f"'{note.column}'" in text]
        notes += file.notes if "is not a column" in text else ()
        raise ValueError("; ".join([text, *notes])) from None


def _with_places(text: str, file: TableFile) -> str:
    def rows(found: re.Match[str]) -> str:
        places = ", ".join(str(file.place(int(row))) for row in found[2].split(", "))
        return f"{found[1]} {file.row}{'s' * (found[1] != '1')}: {places}"

    text = ROWS.sub(rows, text)
    return ROW.sub(lambda found: f"in {file.row} {file.place(int(found[1]))}", text)
