"""Models side by side: by their evidence, and by predicting what they have not seen.

The log evidence answers for the priors too; the expected log predictive density (elpd) of left-out
rows asks for new rows of known groups, that of left-out groups for new groups. They are different
questions and may have different answers. Weights are those of stacking (Yao, Vehtari, Simpson &
Gelman 2018); the standard error of a difference is optimistic where it is small (Sivula, Magnusson,
Matamoros & Vehtari 2020).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..design import Grouping
from ..design.labels import other_order
from ..engines.approximation import affordable
from ..engines.integral import BRIDGED, FEWEST, MOST, check_proper, log_evidence
from ..host.arithmetic import tiny_is_zero
from ..host.warned import ignored
from ..model.model import Model
from ..posterior.tree import any_tree, model_of, of_posterior, read_tree
from ..stats.weights import KHAT
from . import frames as tables
from .check import check
from .loo import loo
from .plugged import plugged_in

SMALL = 4.0  # nats: a smaller difference of elpd decides nothing (Sivula et al. 2020)


@dataclass(frozen=True, repr=False)
class ModelComparison:
    """Models of one response.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a model, the best predictor of left-out rows first. Columns: "log evidence" (NaN
        where a prior is improper), and for each unit that was left out (row, and the factors that
        all models share) elpd, its difference from the best, the difference's standard error, the
        stacking weight, and how many units have too large a k-hat.
    advice : tuple of str
        What the numbers say, and what they do not.
    """

    table: Any
    advice: tuple[str, ...]

    def __repr__(self) -> str:
        return tables.text("Models", self.table, "\n".join(self.advice))

    def _repr_html_(self) -> str:
        return tables.html("Models", self.table, "; ".join(self.advice))


@tiny_is_zero
def compare_models(
    results: Mapping[str, Any], *, models: Mapping[str, Model] | None = None
) -> ModelComparison:
    """Compare models of one response by evidence, and by leaving rows and groups out.

    Parameters
    ----------
    results : dict of str to DataTree
        Name -> what `fit` returned for that model.
    models : dict of str to Model, optional
        The models under the same names; needed only for trees that were read from a file.

    Returns
    -------
    ModelComparison
        `table` and `advice`; it shows itself as both.

    Raises
    ------
    TypeError
        Where `results` is no dict of fits, or `models` none of models.
    ValueError
        Where there are fewer than two, their responses differ, or a model is not known.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> data = bl.datasets.load("sleepstudy")
    >>> slope = bl.lmm("Reaction ~ Days + (Days | Subject)", data)
    >>> plain = bl.lmm("Reaction ~ Days + (1 | Subject)", data)
    >>> fits = {m.design.formula: bl.fit(m, bl.NUTS(), seed=1) for m in (plain, slope)}
    >>> found = bl.compare_models(fits)
    >>> found.table.index[0]
    'Reaction ~ Days + (Days | Subject)'
    """
    import pandas as pd

    trees, known = _known(results, {} if models is None else models)
    columns: dict[tuple[str, str], Any] = {
        ("log evidence", ""): {name: _evidence(m, trees[name]) for name, m in known.items()}
    }
    advice = []
    for unit in ("row", *_shared(list(known.values()))):
        with ignored("k-hat is above"):  # the table counts them, and the advice names the unit
            found = {name: loo(m, trees[name], unit=unit) for name, m in known.items()}
            compared = _stacked(found)
        for measure in ("elpd", "difference", "se of difference", "weight"):
            columns[unit, measure] = compared[measure].to_dict()
        bad = {name: int((~(e.pareto_k <= e.good_k)).sum()) for name, e in found.items()}
        columns[unit, "bad k-hat"] = bad
        advice.append(_read(unit, compared, bad))
    table = pd.DataFrame(columns)
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    order = table["row", "elpd"].sort_values(ascending=False).index
    return ModelComparison(table.loc[order], (*advice, *_warn(trees, table)))


def _known(results: Any, models: Mapping[str, Model]) -> tuple[dict[str, Any], dict[str, Model]]:
    """The fits and their models by name, all of one response."""
    if not isinstance(results, Mapping) or hasattr(results, "groups"):
        raise TypeError(
            f"compare_models takes a dict such as {{'slope': nuts, 'intercept': other}}, not a "
            f"{type(results).__name__}"
        )
    if not isinstance(models, Mapping):
        raise TypeError(
            f"models= is a dict such as {{'slope': model, ...}}, not a {type(models).__name__}"
        )
    if len(results) < 2:
        raise ValueError(f"compare_models needs at least two fits; got {len(results)}")
    unknown = [str(name) for name in models if name not in results]
    if unknown:
        raise ValueError(f"models= names {', '.join(unknown)}, which is none of the fits")
    trees: dict[str, Any] = {}
    known: dict[str, Model] = {}
    for name, tree in results.items():
        model = models.get(name) or model_of(any_tree(tree))
        if model is None:
            raise ValueError(
                f"the model of {name!r} is not in this session (the fit was read from a file, or "
                f"the model is gone): declare it again and give models={{{name!r}: model, ...}}"
            )
        trees[name], known[name] = read_tree(model, tree), model
    first, *others = known.items()
    for name, model in others:
        ours, theirs = model.design, first[1].design
        if ours.y.size == theirs.y.size and not np.array_equal(ours.frequency, theirs.frequency):
            raise ValueError(
                f"{name!r} and {first[0]!r} count their rows differently (frequency=): only models "
                f"of the same rows can be compared"
            )
        if not np.array_equal(ours.y, theirs.y, equal_nan=True):
            if np.array_equal(np.sort(ours.y), np.sort(theirs.y), equal_nan=True):
                raise ValueError(
                    f"{name!r} and {first[0]!r} have the same responses in another order: declare "
                    f"both from one table"
                )
            raise ValueError(
                f"{name!r} and {first[0]!r} have different responses or rows: only models of the "
                f"same rows can be compared (one dropped rows, or y was transformed)"
            )
        if other_order(ours.rows.tolist(), theirs.rows.tolist()):
            raise ValueError(
                f"{name!r} and {first[0]!r} have the same row labels in another order: declare "
                f"both from one table"
            )
    return trees, known


def _shared(models: list[Any]) -> list[str]:
    """Factors that all models have, with the same levels."""
    names = [t.name for t in models[0].groups]
    for model in models[1:]:
        own = {t.name: t.grouping for t in model.groups}
        names = [n for n in names if n in own and _same(own[n], models[0].group(n).grouping)]
    return [n for n in names if len(models[0].group(n).grouping.levels) > 1]


def _same(one: Grouping, other: Grouping) -> bool:
    """Whether two factors put the same rows into the same levels."""
    return np.array_equal(one.levels, other.levels) and np.array_equal(one.codes, other.codes)


def _evidence(model: Model, tree: Any) -> float:
    """The log evidence, kept or computed; NaN where it is undefined or would take minutes."""
    if "log_evidence" in tree.attrs:
        return float(tree.attrs["log_evidence"])
    try:
        check_proper(model)
    except ValueError:
        return float("nan")
    enough = tree["posterior"]["sigma"].size >= BRIDGED * model.space.size
    if model.space.size > MOST and enough and of_posterior(tree):
        with ignored("the log evidence"):  # `check` is where a fit is judged
            return log_evidence(model, tree, seed=0).value
    if model.space.size and affordable(model) < FEWEST:
        return float("nan")
    with ignored("the log evidence"):
        found = log_evidence(model, seed=0)
    return float("nan") if found.khat > KHAT else found.value


def _stacked(found: dict[str, Any]) -> Any:
    """ArviZ's comparison in our words, in the order of the models."""
    import arviz as az

    table = az.compare(found, method="stacking", round_to="none").loc[list(found)]
    table = table.rename(columns={"elpd_diff": "difference", "dse": "se of difference"})
    table["difference"] = -table["difference"].abs()
    return table


