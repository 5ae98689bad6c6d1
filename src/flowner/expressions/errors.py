"""What goes wrong when an expression is read or evaluated."""

from __future__ import annotations

from flowner.errors import Code, Invalid


class ExpressionError(Invalid):
    """The expression cannot be read, or has no value here.

    ``position`` is a 0-based character offset into the template, where it is known. Functions
    raise it without; the evaluator knows where they stand.
    """

    default = Code.INVALID_TEMPLATE


def caret(text: str, position: int) -> str:
    """Return the line of ``text`` that ``position`` is in, with a caret under it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start:] if end < 0 else text[start:end]
    return f"{line}\n{' ' * (position - start)}^"
