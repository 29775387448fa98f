"""`bayeslmm fit` and `bayeslmm report`: a table and a formula become a file, from a shell.

Exit codes: 0 done; 1 the data, the model or a file cannot be used (one line on stderr says why);
2 the command line cannot be understood; 130 interrupted (what was drawn is kept in the file).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="bayeslmm",
    help="Bayesian linear mixed models: a table and a formula become a posterior.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

READERS = {".csv": "read_csv", ".gz": "read_csv", ".parquet": "read_parquet", ".pq": "read_parquet"}
INTERRUPTED = 130


class EngineName(StrEnum):
    """Engines that a shell can name."""

    nuts = "nuts"
    eb = "eb"


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
CriterionOption = Annotated[Criterion, typer.Option(help="What --engine eb maximises.")]
Draws = Annotated[int, typer.Option(min=1, help="Draws kept, per chain.")]
Tune = Annotated[int, typer.Option(min=0, help="Draws of adaptation, per chain.")]
Chains = Annotated[int, typer.Option(min=1)]
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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


@app.command()
def fit(
    table: Table,
    formula: Formula,
    output: Annotated[Path, typer.Option("--output", "-o", help="netCDF file to write.")],
    engine: Engines = [EngineName.nuts],  # noqa: B006  (typer reads it, nobody changes it)
    criterion: CriterionOption = Criterion.reml,
    draws: Draws = 1000,
    tune: Tune = 1000,
    chains: Chains = 4,
    seed: Seed = None,
    prior: Priors = None,
    weights: Weights = None,
    offset: Offset = None,
    frequency: Frequency = None,
    noise_sd: NoiseSd = None,
    missing: MissingOption = Missing.error,
    quiet: Quiet = False,
) -> None:
    """Fit a model, print its tables, and save the posterior as netCDF."""
    if len(engine) != 1:
        raise typer.BadParameter("fit takes one --engine and writes one file; run it once for each")
    columns = {"weights": weights, "offset": offset, "frequency": frequency, "noise_sd": noise_sd}
    with _told():
        from .report.files import check_writable, whole

        target = check_writable(output)
        model = _model(table, formula, prior, columns, missing)
        _say(quiet, repr(model), "")
        tree = _fit(model, engine[0], criterion, draws, tune, chains, seed, quiet)
        with whole(target) as draft:
            tree.to_netcdf(draft, engine="h5netcdf")
        _say(quiet, *_tables(tree), f"Saved: {target}")
    _stop_if_interrupted(tree)


@app.command()
def report(
    table: Table,
    formula: Formula,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path(
        "report.html"
    ),
    engine: Engines = [EngineName.nuts, EngineName.eb],  # noqa: B006
    criterion: CriterionOption = Criterion.reml,
    draws: Draws = 1000,
    tune: Tune = 1000,
    chains: Chains = 4,
    seed: Seed = None,
    prior: Priors = None,
    weights: Weights = None,
    offset: Offset = None,
    frequency: Frequency = None,
    noise_sd: NoiseSd = None,
    missing: MissingOption = Missing.error,
    title: Annotated[str | None, typer.Option(help="Heading; the formula by default.")] = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model by one or several engines and write one self-contained HTML page."""
    columns = {"weights": weights, "offset": offset, "frequency": frequency, "noise_sd": noise_sd}
    trees = {}
    with _told():
        from .report.files import check_writable
        from .report.page import report as write

        target = check_writable(output)
        model = _model(table, formula, prior, columns, missing)
        _say(quiet, repr(model), "")
        for name in dict.fromkeys(engine):
            tree = _fit(model, name, criterion, draws, tune, chains, seed, quiet)
            trees[tree.attrs["engine"]] = tree
            _say(quiet, *_tables(tree))
        write(model, trees, target, title=title)
        _say(quiet, f"Report: {target.resolve()}")
    _stop_if_interrupted(*trees.values())


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"bayeslmm {version('bayeslmm')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bayesian linear mixed models: a table and a formula become a posterior."""


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the data, the model and the files become one line on stderr and exit code 1."""
    try:
        yield
    except (ValueError, ArithmeticError, OSError, MemoryError) as error:
        text = " ".join(str(error).split("\n")) if "^" not in str(error) else str(error)
        typer.echo(f"bayeslmm: {text}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("bayeslmm: interrupted before anything was kept", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _model(
    path: Path, formula: str, priors: list[str] | None, columns: dict[str, Any], missing: Missing
) -> Any:
    from .models.lmm import lmm

    return lmm(formula, _read(path), priors=_priors(priors or []), missing=missing.value, **columns)


def _read(path: Path) -> Any:
    """A table by the ending of its file."""
    import pandas as pd

    reader = READERS.get(path.suffix.lower())
    if reader is None or (path.suffix == ".gz" and not path.name.endswith(".csv.gz")):
        raise ValueError(
            f"{path}: the ending {path.suffix or '(none)'!r} is not known; give a .csv, .csv.gz or "
            f".parquet file"
        )
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    try:
        return getattr(pd, reader)(path)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path}: the file is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError, OSError) as error:
        raise ValueError(f"{path}: cannot be read as a table: {error}") from None


def _priors(given: list[str]) -> dict[str, Any]:
    """name=law or name=number."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, law = text.partition("=")
        if not equals or not name.strip() or not law.strip():
            raise ValueError(f"--prior {text!r}: write name=law, such as 'sigma=HalfNormal(50)'")
        try:
            found[name.strip()] = float(law)
        except ValueError:
            found[name.strip()] = law.strip()
    return found


def _fit(
    model: Any,
    name: EngineName,
    criterion: Criterion,
    draws: int,
    tune: int,
    chains: int,
    seed: int | None,
    quiet: bool,
) -> Any:
    from .engines.evidence import EmpiricalBayes
    from .engines.nuts import NUTS
    from .fit import fit as infer

    engine: Any = EmpiricalBayes(criterion.value, draws=draws)
    if name is EngineName.nuts:
        engine = NUTS(draws=draws, tune=tune, chains=chains)
    return infer(model, engine, seed=seed, progress=False if quiet else None)


def _tables(tree: Any) -> Iterator[str]:
    """What a terminal shows of a fit."""
    from .report.terminal import terminal

    attrs = tree.attrs
    yield f"{attrs['engine']}, {attrs['seconds']:.2g} s, seed {attrs['seed']}"
    yield terminal(tree)
    if attrs["message"] != "converged":
        yield f"Note: {attrs['message']}"
    yield ""


def _say(quiet: bool, *lines: str) -> None:
    if not quiet:
        for line in lines:
            typer.echo(line)


def _stop_if_interrupted(*trees: Any) -> None:
    if any(tree.attrs.get("interrupted") for tree in trees):
        typer.echo("bayeslmm: interrupted; the draws made before were kept", err=True)
        raise typer.Exit(INTERRUPTED)


def main() -> None:
    """Entry point of the command `bayeslmm`."""
    app()


if __name__ == "__main__":
    sys.exit(main())
