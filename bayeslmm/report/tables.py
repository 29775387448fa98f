"""The tables of the page: engines side by side, what they found, and what the data are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model import Model
from ..scalars import ESS_PER_CHAIN, INTERVAL, KINDS, RHAT_LIMIT, Scalar
from .show import NONE, count, interval, number, seconds
from .view import View


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
    """Rows under one heading."""

    title: str
    rows: list[Row]


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
        names: dict[str, None] = {}
        for found in view.scalars.values():
            names |= dict.fromkeys(s.name for s in found if s.kind == kind)
        rows = []
        for name in names:
            cells: list[Cell] = []
            for engine, found in view.scalars.items():
                scalar = next((s for s in found if s.kind == kind and s.name == name), None)
                cells += _cells(scalar, len(heads[engine]), chains(view.trees[engine]))
            rows.append(Row(name, cells))
        if rows:
            sections.append(Section(kind.title, rows))
    return sections


def _cells(scalar: Scalar | None, width: int, chains: int) -> list[Cell]:
    if scalar is None:
        return [Cell(NONE, first=True), *[Cell(NONE)] * (width - 1)]
    s = scalar
    cells = [
        Cell(number(s.mean, s.sd), first=True),
        Cell(number(s.sd, s.sd)),
        Cell(interval(s.lower, s.upper, s.sd)),
        Cell(f"{s.rhat:.3f}" if np.isfinite(s.rhat) else NONE, s.rhat > RHAT_LIMIT),
        Cell(count(s.ess), s.ess < ESS_PER_CHAIN * chains),
    ]
    return cells[:width]


def chains(tree: Any) -> int:
    """Number of chains of a result."""
    return int(tree["posterior"].sizes.get("chain", 1))


def engines(view: View) -> list[Row]:
    """How each engine ran, one row a fact; facts that no engine has are left out."""
    facts: dict[str, list[Cell]] = {}
    each = [_facts(tree, view.scalars[name]) for name, tree in view.trees.items()]
    for names in each:
        for name in names:
            facts.setdefault(name, [])
    for name in facts:
        facts[name] = [found.get(name, Cell(NONE)) for found in each]
    facts["seed"] = facts.pop("seed")  # the last
    return [Row(name, cells) for name, cells in facts.items()]


def _facts(tree: Any, found: list[Scalar]) -> dict[str, Cell]:
    attrs, posterior = tree.attrs, tree["posterior"].dataset
    sizes = posterior.sizes
    # The engine has looked at its own coordinates too; the worst of all counts.
    rhats = [*(s.rhat for s in found), float(attrs.get("rhat_max", np.nan))]
    sizes_ = [*(s.ess for s in found), float(attrs.get("ess_min", np.nan))]
    rhat, ess = ([v for v in values if np.isfinite(v)] for values in (rhats, sizes_))
    facts = {
        "algorithm": Cell(str(attrs.get("options", attrs.get("engine", NONE)))),
        "draws": Cell(f"{sizes['chain']} x {sizes['draw']:,}"),
        "time": Cell(seconds(float(attrs.get("seconds", np.nan)))),
    }
    if rhat:
        worst = max(rhat)
        facts[f"largest R-hat (limit {RHAT_LIMIT})"] = Cell(f"{worst:.3f}", worst > RHAT_LIMIT)
    if ess:
        limit = ESS_PER_CHAIN * sizes["chain"]
        facts[f"smallest ESS (limit {limit:,})"] = Cell(count(min(ess)), min(ess) < limit)
    if "sample_stats" in tree and "diverging" in tree["sample_stats"]:
        bad = int(tree["sample_stats"]["diverging"].values.sum())
        facts["divergences (limit 0)"] = Cell(str(bad), bad > 0)
    if "log_marginal" in attrs:
        name = f"log marginal likelihood ({attrs.get('criterion', 'evidence')})"
        facts[name] = Cell(f"{float(attrs['log_marginal']):.4f}")
    if "log_evidence" in attrs:
        facts["log evidence"] = Cell(f"{float(attrs['log_evidence']):.3f}")
    if tree["posterior"].attrs.get("fixed"):
        facts["plugged in, not drawn"] = Cell(str(tree["posterior"].attrs["fixed"]))
    message = str(attrs.get("message", ""))
    if message:
        facts["message"] = Cell(message, message != "converged")
    facts["seed"] = Cell(str(attrs.get("seed", NONE)))
    return facts


def data_summary(model: Model) -> list[tuple[str, str]]:
    """The data in a few lines."""
    d = model.design
    sd = float(np.std(d.y, ddof=1)) if d.y.size > 1 else np.nan
    low, mean, high = (number(float(f(d.y)), sd) for f in (np.min, np.mean, np.max))
    lines = [
        ("rows", f"{d.y.size:,}"),
        ("rows dropped", f"{d.dropped.size:,}"),
        (f"response {d.response}", f"mean {mean}, sd {number(sd, sd)}, {low} to {high}"),
    ]
    for term in model.terms:
        size = np.bincount(term.grouping.codes, minlength=term.shape[0])
        span = (
            f"{size.min():,}" if size.min() == size.max() else f"{size.min():,} to {size.max():,}"
        )
        effects = ", ".join(term.grouping.effects)
        lines.append(
            (
                f"groups {term.name}",
                f"{term.shape[0]:,} levels, {span} rows each; effects: {effects}",
            )
        )
    extras = {
        "offset": bool(d.offset.any()),
        "weights": bool((d.weights != 1.0).any()),
        "known noise": d.noise_sd is not None,
        "frequency": bool((d.frequency != 1.0).any()),
    }
    given = [name for name, is_given in extras.items() if is_given]
    return [*lines, ("also given", ", ".join(given))] if given else lines
