"""What machine code is made from, as one digest: a function's bytecode, and all that it reaches.

Numba freezes what a function calls and the constants that it reads into its machine code. So they
are followed here as Python would find them in this process: a file's date, its name, a comment or
another version of it on disk say nothing, and what is unknown is refused rather than passed over.
"""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.sigutils import normalize_signature
from numba.core.types import Type

OWN = __name__.partition(".")[0]
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), np.generic, np.dtype, Type)
VERSIONS = (numba.__version__, llvmlite.__version__, np.__version__)


class Unknown(TypeError):
    """A function reaches something of which it is not known how it enters machine code."""


def digest(function: Any) -> str:
    """Digest of a compiled function, equal where the same machine code would come of it.

    Parameters
    ----------
    function : Dispatcher or Compiled
        What `numba.njit` returned, or what becomes it.

    Raises
    ------
    Unknown
        Where something is reached that cannot be told apart from its like.
    """
    found = sha256(repr((VERSIONS, _switches())).encode())
    for part in _parts(function, {}):
        found.update(part.encode())
        found.update(b"\0")
    return found.hexdigest()


def called_with(signature: Any) -> str:
    """The types of a function's arguments in words that tell them apart, fields by their names.

    Raises
    ------
    Unknown
        Where a function is an argument, whose words do not say what it does, or where one is left
        out, which Numba does not find again.
    """
    arguments, _ = normalize_signature(signature)
    words = repr(arguments)
    if "Dispatcher(" in words or "omitted(" in words:
        raise Unknown(words)
    return f"{words} {[_fields(t) for t in arguments]}"


def _fields(type_: Any) -> Any:
    inner = [_fields(t) for t in getattr(type_, "types", ())]
    made = getattr(type_, "instance_class", None)
    return inner if made is None else (made.__module__, _name(made), made._fields, inner)


def _switches() -> tuple[Any, ...]:
    """Settings of Numba that change machine code without a word in any function."""
    c: Any = numba.config
    return c.OPT, c.BOUNDSCHECK, c.LOOP_VECTORIZE, c.SLP_VECTORIZE, c.DEBUGINFO_DEFAULT


def _parts(value: Any, met: dict[int, int]) -> Iterator[str]:
    """Everything that a value is made of, as text; what was met before by its number."""
    if str(type(value).__module__).partition(".")[0] == OWN:
        value = getattr(value, "made", value)  # a function, or a routine, that waited to be called
    if isinstance(value, PLAIN):
        yield f"{type(value).__name__} {value!r}"
    elif isinstance(value, tuple | list | frozenset):
        each = [" ".join(_parts(v, met)) for v in value]
        yield f"{type(value).__name__} {sorted(each) if isinstance(value, frozenset) else each}"
    elif isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape} {sha256(value.tobytes()).hexdigest()}"
    elif not _own(value):
        yield f"{value.__module__ if hasattr(value, '__module__') else ''} {_name(value)}"
    elif id(value) in met:
        yield f"again {met[id(value)]}"
    else:
        met[id(value)] = len(met)
        yield from _own_parts(value, met)


def _own(value: Any) -> bool:
    """Whether a value is the package's: others change with the versions of their packages."""
    if isinstance(value, Dispatcher | CodeType):
        return True
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0] == OWN
    if isinstance(value, type | FunctionType | BuiltinFunctionType | np.ufunc):
        return str(getattr(value, "__module__", "")).partition(".")[0] == OWN
    raise Unknown(f"{value!r} of {type(value).__name__}")


def _name(value: Any) -> str:
    return str(getattr(value, "__qualname__", value.__name__))


def _own_parts(value: Any, met: dict[int, int]) -> Iterator[str]:
    if isinstance(value, Dispatcher):
        options = value.targetoptions.items()
        yield repr(sorted((k, sorted(v) if isinstance(v, set) else v) for k, v in options))
        yield from _function_parts(value.py_func, met)
    elif isinstance(value, FunctionType):
        yield from _function_parts(value, met)
    elif isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
        yield f"{value.__module__} {_name(value)} {value._fields}"
    else:
        raise Unknown(f"{value!r} of {type(value).__name__}")


def _function_parts(function: FunctionType, met: dict[int, int]) -> Iterator[str]:
    yield f"{function.__module__} {function.__qualname__}"
    yield from _parts(function.__defaults__, met)
    yield from _parts(tuple((function.__kwdefaults__ or {}).items()), met)
    yield from _code_parts(function.__code__, function.__globals__, met)
    for cell in function.__closure__ or ():
        yield from _parts(cell.cell_contents, met)


def _code_parts(code: CodeType, known: dict[str, Any], met: dict[int, int]) -> Iterator[str]:
    """Bytecode, constants, and every global of one of its names: a few too many, never too few."""
    yield _bytecode(code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant, known, met)
        else:
            yield from _parts(constant, met)
    for name in code.co_names:
        value = known.get(name)
        if isinstance(value, ModuleType) and _own(value):
            for inner in code.co_names:
                yield from _parts(vars(value).get(inner), met)
        elif name in known:
            yield from _parts(value, met)


@cache
def _bytecode(code: CodeType) -> str:
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    table = code.co_exceptiontable.hex()
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    return f"{code.co_code.hex()} {table} {names} {counts}"
