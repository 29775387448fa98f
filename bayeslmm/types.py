"""The few types that every room speaks of."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

type Named = dict[str, tuple[tuple[str, ...], Array]]  # name -> (dims, values)
type Group = Mapping[str, tuple[tuple[str, ...], Any]]  # the same, of values of any kind

# Coefficients by name, on the columns as the user gave them: beta (..., p), u (..., levels, q) of a
# factor, u (..., P) of a block.
type Coefficients = dict[str, Array]

# Parameters by name at one point or at many, (..., *shape): scales, the Cholesky factor of a
# correlation matrix (whose digits survive where correlations are at one).
type Theta = dict[str, Array]
