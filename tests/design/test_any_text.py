"""Whatever text is given as a formula, the answer is a design or a DesignError."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from bayeslmm.design import DesignError, build_design
from bayeslmm.design.parser import parse
from bayeslmm.design.term_algebra import expand_side

from .table_for_tests import crossed

TABLE = crossed()
PIECES = """
    y ~ x z f g h flag 0 1 2 . + - * / : ** | || ( ) { } , = == < log( scale( I( C( offset( np.exp(
    bs( df=4 'A' ` [ (1|g) (x|g) (x||h) (1|g/h) True lambda x.mean __class__
""".split()  # noqa: SIM905


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=9), st.sampled_from(["", "y ~ ", "y ~ x + "]))
def test_pieces_of_formulas_make_a_design_or_a_design_error(pieces, start):
    try:
        design = build_design(start + " ".join(pieces), TABLE)
    except DesignError:
        return
    assert design.X.shape == (len(design.y), len(design.fixed))
    assert np.isfinite(design.X).all()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_any_text_makes_a_design_or_a_design_error(text):
    for formula in (text, f"y ~ {text}"):
        try:
            build_design(formula, TABLE)
        except DesignError as error:
            assert str(error)  # noqa: PT017


terms = st.recursive(
    st.sampled_from(["x", "z", "f"]),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "*", ":", "/"]), inner).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    ),
    max_leaves=5,
)


def expand(text):
    """The terms of a right side as sets of columns."""
    side = expand_side(parse(f"y ~ {text}")[1], f"y ~ {text}")
    return {frozenset(factor.label for factor in term) for term in side.terms}


@settings(max_examples=100, deadline=None)
@given(terms, terms)
def test_the_algebra_of_terms_keeps_its_laws(a, b):
    assert expand(f"{a} * {b}") == expand(f"{a} + {b} + {a}:{b}")
    assert expand(f"{a} + {b}") == expand(f"{b} + {a}") == expand(a) | expand(b)
    assert expand(f"{a}:{b}") == {s | t for s in expand(a) for t in expand(b)}
    assert expand(f"{a} + {b} - {b}") == expand(a) - expand(b)
    assert expand(f"({a} + {b})**2") == expand(f"({a} + {b}) * ({a} + {b})")
