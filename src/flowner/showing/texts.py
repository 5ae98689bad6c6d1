"""Texts for a terminal. What a file or a person named is never markup, and steers nothing."""

from __future__ import annotations

import sys
from typing import Final

from rich.console import Console
from rich.text import Text

_PIPE_WIDTH: Final = 100


def text(value: object, style: str = "") -> Text:
    """Make a text of what somebody said: signs that steer a terminal are replaced."""
    plain = "".join(
        sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}"
        for sign in f"{value}"
    )
    return Text(plain, style=style)


def console() -> Console:
    """Return the console to print on. A pipe has no width of its own: it gets 100 columns."""
    return Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)


def line(*parts: tuple[object, str] | str) -> Text:
    """Put parts together; a part is a text of ours, or a value with its style."""
    whole = Text()
    for part in parts:
        whole.append_text(Text(part) if isinstance(part, str) else text(*part))
    return whole
