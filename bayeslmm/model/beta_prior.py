"""The prior of the fixed effects: normal, jointly normal or flat, by name or as a whole.

Only these leave the posterior of beta given the variances exact. The defaults are in the table of
`priors`.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..design import Design, DesignError
from ..host.options import shown
from ..solvers.beta import FixedPrior
from ..types import Array
from .laws import operator_parameters
from .priors import WIDE, Scales


def fixed_prior(
    design: Design, scales: Scales, priors: Mapping[str, Any]
) -> tuple[FixedPrior, dict[str, str]]:
    """The prior of beta, and how the printed table tells it."""
    names = list(design.fixed)
    if "beta" in priors:
        clash = [n for n in names if n in priors]
        if clash:
            raise DesignError(f"priors name both 'beta' and {clash[0]!r}; give one of them")
        return _whole_prior(names, priors["beta"])
    centred = "Intercept" in names and "Intercept" not in priors
    means = scales.share @ design.X
    spreads = np.sqrt(scales.share @ (design.X - means) ** 2)
    sizes = np.sqrt(scales.share @ design.X**2)
    rows, location, scale, table = [], [], [], {}
    for j, name in enumerate(names):
        row = np.zeros(len(names))
        row[j] = 1.0
        law = (0.0, WIDE * scales.rms / float(sizes[j]))
        if "Intercept" in names and spreads[j] > 1e-10 * sizes[j]:
            law = (0.0, WIDE * scales.sd / float(spreads[j]))
        if name == "Intercept" and centred:
            row[:] = means
            row[j] = 1.0
            law = (scales.mean, WIDE * scales.sd)
        elif name == "Intercept":
            law = (scales.mean, WIDE * scales.sd)
        given = normal_law(name, priors[name]) if name in priors else law
        if given is None:
            table[name] = "flat"
            continue
        rows.append(row)
        location.append(given[0])
        scale.append(given[1])
        table[name] = f"Normal({given[0]:.4g}, {given[1]:.4g})"
        if name == "Intercept" and centred and len(names) > 1:
            table[name] += " at the mean of the other columns"
    H = np.array(rows).reshape(len(rows), len(names))
    return FixedPrior(H, np.array(location), np.array(scale)), table


def normal_law(name: str, given: Any) -> tuple[float, float] | None:
    """Mean and sd of a coefficient's normal prior; None for a flat one."""
    if isinstance(given, str):
        match = re.fullmatch(r"\s*Normal\(\s*([^,()]+),\s*([^,()]+)\)\s*", given)
        if given.strip().lower() == "flat":
            return None
        if match is None:
            raise DesignError(
                f"the prior of {name} written as text is 'Normal(mean, sd)' or 'flat'; "
                f"got {shown(given)}"
            )
        return _normal_numbers(name, given, match[1], match[2])
    kind = type(getattr(getattr(given, "owner", None), "op", None)).__name__
    if kind == "FlatRV":
        return None
    if kind == "NormalRV":
        mean, sd = operator_parameters(given)  # type: ignore[misc]
        if mean.ndim or sd.ndim:
            raise DesignError(f"the prior of {name} must be a scalar")
        return _normal_numbers(name, given, mean, sd)
    raise DesignError(_other_law(name, kind, given))


def _normal_numbers(name: str, given: Any, mean: Any, sd: Any) -> tuple[float, float]:
    try:
        values = float(mean), float(sd)
    except ValueError:
        raise DesignError(
            f"the prior of {name}, {given!r}: mean and sd must be numbers, as in 'Normal(0, 10)'"
        ) from None
    if not np.isfinite(values[0]):
        raise DesignError(f"the mean of the prior of {name} must be finite, but is {values[0]:g}")
    return values[0], _positive_sd(name, values[1])


def _positive_sd(name: str, sd: float) -> float:
    if not (np.isfinite(sd) and sd > 0):
        raise DesignError(f"the sd of the prior of {name} must be positive, but is {sd:g}")
    return sd


def _other_law(name: str, kind: str, given: Any) -> str:
    got = kind.removesuffix("RV") if kind.endswith("RV") else repr(given)
    return (
        f"{name} is a fixed effect: it takes a Normal, MvNormal or Flat prior (its posterior given "
        f"the variances is then exact), not {got}. For shrinkage give the columns to a term with "
        f"its own variance; to fix a coefficient, move its column into offset="
    )


def _whole_prior(names: list[str], given: Any) -> tuple[FixedPrior, dict[str, str]]:
    """One prior for the vector beta."""
    p = len(names)
    kind = type(getattr(getattr(given, "owner", None), "op", None)).__name__
    if kind != "MvNormalRV":
        if kind == "NormalRV":
            mean, sd = (np.broadcast_to(v, p) for v in _vector_parameters(given, p))
        else:
            law = normal_law("beta", given)
            if law is None:
                return FixedPrior.flat(p), {"beta": "flat"}
            mean, sd = np.full(p, law[0]), np.full(p, law[1])
        for name, s in zip(names, sd):
            _positive_sd(name, float(s))
        table = {n: f"Normal({m:.4g}, {s:.4g})" for n, m, s in zip(names, mean, sd)}
        return FixedPrior(np.eye(p), np.array(mean), np.array(sd)), table
    mean, cov = operator_parameters(given)  # type: ignore[misc]
    cov = np.atleast_2d(cov)
    if cov.shape != (p, p):
        raise DesignError(f"the prior of beta is {cov.shape[0]}-dimensional; beta has {p}: {names}")
    try:
        H = np.linalg.inv(np.linalg.cholesky(cov))
    except np.linalg.LinAlgError:
        raise DesignError("the covariance of the prior of beta is not positive definite") from None
    log_det = float(np.log(np.diag(H)).sum())
    prior = FixedPrior(H, H @ np.broadcast_to(mean, p), np.ones(p), log_det)
    return prior, {"beta": f"MvNormal, {p}-dimensional"}


def _vector_parameters(given: Any, p: int) -> tuple[Array, Array]:
    mean, sd = operator_parameters(given)  # type: ignore[misc]
    for value in (mean, sd):
        if value.ndim and value.size not in (1, p):
            raise DesignError(f"the prior of beta has {value.size} values; beta has {p}")
    return mean, sd
