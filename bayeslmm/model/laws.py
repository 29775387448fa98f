"""Laws of the variances: densities on the positive half-line, declared once.

A `Law` is plain data. PyMC builds the graph from it (`dist`), and compiled code evaluates the same
density without PyMC (`density`); a test holds the two together at random points. A PyMC
distribution that is none of these is kept as it is (`law_of` returns None), and its density is
then compiled through PyTensor.
"""

import re
from dataclasses import dataclass
from math import lgamma, log, pi
from typing import Any

import numpy as np

from ..host.precision import check_double
from ..solvers.compiled import jit

# name -> (code, parameters as PyMC names them, how PyMC's operator stores them)
NAMES: dict[str, tuple[int, tuple[str, ...]]] = {
    "HalfFlat": (0, ()),
    "HalfNormal": (1, ("sigma",)),
    "HalfStudentT": (2, ("nu", "sigma")),
    "HalfCauchy": (3, ("beta",)),
    "Exponential": (4, ("lam",)),
    "Gamma": (5, ("alpha", "beta")),
    "InverseGamma": (6, ("alpha", "beta")),
    "LogNormal": (7, ("mu", "sigma")),
    "Rayleigh": (8, ("sigma",)),
    "Jeffreys": (9, ()),
}
IMPROPER = ("HalfFlat", "Jeffreys")  # density 1, and density 1 / x
OPERATORS = {
    "HalfFlatRV": "HalfFlat",
    "HalfNormalRV": "HalfNormal",
    "HalfStudentTRV": "HalfStudentT",
    "HalfCauchyRV": "HalfCauchy",
    "ExponentialRV": "Exponential",
    "GammaRV": "Gamma",
    "InvGammaRV": "InverseGamma",
    "LogNormalRV": "LogNormal",
    "WeibullBetaRV": "Rayleigh",
}


