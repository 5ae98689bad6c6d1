"""Arguments of the wrong type, refused in the engine's own words.

A *place* says which parameter is meant: its index from 0, or the words themselves
(``"parameter"``, ``"first parameter 'string'"``), as every function calls its own differently.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NoReturn

from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import is_number, is_whole
from flowner.expressions.text import MAX_TEXT, type_name

_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth")
SOLE: Final = "parameter"
"""The place of a function's only parameter."""


def ordinal(index: int) -> str:
    return _ORDINALS[index] if index < len(_ORDINALS) else f"{index + 1}th"


def wrong_type(function: str, place: int | str, wanted: str, value: Any) -> NoReturn:
    """Refuse an argument; ``wanted`` continues ``to be``."""
    called = place if isinstance(place, str) else f"{ordinal(place)} parameter"
    fail(
        function,
        f"expects its {called} to be {wanted}. The provided value is of type '{type_name(value)}'.",
    )


def a_string(function: str, place: int | str, value: Any, wanted: str = "of type string") -> str:
    """Return a text, or refuse it."""
    if not isinstance(value, str):
        wrong_type(function, place, wanted, value)
    return value


def a_whole(function: str, place: int | str, value: Any, wanted: str = "an integer") -> int:
    """Return a whole number; a double is none, not even 1.0, or refuse it."""
    if not is_whole(value):
        wrong_type(function, place, wanted, value)
    return value


def a_number(
    function: str, place: int | str, value: Any, wanted: str = "an integer or a decimal number"
) -> int | float | Decimal:
    """Return a number of any kind; a boolean is none, or refuse it."""
    if not is_number(value):
        wrong_type(function, place, wanted, value)
    return value


def a_boolean(function: str, place: int | str, value: Any, wanted: str = "a boolean") -> bool:
    """Return true or false, or refuse it."""
    if not isinstance(value, bool):
        wrong_type(function, place, wanted, value)
    return value


def a_list(function: str, place: int | str, value: Any, wanted: str = "of type array") -> list[Any]:
    """Return an array, or refuse it."""
    if not isinstance(value, list):
        wrong_type(function, place, wanted, value)
    return value


def an_object(function: str, place: int | str, value: Any) -> dict[str, Any]:
    """Return an object, or refuse it."""
    if not isinstance(value, dict):
        wrong_type(function, place, "of type object", value)
    return value


def fail(function: str, message: str) -> NoReturn:
    """Refuse for another reason; ``message`` continues with what is wrong."""
    raise ExpressionError(
        f"The template language function '{function}' {message} Please see"
        f" https://aka.ms/logicexpressions#{function} for usage details."
    )


def bounded(function: str, text: str) -> str:
    """Return a text that is not too long, or refuse it."""
    if len(text) > MAX_TEXT:
        fail(function, f"makes a text of more than {MAX_TEXT} characters.")
    return text


def not_valid(function: str) -> NoReturn:
    """Refuse arguments about which the engine says no more."""
    raise ExpressionError(
        f"The provided parameters for template language function '{function}' are not valid."
    )


def not_convertible(function: str) -> NoReturn:
    """Refuse a value that has no counterpart of the wanted type."""
    fail(
        function,
        "was invoked with a parameter that is not valid. The value cannot be converted to the"
        " target type.",
    )


def kinds_of(values: list[Any]) -> str:
    """List the types of values, each once, as error messages do."""
    return ",".join(dict.fromkeys(map(type_name, values)))
