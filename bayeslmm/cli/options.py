"""What a shell can say: the arguments and options that `fit` and `report` share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class EngineName(StrEnum):
    """Engines that a shell can name."""

    nuts = "nuts"
    eb = "eb"
    advi = "advi"
    cavi = "cavi"
    gibbs = "gibbs"


class ModelName(StrEnum):
    """Models that a shell can name."""

    lmm = "lmm"
    lasso = "lasso"
    rvm = "rvm"
    ppca = "ppca"


class KernelName(StrEnum):
    """Kernels of a relevance vector machine."""

    gaussian = "gaussian"
    linear_spline = "linear_spline"
    polynomial = "polynomial"


class Scale(StrEnum):
    """What columns of a matrix are divided by."""

    sd = "sd"


class Criterion(StrEnum):
    """What empirical Bayes maximises."""

    ml = "ml"
    reml = "reml"
    evidence = "evidence"
    map = "map"


class Missing(StrEnum):
    """What happens to rows with missing values."""

    error = "error"
    drop = "drop"


Table = Annotated[
    Path, typer.Argument(help="CSV (.csv, .tsv, also .csv.gz and such), Parquet, or a pipe.")
]
Formula = Annotated[
    str | None,
    typer.Argument(help='lme4 formula: "y ~ x + (x | group)"; --model ppca takes none.'),
]
Engines = Annotated[
    list[EngineName] | None,
    typer.Option(
        "--engine",
        "-e",
        help="May be repeated for report. By default nuts, for report also eb; --model rvm: eb.",
    ),
]
ModelOption = Annotated[
    ModelName,
    typer.Option(
        "--model",
        "-m",
        help="lmm: mixed model; lasso: Bayesian lasso; rvm: relevance vector machine; ppca: "
        "probabilistic PCA of all columns.",
    ),
]
Terms = Annotated[
    list[str] | None,
    typer.Option(
        "--term",
        metavar="LAW: COLUMNS",
        help="--model lmm: a block of columns with a law of its own, ridge, ard, laplace or "
        'horseshoe: "horseshoe: x1, x2", "ridge(name=snp): snp*". May be repeated.',
    ),
]
Lam = Annotated[
    float | None, typer.Option(help="--model lasso: the penalty, for columns of unit length.")
]
Kernel = Annotated[
    KernelName | None,
    typer.Option(help="--model rvm: of the formula's columns; without it these are the basis."),
]
Width = Annotated[
    float | None, typer.Option(help="--kernel gaussian: exp(-d^2 / width^2), in units of x.")
]
Degree = Annotated[int | None, typer.Option(help="--kernel polynomial: (x . z + 1)^degree.")]
Components = Annotated[
    int | None, typer.Option(min=0, help="--model ppca: how many components; it needs this.")
]
ScaleOption = Annotated[
    Scale | None, typer.Option(help="--model ppca: divide each column by its sd.")
]
Ard = Annotated[
    bool | None, typer.Option("--ard", help="--model ppca: each component has its own scale.")
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN", help="--model ppca: leave out, such as labels. May be repeated."
    ),
]
CriterionOption = Annotated[
    Criterion | None,
    typer.Option(
        help="What --engine eb maximises; reml by default, evidence with --term, lasso and rvm, "
        "ml with ppca."
    ),
]
Draws = Annotated[
    int | None,
    typer.Option(
        min=1, help="Draws kept, per chain: 1000, of gibbs 2000, of advi and cavi 4000 by default."
    ),
]
Tune = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="--engine nuts (at least 1), gibbs: draws before those kept; 1000 and 500 by default.",
    ),
]
Chains = Annotated[
    int | None, typer.Option(min=1, help="--engine nuts, gibbs: chains; 4 by default.")
]
Steps = Annotated[
    int | None,
    typer.Option(min=1, help="--engine advi, cavi: largest number of steps; 30000 and 20000."),
]
FullRank = Annotated[
    bool | None, typer.Option("--full-rank", help="--engine advi: a full covariance.")
]
Marginal = Annotated[
    bool | None,
    typer.Option("--marginal", help="--engine advi: the variances alone; coefficients exactly."),
]
Seed = Annotated[int | None, typer.Option(min=0, help="Drawn and stored where not given.")]
Priors = Annotated[
    list[str] | None,
    typer.Option("--prior", help='"sigma=HalfNormal(50)"; a number fixes it. May be repeated.'),
]
Weights = Annotated[str | None, typer.Option(help="Column of precisions (sigma^2 / w).")]
Offset = Annotated[str | None, typer.Option(help="Column: known part of the mean.")]
Frequency = Annotated[str | None, typer.Option(help="Column: how often each row counts.")]
NoiseSd = Annotated[str | None, typer.Option(help="Column: known noise sd of each row.")]
MissingOption = Annotated[
    Missing | None,
    typer.Option(help="Rows with missing values: error by default; --model ppca keeps them."),
]
Group = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Read as labels, as written: 007 stays 007, NA is a label, and only an empty field is "
        "missing. May be repeated. Groups of the formula are read as labels anyhow, but for words "
        "such as NA, which are missing.",
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        help="Between the fields of a CSV: a comma, in .tsv a tab, or any one character; with it a "
        "text may have any ending."
    ),
]
Decimal = Annotated[
    str | None, typer.Option(help="Decimal mark of a CSV: '.' or ','; a point by default.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
