"""Lists: options read, pages answered with a cookie, rows expanded."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote, unquote, urlencode

from flowner.errors import Code, Invalid
from flowner.odata.expanding import Expand, parse_apply, parse_expand
from flowner.odata.parser import parse_filter, parse_order, parse_select
from flowner.odata.syntax import TRUE, And, Predicate
from flowner.rows.associations import Association
from flowner.rows.catalogue import Table, Type
from flowner.rows.compiling import column_of, related_by
from flowner.rows.describing import key_of
from flowner.rows.grouping import Group
from flowner.rows.query import MOST
from flowner.rows.reading import Asked
from flowner.values import Json, JsonObject
from flowner.webapi.calls import Call
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context, present

_KNOWN: Final = frozenset(
    {"$select", "$filter", "$orderby", "$top", "$count", "$skiptoken", "$expand", "$apply"}
)
_COOKIE: Final = re.compile(
    r'\s*<cookie pagenumber="(?P<page>\d{1,9})" pagingcookie="(?P<cookie>[^"]*)"'
    r' istracking="False"\s*/>\s*'
)
_LAST: Final = re.compile(r'<last at="(?P<at>\d+)"(?: value="(?P<value>[^"]*)")?\s*/>')
_TOTAL: Final = "Microsoft.Dynamics.CRM.totalrecordcount"
_LIMIT: Final = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The options of a list, read."""

    asked: Asked
    columns: Sequence[str] | None
    """Columns to be shown; None: all."""
    expands: Sequence[Expand] = ()
    page: int = 1
    top: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


async def answer_list(
    call: Call, table: Table, among: Predicate = TRUE, address: str | None = None
) -> Answer:
    """Answer ``GET accounts?…``; or some of these rows, which lie at another address."""
    options = call.request.options()
    if "$apply" in options:
        return await _grouped(call, table, options)
    listing = read_options(options, table, page_size=call.prefers.page_size)
    asked = replace(listing.asked, wanted=And((among, listing.asked.wanted)))
    page = await call.rooms.reading.page(call.caller, table.name, asked, call.transaction)
    rows = await expanded(call, table, page.rows, listing)
    content: JsonObject = {"@odata.context": context(call, _shape(table, listing.options))}
    if page.count is not None:
        content["@odata.count"] = page.count
    if call.prefers.wants(_TOTAL):
        content[f"@{_TOTAL}"] = -1 if page.count is None else page.count
    if call.prefers.wants(_LIMIT):
        content[f"@{_LIMIT}"] = page.count is not None and page.count >= MOST
    content["value"] = [*rows]
    left = None if listing.top is None else listing.top - len(page.rows)
    if page.last is not None and (left is None or left > 0):
        place = address or table.set_name
        content["@odata.nextLink"] = _next_link(call, place, listing, page.last)
    return Answer(content=content, headers=applied(call))


async def answer_count(call: Call, table: Table, among: Predicate = TRUE) -> Answer:
    """Answer ``GET accounts/$count``; or of some of these rows."""
    options = call.request.options()
    aliases = _without_aliases(options)
    _refuse_unknown(options, frozenset({"$filter"}))
    wanted = parse_filter(options["$filter"], aliases) if "$filter" in options else TRUE
    both = And((among, wanted))
    count = await call.rooms.reading.count(call.caller, table.name, both, call.transaction)
    return Answer(content=str(count).encode(), media_type="text/plain")


def read_options(
    options: Mapping[str, str], table: Table, *, page_size: int | None = None
) -> Listing:
    """Read the ``$``-options of a list. `Invalid` for one that is not known: none is passed over.

    ``$top`` bounds all pages together; a page has at most ``page_size`` rows, and never more than
    `MOST`.
    """
    options = dict(options)
    aliases = _without_aliases(options)
    _refuse_unknown(options, _KNOWN - {"$apply"})
    top = _number(options["$top"], "$top") if "$top" in options else None
    if options.get("$count", "false") not in ("true", "false"):
        raise Invalid("`$count` is `true` or `false`", code=Code.BAD_QUERY)
    page, after = read_cookie(options["$skiptoken"]) if "$skiptoken" in options else (1, None)
    columns = read_select(options, table)
    expands = parse_expand(options["$expand"]) if options.get("$expand") else []
    size = min(page_size or MOST, MOST)
    return Listing(
        asked=Asked(
            columns=_fetched(columns, expands, table),
            wanted=parse_filter(options["$filter"], aliases) if "$filter" in options else TRUE,
            order=parse_order(options["$orderby"]) if options.get("$orderby") else (),
            size=size if top is None else min(size, top),
            after=after,
            counts=options.get("$count") == "true",
        ),
        columns=columns,
        expands=expands,
        page=page,
        top=top,
        options=options | aliases,
    )