def _read(unit: str, compared: Any, bad: dict[str, int]) -> str:
    """What one elpd says, in words."""
    order = compared.sort_values("elpd", ascending=False)
    best, second = order.index[0], order.iloc[1]
    gap, error = -float(second["difference"]), float(second["se of difference"])
    what = "left-out rows" if unit == "row" else f"left-out levels of {unit}"
    doubt = ""
    if any(bad.values()):
        worst = ", ".join(f"{n} ({c})" for n, c in bad.items() if c)
        doubt = f" (k-hat is too large in {worst}: see loo(model, tree, unit={unit!r}, refit=True))"
    text = f"{what}: {best} predicts best, by {gap:.1f} +- {error:.1f} nats over {order.index[1]}"
    if gap < SMALL or gap < 2.0 * error:
        pair = f"{best} and {order.index[1]}"
        text = f"{what}: {pair} cannot be told apart, {gap:.1f} +- {error:.1f} nats"
    return text + doubt


def _warn(results: Mapping[str, Any], table: Any) -> list[str]:
    """What the elpd of plug-in fits, and the log evidence, cannot say."""
    given = {name: plugged_in(tree) for name, tree in results.items()}
    told = "; ".join(f"{name}: {one}" for name, one in given.items() if one)
    notes = _untrusted(results)
    if told:
        notes.append(
            f"plugged in, and estimated anew without what was left out, its uncertainty ignored "
            f"({told})"
        )
    if told and not all(given.values()):
        notes.append(
            "an elpd with something plugged in stands beside one without: fit all by one engine"
        )
    return notes + _about_evidence(table)


def _untrusted(results: Mapping[str, Any]) -> list[str]:
    """Fits that are not to be trusted, or could not be judged."""
    checks = {name: check(tree) for name, tree in results.items()}
    return [
        f"{name} is {found.verdict.partition(', given')[0]} (see check), and so what is said of it "
        f"here"
        for name, found in checks.items()
        if not found.trusted
    ]


def _about_evidence(table: Any) -> list[str]:
    missing = [str(n) for n in table.index[table["log evidence", ""].isna()]]
    if missing:
        return [f"log evidence: not defined, or not computed, for {', '.join(missing)}"]
    return ["log evidence: it depends on the priors, also on those that the posterior forgets"]
