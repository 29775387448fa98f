"""The maximum over W and sigma: in closed form where nothing is missing.

    W = U_q (Lambda_q - sigma^2 I)^(1/2),    sigma^2 = mean of the d - q smallest eigenvalues

of the covariance of the rows (Tipping & Bishop 1999, equations 7 and 8), its divisor n where mu is
maximised and n - 1 where it is integrated. Otherwise EM (`expectation`).
"""

from dataclasses import dataclass

import numpy as np

from ..types import Array
from .beta import MAXIMISED
from .canonical import principal
from .complete import Complete
from .expectation import NoNoise, expectation_maximisation

NOTHING = 1e-26  # share of the scatter that is rounding
UNBOUNDED = (
    "the likelihood has no bound: the components can follow all entries without noise, so that "
    "sigma runs to zero, and what is told is its highest maximum with noise left; ask for fewer "
    "components, or use NUTS(), whose prior of sigma counts"
)
UNSETTLED = (
    "not converged: the likelihood is flat around its maximum; ask for fewer components, scale the "
    "columns (scale='sd'), or use NUTS()"
)


@dataclass(frozen=True, repr=False)
class Maximum:
    """Where a criterion is largest.

    Attributes
    ----------
    W : ndarray (d, q)
        In canonical form.
    sigma, value : float
    evaluations : int
    message : str
        What is wrong, and what to do; empty where nothing is.
    mean : ndarray (d,), optional
        mu, where it was maximised step by step.
    others : tuple of (W, sigma)
        Lower maxima that were found on the way, from which other searches start too.
    bounded : bool
        Whether the criterion has a bound; if not, this is its highest maximum with noise left.
    """

    W: Array
    sigma: float
    value: float
    evaluations: int = 1
    message: str = ""
    mean: Array | None = None
    others: tuple[tuple[Array, float], ...] = ()
    bounded: bool = True

    @property
    def converged(self) -> bool:
        return not self.message


def closed_form(solver: Complete, q: int, sigma: float | None = None) -> Maximum:
    """The maximum of complete rows under "ml" or "reml"; sigma may be given."""
    integrated = solver.beta is not MAXIMISED
    count = solver.n - integrated
    squares, vectors, others = solver.rows.leading(q)
    values, d = squares / count, solver.mean.size
    if sigma is None:
        if others <= NOTHING * (float(squares.sum()) + others):
            raise NoNoise(
                f"{q} components follow {solver.n:.0f} rows of {d} columns exactly, so that no "
                f"noise is left and the likelihood has no maximum; ask for fewer components, give "
                f"more rows, fix sigma (priors={{'sigma': ...}}), or, where columns have very "
                f"different units, divide them by their sds (scale='sd')"
            )
        sigma = float(np.sqrt(others / count / (d - q)))
    along = np.maximum(values, sigma**2)
    log_det = float(np.log(along).sum()) + 2.0 * (d - q) * np.log(sigma)
    trace = float((squares / along).sum()) + others / sigma**2
    value = -0.5 * (count * (d * np.log(2.0 * np.pi) + log_det) + trace)
    if integrated:
        value -= 0.5 * d * np.log(solver.n)
    W = vectors * np.sqrt(along - sigma**2)
    return Maximum(W, float(sigma), float(value + solver.problem.added(solver.beta)))


def imputed(X: Array, q: int, sigma: float | None, constant: float) -> Maximum:
    """The maximum of the likelihood of rows (n, d) with missing entries, by EM; sigma may be given.

    `constant` is what a change of units adds to the log likelihood.
    """
    found = expectation_maximisation(X, q, sigma)
    value = float(found.value) + constant
    message = UNSETTLED if not found.settled else "" if found.bounded else UNBOUNDED
    others = tuple((principal(f.W)[0], float(f.sigma)) for f in found.others)
    W = principal(found.W)[0]
    return Maximum(
        W, float(found.sigma), value, found.steps, message, found.mean, others, found.bounded
    )
