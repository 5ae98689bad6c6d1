"""Actions under other names: in `runAfter`, and in every formula that names them.

Formulas are changed where the name stands, and nowhere else: spaces, quotes and cases of the rest
stay as their author wrote them. What is no formula that can be read is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from flowner.definitions.actions import CONTROL_TYPES
from flowner.expressions.errors import ExpressionError
from flowner.expressions.parser import CallNode, Literal
from flowner.expressions.walking import calls, trees
from flowner.values import Json, JsonObject

_NAMING: Final = frozenset(
    {
        "actions", "outputs", "body", "actionoutputs", "actionbody", "items", "result",
        "iterationindexes", "formdatavalue", "formdatamultivalues", "multipartbody",
    }
)  # fmt: skip
"""The functions whose first argument is the name of an action."""
_CONTROL: Final = frozenset(type.casefold() for type in CONTROL_TYPES)


def renamed_block(block: JsonObject, names: Mapping[str, str]) -> JsonObject:
    """Return a block of actions, as a document writes it, with some called otherwise.

    ``names``: the new by the old; names are matched without regard to case.
    """
    return _Renaming(names).block(block)


def renamed(value: Json, names: Mapping[str, str]) -> Json:
    """Return a value with the formulas in it naming actions otherwise."""
    return _Renaming(names).value(value)


class _Renaming:
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {old.casefold(): new for old, new in names.items()}

    def value(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self._text(name): self.value(member) for name, member in value.items()}
        return value

    def block(self, block: JsonObject) -> JsonObject:
        return {
            self._name(name): _object_or(action, self._action, self.value)
            for name, action in block.items()
        }

    def _action(self, action: JsonObject) -> JsonObject:
        holds = str(action.get("type")).casefold() in _CONTROL
        found: JsonObject = {}
        for name, member in action.items():
            if name == "runAfter" and isinstance(member, dict):
                found[name] = {self._name(other): how for other, how in member.items()}
            elif holds and name in ("actions", "else", "default", "cases"):
                found[name] = _object_or(member, self._branches[name], self.value)
            else:
                found[name] = self.value(member)
        return found

    @property
    def _branches(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {
            "actions": self.block,
            "else": self._holder,
            "default": self._holder,
            "cases": lambda cases: {
                name: _object_or(case, self._holder, self.value) for name, case in cases.items()
            },
        }

    def _holder(self, holder: JsonObject) -> JsonObject:
        return {
            name: _object_or(member, self.block, self.value)
            if name == "actions"
            else self.value(member)
            for name, member in holder.items()
        }

    def _name(self, name: str) -> str:
        return self._names.get(name.casefold(), name)

    def _text(self, text: str) -> str:
        if "@" not in text:
            return text
        try:
            found = [call for node, _ in trees(text) for call, _ in calls(node)]
        except ExpressionError:
            return text
        places = {place for call in found for place in self._place(call)}
        for at, old in sorted(places, reverse=True):
            written = _quoted(old)
            if text.startswith(written, at):
                text = text[:at] + _quoted(self._name(old)) + text[at + len(written) :]
        return text

    def _place(self, call: CallNode) -> list[tuple[int, str]]:
        first = call.arguments[0] if call.arguments else None
        if call.name.lower() not in _NAMING or not isinstance(first, Literal):
            return []
        known = isinstance(first.value, str) and first.value.casefold() in self._names
        return [(first.position, str(first.value))] if known else []


def _object_or(
    value: Json, if_object: Callable[[JsonObject], JsonObject], otherwise: Callable[[Json], Json]
) -> Json:
    return if_object(value) if isinstance(value, dict) else otherwise(value)


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
