"""Sparse evidence maximisation against dense normal densities and brute force.

Published and independent optima: the relevance vector machine on two sinc data sets, by several
starts of three algorithms of others' making (linear splines: Tipping 2001, eq. 24).
"""

import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from bayeslmm import datasets
from bayeslmm.solvers.relevance import search


def gaussian(x, width=3.0):
    return np.exp(-(((x[:, None] - x) / width) ** 2))


def linear_spline(x):
    a, b = x[:, None], x[None]
    m = np.minimum(a, b)
    return 1 + a * b + a * b * m - (a + b) / 2 * m**2 + m**3 / 3


def with_bias(K):
    return np.column_stack([np.ones(len(K)), K])


def density(Phi, y, s, sigma):
    """Dense truth: log N(y; 0, sigma^2 I + Phi diag(s^2) Phi')."""
    C = sigma**2 * np.eye(len(y)) + (Phi * s**2) @ Phi.T
    return multivariate_normal(cov=C).logpdf(y)


def spread(Phi, found):
    s = np.zeros(Phi.shape[1])
    s[found.active] = found.scale
    return s


def regression(n, P, true, noise=1.0, seed=1):
    rng = np.random.default_rng(seed)
    Phi = rng.standard_normal((n, P))
    return Phi, Phi[:, : len(true)] @ np.asarray(true) + noise * rng.standard_normal(n)


def sinc(n, seed, kernel=gaussian):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-10, 10, n)
    return with_bias(kernel(x)), np.sin(x) / x + 0.1 * rng.standard_normal(n)


PROBLEMS = {
    "few columns": (regression(50, 8, [2.0, -1.0]), {}),
    "more columns than rows": (regression(40, 90, [3.0, -3.0]), {"price": np.log(90)}),
    "more columns than rows, known noise": (regression(40, 90, [3.0, -3.0]), {"sigma": 1.0}),
    "as many columns as rows": (regression(30, 30, [3.0, -3.0], seed=3), {"price": 2.0}),
    "known noise": (regression(50, 8, [2.0, -1.0]), {"sigma": 0.8}),
    "gaussian kernel": (sinc(60, 2), {}),
    "linear splines": (sinc(60, 2, linear_spline), {}),
    "many true columns": (regression(90, 50, np.linspace(-2.0, 2.0, 40)), {}),
    "one column": (regression(20, 1, [1.0]), {}),
    "one row": ((np.ones((1, 3)), np.array([2.0])), {"sigma": 1.0}),
}


@pytest.fixture(params=PROBLEMS, scope="module")
def solved(request):
    (Phi, y), options = PROBLEMS[request.param]
    return Phi, y, options, search(Phi, y, **options)


def test_the_log_density_is_that_of_the_dense_normal(solved):
    Phi, y, _, found = solved
    truth = density(Phi, y, spread(Phi, found), found.sigma)
    assert found.log_density == pytest.approx(truth, rel=1e-9, abs=1e-9)
    assert (np.diff(found.active) > 0).all()
    assert (found.scale > 0).all()


def test_the_gradient_is_zero_at_the_result(solved):
    Phi, y, options, found = solved
    kept = Phi[:, found.active]
    at = np.log([*found.scale, found.sigma])
    h = 1e-4  # of a logarithm: truncation h^2, rounding of the density 1e-12 / h
    for i in range(len(at) - ("sigma" in options)):
        e = h * (np.arange(len(at)) == i)
        up, down = (density(kept, y, np.exp(p[:-1]), np.exp(p[-1])) for p in (at + e, at - e))
        assert abs(up - down) / (2 * h) < 1e-4


def test_no_column_left_out_is_worth_its_price(solved):
    Phi, y, options, found = solved
    s, price = spread(Phi, found), options.get("price", 0.0)
    length = np.linalg.norm(Phi, axis=0)
    for j in set(range(Phi.shape[1])) - set(found.active):
        for width in np.linalg.norm(y) / length[j] * np.logspace(-6, 2, 60):
            wider = s.copy()
            wider[j] = width
            assert density(Phi, y, wider, found.sigma) < found.log_density + price + 1e-5


