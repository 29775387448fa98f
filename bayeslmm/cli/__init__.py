"""The command line: `options` are what a shell can say, `engines` what it names, `commands` do.

`main` listens to signals before anything heavy is loaded.
"""

from ..host.interrupts import end_listening, listen, state


def main() -> None:
    """Entry point of the command `bayeslmm`."""
    listen()
    try:
        from .. import api as api
        from .commands import app
        from .streams import open_closed, tell_warnings

        open_closed()
        tell_warnings()
        state.begun = True
        app()
        code: int | str | None = 0
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        from .ending import code_of

        code = code_of(error)
    end_listening()
    from .streams import flush

    flush()
    raise SystemExit(code)


def __getattr__(name: str) -> object:
    if name == "app":
        from .commands import app

        return app
    raise AttributeError(name)


__all__ = ["app", "main"]
