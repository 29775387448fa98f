"""A vector of scales as a random variable of a PyMC graph."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.shape_utils import change_dist_size

from .parameters import Positive


def positive_variable(scale: Positive) -> Any:
    """Declare a scale in the graph that is open: free under its law, or a fixed deterministic."""
    size = None if scale.dim is None else scale.size
    name = scale.variable
    if scale.fixed is not None:
        value = np.broadcast_to(scale.fixed, scale.size).astype(np.float64)
        return pm.Deterministic(name, pt.constant(value if size else value[0]), dims=scale.dim)
    if scale.law is not None and scale.law.name == "Jeffreys":
        dist = pm.HalfFlat.dist(**({} if size is None else {"shape": size}))
    elif scale.law is not None:
        dist = scale.law.dist(size)
    else:
        dist = change_dist_size(scale.custom, (scale.size,) if size else ())
    dims = None if scale.dim is None else (scale.dim,)
    value = pm.modelcontext(None).register_rv(dist, name, dims=dims)
    if scale.law is not None and scale.law.name == "Jeffreys":
        pm.Potential(f"{name}_prior", -pt.log(value).sum())
    return value
