"""Line ends: browsers have only one, and what a definition says may have others."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Final

_LINES: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


def as_sent(text: str) -> str:
    """Return a text as a browser sends it back, with ``\\n`` at the ends of its lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def kept(before: str, given: str) -> str:
    """Return what was sent with the line ends of what was shown.

    Lines that were there end as they did; new ones end as most of the others do.
    """
    given = as_sent(given)
    if "\r" not in before:
        return given
    old, new = _lines(before), _lines(given)
    usual = "\r\n" if before.count("\r\n") * 2 >= len(old) - 1 else "\n"
    found: list[str] = []
    matching = SequenceMatcher(None, [as_sent(one) for one in old], new, autojunk=False)
    for tag, first, last, start, end in matching.get_opcodes():
        if tag == "equal":
            found += old[first:last]
        else:
            found += [one.replace("\n", usual) for one in new[start:end]]
    return "".join(found)


def _lines(text: str) -> list[str]:
    return [one for one in _LINES.findall(text) if one]