@dataclass(frozen=True)
class Law:
    """A density on (0, inf) by PyMC's name and parameters.

    Examples
    --------
    >>> Law("HalfNormal", (50.0,))
    HalfNormal(50)
    """

    name: str
    parameters: tuple[Any, ...] = ()  # floats, or arrays with one value per element

    def __post_init__(self) -> None:
        for parameter, value in zip(NAMES[self.name][1], self.parameters):
            values = np.asarray(value, dtype=float)
            if not np.isfinite(values).all() or (parameter != "mu" and (values <= 0.0).any()):
                wanted = "finite" if parameter == "mu" else "positive and finite"
                raise ValueError(f"{self.name}: {parameter} must be {wanted}, but is {value}")

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(_show(p) for p in self.parameters)})"

    @property
    def code(self) -> int:
        return NAMES[self.name][0]

    @property
    def proper(self) -> bool:
        return self.name not in IMPROPER

    def table(self, size: int) -> np.ndarray:
        """Parameters and log normalising constant, one row per element: (size, 3)."""
        values = np.zeros((size, 3))
        for column, value in enumerate(self.parameters):
            values[:, column] = value
        for row in values:
            row[2] = _constant(self.code, row[0], row[1])
        return values

    def dist(self, size: int | None = None) -> Any:
        """The PyMC distribution, unnamed; a vector of `size` where it is given."""
        import pymc as pm

        shape = {} if size is None else {"shape": size}
        values = [np.asarray(p, dtype=np.float64) for p in self.parameters]
        if self.name == "Rayleigh":
            return pm.Weibull.dist(np.float64(2.0), np.sqrt(2.0) * values[0], **shape)
        if self.name == "Jeffreys":
            raise ValueError("Jeffreys is no distribution of PyMC; `graphs` writes it out")
        return getattr(pm, self.name).dist(**dict(zip(NAMES[self.name][1], values)), **shape)

    @property
    def typical(self) -> Any:
        """A value of the right magnitude, where a search starts; one where nothing tells."""
        match self.name, self.parameters:
            case "HalfNormal" | "HalfCauchy" | "Rayleigh", (scale,):
                return scale
            case "HalfStudentT", (_, scale):
                return scale
            case "Exponential", (rate,):
                return 1.0 / np.asarray(rate)
            case "Gamma", (shape, rate):
                return np.asarray(shape) / rate
            case "InverseGamma", (shape, scale):
                return scale / (np.asarray(shape) + 1.0)
            case "LogNormal", (mu, _):
                return np.exp(mu)
        return 1.0

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draws, (size,)."""
        p = [np.broadcast_to(np.asarray(v, float), size) for v in self.parameters]
        match self.name:
            case "HalfNormal":
                return np.abs(rng.normal(0.0, p[0]))
            case "HalfStudentT":
                return np.abs(rng.standard_t(p[0])) * p[1]
            case "HalfCauchy":
                return np.abs(rng.standard_cauchy(size)) * p[0]
            case "Exponential":
                return rng.exponential(1.0 / p[0])
            case "Gamma":
                return rng.gamma(p[0], 1.0 / p[1])
            case "InverseGamma":
                return 1.0 / rng.gamma(p[0], 1.0 / p[1])
            case "LogNormal":
                return rng.lognormal(p[0], p[1])
            case "Rayleigh":
                return rng.rayleigh(p[0])
        raise ValueError(f"{self.name} is improper: it cannot be drawn from; give a proper prior")


def _show(value: Any) -> str:
    array = np.asarray(value, dtype=float)
    texts = [f"{v:.4g}" for v in array.ravel()]
    return texts[0] if array.ndim == 0 else f"[{', '.join(texts)}]"


def _constant(code: int, a: float, b: float) -> float:
    """Log of what does not depend on x."""
    match code:
        case 1:
            return 0.5 * log(2.0 / pi) - log(a)
        case 2:
            return log(2.0) + lgamma(0.5 * (a + 1)) - lgamma(0.5 * a) - 0.5 * log(a * pi) - log(b)
        case 3:
            return log(2.0 / pi) - log(a)
        case 4:
            return log(a)
        case 5 | 6:
            return a * log(b) - lgamma(a)
        case 7:
            return -log(b) - 0.5 * log(2.0 * pi)
        case 8:
            return -2.0 * log(a)
    return 0.0


def density_at(code, a, b, constant, x):  # type: ignore[no-untyped-def]
    """Log density at x > 0 and its derivative: of a number in compiled code, or of whole arrays."""
    if code == 1:
        return constant - 0.5 * (x / a) ** 2, -x / (a * a)
    if code == 2:
        s = x / b
        return constant - 0.5 * (a + 1.0) * np.log1p(s * s / a), -(a + 1.0) * s / (b * (a + s * s))
    if code == 3:
        s = x / a
        return constant - np.log1p(s * s), -2.0 * s / (a * (1.0 + s * s))
    if code == 4:
        return constant - a * x, -a
    if code == 5:
        return constant + (a - 1.0) * np.log(x) - b * x, (a - 1.0) / x - b
    if code == 6:
        return constant - (a + 1.0) * np.log(x) - b / x, -(a + 1.0) / x + b / (x * x)
    if code == 7:
        d = (np.log(x) - a) / b
        return constant - np.log(x) - 0.5 * d * d, -(1.0 + d / b) / x
    if code == 8:
        return constant + np.log(x) - 0.5 * (x / a) ** 2, 1.0 / x - x / (a * a)
    if code == 9:
        return -np.log(x), -1.0 / x
    return constant, 0.0


density = jit(density_at)


def log_densities(law: Law, values: np.ndarray) -> np.ndarray:
    """Log density of every value; the last axis holds the elements of a vector of parameters."""
    size = 1 if all(np.ndim(p) == 0 for p in law.parameters) else values.shape[-1]
    a, b, constant = law.table(size).T
    with np.errstate(all="ignore"):
        found = density_at(law.code, a, b, constant, np.asarray(values, np.float64))[0]
    return np.broadcast_to(found, values.shape)


def lkj_constant(n: int, eta: float) -> float:
    """Log normalising constant of the LKJ law (Lewandowski, Kurowicka & Joe 2009, theorem 5)."""
    total = (n - 1) * lgamma(eta + 0.5 * (n - 1))
    for k in range(1, n):
        total -= 0.5 * k * log(pi) + lgamma(eta + 0.5 * (n - 1 - k))
    return total


def lkj_sample(n: int, eta: float, rng: np.random.Generator) -> np.ndarray:
    """One Cholesky factor of a correlation matrix, by the onion of Lewandowski et al. (2009)."""
    L = np.eye(n)
    for i in range(1, n):
        share = rng.beta(0.5 * i, eta + 0.5 * (n - 1 - i))
        direction = rng.standard_normal(i)
        L[i, :i] = np.sqrt(share) * direction / np.linalg.norm(direction)
        L[i, i] = np.sqrt(1.0 - share)
    return L


def parse_law(text: str) -> Law:
    """A law written as text, as on the command line.

    Raises
    ------
    ValueError
        Where the name, or the number of parameters, is not known.

    Examples
    --------
    >>> parse_law("HalfStudentT(3, 25)")
    HalfStudentT(3, 25)
    """
    match = re.fullmatch(r"\s*(\w+)\s*\(([^()]*)\)\s*", text)
    known = ", ".join(f"{n}({', '.join(p)})" for n, (_, p) in NAMES.items())
    if match is None or match[1] not in NAMES:
        raise ValueError(f"the prior {text!r} is not a law that can be written as text: {known}")
    try:
        values = tuple(float(v) for v in match[2].split(",") if v.strip())
    except ValueError:
        raise ValueError(f"the prior {text!r} has a parameter that is not a number") from None
    wanted = NAMES[match[1]][1]
    if len(values) != len(wanted):
        raise ValueError(
            f"the prior {text!r} has {len(values)} parameters; {match[1]} takes "
            f"{len(wanted)}: {', '.join(wanted) or 'none'}"
        )
    return Law(match[1], values)


def law_of(dist: Any) -> Law | None:
    """The `Law` of an unnamed PyMC distribution, or None where it is another one."""
    check_double()
    name = OPERATORS.get(type(dist.owner.op).__name__)
    if name is None:
        return None
    values = operator_parameters(dist)
    if values is None:
        return None
    if name == "HalfNormal":
        values = values[1:]  # (loc, sigma); PyMC's HalfNormal has loc 0
    elif name == "Exponential":
        values = (1.0 / values[0],)  # stored as a scale
    elif name == "Rayleigh":  # the Weibull law of shape 2
        if not (values[0] == 2.0).all():
            return None
        values = (values[1] / np.sqrt(2.0),)
    elif name == "Gamma":
        values = (values[0], 1.0 / values[1])
    return Law(name, tuple(float(v) if v.ndim == 0 else v for v in values))


def operator_parameters(dist: Any) -> tuple[np.ndarray, ...] | None:
    """Values of a distribution's parameters; None where one of them is itself random."""
    from pymc.pytensorf import constant_fold

    check_double()
    inputs = dist.owner.op.dist_params(dist.owner)
    folded = constant_fold(list(inputs), raise_not_constant=False)
    if not all(isinstance(v, np.ndarray | np.generic) for v in folded):
        return None
    return tuple(np.asarray(v, dtype=np.float64).squeeze() for v in folded)


def graph_identity(variable: Any) -> bytes:
    """Bytes of a PyMC distribution's graph: its operators and every constant, no random state."""
    if variable.owner is None:
        data = getattr(variable, "data", None)
        return np.asarray(data).tobytes() if isinstance(data, np.ndarray | np.generic) else b""
    inner = b",".join(graph_identity(v) for v in variable.owner.inputs)
    return type(variable.owner.op).__name__.encode() + b"(" + inner + b")"


def sized(dist: Any, *shape: int) -> Any:
    """A fresh unnamed copy of a scalar or vector PyMC distribution, with independent draws."""
    from pymc.distributions.shape_utils import change_dist_size

    return change_dist_size(dist, shape)