def test_every_column_kept_is_worth_its_price(solved):
    Phi, y, options, found = solved
    for a in found.active:
        s = spread(Phi, found)
        s[a] = 0.0
        without = density(Phi, y, s, found.sigma)
        assert found.log_density - without > options.get("price", 0.0)


def test_the_best_start_is_kept(solved):
    _, _, options, found = solved
    best = found.log_density - options.get("price", 0.0) * len(found.active)
    assert len(found.starts) == 3
    assert max(found.starts) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_a_tiny_problem_reaches_the_best_of_many_random_starts(seed):
    Phi, y = regression(30, 4, [1.0, -0.3], seed=seed)
    Phi[:, 3] = 0.9 * Phi[:, 0] + 0.5 * Phi[:, 3]
    rng = np.random.default_rng(seed)

    def loss(logs):
        return -density(Phi, y, np.exp(logs[:-1]), np.exp(logs[-1]))

    bounds = [(-16.0, 3.0)] * 4 + [(-3.0, 3.0)]
    reached = [
        minimize(loss, rng.normal(-0.5, 1.0, 5), method="L-BFGS-B", bounds=bounds)
        for _ in range(12)
    ]
    best = -min(r.fun for r in reached)
    found = search(Phi, y)
    assert found.log_density == pytest.approx(best, abs=1e-4)  # an optimum, by differences
    width = np.exp(min(reached, key=lambda r: r.fun).x)
    assert found.sigma == pytest.approx(width[-1], rel=1e-3)
    assert spread(Phi, found) == pytest.approx(width[:-1], abs=1e-2)


REFERENCES = {  # kernel, data: log evidence, vectors, noise
    ("gaussian", "sinc_gauss01"): (64.108, 5, 0.1111),
    ("gaussian", "sinc_gauss02"): (-0.583, 5, 0.2251),
    ("linear_spline", "sinc_gauss01"): (45.46, None, None),
    ("linear_spline", "sinc_gauss02"): (-17.28, None, None),
}


@pytest.mark.parametrize(("kernel", "name"), REFERENCES)
def test_sinc_reaches_the_reference(kernel, name):
    data = datasets.load(name)
    basis = {"gaussian": gaussian, "linear_spline": linear_spline}[kernel]
    found = search(with_bias(basis(data["x"].to_numpy())), data["t"].to_numpy())
    value, vectors, noise = REFERENCES[kernel, name]
    assert found.log_density > value - 0.05  # of many optima a good one; the bar is 0.5
    if vectors:
        assert len(found.active) == vectors
        assert found.sigma == pytest.approx(noise, rel=5e-3)


def test_where_no_column_helps_all_are_pruned():
    rng = np.random.default_rng(1)
    q = np.linalg.qr(rng.standard_normal((40, 6)))[0]
    y = q[:, 5]  # orthogonal to every column
    found = search(q[:, :5] * [1, 2, 3, 4, 5], y)
    rms = np.sqrt(np.mean(y**2))
    assert found.active.size == found.scale.size == 0
    assert found.sigma == pytest.approx(rms, rel=1e-9)
    assert found.log_density == pytest.approx(-20 * np.log(2 * np.pi * rms**2) - 20, rel=1e-12)
    assert found.evaluations == 0


def test_at_its_price_pure_noise_keeps_nothing():
    rng = np.random.default_rng(2)
    found = search(rng.standard_normal((60, 200)), rng.standard_normal(60), price=np.log(200))
    assert found.active.size == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_price_of_log_p_keeps_the_true_columns_alone(seed):
    Phi, y = regression(150, 600, [2.0, -2.0, 1.5, 1.0, -1.0], seed=seed)
    found = search(Phi, y, price=np.log(600))
    assert found.active.tolist() == [0, 1, 2, 3, 4]


def test_without_a_price_more_columns_than_rows_overfit():
    Phi, y = regression(40, 120, [3.0, -3.0])
    found = search(Phi, y, starts=1)
    assert found.active.size > 20
    assert found.sigma < 0.1  # the truth is 1


