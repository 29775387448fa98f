"""A seed is a whole number of any size, for whatever takes one, and what is none is one error."""

import numpy as np
import pytest

import bayeslmm as bl

SIZES = [0, 2**63, 2**64 - 1, 2**127 + 5]
NONE = [-1, 1.0, "1", True, np.float64(2.0), [1, 2], np.random.default_rng(1)]
NONE += [np.random.SeedSequence(1)]


def of_fit(whole, seed):
    table = {"y": whole.data["y"], "x": whole.data["x"]}
    engine = bl.EmpiricalBayes(draws=3)
    return bl.fit(bl.lmm("y ~ x", table), engine, seed=seed)["posterior"]["beta"].values


def of_prior(whole, seed):
    table = {"y": whole.data["y"], "x": whole.data["x"]}
    priors = {"Intercept": "Normal(0, 1)", "x": "Normal(0, 1)"}
    model = bl.lmm("y ~ x", table, priors=priors)
    return bl.prior_predictive(model, draws=2, seed=seed)["prior"]["beta"].values


WAYS = {
    "fit": of_fit,
    "prior_predictive": of_prior,
    "simulate": lambda whole, seed: bl.simulate(whole.model, whole.eb, seed=seed),
    "predict": lambda whole, seed: bl.predict(whole.model, whole.eb, seed=seed, noise=True).draws,
    "posterior_predictive": lambda whole, seed: (
        bl.posterior_predictive(whole.model, whole.eb, seed=seed)["posterior_predictive"][
            "y"
        ].values
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", SIZES)
def test_a_seed_of_any_size_gives_the_same_numbers_again(whole, way, seed):
    first, again = WAYS[way](whole, seed), WAYS[way](whole, seed)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, WAYS[way](whole, seed + 1))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", NONE, ids=lambda seed: type(seed).__name__)
def test_what_is_no_seed_is_refused_in_one_line(whole, way, seed):
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0") as told:
        WAYS[way](whole, seed)
    assert "\n" not in str(told.value)


def test_numpys_whole_numbers_are_seeds(whole):
    assert np.array_equal(of_fit(whole, np.uint64(2**63)), of_fit(whole, 2**63))


def test_a_tree_with_any_seed_is_saved_and_read_back(whole, tmp_path):
    import xarray as xr

    for seed in SIZES:
        tree = bl.posterior_predictive(whole.model, whole.eb, seed=seed)
        tree.attrs |= bl.prior_predictive(whole.model, draws=1, seed=seed).attrs
        tree.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
        with xr.open_datatree(tmp_path / "t.nc", engine="h5netcdf") as read:
            assert int(read.attrs["seed"]) == seed


@pytest.mark.parametrize("seed", NONE[:3], ids=lambda seed: type(seed).__name__)
@pytest.mark.parametrize(
    "work",
    [
        lambda w, s: bl.fitted(w.model, w.nuts, seed=s),
        lambda w, s: bl.r2(w.model, w.nuts, seed=s),
        lambda w, s: bl.log_evidence(w.model, w.nuts, seed=s),
        lambda w, s: bl.log_likelihood(w.model, w.nuts, seed=s),
    ],
)
def test_whoever_takes_a_seed_refuses_what_is_none(whole, work, seed):
    with pytest.raises(ValueError, match="seed must be a whole number"):
        work(whole, seed)
