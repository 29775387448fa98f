"""The rate of a laplace block by marginal maximum likelihood: coefficients and sigma integrated.

With lam = rate^(1/2) and the local scales integrated out the coefficients are Laplace, so that the
score of eta = log lam needs one number of a draw, S = sum_j |u_j| / (a_j common sigma^e):

    l'(eta) = P - lam E[S | y],    l''(eta) = -lam E[S | y] + lam^2 Var[S | y]

(Louis 1982). Every round is one Gibbs run, then a Newton step; where the second derivative is not
negative the step is that of EM, lam = P / E[S] (Casella 2001). It starts at the highest point of a
path (`rate_path`). The last round is as long as the stated error asks for. The mean of S has less
error with control variates whose mean is known to be zero (Mira, Solgi & Imparato 2013): d_j, the
derivative of the log posterior in u_j, times sigma, and u_j d_j + 1, which
integration by parts gives.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...model.laws import Law
from ...types import Array
from .coefficients import SweepData
from .rate_path import draws_of_a_point, supported, walked
from .sampler import SweepDraws, SweptBlock, sample

TUNE, FIRST = 200, 500  # sweeps before the draws of a round, draws a chain of the first
FAR = 0.7  # the largest step in log lam
ROUNDS = 60
BUDGET = 1.5e6  # microseconds that the sweeps of a round may take, roughly
ENOUGH = 0.1  # error of log lam in its own standard errors that will do,
VAGUE = 1.0  # where these are larger than this, or the budget is spent
FLAT = 4  # rounds of the whole budget after which nothing more is hoped for
INSTEAD = "keep the prior of lam (NUTS(), Gibbs()), or give it a value"
NOTHING, EVERYTHING = 1e-2, 1e8  # prior variance of a coefficient over that of its estimate


@dataclass(frozen=True)
class RateMaximum:
    """Where the marginal likelihood of lam = rate^(1/2) is largest.

    Attributes
    ----------
    lam : (K,)
        One for each block asked for.
    error : (K,)
        Monte Carlo standard error of lam, and what Newton's last step may have left.
    spread : (K,)
        Standard error by the observed information: lam times that of log lam.
    draws : int
        SweepDraws of the last round, all chains.
    rounds : int
        How many Gibbs runs were made.
    """

    lam: Array
    error: Array
    spread: Array
    draws: int
    rounds: int


def maximise_rate(
    data: SweepData,
    centre: Array,
    blocks: Sequence[SweptBlock],
    sigma: Law | float,
    which: Sequence[int] = (0,),
    *,
    rng: np.random.Generator,
    error: float = 5e-4,
    chains: int = 4,
    names: Sequence[str] = (),
) -> RateMaximum:
    """Maximise p(y | lam) over the rates of some laplace blocks.

    Parameters
    ----------
    data, centre, blocks, sigma
        As for `sample`; what the blocks `which` give as rate is not used.
    which : sequence of int
        The blocks whose rate is wanted.
    rng : numpy Generator
    error : float
        Monte Carlo standard error of log lam at which to stop; where the budget allows no such, a
        tenth of what the data leave open is enough.
    chains : int
    names : sequence of str
        What the blocks are called in messages; by default their numbers.

    Returns
    -------
    RateMaximum

    Raises
    ------
    ValueError
        Where a block is not laplace; where lam runs to infinity (the data support no effect of
        the block) or to zero (the coefficients can follow every row); where the likelihood is so
        flat that no budget finds its maximum.
    """
    called = list(names) or [f"block {k}" for k in range(len(blocks))]
    _check(blocks, which)
    columns = [_columns(blocks, k) for k in which]
    power = np.array([_power(data, c, blocks[k]) for k, c in zip(which, columns)])

    def at(eta: Array) -> list[SweptBlock]:
        rates = dict(zip(which, np.exp(2.0 * eta)))
        return [replace(b, rate=rates.get(k, b.rate)) for k, b in enumerate(blocks)]

    def sampled(eta: Array, draws: int) -> SweepDraws:
        options = {"draws": draws, "tune": TUNE, "chains": chains, "rng": rng}
        return sample(data, centre, at(eta), sigma, **options)  # type: ignore[arg-type]

    def asked(eta: Array, draws: int) -> tuple[Array, Array, Array]:
        return _newton(data, centre, sampled(eta, draws), at(eta), which, columns)

    few = draws_of_a_point(data.A.shape[1], chains)
    eta = _begin(data, centre, blocks, which, columns, power, few, sampled, called)
    most = int(BUDGET / (chains * (5.0 + 0.5 * data.A.shape[1])))
    draws, flat = min(FIRST, most), 0
    for rounds in range(1, ROUNDS + 1):
        step, bound, curvature = asked(eta, draws)
        bound = np.hypot(bound, step**2)  # Newton's remainder is of the second order
        eta = eta + np.clip(step, -FAR, FAR)
        _check_inside(eta, power, [called[k] for k in which])
        away, worst = np.abs(step).max(), bound.max()
        definite = np.linalg.eigvalsh(curvature)[-1] < 0.0
        spread = np.sqrt(np.diag(np.linalg.inv(-curvature))) if definite else np.zeros(eta.size)
        vague = (spread > VAGUE) | (draws == most)
        if definite and np.all(bound <= np.where(vague, np.maximum(error, ENOUGH * spread), error)):
            lam = np.exp(eta)
            return RateMaximum(lam, lam * bound, lam * spread, draws * chains, rounds)
        flat += draws == most
        if flat == FLAT:
            break
        if worst < 0.3 and away < 0.3:
            wanted = 1.2 * draws * (worst / error) ** 2 + FIRST
            draws = int(min(max(wanted, draws), (4 if away > 0.05 else 50) * draws, most))
        elif worst > away:  # more noise than step
            draws = min(2 * draws, most)
    raise ValueError(
        f"lam did not settle in {rounds} rounds (the last step of log lam was {away:.2g}): the "
        f"data hardly say how large it is; {INSTEAD}"
    )


def _begin(
    data: SweepData,
    centre: Array,
    blocks: Sequence[SweptBlock],
    which: Sequence[int],
    columns: Sequence[np.ndarray],
    power: Array,
    draws: int,
    sampled: Callable[[Array, int], SweepDraws],
    called: Sequence[str],
) -> Array:
    """eta from which Newton's method starts: the highest point of a path.

    Raises
    ------
    ValueError
        Where the likelihood is highest next to no effect, and rises on from there.
    """
    kept: list[SweepDraws] = []

    def slope_at(eta: Array) -> Array:
        kept.append(sampled(eta, draws))
        lam, run = np.exp(eta), kept[-1]
        sums = [np.abs(r).sum(axis=-1).mean() for r in _ratios(run, blocks, which, columns)]
        return np.array([c.size for c in columns]) - lam * sums

    path = walked(power, slope_at)
    if path.best:
        return path.eta[path.best]
    for k, c in zip(which, columns):
        if not supported(data, centre, kept[0], c, _units(kept[0], blocks[k], k)):
            raise ValueError(no_effect(called[k]))
    return path.eta[0]


def _check(blocks: Sequence[SweptBlock], which: Sequence[int]) -> None:
    for k in which:
        law = blocks[k].local
        bounded = isinstance(blocks[k].slab2, Law) or np.isfinite(blocks[k].slab2)
        if not isinstance(law, Law) or law.name != "Rayleigh" or bounded:
            raise ValueError(f"block {k} is not laplace: its coefficients have no rate to maximise")


def _check_inside(eta: Array, power: Array, names: Sequence[str]) -> None:
    ratio = 2.0 * power * np.exp(-2.0 * eta)
    for name, r in zip(names, ratio):
        if r < NOTHING:
            raise ValueError(no_effect(name))
        if r > EVERYTHING:
            raise ValueError(
                f"the marginal likelihood of lam rises to zero: the coefficients of {name} can "
                f"follow every row; {INSTEAD}"
            )


def no_effect(name: str) -> str:
    """What to do where lam's likelihood is highest at infinity."""
    return (
        f"no signal: the marginal likelihood of lam rises to infinity, since the data support no "
        f"effect of {name}; drop it, or {INSTEAD}"
    )


