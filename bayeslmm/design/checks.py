"""Checks of whole arrays: lengths, positivity, constant and collinear columns, clashing names."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .errors import DesignError, at_rows, quoted

# Names of variables and dimensions that a result may hold.
RESERVED = frozenset({
    "sigma", "beta", "y", "fixed", "row", "rows", "chain", "draw", "sample", "tau", "lam", "alpha",
    "mu", "w", "W", "z", "feature", "component", "offset", "weights", "frequency", "noise_sd",
})  # fmt: skip
TOLERANCE = 1e-10


def real_array(values: Any, what: str) -> np.ndarray:
    """An array of floats; text, objects and complex numbers are refused.

    Raises
    ------
    DesignError
        If the values are not real numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind == "O":
        try:
            if any(isinstance(value, str) for value in array.ravel().tolist()):
                raise ValueError("it holds text")
            array = array.astype(float)
        except (TypeError, ValueError) as error:
            raise DesignError(f"{what} must hold real numbers, got objects: {error}") from None
    if array.dtype.kind not in "biuf":
        kind = {"c": "complex numbers", "U": "text", "S": "text", "M": "dates", "m": "durations"}
        got = kind.get(array.dtype.kind, str(array.dtype))
        raise DesignError(f"{what} must hold real numbers, got {got}; convert it first")
    return np.ascontiguousarray(array, dtype=float)


def vector(values: Any, n: int, what: str) -> np.ndarray:
    """A vector of n real numbers.

    Raises
    ------
    DesignError
        If the shape differs; both shapes are told.
    """
    array = real_array(values, what)
    if array.shape != (n,):
        raise DesignError(
            f"{what} must have shape ({n},), one value for each row, got {array.shape}"
        )
    return array


def refuse_where(mask: np.ndarray, rows: np.ndarray, message: str, advice: str) -> None:
    """Raise, naming rows, if a mask holds anywhere."""
    if mask.any():
        raise DesignError(f"{message} in {at_rows(mask, rows)}; {advice}")


def response_values(y: Any, rows: np.ndarray) -> np.ndarray:
    """A response: one finite number for each row."""
    values = vector(y, len(rows), "the response")
    if not np.isfinite(values).all():
        bad = ~np.isfinite(values)
        refuse_where(bad, rows, "the response is not finite", "correct or remove these rows")
    return values


def check_constant_response(y: np.ndarray, name: str) -> None:
    """A response without any variation has nothing to explain."""
    if np.ptp(y) == 0:
        raise DesignError(
            f"the response '{name}' has the value {y[0]:g} in all {len(y)} rows; "
            "there is no variation to model"
        )


def check_positive(values: np.ndarray, rows: np.ndarray, what: str, advice: str) -> None:
    """Weights and noise must be above zero."""
    refuse_where(~(values > 0), rows, f"{what} must be above 0, but is not", advice)


def check_frequency(values: np.ndarray, rows: np.ndarray, what: str) -> None:
    """A row counts once, twice, ...; never half, and never not at all."""
    refuse_where(values == 0, rows, f"{what} is 0", "drop these rows")
    whole = (values > 0) & (values == np.round(values))
    refuse_where(
        ~whole,
        rows,
        f"{what} must be a positive whole number, but is not",
        "use weights= for precisions",
    )


def check_names(fixed: Sequence[str]) -> None:
    """Two columns of one name cannot be told apart in a result."""
    twice = [name for name, count in Counter(fixed).items() if count > 1]
    if twice:
        raise DesignError(f"several columns of X are called {quoted(twice)}; rename them")


def check_group_names(groups: Iterable[str], response: str) -> None:
    """Names that a result uses for something else are refused."""
    made: dict[str, str] = {}
    for group in groups:
        if group in RESERVED or group == response:
            taken = "the response" if group == response else "a variable or dimension of the result"
            raise DesignError(
                f"the grouping factor '{group}' has the name of {taken}; rename the column"
            )
        if group.startswith("sd_") or "/" in group:
            reason = "contains '/'" if "/" in group else "starts with 'sd_'"
            raise DesignError(f"the grouping factor '{group}' {reason}; rename the column")
        ends = [f"{group}_effect", f"{group}_effect_2"]
        for name in [group, *ends, *(f"{start}_{group}" for start in ("sd", "u", "corr", "icc"))]:
            if name in made:
                raise DesignError(
                    f"the grouping factors '{made[name]}' and '{group}' would both make the name "
                    f"'{name}' in a result; rename one of the columns"
                )
            made[name] = group


