"""Refuse columns that say nothing of their own: zero, constant, or made up of others."""

from collections.abc import Mapping, Sequence

import numpy as np

from .errors import DesignError, quoted

TOLERANCE = 1e-10


def check_rank(
    matrix: np.ndarray,
    names: Sequence[str],
    where: str,
    terms: Mapping[str, str] | None = None,
) -> None:
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
    terms : mapping of str to str, optional
        Name of a column -> the term of a formula that it belongs to, which is what can be dropped.

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
            advice = _leave_out(name, terms or {})
            raise DesignError(f"in {where}, column '{name}' is zero in every row; {advice}")
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
            _refuse_dependent(found, columns, norms, kept, ones[:1], where, terms or {})


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
    terms: Mapping[str, str],
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
        + f"; drop {_way_out([names[column], *basis], terms)}"
    )


def _leave_out(name: str, terms: Mapping[str, str]) -> str:
    """How a formula goes without a column, which it cannot name where its term has others."""
    term = terms.get(name, name)
    if term == name:
        return "drop it"
    return (
        f"drop the term '{term}', or write its other columns one by one, as in "
        "I((factor == 'level') * x)"
    )


def _way_out(names: Sequence[str], terms: Mapping[str, str]) -> str:
    """What to drop: a column, or, of a factor's columns, which no formula can drop, the term."""
    said = dict.fromkeys(terms.get(name, name) for name in names)
    if set(said) <= set(names):
        return f"'{names[0]}' or one of these"
    found = [name for name in said if name != "Intercept"]
    return f"one of the terms {quoted(found)} from the formula"
