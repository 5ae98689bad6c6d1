"""Forms of actions: what a definition says, as fields; and what was filled in, as a definition.

A field that was not touched is not written: it is sent back as it was shown, and what stood there
stays, whatever its type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flowner.definitions import forms, palette
from flowner.definitions.asking import Input, InputKind, inputs_of, schema_of
from flowner.definitions.comparing import Joined, read_condition, write_condition
from flowner.definitions.flow import Action, Flow, Trigger
from flowner.definitions.forms import Field, Kind
from flowner.definitions.steps import with_member, without_member
from flowner.errors import Invalid
from flowner.portal.conditions import coded, condition_changed, condition_filled, meant
from flowner.portal.newlines import as_sent, kept
from flowner.sdk.connector import Lookup, Operation, ParameterForm
from flowner.values import Json, JsonObject

_TYPES = {
    "integer": Kind.VALUE,
    "number": Kind.VALUE,
    "boolean": Kind.VALUE,
    "object": Kind.VALUE,
    "array": Kind.VALUE,
    "any": Kind.VALUE,
}


_PILLS = (Kind.TEXT, Kind.VALUE, Kind.LIST, Kind.CHOICE, Kind.CODE, Kind.NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One field, as it is filled in now."""

    field: Field
    id: str
    """Its name in the form: the path."""
    text: str
    offers: str = ""
    """Where the list comes from that its value can be chosen from."""
    separator: str = ""
    """What stands between several values of that list; '' for one alone."""
    table: str = ""
    """Which field of the form names the table whose columns are offered."""
    condition: Joined | None = None
    """A condition, where it is no formula and can be filled in as rows and groups."""
    asked: tuple[Input, ...] | None = None
    """What an instant flow asks for, where the field is that."""

    @property
    def has_pills(self) -> bool:
        """Whether its expressions are shown as pills: it holds a text, and no code."""
        is_json = self.field.kind is Kind.VALUE and isinstance(meant(self.text), dict | list)
        return self.field.kind in _PILLS and not is_json

    @property
    def is_long(self) -> bool:
        """Whether it is worth several lines."""
        long_kinds = (Kind.JSON, Kind.SCHEMA, Kind.CONDITION)
        return self.field.kind in long_kinds or len(self.text) > 60 or "\n" in self.text


def fields_of(node: Action | Trigger, operation: Operation | None) -> tuple[Shown, ...]:
    """Return the fields of an action's form, or of the trigger's: what is required first.

    ``operation`` is the connector's, where it is known. Parameters that no form knows come last.
    """
    step = palette.step_of(node)
    if step is not None:
        return tuple(
            _shown(node.source, field, *_LOOKED_UP.get(field.path, ())) for field in step.fields
        )
    if node.call is None:
        return (_shown(node.source, Field(path=("inputs",), title="Inputs", kind=Kind.VALUE)),)
    if node.call.legacy:
        return (_shown(node.source, Field(path=("inputs",), title="Inputs", kind=Kind.JSON)),)
    known = operation.parameters if operation else ()
    ordered = sorted(known, key=lambda form: not form.required)
    found = [
        _shown(node.source, _field_of(form), form.lookup, form.separator)
        for form in ordered
        if form.lookup is not Lookup.COLUMNS
    ]
    names = {form.name for form in known}
    for name in node.call.parameters:
        if name not in names:
            path = ("inputs", "parameters", name)
            title = name.rpartition("/")[2]
            field = Field(path=path, title=title, kind=Kind.VALUE, required=False)
            found.append(_shown(node.source, field))
    return tuple(found)


def columns_form(operation: Operation | None) -> ParameterForm | None:
    """Return the parameter that is filled in column by column, if there is one."""
    known = operation.parameters if operation else ()
    return next((form for form in known if form.lookup is Lookup.COLUMNS), None)


def filled(
    flow: Flow,
    name: str,
    shown: tuple[Shown, ...],
    given: Mapping[str, str],
    rows: Mapping[str, str],
) -> Flow:
    """Return the flow with a form's fields filled in.

    ``given`` is by the fields' ids; ``rows`` are the parts of rows, by ``id:number:part``. Raises
    `Invalid`, with the field's id as pointer, for what a field cannot hold.
    """
    for one in shown:
        text = given.get(one.id)
        if text is None or as_sent(text) == as_sent(one.text):
            value = _of_rows(one, rows)
            if value is not None:
                flow = with_member(flow, name, one.field.path, value)
            continue
        if text == "" and not one.field.required:
            flow = without_member(flow, name, one.field.path)
        else:
            value = read_text(one.field, kept(one.text, text), one.id)
            flow = with_member(flow, name, one.field.path, value)
    return flow


def _of_rows(one: Shown, given: Mapping[str, str]) -> Json:
    """Return what the rows of a field say; None where they say what they said before."""
    if one.condition is not None:
        parts = {
            name.removeprefix(f"{one.id}:"): text
            for name, text in given.items()
            if name.startswith(f"{one.id}:")
        }
        value = write_condition(condition_filled(one.condition, parts))
        # Not by ==: to Python, 1 and True are the same.
        return None if written(value) == one.text else value
    return _of_questions(one, given)


