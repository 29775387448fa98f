"""Conformance: `check_model` tests a new model, `check_engine` a new engine."""

from .engine_check import check_engine
from .model_check import check_model

__all__ = ["check_engine", "check_model"]
