"""Other routes to the posterior of the Bayesian lasso, to be compared with this project's.

    y = mu + X b + e,   e ~ N(0, sigma^2),   b_j ~ N(0, sigma^2 tau_j^2)
    tau_j^2 ~ Exponential(lam^2 / 2),   lam^2 ~ Gamma(1, 1.78),   p(sigma^2) = 1 / sigma^2

mu is integrated out under a flat prior; X is centred with columns of length one. With as many
columns as rows 1 / sigma^2 has no proper posterior to speak of, and sigma is InverseGamma(2, sd y).
Every function returns chains (4, draws) by name: b_j, tau_j, sigma, lam.
"""

import math

import numpy as np

RATE = 1.78  # of the Gamma on lam^2
CHAINS = 4


def standardise(table):
    """X with columns of length one, y centred."""
    y = np.asarray(table["y"], dtype=float)
    X = np.column_stack([np.asarray(table[name], dtype=float) for name in table if name != "y"])
    X = X - X.mean(axis=0)
    return X / np.sqrt((X**2).sum(axis=0)), y - y.mean()


def as_chains(b, tau, sigma, lam):
    """Arrays (4, draws) by name; b and tau (4, draws, p)."""
    columns = {"b": b, "tau": tau}
    return {name: [v[..., j] for j in range(v.shape[-1])] for name, v in columns.items()} | {
        "sigma": [sigma],
        "lam": [lam],
    }


def park_casella(X, y, draws, tune, seed):
    """The Gibbs sampler of Park & Casella (2008, section 2.1) in NumPy, as they wrote it."""
    rng, (n, p) = np.random.default_rng(seed), X.shape
    gram, cross = X.T @ X, X.T @ y
    out = [np.empty((CHAINS, draws, p)), np.empty((CHAINS, draws, p))]
    out += [np.empty((CHAINS, draws)), np.empty((CHAINS, draws))]
    for chain in range(CHAINS):
        b, precision = np.zeros(p), np.ones(p)  # 1 / tau^2
        s2, lam2 = y @ y / n, 1.0
        for step in range(-tune, draws):
            half = np.linalg.cholesky(gram + np.diag(precision))
            middle = np.linalg.solve(half, cross) + math.sqrt(s2) * rng.standard_normal(p)
            b = np.linalg.solve(half.T, middle)
            rest = y - X @ b
            scale = 0.5 * (rest @ rest + b @ (precision * b))
            s2 = scale / rng.gamma(0.5 * (n - 1 + p))
            precision = rng.wald(np.sqrt(lam2 * s2) / np.abs(b), lam2)
            lam2 = rng.gamma(p + 1.0) / (RATE + 0.5 * np.sum(1.0 / precision))
            if step >= 0:
                values = (b, 1.0 / np.sqrt(precision), math.sqrt(s2), math.sqrt(lam2))
                for array, value in zip(out, values, strict=True):
                    array[chain, step] = value
    return as_chains(*out)


