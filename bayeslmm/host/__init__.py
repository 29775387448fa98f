"""What the package asks of the machine and the process that it runs in, and leaves as it was.

`places`: the folders that are written. `code`, `kept`: machine code on disk. `arithmetic`: threads
of BLAS, and numbers too small. `precision`: PyTensor's digits. `figures`: settings of matplotlib.
`warned`: filters of warnings.
"""
