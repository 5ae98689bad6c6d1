"""What is being written: the call around a place in an expression, finished or not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from flowner.expressions import functions
from flowner.expressions.catalogue import CATALOGUE, Function

functions.load()

_PIECE: Final = re.compile(
    r"'(?:[^']|'')*(?:'|$)|([A-Za-z_][A-Za-z0-9_]*)?\s*([(\[])|[)\],]|.", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Hint:
    """A function of the catalogue, and which of its arguments is being written, from 0."""

    function: Function
    argument: int

    @property
    def parts(self) -> tuple[str, str, str]:
        """The signature: what is before the argument, it, and what is behind it."""
        name, _, rest = self.function.signature.partition("(")
        inside, bracket, tail = rest.rpartition(")")
        written = inside.split(", ") if inside else []
        if not written:
            return self.function.signature, "", ""
        last = len(written) - 1
        here = min(self.argument, last - 1 if written[last] == "…" and last else last)
        before = "".join(f"{one}, " for one in written[:here])
        after = "".join(f", {one}" for one in written[here + 1 :])
        return f"{name}({before}", written[here], f"{after}{bracket}{tail}"


def hint(text: str, at: int) -> Hint | None:
    """Return the innermost known call that is open before character ``at``.

    ``text`` is an expression without marks. What stands in quotes opens nothing. Right behind a
    call it is that call.
    """
    around = _around(text[: max(0, at)])
    before = text[: max(0, at)].rstrip()
    return around if around or not before.endswith(")") else _around(before[:-1])


def _around(text: str) -> Hint | None:
    open_: list[tuple[str | None, int]] = []
    for piece in _PIECE.finditer(text):
        if piece[2] is not None:
            open_.append((piece[1] if piece[2] == "(" else None, 0))
        elif piece[0] in ")]" and open_:
            open_.pop()
        elif piece[0] == "," and open_:
            name, argument = open_[-1]
            open_[-1] = (name, argument + 1)
    for name, argument in reversed(open_):
        known = CATALOGUE.get((name or "").lower())
        if known is not None:
            return Hint(known, argument)
    return None
