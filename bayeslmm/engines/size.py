"""What an engine is asked for, against what this machine can hold: refused before any work."""

from typing import Any

from ..solvers.memory import memory

STATISTICS = 12  # numbers that a sampler keeps beside each draw
COPIES = 2.0  # the draws as they are made, and by name


def operations(model: Any) -> float:
    """Multiplications that one evaluation of the log posterior takes, roughly."""
    return float(model.solver().operations(model.entries.size))


def refuse_too_many(model: Any, engine: Any) -> None:
    """Refuse so many draws, chains or steps that they could not be held.

    Raises
    ------
    ValueError
        With what would be needed, and what this machine has.
    """
    limit = memory()
    need = 8.0 * COPIES * _numbers(model, engine)
    if limit is None or need <= limit:
        return
    asked = {name: getattr(engine, name, None) for name in ("draws", "tune", "chains", "steps")}
    told = ", ".join(f"{name}={value:,}" for name, value in asked.items() if value is not None)
    raise ValueError(
        f"{engine.name} with {told} could take {need / 1e9:,.0f} GB, but this machine has "
        f"{limit / 1e9:,.0f} GB; ask for fewer"
    )


def _numbers(model: Any, engine: Any) -> float:
    """Numbers that are kept for certain: theta and statistics of every draw, a trace of steps."""
    each = float(model.space.size + STATISTICS)
    draws = float(getattr(engine, "draws", 0)) + float(getattr(engine, "tune", 0))
    return draws * float(getattr(engine, "chains", 1)) * each + float(getattr(engine, "steps", 0))
