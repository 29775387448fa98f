"""All public names; `bayeslmm` hands them out."""

from . import bases, datasets, kernels
from .blocks import ard, horseshoe, laplace, ridge
from .components import Components, choose_components
from .criticism.check import Checks, check
from .criticism.engines import EngineComparison, compare_engines
from .criticism.loo import loo, loo_pit
from .criticism.models import ModelComparison, compare_models
from .criticism.rows import fitted, r2, residuals
from .criticism.weights import importance_resample
from .design import DesignError, FormulaError
from .engines.advi import ADVI
from .engines.cavi import CAVI
from .engines.evidence import EmpiricalBayes
from .engines.gibbs import Gibbs
from .engines.integral import LogEvidence, log_evidence
from .engines.nuts import NUTS
from .engines.profile import confint
from .engines.ratio import lr_test
from .fit import fit
from .host.places import settle
from .impute import impute, log_density, reconstruct, transform
from .model import Model
from .models.lasso import lasso
from .models.lmm import lmm
from .models.ppca import ppca
from .models.rvm import rvm
from .predict import Prediction, predict
from .predictive import log_likelihood, posterior_predictive, prior_predictive, simulate
from .reading import fixef, ranef, varcorr
from .report import report
from .selected import selected

__all__ = [
    "ADVI",
    "CAVI",
    "NUTS",
    "Checks",
    "Components",
    "DesignError",
    "EmpiricalBayes",
    "EngineComparison",
    "FormulaError",
    "Gibbs",
    "LogEvidence",
    "Model",
    "ModelComparison",
    "Prediction",
    "ard",
    "bases",
    "check",
    "choose_components",
    "compare_engines",
    "compare_models",
    "confint",
    "datasets",
    "fit",
    "fitted",
    "fixef",
    "horseshoe",
    "importance_resample",
    "impute",
    "kernels",
    "laplace",
    "lasso",
    "lmm",
    "log_density",
    "log_evidence",
    "log_likelihood",
    "loo",
    "loo_pit",
    "lr_test",
    "posterior_predictive",
    "ppca",
    "predict",
    "prior_predictive",
    "r2",
    "ranef",
    "reconstruct",
    "report",
    "residuals",
    "ridge",
    "rvm",
    "selected",
    "simulate",
    "transform",
    "varcorr",
]

settle()  # before anything loads PyTensor, which nothing above does
