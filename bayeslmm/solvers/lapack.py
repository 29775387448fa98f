"""Routines of LAPACK and BLAS for compiled code: factor, invert, solve at the machine's speed.

SciPy exports the addresses of its LAPACK (Anderson et al. 1999). They are given names that LLVM can
look up, so that machine code which calls them can be kept in Numba's disk cache: it holds the name,
not the address. No interpreter is asked, so threads run these routines side by side.

LAPACK counts by columns: a matrix in C order is to it the transpose, lower is upper. Integers are
passed in 64 bits whose upper half is zero, which reads the same where LAPACK takes 32.
"""

from functools import cached_property
from typing import Any

import numpy as np

from .compiled import jit


class Routine:
    """One routine, found and named when compiled code that calls it is first asked for.

    `kinds` has a letter for each argument: t a text, i an integer, r a real number, all by address.
    """

    def __init__(self, name: str, kinds: str, library: str = "cython_lapack") -> None:
        self.name, self.kinds, self.library = name, kinds, library

    @cached_property
    def made(self) -> Any:
        """Numba's object; machine code from the disk finds the name from now on, too."""
        import llvmlite.binding as llvm
        from numba import types
        from numba.extending import get_cython_function_address

        address = get_cython_function_address(f"scipy.linalg.{self.library}", self.name)
        llvm.add_symbol(f"bayeslmm_{self.name}", address)
        each = {"t": types.uint8, "i": types.int64, "r": types.float64}
        arguments = [types.CPointer(each[kind]) for kind in self.kinds]
        return types.ExternalFunction(f"bayeslmm_{self.name}", types.void(*arguments))

    @property
    def _numba_type_(self) -> Any:
        return self.made


_potrf = Routine("dpotrf", "tirii")
_potri = Routine("dpotri", "tirii")
_trtri = Routine("dtrtri", "ttirii")
_lauum = Routine("dlauum", "tirii")
_trtrs = Routine("dtrtrs", "tttiiririi")
_syrk = Routine("dsyrk", "ttiirrirri", "cython_blas")
_trsm = Routine("dtrsm", "ttttiirriri", "cython_blas")
_trmm = Routine("dtrmm", "ttttiirriri", "cython_blas")
BLOCK = 64  # columns inverted by LAPACK's own loops
WHOLE, PANEL = 256, 128  # columns factored by LAPACK at once; and at a time where they are more


@jit
def cholesky_lower(A):
    """A's lower triangle <- its Cholesky factor; False where a pivot is not positive.

    By panels of columns where they are many: a tenth less time than LAPACK's halves take.
    """
    n = A.shape[0]
    upper, no = np.array([ord("U")], np.uint8), np.array([ord("N")], np.uint8)
    left, turned = np.array([ord("L")], np.uint8), np.array([ord("T")], np.uint8)
    one, minus, info = np.ones(1), -np.ones(1), np.zeros(1, np.int64)
    wide, size, rows = np.array([n]), np.zeros(1, np.int64), np.zeros(1, np.int64)
    width = n if n <= WHOLE else PANEL
    for at in range(0, n, width):
        size[0] = min(width, n - at)
        rows[0] = n - at - size[0]
        C = A[at:, at:]
        _potrf(upper.ctypes, size.ctypes, C.ctypes, wide.ctypes, info.ctypes)
        if info[0] != 0:
            return False
        if rows[0] == 0:
            break
        B, rest = A[at + width :, at:], A[at + width :, at + width :]
        _trsm(
            left.ctypes,
            upper.ctypes,
            turned.ctypes,
            no.ctypes,
            size.ctypes,
            rows.ctypes,
            one.ctypes,
            C.ctypes,
            wide.ctypes,
            B.ctypes,
            wide.ctypes,
        )
        _syrk(
            upper.ctypes,
            turned.ctypes,
            rows.ctypes,
            size.ctypes,
            minus.ctypes,
            B.ctypes,
            wide.ctypes,
            one.ctypes,
            rest.ctypes,
            wide.ctypes,
        )
    return True