def read_select(options: Mapping[str, str], table: Table) -> list[str] | None:
    """Return the columns of a ``$select``, with the key; None: all."""
    text = options.get("$select")
    if not text or text.strip() == "*":
        return None
    found = {column_of(name, table) for name in parse_select(text)}
    return sorted(found | {table.key})


def _fetched(
    columns: Sequence[str] | None, expands: Sequence[Expand], table: Table
) -> list[str] | None:
    """Return the columns to be read: those shown, and the lookups that are followed."""
    if columns is None:
        return None
    lookups = [
        relation.attribute
        for expand in expands
        if table.associated(expand.name) is None
        for relation, backwards in related_by(expand.name, table)
        if not backwards
    ]
    return sorted({*columns, *lookups, "versionnumber"})


async def expanded(
    call: Call, table: Table, rows: Sequence[JsonObject], listing: Listing, depth: int = 0
) -> list[JsonObject]:
    """Return rows as they are shown, with the rows behind their navigation properties."""
    shown = await present(call, table, rows, listing.columns)
    for expand in listing.expands:
        association = table.associated(expand.name)
        if association is not None:
            await _associated(call, association, (rows, shown), (expand, depth))
            continue
        for relation, backwards in related_by(expand.name, table):
            other = call.rooms.store.catalogue.known(
                relation.referencing if backwards else relation.referenced
            )
            if other is None:
                raise Invalid(f"the table behind `{expand.name}` is not here")
            column = relation.attribute if backwards else other.key
            found = await _behind(call, other, column, (expand, depth), [
                str(row[table.key] if backwards else row[f"_{relation.attribute}_value"])
                for row in rows
                if backwards or row[f"_{relation.attribute}_value"] is not None
            ])  # fmt: skip
            for row, raw in zip(shown, rows, strict=True):
                if backwards:
                    value: Json = [*found.get(str(raw[table.key]), [])]
                    row[expand.name] = value
                else:
                    one = found.get(str(raw[f"_{relation.attribute}_value"]))
                    row[expand.name] = one[0] if one else row.get(expand.name)
    return shown


async def _associated(
    call: Call,
    one: Association,
    rows: tuple[Sequence[JsonObject], Sequence[JsonObject]],
    expand: tuple[Expand, int],
) -> None:
    """Put the rows that they are related to, many to many, into rows, given raw and as shown."""
    other = await call.named(one.other)
    ids = [str(row[key_of(one.table)]) for row in rows[0]]

    async def read(asked: Asked) -> dict[str, list[JsonObject]]:
        return await call.rooms.reading.associated(call.caller, one, ids, asked, call.transaction)

    found = await _inside(call, other, expand, read)
    for id, row in zip(ids, rows[1], strict=True):
        row[expand[0].name] = [*found.get(id, [])]


async def _behind(
    call: Call, table: Table, column: str, expand: tuple[Expand, int], ids: Sequence[str]
) -> dict[str, list[JsonObject]]:
    async def read(asked: Asked) -> dict[str, list[JsonObject]]:
        return await call.rooms.reading.those(
            call.caller, table.name, (column, ids), asked, call.transaction
        )

    return await _inside(call, table, expand, read)


async def _inside(
    call: Call,
    table: Table,
    expand: tuple[Expand, int],
    read: Callable[[Asked], Awaitable[dict[str, list[JsonObject]]]],
) -> dict[str, list[JsonObject]]:
    """Return the rows behind a navigation property, as its options ask, by where they stand."""
    options, depth = expand[0].options, expand[1]
    inner = read_options({k: v for k, v in options.items() if k != "$count"}, table)
    if "$expand" in options:
        parse_expand(options["$expand"], depth + 1)
    found = await read(inner.asked)
    flat = [row for rows in found.values() for row in rows]
    shown = iter(await expanded(call, table, flat, inner, depth + 1))
    return {id: [next(shown) for _ in rows] for id, rows in found.items()}


