"""Stochastic ascent of the ELBO: Adam by a stated schedule, stopped by a stated rule.

Steps are in units of the posterior's own width (a mean moves by about `rate` sds a step), so that
the schedule means the same whatever the units of the data. The rate falls in stages. A stage ends
when, over its last 1,000 steps, the ELBO no longer rises by more than two standard errors; the last
stage also waits until the means stand still. What is returned is the average over the last 1,000
steps, not the last step (Dhaka, Catalina, Andersen, Magnusson, Huggins & Vehtari 2020, section 4).
"""

from typing import Any

import numpy as np

from ..types import Array

RATES = (0.05, 0.01, 0.002)  # of Adam, stage by stage
BLOCK = 250  # steps between two looks
WINDOW = 4  # blocks that a look goes over
SHORTEST = len(RATES) * BLOCK * WINDOW  # steps that every stage's first look takes
STILL = 0.05  # rms distance of the means, in sds, between the window's halves


class Schedule:
    """PyMC calls it after every step: it keeps the iterates, lowers the rate, and stops.

    Parameters
    ----------
    rate
        Shared variable that the optimiser reads.
    params
        The approximation's parameters (shared variables), the mean first.
    unit : (D,)
        Width of the posterior along each coordinate of the mean.
    """

    def __init__(self, rate: Any, params: list[Any], unit: Array) -> None:
        self.rate, self.params, self.unit = rate, params, unit
        self.stage, self.done, self.drift = 0, False, np.inf
        rate.set_value(RATES[0])
        self.rates: list[float] = []
        self._sums = [np.zeros_like(p.get_value()) for p in params]
        self._blocks: list[list[Array]] = []

    def __call__(self, approximation: Any, losses: Array, step: int) -> None:
        self.rates.append(RATES[self.stage])
        for total, param in zip(self._sums, self.params):
            total += param.get_value(borrow=True)
        if len(self.rates) % BLOCK:
            return
        self._blocks = [*self._blocks[1 - WINDOW :], [s / BLOCK for s in self._sums]]
        self._sums = [np.zeros_like(s) for s in self._sums]
        if len(self._blocks) == WINDOW:
            self._look(-losses[-WINDOW * BLOCK :])

    def _look(self, elbo: Array) -> None:
        """End the stage where the ELBO has stopped to rise; the last one ends the ascent."""
        half = WINDOW // 2
        early, late = (
            np.mean([b[0] for b in self._blocks[i : i + half]], axis=0) for i in (0, half)
        )
        self.drift = float(np.sqrt(np.mean(((late - early) / self.unit) ** 2)))
        slope, error = trend(elbo)
        if slope > 2.0 * error:
            return
        if self.stage + 1 < len(RATES):
            self.stage += 1
            self.rate.set_value(RATES[self.stage])
            self._blocks = []
        elif self.drift < STILL:
            self.done = True
            raise StopIteration  # how PyMC is told to stop

    def average(self) -> list[Array]:
        """The parameters, averaged over the last looks; as they are where there was none."""
        if not self._blocks:
            return [p.get_value() for p in self.params]
        return [np.mean(each, axis=0) for each in zip(*self._blocks)]


def adam(rate: Any, units: dict[Any, Array]) -> Any:
    """PyMC's Adam with step sizes of its own for each parameter: `rate` times its unit."""
    import pymc as pm

    def optimiser(grads: list[Any], params: list[Any]) -> dict[Any, Any]:
        updates: dict[Any, Any] = {}
        for grad, param in zip(grads, params, strict=True):
            updates |= pm.adam([grad], [param], learning_rate=rate * units[param])
        return updates

    return optimiser


def trend(elbo: Array) -> tuple[float, float]:
    """Slope of a stretch of noisy ELBOs, in nats per 1,000 steps, and its standard error."""
    n = elbo.size
    t = np.arange(n) - 0.5 * (n - 1)
    slope = float(t @ elbo / (t @ t))
    rest = elbo - elbo.mean() - slope * t
    error = float(np.sqrt(rest @ rest / max(n - 2, 1) / (t @ t)))
    return 1000.0 * slope, 1000.0 * error
