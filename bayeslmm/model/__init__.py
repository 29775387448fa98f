"""What a model is: theta by name, terms, a residual, and their sum."""
