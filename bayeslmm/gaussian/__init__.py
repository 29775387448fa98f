"""Exact Gaussian algebra in NumPy and Numba: no PyMC, no model, no names.

`sums` turns rows into sufficient sums once; `primal` answers, for given scales, with the log
marginal likelihood, its gradient and the conditional law of the coefficients; `lanes` holds the
small dense algebra that is carried out for many groups at a time, `crossed` what is sparse by
group, `triangular` what is large and dense; `leave_out` answers what the other rows say of some;
`relevance` searches which columns a sparse model keeps; and `op` is the bridge to PyTensor.
"""
