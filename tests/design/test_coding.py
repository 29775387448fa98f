"""Categories are coded so that no column is lost and none is redundant, whatever the terms."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pandas as pd
from hypothesis import given, settings

from bayeslmm.design import build_design

from .table_for_tests import dummies


def balanced():
    """Every combination of three factors, five times, with two numbers."""
    rng = np.random.default_rng(3)
    rows = list(itertools.product("AB", "pqr", "uvw", range(5)))
    table = pd.DataFrame(rows, columns=["a", "b", "c", "rep"])
    return table.assign(x=rng.normal(size=90), z=rng.normal(size=90), y=rng.normal(size=90))


TABLE = balanced()
FULL = {name: dummies(TABLE[name], sorted(set(TABLE[name]))) for name in "abc"}
FULL |= {name: TABLE[[name]].to_numpy() for name in "xz"}


def all_columns(terms, intercept):
    """Every product of every indicator: the space that the terms span, however coded."""
    blocks = [np.ones((90, 1))] if intercept else []
    for term in terms:
        block = np.ones((90, 1))
        for name in term:
            block = (block[:, :, None] * FULL[name][:, None, :]).reshape(90, -1)
        blocks.append(block)
    return np.hstack(blocks)


term = st.lists(st.sampled_from("abcxz"), min_size=1, max_size=3, unique=True)


@settings(max_examples=80, deadline=None)
@given(st.lists(term, min_size=1, max_size=4), st.booleans())
def test_columns_span_what_the_terms_span_and_none_is_redundant(terms, intercept):
    right = " + ".join(["1" if intercept else "0", *(":".join(names) for names in terms)])
    X = build_design(f"y ~ {right}", TABLE, check_rank=False).X
    full = all_columns(terms, intercept)
    rank = np.linalg.matrix_rank(full)
    assert np.linalg.matrix_rank(np.hstack([full, X])) == rank
    assert np.linalg.matrix_rank(X) == rank
    assert X.shape[1] == rank
