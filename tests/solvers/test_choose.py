"""Which solver answers, and that they answer alike: probabilistic PCA given W is a mixed model."""

import numpy as np
import pytest

from bayeslmm.solvers.beta import FLAT, MeanPrior, beta_of
from bayeslmm.solvers.choose import choose
from bayeslmm.solvers.complete import Complete
from bayeslmm.solvers.dual import Dual
from bayeslmm.solvers.patterns import Patterns
from bayeslmm.solvers.primal import Primal
from bayeslmm.solvers.problem import MatrixProblem

from .blocks import wide
from .dense import CRITERIA
from .dense_factor import rows
from .problems import random_problem


def matrix(missing=0.0, q=2, seed=1):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(5, q))
    return MatrixProblem(rows(rng, 9, W, 0.6, 0.4, missing)), W


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("missing", [0.0, 0.3], ids=["complete", "gaps"])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_a_matrix_given_its_loadings_is_a_mixed_model(q, missing, criterion):
    """Rows are groups, Z = W[column], Psi = I, beta = mu: `Primal` says what `Patterns` says."""
    problem, W = matrix(missing, q)
    prior = MeanPrior(np.full(5, 0.3), np.full(5, 2.0))
    beta = beta_of(criterion, prior.beta)
    primal = Primal.of(problem.given(W), beta)
    one, _, slope = primal.score(np.eye(q).ravel(), 0.7)
    for kind in (Patterns,) if missing else (Patterns, Complete):
        other, _, by_sigma = kind.of(problem, beta).score(W.ravel(), 0.7)
        assert other == pytest.approx(one, rel=1e-12)
        assert by_sigma == pytest.approx(slope, rel=1e-9)
    if criterion != "ml":
        law = primal.condition(np.eye(q).ravel(), 0.7)
        m, V = Patterns.of(problem, beta).mean_law(W, 0.7)
        np.testing.assert_allclose(m, law.beta, rtol=1e-10)
        np.testing.assert_allclose(V, law.beta_cov, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("columns", "kind"), [(8, Primal), (9, Primal), (10, Dual)])
def test_rows_are_eliminated_where_they_are_fewer_than_the_columns(columns, kind):
    w = wide(np.random.default_rng(2), 10, 1, ((4, 2),), ((columns, True),))
    assert type(choose(w.rows, FLAT)) is kind


def test_without_blocks_the_coefficients_are_eliminated_however_many():
    p = random_problem(np.random.default_rng(3), 6, 1, ((6, 2), (6, 2)))
    assert type(choose(p.rows, FLAT)) is Primal


def test_of_a_matrix_gaps_or_unlike_priors_ask_for_patterns():
    alike, unlike = (MeanPrior(np.zeros(5), v).beta for v in (np.ones(5), np.arange(1.0, 6.0)))
    whole, gaps = matrix()[0], matrix(0.3)[0]
    assert type(choose(whole, alike)) is Complete
    assert type(choose(whole, FLAT)) is Complete
    assert type(choose(whole, unlike)) is Patterns
    assert type(choose(gaps, alike)) is Patterns
