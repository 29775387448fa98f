"""What the package asks of the machine and of the process that it runs in, and leaves as it was.

`places`: the folders that are written. `code`, `kept`: machine code on disk. `blas`: threads.
"""