def _columns(blocks: Sequence[SweptBlock], k: int) -> np.ndarray:
    start = sum(b.columns for b in blocks[:k])
    return np.arange(start, start + blocks[k].columns)


def _power(data: SweepData, c: np.ndarray, block: SweptBlock) -> float:
    """Mean sum of squares of a block's columns, in units of its coefficients."""
    variance = 1.0 if block.power else data.z @ data.z / data.size
    return float(np.mean((data.A[:, c] ** 2).sum(axis=0)) / variance)


def _newton(
    data: SweepData,
    centre: Array,
    run: SweepDraws,
    blocks: Sequence[SweptBlock],
    which: Sequence[int],
    columns,
) -> tuple[Array, Array, Array]:
    """Step in eta, its Monte Carlo error, and the second derivative."""
    lam = np.array([np.sqrt(blocks[k].rate) for k in which])
    units = [_units(run, blocks[k], k) for k in which]
    ratios = _ratios(run, blocks, which, columns)
    S = np.stack([np.abs(r).sum(axis=-1) for r in ratios], axis=-1)  # (chains, draws, K)
    zero = [
        _known_zero(data, centre, run, c, np.sign(r) * l / unit)
        for c, r, unit, l in zip(columns, ratios, units, lam)
    ]
    score = lam * _controlled(S, np.concatenate(zero, axis=-1))  # its mean is that of lam S
    size = np.array([c.size for c in columns], float)
    mean = score.mean(axis=(0, 1))
    curvature = np.atleast_2d(np.cov((lam * S).reshape(-1, lam.size).T)) - np.diag(mean)
    slope = np.linalg.inv(curvature)
    step = -slope @ (size - mean)
    error = np.abs([_error(v) for v in np.moveaxis(score @ slope.T, -1, 0)])
    if np.linalg.eigvalsh(curvature)[-1] >= 0.0:
        step, error = np.log(size / mean), np.full(size.size, np.inf)
    return step, error, curvature


