"""The moves of a search for sparse evidence: the best column enters, worthless ones leave.

Seen from one column, with all else held, the evidence has one maximum (Faul & Tipping 2002): at
d = (q^2 - s) / s^2 where t = q^2 / s exceeds one, else at zero, and the column is then worth
(t - 1 - log t) / 2. The column outside with the largest t enters (Tipping & Faul 2003), all
variances and the noise go uphill together, columns that are no longer worth their price leave, and
so on. The criterion rises with every move, hence no cycle; the end is where no column is worth it.
"""

import numpy as np

from .active import FLOOR, LONGEST, condition, coordinates, enter, slopes, uphill
from .compiled import jit

FIRST = 16  # moves at most while the noise is held
TOLERANCE = 1e-6  # of the log density: less is no gain
LOOSE = 1e-2  # rise of a Newton step that ends the work between moves
CLOSE = 1e-18  # rise of a Newton step at which the maximum is reached
SAME = 1.0 - 1e-12  # cosine of two columns from which they are one
TOGETHER = 16  # for so many active columns, one more enters at a time
KEPT = 1e-8  # share of S below which a difference has no digits
HIDDEN = 1e-14  # squared share outside the basis that is rounding


@jit
def worth(t):
    """What a column at its best variance adds to the log density, t = q^2 / s."""
    return 0.5 * (t - 1.0 - np.log(t)) if t > 1.0 else 0.0


@jit
def weakest(point, d, price):
    """The active column that is worth least beyond its price, and how much that is."""
    least, at = np.inf, 0
    for a in range(d.size):
        S = Q = 0.0
        for i in range(point.omega.size):
            S += point.X[i, a] ** 2
            Q += point.X[i, a] * point.omega[i]
        gain = worth(Q * Q / (S * max(1.0 - d[a] * S, 1e-15))) - price[a]
        if gain < least:
            least, at = gain, a
    return at, least


@jit
def swap(state, a, b):
    """Exchange the places of two active columns."""
    j, d = state.columns[a], state.d[a]
    state.columns[a], state.d[a] = state.columns[b], state.d[b]
    state.columns[b], state.d[b] = j, d


@jit
def prune(basis, state, point):
    """Drop the columns that are not worth their price, the weakest first."""
    while state.size[0]:
        last = state.size[0] - 1
        prices = basis.price[state.columns[: last + 1]]
        at, gain = weakest(point, state.d[: last + 1], prices)
        if gain > 0.5 * TOLERANCE:
            break
        swap(state, at, last)
        state.size[0] = last
        without = condition(basis, coordinates(basis, state), state.d[:last], state.v[0])
        if without.value < point.value - prices[at] - TOLERANCE:  # its worth was lost in rounding
            state.size[0] = last + 1
            swap(state, at, last)
            break
        point = without
    return point


@jit
def ascend(basis, state, free, rounds, enough):
    """Newton steps in all variances (and the noise, if free) until a step gains not enough."""
    k = state.size[0]
    R = coordinates(basis, state)
    point = condition(basis, R, state.d[:k], state.v[0])
    for _ in range(rounds):
        point = prune(basis, state, point)
        if state.size[0] < k:
            k = state.size[0]
            R = coordinates(basis, state)
        d, v = state.d[:k].copy(), state.v[0]
        g, H = slopes(basis, point, d, v)
        if not free or (v <= FLOOR and g[k] < 0.0):
            g[k] = H[k, :] = H[:, k] = 0.0
            H[k, k] = 1.0
        step = uphill(g, H)
        if np.dot(g, step) < enough:
            break
        least = point.value - 1e-12 * (1.0 + abs(point.value))
        t = min(1.0, LONGEST / np.max(np.abs(step)))
        for _ in range(12):
            tried = max(v * np.exp(t * step[k]), FLOOR) if free else v
            trial = condition(basis, R, d * np.exp(t * step[:k]), tried)
            if trial.value > least:
                break
            t *= 0.5
        if not trial.value > least:
            break
        state.d[:k], state.v[0] = d * np.exp(t * step[:k]), tried
        rises = trial.value > point.value
        point = trial
        if not rises:  # level but for rounding: the last step
            break
    return point


