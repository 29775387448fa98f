"""How well a fit describes its data."""
