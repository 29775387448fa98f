"""Default priors, and the user's in their place: one table, scaled from the data once.

| parameter | default |
|---|---|
| Intercept | Normal(mean y, 2.5 sd y), at the mean of the other columns |
| other fixed effects | Normal(0, 2.5 sd y / sd x); without an intercept rms y / rms x |
| sd_<group> | HalfStudentT(3, sd y / sd z), one per effect; rms z without an intercept effect |
| corr_<group> | LKJ(2) |
| sigma | HalfStudentT(3, sd y) |

The numbers are frozen in the model: refits, `with_data` and calibration keep them. The scales are
weak in the sense of Gelman, Jakulin, Pittau & Su (2008) and Gelman (2006): wide against anything
that the data could say, but proper, so that the log evidence exists.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..design import Design, DesignError, Grouping
from ..design.visible import meant
from ..host.options import shown
from ..types import Array
from .laws import Law, law_of, operator_parameters, parse_law
from .parameters import Correlation, Positive

WIDE = 2.5


@dataclass(frozen=True)
class Scales:
    """What default priors are scaled by. A row that counts f times is f rows."""

    share: Array  # (n,) of the rows, by their frequency
    mean: float  # of y after its offset
    sd: float
    rms: float
    root_weight: float  # rms of sqrt(w): sigma is the noise of a row of weight one
    count: float = 0.0  # rows, repeats counted
    unit: float = 1.0  # rms of a block's columns, as its prior takes them
    units: Array | None = None  # rms of each, where they differ and each has a scale of its own


def scales_of(design: Design) -> Scales:
    """Mean, spread and size of the response after its offset."""
    y, share = design.y - design.offset, design.frequency / design.frequency.sum()
    mean = float(share @ y)
    sd, rms = (float(np.sqrt(share @ (y - centre) ** 2)) for centre in (mean, 0.0))
    if not spans_a_constant(design.X):  # then the random effects have to carry the mean
        sd = rms
    weight, count = float(np.sqrt(share @ design.precision)), float(design.frequency.sum())
    return Scales(share, mean, sd, rms, weight, count)


def spans_a_constant(X: Array) -> bool:
    """Whether some combination of the columns is one in every row."""
    ones = np.ones(X.shape[0])
    if X.shape[1] == 0:
        return False
    scaled = X / np.abs(X).max(axis=0)
    return bool(np.abs(scaled @ np.linalg.lstsq(scaled, ones, rcond=None)[0] - ones).max() < 1e-8)


def check_names(priors: Mapping[str, Any], valid: list[str]) -> None:
    """Refuse the name of a parameter that the model does not have."""
    if not isinstance(priors, Mapping):
        raise DesignError(
            f"priors= is a dict from names of parameters to priors, not {type(priors).__name__}"
        )
    for name in priors:
        if name not in valid:
            near = meant(str(name), valid, most=1)
            hint = f"; {near}" if near else "."
            raise DesignError(
                f"priors={{{name!r}: ...}} names no parameter of this model{hint} "
                f"The parameters are: {', '.join(valid)}"
            )


def positive_prior(name: str, size: int, dim: str | None, default: Law, given: Any) -> Positive:
    """A vector of scales under the given prior, or the default one.

    A number (or one per effect) fixes them; a string such as "HalfNormal(50)" or an unnamed PyMC
    distribution on the positive half-line is their prior.
    """
    if given is None:
        return Positive(name, size, dim, law=default)
    if isinstance(given, int | float | list | tuple | np.ndarray | np.number):
        return Positive(name, size, dim, fixed=_fixed_scale(name, size, given))
    law = _read_law(name, given)
    if isinstance(law, Law):
        for value in law.parameters:
            if np.ndim(value) and np.size(value) != size:
                raise DesignError(
                    f"the prior of {name} has {np.size(value)} values, but {name} has {size}"
                )
        return Positive(name, size, dim, law=law)
    if law.ndim > 0 and law.type.shape[-1] not in (None, size):
        raise DesignError(
            f"the prior of {name} has shape {law.type.shape}; {name} has {size} values"
        )
    return Positive(name, size, dim, custom=law)


def _fixed_scale(name: str, size: int, given: Any) -> Array:
    value = np.asarray(given, dtype=np.float64)
    if value.ndim and value.size != size:
        raise DesignError(f"{name} is fixed at {value.size} numbers, but has {size}")
    squares = name.startswith(("lam2", "slab2"))
    positive = name == "sigma" or squares
    if not np.isfinite(value).all() or (value < 0.0).any() or (positive and not value.all()):
        kind = "the square of a scale" if squares else "a standard deviation"
        raise DesignError(
            f"{name} is {kind}: it can be fixed at a "
            f"{'positive' if positive else 'non-negative'} number, not {shown(given)}"
        )
    return np.broadcast_to(value, size).copy()


def _read_law(name: str, given: Any) -> Any:
    """A `Law`, or a PyMC distribution that is none."""
    if isinstance(given, Law):
        return given
    if isinstance(given, str):
        try:
            return parse_law(given)
        except ValueError as error:
            raise DesignError(f"{name}: {error}") from None
    if getattr(getattr(given, "owner", None), "op", None) is None:
        raise DesignError(
            f"the prior of {name} must be a number, a text such as 'HalfNormal(50)', or an unnamed "
            f"PyMC distribution such as pm.HalfNormal.dist(50.0); got {type(given).__name__}"
        )
    try:
        law = law_of(given)
    except ValueError as error:
        raise DesignError(f"{name}: {error}") from None
    if law is not None:
        return law
    if type(given.owner.op).__name__ in (
        "NormalRV",
        "FlatRV",
        "StudentTRV",
        "CauchyRV",
        "LaplaceRV",
    ):
        raise DesignError(
            f"{name} is a standard deviation; its prior must live on the positive half-line, such "
            f"as pm.HalfNormal.dist(...), not {type(given.owner.op).__name__[:-2]}"
        )
    return given


def correlation_prior(grouping: Grouping, given: Any) -> Correlation:
    """LKJ(2), LKJ with the given eta, or fixed correlations (a number, or a matrix)."""
    name, q = f"corr_{grouping.name}", len(grouping.effects)
    if given is None:
        return Correlation(name, q, grouping.blocks)
    if isinstance(given, str):
        match = re.fullmatch(r"\s*LKJ(?:Corr)?\(\s*([0-9.eE+-]+)\s*\)\s*", given)
        if match is None:
            raise DesignError(
                f"the prior of {name} is LKJ(eta), for instance 'LKJ(2)'; got {shown(given)}"
            )
        return _lkj(name, grouping, match[1])
    if isinstance(given, int | float | np.ndarray | list | np.number):
        matrix = np.asarray(given, dtype=np.float64)
        if matrix.ndim == 0:
            matrix = np.where(np.eye(q, dtype=bool), 1.0, float(matrix))
        valid = matrix.shape == (q, q) and np.allclose(np.diag(matrix), 1.0)
        if not valid or not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0:
            raise DesignError(
                f"{name} is fixed at something that is no {q} x {q} correlation matrix of full rank"
            )
        return Correlation(name, q, grouping.blocks, fixed=matrix)
    if type(getattr(getattr(given, "owner", None), "op", None)).__name__ == "LKJCorrRV":
        eta = float(operator_parameters(given)[1])  # type: ignore[index]
        return _lkj(name, grouping, eta)
    raise DesignError(
        f"the prior of {name} must be pm.LKJCorr.dist(n, eta), 'LKJ(2)', a number or a matrix; "
        f"got {type(given).__name__}"
    )


def _lkj(name: str, grouping: Grouping, eta: Any) -> Correlation:
    try:
        value = float(eta)
    except ValueError:
        value = float("nan")
    if not (np.isfinite(value) and value > 0):
        raise DesignError(f"{name}: eta of LKJ must be a positive number, but is {eta}")
    return Correlation(name, len(grouping.effects), grouping.blocks, value)
