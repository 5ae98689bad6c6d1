"""What is wrong with a flow, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, auto

from flowner.errors import Code, Invalid


class Severity(StrEnum):
    """How far a flow with this problem may go."""

    FATAL = auto()
    """The document does not say one thing: reading refuses it."""
    ERROR = auto()
    """It can be kept and edited, but not turned on."""
    WARNING = auto()
    """It can be turned on; somebody should look first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding about one place of one document."""

    severity: Severity
    code: Code
    pointer: str
    """JSON pointer into the flow document; '' is the whole of it."""
    message: str
    mend: str
    """What to do, as a sentence fragment in the imperative."""
    file: str | None = None
    shown: str | None = None
    """The line of the formula that is meant, and a caret under the place."""

    @property
    def is_error(self) -> bool:
        """Say whether the flow must not be turned on as it is."""
        return self.severity is not Severity.WARNING

    def located(self) -> str:
        """Return the message with its file and pointer, as a terminal shows it."""
        return f"{self.file or ''}#{self.pointer}: {self.message}; {self.mend}"


class InvalidDefinition(Invalid):
    """One or several problems that keep a document, or a whole package, from being read.

    Code, pointer and file are those of the first; ``problems`` holds them all, in the order of
    the documents.
    """

    default = Code.INVALID_DEFINITION

    def __init__(self, problems: Sequence[Problem]) -> None:
        first, *others = problems
        more = f" (and {len(others)} more)" if others else ""
        super().__init__(
            f"{first.message}; {first.mend}{more}",
            code=first.code,
            pointer=first.pointer,
            file=first.file,
        )
        self.problems = tuple(problems)
