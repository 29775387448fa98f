"""The bridge to formulae: terms and columns in, a named matrix and a way to make it again out.

formulae codes categories so that the columns have full rank, and keeps the state of transforms
(means, knots) for new tables. It is given terms one by one, never a formula, and finds columns and
allowed functions only.
"""

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .algebra import Side
from .columns import Column
from .emit import Factor
from .errors import DesignError, at_rows, quoted
from .nodes import Binary, Call, Name, Node, children, names, walk
from .transforms import CATEGORICAL, namespace

_TAKES_TEXT = {*CATEGORICAL, "binary", "B"}


@dataclass(frozen=True)
class FittedSide:
    """The columns of one side as coded on the fitted table."""

    side: Side
    names: tuple[str, ...]
    levels: dict[str, tuple[Any, ...]]  # of the categorical columns that stand by themselves
    terms: tuple[Any, ...]  # of formulae, in the order of the columns

    def encode(self, columns: Mapping[str, Column], rows: np.ndarray) -> np.ndarray:
        """A new table in the same columns.

        Parameters
        ----------
        columns : mapping of str to Column
            The columns that the side uses, without gaps.
        rows : ndarray (m,)
            Labels of the rows, for messages.

        Returns
        -------
        ndarray (m, len(names))

        Raises
        ------
        DesignError
            At a level that the fitted table did not have, or a value that is not finite.
        """
        if not self.terms:
            return np.ones((len(rows), len(self.names)))
        for name, known in self.levels.items():
            _refuse_new_levels(columns[name], known, rows)
        frame = _frame(self.side, columns, fitted=False)
        blocks = []
        for term in self.terms:
            with _told(term.name):
                blocks.append(term.eval_new_data(frame))
        return _finite(_stack(blocks), self.names, rows)


