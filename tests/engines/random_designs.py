"""Random small designs whose criteria may have several maxima, for bayeslmm and for `Dense`."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .dense_search import BETA_SD, EFFECT_SD, SIGMA_SD, Dense, Term


@dataclass(frozen=True)
class Case:
    """One model: what `bl.lmm` takes, and what `Dense` takes."""

    form: str
    formula: str
    table: pd.DataFrame
    X: np.ndarray
    terms: tuple[Term, ...]
    blocks: dict = field(default_factory=dict)
    names: tuple[str, ...] = ()  # grouping factors with one sd each or more
    weights: np.ndarray | None = None

    def dense(self, criterion):
        return Dense(self.table.y.to_numpy(), self.X, self.terms, criterion, self.weights)

    def model(self):
        """The same, declared with stated priors."""
        import bayeslmm as bl

        fixed = ("Intercept", "x")[: self.X.shape[1]]
        priors = dict.fromkeys(fixed, f"Normal(0, {BETA_SD})")
        priors["sigma"] = f"HalfNormal({SIGMA_SD})"
        for name in (*self.names, *self.blocks):
            priors[f"sd_{name}"] = f"HalfNormal({EFFECT_SD})"
        for name, term in zip(self.names, self.terms):
            if term.correlated:
                priors[f"corr_{name}"] = "LKJ(1)"
        blocks = [bl.ridge(Z, name=name, scale=None) for name, Z in self.blocks.items()]
        return bl.lmm(self.formula, self.table, priors=priors, terms=blocks, weights=self.weights)


def _groups(rng, count, each):
    """Codes of unbalanced groups, in random order of the rows."""
    sizes = rng.integers(max(2, each - 2), each + 3, count)
    return np.repeat(np.arange(count), sizes)


def _noise(rng, n):
    return rng.normal(size=n) * np.exp(rng.uniform(-1.5, 0.7))


def _size(rng):
    """A true sd: often large, sometimes zero."""
    return rng.choice([0.0, 0.3, 1.0, 3.0, 8.0])


def _column(rng, n):
    """A column of sd about one whose mean lies up to eight sds from zero."""
    return np.round(rng.normal(size=n) + rng.uniform(-8.0, 8.0), 3)


def _fixed(x):
    return np.column_stack([np.ones(x.size), x])


def off_centre(rng, correlated=False):
    """(x || g) or (x | g), x off its centre; lines that cross inside the data, or at zero."""
    g = _groups(rng, rng.integers(4, 13), rng.integers(3, 8))
    x = _column(rng, g.size)
    about = rng.choice([0.0, x.mean(), x.mean(), x.mean() + rng.normal()])
    y = 1.0 + _noise(rng, g.size) + _size(rng) * rng.normal(size=99)[g] * (x - about)
    y = np.round(y + _size(rng) * rng.normal(size=99)[g], 3)
    bar = "|" if correlated else "||"
    terms = (Term(_fixed(x), g, correlated),)
    table = pd.DataFrame({"y": y, "x": x, "g": g})
    name = "correlated" if correlated else "off centre"
    return Case(name, f"y ~ x + (x {bar} g)", table, _fixed(x), terms, names=("g",))


def correlated(rng):
    return off_centre(rng, correlated=True)


def several(rng):
    """(x + z || g), both off centre, or a parabola."""
    g = _groups(rng, rng.integers(5, 11), rng.integers(5, 9))
    x = _column(rng, g.size)
    z = x**2 if rng.random() < 0.5 else _column(rng, g.size)
    Z = np.column_stack([np.ones(x.size), x, z])
    y = 1.0 + _noise(rng, g.size) + _size(rng) * rng.normal(size=99)[g] * (x - x.mean())
    y = y + _size(rng) * rng.normal(size=99)[g] * (z - z.mean()) / z.std()
    y = np.round(y + _size(rng) * rng.normal(size=99)[g], 3)
    table = pd.DataFrame({"y": y, "x": x, "z": z, "g": g})
    return Case("several", "y ~ x + (x + z || g)", table, _fixed(x), (Term(Z, g),), names=("g",))


def arms(rng):
    """Partially nested: clusters in the treated arm only, or beside effects of all groups."""
    g = _groups(rng, rng.integers(6, 13), rng.integers(3, 7))
    x = (g % 2 == 0).astype(float) if rng.random() < 0.5 else rng.integers(0, 2, g.size) * 1.0
    Z = np.column_stack([np.ones(x.size), x])
    y = 1.0 + x + _noise(rng, g.size) + _size(rng) * rng.normal(size=99)[g] * x
    y = np.round(y + _size(rng) * rng.normal(size=99)[g], 3)
    table = pd.DataFrame({"y": y, "x": x, "g": g})
    return Case("arms", "y ~ x + (x || g)", table, _fixed(x), (Term(Z, g),), names=("g",))


def disjoint(rng):
    """Effects of the two halves of the rows, apart: (0 + a + b || g)."""
    g = _groups(rng, rng.integers(5, 11), rng.integers(4, 8))
    x = rng.integers(0, 2, g.size).astype(float)
    Z = np.column_stack([x, 1.0 - x])
    y = 1.0 + _noise(rng, g.size) + _size(rng) * rng.normal(size=99)[g] * x
    y = np.round(y + _size(rng) * rng.normal(size=99)[g] * (1.0 - x), 3)
    table = pd.DataFrame({"y": y, "x": x, "v": 1.0 - x, "g": g})
    formula = "y ~ x + (0 + x + v || g)"
    return Case("disjoint", formula, table, _fixed(x), (Term(Z, g),), names=("g",))


def crossed(rng):
    """Slopes on columns off centre by two crossed factors."""
    n = int(rng.integers(40, 71))
    g, h = rng.integers(0, 8, n), rng.integers(0, 6, n)
    x, z = _column(rng, n), _column(rng, n)
    both = rng.random() < 0.5
    y = 1.0 + _noise(rng, n) + _size(rng) * rng.normal(size=99)[g] * (x - x.mean())
    y = y + _size(rng) * rng.normal(size=99)[h] * (z - rng.choice([0.0, z.mean()]))
    y = np.round(y + _size(rng) * rng.normal(size=99)[g], 3)
    Zh = np.column_stack([np.ones(n), z]) if both else np.ones((n, 1))
    terms = (Term(_fixed(x), g), Term(Zh, h, both))
    formula = f"y ~ x + (x || g) + ({'z' if both else '1'} | h)"
    table = pd.DataFrame({"y": y, "x": x, "z": z, "g": g, "h": h})
    return Case("crossed", formula, table, _fixed(x), terms, names=("g", "h"))


def nested(rng):
    """(x || a / b), or intercepts alone."""
    a = _groups(rng, rng.integers(4, 8), rng.integers(6, 11))
    b = 10 * a + rng.integers(0, 3, a.size)
    x = _column(rng, a.size)
    slopes = rng.random() < 0.7
    Z = _fixed(x) if slopes else np.ones((x.size, 1))
    y = 1.0 + _noise(rng, a.size) + _size(rng) * rng.normal(size=99)[b] * (x - x.mean())
    y = np.round(y + _size(rng) * rng.normal(size=99)[a] + _size(rng) * rng.normal(size=99)[b], 3)
    table = pd.DataFrame({"y": y, "x": x, "a": a, "b": b})
    formula = f"y ~ x + ({'x ||' if slopes else '1 |'} a / b)"
    terms = (Term(Z, a), Term(Z, b))
    return Case("nested", formula, table, _fixed(x), terms, names=("a", "a:b"))


def alike(rng):
    """Two factors that are nearly one, and slopes by both."""
    g = _groups(rng, rng.integers(5, 9), rng.integers(5, 9))
    h = np.where(rng.random(g.size) < 0.15, rng.integers(0, g.max() + 1, g.size), g)
    x = _column(rng, g.size)
    y = 1.0 + _noise(rng, g.size) + _size(rng) * rng.normal(size=99)[g] * (x - x.mean())
    y = np.round(y + _size(rng) * rng.normal(size=99)[h], 3)
    Zx = x[:, None]
    terms = (Term(np.ones((x.size, 1)), g), Term(Zx, h))
    table = pd.DataFrame({"y": y, "x": x, "g": g, "h": h})
    formula = "y ~ x + (1 | g) + (0 + x | h)"
    return Case("alike", formula, table, _fixed(x), terms, names=("g", "h"))


def blocks(rng):
    """One or two blocks of columns, few or more than rows, beside slopes by group."""
    g = _groups(rng, rng.integers(5, 9), rng.integers(5, 8))
    n = g.size
    x = _column(rng, n)
    P = int(rng.choice([4, 20, n + 20]))
    G = np.round(rng.normal(size=(n, P)), 3)
    G = G - G.mean(axis=0)
    two = rng.random() < 0.4
    pairs = {"b": G}
    if two:  # a second block of columns that lie close to the first
        K = np.round(G[:, : max(2, P // 2)] + 0.3 * rng.normal(size=(n, max(2, P // 2))), 3)
        pairs["c"] = K - K.mean(axis=0)
    y = 1.0 + _noise(rng, n) + _size(rng) * rng.normal(size=99)[g] * (x - x.mean())
    y = np.round(y + _size(rng) * G @ rng.normal(size=P) / np.sqrt(P), 3)
    terms = (Term(_fixed(x), g), *(Term(Z) for Z in pairs.values()))
    table = pd.DataFrame({"y": y, "x": x, "g": g})
    return Case("blocks", "y ~ x + (x || g)", table, _fixed(x), terms, pairs, names=("g",))


def weighted(rng):
    """Rows of unequal precision."""
    case = off_centre(rng)
    weights = np.round(np.exp(rng.normal(size=len(case.table))), 2) + 0.05
    return Case("weighted", case.formula, case.table, case.X, case.terms, {}, ("g",), weights)


FORMS = (
    off_centre, correlated, several, arms, disjoint, crossed, nested, alike, blocks, weighted,
)  # fmt: skip


def case(seed, number):
    """Design `number` of a stream, and a generator for its search."""
    rng = np.random.default_rng([seed, number])
    return FORMS[number % len(FORMS)](rng), rng
