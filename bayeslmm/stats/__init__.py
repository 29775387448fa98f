"""Laws and weights on the log scale, told once."""
