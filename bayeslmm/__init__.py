"""Bayesian linear mixed models and their family, with the coefficients integrated out exactly.

    m = lmm("Reaction ~ Days + (Days | Subject)", data)     declare
    tree = fit(m, NUTS(), seed=1)                           infer
    fixef(tree); ranef(tree); varcorr(tree)                 read
    predict(m, tree, new_data, seed=2)                      predict

PyMC, ArviZ and nutpie are loaded by the functions that need them, so that `import bayeslmm` is
light.
"""

import os
import sys

TYPE_CHECKING = False  # as typing's own, which takes its time


def _is_the_command() -> bool:
    """Whether this process is `bayeslmm ...`, or `python -m bayeslmm ...`."""
    first = [str(word) for word in getattr(sys, "argv", [])[:1]]  # a host may have none
    if first == ["-m"]:  # a package is loaded before what -m names in it
        after = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if "-m" in sys.orig_argv else []
        return after[:1] in (["bayeslmm"], ["bayeslmm.cli"])
    return os.path.basename("".join(first)) in ("bayeslmm", "bayeslmm.exe")


if TYPE_CHECKING:
    from .api import *  # noqa: F403
    from .api import __all__ as __all__
else:

    def __getattr__(name: str) -> object:
        """A public name; those of the first fit are there unless `cli.main` is to load them."""
        from importlib import import_module

        api = import_module(".api", __name__)
        names = getattr(api, "__all__", ())  # none yet while it loads
        if name == "__all__":  # `from bayeslmm import *`
            return names
        if name not in names:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals().update({each: vars(api)[each] for each in names if each in vars(api)})
        value = globals()[name] = getattr(api, name)
        return value

    def __dir__() -> list[str]:
        from .api import __all__ as names

        return sorted({*globals(), *names})

    if not _is_the_command():  # as soon as Ctrl-C is one line, there
        from . import api

        globals().update({each: vars(api)[each] for each in api.__all__ if each in vars(api)})
