"""`bayeslmm fit` and `bayeslmm report`: a table and a model become a file, from a shell."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..host.interrupts import held, stopped
from .ending import end_interrupted, kept_anyway, told, words
from .engines import makers
from .models import check_formula, declare, engines_of, usual_criterion
from .once import Once
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
from .streams import say, tell

app = typer.Typer(
    name="bayeslmm",
    help="Bayesian linear mixed models and their family: a table becomes a posterior.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(cls=Once)
def fit(
    table: Table,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="netCDF file to write.")
    ],
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
    with told() as kept:
        from ..report.files import check_netcdf, netcdf, write

        target = _target(output, table, (".nc",))
        marks, priors = (separator, decimal), _priors(prior or [])
        made, said = model_of(table, formula, rows, marks, declared, priors)
        check_netcdf(made)
        say(quiet, *said, repr(made), "")
        tree = _fit(made, make[0](), seed, quiet)
        with held():
            write(target, netcdf(tree))
            kept.append(target)
            say(quiet, *_tables(tree), f"Saved: {target}")
    if stopped() or tree.attrs.get("interrupted"):
        end_interrupted()


@app.command(cls=Once)
def report(
    table: Table,
    formula: Formula = None,
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="HTML or Markdown file to write."),
    ] = "report.html",
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
    with told() as kept:
        from ..report.page import report as write

        target = _target(output, table, (".html", ".htm", ".md"))
        marks, priors = (separator, decimal), _priors(prior or [])
        made, said = model_of(table, formula, rows, marks, declared, priors)
        say(quiet, *said, repr(made), "")
        ended = _fit_all(made, [engine_of() for engine_of in make], seed, quiet, trees)
        with held(), kept_anyway(trees, target, kept):
            write(made, trees, target, title=title)
            kept.append(target)
            say(quiet, f"Report: {target.resolve()}")
    if stopped() or ended is Ended.interrupted:
        end_interrupted()
    if ended is Ended.failed:
        raise typer.Exit(1)


class Ended(Enum):
    """How a row of engines came to its end."""

    well = "well"
    failed = "failed"
    interrupted = "interrupted"


def _fit_all(
    model: Any, engines: list[Any], seed: int | None, quiet: bool, trees: dict[str, Any]
) -> Ended:
    """Fit by one engine after the other, into `trees`.

    One that fails, or is interrupted, takes nothing from those that are done: the page is theirs.
    """
    ended = Ended.well
    for engine in engines:
        try:
            tree = _fit(model, engine, seed, quiet)
        except KeyboardInterrupt:
            if not trees:
                raise
            return Ended.interrupted
        except Exception as error:
            if not trees:
                raise
            tell(f"{engine.name}: {words(error)}")
            ended = Ended.failed
            continue
        trees[tree.attrs["engine"]] = tree
        with held():
            say(quiet, *_tables(tree))
        if stopped() or tree.attrs.get("interrupted"):
            return Ended.interrupted
    return ended


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


def _target(output: str, table: Path, endings: tuple[str, ...]) -> Path:
    """Where the result goes: a file of the right ending, never the table itself."""
    from ..report.files import check_writable

    if Path(output).suffix.lower() not in endings:
        raise ValueError(f"{output}: name an output that ends in {endings[0]}")
    target = check_writable(output)
    if target.exists() and table.exists() and target.samefile(table):
        raise ValueError(f"{output} is the table itself; name another output")
    return target


def _priors(given: list[str]) -> dict[str, Any]:
    """name=law or name=number."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, law = text.partition("=")
        if not equals or not name.strip() or not law.strip():
            raise ValueError(f"--prior {text!r}: write name=law, such as 'sigma=HalfNormal(50)'")
        if name.strip() in found:
            raise ValueError(f"--prior {name.strip()} is given twice; give it once")
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
