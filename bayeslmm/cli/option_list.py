"""What a shell can say: the arguments and options that `fit` and `report` share."""

from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from .parameter_names import Criterion, EngineName, KernelName, Missing, ModelName, Scale


@dataclass(frozen=True)
class Asked:
    """What a shell asked of either command; None where it did not say."""

    table: Annotated[
        Path, typer.Argument(help="CSV (.csv, .tsv, also .csv.gz and such), Parquet, or a pipe.")
    ]
    formula: Annotated[
        str | None,
        typer.Argument(help='lme4 formula: "y ~ x + (x | group)"; --model ppca takes none.'),
    ] = None
    model: Annotated[
        ModelName,
        typer.Option(
            "--model",
            "-m",
            help="lmm: mixed model; lasso: Bayesian lasso; rvm: relevance vector machine; ppca: "
            "probabilistic PCA of all columns.",
        ),
    ] = ModelName.lmm
    term: Annotated[
        list[str] | None,
        typer.Option(
            "--term",
            metavar="LAW: COLUMNS",
            help="--model lmm: a block of columns with a law of its own, ridge, ard, laplace or "
            'horseshoe: "horseshoe: x1, x2", "ridge(name=snp): snp*". May be repeated.',
        ),
    ] = None
    lam: Annotated[
        float | None, typer.Option(help="--model lasso: the penalty, for columns of unit length.")
    ] = None
    kernel: Annotated[
        KernelName | None,
        typer.Option(help="--model rvm: of the formula's columns; without it these are the basis."),
    ] = None
    width: Annotated[
        float | None, typer.Option(help="--kernel gaussian: exp(-d^2 / width^2), in units of x.")
    ] = None
    degree: Annotated[int | None, typer.Option(help="--kernel polynomial: (x . z + 1)^degree.")] = (
        None
    )
    components: Annotated[
        int | None, typer.Option(min=0, help="--model ppca: how many components; it needs this.")
    ] = None
    scale: Annotated[
        Scale | None, typer.Option(help="--model ppca: divide each column by its sd.")
    ] = None
    ard: Annotated[
        bool | None, typer.Option("--ard", help="--model ppca: each component has its own scale.")
    ] = None
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="--model ppca: leave out, such as labels. May be repeated."
        ),
    ] = None
    engine: Annotated[
        list[EngineName] | None,
        typer.Option(
            "--engine",
            "-e",
            help="May be repeated for report. By default is (importance sampling, or nuts where it "
            "cannot be certified), for report also eb; --ard, --tune: nuts; --model rvm: eb.",
        ),
    ] = None
    criterion: Annotated[
        Criterion | None,
        typer.Option(
            help="What --engine eb maximises; reml by default, evidence with --term, lasso and "
            "rvm, ml with ppca."
        ),
    ] = None
    draws: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Draws kept, per chain: 1000, of gibbs 2000, of advi and cavi 4000 by default.",
        ),
    ] = None
    tune: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="--engine nuts (at least 1), gibbs: draws before those kept; 1000 and 500 by "
            "default.",
        ),
    ] = None
    chains: Annotated[
        int | None, typer.Option(min=1, help="--engine is, nuts, gibbs: chains; 4 by default.")
    ] = None
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="--engine advi, cavi: largest number of steps; 30000 and 20000."),
    ] = None
    full_rank: Annotated[
        bool | None, typer.Option("--full-rank", help="--engine advi: a full covariance.")
    ] = None
    marginal: Annotated[
        bool | None,
        typer.Option(
            "--marginal", help="--engine advi: the variances alone; coefficients exactly."
        ),
    ] = None
    seed: Annotated[int | None, typer.Option(min=0, help="Drawn and stored where not given.")] = (
        None
    )
    prior: Annotated[
        list[str] | None,
        typer.Option("--prior", help='"sigma=HalfNormal(50)"; a number fixes it. May be repeated.'),
    ] = None
    weights: Annotated[str | None, typer.Option(help="Column of precisions (sigma^2 / w).")] = None
    offset: Annotated[str | None, typer.Option(help="Column: known part of the mean.")] = None
    frequency: Annotated[str | None, typer.Option(help="Column: how often each row counts.")] = None
    noise_sd: Annotated[str | None, typer.Option(help="Column: known noise sd of each row.")] = None
    missing: Annotated[
        Missing | None,
        typer.Option(help="Rows with missing values: error by default; --model ppca keeps them."),
    ] = None
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Read as labels, as written: 007 stays 007, NA is a label, and only an empty "
            "field is missing. May be repeated. Groups of the formula are read as labels anyhow, "
            "but for words such as NA, which are missing.",
        ),
    ] = None
    separator: Annotated[
        str | None,
        typer.Option(
            help="Between the fields of a CSV: a comma, in .tsv a tab, or any one character; with "
            "it a text may have any ending."
        ),
    ] = None
    decimal: Annotated[
        str | None, typer.Option(help="Decimal mark of a CSV: '.' or ','; a point by default.")
    ] = None

    def said(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of some options that the shell said."""
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """A command with all options of `Asked` in place of its first parameter.

    Its second parameter stands before them in the help, the others behind.
    """
    names = [each.name for each in fields(Asked)]
    shared = [
        Parameter(
            each.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if each.default is MISSING else each.default,
            annotation=each.type,
        )
        for each in fields(Asked)
    ]
    _, first, *rest = signature(command).parameters.values()
    first, *rest = (each.replace(kind=Parameter.KEYWORD_ONLY) for each in (first, *rest))

    @wraps(command)
    def run(**given: Any) -> None:
        asked = Asked(**{name: given.pop(name) for name in names})
        command(asked, **given)

    run.__signature__ = Signature([first, *shared, *rest])  # type: ignore[attr-defined]
    return run
