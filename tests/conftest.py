"""Reference numbers and data that the tests share. Provenance: tests/references/README.md."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from tests.compiling import compile_in_turn
from tests.whole import Whole, fitted_whole

REFERENCES = Path(__file__).parent / "references"
ROOT = Path(__file__).parents[1]


def pytest_report_header(config):
    if config.getoption("numprocesses", None):
        return "compiled code: where there is none yet, workers make it first (minutes)"
    return None


def pytest_sessionstart(session):
    compile_in_turn()


def _json(name):
    return json.loads((REFERENCES / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def lmer_truth() -> list[dict]:
    """22 fits by lme4, REML and ML; read only."""
    return _json("truth_lmer.json")


@pytest.fixture(scope="session")
def quadrature_truth() -> dict[str, dict]:
    """Exact posteriors and log evidence by data set and priors; read only."""
    return _json("truth_quadrature.json")


@pytest.fixture(scope="session")
def lasso_truth() -> dict:
    """Medians of the Bayesian lasso of diabetes by NUTS of a model by hand; read only."""
    return _json("truth_lasso.json")


@pytest.fixture(scope="session")
def stan_sleepstudy() -> pd.DataFrame:
    """Stan's posterior of sleepstudy with correlated slopes, one row per quantity; read only."""
    return pd.read_csv(REFERENCES / "truth_stan_sleepstudy_slope.csv", index_col=0)


@pytest.fixture(scope="session")
def whole() -> Whole:
    """A model with weights, frequency, offset, two factors and a block, and two fits; read only."""
    return fitted_whole()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the data that are not in the project; a test that needs them skips without."""
    folder = Path(os.environ.get("BAYESLMM_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set BAYESLMM_DATA to where the data are")
    return folder
