"""What every model receives: arrays with names, frozen and validated.

::

    y = offset + X beta + sum_g Z_g u_g[codes_g] + e,    e_i ~ N(0, sigma^2 / weights_i)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .checks import response_values
from .encoder import Encoder
from .grouping import Grouping
from .labels import Origin


@dataclass(frozen=True, eq=False, repr=False)
class Design:
    """A validated design: what a formula and a table, or arrays, say.

    Attributes
    ----------
    formula : str
        The formula; a description where the design came from arrays.
    response : str
        The response as written, or "y" for arrays.
    y : ndarray (n,)
    fixed : tuple of str
        Names of the p columns of X.
    X : ndarray (n, p)
        p = 0 is allowed.
    groups : tuple of Grouping
        One for each grouping factor; may be empty.
    offset : ndarray (n,)
        Zeros where none was given.
    weights : ndarray (n,)
        Precisions: e_i ~ N(0, sigma^2 / w_i). Ones where none were given.
    frequency : ndarray (n,)
        How many times each row counts.
    noise_sd : ndarray (n,) or None
        Known noise; None where sigma is unknown.
    rows : ndarray (n,)
        Labels of the rows kept.
    dropped : ndarray
        Labels of the rows dropped by ``missing="drop"``.
    encoder : Encoder
        Encodes a new table alike.
    origin : Origin
        The rows as given, and which were kept: by it what comes later finds its rows.
    """

    formula: str
    response: str
    y: np.ndarray
    fixed: tuple[str, ...]
    X: np.ndarray
    groups: tuple[Grouping, ...]
    offset: np.ndarray
    weights: np.ndarray
    frequency: np.ndarray
    noise_sd: np.ndarray | None
    rows: np.ndarray
    dropped: np.ndarray
    encoder: Encoder
    origin: Origin

    @property
    def labels(self) -> list:
        """Labels of the rows."""
        return self.rows.tolist()

    @property
    def others(self) -> list[np.ndarray]:
        """Numbers of the rows beside the response and the columns, for a digest."""
        return [self.offset, self.precision, self.frequency]

    @property
    def precision(self) -> np.ndarray:
        """1 / (noise variance of a row at sigma = 1), (n,): the weights, or the known noise's."""
        return self.weights if self.noise_sd is None else 1.0 / self.noise_sd**2

    def __repr__(self) -> str:
        groups = [
            f"{group.name} ({len(group.levels)} levels: {', '.join(group.effects)})"
            for group in self.groups
        ]
        return (
            f"Design({self.formula!r}, {len(self.y)} rows, {len(self.fixed)} fixed effects"
            + (f", random effects by {'; '.join(groups)}" if groups else "")
            + (f", {len(self.dropped)} rows dropped" if len(self.dropped) else "")
            + ")"
        )

    def with_response(self, y: Sequence[float] | np.ndarray) -> "Design":
        """The same design with another response, e.g. a simulated one.

        Cheap: everything but y is shared.

        Parameters
        ----------
        y : array_like (n,)
            Finite numbers, one for each row of the design; a Series is matched by its labels.

        Returns
        -------
        Design

        Raises
        ------
        DesignError
            If shape or labels differ, or a value is not finite.

        Examples
        --------
        >>> from bayeslmm.design import build_design
        >>> design = build_design("y ~ x", {"y": [1.0, 2.0, 4.0], "x": [0.0, 1.0, 2.0]})
        >>> design.with_response([0.0, 1.0, 0.5]).y
        array([0. , 1. , 0.5])
        """
        y = self.origin.now.align(y, "the response")
        return replace(self, y=response_values(y, self.rows))
