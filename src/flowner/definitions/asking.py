"""What an instant flow asks whoever starts it: the properties of its trigger's schema.

Source: the schemas that Power Automate's designer writes for `Button` and `PowerAppV2` triggers;
``x-ms-content-hint`` says how a form shows one, and keys are ``text``, ``text_1``, ``number`` ….
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flowner.definitions.reading import member
from flowner.errors import Invalid
from flowner.values import Json, JsonObject


class InputKind(StrEnum):
    """What is asked for; the value is the hint's."""

    TEXT = "TEXT"
    BOOLEAN = "BOOLEAN"
    FILE = "FILE"
    EMAIL = "EMAIL"
    NUMBER = "NUMBER"
    DATE = "DATE"

    @property
    def words(self) -> str:
        """What makers call it."""
        return {"TEXT": "Text", "BOOLEAN": "Yes/No", "FILE": "File", "EMAIL": "Email",
                "NUMBER": "Number", "DATE": "Date"}[self.value]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One question."""

    key: str
    """What formulas call it; '' for one that is yet to get a key."""
    title: str
    kind: InputKind = InputKind.TEXT
    required: bool = True
    description: str = ""
    choices: tuple[str, ...] = ()
    """The answers that are offered; none: any."""


_FILE: Final[JsonObject] = {
    "name": {"type": "string"},
    "contentBytes": {"type": "string", "format": "byte"},
}
_SHAPES: Final[dict[InputKind, JsonObject]] = {
    InputKind.TEXT: {"type": "string"},
    InputKind.BOOLEAN: {"type": "boolean"},
    InputKind.FILE: {"type": "object", "properties": _FILE},
    InputKind.EMAIL: {"type": "string", "format": "email"},
    InputKind.NUMBER: {"type": "number"},
    InputKind.DATE: {"type": "string", "format": "date"},
}
_BY_TYPE: Final = {
    "boolean": InputKind.BOOLEAN,
    "number": InputKind.NUMBER,
    "integer": InputKind.NUMBER,
    "object": InputKind.FILE,
}


def inputs_of(schema: Json) -> tuple[Input, ...]:
    """Return what a trigger's schema asks for, in its order."""
    properties = member(schema, "properties")
    needed = member(schema, "required")
    required = set(map(str, needed)) if isinstance(needed, list) else set()
    if not isinstance(properties, dict):
        return ()
    return tuple(
        Input(
            key=key,
            title=_text(one, "title") or key,
            kind=_kind(one),
            required=key in required,
            description=_text(one, "description"),
            choices=_choices(one),
        )
        for key, one in properties.items()
    )


def answers(asked: Iterable[Input], given: JsonObject) -> JsonObject:
    """Return what programs answer to questions, by the questions' keys.

    It is given by keys or by titles; null is no answer. Raises `Invalid`, which names the question,
    for one that is missing, of another kind, or not asked.
    """
    questions = list(asked)
    names = {one.title.casefold(): one for one in reversed(questions)}
    names |= {one.key.casefold(): one for one in questions}
    found: JsonObject = {}
    for name, value in given.items():
        one = names.get(name.casefold())
        if one is None:
            titles = ", ".join(f"*{one.title}*" for one in questions) or "nothing"
            raise Invalid(f"nothing asks for `{name[:100]}`; asked is {titles}", pointer=f"/{name}")
        if value is not None:
            found[one.key] = _fitting(one, value)
    for one in questions:
        if one.required and one.key not in found:
            raise Invalid(f"fill in *{one.title}*", pointer=f"/{one.key}")
    return found


def _fitting(one: Input, value: Json) -> Json:
    fits = {
        InputKind.BOOLEAN: (isinstance(value, bool), "true or false"),
        InputKind.NUMBER: (
            isinstance(value, int | float) and not isinstance(value, bool),
            "a number",
        ),
        InputKind.FILE: (
            isinstance(member(value, "name"), str)
            and isinstance(member(value, "contentBytes"), str),
            "a file: its `name` and its `contentBytes`, in base64",
        ),
    }
    right, words = fits.get(one.kind, (isinstance(value, str), "a text"))
    if not right:
        raise Invalid(f"*{one.title}* is {words}", pointer=f"/{one.key}")
    if one.choices and value not in one.choices:
        raise Invalid(f"*{one.title}* is one of: {', '.join(one.choices)}", pointer=f"/{one.key}")
    return value


def schema_of(inputs: Iterable[Input], before: Json = None) -> JsonObject:
    """Return the schema that asks for these; what ``before`` says besides is kept.

    A question without a key gets the first of its kind that is free; one without a title is left
    out.
    """
    asked = [one for one in inputs if one.title.strip()]
    taken = {one.key for one in asked if one.key}
    known = member(before, "properties")
    properties: JsonObject = {}
    required: list[Json] = []
    for one in asked:
        key = one.key or _free(one.kind, taken)
        taken.add(key)
        earlier = member(known, key)
        kept = dict(earlier) if isinstance(earlier, dict) else {"x-ms-dynamically-added": True}
        for stale in ("format", "properties", "enum"):
            kept.pop(stale, None)
        properties[key] = {
            **kept,
            **_SHAPES[one.kind],
            "title": one.title.strip(),
            "description": one.description or f"Please enter your {one.kind.words.lower()}",
            "x-ms-content-hint": one.kind.value,
            **({"enum": list(one.choices)} if one.choices else {}),
        }
        if one.required:
            required.append(key)
    rest = dict(before) if isinstance(before, dict) else {"type": "object"}
    return {**rest, "properties": properties, "required": required}


def _kind(one: Json) -> InputKind:
    hint = _text(one, "x-ms-content-hint").upper()
    if hint in InputKind.__members__:
        return InputKind[hint]
    formats = {"email": InputKind.EMAIL, "date": InputKind.DATE, "date-time": InputKind.DATE}
    return formats.get(_text(one, "format")) or _BY_TYPE.get(_text(one, "type"), InputKind.TEXT)


def _choices(one: Json) -> tuple[str, ...]:
    found = member(one, "enum")
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _text(one: Json, name: str) -> str:
    found = member(one, name)
    return found if isinstance(found, str) else ""


def _free(kind: InputKind, taken: set[str]) -> str:
    stem = kind.value.lower()
    number, key = 0, stem
    while key in taken:
        number += 1
        key = f"{stem}_{number}"
    return key
