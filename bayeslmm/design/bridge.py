"""The bridge to formulae, the only file that imports it.

formulae evaluates calls, keeps the state of transforms (means, knots) for new tables and makes the
columns of a term. It is given one term at a time, never a formula, and finds columns and allowed
functions only. Which factors are coded in full is decided in `coding`.
"""

import contextlib
import io
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from .algebra import Side
from .coding import blocks_of
from .emit import Factor
from .errors import DesignError, at_rows, quoted
from .levels import place_of
from .nodes import Name
from .transforms import namespace


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


def evaluated(side: Side, frame: Any) -> list[tuple[Any, str]]:
    """Terms of formulae for the blocks of a side, evaluated on the fitted table.

    With each stands the term of the user's that it belongs to.

    Raises
    ------
    DesignError
        Naming the term that could not be computed.
    """
    from formulae.environment import Environment
    from formulae.terms.terms import Intercept, Term

    environment = Environment([namespace()])
    terms: list[tuple[Any, str]] = []
    if side.intercept:
        terms.append((Intercept(), "Intercept"))
        terms[0][0].set_type(frame, environment)
        terms[0][0].set_data(None)
    categorical = _categorical(side, frame, environment)
    for factors, blocks in blocks_of(side.terms, side.intercept, categorical):
        written = ":".join(factor.label for factor in factors)
        with computed(written):
            for block, full in blocks:
                term = Term(*[_component(factor) for factor in block])
                term.set_type(frame, environment)
                spans = {c.name: f.key in full for c, f in zip(term.components, block, strict=True)}
                term.set_data(spans)
                terms.append((term, written))
    return terms


def _categorical(side: Side, frame: Any, environment: Any) -> set[str]:
    """Keys of the factors that are categorical, which their values decide."""
    from formulae.terms.terms import Term

    found = set()
    for factor in {factor.key: factor for factors in side.terms for factor in factors}.values():
        with computed(factor.label):
            probe = Term(_component(factor))
            probe.set_type(frame, environment)
            if probe.kind == "categoric":
                found.add(factor.key)
                probe.set_data(False)
                _refuse_one_level(probe.components[0], factor.label)
    return found


def encoded(term: Any, frame: Any, rows: np.ndarray) -> np.ndarray:
    """The columns of a term for the rows of a table, fitted or new.

    Categories are matched by value here: formulae takes a row without a match for the last level.

    Raises
    ------
    DesignError
        At a level that the fitted table did not have; the rows are named.
    """
    from formulae.utils import get_interaction_matrix

    with computed(term.name):
        parts = [_encoded(part, frame, rows) for part in getattr(term, "components", ())]
        return reduce(get_interaction_matrix, parts) if parts else term.eval_new_data(frame)


def _encoded(component: Any, frame: Any, rows: np.ndarray) -> np.ndarray:
    if component.kind != "categoric":
        return np.asarray(component.eval_new_data(frame))
    return np.asarray(component.contrast_matrix.matrix[_codes(component, frame, rows)])


def _codes(component: Any, frame: Any, rows: np.ndarray) -> np.ndarray:
    """The level of each row, as an index into the fitted ones."""
    from formulae.categorical import CategoricalBox

    if hasattr(component, "call"):
        values = component.call.eval(frame, component.env)
        values = values.data if isinstance(values, CategoricalBox) else values
    else:
        values = frame[component.name]
    given = np.asarray(values).tolist()
    codes = place_of(given, component.levels)
    _refuse_new_levels(component, given, codes < 0, rows)
    return codes


def empty_cells(term: Any, frame: Any, rows: np.ndarray) -> tuple[list[str], list[list[Any]]]:
    """Columns of a term's categorical factors, and the cells of them that no row is in."""
    factors = [c for c in getattr(term, "components", ()) if c.kind == "categoric"]
    if len(factors) < 2:
        return [], []
    occur = set(zip(*[_codes(c, frame, rows).tolist() for c in factors], strict=True))
    cells = product(*[range(len(c.levels)) for c in factors])
    empty = [[c.levels[j] for c, j in zip(factors, cell)] for cell in cells if cell not in occur]
    return [min(c.var_names) for c in factors], empty


def _refuse_new_levels(component: Any, given: list[Any], new: np.ndarray, rows: np.ndarray) -> None:
    if new.any():
        unseen = dict.fromkeys(value for value, is_new in zip(given, new, strict=True) if is_new)
        raise DesignError(
            f"'{component.name}' has the level {quoted(unseen)} in {at_rows(new, rows)}, which the "
            f"fitted table did not have; its levels are {quoted(component.levels)}; correct these "
            "rows, or fit a table that has the level"
        )


@contextlib.contextmanager
def computed(label: str) -> Any:
    """Turn whatever formulae raises into an error that names the term; it also prints."""
    try:
        with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    except DesignError:
        raise
    except Exception as error:
        raise DesignError(f"`{label}` could not be computed: {error}") from error


def labels_of(terms: list[Any], side: Side) -> tuple[str, ...]:
    """Names of the columns, factors as the user wrote them."""
    written = {factor.key: factor.label for factors in side.terms for factor in factors}
    labels: list[str] = []
    for term in terms:
        components = getattr(term, "components", ())
        for component in components:
            component.name = written.get(component.name, component.name)
        term.name = ":".join(component.name for component in components) or term.name
        labels.extend(term.labels)
    return tuple(labels)


def _refuse_one_level(component: Any, label: str) -> None:
    if len(component.levels) == 1:
        raise DesignError(
            f"the factor '{label}' has one level, '{component.levels[0]}', so it has no effect to "
            "estimate; drop it from the formula"
        )


def forget_rows(term: Any) -> None:
    """Keep the coding, not the rows: an encoder is pickled with its design."""
    term.data = None
    for component in getattr(term, "components", ()):
        component.value = None
        component._intermediate_data = None
