"""Between the other factors' effects u and the scaled v of u = Lambda v.

Lambda = blockdiag(L, ..., L, ..., I): the triangular factor of every level, and one for gamma.
"""

from .compiled import jit


@jit
def scale(factors, layout, x):
    """x <- Lambda'x."""
    offset = 0
    for f in range(layout.shape[0]):
        start, levels, q = layout[f, 0], layout[f, 1], layout[f, 2]
        for at in range(start, start + levels * q, q):
            for j in range(q):  # entry j of L'x needs entries j.. of x, so upwards is safe
                value = 0.0
                for i in range(j, q):
                    value += factors[offset + i * q + j] * x[at + i]
                x[at + j] = value
        offset += q * q


@jit
def unscale(factors, layout, x):
    """x <- Lambda x."""
    offset = 0
    for f in range(layout.shape[0]):
        start, levels, q = layout[f, 0], layout[f, 1], layout[f, 2]
        for at in range(start, start + levels * q, q):
            for i in range(q - 1, -1, -1):
                value = 0.0
                for j in range(i + 1):
                    value += factors[offset + i * q + j] * x[at + j]
                x[at + i] = value
        offset += q * q


@jit
def scale_both(factors, layout, A):
    """A <- Lambda'A Lambda, row by row."""
    offset = 0
    for f in range(layout.shape[0]):
        start, levels, q = layout[f, 0], layout[f, 1], layout[f, 2]
        for at in range(start, start + levels * q, q):
            for j in range(q):
                A[at + j] *= factors[offset + j * q + j]
                for i in range(j + 1, q):
                    A[at + j] += factors[offset + i * q + j] * A[at + i]
        offset += q * q
    for r in range(A.shape[0]):
        scale(factors, layout, A[r])


@jit
def unscale_both(factors, layout, A):
    """A <- Lambda A Lambda', row by row."""
    offset = 0
    for f in range(layout.shape[0]):
        start, levels, q = layout[f, 0], layout[f, 1], layout[f, 2]
        for at in range(start, start + levels * q, q):
            for i in range(q - 1, -1, -1):
                A[at + i] *= factors[offset + i * q + i]
                for j in range(i):
                    A[at + i] += factors[offset + i * q + j] * A[at + j]
        offset += q * q
    for r in range(A.shape[0]):
        unscale(factors, layout, A[r])
