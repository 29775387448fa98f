"""The command line: `options` are what a shell can say, `engines` what it names, `commands` do.

`main` listens to signals before anything heavy is loaded.
"""

from ..host.interrupts import NOTHING_KEPT, end_listening, exit_code, listen, state


def main() -> None:
    """Entry point of the command `bayeslmm`."""
    listen()
    code: int | str | None = exit_code()
    try:
        from .. import api as api
        from .commands import app
        from .streams import flush, open_closed, tell, tell_warnings

        open_closed()
        tell_warnings()
        state.begun = True
        app()
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        tell(NOTHING_KEPT)
    end_listening()
    flush()
    raise SystemExit(code)


def __getattr__(name: str) -> object:
    if name == "app":
        from .commands import app

        return app
    raise AttributeError(name)


__all__ = ["app", "main"]
