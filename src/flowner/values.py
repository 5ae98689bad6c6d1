"""What everyone shares: JSON, secrets, and the ids that are not to be confused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType, TypeAlias, final

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value. Integers and floats are kept apart: ``2`` is not ``2.0``."""

JsonObject: TypeAlias = "dict[str, Json]"

PrincipalId = NewType("PrincipalId", str)
"""A user, application, group or team: a GUID in lower case with hyphens."""
FlowId = NewType("FlowId", str)
ConnectionId = NewType("ConnectionId", str)
AppId = NewType("AppId", str)
RunId = NewType("RunId", int)
"""Time-ordered, positive, 63 bits: the journal is partitioned by it."""

Settings: TypeAlias = "Mapping[str, Json]"


@final
class Secret:
    """A text that must not be seen. Printing, formatting and comparing never show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Hand the text out. Call this only where the secret is sent to its owner's system."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")
