"""The linear mixed model (Laird & Ware 1982, equation 2.1), and blocks of columns beside it.

y = X beta + sum_g Z_g u_g + sum_t A_t u_t + e

u_g[j] ~ N(0, Psi_g)   for every level j,    Psi_g = diag(sd_g) corr_g diag(sd_g)
u_t[j] ~ N(0, s_j^2)   for every column j of a block, by the block's law (`shrinkage`)
e_i    ~ N(0, sigma^2 / w_i)

beta   ~ Normal,   sd_g ~ HalfStudentT,   corr_g ~ LKJ,   sigma ~ HalfStudentT
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..design import Design, DesignError, Grouping, build_design, design_from_arrays, names
from ..model.beta_prior import fixed_prior
from ..model.block_laws import apart, build_block, of_rows, parameters, priced, read_blocks
from ..model.blocks import Block
from ..model.laws import Law
from ..model.model import Model
from ..model.priors import (
    Scales,
    check_names,
    correlation_prior,
    positive_prior,
    scales_of,
    spans_a_constant,
)
from ..model.residual import Independent
from ..model.terms import FixedTerm, GroupTerm
from .too_large import refuse_too_large

LOST = 1e6  # a column this many sds away from zero cannot have a slope beside an intercept


def lmm(
    formula: Any,
    data: Any = None,
    *,
    groups: Mapping[str, Any] | None = None,
    terms: Sequence[Block] = (),
    priors: Mapping[str, Any] | None = None,
    weights: Any = None,
    frequency: Any = None,
    offset: Any = None,
    noise_sd: Any = None,
    missing: str = "error",
) -> Model:
    """Declare a linear mixed model.

    Parameters
    ----------
    formula : str, or array (n,)
        An lme4 formula such as ``"Reaction ~ Days + (Days | Subject)"``; or the response itself.
    data : table, or array (n, p)
        pandas, polars or pyarrow table, or a dict of arrays; the matrix X when the response was
        given as an array (include a column of ones for an intercept).
    groups : dict, optional
        With arrays only: name of a grouping factor -> labels (n,), or (labels, Z) with Z (n, q).
    terms : sequence of Block, optional
        Blocks of columns with a law for their variances: `ridge`, `ard`, `laplace`, `horseshoe`,
        for instance ``terms=[bl.horseshoe(X, name="x")]``; more columns than rows are allowed.
    priors : dict, optional
        Name of a parameter (as ``print(model)`` shows them) -> unnamed PyMC distribution, text
        such as ``"HalfNormal(50)"``, or a number, which fixes the parameter. Scales are standard
        deviations. ``"beta"`` stands for all fixed effects.
    weights : column name or array (n,), optional
        Precisions: the noise variance of row i is sigma^2 / weights[i], as in lme4.
    frequency : column name or array (n,), optional
        How many times each row counts.
    offset : column name or array (n,), optional
        Known part of the mean.
    noise_sd : column name or array (n,), optional
        Known standard deviation of each row's noise; sigma, their common factor, is then fixed at
        one unless ``priors={"sigma": ...}`` frees it.
    missing : {"error", "drop"}
        Refuse rows with missing values, in the table or in what stands beside it, or drop them from
        both and count them.

    Returns
    -------
    Model

    Notes
    -----
    What has a pandas index (`terms`, `weights`, `frequency`, `offset`, `noise_sd`, and with arrays
    y, X and groups) is matched with the table by the labels of rows, whatever their order; where
    labels differ, a default index 0, 1, 2, ... beside names included, it is refused. Arrays, and
    tables without an index, are matched by position. So is what `predict` takes.

    Raises
    ------
    DesignError
        Where the table, the formula or a prior cannot be used; the message names the column, row,
        level or parameter, and what to do.

    Examples
    --------
    >>> import bayeslmm as bl
    >>> m = bl.lmm("Reaction ~ Days + (Days | Subject)", bl.datasets.load("sleepstudy"))
    >>> m.parameters
    ('sd_Subject', 'sigma', 'corr_Subject')
    """
    extras = {
        "weights": weights,
        "frequency": frequency,
        "offset": offset,
        "noise_sd": noise_sd,
        "missing": missing,
    }
    blocks = read_blocks(terms)
    beside = [block.columns for block in blocks]
    if isinstance(formula, str):
        if groups is not None:
            raise DesignError("groups= goes with arrays; in a formula write (1 | group)")
        design = build_design(formula, data, beside=beside, **extras)
        own = apart(of_rows(blocks, design), design, data)
        return declare(design, {} if priors is None else priors, own)
    design = design_from_arrays(formula, data, groups, beside=beside, **extras)
    return declare(design, {} if priors is None else priors, of_rows(blocks, design))


def declare(
    design: Design,
    priors: Mapping[str, Any],
    blocks: Sequence[Block] = (),
    kind: str = "Linear mixed model",
) -> Model:
    """The model of a design and blocks of its rows: terms, laws of variances, prior of beta."""
    _refuse_taken(blocks, design)
    _refuse_twins(design)
    _refuse_offsets(design)
    given = _parameters(design, blocks)
    _refuse_names(design, given)
    # The factor with most columns is eliminated group by group, so it comes first.
    order = sorted(design.groups, key=lambda g: -len(g.levels) * len(g.effects))
    refuse_too_large(design, order)
    check_names(priors, [*(["beta", *design.fixed] if design.fixed else []), *given])
    scales = scales_of(design)
    random = tuple(_term(g, design, scales, priors) for g in order)
    centred = spans_a_constant(design.X)
    built = tuple(build_block(b, scales, design.rows, centred, priors) for b in blocks)
    columns = tuple(priced(built, blocks))
    sigma_prior = priors.get("sigma", 1.0 if design.noise_sd is not None else None)
    noise = Law("HalfStudentT", (3.0, scales.sd * scales.root_weight))
    sigma = positive_prior("sigma", 1, None, noise, sigma_prior)
    prior, table = fixed_prior(design, scales, priors)
    fixed = (FixedTerm(design.fixed, design.X, prior),) if design.fixed else ()
    by_name = {t.name: t for t in random}
    for grouping in design.groups:
        term = by_name[grouping.name]
        table[term.sd.name] = term.sd.prior
        if term.correlated:
            table[term.correlation.name] = term.correlation.prior
    for block in columns:
        table |= block.law.words
    table["sigma"] = sigma.prior
    residual = Independent(sigma, design.precision, design.frequency)
    return Model(kind, design, (*fixed, *random, *columns), residual, table)


def _refuse_taken(blocks: Sequence[Block], design: Design) -> None:
    """The names of blocks are told apart, and what they make."""
    taken = {g.name for g in design.groups} | {"beta", "sigma", *design.fixed}
    for block in blocks:
        if block.name in taken:
            raise DesignError(f"the name {block.name!r} of a {block.kind} is taken; give name=")
        taken.add(block.name)
    made = names.of_groups(g.name for g in design.groups)
    made += names.of_blocks(b.name for b in blocks)
    names.refuse_shared(made)
    bare = names.BARE if any(b.bare or b.options.get("precision") for b in blocks) else ()
    names.check_response_name(design.response, (*names.RESPONSE, *bare), made)


def _term(
    grouping: Grouping, design: Design, scales: Scales, priors: Mapping[str, Any]
) -> GroupTerm:
    """Random effects of one factor: sd_g ~ HalfStudentT(3, sd y / sd z), corr_g ~ LKJ(2)."""
    name, q = grouping.name, len(grouping.effects)
    width = scales.sd / spread(grouping, scales.share)
    default = Law("HalfStudentT", (3.0, float(width[0]) if q == 1 else width))
    sd = positive_prior(f"sd_{name}", q, f"{name}_effect", default, priors.get(f"sd_{name}"))
    correlation = correlation_prior(grouping, priors.get(f"corr_{name}"))
    if sd.fixed is not None and correlation.free:
        _refuse_correlated_zero(sd.fixed, grouping)
    return GroupTerm(grouping, sd, correlation)


def _refuse_correlated_zero(sd: np.ndarray, grouping: Grouping) -> None:
    """The correlations of an effect that is fixed at zero mean nothing."""
    gone = [
        e
        for e, value in zip(grouping.effects, np.broadcast_to(sd, len(grouping.effects)))
        if value == 0.0
    ]
    if gone:
        name = grouping.name
        raise DesignError(
            f"sd_{name}[{gone[0]}] is fixed at zero, so that nothing is known of its correlations: "
            f"leave the effect out, write (... || {name}), or fix corr_{name} too"
        )


def spread(grouping: Grouping, share: np.ndarray) -> np.ndarray:
    """How far each effect's column ranges, (q,): its sd beside an intercept, else its rms.

    An intercept that may be correlated with slopes is the height of a line at zero, which can lie
    far from the rows: it ranges as far as the slopes carry it there.
    """
    Z = grouping.Z
    mean = share @ Z
    rms, sd = np.sqrt(share @ Z**2), np.sqrt(share @ (Z - mean) ** 2)
    sd[sd < 1e-10 * rms] = 0.0  # constant to rounding
    if "Intercept" not in grouping.effects:
        return rms
    found = np.where(sd > 0.0, sd, rms)
    first = grouping.effects.index("Intercept")
    for block in grouping.blocks:
        if first in block:
            slopes = [j for j in block if sd[j] > 0.0]
            found[first] /= np.sqrt(1.0 + ((mean[slopes] / sd[slopes]) ** 2).sum())
    return found


def _refuse_offsets(design: Design) -> None:
    """A slope on a column far from zero is, to float64, the intercept once more."""
    for g in design.groups:
        beside = [b for b in g.blocks if any(g.effects[i] == "Intercept" for i in b)]
        for j in beside[0] if beside else ():
            mean, sd = float(np.mean(g.Z[:, j])), float(np.std(g.Z[:, j]))
            if sd > 0.0 and abs(mean) > LOST * sd:
                raise DesignError(
                    f"the column {g.effects[j]!r} of (... | {g.name}) has mean {mean:.3g} and sd "
                    f"{sd:.3g}: intercepts and slopes of the groups are then indistinguishable in "
                    f"double precision. Centre the column, or write (0 + {g.effects[j]} | {g.name})"
                )


def _refuse_names(design: Design, given: Sequence[str]) -> None:
    """A column called as a parameter could not be told from it where priors are given."""
    for name in design.fixed:
        if name in ("beta", *given):
            raise DesignError(f"the column {name!r} has the name of a parameter; rename it")


def _parameters(design: Design, blocks: Sequence[Block]) -> list[str]:
    found = []
    for g in design.groups:
        found.append(f"sd_{g.name}")
        if any(len(b) > 1 for b in g.blocks):
            found.append(f"corr_{g.name}")
    return [*found, *(n for b in blocks for n in parameters(b)), "sigma"]


def _refuse_twins(design: Design) -> None:
    """Two factors with the same groups and effects share one variance: nothing tells them apart."""
    for i, a in enumerate(design.groups):
        for b in design.groups[:i]:
            if a.effects == b.effects and len(a.levels) == len(b.levels):
                pairs = np.unique(np.column_stack([a.codes, b.codes]), axis=0)
                if len(pairs) == len(a.levels) and np.array_equal(a.Z, b.Z):
                    raise DesignError(
                        f"the factors {b.name!r} and {a.name!r} make the same groups, so their "
                        f"variances cannot be told apart; drop (... | {a.name})"
                    )
