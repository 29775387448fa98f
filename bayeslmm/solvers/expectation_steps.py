"""The two steps of EM for probabilistic PCA with missing entries, compiled (see `expectation`)."""

import numpy as np

from .compiled import jit


@jit
def expect(gram, pull, s, moments):
    """Packed lower triangle of E[(z, 1)(z, 1)'] for every row; sums of log|M| and of b'M^-1 b."""
    n, q = pull.shape
    L, e, z, inverse = np.empty((q, q)), np.empty(q), np.empty(q), np.empty((q, q))
    log_det, explained = 0.0, 0.0
    for i in range(n):
        at = 0
        for a in range(q):
            for b in range(a + 1):
                total = gram[i, at] + (s if a == b else 0.0)
                at += 1
                for c in range(b):
                    total -= L[a, c] * L[b, c]
                if a == b:
                    L[a, a] = np.sqrt(total)
                    log_det += np.log(total)
                else:
                    L[a, b] = total / L[b, b]
        for a in range(q):  # rows of L^-1, one below the other
            for b in range(q):
                e[b] = 1.0 if a == b else 0.0
            for b in range(a, q):
                total = e[b]
                for c in range(a, b):
                    total -= L[b, c] * e[c]
                e[b] = total / L[b, b]
            for b in range(q):
                inverse[b, a] = e[b] if b >= a else 0.0
        for a in range(q):
            total = 0.0
            for b in range(a + 1):
                total += inverse[a, b] * pull[i, b]
            e[a] = total
            explained += total * total
        for a in range(q):
            total = 0.0
            for c in range(a, q):
                total += inverse[c, a] * e[c]
            z[a] = total
        at = 0
        for a in range(q):
            for b in range(a + 1):
                total = 0.0
                for c in range(a, q):
                    total += inverse[c, a] * inverse[c, b]
                moments[i, at] = s * total + z[a] * z[b]
                at += 1
        for a in range(q):
            moments[i, at] = z[a]
            at += 1
        moments[i, at] = 1.0
    return log_det, explained


@jit
def maximise(normal, right, solved):
    """Least squares of every column on (z, 1); returns the sum of what it explains."""
    d, p = right.shape
    L, x, rest = np.empty((p, p)), np.empty(p), 0.0
    for j in range(d):
        at = 0
        for a in range(p):
            for b in range(a + 1):
                total = normal[j, at]
                at += 1
                for c in range(b):
                    total -= L[a, c] * L[b, c]
                L[a, b] = np.sqrt(total) if a == b else total / L[b, b]
        for a in range(p):
            total = right[j, a]
            for c in range(a):
                total -= L[a, c] * x[c]
            x[a] = total / L[a, a]
            rest += x[a] * x[a]
        for a in range(p - 1, -1, -1):
            total = x[a]
            for c in range(a + 1, p):
                total -= L[c, a] * x[c]
            x[a] = total / L[a, a]
        for a in range(p):
            solved[j, a] = x[a]
    return rest