def changed_condition(flow: Flow, name: str, shown: tuple[Shown, ...], change: str) -> Flow:
    """Return the flow with a change made to the rows of a condition: ``add-row 0.1 expression``.

    The place of the outermost group is ``-``.
    """
    done, _, rest = change.partition(" ")
    place, _, id = rest.partition(" ")
    one = next((one for one in shown if one.id == id and one.condition is not None), None)
    if one is None or one.condition is None:
        raise Invalid("there is no such condition any more: look at the card again")
    value = write_condition(condition_changed(one.condition, done, place.removeprefix("-")))
    return with_member(flow, name, one.field.path, value)


def _of_questions(one: Shown, given: Mapping[str, str]) -> Json:
    """Return the schema that an instant flow's questions say; None where they are as before."""
    parts: dict[int, dict[str, str]] = {}
    for name, text in given.items():
        id, _, rest = name.rpartition(f"{one.id}:")
        number, _, part = rest.partition(":")
        if not id and number.isdecimal():
            parts.setdefault(int(number), {})[part] = text
    listed = [parts[number] for number in sorted(parts)]
    if one.asked is not None and listed:
        asked = tuple(_input(row) for row in listed if row.get("title"))
        before = json.loads(one.text) if one.text.startswith("{") else None
        return None if asked == one.asked else schema_of(asked, before)
    return None


def _input(row: Mapping[str, str]) -> Input:
    choices = tuple(one.strip() for one in row.get("choices", "").split(";") if one.strip())
    return Input(
        key=row.get("key", ""),
        title=row["title"].strip(),
        kind=InputKind(row.get("kind", InputKind.TEXT)),
        required=row.get("required") == "yes",
        description=row.get("description", ""),
        choices=choices,
    )


def read_text(field: Field, text: str, id: str) -> Json:
    """Return the value that a text means in a field."""
    match field.kind:
        case Kind.TEXT | Kind.CHOICE:
            return text
        case Kind.LIST:
            return meant(text)
        case Kind.NUMBER | Kind.CODE:
            if text.lstrip("-").isdecimal():
                return int(text)
            if field.kind is Kind.NUMBER and text.startswith("@"):
                return text
            raise Invalid(f"*{field.title}* is a number, not `{text[:40]}`", pointer=id)
        case Kind.VALUE | Kind.CONDITION:
            return meant(text)
        case Kind.JSON | Kind.SCHEMA | Kind.INPUTS:
            if text.startswith("@"):
                return text
            return _json(field.title, text, id)


def written(value: Json) -> str:
    """Return a value as a field shows it: texts as they are, anything else as JSON."""
    return "" if value is None else coded(value)


def _shown(
    source: JsonObject, field: Field, lookup: Lookup = Lookup.NOTHING, separator: str = ""
) -> Shown:
    id = _id_of(field.path)
    value = forms.read(source, field)
    return Shown(
        field=field,
        id=id,
        text=written(value),
        offers=_ROW_OFFERS.get(id, _OFFERS.get(lookup, "")),
        separator=separator,
        table=_TABLES.get(id, _id_of((*_PARAMETERS, "entityName"))),
        condition=read_condition(value) if field.kind is Kind.CONDITION else None,
        asked=inputs_of(value) if field.kind is Kind.INPUTS else None,
    )


def _id_of(path: tuple[str, ...]) -> str:
    return "/".join(token.replace("~", "~0").replace("/", "~1") for token in path)


_PARAMETERS = ("inputs", "parameters")
_ROW_TABLE = (*_PARAMETERS, "subscriptionRequest/entityname")
_ROW_COLUMNS = (*_PARAMETERS, "subscriptionRequest/filteringattributes")
_LOOKED_UP: Mapping[tuple[str, ...], tuple[Lookup, str]] = {
    _ROW_TABLE: (Lookup.TABLES, ""),
    _ROW_COLUMNS: (Lookup.COLUMN_NAMES, ","),
}
"""What a row trigger offers: its form is no connector's."""
_OFFERS: Mapping[Lookup, str] = {
    Lookup.TABLES: "/choices/tables",
    Lookup.PEOPLE: "/people?kinds=user,service%20account&as=upn",
    Lookup.COLUMN_NAMES: "/choices/columns?as=read",
}
_ROW_OFFERS = {
    _id_of(_ROW_TABLE): "/choices/tables?as=named",
    _id_of(_ROW_COLUMNS): "/choices/columns?as=named",
}
"""A row trigger names tables and columns as the catalogue does, and not as the Web API."""
_TABLES = {_id_of(_ROW_COLUMNS): _id_of(_ROW_TABLE)}


def _field_of(form: ParameterForm) -> Field:
    kind = Kind.CHOICE if form.choices else _TYPES.get(form.type, Kind.TEXT)
    return Field(
        path=("inputs", "parameters", form.name),
        title=form.title,
        kind=kind,
        required=form.required,
        choices=form.choices,
        help=form.description,
    )


def _json(title: str, text: str, id: str) -> Json:
    try:
        found: Json = json.loads(text)
    except ValueError as error:
        raise Invalid(f"*{title}* is no JSON: {error}", pointer=id) from None
    return found
