"""Priors under which the posterior does not exist: refused before anything is sampled.

Where the columns of a block span all rows, the likelihood at sigma = 0 is positive: the prior alone
must keep the mass near zero finite. 1 / sigma, flat over log sigma, does not (as for one variance
of a mixed model: Hobert & Casella 1996).
"""

from typing import Any

import numpy as np

from ..model.model import Model
from .exact import refuse_exact
from .loadings_maximum import refuse_pole


def refuse_improper(model: Any) -> None:
    """Priors under which the posterior does not exist: flat ones; any, at a pole, without noise."""
    if model.axes is not None:
        refuse_pole(model)
    else:
        refuse_exact(model)
    if model.space.proper:
        return
    for block in model.blocks:
        for p in block.law.parameters:
            if p.law is not None and not p.law.proper:
                raise ValueError(
                    f"{p.name} has the flat prior {p.law.name}, under which the posterior of "
                    f"{block.name} is improper; give a proper one, such as 'HalfStudentT(3, 1)', "
                    f"or maximise the evidence by EmpiricalBayes()"
                )
    _refuse_followed(model)
    flat = [s.name for s in model.space.scales if s.law is not None and not s.law.proper]
    few = [t for t in model.groups if t.sd.name in flat and t.shape[0] <= t.shape[1] + 1]
    if few:
        raise ValueError(
            f"{few[0].sd.name} has a flat prior and {few[0].name} has {few[0].shape[0]} groups: "
            f"the posterior is improper; give a proper prior, such as 'HalfStudentT(3, 1)'"
        )


def _refuse_followed(model: Model) -> None:
    """1 / sigma beside columns that follow every row at scales that do not fall with sigma."""
    law = model.space.sigma.law
    own = [b for b in model.blocks if not b.law.noise]
    if law is None or law.name != "Jeffreys" or not own:
        return
    rows, p = model.design.X.shape
    if p + sum(b.columns for b in own) < rows:
        return
    columns = np.hstack([model.design.X, *(b.Z for b in own)])
    if np.linalg.matrix_rank(columns) < rows:
        return
    raise ValueError(
        f"sigma has the flat prior Jeffreys() and the columns of "
        f"{' and '.join(b.name for b in own)} follow all {rows} rows: the posterior of log sigma "
        f"is improper, since the likelihood stays positive as sigma goes to zero; give sigma a "
        f"proper prior, such as 'HalfStudentT(3, 1)'"
    )
