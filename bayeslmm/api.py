"""All public names; `bayeslmm` hands them out."""

from . import datasets
from .columns import bases, kernels
from .criticism.check import Checks, check
from .criticism.compare_engines import EngineComparison, compare_engines
from .criticism.compare_models import ModelComparison, compare_models
from .criticism.components import Components, choose_components
from .criticism.loo import loo, loo_pit
from .criticism.resampling import importance_resample
from .criticism.residuals import fitted, r2, residuals
from .design import DesignError, FormulaError
from .engines.advi import ADVI
from .engines.cavi import CAVI
from .engines.evidence import EmpiricalBayes
from .engines.gibbs import Gibbs
from .engines.importance_sampling import ImportanceSampling
from .engines.integral import LogEvidence, log_evidence
from .engines.nuts import NUTS
from .engines.profile import confint
from .engines.ratio import lr_test
from .fit import fit
from .host.places import settle
from .model.blocks import ard, horseshoe, laplace, ridge
from .model.model import Model
from .models.lasso import lasso
from .models.lmm import lmm
from .models.ppca import ppca
from .models.rvm import rvm
from .posterior.predictive import log_likelihood, posterior_predictive, prior_predictive, simulate
from .report import report
from .results.impute import impute, log_density, reconstruct, transform
from .results.predict import Prediction, predict
from .results.reading import fixef, ranef, varcorr
from .results.selected import selected

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
    "ImportanceSampling",
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
