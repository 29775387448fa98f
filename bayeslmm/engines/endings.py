"""How a run ended, and what is to be thought of it: enums whose values are what is said.

Code asks for a member, never for its words. A message is what was said part after part, so that
what only says that all is well can be left out where more is to be said.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Ending(StrEnum):
    """How an algorithm came to its end."""

    CONVERGED = "converged"
    EXACT = "all variances are fixed: every draw is exact and independent"
    FLAT = (
        "not converged: the criterion is flat or too ill-conditioned around its maximum; centre "
        "and rescale the predictors, simplify the random effects, or use NUTS"
    )


class Verdict(StrEnum):
    """Whether draws can be trusted."""

    TRUSTED = "to be trusted"
    CORRECTABLE = "to be trusted after importance resampling"
    UNTRUSTED = "not to be trusted"

    @classmethod
    def _missing_(cls, value: object) -> "Verdict":
        return cls.UNTRUSTED  # another's words


class Loose(StrEnum):
    """Why a maximum does not determine a parameter."""

    BOUNDARY = "at the boundary"
    FLAT = "not determined"
    EXACT = "no maximum: y is fitted exactly"


class Message(str):
    """What is said, and of which parts it was made."""

    parts: tuple[str, ...]

    def __new__(cls, *parts: str) -> "Message":
        """The parts, one after another."""
        made = super().__new__(cls, "; ".join(str(part) for part in parts))
        made.parts = parts
        return made


def joined(*said: str) -> Message:
    """All of it, without what only says that all is well; that where nothing else is said."""
    each = (s.parts if isinstance(s, Message) else (s,) for s in said)
    parts = [part for own in each for part in own]
    told = [p for p in parts if p is not Ending.CONVERGED and p is not Verdict.TRUSTED]
    return Message(*(told or [Ending.CONVERGED]))


def remark(attrs: Mapping[str, Any]) -> str:
    """A fit's message; nothing where it begins with its verdict, which stands beside it."""
    said, verdict = str(attrs.get("message", "")), attrs.get("verdict") or Ending.CONVERGED
    return "" if said.startswith((str(verdict), Ending.CONVERGED.value)) else said
