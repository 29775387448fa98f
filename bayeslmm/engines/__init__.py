"""Algorithms are values: an engine is a frozen dataclass with a `run` method, and knows no model."""
