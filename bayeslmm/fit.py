"""One verb: a model and an algorithm become a posterior."""

import time
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from .design.visible import visible
from .engines.endings import Ending, Message
from .engines.engine import Engine, Outcome
from .engines.importance_sampling import ImportanceSampling
from .engines.size import refuse_too_many
from .engines.spans import Dependence, dependences
from .host.arithmetic import arithmetic
from .host.interrupts import held
from .host.options import shown
from .host.seeds import given_or_drawn, stored
from .model.handed_out import refuse_changed
from .model.model import Model
from .posterior.labelled import READ, TOGETHER
from .posterior.log_densities import log_prior
from .posterior.named import Recovered, trimmed
from .posterior.predictive import log_likelihood as add_log_likelihood
from .posterior.predictive import posterior_predictive as add_posterior_predictive
from .posterior.recover import canonical_draws, large, recover
from .posterior.tree import VARIABLES, build, recorded


def fit(
    model: Model,
    engine: Engine | None = None,
    *,
    seed: int | None = None,
    keep: Collection[str] = (),
    log_likelihood: bool = False,
    posterior_predictive: bool = False,
    progress: bool | None = None,
) -> Any:
    """Infer a model.

    Parameters
    ----------
    model : Model
        What `bayeslmm.lmm` or a sibling returned.
    engine : NUTS, EmpiricalBayes, ..., optional
        The algorithm, a value such as ``NUTS(draws=1000)``. By default ``ImportanceSampling()``,
        which leaves it to NUTS where its own draws cannot be certified; ``attrs["engine"]`` says
        which it was, ``attrs["fallback"]`` why.
    seed : int, optional
        Seed of all random numbers, of any size; without one a seed is drawn. It is stored in
        ``attrs["seed"]``, as text from 2^63 on, which no file holds as a number.
    keep : collection of str
        Names of variables whose draws are kept even where they take more than 200 MB.
    log_likelihood, posterior_predictive : bool
        Add these groups to the result.
    progress : bool, optional
        Show a progress bar; by default where the output is a terminal.

    Returns
    -------
    DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data``, ``constant_data``,
        ``log_prior``, and what the engine adds (``elbo``, ``posterior_moments``,
        ``variance_parameters``); ArviZ takes it as it is, and ``tree.to_netcdf(path)`` saves it.

    Raises
    ------
    TypeError
        Where `model` or `engine` is something else.
    ValueError
        Where the engine cannot infer this model, or a graph of the model was changed; the message
        says what to do.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> eb = bl.fit(m, bl.EmpiricalBayes("reml"), seed=1)
    >>> round(-2 * eb.attrs["log_marginal"], 4)
    319.6543
    """
    engine = ImportanceSampling() if engine is None else engine
    _check(model, engine, keep)
    keep = (keep,) if isinstance(keep, str) else keep
    seed = given_or_drawn(seed)
    rng = np.random.default_rng(seed)
    wall, cpu = time.perf_counter(), time.process_time()
    with arithmetic():
        outcome = engine.run(model, rng, _show(progress))
        with held():  # a command that is interrupted here has its draws already
            tree = _tree(model, outcome, rng, keep)
            noted = _noted(model, outcome.attrs)
    tree.attrs |= {
        "engine": engine.name,  # an engine that asked another one says so itself
        "options": repr(engine),
        "seed": stored(seed),
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        **noted,
    }
    tree["posterior"].attrs["engine"] = tree.attrs["engine"]
    with held():
        if posterior_predictive:
            tree = add_posterior_predictive(model, tree, seed=int(rng.integers(2**31)))
        if log_likelihood:
            tree = add_log_likelihood(model, tree, seed=int(rng.integers(2**31)))
    return tree


def _tree(model: Model, outcome: Outcome, rng: np.random.Generator, keep: Collection[str]) -> Any:
    """What an engine found as a tree, with all that follows from it."""
    found = _variables(model, outcome, rng, keep)
    groups: dict[str, Any] = {"posterior": found.variables}
    if outcome.sample_stats:
        groups["sample_stats"] = {n: ((), v) for n, v in outcome.sample_stats.items()}
    groups["log_prior"] = log_prior(model, found.variables)
    if found.moments:
        groups["posterior_moments"] = found.moments
    groups |= outcome.tables
    tree = build(model, {n: group for n, group in groups.items() if group}, {}, outcome.coords)
    posterior = tree["posterior"]
    posterior.attrs["fixed"] = ", ".join(outcome.fixed)
    moving = [name for name in model.moving if name not in outcome.fixed]
    posterior.attrs["moving"] = ", ".join(moving) or "nothing"
    posterior.attrs["declared"] = ", ".join(p for p in model.parameters if p not in model.moving)
    posterior.attrs[VARIABLES] = recorded(model, posterior)
    posterior.attrs["groups"] = ", ".join(name for name in TOGETHER + READ if name in tree)
    posterior.attrs["criterion"] = outcome.criterion  # the prior of beta that its draws had
    return tree


def _check(model: Any, engine: Any, keep: Collection[str]) -> None:
    if not isinstance(model, Model):
        raise TypeError(
            f"fit takes a model first, such as bl.lmm(formula, data); got {type(model).__name__}"
        )
    refuse_changed(model)
    if isinstance(engine, type) or not hasattr(engine, "run"):
        raise TypeError(
            f"fit takes an engine second, a value such as bl.NUTS() or bl.EmpiricalBayes('reml'); "
            f"got {shown(engine)}"
        )
    if not isinstance(keep, Collection):
        raise TypeError(f"keep is a list of names of variables, not {shown(keep)}")
    known = large(model)
    for name in (keep,) if isinstance(keep, str) else keep:
        if name not in known:
            raise ValueError(
                f"keep names {name!r}; blocks that can be kept are: {', '.join(known)}"
            )
    refuse_too_many(model, engine)


def _noted(model: Model, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """What an engine says, and what no data of this design could tell it.

    A maximum says so itself; where a prior is kept, it is the prior alone that speaks.
    """
    found = dict(attrs)
    design: tuple[Dependence, ...] = ()
    if model.axes is None and "undetermined" not in attrs:
        design = dependences(model)
    if design:
        found["undetermined"] = ", ".join(dict.fromkeys(n for d in design for n in d.names))
        notes = [f"{d.words}, so that priors alone tell; {d.advice}" for d in design]
        found["message"] = Message(found.get("message", Ending.CONVERGED), *notes)
    if "message" in found:  # it names columns and levels, and people print it
        found["message"] = visible(str(found["message"]))
    return {name: value for name, value in found.items() if value is not None and value != ""}


def _show(progress: bool | None) -> bool:
    """Whether somebody can see a bar: a service or a window without a console has no stderr."""
    import sys

    stream: Any = sys.stderr
    if stream is None or getattr(stream, "closed", False):
        return False
    return bool(getattr(stream, "isatty", bool)()) if progress is None else progress


def _variables(
    model: Model, outcome: Outcome, rng: np.random.Generator, keep: Collection[str]
) -> Recovered:
    if outcome.theta is None:
        return trimmed(canonical_draws(model, outcome.variables), large(model), keep)
    return recover(model, outcome.theta, rng, keep, outcome.criterion)
