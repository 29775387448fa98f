"""Engines by the names and options of the command line."""

from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from .options import Criterion, EngineName

USES = {
    EngineName.nuts: ("tune", "chains"),
    EngineName.eb: ("criterion",),
    EngineName.advi: ("steps", "full_rank", "marginal"),
    EngineName.cavi: ("steps",),
    EngineName.gibbs: ("tune", "chains"),
}


def makers(names: list[EngineName], usual: str = "reml", **given: Any) -> list[Callable[[], Any]]:
    """One maker per engine; an option that none of the engines takes is refused, not ignored.

    Parameters
    ----------
    names
        Engines, in the order in which they run; one that stands twice runs once.
    usual
        The criterion of empirical Bayes where the shell does not say: "reml" is lme4's.
    given
        Options by the names of the engines' fields; None where the shell did not say.
    """
    from ..engines.advi import ADVI
    from ..engines.cavi import CAVI
    from ..engines.evidence import EmpiricalBayes
    from ..engines.gibbs import Gibbs
    from ..engines.nuts import NUTS

    kinds: dict[EngineName, Any] = {
        EngineName.nuts: NUTS,
        EngineName.eb: partial(EmpiricalBayes, usual),
        EngineName.advi: ADVI,
        EngineName.cavi: CAVI,
        EngineName.gibbs: Gibbs,
    }
    said = {option: value for option, value in given.items() if value is not None}
    draws = {"draws": said.pop("draws")} if "draws" in said else {}
    taken = {option for name in names for option in USES[name]}
    for option in said:
        if option not in taken:
            owners = [name.value for name, options in USES.items() if option in options]
            flag = option.replace("_", "-")
            raise typer.BadParameter(f"--{flag} goes with --engine {' or '.join(owners)}")
    if isinstance(criterion := said.pop("criterion", None), Criterion):
        kinds[EngineName.eb] = partial(EmpiricalBayes, criterion.value)
    return [
        partial(kinds[name], **draws, **{o: said[o] for o in USES[name] if o in said})
        for name in dict.fromkeys(names)
    ]
