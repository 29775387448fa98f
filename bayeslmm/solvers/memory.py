"""How much this machine can hold: what cannot fit is refused before the work starts."""

import os


def memory() -> float | None:
    """Bytes of this machine's memory; None where the system does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
