"""SQL answered as a list: columns of joined rows, or groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from flowner.errors import Code, Invalid
from flowner.rows.catalogue import Table, Type
from flowner.rows.grouping import MOST_GROUPED
from flowner.rows.joining import Joined, JoinedGroup, Joining
from flowner.rows.query import MOST
from flowner.values import JsonObject
from flowner.webapi.calls import Call
from flowner.webapi.fetching import find_joined
from flowner.webapi.lists import applied, cookie_of, read_cookie
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context, present
from flowner.webapi.sqltext import Item, Select, read_select


async def answer_sql(call: Call, table: Table, options: Mapping[str, str]) -> Answer:
    """Answer ``accounts?sql=…``, page by page."""
    select = read_select(options["sql"], table, call.rooms.store.catalogue.known)
    content: JsonObject = {"@odata.context": context(call, table.set_name)}
    if select.is_grouped:
        if "$skiptoken" in options:
            raise Invalid("groups have one page", code=Code.BAD_QUERY)
        content["value"] = [*await _groups(call, table, select)]
        return Answer(content=content, headers=applied(call))
    number, after = read_cookie(options["$skiptoken"]) if "$skiptoken" in options else (1, None)
    page_size = min(call.prefers.page_size or MOST, MOST)
    left = None if select.top is None else max(select.top - page_size * (number - 1), 0)
    size = page_size if left is None else min(page_size, left)
    found = await find_joined(call, table, _joined(select, size, after))
    content["value"] = [*await _shown(call, select, found.rows)]
    if found.last is not None and (left is None or left > size):
        cookie = cookie_of(number + 1, found.last)
        query = urlencode({"sql": options["sql"], "$skiptoken": cookie}, quote_via=quote)
        content["@odata.nextLink"] = f"{call.request.service}{table.set_name}?{query}"
    return Answer(content=content, headers=applied(call))


def _joined(select: Select, size: int, after: tuple[str | None, ...] | None) -> Joined:
    columns: dict[str, list[str]] = {name: [] for name in select.tables}
    for item in select.items:
        name, _, column = item.path.rpartition(".")
        columns[name].append(column)
    shown = {item.path for item in select.items}
    hidden = [one.column.name for one in select.orders if one.column.name not in shown]
    if select.distinct and hidden:
        raise Invalid(
            f"what is `DISTINCT` is put in order by what it shows, not by `{hidden[0][:60]}`",
            code=Code.BAD_QUERY,
        )
    return Joined(joins=select.joins, columns=columns, wanted=select.wanted, order=select.orders,
                  size=size, after=after, distinct=select.distinct,
                  keyed=not select.distinct)  # fmt: skip


async def _shown(
    call: Call, select: Select, rows: Sequence[dict[str, JsonObject]]
) -> list[JsonObject]:
    """Return rows with the results' names; one table's rows have their key and ETag, too."""
    alone = not select.joins and not select.distinct
    names = _names(select)
    parts: dict[str, list[JsonObject]] = {}
    for name, table in select.tables.items():
        columns = [one.path.rpartition(".")[2] for one in select.items if _of(one) == name]
        listed = [*columns, table.key] if alone else columns
        there = iter(await present(call, table, [r[name] for r in rows if r[name]], listed))
        parts[name] = [next(there) if row[name] else {} for row in rows]
    found: list[JsonObject] = []
    for at in range(len(rows)):
        row: JsonObject = {}
        if alone:
            key = select.tables[""].key
            row = {one: parts[""][at][one] for one in ("@odata.etag", key)}
        for item, called in zip(select.items, names, strict=True):
            _put(row, called, parts[_of(item)][at], _wire(select, item))
        found.append(row)
    return found


def _put(row: JsonObject, called: str, part: JsonObject, wire: str) -> None:
    """Put one result into a row, with what annotates it."""
    row[called] = part.get(wire)
    for key, value in part.items():
        name, at, annotation = key.partition("@")
        if name == wire and at:
            row[f"{called}@{annotation}"] = value


async def _groups(call: Call, table: Table, select: Select) -> list[JsonObject]:
    """Return the groups; each column shown is one that they are grouped by."""
    names = _names(select)
    plain = [item for item in select.items if item.method is None]
    loose = [item.path for item in plain if item.path not in select.by]
    if loose:
        raise Invalid(f"`{loose[0][:60]}` is neither grouped nor added up", code=Code.BAD_QUERY)
    called = {item.path: name for item, name in zip(select.items, names, strict=True)
              if item.method is None}  # fmt: skip
    by = {path: called.get(path, f"@{path}") for path in select.by}
    group = JoinedGroup(
        joins=select.joins,
        by=[(path, name, None) for path, name in by.items()],
        wanted=select.wanted,
        aggregates=[
            (item.method, item.path or None, name)
            for item, name in zip(select.items, names, strict=True)
            if item.method
        ],
        order=[(by.get(one, one), down) for one, down in select.order],
        size=min(MOST_GROUPED if select.top is None else max(select.top, 0), MOST_GROUPED),
    )
    joining = Joining(call.rooms.store, call.rooms.reading)
    rows = await joining.groups(call.caller, table.name, group, call.transaction)
    return [{name: row[name] for name in names} for row in rows]


def _names(select: Select) -> list[str]:
    """Return what each result is called. `Invalid` where two are called alike, or one is not."""
    names = [item.called or ("" if item.method else _wire(select, item)) for item in select.items]
    if "" in names:
        raise Invalid("what is added up has no name: write `AS`", code=Code.BAD_QUERY)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise Invalid(f"two results are called `{twice[0][:60]}`: write `AS`", code=Code.BAD_QUERY)
    return names


def _of(item: Item) -> str:
    return item.path.rpartition(".")[0]


def _wire(select: Select, item: Item) -> str:
    """Return what a column is called in rows: ``_parentaccountid_value``."""
    name, _, column = item.path.rpartition(".")
    table = select.tables[name]
    is_lookup = table.columns[column] is Type.LOOKUP and column != table.key
    return f"_{column}_value" if is_lookup else column
