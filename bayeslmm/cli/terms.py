"""A block of columns in words: "horseshoe(nonzero=5): x1, x2, snp*".

    law[(option=value, ...)]: column, pattern, ...

The laws are the functions that declare a block (`bl.ridge` and its siblings), and so are their
options. A pattern (* any characters, ? one) takes the columns that match, but for those that the
formula or an option names already.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from inspect import signature
from typing import Any

import typer

SHAPE = re.compile(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*:(.*)", re.DOTALL)
ITEM = re.compile(r"\s*(?:`([^`]*)`|([^,`]*?))\s*(?:,|$)")
EXAMPLE = "write law: columns, such as 'horseshoe: x1, x2' or 'ridge(name=snp): snp*'"


@dataclass(frozen=True)
class TermOption:
    """One block as it was written."""

    text: str
    law: str
    options: dict[str, Any]
    columns: tuple[tuple[str, bool], ...]  # a name or pattern, and whether it stood in backticks


def read_term(text: str) -> TermOption:
    """Read one --term.

    Raises
    ------
    typer.BadParameter
        Where it has another shape, or an unknown law or option.
    """
    found = SHAPE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"--term {text!r}: {EXAMPLE}")
    law, options, columns = found.groups()
    if law not in makers():
        raise typer.BadParameter(f"--term {text!r}: the laws are {', '.join(makers())}")
    return TermOption(text, law, _options(text, law, options or ""), _items(text, columns))


def makers() -> dict[str, Callable[..., Any]]:
    """Name of a law -> the function that declares its block."""
    from ..model import blocks  # it takes its time, and few ask for a block

    return {make.__name__: make for make in blocks.MAKERS}


def _options(text: str, law: str, given: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    taken = [o for o in signature(makers()[law]).parameters if o != "columns"]
    for part in filter(None, (part.strip() for part in given.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in taken:
            raise typer.BadParameter(
                f"--term {text!r}: {part!r} is no option of {law}, which takes "
                f"{', '.join(f'{o}=' for o in taken)}"
            )
        if name in found:
            raise typer.BadParameter(f"--term {text!r}: {name}= stands twice")
        found[name] = value if name == "name" else _value(text, name, value)
    return found


def _value(text: str, name: str, value: str) -> Any:
    if name == "scale":
        return None if value.lower() == "none" else value
    try:
        return float(value)
    except ValueError:
        raise typer.BadParameter(f"--term {text!r}: {name}= is a number, not {value!r}") from None


def _items(text: str, columns: str) -> tuple[tuple[str, bool], ...]:
    found, at = [], 0
    while at < len(columns):
        item = ITEM.match(columns, at)
        name = item and (item[1] if item[1] is not None else item[2])
        if not item or not name:
            raise typer.BadParameter(f"--term {text!r}: {EXAMPLE}")
        found.append((name, item[1] is not None))
        at = item.end()
    if not found:
        raise typer.BadParameter(f"--term {text!r}: {EXAMPLE}")
    return tuple(found)


def build_term(term: TermOption, data: Any, response: Sequence[str], taken: Sequence[str]) -> Any:
    """The block: its columns out of the table, in the order of the term.

    Raises
    ------
    ValueError
        Where a column is absent or the response, or a pattern matches none.
    """
    names = [str(name) for name in data.columns]
    chosen: dict[str, None] = {}
    for item, quoted in term.columns:
        if quoted or item in names:
            match = [item] if item in names else []
        else:
            match = [n for n in names if fnmatchcase(n, item) and n not in taken]
        if not match:
            raise ValueError(f"--term {term.text!r}: {_absent(item, quoted, names, taken)}")
        if match[0] in response:
            raise ValueError(f"--term {term.text!r}: {match[0]!r} is the response")
        chosen |= dict.fromkeys(match)
    return makers()[term.law](data[list(chosen)], **term.options)


def _absent(item: str, quoted: bool, names: Sequence[str], taken: Sequence[str]) -> str:
    if not quoted and any(c in item for c in "*?["):
        if any(fnmatchcase(n, item) for n in names):
            return f"all columns like {item!r} are used elsewhere: {', '.join(taken)}"
        return f"no column is like {item!r}"
    return no_column(item, names)


def no_column(name: str, names: Sequence[str]) -> str:
    """That a table has no such column, what it has, and what may have been meant."""
    from ..design.visible import meant

    shown = ", ".join(names[:12]) + (", ..." if names[12:] else "")
    hint = meant(name, names)
    return f"there is no column {name!r}; the table has {shown}" + (f"; {hint}" if hint else "")
