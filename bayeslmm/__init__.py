"""Bayesian linear mixed models and their family, with the coefficients integrated out exactly.

    m = lmm("Reaction ~ Days + (Days | Subject)", data)     declare
    tree = fit(m, NUTS(), seed=1)                           infer
    fixef(tree); ranef(tree); varcorr(tree)                 read
    predict(m, tree, new_data, seed=2)                      predict

PyMC, ArviZ and nutpie are loaded by the functions that need them, so that `import bayeslmm` is light.
"""

from . import datasets
from .design import DesignError, FormulaError
from .engines.evidence import EmpiricalBayes
from .engines.nuts import NUTS
from .fit import fit
from .model import Model
from .models.lmm import lmm
from .predictive import log_likelihood, posterior_predictive, prior_predictive, simulate
from .report import report

__all__ = [
    "NUTS",
    "DesignError",
    "EmpiricalBayes",
    "FormulaError",
    "Model",
    "datasets",
    "fit",
    "lmm",
    "log_likelihood",
    "posterior_predictive",
    "prior_predictive",
    "report",
    "simulate",
]
