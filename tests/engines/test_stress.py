"""Three hundred random designs: no criterion stops below a maximum that a dense search finds."""

import pytest

from bayeslmm.engines.maximise import maximise
from bayeslmm.model.model import CRITERIA

from .random_designs import FORMS, case

DESIGNS = 300


@pytest.mark.slow
@pytest.mark.parametrize("form", range(len(FORMS)), ids=[f.__name__ for f in FORMS])
def test_no_higher_maximum_is_known(form):
    """Each criterion in turn; a tolerance of 1e-4 nats, as for any optimum."""
    short = {}
    for number in range(form, DESIGNS, len(FORMS)):
        made, rng = case(1, number)
        criterion = CRITERIA[number // len(FORMS) % 4]
        top, _ = made.dense(criterion).highest(rng, starts=8)
        best = maximise(made.model(), criterion)
        if best.converged and best.value < top - 1e-4:
            short[number, criterion] = top - best.value
    assert not short
