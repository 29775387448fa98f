"""The tables of the page: engines side by side, how they ran and what they found."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..engines.convergence import ESS_PER_CHAIN, RHAT
from ..results.estimates import INTERVAL
from ..results.scalars import KINDS, Scalar, chains
from ..results.show import NONE, count, interval, label, number, seconds
from .columns import MOST, BlockTables
from .view import View

MANY, FEW, ALL = 30, 20, 1000  # rows of a section: from when it is folded, shown, and at most
FURTHEST = "the furthest from zero in units of their sd"
INCLUDED = "●"  # beside the mean of a column that is included


@dataclass(frozen=True)
class Cell:
    """A text, whether it lies beyond a limit, and whether an engine's columns start with it."""

    text: str
    bad: bool = False
    first: bool = False

    @property
    def style(self) -> str:
        """Its CSS classes."""
        return " ".join(name for name in ("bad", "first") if getattr(self, name))


@dataclass(frozen=True)
class Row:
    """A name and what each engine says of it."""

    name: str
    cells: list[Cell]


@dataclass(frozen=True)
class Section:
    """Rows under one heading; where there are many, a few of them, and all to unfold."""

    title: str
    rows: list[Row]
    whole: list[Row] = field(default_factory=list)
    total: int = 0
    told: str = ""  # which rows are shown


def columns(view: View) -> dict[str, list[str]]:
    """Engine -> the columns of its part of the table."""
    span = f"{INTERVAL.split()[0]} interval"
    return {
        engine: ["mean", "sd", span, *(["R-hat", "ESS"] if chained(found) else [])]
        for engine, found in view.scalars.items()
    }


def chained(found: list[Scalar]) -> bool:
    """Whether an engine's draws have an effective sample size."""
    return any(np.isfinite(s.ess) for s in found)


def estimates(view: View) -> list[Section]:
    """All numbers of all engines, by kind."""
    heads, sections = columns(view), []
    for kind in KINDS:
        by_engine = {
            engine: {s.name: s for s in found if s.kind == kind}
            for engine, found in view.scalars.items()
        }
        names = list(dict.fromkeys(name for found in by_engine.values() for name in found))
        rows = []
        for name in names[:ALL]:
            cells: list[Cell] = []
            for engine, found in by_engine.items():
                cells += numbers_of(found.get(name), len(heads[engine]), chains(view.trees[engine]))
            rows.append(Row(name, cells))
        if len(rows) > MANY:
            every = [s for found in by_engine.values() for s in found.values()]
            listed = set(names[:ALL])
            few = furthest([s for s in every if s.name in listed])
            shown = [row for row in rows if row.name in few]
            text = f"{len(shown)} of {len(names):,}, {told(every)}"
            sections.append(Section(kind.title, shown, rows, len(names), text))
        elif rows:
            sections.append(Section(kind.title, rows))
        if kind == KINDS[0]:
            sections += [_block(view, found) for found in view.columns.values()]
    return sections


def _block(view: View, found: BlockTables) -> Section:
    """The coefficients of a block of columns, the included ones marked."""
    heads = columns(view)
    by_engine = {e: view.coefficients[found.name].get(e, []) for e in view.trees}
    rows = []
    for i, j in enumerate(found.order[: found.listed]):
        cells: list[Cell] = []
        for engine, own in by_engine.items():
            scalar = own[i] if own else None
            numbers = numbers_of(scalar, len(heads[engine]), chains(view.trees[engine]))
            if scalar is not None and found.tables[engine]["included"].iloc[j]:
                numbers[0] = replace(numbers[0], text=f"{INCLUDED} {numbers[0].text}")
            cells += numbers
        rows.append(Row(found.block.labels[j], cells))
    whole = rows if len(rows) > MOST else []
    return Section(found.title, rows[:MOST], whole, found.order.size, found.told)


