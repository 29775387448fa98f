"""The numbers of one result as plain text, in columns, and whether they can be trusted."""

from typing import Any

from ..criticism.check import check
from ..design.visible import visible
from ..engines.endings import remark
from ..results.estimates import INTERVAL, NUMBERS
from ..results.scalars import KINDS, Scalar, scalars
from ..results.selected import block_names, selected
from ..results.show import label
from .tables import FEW, INCLUDED, MANY, chained, furthest, numbers_of, told

COLUMNS = 10  # of one block


def terminal(tree: Any) -> str:
    """Fixed effects, variance parameters and how the engine ran, for a terminal.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> print(terminal(eb).splitlines()[2])
    Intercept  1527.5  19.4  1489.5 to 1565.5
    """
    found = scalars(tree)
    head = ["mean", "sd", INTERVAL.split()[0] + " interval"]
    head += ["R-hat", "ESS"] if chained(found) else []
    lines: list[list[str]] = [["", *head]]
    for kind in KINDS:
        own = [s for s in found if s.kind == kind]
        lines += [[f"{kind.title}{_of_many(own)}"]] if own else []
        few = furthest(own)
        shown = [s for s in own if len(own) <= MANY or s.name in few]
        lines += [[visible(s.name), *_texts(s, len(head))] for s in shown]
        if kind == KINDS[0]:
            for name in block_names(tree):
                lines += _block(tree, name, len(head))
    return "\n".join(align(lines))


def _of_many(found: list[Scalar]) -> str:
    """How many of how many are shown, where there are many."""
    return f" ({FEW} of {len(found):,}, {told(found)})" if len(found) > MANY else ""


def _block(tree: Any, name: str, width: int) -> list[list[str]]:
    """The surest columns of a block, and how many are included."""
    table = selected(tree, name)
    counted = f"{int(table['included'].sum()):,} of {len(table):,} columns included, {INCLUDED}"
    lines = [[f"Coefficients of {visible(name)} ({counted})"]]
    shown = table[table["sd"] > 0.0].head(COLUMNS)
    for each, *numbers, included in shown[[*NUMBERS, "included"]].itertuples():
        mean, *rest = _texts(Scalar(str(each), KINDS[0], *numbers), 3)
        mark = f"{INCLUDED} " if included else ""
        lines.append([label(each, 40), mark + mean, *rest, *[""] * (width - 3)])
    return lines


def _texts(scalar: Scalar, width: int) -> list[str]:
    return [cell.text for cell in numbers_of(scalar, width)]


def align(lines: list[list[str]]) -> list[str]:
    """First column to the left, the others to the right; a line of one cell is a heading."""
    wide = [line for line in lines if len(line) > 1]
    widths = [max(len(line[i]) for line in wide) for i in range(len(wide[0]))]
    out = []
    for line in lines:
        if len(line) == 1:
            out.append(line[0])
            continue
        cells = [line[0].ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)]
        out.append("  ".join(cells).rstrip())
    return out


def verdict(tree: Any) -> list[str]:
    """Whether a fit can be trusted, for a terminal, and what to do where a check fails.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> print(verdict(bl.fit(m, bl.CAVI(), seed=1))[0])
    Verdict: not to be trusted.
    """
    found = check(tree)
    lines = [f"Verdict: {found.verdict}."]
    for row in found.rows:
        if not row.ok:
            wanted = f", should be {row.limit}" if row.limit else ""
            lines.append(f"  {row.name}: {row.value}{wanted}; {row.advice}")
    if told := remark(tree.attrs):
        lines.append(f"Note: {told}")
    return [visible(line) for line in lines]
