"""Bayesian linear mixed models and their family, with the coefficients integrated out exactly.

    m = lmm("Reaction ~ Days + (Days | Subject)", data)     declare
    tree = fit(m, NUTS(), seed=1)                           infer
    fixef(tree); ranef(tree); varcorr(tree)                 read
    predict(m, tree, new_data, seed=2)                      predict

PyMC, ArviZ and nutpie are loaded by the functions that need them, so that `import bayeslmm` is
light.
"""

from . import datasets
from .criticism.loo import loo, loo_pit
from .criticism.rows import fitted, r2, residuals
from .design import DesignError, FormulaError
from .engines.evidence import EmpiricalBayes
from .engines.integral import LogEvidence, log_evidence
from .engines.nuts import NUTS
from .engines.profile import confint, lr_test
from .fit import fit
from .model import Model
from .models.lmm import lmm
from .predict import Prediction, predict
from .predictive import log_likelihood, posterior_predictive, prior_predictive, simulate
from .reading import fixef, ranef, varcorr
from .report import report

__all__ = [
    "NUTS",
    "DesignError",
    "EmpiricalBayes",
    "FormulaError",
    "LogEvidence",
    "Model",
    "Prediction",
    "confint",
    "datasets",
    "fit",
    "fitted",
    "fixef",
    "lmm",
    "log_evidence",
    "log_likelihood",
    "loo",
    "loo_pit",
    "lr_test",
    "posterior_predictive",
    "predict",
    "prior_predictive",
    "r2",
    "ranef",
    "report",
    "residuals",
    "simulate",
    "varcorr",
]
