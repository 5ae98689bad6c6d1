"""Arguments of the wrong type, refused in the engine's own words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NoReturn

from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import is_number, is_whole
from flowner.expressions.text import type_name

_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth")


def wrong_type(function: str, index: int, wanted: str, value: Any) -> NoReturn:
    """Refuse the argument at ``index``, counted from 0."""
    ordinal = _ORDINALS[index] if index < len(_ORDINALS) else f"{index + 1}th"
    raise ExpressionError(
        f"The template language function '{function}' expects its {ordinal} parameter to be"
        f" {wanted}. The provided value is of type '{type_name(value)}'. Please see"
        f" https://aka.ms/logicexpressions#{function} for usage details."
    )


def a_string(function: str, index: int, value: Any) -> str:
    """Return the argument at ``index`` if it is a text; refuse it if not."""
    if not isinstance(value, str):
        wrong_type(function, index, "of type string", value)
    return value


def a_whole(function: str, index: int, value: Any) -> int:
    """Return the argument at ``index`` if it is a whole number; refuse it if not."""
    if not is_whole(value):
        wrong_type(function, index, "an integer", value)
    return value


def a_number(function: str, index: int, value: Any) -> int | float | Decimal:
    """Return the argument at ``index`` if it is a number; refuse it if not."""
    if not is_number(value):
        wrong_type(function, index, "a number", value)
    return value


def a_boolean(function: str, index: int, value: Any) -> bool:
    """Return the argument at ``index`` if it is true or false; refuse it if not."""
    if not isinstance(value, bool):
        wrong_type(function, index, "a boolean", value)
    return value


def a_list(function: str, index: int, value: Any) -> list[Any]:
    """Return the argument at ``index`` if it is an array; refuse it if not."""
    if not isinstance(value, list):
        wrong_type(function, index, "an array", value)
    return value


def an_object(function: str, index: int, value: Any) -> dict[str, Any]:
    """Return the argument at ``index`` if it is an object; refuse it if not."""
    if not isinstance(value, dict):
        wrong_type(function, index, "an object", value)
    return value


def fail(function: str, message: str) -> NoReturn:
    """Refuse for another reason; ``message`` continues with what is wrong."""
    raise ExpressionError(
        f"The template language function '{function}' {message} Please see"
        f" https://aka.ms/logicexpressions#{function} for usage details."
    )
