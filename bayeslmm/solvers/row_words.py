"""A short digest of a large matrix: one word for each row, which sha256 can then take.

Each number, keyed by its column, is scrambled as an integer by a bijection of 64 bits (Steele, Lea
& Flood 2014, the generator splitmix64), and a row's are added: another number in one place is
another word, and so are, but for a chance of 2^-64, others in several. sha256 of the numbers
themselves takes eight times as long, and of a wide matrix a sixth of the whole fit.
"""

import numpy as np

from ..types import Array
from .compiled import jit

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX = np.uint64(0xBF58476D1CE4E5B9)
AGAIN = np.uint64(0x94D049BB133111EB)


def row_words(Y: Array) -> np.ndarray:
    """One word (n,) for each row of numbers Y (n, d)."""
    words = np.ascontiguousarray(Y, dtype=np.float64).view(np.uint64)
    found = np.empty(words.shape[0], np.uint64)
    _row_words(words, found)
    return found


@jit
def _row_words(words, found):
    for i in range(words.shape[0]):
        total, key = np.uint64(0), GOLDEN
        for j in range(words.shape[1]):
            x = words[i, j] ^ key
            x = (x ^ (x >> np.uint64(30))) * MIX
            x = (x ^ (x >> np.uint64(27))) * AGAIN
            total += x ^ (x >> np.uint64(31))
            key += GOLDEN
        found[i] = total
