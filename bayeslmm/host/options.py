"""What was given for an option: whether it is one of some words, and how a message shows it."""

from collections.abc import Collection
from typing import Any

WIDTH = 80  # characters of a value in a message; of a text all


def one_of(value: Any, known: Collection[Any]) -> bool:
    """Whether a value is one of some words; a table or an array is compared with none of them.

    Examples
    --------
    >>> one_of("drop", ("error", "drop")), one_of(["drop"], ("error", "drop"))
    (True, False)
    """
    return (isinstance(value, str) or not hasattr(value, "__len__")) and value in known


def shown(value: Any) -> str:
    """A value itself where that is one short line, else what it is.

    Examples
    --------
    >>> shown("sd"), shown(2.5), shown(list(range(100)))
    ("'sd'", '2.5', 'a list')
    """
    text = repr(value)
    plain = isinstance(value, str) or (len(text) <= WIDTH and "\n" not in text)
    return text if plain else f"a {type(value).__name__}"
