"""`bayeslmm fit` and `bayeslmm report`: a table and a model become a file, from a shell.

Exit codes: 0 done; 1 the data, the model or a file cannot be used (one line on stderr says why);
2 the command line cannot be understood; 130 interrupted (what was drawn is kept in the file).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from .engines import makers
from .models import check_formula, declare, engines_of, usual_criterion
from .options import (
    Ard,
    Chains,
    Components,
    CriterionOption,
    Decimal,
    Degree,
    Draws,
    Engines,
    Formula,
    Frequency,
    FullRank,
    Group,
    Kernel,
    Lam,
    Marginal,
    MissingOption,
    ModelName,
    ModelOption,
    NoiseSd,
    Offset,
    Priors,
    Quiet,
    ScaleOption,
    Seed,
    Separator,
    Steps,
    Table,
    Terms,
    Tune,
    Weights,
    Width,
    Without,
)
from .reading import model_of
from .words import of_the_shell

app = typer.Typer(
    name="bayeslmm",
    help="Bayesian linear mixed models and their family: a table becomes a posterior.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130


@app.command()
def fit(
    table: Table,
    output: Annotated[Path, typer.Option("--output", "-o", help="netCDF file to write.")],
    formula: Formula = None,
    model: ModelOption = ModelName.lmm,
    term: Terms = None,
    lam: Lam = None,
    kernel: Kernel = None,
    width: Width = None,
    degree: Degree = None,
    components: Components = None,
    scale: ScaleOption = None,
    ard: Ard = None,
    without: Without = None,
    engine: Engines = None,
    criterion: CriterionOption = None,
    draws: Draws = None,
    tune: Tune = None,
    chains: Chains = None,
    steps: Steps = None,
    full_rank: FullRank = None,
    marginal: Marginal = None,
    seed: Seed = None,
    prior: Priors = None,
    weights: Weights = None,
    offset: Offset = None,
    frequency: Frequency = None,
    noise_sd: NoiseSd = None,
    missing: MissingOption = None,
    group: Group = None,
    separator: Separator = None,
    decimal: Decimal = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model, print its tables, and save the posterior as netCDF."""
    named = engines_of(model, engine, page=False, ard=bool(ard))
    if len(named) != 1:
        raise typer.BadParameter("fit takes one --engine and writes one file; run it once for each")
    sampler = {"draws": draws, "tune": tune, "chains": chains, "criterion": criterion}
    ascent = {"steps": steps, "full_rank": full_rank, "marginal": marginal}
    shape: dict[str, Any] = {
        "term": term,
        "lam": lam,
        "kernel": kernel,
        "width": width,
        "degree": degree,
    }
    shape |= {"components": components, "scale": scale, "ard": ard, "without": without}
    rows: dict[str, Any] = {
        "weights": weights,
        "offset": offset,
        "frequency": frequency,
        "noise_sd": noise_sd,
    }
    rows |= {"missing": missing, "group": group}
    check_formula(model, formula)
    declared = declare(model, rows, criterion, **shape)
    make = makers(named, usual_criterion(model, term), **sampler, **ascent)
    with _told():
        from ..report.files import whole

        target = _target(output, table, (".nc",))
        marks, priors = (separator, decimal), _priors(prior or [])
        made, said = model_of(table, formula, rows, marks, declared, priors)
        _say(quiet, *said, repr(made), "")
        tree = _fit(made, make[0](), seed, quiet)
        with whole(target) as draft:
            tree.to_netcdf(draft, engine="h5netcdf")
        _say(quiet, *_tables(tree), f"Saved: {target}")
    _stop_if_interrupted(bool(tree.attrs.get("interrupted")))


@app.command()
def report(
    table: Table,
    formula: Formula = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="HTML or Markdown file to write.")
    ] = Path("report.html"),
    model: ModelOption = ModelName.lmm,
    term: Terms = None,
    lam: Lam = None,
    kernel: Kernel = None,
    width: Width = None,
    degree: Degree = None,
    components: Components = None,
    scale: ScaleOption = None,
    ard: Ard = None,
    without: Without = None,
    engine: Engines = None,
    criterion: CriterionOption = None,
    draws: Draws = None,
    tune: Tune = None,
    chains: Chains = None,
    steps: Steps = None,
    full_rank: FullRank = None,
    marginal: Marginal = None,
    seed: Seed = None,
    prior: Priors = None,
    weights: Weights = None,
    offset: Offset = None,
    frequency: Frequency = None,
    noise_sd: NoiseSd = None,
    missing: MissingOption = None,
    group: Group = None,
    separator: Separator = None,
    decimal: Decimal = None,
    title: Annotated[str | None, typer.Option(help="Heading; by default the formula.")] = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model by one or several engines and write one self-contained page."""
    sampler = {"draws": draws, "tune": tune, "chains": chains, "criterion": criterion}
    ascent = {"steps": steps, "full_rank": full_rank, "marginal": marginal}
    shape: dict[str, Any] = {
        "term": term,
        "lam": lam,
        "kernel": kernel,
        "width": width,
        "degree": degree,
    }
    shape |= {"components": components, "scale": scale, "ard": ard, "without": without}
    rows: dict[str, Any] = {
        "weights": weights,
        "offset": offset,
        "frequency": frequency,
        "noise_sd": noise_sd,
    }
    rows |= {"missing": missing, "group": group}
    check_formula(model, formula)
    declared = declare(model, rows, criterion, **shape)
    make = makers(
        engines_of(model, engine, page=True, ard=bool(ard)),
        usual_criterion(model, term),
        **sampler,
        **ascent,
    )
    trees: dict[str, Any] = {}
    with _told():
        from ..report.page import report as write

        target = _target(output, table, (".html", ".htm", ".md"))
        marks, priors = (separator, decimal), _priors(prior or [])
        made, said = model_of(table, formula, rows, marks, declared, priors)
        _say(quiet, *said, repr(made), "")
        for engine_of in make:
            try:
                tree = _fit(made, engine_of(), seed, quiet)
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
        write(made, trees, target, title=title)
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
    """Bayesian linear mixed models and their family: a table becomes a posterior."""


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the data, the model and the files become one line on stderr and exit code 1."""
    try:
        yield
    except (ValueError, ArithmeticError, OSError, MemoryError) as error:
        text = of_the_shell(str(error))
        text = " ".join(text.split("\n")) if "^" not in text else text
        typer.echo(f"bayeslmm: {text}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("bayeslmm: interrupted before anything was kept", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _target(output: Path, table: Path, endings: tuple[str, ...]) -> Path:
    """Where the result goes: a file of the right ending, never the table itself."""
    from ..report.files import check_writable

    if output.suffix.lower() not in endings:
        raise ValueError(f"{output}: name an output that ends in {endings[0]}")
    if output.exists() and table.exists() and output.samefile(table):
        raise ValueError(f"{output} is the table itself; name another output")
    return check_writable(output)


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


def _fit(model: Any, engine: Any, seed: int | None, quiet: bool) -> Any:
    from ..fit import fit as infer

    return infer(model, engine, seed=seed, progress=False if quiet else None)


def _tables(tree: Any) -> Iterator[str]:
    """What a terminal shows of a fit."""
    from ..report.terminal import terminal, verdict

    attrs = tree.attrs
    yield f"{attrs['engine']}, {attrs['seconds']:.2g} s, seed {attrs['seed']}"
    yield terminal(tree)
    yield from verdict(tree)
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
