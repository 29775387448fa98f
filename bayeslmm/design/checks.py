"""Checks of whole arrays: lengths, positivity, constant and collinear columns, clashing names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .errors import DesignError, at_rows, quoted

LARGEST = 1e100


def real_array(values: Any, what: str) -> np.ndarray:
    """An array of floats, the model's own; text, objects and complex numbers are refused.

    Raises
    ------
    DesignError
        If the values are not real numbers.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(float), np.nan)
    if hasattr(values, "data_vars"):  # of xarray
        raise DesignError(f"{what} is an xarray Dataset; give a table, by .to_dataframe()")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DesignError(f"{what} must be a rectangle of real numbers: {error}") from None
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
    return np.array(array, dtype=float, order="C")  # a copy: nobody else can change it


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


def mapping(values: Any, what: str, example: str) -> Mapping[str, Any]:
    """A dict by name, empty where nothing was given.

    Raises
    ------
    DesignError
        If it is something else.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping) or hasattr(values, "dims"):
        raise DesignError(f"{what} must be a dict such as {example}, got a {type(values).__name__}")
    return values


def refuse_where(mask: np.ndarray, rows: np.ndarray, message: str, advice: str) -> None:
    """Raise, naming rows, if a mask holds anywhere."""
    if mask.any():
        raise DesignError(f"{message} in {at_rows(mask, rows)}; {advice}")


def refuse_not_finite(
    matrix: np.ndarray,
    labels: Sequence[str],
    rows: np.ndarray,
    what: str,
    advice: str = "",
    gaps: bool = False,
) -> None:
    """Raise where an entry is infinite or, unless there may be `gaps`, NaN.

    Raises
    ------
    DesignError
        Naming the first such column with its rows, and how many more columns there are.
    """
    finite = np.isfinite(matrix)
    if gaps:
        finite |= np.isnan(matrix)
    if finite.all():
        return
    columns = np.flatnonzero(~finite.all(axis=0))
    j = int(columns[0])
    missing = np.isnan(matrix[:, j]) & ~finite[:, j]
    kind, mask = ("missing", missing) if missing.any() else ("infinite", ~finite[:, j])
    others = len(columns) - 1
    more = f", and {others:,} more {'column' if others == 1 else 'columns'}" if others else ""
    raise DesignError(
        f"column '{labels[j]}' of {what} is {kind} in {at_rows(mask, rows)}{more}; "
        + (advice or "fill or drop these rows")
    )


def response_values(y: Any, rows: np.ndarray) -> np.ndarray:
    """A response: one finite number for each row."""
    values = vector(y, len(rows), "the response")
    if not np.isfinite(values).all():
        bad = ~np.isfinite(values)
        refuse_where(bad, rows, "the response is not finite", "correct or remove these rows")
    check_size(values, ["y"], "the response")
    return values


def check_constant_response(y: np.ndarray, name: str) -> None:
    """A response without any variation has nothing to explain."""
    if np.ptp(y) == 0:
        raise DesignError(
            f"the response '{name}' has the value {y[0]:g} in all {len(y)} rows; "
            "there is no variation to model"
        )


def check_size(values: np.ndarray, names: Sequence[str], what: str) -> None:
    """Squares and products of columns have to fit into float64.

    Raises
    ------
    DesignError
        Naming the first column whose largest entry is of another size.
    """
    columns = values.reshape(len(values), -1)
    largest = np.fmax(columns.max(axis=0), -columns.min(axis=0))
    bad = np.flatnonzero((largest > LARGEST) | ((largest > 0) & (largest < 1 / LARGEST)))
    if bad.size:
        j = int(bad[0])
        raise DesignError(
            f"{what} '{names[j]}' has entries of size {largest[j]:.3g}: rescale it so that its "
            f"largest lies between {1 / LARGEST:g} and {LARGEST:g}"
        )


def positive(value: Any) -> bool:
    """Whether an option is a number above zero whose square fits into float64."""
    number = isinstance(value, int | float | np.number)
    return number and bool(1 / LARGEST <= value <= LARGEST)


def check_positive(values: np.ndarray, rows: np.ndarray, what: str, advice: str) -> None:
    """Weights and noise must be above zero, and of a size whose square fits into float64."""
    refuse_where(~(values > 0), rows, f"{what} must be above 0, but is not", advice)
    told = f"{what} must lie between {1 / LARGEST:g} and {LARGEST:g}, but does not"
    refuse_where((values > LARGEST) | (values < 1 / LARGEST), rows, told, "rescale it")


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


def check_enough_rows(n: int, fixed: Sequence[str]) -> None:
    """Fewer rows than fixed effects, or as many, leave nothing to estimate the noise from."""
    if n <= len(fixed):
        raise DesignError(
            f"{n} rows cannot tell {len(fixed)} fixed effects and the noise apart "
            f"({quoted(fixed)}); give fewer fixed effects, or more rows"
        )
