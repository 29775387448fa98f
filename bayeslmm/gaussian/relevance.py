"""doc
"""
from dataclasses import dataclass
import numpy as np
from numpy.typing import NDArray
from .active import FLOOR, LONGEST, Basis, State, condition, coordinates, enter, slopes, uphill
from .compiled import jit
from .sums import Array

TOLERANCE = 1e-6  # of the log density: less is not a gain


@jit
def worth(t):
    """Gain of a column at its best variance, t = q^2 / s (Tipping & Faul 2003, eqs. 17-20, 25)."""
    return 0.5 * (t - 1.0 - np.log(t)) if t > 1.0 else 0.0


@jit
def drop(state, a):
    """Take entry a out of the active set."""
    k = state.count[0] - 1
    state.columns[a], state.d[a] = state.columns[k], state.d[k]
    state.count[0] = k


@jit
def own(point, a):
    S = Q = 0.0
    for i in range(point.omega.size):
        S += point.X[i, a] ** 2
        Q += point.X[i, a] * point.omega[i]
    return S, Q


@jit
def weakest(point, d):
    """The active column that is worth least, and its worth."""
    least, at = np.inf, 0
    for a in range(d.size):
        S, Q = own(point, a)
        w = max(1.0 - d[a] * S, 1e-15)
        gain = worth(Q * Q / (S * w))
        if gain < least:
            least, at = gain, a
    return at, least


@jit
def prune(basis, state, point, price):
    """Drop the columns that are not worth their price, the weakest first."""
    while state.count[0]:
        k = state.count[0]
        at, gain = weakest(point, state.d[:k])
        if gain > price + 0.5 * TOLERANCE:
            break
        column, d = state.columns[at], state.d[at]
        drop(state, at)
        without = condition(basis, coordinates(basis, state), state.d[: k - 1], state.v[0])
        if without.value < point.value - price - TOLERANCE:  # its worth was lost in rounding
            state.columns[k - 1], state.d[k - 1] = state.columns[at], state.d[at]
            state.columns[at], state.d[at] = column, d
            state.count[0] = k
            break
        point = without
    return point


@jit
def ascend(basis, state, free, price, rounds, enough):
    """Newton steps in all variances (and the noise, if free); worthless columns leave."""
    k = state.count[0]
    R = coordinates(basis, state)
    point = condition(basis, R, state.d[:k], state.v[0])
    for _ in range(rounds):
        point = prune(basis, state, point, price)
        if state.count[0] < k:
            k = state.count[0]
            R = coordinates(basis, state)
        d, v = state.d[:k].copy(), state.v[0]
        g, H = slopes(basis, point, d, v)
        if not free or (v <= FLOOR and g[k] < 0.0):
            g[k] = 0.0
            H[k, :], H[:, k] = 0.0, 0.0
            H[k, k] = 1.0
        step = uphill(g, H)
        rise = np.dot(g, step)
        if rise < enough:
            break
        longest = np.max(np.abs(step))
        t = min(1.0, LONGEST / longest)
        moved = False
        for _ in range(12):
            trial_v = max(v * np.exp(t * step[k]), FLOOR) if free else v
            trial = condition(basis, R, d * np.exp(t * step[:k]), trial_v)
            if trial.value > point.value:
                moved = True
                break
            t *= 0.5
        if not moved:
            break
        state.d[:k] = d * np.exp(t * step[:k])
        state.v[0] = trial_v
        point = trial
    return point


@jit
def views(basis, point, v):
    """V = L^-1 U (m, P), and S and Q of every column."""
    m, P = basis.size[0], basis.left.size
    S, Q = basis.left / v, basis.cross / v
    for j in range(P):
        if basis.left[j] < 1e-14:
            Q[j] = 0.0
            S[j] = 0.0
    V = np.dot(point.W, basis.U[:m])
    for i in range(m):
        for j in range(P):
            S[j] += V[i, j] ** 2
            Q[j] += V[i, j] * point.omega[i]
    return V, S, Q


@jit
def best_entry(state, S, Q):
    """The inactive column with the largest q^2 / s."""
    k = state.count[0]
    best, at = 1.0, -1
    for j in range(S.size):
        if S[j] > 0.0 and Q[j] ** 2 > best * S[j]:
            inside = False
            for a in range(k):
                inside = inside or state.columns[a] == j
            if not inside:
                best, at = Q[j] ** 2 / S[j], j
    return at, best


