"""Models by the names and options of the command line."""

from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from .options import Criterion, EngineName, KernelName, ModelName
from .terms import Term, build_term, read_term

USES = {
    ModelName.lmm: ("term",),
    ModelName.lasso: ("lam",),
    ModelName.rvm: ("kernel", "width", "degree"),
}
KERNELS = {
    KernelName.gaussian: ("width",),
    KernelName.linear_spline: (),
    KernelName.polynomial: ("degree",),
}
type Declare = Callable[..., Any]  # formula, table, **what `lmm` takes -> Model


def declare(
    name: ModelName, missing: str, criterion: Criterion | None = None, **given: Any
) -> Declare:
    """How to make the model; an option that it does not take is refused, not ignored.

    Parameters
    ----------
    name
    missing
        What happens to rows with missing values.
    criterion
        Of empirical Bayes, where the shell said one.
    given
        Options by name; None where the shell did not say.
    """
    said = {option: value for option, value in given.items() if value is not None}
    for option in said:
        if option not in USES[name]:
            owners = [other.value for other, options in USES.items() if option in options]
            raise typer.BadParameter(f"--{option} goes with --model {' or '.join(owners)}")
    if name is ModelName.lasso:
        if criterion is not None:
            raise typer.BadParameter(
                "--criterion does not go with --model lasso, whose lam has one maximum"
            )
        return partial(_lasso, said)
    if name is ModelName.rvm:
        return partial(_rvm, _kernel(said))
    terms = [read_term(text) for text in said.get("term", ())]
    if terms and missing == "drop":
        raise typer.BadParameter(
            "--missing drop does not go with --term: take the rows out of the table first"
        )
    return partial(_lmm, terms)


def engines_of(name: ModelName, given: list[EngineName] | None, page: bool) -> list[EngineName]:
    """The engines that were named, or the usual ones of the model."""
    if given:
        return given
    if name is ModelName.rvm:
        return [EngineName.eb]
    return [EngineName.nuts, EngineName.eb] if page else [EngineName.nuts]


def plain(name: ModelName, terms: list[str] | None) -> bool:
    """Whether it is a mixed model as lme4 has them, for which the shell's default is REML."""
    return name is ModelName.lmm and not terms


def _lmm(terms: list[Term], formula: str, data: Any, **options: Any) -> Any:
    from ..models.lmm import lmm

    response, taken = _taken(formula, data, options) if terms else ([], [])
    blocks = [build_term(term, data, response, taken) for term in terms]
    return lmm(formula, data, terms=blocks, **options)


def _lasso(said: dict[str, Any], formula: str, data: Any, **options: Any) -> Any:
    from ..models.lasso import lasso

    return lasso(formula, data, **said, **options)


def _rvm(kernel: Callable[[], Any], formula: str, data: Any, **options: Any) -> Any:
    from ..models.rvm import rvm

    return rvm(formula, data, kernel=kernel(), **options)


def _kernel(said: dict[str, Any]) -> Callable[[], Any]:
    """A maker of the kernel, None where the formula's own columns are the basis."""
    name = said.get("kernel")
    takes = KERNELS[name] if name is not None else ()
    for option, owner in (("width", "gaussian"), ("degree", "polynomial")):
        if option in said and option not in takes:
            raise typer.BadParameter(f"--{option} goes with --kernel {owner}")
        if option in takes and option not in said:
            raise typer.BadParameter(f"--kernel {owner} needs --{option}")

    def make() -> Any:
        from .. import kernels

        if name is None:
            return None
        return getattr(kernels, name.value)(**{option: said[option] for option in takes})

    return make


def _taken(formula: str, data: Any, options: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Columns of the response, and all that the formula and the options name."""
    from ..design.formula import read_formula

    reserved = [value for value in options.values() if isinstance(value, str)]
    said = read_formula(formula, [str(name) for name in data.columns], reserved)
    response, predictors, grouping = said.columns
    return response, list(dict.fromkeys([*response, *predictors, *grouping, *reserved]))
