"""Bayesian linear mixed models and their family."""
