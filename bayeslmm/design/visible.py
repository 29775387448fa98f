"""Names as a person can see them: what steers a terminal, or cannot be seen, is spelt out.

Data may hold escape sequences, marks that turn the direction of text, spaces without a width, and
letters of another alphabet that look like those of a formula. A name stays what it is in a result;
whatever shows it passes here.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

# Printable by Python's rule, and yet nothing to be seen: fillers, joiners, selectors.
UNSEEN = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
HIDDEN = re.compile(f"[{UNSEEN}]")
# Letters of Cyrillic and Greek that look like Latin ones (Unicode Technical Standard 39).
ALIKE = str.maketrans(
    "аеорсухіјѕһԁԛԝүԚԜАВЕЅІЈКМНОРСТУХҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανρυγικχ",
    "aeopcyxijshdqwyQWABESIJKMHOPCTYXYABEZHIKMNOPTYXoavpuyikx",
)


def visible(text: object, keep: str = "") -> str:
    """Text with its control characters as \\x1b and what is invisible as <U+200B>.

    Parameters
    ----------
    text
    keep : str
        Control characters that stay as they are, such as line breaks between whole lines.

    Examples
    --------
    >>> print(visible("x\\x1b[2J"), visible("y\\u200b"), visible("a\\nb"))
    x\\x1b[2J y<U+200B> a\\nb
    """
    line = str(text)
    if line.isprintable() and line.isascii():
        return line
    return "".join(c if c in keep else _seen(c) for c in line)


def _seen(c: str) -> str:
    if c.isprintable() and not HIDDEN.match(c):
        return c
    if unicodedata.category(c) == "Cc":
        return c.encode("unicode_escape").decode("ascii")
    return f"<U+{ord(c):04X}>"


def close(name: str, known: Sequence[str], most: int = 3) -> list[str]:
    """Names that may have been meant: alike in spelling, in all but case, or to the eye."""
    found = difflib.get_close_matches(name, known, n=most)
    if not found:  # difflib minds the case of letters, and people mistype just that
        found = [item for item in known if item.lower() == name.lower()]
    same = [item for item in known if _skeleton(item) == _skeleton(name) and item != name]
    return list(dict.fromkeys([*same, *found]))[:most]


def meant(name: str, known: Sequence[str], most: int = 3) -> str:
    """Whether other names may have been meant, as a question; empty where none is near.

    Examples
    --------
    >>> meant("speed", ["speeed", "dose"]), meant("y", ["\\u0443"])[:48]
    ("did you mean 'speeed'?", "did you mean 'у', which holds U+0443 CYRILLIC SM")
    """
    near = close(name, known, most)
    if not near:
        return ""
    return f"did you mean {', '.join(_told(item, name) for item in near)}?"


def _told(item: str, name: str) -> str:
    """A name in quotes, and what of it, or of the name that was asked for, the eye cannot tell."""
    own, asked = _strange(item, name), _strange(name, item)
    told = f", which holds {own}" if own else ""
    if asked and _skeleton(item) == _skeleton(name):
        told += f", without the {asked} of what you wrote"
    return f"'{visible(item)}'{told}"


def _strange(text: str, other: str) -> str:
    """Characters of a text that the other has not, where these look like others or like nothing."""
    new = (c for c in text if c not in other)
    odd = dict.fromkeys(c for c in new if _skeleton(c) != c or unicodedata.combining(c))
    return ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, '')}".rstrip() for c in odd)


def _skeleton(text: str) -> str:
    """What the eye takes a text for."""
    plain = unicodedata.normalize("NFKC", text)
    seen: Iterable[str] = (c for c in plain if c.isprintable() and not HIDDEN.match(c))
    return "".join(seen).translate(ALIKE).strip()
