"""A crossed design that cannot be held is refused when it is declared, not when memory is gone."""

import numpy as np
import pytest

import bayeslmm as bl
from bayeslmm.models import too_large as memory

from ..tables import crossed_table


def test_two_factors_of_a_million_levels_are_refused_with_what_they_need():
    n = 1_000_000
    codes = np.arange(n)
    y = np.zeros(n)
    y[::2] = 1.0
    with pytest.raises(bl.DesignError) as error:
        bl.lmm(y, np.ones((n, 1)), groups={"g": codes, "h": codes[::-1] // 2})
    text = str(error.value)
    assert "h 500,000" in text
    assert "10,000 GB" in text
    assert "merge rare levels of h" in text


def test_one_large_factor_is_not_refused():
    n = 20_000
    model = bl.lmm(np.arange(n) % 7.0, np.ones((n, 1)), groups={"g": np.arange(n) // 2})
    assert model.groups[0].shape == (10_000, 1)


def test_the_limit_is_the_memory_of_the_machine(monkeypatch):
    formula, table = "y ~ x + (1 | g) + (1 | h)", crossed_table()
    m = 6 + 2
    need = 8.0 * memory.COPIES * m * m
    monkeypatch.setattr(memory, "memory", lambda: need)
    assert bl.lmm(formula, table).groups
    monkeypatch.setattr(memory, "memory", lambda: need - 1.0)
    with pytest.raises(bl.DesignError, match=r"columns beside those of g are 8 \(h 6\)"):
        bl.lmm(formula, table)
    monkeypatch.setattr(memory, "memory", lambda: None)  # the system does not tell
    assert bl.lmm(formula, table).groups
