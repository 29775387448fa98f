"""The Python blocks of a Markdown page, run in order in one namespace, as a reader would."""

import re
from pathlib import Path

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: Path) -> list[tuple[int, str]]:
    """Every ```python block with the number of its first line."""
    text = path.read_text(encoding="utf-8")
    return [(text[: m.start(1)].count("\n") + 1, m[1]) for m in BLOCK.finditer(text)]


def run(path: Path) -> dict:
    """Run all blocks of a page; an error tells the page's own line."""
    namespace: dict = {"__name__": "__main__"}
    for line, source in blocks(path):
        code = compile("\n" * (line - 1) + source, str(path), "exec")
        exec(code, namespace)
    return namespace
