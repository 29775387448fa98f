"""Algorithms are values: a frozen dataclass with a `run` method that knows no model."""
