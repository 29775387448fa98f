"""What the package asks of the machine and the process that it runs in, and leaves as it was.

`places`: the folders that are written. `code`, `kept`: machine code on disk. `arithmetic`: threads
of BLAS, and numbers too small. `figures`, `warned`: settings of matplotlib and filters of warnings.
"""
