"""Leave-one-out where the rest of the table is poorer: lost columns, repeats, sticky draws."""

import numpy as np
import pytest

import bayeslmm as bl
from bayeslmm.criticism.leave_out.refit import without


def test_a_column_that_the_other_rows_do_not_have_is_left_to_its_prior():
    """Leaving b = 2 out makes t constant zero: its coefficient has its proper prior then."""
    rng = np.random.default_rng(0)
    b, g = np.repeat(np.arange(4), 10), rng.integers(0, 6, 40)
    t, x = (b == 2).astype(float), rng.normal(size=40)
    y = rng.normal(size=40) + t + rng.normal(size=4)[b]
    model = bl.lmm("y ~ t + x + (1 | g) + (1 | b)", {"y": y, "x": x, "t": t, "g": g, "b": b})
    tree = bl.fit(model, bl.NUTS(draws=4000), seed=1)  # so many that k-hat tells the worst unit
    found = bl.loo(model, tree, unit="b", refit=True, seed=1)
    whole = bl.log_evidence(model, tree, seed=1).value
    for level in range(4):
        rest = bl.log_evidence(without(model, b == level), seed=2).value
        assert float(found.elpd_i[level]) == pytest.approx(whole - rest, abs=0.06)


def test_a_refit_takes_away_one_of_a_rows_repeats():
    rng = np.random.default_rng(1)
    y = np.append(rng.normal(size=11), 6.0)
    table = {"y": y, "g": np.arange(12) % 3}
    model = bl.lmm("y ~ 1 + (1 | g)", table, frequency=np.full(12, 2))
    tree = bl.fit(model, bl.NUTS(draws=8000), seed=1)  # far out: 4 x 1,000 draws know it to .08
    less = without(model, np.arange(12) == 11, once=True)
    assert less.design.frequency.tolist() == [2.0] * 11 + [1.0]
    exact = bl.log_evidence(model).value - bl.log_evidence(less).value
    found = bl.loo(model, tree, refit=True, seed=1)
    assert float(found.elpd_i[-1]) == pytest.approx(exact, abs=0.1)


def test_autocorrelated_draws_are_worth_fewer():
    from bayeslmm.criticism.leave_out.smoothing import relative_efficiency

    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    posterior = bl.fit(model, bl.NUTS(draws=500), seed=1)["posterior"].to_dataset()
    sticky = posterior.isel(draw=np.repeat(np.arange(50), 10)).assign_coords(draw=np.arange(500))
    assert relative_efficiency(sticky) < 0.3 * relative_efficiency(posterior)


def test_a_tree_of_other_weights_or_priors_is_refused():
    data = bl.datasets.load("Dyestuff")
    tree = bl.fit(bl.lmm("Yield ~ 1 + (1 | Batch)", data), bl.EmpiricalBayes(), seed=1)
    weighted = bl.lmm("Yield ~ 1 + (1 | Batch)", data, weights=np.linspace(0.5, 2.0, 30))
    informed = bl.lmm("Yield ~ 1 + (1 | Batch)", data, priors={"sigma": "HalfNormal(1)"})
    for model in (weighted, informed):
        with pytest.raises(ValueError, match="columns, weights, offset or priors are not"):
            bl.loo(model, tree)
