"""What a shell can name: models, kernels, engines, and the few words that options take."""

from enum import StrEnum


class EngineName(StrEnum):
    """Engines that a shell can name."""

    independent = "is"  # a word that Python keeps for itself
    nuts = "nuts"
    eb = "eb"
    advi = "advi"
    cavi = "cavi"
    gibbs = "gibbs"


class ModelName(StrEnum):
    """Models that a shell can name."""

    lmm = "lmm"
    lasso = "lasso"
    rvm = "rvm"
    ppca = "ppca"


class KernelName(StrEnum):
    """Kernels of a relevance vector machine."""

    gaussian = "gaussian"
    linear_spline = "linear_spline"
    polynomial = "polynomial"


class Scale(StrEnum):
    """What columns of a matrix are divided by."""

    sd = "sd"


class Criterion(StrEnum):
    """What empirical Bayes maximises."""

    ml = "ml"
    reml = "reml"
    evidence = "evidence"
    map = "map"


class Missing(StrEnum):
    """What happens to rows with missing values."""

    error = "error"
    drop = "drop"
