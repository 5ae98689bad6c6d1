"""What readers of a run's record must not see: what the author secured, and where it went.

An action that names secured outputs in its own inputs has these hidden as well, whether it names
the action, the trigger, or the item of a loop over them. What went through a variable is not
followed.
Source: https://learn.microsoft.com/azure/logic-apps/logic-apps-securing-a-logic-app
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from flowner.definitions.flow import Action, Flow
from flowner.runs.templates import namings, strings
from flowner.values import Json, JsonObject

_PASSING: Final = frozenset(
    {"Compose", "ParseJson", "Response", "Select", "Query", "Table", "Join"}
)
"""Types whose outputs are made of their inputs alone: hiding these hides those."""
_ITEM: Final = re.compile(r"\bitems?\s*\(", re.IGNORECASE)
_TRIGGER: Final = re.compile(
    r"\btrigger(?:Body|Outputs|FormData\w*|MultipartBody)?\s*\(", re.IGNORECASE
)
_OF_TRIGGER: Final = ""
"""Stands among names for the trigger; no action is called so."""


@dataclass(frozen=True, slots=True)
class _Use:
    type: str
    names: frozenset[str]
    """Whom the action's own templates name, case-folded."""


def secured(flow: Flow) -> Mapping[str, tuple[str, ...]]:
    """Return ``inputs``, ``outputs``, or both, by case-folded action name; absent: all is seen."""
    found = {action.name.casefold(): marked(action.source) for action in flow.walk()}
    found[_OF_TRIGGER] = marked(flow.trigger.source)
    uses = dict(_uses(flow.actions.values(), frozenset()))
    for name, use in uses.items():
        _pass_on(found[name], use.type)
    spreading = any("outputs" in marks for marks in found.values())
    while spreading:
        spreading = False
        for name, use in uses.items():
            before = len(found[name])
            if any("outputs" in found.get(other, ()) for other in use.names - {name}):
                found[name].add("inputs")
            _pass_on(found[name], use.type)
            spreading = spreading or len(found[name]) > before
    return {name: tuple(sorted(marks)) for name, marks in found.items() if marks and name}


def _pass_on(marks: set[str], type: str) -> None:
    if type in _PASSING and "inputs" in marks:
        marks.add("outputs")


def _uses(actions: Iterable[Action], items: frozenset[str]) -> Iterator[tuple[str, _Use]]:
    """Yield what each action names; ``items`` is what the loops around it go through."""
    for action in actions:
        names = frozenset(_names(action.source))
        texts = [text for text in strings(action.source) if "@" in text]
        inherited = items if any(_ITEM.search(text) for text in texts) else frozenset()
        yield action.name.casefold(), _Use(action.type, names | inherited)
        over = frozenset(_names(action.source.get("foreach"))) if action.type == "Foreach" else ()
        for branch in action.branches:
            yield from _uses(branch.actions.values(), items.union(over))


def _names(value: Json) -> Iterator[str]:
    for naming in namings(value):
        if naming.name is not None:
            yield naming.name
    if any("@" in text and _TRIGGER.search(text) for text in strings(value)):
        yield _OF_TRIGGER


def marked(source: JsonObject) -> set[str]:
    """Return what the author of an action or trigger secured."""
    found: Json = source
    for name in ("runtimeConfiguration", "secureData", "properties"):
        found = found.get(name) if isinstance(found, dict) else None
    return (
        {str(name) for name in found} & {"inputs", "outputs"} if isinstance(found, list) else set()
    )
