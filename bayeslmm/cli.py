"""`bayeslmm fit` and `bayeslmm report`: a table and a formula become a file, from a shell.

Exit codes: 0 done; 1 the data, the model or a file cannot be used (one line on stderr says why);
2 the command line cannot be understood; 130 interrupted (what was drawn is kept in the file).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
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
CriterionOption = Annotated[
    Criterion | None, typer.Option(help="What --engine eb maximises; reml by default.")
]
Draws = Annotated[int, typer.Option(min=1, help="Draws kept, per chain.")]
Tune = Annotated[
    int | None, typer.Option(min=0, help="--engine nuts: draws of adaptation; 1000 by default.")
]
Chains = Annotated[int | None, typer.Option(min=1, help="--engine nuts: chains; 4 by default.")]
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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


@app.command()
def fit(
    table: Table,
    formula: Formula,
    output: Annotated[Path, typer.Option("--output", "-o", help="netCDF file to write.")],
    engine: Engines = [EngineName.nuts],  # noqa: B006  (typer reads it, nobody changes it)
    criterion: CriterionOption = None,
    draws: Draws = 1000,
    tune: Tune = None,
    chains: Chains = None,
    seed: Seed = None,
    prior: Priors = None,
    weights: Weights = None,
    offset: Offset = None,
    frequency: Frequency = None,
    noise_sd: NoiseSd = None,
    missing: MissingOption = Missing.error,
    group: Group = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model, print its tables, and save the posterior as netCDF."""
    if len(engine) != 1:
        raise typer.BadParameter("fit takes one --engine and writes one file; run it once for each")
    make = _makers(engine, draws, criterion=criterion, tune=tune, chains=chains)
    columns = {"weights": weights, "offset": offset, "frequency": frequency, "noise_sd": noise_sd}
    with _told():
        from .report.files import whole

        target = _target(output, table, (".nc",))
        model = _model(table, formula, prior, columns, missing, group)
        _say(quiet, repr(model), "")
        tree = _fit(model, make[0](), seed, quiet)
        with whole(target) as draft:
            tree.to_netcdf(draft, engine="h5netcdf")
        _say(quiet, *_tables(tree), f"Saved: {target}")
    _stop_if_interrupted(bool(tree.attrs.get("interrupted")))


@app.command()
def report(
    table: Table,
    formula: Formula,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path(
        "report.html"
    ),
    engine: Engines = [EngineName.nuts, EngineName.eb],  # noqa: B006
    criterion: CriterionOption = None,
    draws: Draws = 1000,
    tune: Tune = None,
    chains: Chains = None,
    seed: Seed = None,
    prior: Priors = None,
    weights: Weights = None,
    offset: Offset = None,
    frequency: Frequency = None,
    noise_sd: NoiseSd = None,
    missing: MissingOption = Missing.error,
    group: Group = None,
    title: Annotated[str | None, typer.Option(help="Heading; the formula by default.")] = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model by one or several engines and write one self-contained HTML page."""
    make = _makers(engine, draws, criterion=criterion, tune=tune, chains=chains)
    columns = {"weights": weights, "offset": offset, "frequency": frequency, "noise_sd": noise_sd}
    trees: dict[str, Any] = {}
    with _told():
        from .report.page import report as write

        target = _target(output, table, (".html", ".htm"))
        model = _model(table, formula, prior, columns, missing, group)
        _say(quiet, repr(model), "")
        for engine_of in make:
            try:
                tree = _fit(model, engine_of(), seed, quiet)
            except KeyboardInterrupt:
                if not trees:
                    raise
                whole = False  # the page is about the engines that are done
                break
            trees[tree.attrs["engine"]] = tree
            _say(quiet, *_tables(tree))
            whole = not tree.attrs.get("interrupted")
            if not whole:
                break
        write(model, trees, target, title=title)
        _say(quiet, f"Report: {target.resolve()}")
    _stop_if_interrupted(not whole)


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


def _target(output: Path, table: Path, endings: tuple[str, ...]) -> Path:
    """Where the result goes: a file of the right ending, never the table itself."""
    from .report.files import check_writable

    if output.suffix.lower() not in endings:
        raise ValueError(f"{output}: name an output that ends in {endings[0]}")
    if output.exists() and table.exists() and output.samefile(table):
        raise ValueError(f"{output} is the table itself; name another output")
    return check_writable(output)


def _model(
    path: Path,
    formula: str,
    priors: list[str] | None,
    columns: dict[str, Any],
    missing: Missing,
    labels: list[str] | None,
) -> Any:
    from .models.lmm import lmm
    from .report.table_file import read_table_file

    data = read_table_file(path, labels or ())
    return lmm(formula, data, priors=_priors(priors or []), missing=missing.value, **columns)


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


USES = {EngineName.nuts: ("tune", "chains"), EngineName.eb: ("criterion",)}


def _makers(names: list[EngineName], draws: int, **given: Any) -> list[Callable[[], Any]]:
    """One maker per engine; an option that none of the engines takes is refused, not ignored."""
    from .engines.evidence import EmpiricalBayes
    from .engines.nuts import NUTS

    kinds: dict[EngineName, Any] = {EngineName.nuts: NUTS, EngineName.eb: EmpiricalBayes}
    taken = {option for name in names for option in USES[name]}
    for option, value in given.items():
        if value is not None and option not in taken:
            owner = next(name for name, options in USES.items() if option in options)
            raise typer.BadParameter(f"--{option} goes with --engine {owner.value}")
    defaults: dict[str, Any] = {"criterion": Criterion.reml, "tune": 1000, "chains": 4}
    values = {k: defaults[k] if value is None else value for k, value in given.items()}
    values["criterion"] = values["criterion"].value
    return [
        partial(kinds[name], draws=draws, **{option: values[option] for option in USES[name]})
        for name in dict.fromkeys(names)
    ]


def _fit(model: Any, engine: Any, seed: int | None, quiet: bool) -> Any:
    from .fit import fit as infer

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


def _stop_if_interrupted(interrupted: bool) -> None:
    if interrupted:
        typer.echo("bayeslmm: interrupted; the draws made before were kept", err=True)
        raise typer.Exit(INTERRUPTED)


def main() -> None:
    """Entry point of the command `bayeslmm`."""
    app()


if __name__ == "__main__":
    main()
