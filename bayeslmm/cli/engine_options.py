"""Engines by the names and options of the command line."""

from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from .declare import CRITERIA
from .option_list import Asked
from .parameter_names import EngineName, ModelName

USES = {
    EngineName.independent: ("chains",),
    EngineName.nuts: ("tune", "chains"),
    EngineName.eb: ("criterion",),
    EngineName.advi: ("steps", "full_rank", "marginal"),
    EngineName.cavi: ("steps",),
    EngineName.gibbs: ("tune", "chains"),
}
OPTIONS = ("draws", *dict.fromkeys(option for names in USES.values() for option in names))


def engines_of(asked: Asked, page: bool) -> list[EngineName]:
    """The engines that were named, or the usual ones of the model."""
    if asked.engine:
        names = asked.engine
    elif asked.ard:  # components with scales of their own have no maximum
        names = [EngineName.nuts]
    elif asked.model is ModelName.rvm:
        names = [EngineName.eb]
    else:
        tuned = "tune" in asked.said(("tune",))  # only chains are tuned
        usual = EngineName.nuts if tuned else EngineName.independent
        names = [usual, EngineName.eb] if page else [usual]
    if len(names) > 1 and not page:
        raise typer.BadParameter("fit takes one --engine and writes one file; run it once for each")
    return names


def makers(asked: Asked, page: bool) -> list[Callable[[], Any]]:
    """One maker per engine; an option that none of the engines takes is refused, not ignored.

    Of empirical Bayes the criterion, where the shell does not say: "reml" is lme4's.
    """
    from ..engines.advi import ADVI
    from ..engines.cavi import CAVI
    from ..engines.evidence import EmpiricalBayes
    from ..engines.gibbs import Gibbs
    from ..engines.importance_sampling import ImportanceSampling
    from ..engines.nuts import NUTS

    kinds: dict[EngineName, Any] = {
        EngineName.independent: ImportanceSampling,
        EngineName.nuts: NUTS,
        EngineName.eb: EmpiricalBayes,
        EngineName.advi: ADVI,
        EngineName.cavi: CAVI,
        EngineName.gibbs: Gibbs,
    }
    names, said = engines_of(asked, page), asked.said(OPTIONS)
    taken = {"draws", *(option for name in names for option in USES[name])}
    for option in said:
        if option not in taken:
            owners = [name.value for name, options in USES.items() if option in options]
            flag = option.replace("_", "-")
            raise typer.BadParameter(f"--{flag} goes with --engine {' or '.join(owners)}")
    usual = "evidence" if asked.term else CRITERIA.get(asked.model, "evidence")
    said["criterion"] = str(said.get("criterion", usual))
    return [
        partial(kinds[name], **{o: said[o] for o in ("draws", *USES[name]) if o in said})
        for name in dict.fromkeys(names)
    ]
