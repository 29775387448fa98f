"""What a formula is made of once it is read: a tree of plain records.

The same tree serves the algebra of terms (``a * b`` is a + b + a:b) and the arithmetic inside a
call (``I(a * b)`` is a product); which one is meant is decided by whoever walks it. Nodes that
differ in place and spelling only are equal, and have one repr.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


def _apart() -> Any:
    """A field that says how a node was written, not what it is."""
    return field(repr=False, compare=False)


@dataclass(frozen=True)
class Name:
    """A column of the table."""

    name: str
    start: int = _apart()


@dataclass(frozen=True)
class Constant:
    """A number; inside a call also a quoted text, True, False or None."""

    value: Any
    text: str = _apart()
    start: int = _apart()


@dataclass(frozen=True)
class Dot:
    """``.``: every column that plays no other part."""

    start: int = _apart()


@dataclass(frozen=True)
class Sum:
    """``a + b - c``: signed items, flat, so that a thousand columns do not nest a thousand deep."""

    items: tuple[tuple[str, Node], ...]
    start: int = _apart()


@dataclass(frozen=True)
class Binary:
    """``left op right``, op one of ``* / : **`` and the comparisons."""

    op: str
    left: Node
    right: Node
    start: int = _apart()


@dataclass(frozen=True)
class Call:
    """A transform: ``label`` is the text as the user wrote it."""

    function: str
    args: tuple[Node, ...]
    kwargs: tuple[tuple[str, Node], ...]
    label: str = _apart()
    start: int = _apart()


@dataclass(frozen=True)
class Bar:
    """``(left | group)``, or ``(left || group)`` with ``double``."""

    left: Node
    group: Node
    double: bool
    start: int = _apart()


Node = Name | Constant | Dot | Sum | Binary | Call | Bar


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one."""
    if isinstance(node, Sum):
        return tuple(item for _, item in node.items)
    if isinstance(node, Binary):
        return (node.left, node.right)
    if isinstance(node, Call):
        return node.args + tuple(value for _, value in node.kwargs)
    if isinstance(node, Bar):
        return (node.left, node.group)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order written."""
    yield node
    for child in children(node):
        yield from walk(child)


def names(node: Node) -> list[str]:
    """The columns that a node uses, each once, in the order written."""
    return list(dict.fromkeys(item.name for item in walk(node) if isinstance(item, Name)))
