"""The likelihood-ratio test between two nested fits."""

from typing import Any

import numpy as np

from ..design.labels import other_order
from ..host.arithmetic import tiny_is_zero
from ..posterior.tree import any_tree
from ..types import Array
from .nested import combination, held_block, held_effects, lost_block, lost_effects

MISSED = 1e-4  # nats by which a larger model may fit worse: what a maximum is known to


@tiny_is_zero
def lr_test(small: Any, large: Any) -> Any:
    """Likelihood-ratio test between two nested fits.

    Models are nested by what their columns span, whatever these are called: a standardised column,
    another reference level, or groups with other labels are the same model. (x || g) is an
    exception that is seen: it is another model where x has another origin.

    Parameters
    ----------
    small, large : DataTree
        Fits by ``EmpiricalBayes("ml")`` of the smaller and the larger model on the same rows; or by
        ``"reml"`` where the fixed effects span the same columns. A REML criterion depends on the
        columns that were chosen for that span: with X T in place of X it falls by log|det T|, and
        the larger fit's is told for the smaller one's columns.

    Returns
    -------
    pandas.Series
        deviance of both, chisq, df, p_value, and p_boundary: where variances are tested the null
        lies on the boundary and p_value is conservative. p_boundary halves it, which is exact
        for one variance of a grouping factor alone (Self & Liang 1987, case 5), and still
        conservative for the sd of a block of columns: its zero has more than half of the
        probability (Crainiceanu & Ruppert 2004). NaN where anything else is tested (a correlation
        of zero, or a fixed effect, is not at a boundary).

    Raises
    ------
    ValueError
        Where the fits are of other criteria or rows, not nested, or one and the same model; where
        columns were chosen (`ard`, `rvm`); or where the larger model fits worse than the smaller,
        so that its maximum was missed.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> data = bl.datasets.load("sleepstudy")
    >>> fits = [bl.fit(bl.lmm(f, data), bl.EmpiricalBayes("ml"), seed=1) for f in
    ...         ("Reaction ~ 1 + (1 | Subject)", "Reaction ~ Days + (1 | Subject)")]
    >>> bl.lr_test(*fits)[["chisq", "df"]].round(2).tolist()
    [116.46, 1.0]
    """
    import pandas as pd
    from scipy.stats import chi2

    small, large = (any_tree(tree, whole=True) for tree in (small, large))
    criteria = [t.attrs.get("criterion") for t in (small, large)]
    if criteria[0] != criteria[1] or criteria[0] not in ("ml", "reml"):
        raise ValueError(
            f"a likelihood-ratio test needs two fits by EmpiricalBayes('ml') or two by 'reml'; "
            f"these are by {criteria[0]!r} and {criteria[1]!r}"
        )
    _refuse_other_rows(small, large)
    _refuse_chosen(small, large)
    shift = _refuse_other_span(small, large, criteria[0])
    _refuse_other_noise(small, large)
    lost = lost_effects(small, large)
    if lost:
        raise ValueError(
            f"the random effects by {lost} of the first model are not in the second: the fits are "
            f"not nested, or give the smaller fit first"
        )
    beside = _fixed(large) if criteria[0] == "reml" else _constant(large)
    held = held_effects(small, large) or held_block(small, large, beside)
    if held:
        raise ValueError(
            f"the second model holds {held} at a size that is not zero, and the first has it not: "
            f"the fits are not nested"
        )
    lost = lost_block(small, large, beside)
    if lost:
        raise ValueError(
            f"the columns {lost} of the first model, under their law, are not in the second: the "
            f"fits are not nested, or give the smaller fit first"
        )
    names = [list(t["variance_parameters"]["parameter"].values) for t in (small, large)]
    more = _fixed(large).shape[1] - _fixed(small).shape[1]
    df = len(names[1]) - len(names[0]) + more
    if df < 1:
        raise ValueError(
            "the two fits are of one model, in other columns or under other names: there is "
            "nothing to test"
        )
    values = small.attrs["log_marginal"], large.attrs["log_marginal"] + shift
    chisq = 2.0 * (values[1] - values[0])
    if chisq < -2.0 * MISSED:
        raise ValueError(
            f"the larger model fits worse than the smaller one that it contains, by "
            f"{-0.5 * chisq:.4g} nats: a higher maximum of it was missed; fit it again, with "
            f"columns that are centred and scaled"
        )
    chisq = max(chisq, 0.0)
    p_value = float(chi2.sf(chisq, df))
    alone = df == 1 and more == 0 and _sds(large) == _sds(small) + 1
    return pd.Series(
        {
            "deviance_small": -2.0 * values[0],
            "deviance_large": -2.0 * values[1],
            "chisq": chisq,
            "df": float(df),
            "p_value": p_value,
            "p_boundary": (0.5 * p_value if chisq > 0 else 1.0) if alone else np.nan,
        }
    )


