"""The laws of a block's variances: from one shared by all columns to one for each of them.

    u_j ~ N(0, s_j^2),    s_j = local_j common rate^-1/2 sigma^e,    s_j <- (s_j^-2 + slab^-2)^-1/2

| law | parameters | source |
|---|---|---|
| ridge | common = sd | Hoerl & Kennard 1970; James & Stein 1961 |
| ard | local = scale, one free variance per column | MacKay 1992; Tipping 2001 |
| laplace | tau^2 = local^2 / lam^2 ~ Exponential(lam^2 / 2), times sigma | Park & Casella 2008 |
| horseshoe | local ~ HalfCauchy(1), common ~ HalfNormal, times sigma | Carvalho et al. 2010 |
| with a slab | slab^2 ~ InverseGamma | Piironen & Vehtari 2017, eq. 2.8 |

What is sampled are the factors, which are independent under the prior (`Positive`, in `space`).
What is reported are the numbers of the textbooks: tau_j = local_j / lam, sd = common sigma.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .space import Positive, Product
from .types import Array, Named


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

    def product(self, columns: int) -> Product:
        """How the scales follow from the parameters."""
        names = {
            f: getattr(self, f).name if getattr(self, f) else None
            for f in ("local", "common", "rate", "slab")
        }
        return Product(1 if self.shared else columns, **names, noise=self.noise)

    def reported(self, h: Mapping[str, Array], sigma: Array) -> Named:
        """The textbooks' variables from the factors h, name -> (k, size), and sigma (k,)."""
        found: Named = {}
        if self.local is not None:
            values = h[self.local.name]
            if self.rate is not None:
                values = values / np.sqrt(h[self.rate.name])
            found[self.local.name] = ((str(self.local.dim),), values)
            if self.precision is not None:
                with np.errstate(divide="ignore"):
                    found[self.precision] = ((str(self.local.dim),), 1.0 / values**2)
        if self.common is not None:
            found[self.common.name] = ((), h[self.common.name][:, 0] * self._unit(sigma))
        for square in (self.rate, self.slab):
            if square is not None:
                found[square.name] = ((), h[square.name][:, 0])
        if self.rate is not None and self.root is not None:
            found[self.root] = ((), np.sqrt(h[self.rate.name][:, 0]))
        return found

    def factors(self, reported: Mapping[str, Array], sigma: Array) -> dict[str, Array]:
        """The inverse of `reported`: name -> (k, size)."""
        found: dict[str, Array] = {}
        for square in (self.rate, self.slab):
            if square is not None:
                found[square.name] = reported[square.name].reshape(-1, 1)
        if self.local is not None:
            values = reported[self.local.name].reshape(sigma.size, -1)
            if self.rate is not None:
                values = values * np.sqrt(found[self.rate.name])
            found[self.local.name] = values
        if self.common is not None:
            ratio = reported[self.common.name].reshape(-1) / self._unit(sigma)
            found[self.common.name] = ratio[:, None]
        return found

    def scales(self, h: Mapping[str, Array], sigma: Array) -> Array:
        """The scales of the columns, (k, 1 or P), from the factors h."""
        total = np.ones((sigma.size, 1))
        if self.local is not None:
            total = total * h[self.local.name]
        if self.common is not None:
            total = total * h[self.common.name]
        if self.rate is not None:
            total = total / np.sqrt(h[self.rate.name])
        if self.slab is not None:
            total = total / np.sqrt(1.0 + total**2 / h[self.slab.name])
        return total * self._unit(sigma)[:, None]

    def jacobian(self, name: str, h: Mapping[str, Array], sigma: Array) -> Array | float:
        """Log derivative of a factor in what is reported of it, per element."""
        if self.local is not None and name == self.local.name and self.rate is not None:
            return 0.5 * np.log(h[self.rate.name])
        if self.common is not None and name == self.common.name and self.noise:
            return -np.log(sigma)[:, None]
        return 0.0

    def _unit(self, sigma: Array) -> Array:
        return sigma if self.noise else np.ones_like(sigma)
