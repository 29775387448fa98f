"""A fit as tables: estimates, coefficients, predictions."""
