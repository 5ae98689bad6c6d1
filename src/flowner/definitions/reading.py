"""What the readers of a document share: its file, its faults, and how shapes are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowner.definitions.documents import pointer
from flowner.definitions.problems import InvalidDefinition, Problem, Severity
from flowner.errors import Code
from flowner.values import Json, JsonObject


@dataclass(slots=True)
class Reading:
    """One document being read. Faults are gathered, so that all are reported together."""

    file: str | None
    problems: list[Problem] = field(default_factory=list)

    def fault(
        self, at: str, message: str, advice: str, *, code: Code = Code.INVALID_DEFINITION
    ) -> None:
        """Note a fatal problem and go on with a stand-in."""
        self.problems.append(
            Problem(
                severity=Severity.FATAL,
                code=code,
                pointer=at,
                message=message,
                mend=advice,
                file=self.file,
            )
        )

    def settle(self) -> None:
        """Raise what was gathered, if anything was."""
        if self.problems:
            raise InvalidDefinition(self.problems)

    def object(self, holder: JsonObject, name: str, at: str) -> JsonObject:
        """Return a member that is an object; an absent or null one is empty."""
        value = holder.get(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self.fault(pointer(at, name), f"`{name}` is not an object", f"write `{name}` as `{{…}}`")
        return {}

    def text(self, holder: JsonObject, name: str, at: str) -> str | None:
        """Return a member that is a text, or None for an absent or null one."""
        value = holder.get(name)
        if value is None or isinstance(value, str):
            return value
        self.fault(pointer(at, name), f"`{name}` is not a text", f'write `{name}` as `"…"`')
        return None


def member(value: Json, *names: str) -> Json:
    """Follow names through nested objects; None where the way ends."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text_at(value: Json, *names: str) -> str | None:
    """Follow names to a text; None where there is none."""
    found = member(value, *names)
    return found if isinstance(found, str) else None
