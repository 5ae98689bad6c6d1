"""Objects with a member more, less, or changed. The object given stays as it is."""

from __future__ import annotations

from typing import Any

from flowner.expressions.arguments import a_string, an_object, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.text import to_json

_F = Family.MANIPULATION


def _arity(deed: str) -> str:
    return (
        f"three parameters: the object as the first parameter, the name of the property to {deed}"
        " as the second parameter, and the value as the third parameter"
    )


@function("addProperty", _F, "addProperty(object, name, value)", "With a member that was not there.",
          ("addProperty(json('{}'), 'a', 1)", {"a": 1}),
          errors=(("addProperty(json('{\"a\":1}'), 'A', 2)", "to not exist"),
                  ("addProperty(null, 'a', 1)", "of type object")),
          arity=_arity("add"))  # fmt: skip
def add_property(source: Any, name: Any, value: Any) -> dict[str, Any]:
    found, key = an_object("addProperty", 0, source), _name("addProperty", name)
    if _held(found, key) is not None:
        fail(
            "addProperty",
            f"expects the property to not exist in the object. Unable to add property '{key}' to"
            f" '{_shown(found)}'.",
        )
    return {**found, key: value}


def _shown(source: dict[str, Any]) -> str:
    """Return an object over several lines, as errors show one."""
    members = (f"  {to_json(name)}: {to_json(value)}" for name, value in source.items())
    return "{\n" + ",\n".join(members)[:1_000] + "\n}"


@function("setProperty", _F, "setProperty(object, name, value)", "With a member of this value.",
          ("setProperty(json('{\"a\":1}'), 'a', 2)", {"a": 2}),
          ("setProperty(json('{\"a\":1}'), 'b', 2)", {"a": 1, "b": 2}),
          errors=(("setProperty('{}', 'a', 1)", "of type object"),), arity=_arity("set"))  # fmt: skip
def set_property(source: Any, name: Any, value: Any) -> dict[str, Any]:
    found, key = an_object("setProperty", 0, source), _name("setProperty", name)
    held = _held(found, key)
    return {**{n: v for n, v in found.items() if n != held}, held or key: value}


@function("removeProperty", _F, "removeProperty(object, name)", "Without a member.",
          ("removeProperty(json('{\"a\":1,\"b\":2}'), 'a')", {"b": 2}),
          errors=(("removeProperty(null, 'a')", "of type object"),))  # fmt: skip
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
