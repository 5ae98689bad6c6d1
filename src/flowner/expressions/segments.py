"""A template in pieces: its text, and each of its expressions, as they are written.

Unlike `walking.trees`, nothing is refused here: what cannot be read is a piece as well, so that it
can be shown and mended. The pieces, one after the other, are the template.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowner.expressions.errors import ExpressionError
from flowner.expressions.parser import SEGMENT, Node, parse_whole


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a template."""

    raw: str
    """As it stands in the template, with what marks it."""
    expression: str | None = None
    """What stands between the marks; None for a text."""
    node: Node | None = None
    """The expression's tree; None where it cannot be read."""
    wrong: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole template, ``@…``: its value keeps its type."""
        return self.expression is not None and not self.raw.startswith("@{")


def segments(text: str) -> tuple[Segment, ...]:
    """Return a template's pieces in order; none for an empty one.

    ``@…`` that cannot be read is a text, which somebody is writing or has meant as one.
    """
    if text.startswith("@") and not text.startswith(("@{", "@@")) and text != "@":
        whole = _expression(text, text[1:])
        return (whole,) if whole.node is not None else (Segment(text),)
    return tuple(_pieces(text)) if not text.startswith("@@") else (Segment(text),)


def _pieces(text: str) -> Iterator[Segment]:
    at = begun = 0
    while (found := text.find("@{", at)) >= 0:
        if found > at and text[found - 1] == "@":
            at = found + 2
            continue
        ended = SEGMENT.match(text, found + 2)
        if ended is None:
            break
        if found > begun:
            yield Segment(text[begun:found])
        yield _expression(text[found : ended.end()], text[found + 2 : ended.end() - 1])
        at = begun = ended.end()
    if begun < len(text):
        yield Segment(text[begun:])


def _expression(raw: str, expression: str) -> Segment:
    try:
        return Segment(raw, expression, parse_whole(expression))
    except ExpressionError as error:
        return Segment(raw, expression, None, error.message)
