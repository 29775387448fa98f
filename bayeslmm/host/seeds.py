"""Seeds: whole numbers of any size, that a file keeps."""

from typing import Any

import numpy as np

from .options import shown


def checked(seed: Any) -> int | None:
    """A seed as Python's whole number; None where there is none.

    Parameters
    ----------
    seed : int or None
        At least 0 and of any size, such as ``secrets.randbits(128)``.

    Raises
    ------
    ValueError
        Where it is something else.

    Examples
    --------
    >>> checked(-1)
    Traceback (most recent call last):
    ValueError: seed must be a whole number of at least 0, got -1
    """
    if seed is None:
        return None
    if isinstance(seed, bool | np.bool_) or not isinstance(seed, int | np.integer) or seed < 0:
        hint = ""
        if isinstance(seed, np.random.Generator | np.random.SeedSequence | np.random.RandomState):
            hint = ": draw one, such as int(rng.integers(2**32))"
        raise ValueError(f"seed must be a whole number of at least 0, got {shown(seed)}{hint}")
    return int(seed)


def given_or_drawn(seed: Any) -> int:
    """A seed, or a new one from the system's entropy: one that can be told, and given again."""
    found = checked(seed)
    return int(np.random.SeedSequence().generate_state(1)[0]) if found is None else found


def generator(seed: Any) -> np.random.Generator:
    """Random numbers from a seed, or from the system's entropy where there is none."""
    return np.random.default_rng(checked(seed))


def stored(seed: int) -> int | str:
    """A seed as an attribute of a tree: files hold whole numbers below 2^63, and any as text."""
    return seed if seed < 2**63 else str(seed)
