"""What makes a model hard to infer, and what to do: slopes on columns far from zero."""

import numpy as np

from ..model.model import Model

FAR = 20.0  # sds from zero beyond which a slope beside an intercept is hard to sample


def advice(model: Model) -> list[str]:
    """Sentences, one for each such column."""
    found = []
    for term in model.groups:
        Z, effects = term.grouping.Z, term.grouping.effects
        for part in term.correlation.parts if "Intercept" in effects else ():
            for j in part:
                mean, sd = float(np.mean(Z[:, j])), float(np.std(Z[:, j]))
                if sd > 0.0 and abs(mean) > FAR * sd:
                    found.append(
                        f"{effects[j]} lies {abs(mean) / sd:.0f} sds from zero, so that "
                        f"intercepts and slopes by {term.name} are almost one: centre it, as "
                        f"in (center({effects[j]}) | {term.name})"
                    )
    return found