def _refuse_other_rows(small: Any, large: Any) -> None:
    for tree in (small, large):
        for group in ("observed_data", "constant_data", "variance_parameters"):
            if group not in tree.children:
                raise ValueError(f"lr_test needs the {group} of both fits; one tree has it not")
    responses = [t["observed_data"].dataset.to_array().values for t in (small, large)]
    if responses[0].shape != responses[1].shape or not np.array_equal(*responses):
        raise ValueError("the fits are not of the same rows and response")
    labels = [t["observed_data"].dataset.get("row", np.zeros(0)) for t in (small, large)]
    if other_order(*(each.tolist() for each in map(np.asarray, labels))):
        raise ValueError(
            "the fits have the same row labels in another order: declare both from one table"
        )
    if not np.array_equal(_rows(small, "frequency", 1.0), _rows(large, "frequency", 1.0)):
        raise ValueError("the fits differ in frequency: they are not nested")


def _refuse_other_span(small: Any, large: Any, criterion: str) -> float:
    """What the larger fit's criterion becomes for the smaller one's columns, less what it is."""
    X, wide = _fixed(small), _fixed(large)
    T = combination(X, wide)
    if T is not None and criterion == "reml" and T.shape[0] != T.shape[1]:
        T = None
    if T is None and criterion == "reml":
        raise ValueError(
            "REML criteria are comparable only between models with the same fixed effects, or "
            "others that span the same columns; fit both by EmpiricalBayes('ml')"
        )
    if T is None:
        names = [
            f for f, column in zip(_names(small), X.T) if combination(column[:, None], wide) is None
        ]
        raise ValueError(
            f"the first model is not nested in the second: give the smaller fit first; "
            f"{', '.join(names) or 'its fixed effects'} is only in the first"
        )
    offset = _rows(small, "offset", 0.0) - _rows(large, "offset", 0.0)
    if offset.any() and combination(offset[:, None], wide) is None:
        raise ValueError("the fits differ in offset: they are not nested")
    if criterion == "ml" or np.array_equal(X, wide):
        return 0.0
    return -float(np.linalg.slogdet(T)[1])


def _refuse_other_noise(small: Any, large: Any) -> None:
    """The noise of the first model must be one of the second: weights up to sigma, a sigma held."""
    free = ["sigma" in t["variance_parameters"]["parameter"].values for t in (small, large)]
    ratio = _rows(large, "weights", 1.0) / _rows(small, "weights", 1.0)
    scale = 1.0
    if not free[1]:
        held = [float(t["posterior"]["sigma"].values.ravel()[0]) for t in (small, large)]
        scale = (held[1] / held[0]) ** 2
    if np.ptp(ratio) > 1e-9 * ratio.max():
        raise ValueError("the fits differ in weights: they are not nested")
    if not free[1] and (free[0] or abs(ratio[0] - scale) > 1e-9 * scale):
        raise ValueError(
            "sigma is fixed in the second model, and not at the same value in the first: they are "
            "not nested, or give the smaller fit first"
        )


def _refuse_chosen(small: Any, large: Any) -> None:
    """Columns that the maximum chose are no parameters of a test."""
    if any("columns_kept" in tree.attrs for tree in (small, large)):
        raise ValueError(
            "there is no likelihood-ratio test where a fit chose columns (ard, rvm): twice the "
            "log ratio is no chi-square then; compare the fits by loo"
        )


def _constant(tree: Any) -> Array:
    """A column of ones (n, 1) where the fixed effects span one, else no column."""
    X = _fixed(tree)
    ones = np.ones((X.shape[0], 1))
    return ones if combination(ones, X) is not None else ones[:, :0]


def _fixed(tree: Any) -> Array:
    """Columns (n, p) of the fixed effects."""
    data = tree["constant_data"].dataset
    return np.asarray(data["X"].values, float) if "X" in data else np.zeros((_size(tree), 0))


def _names(tree: Any) -> list[str]:
    return (
        [str(v) for v in tree["posterior"]["fixed"].values] if "beta" in tree["posterior"] else []
    )


def _rows(tree: Any, name: str, default: float) -> Array:
    data = tree["constant_data"].dataset
    return np.asarray(data[name].values) if name in data else np.full(_size(tree), default)


def _size(tree: Any) -> int:
    return int(tree["observed_data"].dataset.sizes["row"])


def _sds(tree: Any) -> int:
    """Number of sds, of random effects and of blocks, fixed ones among them."""
    posterior = tree["posterior"].dataset
    return sum(posterior[v].isel(chain=0, draw=0).size for v in posterior if v.startswith("sd_"))