async def _grouped(call: Call, table: Table, options: dict[str, str]) -> Answer:
    aliases = _without_aliases(options)
    _refuse_unknown(options, frozenset({"$apply", "$filter"}))
    apply = parse_apply(options["$apply"])
    texts = [f"({text})" for text in (options.get("$filter"), apply.filter) if text]
    group = Group(
        wanted=parse_filter(" and ".join(texts), aliases) if texts else TRUE,
        by=[(path, _group_name(path, table)) for path in apply.by],
        aggregates=apply.aggregates,
    )
    rows = await call.rooms.reading.groups(call.caller, table.name, group, call.transaction)
    content: JsonObject = {
        "@odata.context": context(call, f"{table.set_name}"),
        "value": [*rows],
    }
    return Answer(content=content, headers=applied(call))


def _group_name(path: str, table: Table) -> str:
    """Return what a group's column is called: ``account_name`` behind a lookup."""
    head, slash, last = path.rpartition("/")
    if slash:
        return f"{related_by(head.split('/')[0], table)[0][0].referenced}_{last}"
    column = column_of(path, table)
    is_lookup = table.columns[column] is Type.LOOKUP and column != table.key
    return f"_{column}_value" if is_lookup else column


def _next_link(call: Call, address: str, listing: Listing, last: Sequence[str | None]) -> str:
    following = {name: text for name, text in listing.options.items() if name != "$skiptoken"}
    if listing.top is not None:
        following["$top"] = str(listing.top - listing.asked.size)
    following["$skiptoken"] = cookie_of(listing.page + 1, last)
    return f"{call.request.service}{address}?{urlencode(following, quote_via=quote)}"


def cookie_of(page: int, last: Sequence[str | None]) -> str:
    """Return the cookie from which a later page goes on."""
    values = "".join(
        f'<last at="{at}"/>' if one is None else f'<last at="{at}" value="{quote(one, safe="")}"/>'
        for at, one in enumerate(last)
    )
    inner = quote(quote(f'<cookie page="{page - 1}">{values}</cookie>', safe=""), safe="")
    return f'<cookie pagenumber="{page}" pagingcookie="{inner}" istracking="False" />'


def read_cookie(text: str) -> tuple[int, tuple[str | None, ...]]:
    """Return the number of a page, and the values of the last row before it."""
    match = _COOKIE.fullmatch(text)
    if match is None:
        raise Invalid("`$skiptoken` is none that `@odata.nextLink` gave", code=Code.BAD_QUERY)
    return int(match["page"]), read_last(unquote(unquote(match["cookie"])))


def read_last(text: str) -> tuple[str | None, ...]:
    """Return the values of the last row that a cookie has."""
    found = tuple(
        None if one["value"] is None else unquote(one["value"]) for one in _LAST.finditer(text)
    )
    if not found or any("\0" in (one or "") for one in found):
        raise Invalid("the paging cookie is none of ours", code=Code.BAD_QUERY)
    return found


def applied(call: Call) -> dict[str, str]:
    """Return the header that says which preferences were followed."""
    done = call.prefers.applied
    return {"Preference-Applied": done} if done else {}


def _shape(table: Table, options: Mapping[str, str]) -> str:
    select = options.get("$select")
    return f"{table.set_name}({select})" if select else table.set_name


def _without_aliases(options: dict[str, str]) -> dict[str, str]:
    """Take the parameters out of the options: ``@p1`` and its kind."""
    aliases = {name: text for name, text in options.items() if name.startswith("@")}
    for name in aliases:
        del options[name]
    return aliases


def _refuse_unknown(options: Mapping[str, str], known: frozenset[str]) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise Invalid(
            f"the query option `{unknown[0][:40]}` is not known here", code=Code.BAD_QUERY
        )


def _number(text: str, option: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Invalid(f"`{option}` is `{text[:20]}`: write a whole number", code=Code.BAD_QUERY)
    return int(text[:18])
