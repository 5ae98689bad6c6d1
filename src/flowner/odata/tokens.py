"""The signs and words of a query, with their positions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from flowner.errors import Invalid

MAX_LENGTH: Final = 32_768
MAX_DEPTH: Final = 60

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*'|"[^"\\]*")
    | (?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})
    | (?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)
    | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*(?:/[A-Za-z_][A-Za-z0-9_.]*)*)
    | (?P<alias>@[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>[(),:=\[\]])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One sign, word or value; ``position`` is its first character's."""

    kind: str
    text: str
    position: int


def read_tokens(text: str, option: str) -> list[Token]:
    """Return the tokens of an option's text. `Invalid` at what is none."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"`{option}` is longer than {MAX_LENGTH} characters")
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise Invalid(
                f"`{text[start : start + 20]}` in `{option}` cannot be understood", position=start
            )
        kind = match.lastgroup
        found.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return found


class Reader:
    """Takes one token after another. ``option`` is what errors call the text."""

    def __init__(self, text: str, option: str) -> None:
        self._tokens, self._text, self._option = read_tokens(text, option), text, option
        self._at = 0

    def expect_end(self) -> None:
        """Refuse whatever is left."""
        if self._at < len(self._tokens):
            self.fail("the end")

    def peek(self) -> Token | None:
        """Return the next token and leave it there; None at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def take(self, kind: str, text: str | None = None) -> Token | None:
        """Take the next token if it is of this kind and text."""
        token = self.peek()
        if token is None or token.kind != kind or (text is not None and token.text != text):
            return None
        self._at += 1
        return token

    def need(self, kind: str, what: str, text: str | None = None) -> Token:
        """Take the next token, which has to be of this kind and text."""
        token = self.take(kind, text)
        if token is None:
            self.fail(what)
        return token

    def need_mark(self, text: str) -> None:
        """Take this very sign."""
        self.need("mark", f"`{text}`", text)

    def fail(self, wanted: str) -> NoReturn:
        """Say what should have been here."""
        token = self.peek()
        if token is None:
            raise Invalid(
                f"`{self._option}` ends where {wanted} should be", position=len(self._text)
            )
        raise Invalid(
            f"`{self._option}` has `{token.text[:40]}` where {wanted} should be",
            position=token.position,
        )
