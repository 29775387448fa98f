"""One thing that `check` looked at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name, value, limit : str
        What was looked at, what was found (and where), and what it should be; the limit is empty
        where a value is only told.
    ok : bool
    advice : str
        What to do where it is not.
    """

    name: str
    value: str
    limit: str = ""
    ok: bool = True
    advice: str = ""
