"""Which factors of which terms get all their indicator columns, and which one fewer.

A factor coded in full spans the constant; coded with one level fewer (by contrasts) it does not. A
term of categorical factors S stands for all subsets of S coded by contrasts; those subsets that an
earlier term has covered are left out, and the rest is merged wherever a subset and the same subset
with one factor more can be one block with that factor in full. So the columns span exactly what
the terms do, and none is redundant. This is the algorithm of patsy (Smith, 2011, its manual, "From
terms to matrices"); formulae 0.9 loses columns at terms such as ``1 + a:b:c``.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

from .algebra import Term

# One block of columns: its factors, and the keys of those that are coded in full.
Block = tuple[Term, frozenset[str]]
_Coded = frozenset[tuple[str, bool]]  # factors by key, and whether in full


def blocks_of(
    terms: Sequence[Term], intercept: bool, categorical: Collection[str]
) -> list[tuple[Term, list[Block]]]:
    """The blocks of columns of every term.

    Parameters
    ----------
    terms : sequence of Term
        By degree, lowest first.
    intercept : bool
        Whether a column of ones comes before them.
    categorical : collection of str
        Keys of the factors that are categorical.

    Returns
    -------
    list of (Term, list of Block)
    """
    # Terms with different numeric parts cannot overlap, so each part has its own account.
    covered: dict[frozenset[str], set[frozenset[str]]] = {}
    if intercept:
        covered[frozenset()] = {frozenset()}
    result = []
    for term in terms:
        numeric = frozenset(factor.key for factor in term if factor.key not in categorical)
        labels = [factor.key for factor in term if factor.key in categorical]
        account = covered.setdefault(numeric, set())
        new = [subset for subset in _subsets(labels) if subset not in account]
        account.update(new)
        blocks = [_block(term, numeric, coded) for coded in _merged(new)]
        result.append((term, blocks))
    return result


def _subsets(labels: Sequence[str]) -> Iterable[frozenset[str]]:
    """Every subset, small ones first, in the order written."""
    for size in range(len(labels) + 1):
        for chosen in combinations(labels, size):
            yield frozenset(chosen)


def _merged(subsets: Iterable[frozenset[str]]) -> list[_Coded]:
    """Merge pairs that differ by one contrast-coded factor, until none is left."""
    coded: list[_Coded] = [frozenset((key, False) for key in subset) for subset in subsets]
    while (pair := _first_pair(coded)) is not None:
        short, long = pair
        ((key, _),) = coded[long] - coded[short]
        coded[long] = coded[short] | {(key, True)}
        del coded[short]
    return coded


def _first_pair(coded: Sequence[_Coded]) -> tuple[int, int] | None:
    for i, short in enumerate(coded):
        for j in range(i + 1, len(coded)):
            if len(coded[j]) == len(short) + 1 and coded[j] > short:
                ((_, full),) = coded[j] - short
                if not full:
                    return i, j
    return None


def _block(term: Term, numeric: frozenset[str], coded: _Coded) -> Block:
    keys = numeric | {key for key, _ in coded}
    factors = tuple(factor for factor in term if factor.key in keys)
    return factors, frozenset(key for key, full in coded if full)
