"""Names that a result uses itself, and what of the user's would meet them: the one list.

A result names its variables and dimensions after groups, blocks of columns and the response. Two
things of one name would overwrite each other, or stop after the work is done: so they are refused
by name when a model is declared. So is a column that nobody named, where all of a table are taken:
that is what a file's row numbers become when it is read.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from .errors import DesignError, quoted

# What stands beside every response: dimensions, and parameters of every model.
RESPONSE = ("chain", "draw", "row", "fixed", "fixed_2", "beta", "sigma")
# What may stand beside groups and blocks: tables of engines, constants, parameters of other models.
ALWAYS = (
    *RESPONSE, "step", "parameter", "y", "offset", "weights", "frequency", "noise_sd", "tau",
    "lam", "lam2", "alpha", "mu", "w", "beta_mean", "beta_sd", "beta_cov", "__draw__",
)  # fmt: skip
GROUP = (
    "{}", "{}_effect", "{}_effect_2", "sd_{}", "corr_{}", "u_{}", "icc_{}", "codes_{}",
    "columns_{}",
)  # fmt: skip
BLOCK = (
    "{}_column", "u_{}", "h2_{}", "columns_{}", "sd_{}", "scale_{}", "tau_{}", "lam_{}", "lam2_{}",
    "slab2_{}", "unit_{}",
)  # fmt: skip
BARE = ("alpha", "tau", "lam", "lam2")  # parameters of a model that is one block
MATRIX = (
    "chain", "draw", "row", "feature", "feature_2", "component", "W", "z", "mu", "sigma", "sd_W",
    "covariance", "explained_variance", "explained_ratio", "noise_sd", "shift", "unit",
)  # fmt: skip

# None, of pandas ("Unnamed: 0", in Parquet "__index_level_0__"), of R's readr ("...1").
UNNAMED = re.compile(r"\s*|Unnamed: \d+(\.\d+|_level_\d+)*|__index_level_\d+__|\.\.\.\d+")

type Made = list[tuple[str, tuple[str, ...]]]  # who makes which names


def of_groups(names: Iterable[str]) -> Made:
    """What each grouping factor makes, by how a message calls it."""
    return [(f"the grouping factor '{n}'", tuple(form.format(n) for form in GROUP)) for n in names]


def of_blocks(names: Iterable[str]) -> Made:
    """What each block of columns makes, by how a message calls it."""
    return [(f"the block '{n}'", tuple(form.format(n) for form in BLOCK)) for n in names]


def check_group_names(groups: Collection[str], response: str) -> None:
    """Refuse groups and a response whose names, or what is made of them, would meet.

    Raises
    ------
    DesignError
        Naming the column to rename.
    """
    made = of_groups(groups)
    for name, what in ((response, "response"), *((group, "grouping factor") for group in groups)):
        if not name.strip():
            raise DesignError(f"the {what} {name!r} has no name; rename the column")
        if name == ".":
            raise DesignError(f"the {what} is called '.', which no file takes; rename the column")
    for group in groups:
        if group == response:
            raise DesignError(
                f"the grouping factor '{group}' has the name of the response; rename the column"
            )
        if group.startswith("sd_") or "/" in group:
            reason = "contains '/'" if "/" in group else "starts with 'sd_'"
            raise DesignError(f"the grouping factor '{group}' {reason}; rename the column")
    refuse_shared(made)
    check_response_name(response, RESPONSE, made)


def refuse_shared(made: Made) -> None:
    """Refuse names that two make, or that every result has.

    Raises
    ------
    DesignError
        Naming both, and what to rename.
    """
    owner = dict.fromkeys(ALWAYS, "")
    for who, names in made:
        for name in names:
            other = owner.get(name)
            if other == "":
                raise DesignError(
                    f"{who} has the name of a variable or dimension of the result; rename the "
                    "column"
                )
            if other is not None:
                raise DesignError(
                    f"{other} and {who} would both make the name '{name}' in a result; rename one "
                    "of the columns"
                )
            owner[name] = who


def check_response_name(response: str, beside: Iterable[str], made: Made) -> None:
    """Refuse a response that has the name of something beside it in a result.

    Raises
    ------
    DesignError
        Naming what has that name.
    """
    found = dict.fromkeys(beside, "the result")
    found |= {name: who for who, names in made for name in names}
    if response in found:
        raise DesignError(
            f"the response '{response}' has the name of a variable or dimension of "
            f"{found[response]}; rename the column, e.g. "
            f"table.rename(columns={{'{response}': '{response}_value'}})"
        )


def refuse_unnamed(names: Sequence[str], what: str) -> None:
    """Where every column of a table is taken, one that nobody named is no variable.

    Raises
    ------
    DesignError
        Naming it, and its place.
    """
    found = [(place, name) for place, name in enumerate(names) if UNNAMED.fullmatch(name)]
    if found:
        raise DesignError(
            f"{what} has a column without a name, {quoted(name for _, name in found)} (column "
            f"{found[0][0] + 1}), which files have for the numbers of their rows: drop it, or read "
            f"the file with index_col=0; if it is a variable, rename it"
        )
