"""Models whose design is unknown: a matrix Y = 1 mu' + Z W' + E with the loadings W part of theta.

`chart` are theta's coordinates, `target` their log density, `model` the declaration that engines
see, `maximum` where the likelihood is largest, `canonical` the form in which loadings are told,
`recover` what theta says of mu and the scores, `graphs` the PyMC models.
"""

from .model import FactorModel

__all__ = ["FactorModel"]