def fit_side(
    side: Side, columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[FittedSide, np.ndarray]:
    """Code a side on the table that the model is fitted to.

    Parameters
    ----------
    side : Side
        The terms.
    columns : mapping of str to Column
        The columns that they use, without gaps.
    rows : ndarray (n,)
        Labels of the rows, for messages.

    Returns
    -------
    FittedSide, ndarray (n, p)

    Raises
    ------
    DesignError
        If a transform fails or gives a value that is not finite, or a factor has one level.
    """
    if not side.terms:
        labels: tuple[str, ...] = ("Intercept",) if side.intercept else ()
        return FittedSide(side, labels, {}, ()), np.ones((len(rows), len(labels)))
    check_text_use(side, columns)
    frame = _frame(side, columns, fitted=True)
    model = _evaluated(side, frame)
    labels = _labels(model.common_terms, side)
    blocks = [term.data for term in model.common_terms]
    bare = {f.node.name for term in side.terms for f in term if isinstance(f.node, Name)}
    levels = {name: _levels(columns[name]) for name in bare if columns[name].categorical}
    matrix = _finite(_stack(blocks), labels, rows)
    for term in model.common_terms:
        _forget_rows(term)
    return FittedSide(side, labels, levels, tuple(model.common_terms)), matrix


def fit_vector(
    factor: Factor, columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[FittedSide, np.ndarray]:
    """One numeric factor as a vector: the response, or an offset."""
    fitted, matrix = fit_side(Side(((factor,),), False), columns, rows)
    if matrix.shape[1] != 1:
        raise DesignError(f"`{factor.label}` must be one column of numbers, got {matrix.shape[1]}")
    return fitted, np.ascontiguousarray(matrix[:, 0])


def check_text_use(side: Side, columns: Mapping[str, Column]) -> None:
    """Refuse text inside transforms of numbers, such as log('a')."""
    for term in side.terms:
        for factor in term:
            if isinstance(factor.node, Call):
                _check_numbers(factor.node, factor.label, columns, False)


def _check_numbers(
    node: Node, label: str, columns: Mapping[str, Column], text_allowed: bool
) -> None:
    if isinstance(node, Name):
        if columns[node.name].categorical and not text_allowed:
            raise DesignError(
                f"`{label}` needs numbers, but column '{node.name}' holds text or categories; "
                "convert the column first"
            )
    elif isinstance(node, Call):
        text_allowed = node.function in _TAKES_TEXT or (text_allowed and node.function == "I")
        for child in node.args + tuple(value for _, value in node.kwargs):
            _check_numbers(child, label, columns, text_allowed)
    elif isinstance(node, Binary):
        for child in (node.left, node.right):
            _check_numbers(child, label, columns, node.op in ("==", "!="))
    else:
        for child in children(node):
            _check_numbers(child, label, columns, False)


def _as_categories(side: Side) -> set[str]:
    """Columns inside C(...) and its kin: their values are labels, and stay what they are."""
    return {
        name
        for term in side.terms
        for factor in term
        for node in walk(factor.node)
        if isinstance(node, Call) and node.function in _TAKES_TEXT
        for name in names(node)
    }


def _frame(side: Side, columns: Mapping[str, Column], fitted: bool) -> Any:
    import pandas as pd

    labels = _as_categories(side)
    found = {}
    for name in side.columns:
        column = columns[name]
        if not column.categorical:
            values = column.values if name in labels else column.values.astype(float)
            found[name] = pd.Series(values)
        elif fitted:  # an ordered Categorical makes formulae keep the order of the levels
            levels = list(_levels(column))
            found[name] = pd.Series(pd.Categorical(column.values, levels, ordered=True))
        else:
            found[name] = pd.Series(column.values, dtype=object)
    return pd.DataFrame(found)


def _levels(column: Column) -> tuple[Any, ...]:
    if column.levels is not None:
        return column.levels
    return tuple(sorted(set(column.values.tolist())))


def _component(factor: Factor) -> Any:
    from formulae.parser import Parser
    from formulae.scanner import Scanner
    from formulae.terms.call import Call as FormulaeCall
    from formulae.terms.call_resolver import CallResolver
    from formulae.terms.variable import Variable

    if isinstance(factor.node, Name):
        component = Variable(factor.node.name)
    else:
        parsed = Parser(Scanner(factor.key).scan(False)).parse()
        component = FormulaeCall(CallResolver(parsed).resolve())
        # formulae drops parentheses in its names, so that I((x+1)*2) and I(x+1*2) would be one
        component.name = factor.key
    return component


def _evaluated(side: Side, frame: Any) -> Any:
    from formulae.environment import Environment
    from formulae.terms.terms import Intercept, Model, Term

    terms: list[Any] = [Intercept()] if side.intercept else []
    environment = Environment([namespace()])
    labels = [":".join(factor.label for factor in factors) for factors in side.terms]
    for factors, label in zip(side.terms, labels, strict=True):
        with _told(label):
            term = Term(*[_component(factor) for factor in factors])
            term.set_type(frame, environment)
        terms.append(term)
    for term, label in zip(terms[side.intercept :], labels, strict=True):
        with _told(label):  # one by one first, for an error that names the term
            Model(Intercept(), term).eval(frame, environment)
    model = Model(*terms)
    with _told("the predictors"):
        model.eval(frame, environment)
    return model


@contextlib.contextmanager
def _told(label: str) -> Any:
    """Turn whatever formulae raises into an error that names the term; it also prints."""
    try:
        with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    except DesignError:
        raise
    except Exception as error:
        raise DesignError(f"`{label}` could not be computed: {error}") from error


def _labels(terms: list[Any], side: Side) -> tuple[str, ...]:
    """Names of the columns, factors as the user wrote them."""
    written = {factor.key: factor.label for factors in side.terms for factor in factors}
    labels: list[str] = []
    for term in terms:
        for component in getattr(term, "components", ()):
            component.name = written.get(component.name, component.name)
            _refuse_one_level(component)
        labels.extend(term.labels)
    return tuple(labels)


def _refuse_one_level(component: Any) -> None:
    if component.kind == "categoric" and len(component.levels) == 1:
        raise DesignError(
            f"the factor '{component.name}' has one level, '{component.levels[0]}', so it has no "
            "effect to estimate; drop it from the formula"
        )


def _forget_rows(term: Any) -> None:
    """Keep the coding, not the rows: an encoder is pickled with its design."""
    term.data = None
    for component in getattr(term, "components", ()):
        component.value = None
        component._intermediate_data = None


def _refuse_new_levels(column: Column, known: tuple[Any, ...], rows: np.ndarray) -> None:
    levels = set(known)
    new = [value not in levels for value in column.values.tolist()]
    mask = np.array(new, dtype=bool)
    if mask.any():
        unseen = list(dict.fromkeys(column.values[mask].tolist()))
        raise DesignError(
            f"column '{column.name}' has the level {quoted(unseen)} in {at_rows(mask, rows)}, "
            f"which the fitted table did not have; its levels are {quoted(known)}; "
            "correct these rows, or fit a table that has the level"
        )


def _stack(blocks: list[Any]) -> np.ndarray:
    columns = [np.asarray(block, dtype=float) for block in blocks]
    return np.ascontiguousarray(np.column_stack(columns))


def _finite(matrix: np.ndarray, labels: tuple[str, ...], rows: np.ndarray) -> np.ndarray:
    """Columns of data are finite by now; what is not finite was made by a transform."""
    for label, column in zip(labels, matrix.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            raise DesignError(
                f"`{label}` is {column[bad][0]} in {at_rows(bad, rows)}; "
                "the transform is not defined there"
            )
    return matrix
