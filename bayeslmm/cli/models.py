"""Models by the names and options of the command line."""

import shlex
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
    ModelName.ppca: ("components", "scale", "ard", "without"),
}
CRITERIA = {ModelName.lmm: "reml", ModelName.ppca: "ml"}  # usual of empirical Bayes, or "evidence"
KERNELS = {
    KernelName.gaussian: ("width",),
    KernelName.linear_spline: (),
    KernelName.polynomial: ("degree",),
}
type Declare = Callable[..., Any]  # formula, table, priors -> model


def check_formula(name: ModelName, formula: str | None) -> None:
    """Refuse a formula where the whole table is the response, and its absence elsewhere."""
    if name is ModelName.ppca and formula is not None:
        raise typer.BadParameter(
            f"--model ppca takes no formula, for every column is a response, but got {formula!r}; "
            f"--without COLUMN leaves a column out"
        )
    if name is not ModelName.ppca and formula is None:
        raise typer.BadParameter(
            f"--model {name} needs a formula after the table, such as 'y ~ x + (x | group)'"
        )


def declare(
    name: ModelName, rows: dict[str, Any], criterion: Criterion | None = None, **given: Any
) -> Declare:
    """How to make the model; an option that it does not take is refused, not ignored.

    Parameters
    ----------
    name
    rows
        Options about the rows of one response; None where the shell did not say.
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
    if name is ModelName.ppca:
        return _matrix(said, rows)
    missing = str(rows["missing"] or "error")
    columns = {option: rows[option] for option in ("weights", "offset", "frequency", "noise_sd")}
    columns["missing"] = missing
    if name is ModelName.lasso:
        if criterion is not None:
            raise typer.BadParameter(
                "--criterion does not go with --model lasso, whose lam has one maximum"
            )
        return partial(_lasso, said, **columns)
    if name is ModelName.rvm:
        return partial(_rvm, _kernel(said), **columns)
    terms = [read_term(text) for text in said.get("term", ())]
    if terms and missing == "drop":
        raise typer.BadParameter(
            "--missing drop does not go with --term: take the rows out of the table first"
        )
    return partial(_lmm, terms, **columns)


def engines_of(
    name: ModelName, given: list[EngineName] | None, page: bool, ard: bool = False
) -> list[EngineName]:
    """The engines that were named, or the usual ones of the model."""
    if given:
        return given
    if ard:  # components with scales of their own have no maximum
        return [EngineName.nuts]
    if name is ModelName.rvm:
        return [EngineName.eb]
    return [EngineName.nuts, EngineName.eb] if page else [EngineName.nuts]


def usual_criterion(name: ModelName, terms: list[str] | None) -> str:
    """What empirical Bayes maximises where the shell does not say; lme4's for its own models."""
    return "evidence" if terms else CRITERIA.get(name, "evidence")


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


def _matrix(said: dict[str, Any], rows: dict[str, Any]) -> Declare:
    """A maker of a model of the whole table; what is about one response is refused."""
    for option, value in rows.items():
        if value is not None:
            flag = f"--{option.replace('_', '-')}"
            why = ", which keeps rows with missing values" if option == "missing" else ""
            raise typer.BadParameter(f"{flag} does not go with --model ppca{why}")
    if "components" not in said:
        raise typer.BadParameter("--model ppca needs --components, such as --components 2")
    return partial(_ppca, said.pop("without", []), said)


def _ppca(without: list[str], said: dict[str, Any], formula: None, data: Any, priors: Any) -> Any:
    from ..design.errors import DesignError
    from ..models.ppca import ppca

    names = [str(name) for name in data.columns]
    for name in without:
        if name not in names:
            shown = ", ".join(names[:12]) + (", ..." if names[12:] else "")
            raise ValueError(f"--without: there is no column {name!r}; the table has {shown}")
    table = data[[name for name in names if name not in without]]
    try:
        return ppca(table, **said, priors=priors)
    except DesignError as error:
        labels = [name for name in table.columns if table[name].dtype.kind not in "iufb"]
        here = " ".join(f"--without {shlex.quote(name)}" for name in labels)
        told = f"{error}; here: {here}" if labels and "drop" in str(error) else str(error)
        raise ValueError(told) from None


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
