"""The one decorator of compiled code, and a disk cache that can be trusted.

Numba's cache looks at the file of the function alone: after a change in a file that it calls, the
old machine code would run on. So the sources are hashed together, and where the hash differs from
the one that the cache was made with, the cache is thrown away.
"""

from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from numba import njit

HERE = Path(__file__).parent
FOLDERS = (
    HERE,
    HERE / "leave_out",
    HERE.parent,
    HERE.parent / "factors",
    HERE.parent / "engines" / "sweeps",
)


def _digest() -> str:
    found = sha256()
    for folder in FOLDERS:
        for path in sorted(folder.glob("*.py")):
            source = path.read_bytes()
            if b"jit" in source:
                found.update(source)
    return found.hexdigest()


def _drop_stale(digest: str) -> None:
    for folder in FOLDERS:
        cache = folder / "__pycache__"
        stamp = cache / "kernels.sha256"
        with suppress(OSError):  # a folder that cannot be written holds no cache either
            if stamp.exists() and stamp.read_text() == digest:
                continue
            for path in [*cache.glob("*.nbi"), *cache.glob("*.nbc")]:
                path.unlink(missing_ok=True)
            cache.mkdir(exist_ok=True)
            stamp.write_text(digest)


DIGEST = _digest()
_drop_stale(DIGEST)

# Sums may be reordered and fused, but NaN and infinity keep their meaning: they are how a kernel
# says that it was asked for something outside float64.
jit = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
