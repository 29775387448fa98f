"""The command line: `options` are what a shell can say, `engines` what it names, `commands` do."""

from .commands import app, main

__all__ = ["app", "main"]
