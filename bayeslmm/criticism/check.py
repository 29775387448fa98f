"""Can a fit be trusted? Every check with its value, its limit, and what to do where it fails.

Markov chains: rank-normalised R-hat, bulk and tail effective sample sizes (Vehtari, Gelman,
Simpson, Carpenter & Buerkner 2021), divergences and energy (Betancourt 2017). Approximations:
k-hat, widths, the share of the posterior found (`engines.approximation`). Importance sampling: the
k-hat of its weights, and R-hat of its replicates as of chains. A maximum: did it
converge, is a variance at its boundary, how much was plugged in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines.approximation import NARROW, SHARE, SHIFT, WIDE
from ..engines.convergence import ESS_PER_CHAIN, FEWEST
from ..engines.endings import Loose, Verdict
from ..host.arithmetic import tiny_is_zero
from ..posterior.tree import any_tree
from ..results.estimates import estimates
from ..results.scalars import chains
from ..types import Array
from . import frames as tables
from .chained import UNJUDGED, chained, strange
from .item import Check
from .plugged import MOST_PLUGGED, Plugged, plugged_in

ENERGY = 0.3  # least share of the energy's spread that one step explores (Betancourt 2017)
DEPTH = 10  # nutpie's and PyMC's largest tree
BOUNDARY = Loose.BOUNDARY.value
LOOSE = (Loose.FLAT.value, Loose.EXACT.value)
PLUGGED = "plugged in"


@dataclass(frozen=True, repr=False)
class Checks:
    """What `check` found.

    Attributes
    ----------
    engine : str
    rows : tuple of Check
    verdict : str
        In words.
    trusted : bool
        Whether they are other than "not to be trusted".
    """

    engine: str
    rows: tuple[Check, ...]
    verdict: str
    trusted: bool = True

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(row.ok for row in self.rows)

    def table(self) -> Any:
        """DataFrame: value, limit, ok, and what to do, one row a check."""
        import pandas as pd

        columns = {
            "value": [r.value for r in self.rows],
            "limit": [r.limit for r in self.rows],
            "ok": ["yes" if r.ok else "NO" for r in self.rows],
            "what to do": ["" if r.ok else r.advice for r in self.rows],
        }
        return pd.DataFrame(columns, index=[r.name for r in self.rows])

    def __repr__(self) -> str:
        return tables.text(self.engine, self.table(), f"Verdict: {self.verdict}.")

    def _repr_html_(self) -> str:
        return tables.html(self.engine, self.table(), f"Verdict: {self.verdict}.")


@tiny_is_zero
def check(tree: Any) -> Checks:
    """Look whether a fit can be trusted.

    Parameters
    ----------
    tree : DataTree
        What `fit` returned.

    Returns
    -------
    Checks
        `ok`, `verdict` and `table()`; it shows itself as a table.

    Raises
    ------
    TypeError
        Where `tree` is no fit.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    >>> found = bl.check(bl.fit(m, bl.CAVI(), seed=1))
    >>> found.ok, found.verdict
    (False, 'not to be trusted')
    """
    several = isinstance(tree, Mapping) and not hasattr(tree, "children")
    if several and any(hasattr(each, "children") for each in tree.values()):
        raise TypeError("check takes one fit; for a dict of fits there is compare_engines")
    tree = any_tree(tree, whole=True, usable=False)
    posterior = tree["posterior"].dataset
    stats = tree["sample_stats"].dataset if "sample_stats" in tree else None
    rows = list(_ended(tree))
    count = posterior.sizes.get("chain", 1) * posterior.sizes.get("draw", 1)
    if chains(tree):
        rows += chained(tree, chains(tree))
        rows += _sampler(stats, int(tree.attrs.get("divergences", 0)))
        rows += _certified(tree.attrs)
    elif count < FEWEST:
        rows.append(_few(count))
    elif "effective_draws" in tree.attrs:
        worth = min(float(tree.attrs["effective_draws"]), count)
        advice = "more draws of the approximation, or NUTS()"
        text = f"at least {ESS_PER_CHAIN}"
        rows.append(Check("effective draws", f"{worth:,.0f}", text, worth >= ESS_PER_CHAIN, advice))
    elif "khat" in tree.attrs:
        rows += _approximated(tree.attrs)
    elif "converged" not in tree.attrs:
        rows.append(strange())
    given = plugged_in(tree)
    if given is not None:
        rows.append(_plugged(given))
    if "variance_parameters" in tree:
        local = [each.name for each in estimates(tree).values() if each.local]
        rows += _boundary(tree["variance_parameters"].dataset, local)
    rows += _by_priors(tree)
    rows += _finite(posterior)
    return Checks(str(tree.attrs.get("engine", "fit")), tuple(rows), *_verdict(tree, rows))


def _verdict(tree: Any, rows: list[Check]) -> tuple[str, bool]:
    """The checks in words: an approximation's own verdict, or what the failures amount to.

    Also whether that is some kind of trust.
    """
    failed = {row.name for row in rows if not row.ok}
    judged = Verdict(tree.attrs.get("verdict", Verdict.TRUSTED))
    if (failed and judged is Verdict.TRUSTED) or failed & UNJUDGED:
        judged = Verdict.UNTRUSTED
    words, trusted = judged.value, judged is not Verdict.UNTRUSTED
    if failed & UNJUDGED:
        words += ": it could not be judged"
    at_edge = next((row.value for row in rows if row.name == BOUNDARY), "").split(", ")
    point = "verdict" not in tree.attrs and "sigma" not in at_edge  # without noise nothing is known
    if failed and failed <= {BOUNDARY, PLUGGED} and point:
        where = "a maximum at the boundary" if BOUNDARY in failed else "a maximum"
        words, trusted = f"{where}, {Verdict.TRUSTED} as a point estimate only", True
    given = plugged_in(tree)
    if given is not None:
        words += (
            f", given {given.names} at their maximum ({given}): their uncertainty is left out of "
            f"every interval"
        )
        if PLUGGED in failed:
            words += ", which are too narrow"
    return words, trusted


def _few(count: int) -> Check:
    """Independent draws from which nothing can be computed."""
    told = f"{count} are too few to tell anything" if count else "there are none"
    return Check("draws", told, f"at least {ESS_PER_CHAIN}", False, "fit again with draws=...")


def _plugged(given: Plugged) -> Check:
    """How much was maximised, beside what it came from."""
    advice = (
        "intervals, imputed entries' sds and scores' are as if these were known: for these use "
        "NUTS() or Gibbs()"
    )
    return Check(PLUGGED, str(given), f"at most {MOST_PLUGGED:.0%}", given.few, advice)


def _ended(tree: Any) -> Iterator[Check]:
    """Whether the algorithm came to its own end."""
    attrs = tree.attrs
    if attrs.get("interrupted"):
        yield Check("ended", "interrupted", "by itself", False, "run it again to its end")
    if "criterion" in attrs:
        done = bool(attrs.get("converged"))
        advice = "centre and rescale the predictors, simplify the random effects, or use NUTS()"
        value = f"{attrs['criterion']} {float(attrs['log_marginal']):.4f}"
        yield Check("maximum found", value, "", done, advice)
    if "steps_taken" in attrs:
        done = bool(attrs.get("converged"))
        value = f"after {int(attrs['steps_taken']):,} steps, at {float(attrs['elbo']):.3f}"
        yield Check("bound settled", value, "", done, "raise steps=")


def _sampler(stats: Any, diverged: int) -> Iterator[Check]:
    """Divergences (as the fit counted them, where they are gone), trees cut short, and energy."""
    if stats is None:
        return
    if "diverging" in stats or diverged:
        count = int(stats["diverging"].sum()) if "diverging" in stats else diverged
        advice = "raise target_accept (0.95), or give tighter priors"
        yield Check("divergences", str(count), "0", count == 0, advice)
    if "tree_depth" in stats:
        depth = stats["tree_depth"].values
        cut = int((depth >= DEPTH).sum())
        advice = "centre the predictors: the posterior is a long narrow ridge"
        yield Check("trees cut short", str(cut), "0", cut == 0, advice)
    if "energy" in stats and stats.sizes["draw"] > 3:
        energy = stats["energy"].values
        share = float(np.min((np.diff(energy, axis=1) ** 2).mean(axis=1) / energy.var(axis=1)))
        advice = "heavy tails: give tighter priors to the variances"
        text = f"at least {ENERGY}"
        yield Check("energy explored a step", f"{share:.2f}", text, share >= ENERGY, advice)


def _certified(attrs: Any) -> Iterator[Check]:
    """Weights that have been spent on the draws: were they equal enough?"""
    if "khat" not in attrs or "effective_draws" not in attrs:
        return
    k, most = float(attrs["khat"]), float(attrs["khat_limit"])
    yield Check("k-hat of the weights", f"{k:.2f}", f"at most {most:.2f}", k <= most, "use NUTS()")
    yield Check("worth of the draws", f"{float(attrs['effective_draws']):,.0f} independent ones")


def _approximated(attrs: Any) -> Iterator[Check]:
    """Is the approximation near what it approximates?"""
    if "elbo_slope" in attrs:
        slope, error = float(attrs["elbo_slope"]), float(attrs["elbo_slope_error"])
        text = f"{slope:+.3f} +- {error:.3f} nats per 1,000 steps"
        yield Check("slope of the bound", text, "2 errors of 0", slope <= 2 * error, "raise steps=")
        yield Check("noise of the bound", f"sd {float(attrs['elbo_noise']):.3g} nats a draw")
    k, most = float(attrs["khat"]), float(attrs["khat_limit"])
    sampled = "use NUTS()"
    mendable = k <= most and float(attrs.get("share", 1.0)) >= SHARE and bool(attrs["converged"])
    mend = "importance_resample(tree)" if mendable else sampled
    yield Check("k-hat", f"{k:.2f}", f"at most {most:.2f}", k <= most, sampled)
    if "share" in attrs:
        share = float(attrs["share"])
        text = f"at least {SHARE:.0%}"
        yield Check("posterior found", f"{share:.0%}", text, share >= SHARE, sampled)
        yield Check("divergence from the posterior", f"{float(attrs['kl']):.3g} nats")
    if "sd_ratio" in attrs:
        ratio = float(attrs["sd_ratio"])
        text, ok = f"{NARROW} to {WIDE}", NARROW <= ratio <= WIDE
        yield Check("worst sd ratio", f"{ratio:.2f} ({attrs['sd_ratio_of']})", text, ok, mend)
    if "shift" in attrs:
        shift = float(attrs["shift"])
        text = f"at most {SHIFT} sds"
        yield Check(
            "farthest mean", f"{shift:.2f} ({attrs['shift_of']})", text, shift <= SHIFT, mend
        )


def _boundary(table: Any, local: list[str]) -> Iterator[Check]:
    """What has no standard error: variances at zero, correlations at one, flat directions.

    A column whose own scale is zero is left out by design: that is selection, no boundary.
    """
    names, told = [str(n) for n in table["parameter"].values], _reasons(table)
    why = {n: str(w) for n, w in zip(names, told) if n.split("[")[0] not in local}
    held = [name for name, reason in why.items() if reason == BOUNDARY]
    advice = "drop the effect, or keep a prior: NUTS(), EmpiricalBayes('map')"
    if "sigma" in held:
        advice = "confint tells how large sigma may be; give more rows, or keep a prior: NUTS()"
    yield Check(BOUNDARY, ", ".join(held) or "none", "none", not held, advice)
    loose = [name for name, reason in why.items() if reason in LOOSE]
    advice = "drop a term that says the same as another, or keep a prior: NUTS()"
    value = f"not {', '.join(loose)}" if loose else "all"
    yield Check("determined", value, "all", not loose, advice)


def _reasons(table: Any) -> Any:
    """Why a standard error does not exist; trees of an earlier version hold the values alone."""
    if "why" in table:
        return table["why"].values
    values, names = table["estimate"].values, table["parameter"].values
    one = np.array([str(n).startswith("corr_") for n in names]) & (np.abs(values) > 1.0 - 1e-6)
    return np.where((values == 0.0) | one, BOUNDARY, "")


def _by_priors(tree: Any) -> Iterator[Check]:
    """What the data say nothing of, where priors speak for it."""
    if "undetermined" in tree.attrs and tree.attrs.get("criterion") in (None, "map"):
        yield Check("told by priors alone", str(tree.attrs["undetermined"]))


def _finite(posterior: Any) -> Iterator[Check]:
    bad = [str(n) for n, a in posterior.data_vars.items() if not _usable(str(n), a.values)]
    if bad:
        yield Check("finite draws", f"not in {', '.join(bad)}", "all", False, "rescale the data")


def _usable(name: str, values: Array) -> bool:
    """Finite; the precision of a column that was left out is infinite, and rightly so."""
    return not np.isnan(values).any() if name == "alpha" else bool(np.isfinite(values).all())