@jit
def views(basis, state, point):
    """V = L^-1 q'Phi (m, P), and S and Q of every column; zeros stand for what cannot enter."""
    m, P = basis.size[0], basis.left.size
    S, Q = np.zeros(P), np.zeros(P)
    for j in range(P):
        if basis.left[j] > HIDDEN:
            S[j], Q[j] = basis.left[j] / state.v[0], basis.cross[j] / state.v[0]
    V = np.dot(point.W, basis.U[:m]) if m else np.zeros((0, P))
    for i in range(m):
        for j in range(P):
            S[j] += V[i, j] ** 2
            Q[j] += V[i, j] * point.omega[i]
    S[state.columns[: state.size[0]]] = 0.0
    return V, S, Q


@jit
def best(S, Q, price):
    """The column that is worth most beyond its price, its t = q^2 / s, and how much that is.

    Outside the active set q = Q and s = S.
    """
    most, at, largest = -np.inf, 0, 1.0
    for j in range(S.size):
        if S[j] > 0.0 and Q[j] ** 2 > S[j]:
            t = Q[j] ** 2 / S[j]
            if 0.5 * (t - 1.0) - price[j] > most:  # else no logarithm can make it the best
                gain = worth(t) - price[j]
                if gain > most:
                    most, at, largest = gain, j, t
    return at, largest, most


@jit
def add(basis, state, j, d):
    """Column j enters; where an active column is the same but for length, that one takes it up."""
    enter(basis, j)
    k = state.size[0]
    for a in range(k):
        cosine = 0.0
        for i in range(basis.size[0]):
            cosine += basis.U[i, state.columns[a]] * basis.U[i, j]
        if abs(cosine) > SAME:
            state.d[a] += d
            return
    state.columns[k], state.d[k] = j, d
    state.size[0] = k + 1


@jit
def fill(basis, state, point):
    """The best column enters; beside many active ones a few more, each given those before it.

    With u = phi'C^-1 phi_a and r = d_a / (1 + d_a S_a), column a takes r u^2 off S, r u Q_a off Q.
    """
    V, S, Q = views(basis, state, point)
    m, v = basis.size[0], state.v[0]
    most = 1 + state.size[0] // TOGETHER
    taken, shares = np.empty((most, S.size)), np.empty(most)
    for b in range(most):
        at, t, gain = best(S, Q, basis.price)
        if gain <= TOLERANCE:
            return b
        d = (t - 1.0) / S[at]
        add(basis, state, at, d)
        u = taken[b]
        u[:] = 0.0
        for i in range(m if b + 1 < most else 0):
            u += V[i, at] * V[i]
        for i in range(m, basis.size[0]):
            u += basis.U[i, at] / v * basis.U[i]
        for c in range(b):
            u -= shares[c] * taken[c, at] * taken[c]
        shares[b], along = d / (1.0 + d * S[at]), Q[at]
        S[at] = 0.0
        for j in range(S.size):
            less = S[j] - shares[b] * u[j] ** 2
            S[j] = less if less > KEPT * S[j] else 0.0
            Q[j] -= shares[b] * along * u[j]
    return most


@jit
def admit(basis, state, free, most, close):
    """Columns enter until none is worth its price, or `most` have; the value and their number.

    Each routine is called from one line: the compiler copies it to wherever it is called.
    """
    entered, rounds, enough, before = 0, 10, LOOSE, -np.inf
    while True:
        point = ascend(basis, state, free, rounds, enough)
        value = point.value - basis.price[state.columns[: state.size[0]]].sum()
        if entered >= most or value <= before + TOLERANCE:
            return point.value, entered
        new = fill(basis, state, point)
        entered += new
        if new:
            rounds, enough, before = 3, LOOSE, -np.inf
        else:
            rounds, enough, before = 200, close, value


@jit
def climb(basis, state, given):
    """One start: a few moves with the noise held where the state has it, then all."""
    total, value = 0, -np.inf
    for held in (True, False):
        most, close = (FIRST, LOOSE) if held else (10 * basis.z.size + 100, CLOSE)
        if not held and given > 0.0:
            state.v[0] = given
        free = not held and given == 0.0
        value, entered = admit(basis, state, free, most, close)
        total += entered
    return value, total
