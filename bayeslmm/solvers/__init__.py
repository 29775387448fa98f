"""Exact Gaussian algebra in NumPy and Numba: no PyMC, no model, no names.

`problem` is what solvers are made of, `beta` what is done with the fixed effects, `protocol` what
a solver answers, `choose` which one does. `primal` eliminates the coefficients (`sums` turns rows
into sufficient sums once; `equations` and `score` hold its algebra), `dual` the rows; `complete`
and `patterns` are for a matrix whose columns are unknown, `latent` for its scores. `lanes` holds
the small dense algebra that is carried out for many groups at a time, `crossed` what is sparse by
group, `triangular` what is large and dense; `leave_out` answers what the other rows say of some;
`relevance` searches which columns a sparse model keeps; and `op` is the bridge to PyTensor.
"""
