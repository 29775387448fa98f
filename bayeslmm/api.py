"""All public names; `bayeslmm` hands them out.

What a first fit needs is loaded at once, all else (`LATER`) when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import datasets
from .design import DesignError, FormulaError
from .engines.evidence import EmpiricalBayes
from .engines.importance_sampling import ImportanceSampling
from .engines.nuts import NUTS
from .fit import fit
from .host.places import settle
from .model.blocks import ard, horseshoe, laplace, ridge
from .model.model import Model
from .models.lmm import lmm
from .report import report
from .results.reading import fixef, ranef, varcorr

if TYPE_CHECKING:
    from .columns import bases, kernels
    from .criticism.check import Checks, check
    from .criticism.compare_engines import EngineComparison, compare_engines
    from .criticism.compare_models import ModelComparison, compare_models
    from .criticism.components import Components, choose_components
    from .criticism.loo import loo, loo_pit
    from .criticism.resampling import importance_resample
    from .criticism.residuals import fitted, r2, residuals
    from .engines.advi import ADVI
    from .engines.cavi import CAVI
    from .engines.gibbs import Gibbs
    from .engines.integral import LogEvidence, log_evidence
    from .engines.profile import confint
    from .engines.ratio import lr_test
    from .models.lasso import lasso
    from .models.ppca import ppca
    from .models.rvm import rvm
    from .posterior.predictive import (
        log_likelihood,
        posterior_predictive,
        prior_predictive,
        simulate,
    )
    from .results.impute import impute, log_density, reconstruct, transform
    from .results.predict import Prediction, predict
    from .results.selected import selected

LATER = {
    ".criticism.check": ("Checks", "check"),
    ".criticism.compare_engines": ("EngineComparison", "compare_engines"),
    ".criticism.compare_models": ("ModelComparison", "compare_models"),
    ".criticism.components": ("Components", "choose_components"),
    ".criticism.loo": ("loo", "loo_pit"),
    ".criticism.resampling": ("importance_resample",),
    ".criticism.residuals": ("fitted", "r2", "residuals"),
    ".engines.advi": ("ADVI",),
    ".engines.cavi": ("CAVI",),
    ".engines.gibbs": ("Gibbs",),
    ".engines.integral": ("LogEvidence", "log_evidence"),
    ".engines.profile": ("confint",),
    ".engines.ratio": ("lr_test",),
    ".models.lasso": ("lasso",),
    ".models.ppca": ("ppca",),
    ".models.rvm": ("rvm",),
    ".posterior.predictive": (
        "log_likelihood",
        "posterior_predictive",
        "prior_predictive",
        "simulate",
    ),
    ".results.impute": ("impute", "log_density", "reconstruct", "transform"),
    ".results.predict": ("Prediction", "predict"),
    ".results.selected": ("selected",),
}
MODULES = {"bases": ".columns.bases", "kernels": ".columns.kernels"}  # names that are modules
_HOMES = {name: home for home, names in LATER.items() for name in names}

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


def __getattr__(name: str) -> Any:
    """A name that is loaded when it is asked for."""
    if name not in _HOMES and name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES.get(name) or MODULES[name], __package__)
    value = globals()[name] = getattr(home, name) if name in _HOMES else home
    return value


settle()  # before anything loads PyTensor, which nothing above does