@jit
def invert_factored(A):
    """A's lower triangle: from a Cholesky factor C to (C C')^-1."""
    text, size, info = np.array([ord("U")], np.uint8), np.array([A.shape[0]]), np.zeros(1, np.int64)
    if A.shape[0] <= BLOCK:
        _potri(text.ctypes, size.ctypes, A.ctypes, size.ctypes, info.ctypes)
        return
    invert_triangle(A)
    _lauum(text.ctypes, size.ctypes, A.ctypes, size.ctypes, info.ctypes)


@jit
def invert_triangle(A):
    """A's lower triangle <- its inverse, from blocks on the diagonal to ever larger ones.

    [X, .; B, Y]^-1 = [X^-1, .; -Y^-1 B X^-1, Y^-1]: products of triangles, which BLAS does at the
    speed of the machine, where LAPACK's loop over narrow columns takes half as long again.
    """
    n = A.shape[0]
    upper, no = np.array([ord("U")], np.uint8), np.array([ord("N")], np.uint8)
    left, right = np.array([ord("L")], np.uint8), np.array([ord("R")], np.uint8)
    one, minus, info = np.ones(1), -np.ones(1), np.zeros(1, np.int64)
    wide, size, rows = np.array([n]), np.zeros(1, np.int64), np.zeros(1, np.int64)
    for at in range(0, n, BLOCK):
        size[0] = min(BLOCK, n - at)
        X = A[at:, at:]
        _trtri(upper.ctypes, no.ctypes, size.ctypes, X.ctypes, wide.ctypes, info.ctypes)
    size[0] = BLOCK
    while size[0] < n:
        for at in range(0, n - size[0], 2 * size[0]):
            below = at + size[0]
            rows[0] = min(size[0], n - below)
            sides = ((left, A[at:, at:], minus), (right, A[below:, below:], one))
            B = A[below:, at:]
            for side, triangle, factor in sides:
                _trmm(
                    side.ctypes,
                    upper.ctypes,
                    no.ctypes,
                    no.ctypes,
                    size.ctypes,
                    rows.ctypes,
                    factor.ctypes,
                    triangle.ctypes,
                    wide.ctypes,
                    B.ctypes,
                    wide.ctypes,
                )
        size[0] *= 2


@jit
def solve_transposed(C, x):
    """Every row of x (k, n) <- C^-T row, for the leading n rows and columns of a factor C."""
    upper, no = np.array([ord("U")], np.uint8), np.array([ord("N")], np.uint8)
    size, width, many = np.array([x.shape[1]]), np.array([C.shape[0]]), np.array([x.shape[0]])
    info = np.zeros(1, np.int64)
    _trtrs(
        upper.ctypes,
        no.ctypes,
        no.ctypes,
        size.ctypes,
        many.ctypes,
        C.ctypes,
        width.ctypes,
        x.ctypes,
        size.ctypes,
        info.ctypes,
    )


@jit
def add_outer(rows, many, A):
    """A's lower triangle (n, n) += sum of r r' over the first `many` of the rows (., n)."""
    upper, no, one = np.array([ord("U")], np.uint8), np.array([ord("N")], np.uint8), np.ones(1)
    size, count = np.array([A.shape[0]]), np.array([many])
    _syrk(
        upper.ctypes,
        no.ctypes,
        size.ctypes,
        count.ctypes,
        one.ctypes,
        rows.ctypes,
        size.ctypes,
        one.ctypes,
        A.ctypes,
        size.ctypes,
    )


@jit
def whiten_rows(C, x):
    """Every row of x (k, n) <- C^-1 row, for a factor C (n, n)."""
    left, upper = np.array([ord("L")], np.uint8), np.array([ord("U")], np.uint8)
    turned, no = np.array([ord("T")], np.uint8), np.array([ord("N")], np.uint8)
    size, many, one = np.array([C.shape[0]]), np.array([x.shape[0]]), np.ones(1)
    _trsm(
        left.ctypes,
        upper.ctypes,
        turned.ctypes,
        no.ctypes,
        size.ctypes,
        many.ctypes,
        one.ctypes,
        C.ctypes,
        size.ctypes,
        x.ctypes,
        size.ctypes,
    )
