"""Texts of forms in pieces: what is typed, and expressions as pills that say what they are.

The browser shows the pieces and puts them together again; it reads no expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowner.definitions.flow import Flow
from flowner.definitions.labels import Labels
from flowner.definitions.visible import Fields
from flowner.expressions.segments import segments
from flowner.portal.cards import face_of
from flowner.sdk.connector import Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A text, or an expression as a pill. One after the other they are the value."""

    text: str = ""
    expression: str | None = None
    """What is between the marks, as it is written; None for a text."""
    is_whole: bool = False
    """Whether it stands alone as ``@…``, and its value keeps its type."""
    words: str = ""
    source: str = ""
    glyph: str = ""
    style: str = ""
    is_formula: bool = False
    wrong: str = ""
    """What is wrong with it."""

    @property
    def said(self) -> str:
        """What a screen reader says of a pill."""
        kind = "formula " if self.is_formula else ""
        origin = f", from {self.source}" if self.source and self.source not in self.words else ""
        return f"{kind}{self.words}{origin}{f', wrong: {self.wrong}' if self.wrong else ''}"


def answers_of(connectors: Mapping[str, Connector]) -> Fields:
    """Return what the bodies of connectors' answers hold, by connector and operation."""
    return {
        (id, operation.id): operation.answers
        for id, connector in connectors.items()
        for operation in connector.operations.values()
    }


class Pills:
    """Cuts the texts of one flow into pieces."""

    def __init__(self, flow: Flow, connectors: Mapping[str, Connector]) -> None:
        self._flow, self._labels = flow, Labels(flow, answers_of(connectors))

    def of(self, text: str) -> tuple[Piece, ...]:
        """Return the pieces of a text; none for an empty one."""
        found = []
        for one in segments(text):
            if one.expression is None:
                found.append(Piece(text=one.raw))
                continue
            if one.node is None:
                found.append(Piece(expression=one.expression, words=one.expression or "empty",
                                   is_formula=True, wrong=one.wrong))  # fmt: skip
                continue
            label = self._labels.of(one.node)
            glyph, style = face_of(self._flow, label.node) if label.node else ("", "variable")
            found.append(
                Piece(
                    expression=one.expression,
                    is_whole=one.is_whole,
                    words=label.words,
                    source=label.source,
                    glyph=glyph,
                    style=style,
                    is_formula=label.is_formula,
                    wrong=f"the flow has no action {label.missing}" if label.missing else "",
                )
            )
        return tuple(found)
