"""Conditions that are filled in as rows and groups: what a form says of them.

A form tells the values of the parts that it showed, each by its place; what a part is, and where
it stands, the draft says. A value that was not touched stays what it is, whatever its type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from flowner.definitions.comparing import (
    CHANGES,
    COMPARISONS,
    Comparison,
    Joined,
    Part,
    Place,
    Written,
)
from flowner.errors import Invalid
from flowner.portal.newlines import as_sent, kept
from flowner.values import Json


def said(value: Json) -> str:
    """Return a value as a row shows it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def coded(value: Json) -> str:
    """Return a part as a form shows it that has no rows for it: a formula, else JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def meant(text: str) -> Json:
    """Read JSON where a text is some; else it is the text itself."""
    if text.startswith("@") or not text:
        return text
    try:
        found: Json = json.loads(text)
    except ValueError:
        return text
    return found


def condition_filled(part: Part, given: Mapping[str, str], place: str = "") -> Part:
    """Return a condition with what a form says of it.

    ``given`` is by place and part: ``0.1:left``; the outermost group has the place ''. Raises
    `Invalid` for a comparison that there is none, and for code that is no JSON.
    """
    match part:
        case Comparison():
            how = given.get(f"{place}:how", part.how)
            if how not in COMPARISONS:
                raise Invalid(f"there is no comparison `{how[:40]}`")
            changed = part.compared_by(how)
            left = _value(part.left, given.get(f"{place}:left"))
            right = _value(part.right, given.get(f"{place}:right"))
            return replace(changed, left=left, right=right)
        case Written(source):
            return Written(_code(source, given.get(f"{place}:code")))
        case Joined():
            parts = tuple(
                condition_filled(one, given, f"{place}.{number}" if place else str(number))
                for number, one in enumerate(part.parts)
            )
            how = "or" if given.get(f"{place}:joined", part.how) == "or" else "and"
            return replace(part.joined_by(how), parts=parts)


def condition_changed(condition: Joined, change: str, place: str) -> Joined:
    """Return a condition with one of `CHANGES` done at a place; `Invalid` where it cannot be."""
    numbers = place.split(".") if place else []
    where: Place = tuple(int(one) for one in numbers if one.isdecimal() and len(one) < 6)
    if change not in CHANGES or len(where) != len(numbers):
        raise Invalid(f"`{change[:40]}` is nothing that is done to a condition")
    try:
        return CHANGES[change](condition, where)
    except LookupError:
        raise Invalid("that part of the condition is not there any more") from None


def _value(before: Json, text: str | None) -> Json:
    if text is None or as_sent(text) == as_sent(said(before)):
        return before
    return meant(kept(said(before), text))


def _code(before: Json, text: str | None) -> Json:
    if text is None or as_sent(text) == as_sent(coded(before)):
        return before
    if text.startswith("@"):
        return text
    try:
        found: Json = json.loads(text)
    except ValueError as error:
        raise Invalid(f"a part of the condition is no JSON: {error}") from None
    return found
