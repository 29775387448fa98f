"""One scale for all columns of a block: (x - centre) / unit, by a stated rule.

    centre_j = sum_i s_i x_ij,    sd_j^2 = sum_i s_i (x_ij - centre_j)^2,    norm_j^2 = N sd_j^2

s_i is the share of row i (frequencies that sum to one), N the number of rows, repeats counted. The
mean is corrected by the mean of the residuals (Chan, Golub & LeVeque 1983, The American
Statistician 37, 242-247), so that a column at 1e8 keeps its digits.
"""

from typing import Literal

import numpy as np

from ..host.options import one_of, shown
from ..types import Array


def standardise(
    matrix: Array,
    share: Array,
    centre: bool,
    scale: Literal["sd", "norm"] | None,
    count: float | None = None,
) -> tuple[Array, Array, Array]:
    """Centre and scale columns.

    Parameters
    ----------
    matrix : ndarray (n, P)
    share : ndarray (n,)
        Share of each row, summing to one: frequency / frequency.sum().
    centre : bool
        Whether columns are taken about their mean; else about zero.
    scale : {"sd", "norm"} or None
        Divide by the population sd, by the Euclidean norm, or not at all.
    count : float, optional
        Rows with their repeats, frequency.sum(), which the norm needs; n by default.

    Returns
    -------
    scaled : ndarray (n, P)
        ``(matrix - centre) / unit``, exactly, so that new rows are scaled alike.
    centre : ndarray (P,)
        Zeros where columns are not centred.
    unit : ndarray (P,)
        Ones where columns are not scaled.

    Raises
    ------
    ValueError
        If the rule has another name, or a column has no spread to divide by.

    Examples
    --------
    >>> import numpy as np
    >>> from bayeslmm.columns import standardise
    >>> scaled, centre, unit = standardise(np.array([[1.0], [3.0]]), np.full(2, 0.5), True, "sd")
    >>> scaled.tolist(), centre.tolist(), unit.tolist()
    ([[-1.0], [1.0]], [2.0], [1.0])
    """
    if not one_of(scale, ("sd", "norm", None)):
        raise ValueError(f"scale should be 'sd', 'norm' or None but got {shown(scale)}")
    n, p = matrix.shape
    middle, scaled = np.zeros(p), matrix.astype(float)  # the one copy; all else is done in place
    if centre:
        middle = share @ matrix
        middle = middle + share @ np.subtract(matrix, middle, out=scaled)
        np.subtract(matrix, middle, out=scaled)
    if scale is None:
        return scaled, middle, np.ones(p)
    largest = np.maximum(scaled.max(axis=0), -scaled.min(axis=0))
    if not (largest > 0).all():
        raise ValueError(
            f"{(largest == 0).sum()} columns have no spread to scale by (the first: number "
            f"{int(np.argmin(largest))}, from 0); leave them out"
        )
    power = np.ldexp(1.0, np.frexp(largest)[1] - 1)  # of two, so exact; squares cannot overflow
    scaled /= power
    ratio = np.sqrt(np.einsum("i,ij,ij->j", share, scaled, scaled))
    if scale == "norm":
        ratio *= np.sqrt(n if count is None else count)
    scaled /= ratio
    return scaled, middle, power * ratio
