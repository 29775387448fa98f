"""Flat priors under which the posterior does not exist: refused before anything is sampled."""

from ..model import Model


def refuse_improper(model: Model) -> None:
    """Flat priors under which the posterior does not exist."""
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
    flat = [s.name for s in model.space.scales if s.law is not None and not s.law.proper]
    few = [t for t in model.terms if t.sd.name in flat and t.shape[0] <= t.shape[1] + 1]
    if few:
        raise ValueError(
            f"{few[0].sd.name} has a flat prior and {few[0].name} has {few[0].shape[0]} groups: "
            f"the posterior is improper; give a proper prior, such as 'HalfStudentT(3, 1)'"
        )
