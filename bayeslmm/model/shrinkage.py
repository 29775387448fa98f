"""The laws of a block's variances: from one shared by all columns to one for each of them.

    u_j ~ N(0, s_j^2),    s_j = prod_f f_j^e_f,    s_j <- (s_j^-2 + slab^-1)^-1/2,   times sigma

| law | factors | source |
|---|---|---|
| ridge | common = sd | Hoerl & Kennard 1970; James & Stein 1961 |
| ard | local = scale, one free variance per column | MacKay 1992; Tipping 2001 |
| laplace | tau^2 = local^2 / rate ~ Exponential(rate / 2), times sigma | Park & Casella 2008 |
| horseshoe | local ~ HalfCauchy(1), common ~ HalfNormal, times sigma | Carvalho et al. 2010 |
| with a slab | slab ~ InverseGamma | Piironen & Vehtari 2017, eq. 2.8 |

What is sampled are the factors, which are independent under the prior. What is reported are the
numbers of the textbooks: tau_j = local_j / lam, sd = common sigma, alpha = local^-2. Scales and
reports alike are monomials in the factors, so a law is one table of exponents (`EXPONENTS`, and
`reports`), read by compiled code, by PyMC's graphs and by what recovers draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array, Named, Theta
from .parameters import Positive
from .space import Product

type Monomial = Mapping[str, float]  # name of a parameter -> its exponent

EXPONENTS = {"local": 1.0, "common": 1.0, "rate": -0.5}  # of the factors in a column's scale
SIGMA = "sigma"


@dataclass(frozen=True)
class Shrinkage:
    """The law of one block's scales.

    Attributes
    ----------
    kind : str
        Its name, for titles.
    local, common, rate, slab : Positive or None
        The factors of the scales; `slab` is the square of the slab's width, `rate` that of lam.
    noise : bool
        Whether scales are in units of sigma.
    price : float
        Where a maximum chooses columns: what each must bring, in nats.
    root, precision : str or None
        The names under which the square root of `rate`, and 1 / local^2, are reported.
    """

    kind: str
    local: Positive | None = None
    common: Positive | None = None
    rate: Positive | None = None
    slab: Positive | None = None
    noise: bool = False
    root: str | None = None
    precision: str | None = None
    price: float = 0.0

    @property
    def parameters(self) -> tuple[Positive, ...]:
        """The factors that there are, in the order of the space."""
        return tuple(p for p in (self.local, self.common, self.rate, self.slab) if p is not None)

    @property
    def words(self) -> dict[str, str]:
        """The priors of what is reported, in words."""
        found = {p.name: p.prior for p in self.parameters}
        if self.local is not None and self.rate is not None:
            found[self.local.name] = f"square ~ Exponential({self.rate.name} / 2)"
        if self.common is not None and self.noise:
            found[self.common.name] += " x sigma"
        if self.slab is not None and self.noise:
            found[self.slab.name] += " x sigma^2"
        return found

    @property
    def shared(self) -> bool:
        """Whether all columns share one scale."""
        return self.local is None

    @property
    def selects(self) -> bool:
        """One free variance for each column and nothing else: a maximum sets most to zero."""
        return self.local is not None and self.parameters == (self.local,) and self.local.free

    @property
    def mixes(self) -> bool:
        """Whether the scales are hidden under other parameters: a maximum integrates them."""
        return self.local is not None and self.local.free and not self.selects

    @property
    def separates(self) -> bool:
        """Whether scales of columns may lie near nothing and far out: what each keeps says much."""
        return self.local is not None and self.rate is None

    @property
    def monomial(self) -> Monomial:
        """Exponents of the factors in a column's scale, before the slab and sigma."""
        each = ((getattr(self, factor), e) for factor, e in EXPONENTS.items())
        return {p.name: e for p, e in each if p is not None}

    @property
    def reports(self) -> dict[str, Monomial]:
        """What is reported of the factors: name -> exponents of the factors, and of sigma."""
        found: dict[str, Monomial] = {}
        if self.local is not None:
            found[self.local.name] = {self.local.name: 1.0}
            if self.rate is not None:
                found[self.local.name] = {self.local.name: 1.0, self.rate.name: -0.5}
            if self.precision is not None:
                found[self.precision] = {n: -2.0 * e for n, e in found[self.local.name].items()}
        if self.common is not None:
            found[self.common.name] = {self.common.name: 1.0} | ({SIGMA: 1.0} if self.noise else {})
        for square in (self.rate, self.slab):
            if square is not None:
                found[square.name] = {square.name: 1.0}
        if self.rate is not None and self.root is not None:
            found[self.root] = {self.rate.name: 0.5}
        return found

    def product(self, columns: int) -> Product:
        """How the scales follow from the parameters."""
        slab = self.slab.name if self.slab is not None else None
        exponents = tuple(self.monomial.items())
        return Product(1 if self.shared else columns, exponents, slab, self.noise)

    def dims(self, name: str) -> tuple[str, ...]:
        """Dims of what is reported under a name."""
        own = self.local is not None and self.local.name in self.reports[name]
        return (str(self.local.dim),) if own else ()  # type: ignore[union-attr]

    def reported(self, theta: Theta) -> Named:
        """The textbooks' variables at points (..., *shape) of theta."""
        with np.errstate(divide="ignore"):
            return {n: (self.dims(n), power(theta, m)) for n, m in self.reports.items()}

    def factors(self, reported: Mapping[str, Array]) -> Theta:
        """The inverse of `reported`; sigma is among what is given."""
        found: Theta = {SIGMA: np.asarray(reported[SIGMA])}
        order = (self.rate, self.slab, self.local, self.common)
        for name in (p.name for p in order if p is not None):
            rest = {n: -e for n, e in self.reports[name].items() if n != name}
            found[name] = power({**found, name: reported[name]}, {name: 1.0, **rest})
        return {n: v for n, v in found.items() if n != SIGMA}

    def scales(self, theta: Theta) -> Array:
        """The scales of the columns, (..., 1 or P)."""
        total = power(theta, self.monomial)
        total = total[..., None] if self.shared else total
        if self.slab is not None:
            total = total / (1.0 + total**2 / theta[self.slab.name][..., None]) ** 0.5
        return total * theta[SIGMA][..., None] if self.noise else total

    def jacobian(self, name: str, theta: Theta) -> Array | float:
        """Log derivative of a factor in what is reported of it, per element."""
        rest = {n: -e for n, e in self.reports[name].items() if n != name}
        if not rest:
            return 0.0
        value = np.log(power(theta, rest))
        return value[..., None] if self.dims(name) else value


def power(values: Mapping[str, Any], monomial: Monomial) -> Any:
    """The product of parameters (..., or ..., P) to their exponents; of arrays, or in a graph."""
    wide = max((values[n].ndim for n in monomial), default=0)
    total: Any = None
    for name, exponent in monomial.items():
        value = values[name]
        if value.ndim < wide:
            value = value[..., None]
        value = value if exponent == 1.0 else value**exponent
        total = value if total is None else total * value
    return total
