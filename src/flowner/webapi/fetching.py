"""FetchXML answered as a list: rows with those linked beside them, or groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from flowner.errors import Code, Invalid
from flowner.rows.catalogue import Table
from flowner.rows.grouping import MOST_GROUPED
from flowner.rows.joining import Joined, JoinedGroup, Joining
from flowner.rows.query import MOST
from flowner.rows.reading import Asked
from flowner.values import JsonObject
from flowner.webapi.calls import Call
from flowner.webapi.fetchxml import Fetch, read_fetch
from flowner.webapi.lists import applied, read_last
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context, present

_COOKIE: Final = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
_MORE: Final = "Microsoft.Dynamics.CRM.morerecords"
_TOTAL: Final = "Microsoft.Dynamics.CRM.totalrecordcount"
_MOST_SKIPPED: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of rows, each with those of linked tables by name; the first table's is ``""``."""

    rows: Sequence[dict[str, JsonObject]]
    last: tuple[str | None, ...] | None
    count: int | None


async def answer_fetch(call: Call, table: Table, text: str) -> Answer:
    """Answer ``accounts?fetchXml=…``."""
    fetch = await read_fetch(call, table, text)
    if fetch.is_aggregate:
        return await _grouped(call, table, fetch)
    number = fetch.number("page", 1)
    page, cookie = await _page(call, table, fetch)
    content: JsonObject = {"@odata.context": context(call, table.set_name)}
    more = page.last is not None and "top" not in fetch.element.attrib
    if page.count is not None:
        content[f"@{_TOTAL}"] = page.count
    if call.prefers.wants(_MORE):
        content[f"@{_MORE}"] = more
    if more and cookie and call.prefers.wants(_COOKIE):
        inner = quote(quote(cookie, safe=""), safe="")
        said = f'<cookie pagenumber="{number + 1}" pagingcookie="{inner}" istracking="False" />'
        content[f"@{_COOKIE}"] = said
    content["value"] = [*await _shown(call, fetch, page.rows)]
    return Answer(content=content, headers=applied(call))


async def find_joined(call: Call, table: Table, joined: Joined) -> Found:
    """Return a page of rows with those that are joined to them."""
    if not joined.joins and not joined.distinct:
        asked = Asked(columns=sorted({*joined.columns[""], table.key, "versionnumber"}),
                      wanted=joined.wanted, order=joined.order, size=joined.size,
                      after=joined.after, counts=joined.counts)  # fmt: skip
        page = await call.rooms.reading.page(call.caller, table.name, asked, call.transaction)
        return Found(rows=[{"": row} for row in page.rows], last=page.last, count=page.count)
    joining = Joining(call.rooms.store, call.rooms.reading)
    found = await joining.page(call.caller, table.name, joined, call.transaction)
    return Found(rows=found.rows, last=found.last, count=found.count)


async def _page(call: Call, table: Table, fetch: Fetch) -> tuple[Found, str | None]:
    """Return the page, and the cookie of the one behind it."""
    number, given = fetch.number("page", 1), fetch.element.get("paging-cookie")
    most = min(fetch.number("top", MOST), fetch.number("count", MOST), MOST)
    columns = {name: sorted(fetch.tables[name].columns) if listed is None else listed
               for name, listed in fetch.columns.items()}  # fmt: skip
    joined = Joined(joins=fetch.joins, columns=columns, wanted=fetch.wanted,
                    order=tuple(fetch.order), size=most, distinct=fetch.says("distinct"),
                    counts=fetch.says("returntotalrecordcount"))  # fmt: skip
    skipped = 0
    if given:
        joined = replace(joined, after=read_last(given))
    elif number > 1:
        skipped = (number - 1) * most
        if skipped > _MOST_SKIPPED:
            raise Invalid("so far into a list only a paging cookie leads", code=Code.BAD_QUERY)
        joined = replace(joined, size=skipped + most)
    page = await find_joined(call, table, joined)
    rest = replace(page, rows=page.rows[skipped:])
    if page.last is None:
        return rest, None
    values = "".join(
        f'<last at="{at}"/>' if one is None else f'<last at="{at}" value="{quote(one, safe="")}"/>'
        for at, one in enumerate(page.last)
    )
    return rest, f'<cookie page="{number}">{values}</cookie>'


async def _shown(
    call: Call, fetch: Fetch, rows: Sequence[dict[str, JsonObject]]
) -> list[JsonObject]:
    """Return rows as they are shown, the columns of linked tables as ``name.column``."""
    found: list[JsonObject] = [{} for _ in rows]
    for name, table in fetch.tables.items():
        columns = fetch.columns.get(name, [])
        if name:
            parts = await shown_beside(call, table, [row[name] for row in rows], columns or [])
        else:
            listed = None if columns is None else [*columns, table.key]
            parts = await present(call, table, [row[name] for row in rows], listed)
        for row, part in zip(found, parts, strict=True):
            for key, value in part.items():
                row[_called(fetch, name, key)] = value
    return found


async def shown_beside(
    call: Call, table: Table, rows: Sequence[JsonObject], columns: Sequence[str]
) -> list[JsonObject]:
    """Return columns of joined rows by their own names, with annotations; null where none is."""
    there = [row for row in rows if row]
    parts = iter(await present(call, table, there, columns))
    found: list[JsonObject] = []
    for row in rows:
        part = next(parts) if row else {}
        bare: JsonObject = dict.fromkeys(columns)
        for key, value in part.items():
            name, at, annotation = key.partition("@")
            if name:
                bare[f"{table.column(name)}{at}{annotation}"] = value
        found.append(bare)
    return found


def _called(fetch: Fetch, name: str, key: str) -> str:
    """Return what the answer calls a column, or an annotation of it."""
    column, at, annotation = key.partition("@")
    bare = fetch.tables[name].column(column) or column
    alias = fetch.called.get((name, bare))
    if alias is None:
        return f"{name}.{key}" if name else key
    return f"{alias}{at}{annotation}"


async def _grouped(call: Call, table: Table, fetch: Fetch) -> Answer:
    group = JoinedGroup(
        joins=fetch.joins, by=fetch.by, aggregates=fetch.aggregates, wanted=fetch.wanted,
        order=fetch.ordered,
        size=min(fetch.number("top", MOST_GROUPED), fetch.number("count", MOST_GROUPED)),
    )  # fmt: skip
    joining = Joining(call.rooms.store, call.rooms.reading)
    rows = await joining.groups(call.caller, table.name, group, call.transaction)
    content: JsonObject = {"@odata.context": context(call, table.set_name), "value": [*rows]}
    return Answer(content=content, headers=applied(call))
