"""`bayeslmm fit` and `bayeslmm report`: a table and a model become a file, from a shell."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..host.interrupts import held, stopped
from .declare import declare
from .ending import end_interrupted, kept_anyway, told, words
from .engine_options import makers
from .once import Once
from .option_list import Asked, Quiet, asking
from .read_table import model_of
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
@asking
def fit(
    asked: Asked,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="netCDF file to write.")
    ],
    quiet: Quiet = False,
) -> None:
    """Fit a model, print its tables, and save the posterior as netCDF."""
    declared, make = declare(asked), makers(asked, page=False)
    with told() as kept:
        from ..report.files import check_netcdf, netcdf, write

        target = _target(output, asked.table, (".nc",))
        made, said = model_of(asked, declared)
        check_netcdf(made)
        say(quiet, *said, repr(made), "")
        tree = _fit(made, make[0](), asked.seed, quiet)
        with held():
            write(target, netcdf(tree))
            kept.append(target)
            say(quiet, *_tables(tree), f"Saved: {target}")
    if stopped() or tree.attrs.get("interrupted"):
        end_interrupted()


@app.command(cls=Once)
@asking
def report(
    asked: Asked,
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="HTML or Markdown file to write."),
    ] = "report.html",
    title: Annotated[str | None, typer.Option(help="Heading; by default the formula.")] = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model by one or several engines and write one self-contained page."""
    declared, make = declare(asked), makers(asked, page=True)
    trees: dict[str, Any] = {}
    with told() as kept:
        from ..report.page import report as write

        target = _target(output, asked.table, (".html", ".htm", ".md"))
        made, said = model_of(asked, declared)
        say(quiet, *said, repr(made), "")
        ended = _fit_all(made, [engine_of() for engine_of in make], asked.seed, quiet, trees)
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
