"""Nesting is a matter of what columns span: other names, bases and origins are one model."""

import numpy as np
import pandas as pd
import pytest

import bayeslmm as bl


def table():
    """Twelve groups of ten rows; x varies by a hundredth about a half."""
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(12), 10)
    x = 0.5 + 0.01 * rng.normal(size=120)
    y = 5 + 100 * x + rng.normal(0, 1, 12)[g] + rng.normal(0, 1, 120)
    d = pd.DataFrame({"y": y, "x": x, "g": g})
    d["s"] = (x - x.mean()) / x.std()  # the same column, standardised
    d["h"] = [f"L{(7 * v) % 12}" for v in g]  # the same groups, called otherwise
    d["f"] = np.array(list("abc"))[np.arange(120) % 3]
    d["k"] = d.f.map({"a": "z", "b": "b", "c": "c"})  # another reference level
    return d


DATA = table()
SLOPES = [
    f"y ~ {a} + ({b} | {g})" for a, b, g in (("x", "x", "g"), ("s", "s", "g"), ("s", "x", "h"))
]


@pytest.fixture(scope="module")
def fitted():
    """Fits by formula and criterion, each made once."""
    made = {}

    def fit(formula, criterion="ml", name="", **options):
        if (formula, criterion, name) not in made:
            model = bl.lmm(formula, DATA, **options)
            made[formula, criterion, name] = bl.fit(
                model, bl.EmpiricalBayes(criterion, draws=1), seed=1
            )
        return made[formula, criterion, name]

    return fit


@pytest.mark.parametrize("small", ["y ~ x + (1 | g)", "y ~ s + (1 | h)"])
@pytest.mark.parametrize("large", SLOPES)
def test_reml_is_told_for_one_basis_of_the_fixed_effects(fitted, small, large):
    """1.404 whatever the columns; names alone gave 10.443 where x was standardised in between."""
    found = bl.lr_test(fitted(small, "reml"), fitted(large, "reml"))
    assert found["chisq"] == pytest.approx(1.40398, abs=2e-4)
    assert found["df"] == 2
    assert found["p_value"] == pytest.approx(0.49560, abs=1e-4)
    assert found["deviance_small"] - found["deviance_large"] == pytest.approx(found["chisq"])


def test_another_reference_level_and_no_intercept_are_the_same_fixed_effects(fitted):
    large = fitted("y ~ f + x + (1 | g)")
    small = [fitted(f) for f in ("y ~ f + (1 | g)", "y ~ k + (1 | h)", "y ~ 0 + f + (1 | g)")]
    values = [bl.lr_test(s, large)["chisq"] for s in small]
    np.testing.assert_allclose(values, values[0], atol=2e-4)


def test_an_offset_in_the_span_of_the_columns_is_nested(fitted):
    """A slope held at 100 against a free one: the square of a z, nearly."""
    large = fitted("y ~ x + (1 | g)")
    found = bl.lr_test(fitted("y ~ 1 + (1 | g)", name="slope", offset=100 * DATA.x), large)
    z = (bl.fixef(large)["mean"].iloc[1] - 100) / bl.fixef(large)["sd"].iloc[1]
    assert found["chisq"] == pytest.approx(z**2, rel=0.05)
    other = fitted("y ~ 1 + (1 | g)", name="square", offset=100 * DATA.x**2)
    with pytest.raises(ValueError, match="differ in offset"):
        bl.lr_test(other, large)


def test_slopes_without_correlation_are_nested_in_correlated_ones_alone(fitted):
    """Another origin of x is a correlation, which (x || g) does not have."""
    centred, raw = fitted("y ~ x + (s || g)"), fitted("y ~ x + (x || g)")
    full = fitted("y ~ x + (x | g)")
    assert bl.lr_test(centred, full)["df"] == bl.lr_test(raw, full)["df"] == 1
    for pair in ((centred, raw), (raw, centred), (full, raw)):
        with pytest.raises(ValueError, match="by g of the first model are not in the second"):
            bl.lr_test(*pair)


def test_one_model_in_two_bases_leaves_nothing_to_test(fitted):
    with pytest.raises(ValueError, match="one model, in other columns"):
        bl.lr_test(fitted(SLOPES[0]), fitted(SLOPES[2]))


def test_weights_are_one_up_to_a_factor(fitted):
    large = fitted("y ~ x + (1 | g)")
    plain, three = (
        fitted("y ~ 1 + (1 | g)", name=n, weights=w)
        for n, w in (("", None), ("3", np.full(120, 3)))
    )
    assert bl.lr_test(three, large)["chisq"] == pytest.approx(bl.lr_test(plain, large)["chisq"])
    uneven = fitted("y ~ 1 + (1 | g)", name="uneven", weights=1 + np.arange(120))
    with pytest.raises(ValueError, match="differ in weights"):
        bl.lr_test(uneven, large)


def test_what_a_prior_fixes_is_no_parameter(fitted):
    free, held = (
        fitted("y ~ x + (1 | g)", name=n, priors=p) for n, p in (("", None), ("s", {"sigma": 1.0}))
    )
    assert bl.lr_test(held, free)["df"] == 1
    slope = fitted("y ~ x + (x | g)", name="s", priors={"sigma": 1.0})
    assert bl.lr_test(held, slope)["df"] == 2
    with pytest.raises(ValueError, match="sigma is fixed in the second"):
        bl.lr_test(free, slope)
    one = fitted("y ~ x + (1 | g)", name="g", priors={"sd_g": 1.0})
    assert np.isnan(bl.lr_test(one, free)["p_boundary"])  # an sd of one is at no boundary
    more = fitted("y ~ x + (1 | g) + (1 | f)", name="g", priors={"sd_g": 1.0})
    assert bl.lr_test(one, more)["df"] == 1
    with pytest.raises(ValueError, match="by g of the first model are not in the second"):
        bl.lr_test(free, more)


def test_blocks_of_columns_are_nested_by_columns_and_law(fitted):
    rng = np.random.default_rng(4)
    G, K = rng.normal(size=(120, 5)), rng.normal(size=(120, 4))
    one, moved, two = (
        fitted("y ~ x + (1 | g)", name=n, terms=t)
        for n, t in (
            ("G", [bl.ridge(G, "G")]),
            ("raw", [bl.ridge(G * [1, 2, 3, 4, 5], "G", scale=None)]),
            ("GK", [bl.ridge(G[:, ::-1] + 3, "Q"), bl.ridge(K, "K")]),
        )
    )
    assert bl.lr_test(one, two)["df"] == 1
    with pytest.raises(ValueError, match="columns G of the first model, under their law"):
        bl.lr_test(moved, two)


def test_a_larger_model_that_fits_worse_was_not_at_its_maximum(fitted):
    small, large = fitted("y ~ 1 + (1 | g)"), fitted("y ~ x + (1 | g)").copy()
    large.attrs["log_marginal"] = small.attrs["log_marginal"] - 2.0
    with pytest.raises(ValueError, match="by 2 nats: a higher maximum of it was missed"):
        bl.lr_test(small, large)