def check_enough_rows(n: int, fixed: Sequence[str]) -> None:
    """Fewer rows than fixed effects, or as many, leave nothing to estimate the noise from."""
    if n <= len(fixed):
        raise DesignError(
            f"{n} rows cannot tell {len(fixed)} fixed effects and the noise apart "
            f"({quoted(fixed)}); give fewer fixed effects, or shrink them in a block of their own, "
            "e.g. terms=[ridge(X)]"
        )


def check_rank(matrix: np.ndarray, names: Sequence[str], where: str) -> None:
    """Refuse columns that are zero, constant or linear combinations of others.

    Columns are centred (where an intercept is among them) and scaled to unit norm before a pivoted
    QR decomposition, so that an offset of 1e8 in a column does not make it look like the
    intercept. A pivot is zero below 1e-10, or below what rounding of the data leaves undecided.

    Parameters
    ----------
    matrix : ndarray (n, p)
    names : sequence of str
        The p names.
    where : str
        What the columns are, for messages: "the fixed effects".

    Raises
    ------
    DesignError
        Naming the columns.
    """
    ones = [name for name, column in zip(names, matrix.T, strict=True) if (column == 1).all()]
    others = [j for j, name in enumerate(names) if name not in ones[:1]]
    kept = [names[j] for j in others]
    columns = matrix[:, others]
    largest = np.abs(columns).max(axis=0, initial=0.0)
    for name, top in zip(kept, largest, strict=True):
        if top == 0:
            raise DesignError(f"in {where}, column '{name}' is zero in every row; drop it")
    centred = columns - columns.mean(axis=0) if ones else columns
    norms = np.sqrt((centred**2).sum(axis=0))
    rounding = np.finfo(float).eps * np.sqrt(len(matrix)) * largest
    for name, norm, noise in zip(kept, norms, rounding, strict=True):
        if norm <= 4 * noise:
            raise DesignError(
                f"in {where}, column '{name}' is constant, so it cannot be told from "
                f"'{ones[0]}'; drop it"
            )
    if len(kept) > 1 and not _plainly_independent(centred / norms):
        noise = float(np.max(rounding / norms))
        found = _dependent(centred / norms, max(TOLERANCE, 10 * noise))
        if found is not None:
            _refuse_dependent(found, columns, norms, kept, ones[:1], where)


def _plainly_independent(unit: np.ndarray) -> bool:
    """A quick look for the common case: a Cholesky factor of the correlations.

    Squaring costs half the digits, so only pivots far above 1e-8 settle the matter.
    """
    if len(unit) <= unit.shape[1]:
        return False
    try:
        return bool(np.diag(np.linalg.cholesky(unit.T @ unit)).min() > 1e-4)
    except np.linalg.LinAlgError:
        return False


def _dependent(unit: np.ndarray, tolerance: float) -> tuple[int, dict[int, float], int] | None:
    """A column that others make up, their weights, and how many more such columns there are."""
    from scipy.linalg import qr, solve_triangular

    if len(unit) > unit.shape[1]:
        unit = np.linalg.qr(unit, mode="r")
    r, pivots = qr(unit, mode="r", pivoting=True)
    diagonal = np.zeros(unit.shape[1])
    diagonal[: min(r.shape)] = np.abs(np.diag(r))
    rank = int((diagonal > tolerance).sum())
    if rank == len(diagonal):
        return None
    weights = solve_triangular(r[:rank, :rank], r[:rank, rank])
    used = {int(j): float(w) for j, w in zip(pivots[:rank], weights, strict=True) if abs(w) > 1e-6}
    return int(pivots[rank]), used, len(diagonal) - rank - 1


def _refuse_dependent(
    found: tuple[int, dict[int, float], int],
    columns: np.ndarray,
    norms: np.ndarray,
    names: Sequence[str],
    ones: Sequence[str],
    where: str,
) -> None:
    column, used, more = found
    basis = [names[j] for j in sorted(used)]
    # The intercept takes part where the means do not balance as the centred columns do.
    made = sum(weight * norms[column] / norms[j] * columns[:, j] for j, weight in used.items())
    gap = float(np.mean(columns[:, column] - made))
    if ones and abs(gap) > 1e-6 * float(np.abs(columns[:, column]).max()):
        basis.append(ones[0])
    raise DesignError(
        f"in {where}, column '{names[column]}' is a linear combination of {quoted(basis)}"
        + (f" (and {more} more columns are of others)" if more else "")
        + f"; drop '{names[column]}' or one of these"
    )
