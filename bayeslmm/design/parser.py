"""Read a formula: ``response ~ terms + (effects | group)``.

Recursive descent, loosest first::

    formula    = comparison "~" sum
    comparison = sum [("==" | "!=" | "<" | "<=" | ">" | ">=") sum]
    sum        = ["+" | "-"] product {("+" | "-") product}
    product    = colon {("*" | "/") colon}
    colon      = signed {":" signed}
    signed     = ["+" | "-"] power
    power      = primary ["**" signed]
    primary    = name | number | text | "." | call | "(" comparison ["|" sum] ")" | "{" sum "}"

The precedence is that of R for terms and that of Python for arithmetic, which agree.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..host.options import shown
from .errors import FormulaError, formula_error
from .nodes import Bar, Binary, Call, Constant, Dot, Name, Node, Sum
from .tokens import COMPARISONS, Token, missing, tokenize, unexpected
from .transforms import CONTRASTS, KNOWN, known_calls

_MAX_DEPTH = 50
_WORDS = {"True": True, "False": False, "None": None}


def parse(formula: str) -> tuple[Node, Node]:
    """The two sides of a formula.

    Parameters
    ----------
    formula : str
        A formula in the syntax of lme4.

    Returns
    -------
    tuple of Node
        The response and the right side.

    Raises
    ------
    FormulaError
        If it cannot be read, with a caret under the place; or if it calls anything that is not a
        known transform.
    """
    if not isinstance(formula, str):
        raise FormulaError(f"a formula is a text such as 'y ~ x + (1 | g)', got {shown(formula)}")
    if not formula.strip():
        raise FormulaError("the formula is empty; write e.g. 'y ~ x + (1 | g)'")
    tokens = tokenize(formula)
    tildes = [token for token in tokens if token.text == "~" and token.kind == "op"]
    if not tildes:
        raise FormulaError(
            f"the formula has no '~': {formula.strip()!r}; write 'response ~ predictors'"
        )
    if len(tildes) > 1:
        raise formula_error("the formula has two '~'; keep one", formula, tildes[1].start)
    return _Reader(formula, tokens).formula()


@dataclass
class _Reader:
    """A place in a list of tokens; each method reads one rule of the grammar."""

    text: str
    tokens: list[Token]
    place: int = 0
    depth: int = 0
    inside_call: int = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def at(self, *ops: str) -> bool:
        return self.next.kind == "op" and self.next.text in ops

    def take(self) -> Token:
        token = self.tokens[self.place]
        self.place += 1
        return token

    def error(self, message: str, token: Token | None = None) -> FormulaError:
        return formula_error(message, self.text, (token or self.next).start)

    def formula(self) -> tuple[Node, Node]:
        if self.at("~"):
            raise self.error("the left side of '~' is empty; write the response before it")
        left = self.comparison()
        self.expect_end_of_side("~")
        self.take()
        if self.next.kind == "end":
            raise self.error("the right side of '~' is empty; write '1' for an intercept only")
        right = self.sum()
        self.expect_end_of_side("")
        return left, right

    def expect_end_of_side(self, end: str) -> None:
        if not (self.at(end) if end else self.next.kind == "end"):
            raise self.error(*unexpected(self.tokens, self.place))

    def comparison(self) -> Node:
        left = self.sum()
        if self.inside_call and self.at(*COMPARISONS):
            token = self.take()
            return Binary(token.text, left, self.sum(), token.start)
        return left

    def sum(self) -> Node:
        start = self.next.start
        items = []
        sign = self.take().text if self.at("+", "-") else "+"
        items.append((sign, self.product()))
        while self.at("+", "-"):
            sign = self.take().text
            items.append((sign, self.product()))
        return items[0][1] if len(items) == 1 and sign == "+" else Sum(tuple(items), start)

    def product(self) -> Node:
        return self.joined(("*", "/"), self.colon)

    def colon(self) -> Node:
        return self.joined((":",), self.signed)

    def joined(self, ops: tuple[str, ...], part: Callable[[], Node]) -> Node:
        """Parts with one of these between each two, from the left."""
        left = part()
        while self.at(*ops):
            token = self.take()
            left = Binary(token.text, left, part(), token.start)
        return left

    def signed(self) -> Node:
        if self.at("+", "-"):
            token = self.take()
            return Sum(((token.text, self.power()),), token.start)
        return self.power()

    def power(self) -> Node:
        left = self.primary()
        if self.at("**"):
            token = self.take()
            return Binary("**", left, self.signed(), token.start)
        return left

    def primary(self) -> Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error(f"the formula nests more than {_MAX_DEPTH} parentheses deep")
        node = self.atom()
        self.depth -= 1
        follow = self.next
        if self.at(".") and not isinstance(node, Dot):
            raise self.error("attribute access is not allowed; add the column to the table first")
        if self.at("(") and not isinstance(node, Dot):
            raise self.error("only a named transform can be called", follow)
        return node

    def atom(self) -> Node:
        token = self.take()
        if token.kind == "name":
            return self.name(token)
        if token.kind == "number":
            return Constant(float(token.text), token.text, token.start)
        if token.kind == "string":
            if not self.inside_call:
                raise self.error("a quoted text is not a column; use backticks: `a name`", token)
            return Constant(token.text, repr(token.text), token.start)
        if token.kind == "op" and token.text == ".":
            return Dot(token.start)
        if token.kind == "op" and token.text == "(":
            return self.parenthesis(token)
        if token.kind == "op" and token.text == "{":
            return self.braces(token)
        raise self.error(missing(self.tokens, self.place - 1), token)

    def parenthesis(self, opening: Token) -> Node:
        if self.at(")"):
            raise self.error("these parentheses are empty", opening)
        if self.at("|", "||"):
            raise self.error("the left side of the bar is empty: write (1 | g) for an intercept")
        node = self.comparison()
        if self.at("|", "||"):
            node = self.bar(node, opening)
        self.close(")", opening)
        return node

    def bar(self, left: Node, opening: Token) -> Node:
        token = self.take()
        if self.inside_call:
            raise self.error("a random effect cannot stand inside a call", token)
        if self.at(")") or self.next.kind == "end":
            raise self.error("the right side of the bar is empty: name a grouping column", token)
        return Bar(left, self.sum(), token.text == "||", opening.start)

    def braces(self, opening: Token) -> Node:
        self.inside_call += 1
        inner = self.comparison()
        self.inside_call -= 1
        self.close("}", opening)
        return Call("I", (inner,), (), self.written(opening), opening.start)

    def close(self, bracket: str, opening: Token) -> None:
        if self.at(bracket):
            self.take()
            return
        if self.next.kind == "end":
            raise self.error(f"this {opening.text!r} is never closed", opening)
        raise self.error(*unexpected(self.tokens, self.place))

    def written(self, opening: Token) -> str:
        stop = self.tokens[self.place - 1].stop
        return " ".join(self.text[opening.start : stop].split())

    def name(self, token: Token) -> Node:
        if self.at("(") and not token.quoted:
            return self.call(token)
        if self.inside_call and not token.quoted and token.text in _WORDS:
            return Constant(_WORDS[token.text], token.text, token.start)
        if self.inside_call and not token.quoted and token.text in CONTRASTS:
            return Call(token.text, (), (), token.text, token.start)
        return Name(token.text, token.start)

    def call(self, token: Token) -> Node:
        if token.text not in (KNOWN | set(CONTRASTS) if self.inside_call else KNOWN):
            raise self.error(
                f"the call `{token.text}(...)` is not a known transform; "
                f"known: {known_calls()}; or add the column to the table first",
                token,
            )
        opening = self.take()
        self.inside_call += 1
        args, kwargs = self.arguments()
        self.inside_call -= 1
        self.close(")", opening)
        if not args and token.text not in CONTRASTS:
            raise self.error(f"the call `{token.text}()` needs a column", token)
        return Call(token.text, args, kwargs, self.written(token), token.start)

    def arguments(self) -> tuple[tuple[Node, ...], tuple[tuple[str, Node], ...]]:
        args: list[Node] = []
        kwargs: list[tuple[str, Node]] = []
        while not self.at(")") and self.next.kind != "end":
            token, after = self.next, self.tokens[min(self.place + 1, len(self.tokens) - 1)]
            if token.kind == "name" and after.kind == "op" and after.text == "=":
                self.place += 2
                kwargs.append((token.text, self.comparison()))
            else:
                args.append(self.comparison())
            if not self.at(","):
                break
            self.take()
        return tuple(args), tuple(kwargs)
