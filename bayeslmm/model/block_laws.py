"""From a declared block to a term: columns read and checked, and the law of their scales.

| parameter | default |
|---|---|
| sd_<ridge> | HalfStudentT(3, sd y / sqrt P) |
| scale_<ard> | HalfStudentT(3, sd y / (rms x sqrt P)), one per column |
| lam2_<laplace> | Gamma(1, 1.78) (Park & Casella 2008, section 3.2) |
| tau_<laplace> | tau^2 ~ Exponential(lam2 / 2), one per column, in units of sigma |
| scale_<horseshoe> | HalfCauchy(1), one per column |
| sd_<horseshoe> | HalfNormal(sigma p0 / ((P - p0) sqrt n)) (Piironen & Vehtari 2017, eq. 3.12) |
| slab2_<horseshoe> | InverseGamma(nu / 2, nu slab^2 / 2), in units of sigma^2, where asked for |

P is the number of columns, p0 how many are expected to matter, n counts repeats. Where the
standardised columns have another rms than one, scales are divided by it: one scale that all share
by the rms of all (so are the columns of one kernel, which are values of one function), a scale for
each column by that of its own. sigma in units of which a
law is stated is the noise of an average row, whatever the weights. Columns are standardised:
centred where the model has an intercept, then divided by their sd ("sd"; about zero where not
centred), by their length ("norm"), or left as they are (None). Coefficients are always those of the
columns as given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..columns import Source, read_given, rows_of, standardise, validate
from ..design import Design, DesignError
from ..design.column import read_column
from ..design.table import read_table
from .blocks import Block
from .laws import Law
from .parameters import Positive
from .priors import Scales, positive_prior
from .shrinkage import Shrinkage
from .terms import BlockTerm

ALIKE = 1e-9
LAM2 = Law("Gamma", (1.0, 1.78))


def read_blocks(terms: Any) -> tuple[Block, ...]:
    """The declared blocks, their columns read; some values may be missing.

    Raises
    ------
    DesignError
        Where a term is no block, or its columns cannot be read.
    """
    blocks = (terms,) if isinstance(terms, Block) else tuple(terms)
    for block in blocks:
        if not isinstance(block, Block):
            raise DesignError(
                f"terms= takes blocks such as bl.ridge(X, name='x'), not {type(block).__name__}"
            )
    return tuple(_read(block) for block in blocks)


def _read(block: Block) -> Block:
    if hasattr(block.columns, "encode"):
        return block
    return replace(block, columns=read_given(block.columns, f"term {block.name!r}", gaps=True))


def of_rows(blocks: Sequence[Block], design: Design) -> tuple[Block, ...]:
    """The blocks, their rows those of the design, in its order."""
    return tuple(replace(b, columns=rows_of(b.columns, design)) for b in blocks)


def apart(blocks: Sequence[Block], design: Design, data: Any) -> tuple[Block, ...]:
    """The blocks; one whose columns the table has under the same names with other numbers is apart.

    A new table then cannot tell its columns, and they have to be given.
    """
    table = read_table(data)
    known = set(table.names) - table.twice

    def numbers(name: str) -> np.ndarray | None:
        """Numbers of the rows that were kept; plain ones need no look at every value."""
        series = table.column(name)
        if isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiu":
            return np.asarray(series.to_numpy()[design.origin.kept])
        there = read_column(name, series, table.rows)
        return None if there.kind == "text" else there.values[design.origin.kept].astype(float)

    def differs(source: Source) -> bool:
        for name, column in zip(source.labels, source.matrix.T):
            there = numbers(name) if name in known else column
            if there is None or not (np.abs(there - column) <= 1e-9 * np.abs(column)).all():
                return True
        return False

    return tuple(
        replace(b, columns=replace(b.columns, reads=None))
        if b.columns.reads == b.columns.labels and differs(b.columns)
        else b
        for b in blocks
    )


def build_block(
    block: Block, scales: Scales, rows: np.ndarray, centred: bool, priors: Mapping[str, Any]
) -> BlockTerm:
    """The term: columns read, checked and standardised, and the law of their scales.

    Raises
    ------
    DesignError
        Where the columns or a prior cannot be used.
    """
    source = block.columns
    validate(source, rows.size, constant=not centred, duplicates=block.kind == "ridge")
    given = (source.matrix, scales.share, centred, block.scale, scales.count)
    Z, centre, unit = standardise(*given)
    own = replace(scales, unit=float(np.sqrt(np.mean(scales.share @ Z**2))))
    if block.kind == "ard" and source.centres is None:
        own = replace(own, units=_of_their_own(scales.share, Z))
    law = LAWS[block.kind](block, Z.shape[1], own, int(scales.count), priors)
    if law.noise:  # sigma is the noise of a row of weight one, the law's that of an average row
        Z, unit = Z / scales.root_weight, unit * scales.root_weight
    return BlockTerm(block.name, source, Z, centre, unit, law)


def priced(terms: tuple[BlockTerm, ...], blocks: Sequence[Block]) -> Iterator[BlockTerm]:
    """The terms, those that choose columns with the default price: log P, all such columns counted.

    Whatever the number of rows: without a price what a maximum predicts falls apart as P nears n.
    """
    default = float(np.log(max(1, sum(t.columns for t in terms if t.law.selects))))
    for term, block in zip(terms, blocks):
        asked = term.law.selects and block.options.get("price") is None
        yield replace(term, law=replace(term.law, price=default)) if asked else term


def parameters(block: Block) -> list[str]:
    """Names of the parameters that take a prior."""
    return [block.called(name) for name in NAMES[block.kind]]


def _of_their_own(share: np.ndarray, Z: np.ndarray) -> np.ndarray | None:
    """The rms of each column, or None where all are alike to rounding."""
    units: np.ndarray = np.sqrt(share @ Z**2)
    return None if np.ptp(units) <= ALIKE * units.max() else units


def _ridge(block: Block, P: int, scales: Scales, n: int, priors: Mapping[str, Any]) -> Shrinkage:
    name = block.called("sd")
    default = Law("HalfStudentT", (3.0, scales.sd / (scales.unit * np.sqrt(P))))
    return Shrinkage("ridge", common=positive_prior(name, 1, None, default, priors.get(name)))


def _ard(block: Block, P: int, scales: Scales, n: int, priors: Mapping[str, Any]) -> Shrinkage:
    name = block.called("scale")
    unit = scales.unit if scales.units is None else scales.units
    default = Law("HalfStudentT", (3.0, scales.sd / (unit * np.sqrt(P))))
    local = positive_prior(name, P, f"{block.name}_column", default, priors.get(name))
    price = float(block.options.get("price") or 0.0)
    return Shrinkage("ard", local=local, precision=block.options.get("precision"), price=price)


def _laplace(block: Block, P: int, scales: Scales, n: int, priors: Mapping[str, Any]) -> Shrinkage:
    name, lam = block.called("lam2"), block.options["lam"]
    if lam is not None and name in priors:
        raise DesignError(f"lam= and the prior of {name} are both given; give one of them")
    given = priors.get(name) if lam is None else float(lam) ** 2
    ratio = Law("Rayleigh", (1.0,))
    return Shrinkage(
        "laplace",
        local=Positive(block.called("tau"), P, f"{block.name}_column", law=ratio, raw=True),
        rate=positive_prior(name, 1, None, LAM2, given),
        noise=True,
        root=block.called("lam"),
    )


def _horseshoe(
    block: Block, P: int, scales: Scales, n: int, priors: Mapping[str, Any]
) -> Shrinkage:
    local, common, slab = (block.called(name) for name in ("scale", "sd", "slab2"))
    p0 = block.options["nonzero"] or min(max(1.0, min(P, n) / 10.0), 0.5 * P)
    if p0 >= P:
        raise DesignError(
            f"horseshoe(nonzero={p0:g}) expects all {P} columns of {block.name} to matter: nothing "
            f"is sparse then; give fewer, or use ridge"
        )
    width = None
    if block.options["slab"] is not None:
        df = block.options["slab_df"]
        law = Law("InverseGamma", (0.5 * df, 0.5 * df * block.options["slab"] ** 2))
        width = positive_prior(slab, 1, None, law, priors.get(slab))
    elif slab in priors:
        raise DesignError(f"{slab} has a prior, but horseshoe(slab=...) was not given")
    total = Law("HalfNormal", (p0 / ((P - p0) * np.sqrt(n) * scales.unit),))
    one = Law("HalfCauchy", (1.0,))
    return Shrinkage(
        "horseshoe",
        local=positive_prior(local, P, f"{block.name}_column", one, priors.get(local)),
        common=_times_sigma(positive_prior(common, 1, None, total, priors.get(common))),
        slab=width,
        noise=True,
    )


def _times_sigma(given: Positive) -> Positive:
    """A scale whose prior is stated in units of sigma."""
    return replace(given, raw=True)


LAWS = {"ridge": _ridge, "ard": _ard, "laplace": _laplace, "horseshoe": _horseshoe}
NAMES = {
    "ridge": ("sd",),
    "ard": ("scale",),
    "laplace": ("lam2",),
    "horseshoe": ("scale", "sd", "slab2"),
}