def test_units_of_y_and_of_columns_are_carried_through():
    Phi, y = regression(50, 8, [2.0, -1.0])
    units = 10.0 ** np.arange(-4, 4)
    found, other = search(Phi, y), search(Phi * units, 1e-3 * y)
    assert other.active.tolist() == found.active.tolist()
    assert other.sigma == pytest.approx(1e-3 * found.sigma, rel=1e-6)
    assert other.scale == pytest.approx(1e-3 * found.scale / units[found.active], rel=1e-5)
    assert other.log_density == pytest.approx(found.log_density - 50 * np.log(1e-3), abs=1e-7)


def test_of_equal_columns_one_is_kept():
    Phi, y = regression(50, 8, [2.0, -1.0])
    found, twice = search(Phi, y), search(np.column_stack([Phi, -3.0 * Phi, Phi]), y)
    assert twice.log_density == pytest.approx(found.log_density, abs=1e-6)
    assert sorted(twice.active % 8) == found.active.tolist()


def test_a_column_of_zeros_is_never_kept():
    Phi, y = regression(50, 8, [2.0, -1.0])
    found, padded = search(Phi, y), search(np.column_stack([np.zeros(50), Phi]), y)
    assert (padded.active - 1).tolist() == found.active.tolist()
    assert search(np.zeros((50, 2)), y).active.size == 0


def test_digits_are_kept_where_the_noise_is_a_millionth_of_the_signal():
    Phi, y = regression(25, 6, [1.0, -2.0, 3.0], noise=1e-6)
    found = search(Phi, y)
    assert {0, 1, 2} <= set(found.active.tolist())
    assert 0.5e-6 < found.sigma < 2e-6
    with mp.workdps(40):  # condition number 1e12: float64 is no judge
        A = mp.matrix(Phi[:, found.active]) * mp.diag(found.scale.tolist())
        L = mp.cholesky(A * A.T + mp.mpf(found.sigma) ** 2 * mp.eye(25))
        z = mp.lu_solve(L, mp.matrix(y))
        truth = -sum(mp.log(L[i, i]) + z[i] ** 2 / 2 for i in range(25))
        truth -= 12.5 * mp.log(2 * mp.pi)
    assert found.log_density == pytest.approx(float(truth), abs=1e-5)


def test_an_exact_fit_ends_at_the_least_noise():
    Phi, y = regression(25, 6, [1.0, -2.0, 3.0], noise=0.0)
    found = search(Phi, y)
    assert found.active.tolist() == [0, 1, 2]
    assert found.sigma == pytest.approx(1e-8 * np.sqrt(np.mean(y**2)), rel=1e-6)


def test_frozen_and_fortran_arrays_give_the_same():
    Phi, y = regression(50, 8, [2.0, -1.0])
    found = search(Phi, y)
    frozen = Phi.copy()
    frozen.flags.writeable = False
    for given in (frozen, np.asfortranarray(Phi), np.repeat(Phi, 2, axis=1)[:, ::2]):
        other = search(given, y)
        assert other.log_density == found.log_density
        assert (other.scale == found.scale).all()


def test_a_response_of_zeros_needs_a_known_noise():
    Phi, _ = regression(20, 3, [])
    found = search(Phi, np.zeros(20), sigma=2.0)
    assert found.active.size == 0
    assert found.log_density == pytest.approx(-10 * np.log(2 * np.pi * 4.0), rel=1e-12)
    with pytest.raises(ValueError, match=r"y is zero in every row.*give sigma"):
        search(Phi, np.zeros(20))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Phi": np.ones(20)}, r"Phi should be \(n, P\)"),
        ({"Phi": np.ones((19, 3))}, r"got \(19, 3\) and \(20,\)"),
        ({"Phi": np.ones((20, 0))}, "none empty"),
        ({"Phi": np.where(np.arange(3) == 1, np.nan, np.ones((20, 3)))}, "column 1 is not"),
        ({"y": np.full(20, np.inf)}, "y should be finite"),
        ({"sigma": 0.0}, "sigma should be a positive number or None but got 0.0"),
        ({"price": -1.0}, "price should be a finite number, at least 0, but got -1.0"),
        ({"starts": 0}, "starts should be an integer from 1 to 8 but got 0"),
    ],
)
def test_bad_input_is_refused_with_a_reason(change, message):
    Phi, y = regression(20, 3, [1.0])
    with pytest.raises(ValueError, match=message):
        search(**({"Phi": Phi, "y": y} | change))
