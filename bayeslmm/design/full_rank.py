"""Which variables of which terms get all their indicator columns, and which one fewer.

A categorical variable coded in full spans the constant; coded with one level fewer (by contrasts)
it does not. A term of categorical variables S stands for all subsets of S coded by contrasts; those
subsets that an earlier term has covered are left out, and the rest is merged wherever a subset and
the same subset with one variable more can be one block with that one in full. So the columns span
exactly what the terms do, and none is redundant. This is the algorithm of patsy (Smith, 2011, its
manual, "From terms to matrices").
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

from .term_algebra import FormulaTerm

# One block of columns: its variables by key, and which of them are coded in full.
Coded = tuple[tuple[str, bool], ...]
_Coded = frozenset[tuple[str, bool]]


def blocks_of(
    terms: Sequence[FormulaTerm], intercept: bool, categorical: Collection[str]
) -> list[tuple[FormulaTerm, list[Coded]]]:
    """The blocks of columns of every term.

    Parameters
    ----------
    terms : sequence of FormulaTerm
        By degree, lowest first.
    intercept : bool
        Whether a column of ones comes before them.
    categorical : collection of str
        Keys of the variables that are categorical.

    Returns
    -------
    list of (FormulaTerm, list of Coded)
    """
    # Terms with different numeric parts cannot overlap, so each part has its own account.
    covered: dict[frozenset[str], set[frozenset[str]]] = {}
    if intercept:
        covered[frozenset()] = {frozenset()}
    result = []
    for term in terms:
        numeric = frozenset(item.key for item in term if item.key not in categorical)
        labels = [item.key for item in term if item.key in categorical]
        account = covered.setdefault(numeric, set())
        new = [subset for subset in _subsets(labels) if subset not in account]
        account.update(new)
        result.append((term, [_in_order(term, numeric, coded) for coded in _merged(new)]))
    return result


def _subsets(labels: Sequence[str]) -> Iterable[frozenset[str]]:
    """Every subset, small ones first, in the order written."""
    for size in range(len(labels) + 1):
        for chosen in combinations(labels, size):
            yield frozenset(chosen)


def _merged(subsets: Iterable[frozenset[str]]) -> list[_Coded]:
    """Merge pairs that differ by one contrast-coded variable, until none is left."""
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


def _in_order(term: FormulaTerm, numeric: frozenset[str], coded: _Coded) -> Coded:
    full = {**dict.fromkeys(numeric, False), **dict(coded)}
    return tuple((item.key, full[item.key]) for item in term if item.key in full)