def _ratios(
    run: SweepDraws,
    blocks: Sequence[SweptBlock],
    which: Sequence[int],
    columns: Sequence[np.ndarray],
) -> list[Array]:
    """u_j / (a_j common sigma^e) of every block asked for, (chains, draws, columns)."""
    return [run.u[..., c] / _units(run, blocks[k], k) for k, c in zip(which, columns)]


def _units(run: SweepDraws, block: SweptBlock, k: int) -> Array:
    """a_j common sigma^e, (chains, draws, columns)."""
    a = np.broadcast_to(block.local.parameters[0], block.columns)
    noise = run.sigma if block.power else np.ones_like(run.sigma)
    return (run.heads[:, :, k, 0] * noise)[..., None] * a


def _known_zero(data: SweepData, centre: Array, run: SweepDraws, c: Array, prior: Array) -> Array:
    """Functions of the draws with mean zero, (chains, draws, 2 columns)."""
    rest = data.z - run.u @ data.A.T - (run.beta - centre) @ data.X.T
    sigma = run.sigma[..., None]
    slope = rest @ data.A[:, c] / sigma**2 - prior
    return np.concatenate([slope * sigma, 1.0 + run.u[..., c] * slope], axis=-1)


def _controlled(S: Array, zero: Array) -> Array:
    """S less its regression on functions of mean zero; S where draws are too few for that."""
    shape, k = S.shape, zero.shape[-1]
    if S[..., 0].size < 50 * k:
        return S
    Z, s = zero.reshape(-1, k), S.reshape(-1, shape[-1])
    scale = Z.std(axis=0) + 1e-300
    Z = Z / scale
    fitted = np.linalg.lstsq(np.cov(Z.T), (Z - Z.mean(axis=0)).T @ s / Z.shape[0], rcond=1e-10)[0]
    return S - (Z @ fitted).reshape(shape)


def _error(values: Array) -> float:
    """Monte Carlo standard error of a mean over chains."""
    from arviz_stats.base import array_stats

    return float(values.std() / np.sqrt(array_stats.ess(values, method="mean")))
