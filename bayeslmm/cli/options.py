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


Table = Annotated[Path, typer.Argument(help="CSV (.csv, .csv.gz) or Parquet file.")]
Formula = Annotated[str, typer.Argument(help='lme4 formula: "y ~ x + (x | group)".')]
Engines = Annotated[list[EngineName], typer.Option("--engine", "-e", help="May be repeated.")]
CriterionOption = Annotated[
    Criterion | None, typer.Option(help="What --engine eb maximises; reml by default.")
]
Draws = Annotated[
    int | None,
    typer.Option(min=1, help="Draws kept, per chain: 1000, of advi and cavi 4000 by default."),
]
Tune = Annotated[
    int | None, typer.Option(min=0, help="--engine nuts: draws of adaptation; 1000 by default.")
]
Chains = Annotated[int | None, typer.Option(min=1, help="--engine nuts: chains; 4 by default.")]
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
MissingOption = Annotated[Missing, typer.Option(help="Rows with missing values.")]
Group = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Read as labels: 007 stays 007. May be repeated."),
]
Separator = Annotated[
    str | None, typer.Option(help="Between the fields of a CSV: a comma by default; tab.")
]
Decimal = Annotated[str | None, typer.Option(help="Decimal mark of a CSV: a point by default.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
