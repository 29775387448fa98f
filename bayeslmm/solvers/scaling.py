"""Between the other factors' effects u and the scaled v of u = Lambda v.

Lambda = blockdiag(L, ..., L, ..., I): the triangular factor of every level, and one for gamma.
"""

from .compiled import jit


@jit
def scale(factors, layout, x):
    """x <- Lambda'x, where x ends with a level or with gamma."""
    offset = 0
    for f in range(layout.shape[0]):
        start, q = layout[f, 0], layout[f, 2]
        end = min(start + layout[f, 1] * q, x.size)
        if q == 1:
            for k in range(start, end):
                x[k] *= factors[offset]
        else:
            for at in range(start, end, q):
                for j in range(q):  # entry j of L'x needs entries j.. of x, so upwards is safe
                    value = 0.0
                    for i in range(j, q):
                        value += factors[offset + i * q + j] * x[at + i]
                    x[at + j] = value
        offset += q * q


@jit
def scale_both(factors, layout, S, M):
    """Lower triangle of M <- that of Lambda'S Lambda; of S what is below the diagonal is read."""
    offset, m2 = 0, 0
    for f in range(layout.shape[0]):
        start, levels, q = layout[f, 0], layout[f, 1], layout[f, 2]
        m2 = start + levels * q
        for at in range(start, m2, q):
            end = at + q
            for i in range(q):  # a level's own block is all that is read on both sides
                for j in range(i):
                    S[at + j, at + i] = S[at + i, at + j]
            for j in range(q):
                row = M[at + j, :end]
                for k in range(end):
                    row[k] = factors[offset + j * q + j] * S[at + j, k]
                for i in range(j + 1, q):
                    for k in range(end):
                        row[k] += factors[offset + i * q + j] * S[at + i, k]
                scale(factors, layout, row)
        offset += q * q
    for r in range(m2, M.shape[0]):
        M[r, : r + 1] = S[r, : r + 1]
        scale(factors, layout, M[r, : r + 1])


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
def unscale_both(factors, layout, A):
    """A <- Lambda A Lambda', row by row."""
    offset = 0
    for f in range(layout.shape[0]):
        start, levels, q = layout[f, 0], layout[f, 1], layout[f, 2]
        for at in range(start, start + levels * q, q):
            for i in range(q - 1, -1, -1):
                A[at + i] *= factors[offset + i * q + i]
                total = A[at + i]
                for j in range(i):
                    total += factors[offset + i * q + j] * A[at + j]
                A[at + i] = total
        offset += q * q
    for r in range(A.shape[0]):
        unscale(factors, layout, A[r])
