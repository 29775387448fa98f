"""Conformance: `check_model` tests a new model, `check_engine` a new engine."""

from .engines import check_engine
from .models import check_model

__all__ = ["check_engine", "check_model"]