def scales_out(X, y, draws, tune, seed):
    """tau integrated out: b is Laplace given sigma and lam; nutpie samples (b, log sigma, log lam).

    b is sampled on the axes of X'X + I, in units of sigma; 1 / tau_j^2 is then drawn from its
    inverse Gaussian law (Park & Casella 2008, equation 6), exactly.
    """
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    (n, p), wide = X.shape, X.shape[1] >= X.shape[0]
    half = np.linalg.cholesky(X.T @ X + np.eye(p))
    axes = np.ascontiguousarray(np.linalg.inv(half).T)
    centre = axes @ (axes.T @ (X.T @ y))
    rows = np.linalg.qr(np.column_stack([X, y]), mode="r") if n > p + 1 else np.column_stack([X, y])
    A, r = np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, -1])
    width = float(np.std(y)) if wide else 0.0
    args = (A, r, axes, centre, float(n - 1), RATE, width)

    def make_logp():
        kernel = _compiled()

        def logp(z):
            grad = np.empty(p + 2)
            return kernel(z, *args, grad), grad

        return logp

    def make_start(seed):
        rng = np.random.default_rng(seed)
        start = 0.5 * rng.standard_normal(p + 2)
        start[p] += math.log(np.std(y))
        return start

    compiled = from_pyfunc(
        p + 2,
        make_logp,
        lambda *seeds: lambda z: {"z": z},
        [np.dtype(np.float64)],
        [(p + 2,)],
        ["z"],
        make_initial_point_fn=make_start,
    )
    tree = nutpie.sample(
        compiled, draws=draws, tune=tune, chains=CHAINS, cores=1, seed=seed, progress_bar=False
    )
    z = tree["posterior"]["z"].values
    sigma, lam = np.exp(z[..., p]), np.exp(z[..., p + 1])
    b = centre + sigma[..., None] * (z[..., :p] @ axes.T)
    rng = np.random.default_rng(seed)
    mean = (lam * sigma)[..., None] / np.abs(b)
    tau = 1.0 / np.sqrt(rng.wald(mean, (lam**2)[..., None]))
    return as_chains(b, tau, sigma, lam)


_KERNEL = []


def _compiled():
    """The log density and its gradient, compiled once and cached on disk."""
    if not _KERNEL:
        from numba import njit

        _KERNEL.append(njit(cache=True, nogil=True, error_model="numpy")(_log_density))
    return _KERNEL[0]


def _log_density(z, A, r, axes, centre, size, rate, width, grad):
    """At z = (c, log sigma, log lam), b = centre + sigma axes c; Jacobians included."""
    p = centre.size
    s, lam = math.exp(z[p]), math.exp(z[p + 1])
    step = axes @ z[:p]
    b = centre + s * step
    e = r - A @ b
    pull = A.T @ e
    ss = e @ e
    total, inner = 0.0, 0.0
    db = np.empty(p)
    for j in range(p):
        total += abs(b[j])
        sign = 1.0 if b[j] > 0.0 else -1.0
        db[j] = pull[j] / (s * s) - lam * sign / s
        inner += db[j] * step[j]
    # b's p factors 1 / sigma cancel with the Jacobian of b = centre + sigma axes c
    value = -size * z[p] - 0.5 * ss / (s * s) - lam * total / s
    value += (p + 2.0) * z[p + 1] - rate * lam * lam
    grad[:p] = s * (axes.T @ db)
    grad[p] = -size + ss / (s * s) + lam * total / s + s * inner
    grad[p + 1] = p + 2.0 - lam * total / s - 2.0 * rate * lam * lam
    if width > 0.0:  # InverseGamma(2, width) on sigma, in log sigma
        value += -2.0 * z[p] - width / s
        grad[p] += -2.0 + width / s
    return value


def pymc_nutpie(X, y, draws, tune, seed):
    """The model as a textbook writes it, sampled by nutpie: every tau_j and b_j is a variable."""
    import nutpie
    import pymc as pm

    with pm.Model() as model:
        log_sigma = pm.Flat("log_sigma")
        sigma = pm.Deterministic("sigma", pm.math.exp(log_sigma))
        lam2 = pm.Gamma("lam2", 1.0, RATE)
        tau2 = pm.Exponential("tau2", 0.5 * lam2, shape=X.shape[1])
        tau = pm.Deterministic("tau", pm.math.sqrt(tau2))
        b = pm.Normal("b", 0.0, sigma * tau)
        mu = pm.Flat("mu")
        pm.Normal("y", mu + pm.math.dot(X, b), sigma, observed=y)
    compiled = nutpie.compile_pymc_model(model)
    tree = nutpie.sample(
        compiled, draws=draws, tune=tune, chains=CHAINS, cores=2, seed=seed, progress_bar=False
    )
    post = tree["posterior"]
    lam = np.sqrt(post["lam2"].values)
    chains = as_chains(post["b"].values, post["tau"].values, post["sigma"].values, lam)
    return chains, int(tree["sample_stats"]["diverging"].sum())
