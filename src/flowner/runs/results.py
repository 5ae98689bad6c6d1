"""How an action that needs nobody else ends: a result, or a fault raised on the way."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType

from flowner.definitions.flow import Status
from flowner.runs.events import Fault
from flowner.values import Json

OK: Final = "OK"
HIDDEN: Final = "NotSpecified"
"""The code of variables, Terminate and blocks; records leave it out."""
FAILED: Final = "ActionFailed"
TIMED_OUT: Final = "ActionTimedOut"
EVALUATION: Final = "ExpressionEvaluationFailed"


class Result(NamedTuple):
    """What an action's `ActionEnded` will say."""

    status: Status = Status.SUCCEEDED
    code: str = OK
    inputs: Json | UnsetType = UNSET
    outputs: Json | UnsetType = UNSET
    error: Fault | None = None


class ActionFault(Exception):
    """The action fails with this. ``code`` is the record's, ``error_code`` the error's."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "BadRequest",
        error_code: str = "BadRequest",
        inputs: Json | UnsetType = UNSET,
        outputs: Json | UnsetType = UNSET,
    ) -> None:
        super().__init__(message)
        self.result = Result(Status.FAILED, code, inputs, outputs, Fault(error_code, message))


def broken_template(name: str, inner: str, *, inputs: bool = True) -> Result:
    """Return how an action ends whose expressions cannot be evaluated.

    ``inputs`` is False for conditions and loops, whose expression is no input.
    """
    place = (
        f"in action '{name}' inputs at line '0' and column '0'"
        if inputs
        else f"for action '{name}' at line '0' and column '0'"
    )
    return Result(
        Status.FAILED,
        "BadRequest",
        error=Fault(
            "InvalidTemplate",
            f"Unable to process template language expressions {place}: '{inner}'.",
        ),
    )


_TYPES: Final = (
    (bool, "Boolean"),
    (int, "Integer"),
    (float, "Float"),
    (str, "String"),
    (list, "Array"),
    (dict, "Object"),
)


def type_name(value: Json) -> str:
    """Return a value's type as messages of the language name it."""
    if value is None:
        return "Null"
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "Object")
