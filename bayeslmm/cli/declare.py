"""Models by the names and options of the command line."""

import shlex
from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from .option_list import Asked
from .parameter_names import KernelName, ModelName
from .terms import TermOption, build_term, no_column, read_term

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
OPTIONS = tuple(option for names in USES.values() for option in names)
BESIDE = ("weights", "offset", "frequency", "noise_sd")  # columns beside those of the formula
type Declare = Callable[..., Any]  # formula, table, priors -> model


def declare(asked: Asked) -> Declare:
    """How to make the model; an option that it does not take is refused, not ignored."""
    _check_formula(asked.model, asked.formula)
    name, said = asked.model, asked.said(OPTIONS)
    for option in said:
        if option not in USES[name]:
            owners = [other.value for other, options in USES.items() if option in options]
            raise typer.BadParameter(f"--{option} goes with --model {' or '.join(owners)}")
    if name is ModelName.ppca:
        return _matrix(said, asked.said((*BESIDE, "missing", "group")))
    missing = str(asked.missing or "error")
    columns = {option: getattr(asked, option) for option in BESIDE} | {"missing": missing}
    if name is ModelName.lasso:
        if asked.criterion is not None:
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


def _check_formula(name: ModelName, formula: str | None) -> None:
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


def _lmm(terms: list[TermOption], formula: str, data: Any, **options: Any) -> Any:
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
    for option in rows:
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
            raise ValueError(f"--without: {no_column(name, names)}")
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
        from ..columns import kernels

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
