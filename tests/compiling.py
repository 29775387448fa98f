"""What most tests need compiled, compiled once for all workers.

Workers that begin on empty caches would each compile the same functions side by side. So one goes
first, and the others find its machine code on disk.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

import bayeslmm as bl

from .whole import fitted_whole


def compile_in_turn() -> None:
    """Compile, or load what another worker of this run has compiled; alone, nothing."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return
    import fcntl

    place = Path(tempfile.gettempdir()) / f"bayeslmm-tests-{run}.lock"
    with open(place, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(Exception):  # the tests say what is wrong, and where
            _of_one_response()
            _of_more_columns_than_rows()
            _of_a_matrix()
        place.unlink(missing_ok=True)  # who waits has it open, and who comes later finds all made


def _of_one_response() -> None:
    whole = fitted_whole()
    for unit in ("row", "g"):
        bl.loo(whole.model, whole.nuts, unit=unit)
    model = bl.lmm("Yield ~ 1 + (1 | Batch)", bl.datasets.load("Dyestuff"))
    reml = bl.fit(model, bl.EmpiricalBayes("reml", draws=10), seed=1)
    bl.confint(model, reml, parameters=["sigma"])
    bl.log_evidence(model)
    bl.fit(model, bl.CAVI(draws=100), seed=1)


def _of_more_columns_than_rows() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(20, 30)), rng.normal(size=20)
    model = bl.lmm("y ~ 1", {"y": y}, terms=[bl.ridge(X, name="x")])
    bl.fit(model, bl.EmpiricalBayes(draws=10), seed=1)
    nuts = bl.fit(model, bl.NUTS(draws=40, tune=20, chains=1), seed=1)
    bl.loo(model, nuts, refit=False)
    bl.fit(bl.lasso("y ~ .", bl.datasets.load("diabetes")), bl.Gibbs(draws=20, tune=20), seed=1)


def _of_a_matrix() -> None:
    Y = bl.datasets.load("iris").drop(columns="Species").iloc[::5]
    gaps = Y.mask(np.eye(len(Y), 4, dtype=bool))
    for table in (Y, gaps):
        model = bl.ppca(table, components=2)
        bl.fit(model, bl.EmpiricalBayes(draws=10), seed=1)
        bl.fit(model, bl.NUTS(draws=20, tune=20, chains=1), seed=1)
