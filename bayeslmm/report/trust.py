"""Can it be trusted? What `check` found, engine by engine, for the top of the page."""

from dataclasses import dataclass

from ..criticism.check import BOUNDARY, Check
from ..engines.advice import advice
from ..engines.endings import remark
from .view import View


@dataclass(frozen=True)
class Trust:
    """What to think of one engine's answer."""

    engine: str
    verdict: str
    level: str  # good, fair or bad: what the mark beside the verdict says
    failed: tuple[Check, ...]
    rows: tuple[Check, ...]
    message: str = ""  # what the engine itself had to say, where that is more

    @property
    def mark(self) -> str:
        """The level without colour."""
        return {"good": "✓", "fair": "!", "bad": "✗"}[self.level]


def trust(view: View) -> list[Trust]:
    """One verdict an engine, in the order of the page."""
    found = []
    for engine, checks in view.checks.items():
        words = checks.verdict[:1].upper() + checks.verdict[1:] + "."
        failed = [row for row in checks.rows if not row.ok]
        level = "fair" if failed else "good"
        level = level if checks.trusted else "bad"
        told = remark(view.trees[engine].attrs)
        if {row.name for row in failed} - {BOUNDARY}:
            told = "; ".join(advice(view.model))
        elif told:
            failed = []  # the engine says the same, parameter by parameter
        found.append(Trust(engine, words, level, tuple(failed), checks.rows, told))
    return found
