"""Bodies of rows: every member checked against its column, every link resolved."""

from __future__ import annotations

from typing import Final

from flowner.errors import Code, Invalid, NotFound
from flowner.rows.catalogue import Table, Type
from flowner.rows.describing import Kind
from flowner.values import Json, JsonObject
from flowner.webapi.addresses import read_link
from flowner.webapi.calls import Call, need

_BIND: Final = "@odata.bind"
_NUMBERS: Final = (int, float)
_EXPECTED: Final[dict[Type, tuple[tuple[type, ...], str]]] = {
    Type.TEXT: ((str,), "a text"),
    Type.WHOLE: ((int,), "a whole number"),
    Type.BIG: ((int, str), "a whole number"),
    Type.DECIMAL: (_NUMBERS, "a number"),
    Type.FLOAT: (_NUMBERS, "a number"),
    Type.BOOLEAN: ((bool,), "true or false"),
    Type.MOMENT: ((str,), "a date and time"),
    Type.DAY: ((str,), "a date"),
    Type.LOOKUP: ((str,), "an id"),
}


async def read_values(call: Call, table: Table, body: JsonObject) -> JsonObject:
    """Return the values of a body as the store takes them.

    Links become ``/accounts(guid)``, whatever form they have; a link's row has to be there.
    Annotations other than ``@odata.bind`` are passed over. `Invalid` (0x80048d19) names a member
    that is no column, or a value that its column cannot hold.
    """
    found: JsonObject = {}
    for given, value in body.items():
        name, at, annotation = given.partition("@")
        if at and annotation != "odata.bind":
            continue
        if at:
            found[given] = None if value is None else await _bound(call, table, name, value)
        elif value is None and table.column(name) is None and table.navigated(name) is not None:
            found[f"{name}{_BIND}"] = None
        else:
            found[given] = _checked(table, name, value)
    return found


def _checked(table: Table, name: str, value: Json) -> Json:
    column = table.column(name)
    if column is None:
        raise Invalid(
            f"could not find a property named `{name[:60]}` on the table `{table.name}`",
            code=Code.BAD_BODY,
        )
    kind, type = table.about(column).kind, table.columns[column]
    if "AttributeOf" in table.about(column).details:
        raise Invalid(f"`{name}` is written with the image that it is of", code=Code.BAD_BODY)
    if kind is Kind.FILE:
        raise Invalid(f"the file of `{name}` is sent to its own address", code=Code.BAD_BODY)
    if column != name and value is not None:
        raise Invalid(
            f"`{name}` is not written directly: write `{column}{_BIND}`", code=Code.BAD_BODY
        )
    if type is Type.JSON or value is None:
        return value
    expected, what = _EXPECTED[type]
    is_truth = isinstance(value, bool) and type is not Type.BOOLEAN
    if is_truth or not isinstance(value, expected) or (value == "" and type is not Type.TEXT):
        raise Invalid(
            f"cannot convert `{str(value)[:60]}` for the column `{name}`: it holds {what}",
            code=Code.BAD_BODY,
        )
    if kind in (Kind.CHOICE, Kind.STATE, Kind.CHOICES):
        _one_of(table, column, value)
    _within_bounds(table, column, value)
    return value


def _within_bounds(table: Table, column: str, value: Json) -> None:
    said = table.about(column).details
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = said.get("MinValue", value), said.get("MaxValue", value)
        if not low <= value <= high:
            raise Invalid(
                f"`{value}` for `{column}` lies outside {low} to {high}", code=Code.BAD_BODY
            )
    most = said.get("MaxLength")
    if isinstance(value, str) and isinstance(most, int) and len(value) > most:
        raise Invalid(
            f"the text for `{column}` has {len(value)} characters; at most {most} fit",
            code=Code.BAD_BODY,
        )


def _one_of(table: Table, column: str, value: Json) -> None:
    options = {str(option.value) for option in table.about(column).options}
    given = value.split(",") if isinstance(value, str) else [str(value)]
    wrong = [one for one in given if one.strip() not in options]
    if options and wrong:
        raise Invalid(
            f"`{wrong[0][:20]}` is no option of `{column}`: there are {', '.join(sorted(options))}",
            code=Code.BAD_BODY,
        )


async def _bound(call: Call, table: Table, name: str, value: Json) -> str:
    if not isinstance(value, str):
        raise Invalid(f"`{name}{_BIND}` is no link", code=Code.BAD_BODY)
    column = table.navigated(name)
    if column is None or table.columns[column] is not Type.LOOKUP:
        raise Invalid(
            f"could not find a navigation property named `{name[:60]}` on the table `{table.name}`",
            code=Code.BAD_BODY,
        )
    relations = [one for one in table.targets(column) if one.navigation == name]
    targets = {one.referenced for one in relations or table.targets(column)}
    return await linked(call, value, targets)


async def linked(call: Call, link: str, targets: set[str]) -> str:
    """Return a link as ``/accounts(guid)``. ``targets`` are the tables that it may lead to.

    `Invalid` for one that leads elsewhere, `NotFound` (0x80040217) where there is no such row.
    """
    segment = read_link(call.made.get(link.strip().lstrip("/"), link))
    other = await call.table(segment.name)
    if targets and other.name not in targets:
        raise Invalid(
            f"a row of `{other.name}` cannot stand there: {', '.join(sorted(targets))} can",
            code=Code.BAD_BODY,
        )
    id, _ = await call.key(other, segment)
    id = need(other, id)
    if not await call.rooms.reading.exists(other, id, call.transaction):
        raise NotFound(f"{other.name} with id = {id} does not exist", code=Code.ROW_NOT_FOUND)
    return f"/{other.set_name}({id})"
