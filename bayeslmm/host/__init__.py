"""What the package asks of the machine and the process that it runs in, and leaves as it was.

`places`: the folders that are written. `code`, `kept`: machine code on disk. `blas`: its threads.
`figures`, `warned`: settings of matplotlib and filters of warnings, while they are needed.
"""
