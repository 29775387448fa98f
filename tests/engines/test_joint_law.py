"""Draws have the joint law, not its margins alone.

Given the variances all coefficients are jointly normal, and dense algebra says how. Each draw less
its mean, times the Cholesky factor of its precision, is then a standard normal vector: of no
correlation among its elements, with the variances, or between chains.
"""

import numpy as np
import pytest

import bayeslmm as bl
from tests.whole import GROUPS, OTHERS

NAMES = ("beta", "u_g", "u_h", "u_z")
SURE = 5.0  # standard errors; the largest of a thousand independent ones is about 3.3


def white(whole, tree):
    """Every draw of all coefficients in units of its own law, (chains, draws, 31)."""
    p = tree["posterior"].dataset
    count = p["sigma"].shape
    drawn = np.concatenate([p[name].values.reshape(*count, -1) for name in NAMES], axis=-1)
    found = np.empty(drawn.shape)
    for at in np.ndindex(count):
        scales = [p[name].values[at] for name in ("sd_g", "corr_g", "sd_h", "sd_z", "sigma")]
        mean, precision = whole.law_given(*scales)
        found[at] = np.linalg.cholesky(precision).T @ (drawn[at] - mean)
    return found


def variances(tree):
    """Draws of the variances where priors make them wide and smooth, (draws, 6)."""
    p = tree["posterior"].dataset
    columns = [p["sd_g"].values[..., 0], p["sd_g"].values[..., 1], p["sd_h"].values[..., 0]]
    columns += [p["sd_z"].values, p["sigma"].values]
    logs = [np.log(c).ravel() for c in columns]
    return np.column_stack([*logs, np.arctanh(p["corr_g"].values[..., 0, 1]).ravel()])


@pytest.fixture(scope="module")
def fits(whole):
    laplace = bl.EmpiricalBayes("map", laplace=True, draws=400)
    trees = {"NUTS": whole.nuts, "EB": whole.eb, "Laplace": bl.fit(whole.model, laplace, seed=1)}
    return {engine: (tree, white(whole, tree)) for engine, tree in trees.items()}


@pytest.mark.parametrize("engine", ["NUTS", "EB", "Laplace"])
def test_coefficients_given_the_variances_are_jointly_normal(fits, engine):
    z = fits[engine][1].reshape(-1, 2 + 2 * GROUPS + OTHERS + 4)
    n, size = z.shape
    assert np.abs(z.mean(axis=0)).max() < SURE / np.sqrt(n)
    error = np.sqrt((1.0 + np.eye(size)) / n)
    assert (np.abs(z.T @ z / n - np.eye(size)) < SURE * error).all()


@pytest.mark.parametrize("engine", ["NUTS", "Laplace"])
def test_what_is_left_of_them_tells_nothing_of_the_variances(fits, engine):
    tree, z = fits[engine]
    theta = variances(tree)
    theta = (theta - theta.mean(axis=0)) / theta.std(axis=0)
    products = z.reshape(len(theta), -1).T @ theta / np.sqrt(len(theta))
    assert np.abs(products).max() < SURE


def test_a_draw_belongs_to_its_own_variances(whole, fits):
    """Draws in another order have the same margins, and another law."""
    tree, own = fits["NUTS"]
    mixed = tree.copy(deep=True)
    order = np.roll(np.arange(200), 1)
    for name in ("sd_g", "corr_g", "sd_h", "sd_z", "sigma"):
        held = mixed["posterior"][name]
        mixed["posterior"][name] = held.copy(data=held.values[:, order])
    error = np.sqrt(2.0 / own.size)
    assert np.mean(own**2) == pytest.approx(1.0, abs=SURE * error)
    assert np.mean(white(whole, mixed) ** 2) > 1.0 + SURE * error


def test_chains_share_no_random_numbers(fits):
    tree, (first, second) = fits["NUTS"]
    assert abs(np.mean(first * second)) < SURE / np.sqrt(first.size)
    one, two = variances(tree).reshape(2, 200, 6)
    assert np.abs(one - two).min() > 0.0
    for a, b in zip(one.T, two.T):
        # chains are correlated in themselves, so the error is that of some 50 independent draws
        assert abs(np.corrcoef(a, b)[0, 1]) < SURE / np.sqrt(50)


def test_chains_of_gibbs_share_no_random_numbers(whole):
    data = whole.data
    model = bl.lmm("y ~ x", data, terms=[bl.ridge(data[["z0", "z1"]], name="z")])
    tree = bl.fit(model, bl.Gibbs(draws=300, tune=100, chains=2), seed=1)
    for name in ("beta", "u_z", "sigma", "sd_z"):
        first, second = tree["posterior"][name].values.reshape(2, 300, -1)
        for a, b in zip(first.T, second.T):
            assert abs(np.corrcoef(a, b)[0, 1]) < SURE / np.sqrt(100)


def test_another_seed_gives_other_draws_and_the_same_seed_the_same(whole):
    fits = [bl.fit(whole.model, bl.EmpiricalBayes(draws=3), seed=s) for s in (1, 1, 2)]
    same, again, other = (t["posterior"]["u_g"].values for t in fits)
    np.testing.assert_array_equal(same, again)
    assert np.abs(same - other).min() > 0.0
