"""From a side of a formula to its terms: ``a * b - a`` is the terms b and a:b.

A term is a tuple of variables, the intercept the empty tuple. Two terms are the same if they have
the same variables in any order. The algebra is that of Wilkinson and Rogers (1973), as in R.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import FormulaError, formula_error
from .nodes import Bar, Binary, Call, Constant, Dot, Name, Node, Sum, names
from .variables import Variable, variable

FormulaTerm = tuple[Variable, ...]
INTERCEPT: FormulaTerm = ()
_MAX_POWER = 6
_MAX_TERMS = 100_000


@dataclass(frozen=True)
class Side:
    """The terms of one side, by degree as in R, and whether an intercept is among them."""

    terms: tuple[FormulaTerm, ...]
    intercept: bool

    @property
    def columns(self) -> list[str]:
        """The columns of the table that the terms use."""
        found = [name for term in self.terms for item in term for name in names(item.node)]
        return list(dict.fromkeys(found))


def expand_side(node: Node, formula: str, dot: Iterable[str] = ()) -> Side:
    """Terms of a side of a formula, with the intercept that is there unless removed.

    Parameters
    ----------
    node : Node
        The side, without random effects and offsets.
    formula : str
        The whole formula, for error messages.
    dot : iterable of str
        The columns that ``.`` stands for.

    Returns
    -------
    Side

    Raises
    ------
    FormulaError
        At what is no term: a number other than 0 and 1, a random effect inside a product, ...
    """
    items = node.items if isinstance(node, Sum) else (("+", node),)
    found = _Expander(formula, tuple(dot)).items(_unique([INTERCEPT]), items)
    terms = sorted((term for term in found.values() if term), key=len)
    return Side(_in_one_order(terms, found.values()), frozenset() in found)


_Terms = dict[frozenset[str], FormulaTerm]


def _unique(terms: Iterable[FormulaTerm]) -> _Terms:
    found: _Terms = {}
    for term in terms:
        found.setdefault(frozenset(item.key for item in term), term)
    return found


def _in_one_order(
    terms: Iterable[FormulaTerm], written: Iterable[FormulaTerm]
) -> tuple[FormulaTerm, ...]:
    """Variables of every term in the order in which they first appear on the side, as in R."""
    order: dict[str, int] = {}
    for term in written:
        for item in term:
            order.setdefault(item.key, len(order))
    return tuple(tuple(sorted(term, key=lambda item: order[item.key])) for term in terms)


def _product(left: Iterable[FormulaTerm], right: Iterable[FormulaTerm]) -> _Terms:
    right = list(right)
    return _unique(_join(first, second) for first in left for second in right)


def _join(first: FormulaTerm, second: FormulaTerm) -> FormulaTerm:
    keys = {item.key for item in first}
    return first + tuple(item for item in second if item.key not in keys)


@dataclass(frozen=True)
class _Expander:
    """The rules of the algebra, over one formula."""

    formula: str
    dot: tuple[str, ...]

    def items(self, found: _Terms, items: Iterable[tuple[str, Node]]) -> _Terms:
        """Add and remove signed items. ``+ 0`` and ``- 1`` remove the intercept."""
        for sign, node in items:
            zero = isinstance(node, Constant) and node.value == 0
            terms = {frozenset[str](): INTERCEPT} if zero else self.expand(node)
            if (sign == "+") != zero:
                for key, term in terms.items():
                    found.setdefault(key, term)
            else:
                for key in terms:
                    found.pop(key, None)
        return found

    def expand(self, node: Node) -> _Terms:
        if isinstance(node, Name):
            return _unique([(variable(node, self.formula),)])
        if isinstance(node, Call):
            return self.call(node)
        if isinstance(node, Dot):
            columns = (Name(name, node.start) for name in self.dot)
            return _unique((variable(name, self.formula),) for name in columns)
        if isinstance(node, Constant):
            if node.value != 1:
                raise self.error(f"the number {node.text} is no term; only 0 and 1 are", node)
            return _unique([INTERCEPT])
        if isinstance(node, Sum):
            return self.items({}, node.items)
        if isinstance(node, Binary):
            return self.binary(node)
        if isinstance(node, Bar):
            raise self.error("a random effect stands by itself: y ~ x + (1 | g)", node)
        raise self.error("this is no term", node)

    def call(self, node: Call) -> _Terms:
        if node.function == "offset":
            raise self.error("offset(...) stands by itself: y ~ x + offset(z)", node)
        return _unique([(variable(node, self.formula),)])

    def binary(self, node: Binary) -> _Terms:
        left = self.expand(node.left)
        if node.op == "**":
            return self.power(left, node)
        right = self.expand(node.right)
        self.refuse_many(len(left) * len(right), node)
        both = _product(left.values(), right.values())
        if node.op == ":":
            return both
        if node.op == "*":
            return _unique([*left.values(), *right.values(), *both.values()])
        if node.op == "/":
            whole: FormulaTerm = ()
            for term in left.values():
                whole = _join(whole, term)
            return _unique([*left.values(), *_product([whole], right.values()).values()])
        raise self.error(f"'{node.op}' has no meaning between terms; write I(...)", node)

    def power(self, left: _Terms, node: Binary) -> _Terms:
        exponent = node.right
        if not (isinstance(exponent, Constant) and exponent.text.isdigit() and exponent.value):
            raise self.error("a power of terms is a whole number: (a + b)**2; or I(x**0.5)", node)
        if exponent.value > _MAX_POWER:
            raise self.error(f"interactions of order above {_MAX_POWER} are refused", node)
        if isinstance(node.left, Name | Call):
            raise self.error("between terms ** builds interactions; write I(x**2)", node)
        found = left
        for _ in range(int(exponent.value) - 1):
            self.refuse_many(len(found) * len(left), node)
            found = _unique([*found.values(), *_product(found.values(), left.values()).values()])
        return found

    def refuse_many(self, terms: int, node: Node) -> None:
        if terms > _MAX_TERMS:
            raise self.error(f"this expands to more than {_MAX_TERMS} terms", node)

    def error(self, message: str, node: Node) -> FormulaError:
        return formula_error(message, self.formula, node.start)