def furthest(found: list[Scalar]) -> set[str]:
    """Of many numbers those whose mean is most sds from zero, by the engine that says so."""
    most: dict[str, float] = {}
    for s in found:
        most[s.name] = max(most.get(s.name, -np.inf), _distance(s))
    return set(sorted(most, key=lambda name: most[name], reverse=True)[:FEW])


def told(found: list[Scalar]) -> str:
    """Which of many numbers are shown, in words."""
    return FURTHEST if any(s.sd > 0.0 for s in found) else "the largest"


def _distance(scalar: Scalar) -> float:
    """How many sds the mean is from zero; less than any where there is no sd, by its size."""
    if scalar.sd > 0.0:
        return abs(scalar.mean) / scalar.sd
    return -1.0 / (abs(scalar.mean) + 1e-300)


def numbers_of(scalar: Scalar | None, width: int, chains: int = 0) -> list[Cell]:
    """Mean, sd, interval and how the chains mixed, a dash for what there is not."""
    if scalar is None:
        return [Cell(NONE, first=True), *[Cell(NONE)] * (width - 1)]
    s = scalar
    if s.mean == 0.0 and s.sd == 0.0:  # a column that was left out
        return [Cell("0", first=True), *[Cell(NONE)] * (width - 1)]
    cells = [
        Cell(number(s.mean, s.sd), first=True),
        Cell(number(s.sd, s.sd)),
        Cell(interval(s.lower, s.upper, s.sd)),
        Cell(f"{s.rhat:.3f}" if np.isfinite(s.rhat) else NONE, s.rhat > RHAT),
        Cell(count(s.ess), s.ess < ESS_PER_CHAIN * chains),
    ]
    return cells[:width]


def engines(view: View) -> list[Row]:
    """How each engine ran, one row a fact; facts that no engine has are left out."""
    facts: dict[str, list[Cell]] = {}
    each = [_facts(tree) for tree in view.trees.values()]
    for names in each:
        for name in names:
            facts.setdefault(name, [])
    for name in facts:
        facts[name] = [found.get(name, Cell(NONE)) for found in each]
    facts["seed"] = facts.pop("seed")  # the last
    return [Row(name, cells) for name, cells in facts.items()]


def _facts(tree: Any) -> dict[str, Cell]:
    attrs, sizes = tree.attrs, tree["posterior"].sizes
    facts = {
        "algorithm": Cell(str(attrs.get("options", attrs.get("engine", NONE)))),
        "draws": Cell(_draws(tree, sizes["chain"], sizes["draw"])),
        "time": Cell(seconds(float(attrs.get("seconds", np.nan)))),
    }
    if "log_marginal" in attrs:
        name = f"log marginal likelihood ({attrs.get('criterion', 'evidence')})"
        facts[name] = Cell(f"{float(attrs['log_marginal']):.4f}")
    if "log_evidence" in attrs:
        facts["log evidence"] = Cell(f"{float(attrs['log_evidence']):.3f}")
    for name in attrs:
        if str(name).startswith("lam") and f"{name}_se" in attrs and f"{name}_error" in attrs:
            value, se, error = (float(attrs[f"{name}{end}"]) for end in ("", "_se", "_error"))
            told = f"{number(value, se)}, se {number(se, se)}, its own Monte Carlo {number(error)}"
            facts[f"{label(name)} at its maximum"] = Cell(told)
    if tree["posterior"].attrs.get("fixed"):
        facts["plugged in, not drawn"] = Cell(str(tree["posterior"].attrs["fixed"]))
    facts["seed"] = Cell(str(attrs.get("seed", NONE)))
    return facts


def _draws(tree: Any, count: int, draws: int) -> str:
    """How many, and of what kind."""
    if "effective_draws" in tree.attrs:
        worth = float(tree.attrs["effective_draws"])
        return f"{count * draws:,}, resampled by importance, worth {worth:,.0f}"
    if chains(tree):
        return f"{count} chain{'s' if count > 1 else ''} x {draws:,}"
    return f"{count * draws:,}, independent"