@jit
def best_exchange(state, point, V, S, Q):
    """The exchange of an active for an inactive column that gains most, others held."""
    k = state.count[0]
    most, out, into, ratio = 0.0, -1, -1, 1.0
    Y = np.dot(point.X.T, V)
    for a in range(k):
        Sa, Qa = own(point, a)
        d = state.d[a]
        w = max(1.0 - d * Sa, 1e-15)
        lost = 0.5 * (d * Qa * Qa / w + np.log(w))
        c = d / w
        best, at = 1.0, -1
        for j in range(S.size):
            s = S[j] + c * Y[a, j] ** 2
            q = Q[j] + c * Y[a, j] * Qa
            if s > 0.0 and q * q > best * s:
                inside = False
                for b in range(k):
                    inside = inside or state.columns[b] == j
                if not inside:
                    best, at = q * q / s, j
        if at >= 0 and worth(best) - lost > most:
            s = S[at] + c * Y[a, at] ** 2
            most, out, into, ratio = worth(best) - lost, a, at, (best - 1.0) / s
    return out, into, ratio, most


@jit
def climb(basis, state, free, held, price, moves, exchange, cap):
    """From the state given to a point that no single move betters."""
    count = 0
    ROUNDS, LOOSE = 3, 1e-2
    point = ascend(basis, state, free and not held, price, 50, 1e-8)
    while count < moves:
        V, S, Q = views(basis, point, state.v[0])
        at, t = best_entry(state, S, Q)
        k = state.count[0]
        if at >= 0 and worth(t) > price + TOLERANCE and not (held and count >= cap):
            count += 1
            enter(basis, at)
            state.columns[k], state.d[k] = at, (t - 1.0) / S[at]
            state.count[0] += 1
            point = ascend(basis, state, free and not held, price, ROUNDS, LOOSE)
            continue
        # nothing enters: is this a maximum?
        before = point.value - price * k
        held_before = held
        held = False
        point = ascend(basis, state, free, price, 100, 1e-12)
        if held_before or point.value - price * state.count[0] > before + TOLERANCE:
            continue
        if not exchange:
            break
        V, S, Q = views(basis, point, state.v[0])
        k = state.count[0]
        out, into, d, gain = best_exchange(state, point, V, S, Q)
        if out < 0 or gain < TOLERANCE:
            break
        kept_columns, kept_d, kept_v = state.columns[:k].copy(), state.d[:k].copy(), state.v[0]
        before = point.value - price * k
        enter(basis, into)
        state.columns[out], state.d[out] = into, d
        point = ascend(basis, state, free, price, 20, 1e-6)
        count += 1
        if point.value - price * state.count[0] < before + TOLERANCE:
            state.columns[:k], state.d[:k], state.v[0] = kept_columns, kept_d, kept_v
            state.count[0] = k
            point = ascend(basis, state, free, price, 100, 1e-12)
            break
    return point.value, count


@dataclass(frozen=True)
class Relevance:
    active: NDArray[np.int64]
    scale: Array
    sigma: float
    log_density: float
    evaluations: int
    starts: tuple[float, ...]

LEVELS = (0.2, 0.5, 0.1)

def search(Phi, y, *, sigma=None, price=0.0, starts=3, exchange=True, levels=LEVELS, cap=15):
    n, P = Phi.shape
    rms = np.sqrt(np.mean(y**2))
    inverse = np.sqrt(np.einsum("ij,ij->j", Phi, Phi))
    size = inverse.copy()
    inverse = np.where(size > 0, 1 / np.where(size>0,size,1), 0)
    room = min(n, P)
    target = y / rms
    basis = Basis(Phi, inverse, np.empty((room, n)), np.empty((room, P)), np.zeros(room), target.copy(),
       (size > 0) * 1.0, (Phi.T @ target) * inverse, np.zeros(1, np.int64))
    reached = []
    best = None
    total = 0
    for level in levels[:starts]:
        v = level**2 if sigma is None else (sigma / rms)**2
        state = State(np.zeros(P, np.int64), np.zeros(P), np.array([v]), np.zeros(1, np.int64))
        value, count = climb(basis, state, sigma is None, True, price, 10 * room + 100, exchange, cap)
        value -= n * np.log(rms)
        total += count
        k = state.count[0]
        reached.append(value - price * k)
        if best is None or reached[-1] > best[0]:
            best = reached[-1], value, state
    _, value, state = best
    k = state.count[0]
    order = np.argsort(state.columns[:k])
    active = state.columns[:k][order]
    return Relevance(active, np.sqrt(state.d[:k][order]) * rms * inverse[active], rms * np.sqrt(state.v[0]), value, total, tuple(reached))
