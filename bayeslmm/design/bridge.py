"""The bridge to formulae, the only file that imports it.

formulae codes categories so that the columns have full rank, and keeps the state of transforms
(means, knots) for new tables. It is given terms one by one, never a formula, and finds columns and
allowed functions only.
"""

import contextlib
import io
from typing import Any

import numpy as np

from .algebra import Side
from .emit import Factor
from .errors import DesignError
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


def evaluated(side: Side, frame: Any) -> Any:
    from formulae.environment import Environment
    from formulae.terms.terms import Intercept, Model, Term

    terms: list[Any] = [Intercept()] if side.intercept else []
    environment = Environment([namespace()])
    labels = [":".join(factor.label for factor in factors) for factors in side.terms]
    for factors, label in zip(side.terms, labels, strict=True):
        with computed(label):
            term = Term(*[_component(factor) for factor in factors])
            term.set_type(frame, environment)
        terms.append(term)
    for term, label in zip(terms[side.intercept :], labels, strict=True):
        with computed(label):  # one by one first, for an error that names the term
            Model(Intercept(), term).eval(frame, environment)
    model = Model(*terms)
    with computed("the predictors"):
        model.eval(frame, environment)
    return model


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
        for component in getattr(term, "components", ()):
            component.name = written.get(component.name, component.name)
            _refuse_one_level(component)
        term.name = ":".join(c.name for c in getattr(term, "components", ())) or term.name
        labels.extend(term.labels)
    return tuple(labels)


def _refuse_one_level(component: Any) -> None:
    if component.kind == "categoric" and len(component.levels) == 1:
        raise DesignError(
            f"the factor '{component.name}' has one level, '{component.levels[0]}', so it has no "
            "effect to estimate; drop it from the formula"
        )


def forget_rows(term: Any) -> None:
    """Keep the coding, not the rows: an encoder is pickled with its design."""
    term.data = None
    for component in getattr(term, "components", ()):
        component.value = None
        component._intermediate_data = None
