"""Objects with a member more, less, or changed. The object given stays as it is."""

from __future__ import annotations

from typing import Any

from flowner.expressions.arguments import a_string, an_object, fail
from flowner.expressions.catalogue import Family, function

_F = Family.MANIPULATION


@function("addProperty", _F, "addProperty(object, name, value)", "With a member that was not there.",
          ("addProperty(json('{}'), 'a', 1)", {"a": 1}))  # fmt: skip
def add_property(source: Any, name: Any, value: Any) -> dict[str, Any]:
    found, key = an_object("addProperty", 0, source), _name("addProperty", name)
    if _held(found, key) is not None:
        fail("addProperty", f"cannot add the property '{key}': the object has it already.")
    return {**found, key: value}


@function("setProperty", _F, "setProperty(object, name, value)", "With a member of this value.",
          ("setProperty(json('{\"a\":1}'), 'a', 2)", {"a": 2}))  # fmt: skip
def set_property(source: Any, name: Any, value: Any) -> dict[str, Any]:
    found, key = an_object("setProperty", 0, source), _name("setProperty", name)
    held = _held(found, key)
    return {**{n: v for n, v in found.items() if n != held}, key: value}


@function("removeProperty", _F, "removeProperty(object, name)", "Without a member.",
          ("removeProperty(json('{\"a\":1,\"b\":2}'), 'a')", {"b": 2}))  # fmt: skip
def remove_property(source: Any, name: Any) -> dict[str, Any]:
    found = an_object("removeProperty", 0, source)
    held = _held(found, _name("removeProperty", name))
    return {n: v for n, v in found.items() if n != held}


def _name(function_name: str, name: Any) -> str:
    key = a_string(function_name, 1, name)
    if any(mark in key for mark in ".[]"):
        fail(
            function_name,
            f"was invoked with the property name '{key}', which holds '.', '[' or ']'.",
        )
    return key


def _held(source: dict[str, Any], name: str) -> str | None:
    if name in source:
        return name
    return next((one for one in source if one.lower() == name.lower()), None)
