"""Columns that a formula made: taken as a block, or kept as the fixed effects of the rest."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..design import Design, DesignError, Encoder
from ..design.errors import quoted
from ..types import Array
from .source import Source


def select(design: Design, names: Sequence[str] | None = None) -> Source:
    """Take columns of a design as a block.

    Parameters
    ----------
    design : Design
        Made with ``check_rank=False`` where its columns may be collinear or more than the rows.
    names : sequence of str, optional
        Which columns of X; all but the intercept by default.

    Returns
    -------
    Source

    Raises
    ------
    DesignError
        If a name is not a column of X.

    Examples
    --------
    >>> from bayeslmm.columns import select
    >>> from bayeslmm.design import build_design
    >>> table = {"y": [1.0, 2.0, 4.0], "a": [0.0, 1.0, 1.0], "b": [2.0, 0.0, 1.0]}
    >>> block = select(build_design("y ~ .", table, check_rank=False))
    >>> block.labels
    ('a', 'b')
    >>> block.encode({"b": [5.0], "a": [7.0]}).tolist()
    [[7.0, 5.0]]
    """
    wanted = [n for n in design.fixed if n != "Intercept"] if names is None else list(names)
    absent = [name for name in wanted if name not in design.fixed]
    if absent:
        raise DesignError(
            f"{quoted(absent)} are no columns of X; it has {quoted(design.fixed, 30)}"
        )
    place = {name: j for j, name in enumerate(design.fixed)}
    index = np.array([place[name] for name in wanted], dtype=np.intp)
    encoder = design.encoder.fixed_only().keep(index)  # it asks for no group, offset or weight
    return Source(
        what=f"the formula {design.formula}",
        labels=tuple(wanted),
        matrix=np.ascontiguousarray(design.X[:, index]),
        rows=design.rows,
        encode=partial(_encoded, encoder),
        reads=(),
    )


def _encoded(encoder: Encoder, new: Any) -> Array:
    """The columns of a new table, (m, P), coded as at the fit."""
    return np.ascontiguousarray(encoder.encode(new, groups=False, noise=False).X)


def keep(design: Design, names: Sequence[str]) -> Design:
    """The design with these fixed effects only, in tables to come too.

    Examples
    --------
    >>> from bayeslmm.columns import keep
    >>> from bayeslmm.design import build_design
    >>> table = {"y": [1.0, 2.0, 4.0], "a": [0.0, 1.0, 1.0]}
    >>> design = keep(build_design("y ~ a", table), ["Intercept"])
    >>> design.fixed, design.encoder.encode({"a": [5.0]}).X.tolist()
    (('Intercept',), [[1.0]])
    """
    index = np.array([design.fixed.index(name) for name in names], dtype=np.intp)
    encoder = design.encoder.keep(index)
    return replace(design, fixed=tuple(names), X=design.X[:, index], encoder=encoder)
