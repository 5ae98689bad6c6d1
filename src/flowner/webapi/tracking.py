"""Change tracking: a list with a link that later leads to what has changed since.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

from flowner.access.rights import Right
from flowner.errors import Code, Invalid
from flowner.rows import tracking
from flowner.rows.asking import Asking
from flowner.rows.catalogue import Table
from flowner.rows.query import MOST
from flowner.rows.reading import Asked
from flowner.values import Json, JsonObject
from flowner.webapi.addresses import GUID
from flowner.webapi.calls import Call
from flowner.webapi.lists import (
    Listing,
    applied,
    cookie_of,
    expanded,
    read_cookie,
    read_options,
)
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_KNOWN: Final = frozenset({"$select", "$deltatoken", "$skiptoken"})
_LISTED, _TRACKED = 'istracking="False"', 'istracking="True"'


def is_tracked(call: Call) -> bool:
    """Say whether a list begins to be followed, or its changes are asked for."""
    return call.prefers.tracks or "$deltatoken" in call.request.options()


async def answer_tracked(call: Call, table: Table) -> Answer:
    """Answer a list with ``Prefer: odata.track-changes``, and its ``@odata.deltaLink`` later."""
    options = call.request.options()
    unknown = sorted(set(options) - _KNOWN)
    if unknown:
        raise Invalid(f"`{unknown[0][:40]}` does not go with change tracking", code=Code.BAD_QUERY)
    async with call.rooms.store.asking(call.caller, table.name, call.transaction) as asking:
        asking.require(Right.READ)
        listing = read_options(
            {name: text for name, text in options.items() if name == "$select"},
            table,
            page_size=call.prefers.page_size,
        )
        token, skip = options.get("$deltatoken"), options.get("$skiptoken", "")
        if token is None and skip:
            raise Invalid("a page of a followed list has a `$deltatoken`", code=Code.BAD_QUERY)
        if token is None:
            moment = await tracking.follow(asking)
            return await _whole(call, asking, listing, (moment.token, None))
        since = await tracking.read_token(asking, token)
        if _TRACKED in skip:
            after = read_cookie(skip.replace(_TRACKED, _LISTED))
            return await _whole(call, asking, listing, (token, after))
        return await _changes(call, asking, listing, (since, skip))


async def answer_tracked_count(call: Call, table: Table) -> Answer:
    """Answer ``accounts/$count?$deltatoken=…``: how many changes there are to be told."""
    options = call.request.options()
    unknown = sorted(set(options) - {"$deltatoken"})
    if unknown:
        raise Invalid(f"`{unknown[0][:40]}` does not go with change tracking", code=Code.BAD_QUERY)
    async with call.rooms.store.asking(call.caller, table.name, call.transaction) as asking:
        asking.require(Right.READ)
        listing = read_options({"$select": table.key}, table)
        since = await tracking.read_token(asking, options["$deltatoken"])
        count, after, goes_on = 0, None, True
        while goes_on:
            found, removed, goes_on = await _told(call, asking, listing, (since, after))
            count, after = count + len(found) + len(removed), max([*found, *removed], default=None)
    return Answer(content=str(count).encode(), media_type="text/plain")


async def _whole(
    call: Call,
    asking: Asking,
    listing: Listing,
    place: tuple[str, tuple[int, Sequence[str | None]] | None],
) -> Answer:
    """Answer a page of all rows. Whatever changes meanwhile is behind the token of its start."""
    token, at = place
    number, after = at or (1, None)
    asked = Asked(columns=listing.asked.columns, size=listing.asked.size,
                  after=None if after is None else tuple(after))  # fmt: skip
    page = await call.rooms.reading.page(call.caller, asking.table.name, asked, call.transaction)
    rows = await expanded(call, asking.table, page.rows, listing)
    if page.last is None:
        return _answer(call, asking.table, listing, rows, {"$deltatoken": token})
    cookie = cookie_of(number + 1, page.last).replace(_LISTED, _TRACKED)
    following = {"$deltatoken": token, "$skiptoken": cookie}
    return _answer(call, asking.table, listing, rows, following)


async def _changes(
    call: Call, asking: Asking, listing: Listing, place: tuple[tracking.Moment, str]
) -> Answer:
    """Answer a page of the rows that are new or changed, and of the ids of those removed."""
    since, skip = place
    table, number, after = asking.table, 1, None
    if skip:
        number, last = read_cookie(skip)
        after, later = last if len(last) == 2 else (None, None)
        if after is None or later is None or GUID.fullmatch(after) is None:
            raise Invalid("`$skiptoken` is none that `@odata.nextLink` gave", code=Code.BAD_QUERY)
    else:
        later = (await tracking.follow(asking)).token
    found, removed, goes_on = await _told(call, asking, listing, (since, after))
    rows = await expanded(call, table, list(found.values()), listing)
    gone = [_deleted(call, table, id) for id in removed]
    following = {"$deltatoken": later}
    if goes_on:
        cookie = cookie_of(number + 1, (max([*found, *removed]), later))
        following = {"$deltatoken": since.token, "$skiptoken": cookie}
    return _answer(call, table, listing, [*rows, *gone], following)


async def _told(
    call: Call, asking: Asking, listing: Listing, place: tuple[tracking.Moment, str | None]
) -> tuple[dict[str, JsonObject], list[str], bool]:
    """Return the next changed rows by id, the ids of removed ones, and whether there are more.

    A page that goes on has one row at least: the next begins behind one that may be told of.
    """
    (since, after), table = place, asking.table
    asked = Asked(columns=listing.asked.columns, size=1)
    while True:
        changed = await tracking.changes(asking, since, after, min(listing.asked.size, MOST))
        found = await call.rooms.reading.those(
            call.caller, table.name, (table.key, changed.ids), asked, call.transaction
        )
        removed = await tracking.removed(asking, changed.gone)
        if found or removed or changed.last is None:
            rows = {id: found[id][0] for id in changed.ids if id in found}
            return rows, removed, changed.last is not None
        after = changed.last


def _answer(
    call: Call,
    table: Table,
    listing: Listing,
    rows: Sequence[JsonObject],
    following: dict[str, str],
) -> Answer:
    select = listing.options.get("$select")
    shape = f"{table.set_name}({select})" if select else table.set_name
    query = ({"$select": select} if select else {}) | following
    link = f"{call.request.service}{table.set_name}?{urlencode(query, quote_via=quote, safe='$')}"
    value: list[Json] = [*rows]
    content: JsonObject = {
        "@odata.context": context(call, f"{shape}/$delta"),
        "@odata.nextLink" if "$skiptoken" in following else "@odata.deltaLink": link,
        "value": value,
    }
    return Answer(content=content, headers=applied(call))


def _deleted(call: Call, table: Table, id: str) -> JsonObject:
    said = context(call, f"{table.set_name}/$deletedEntity")
    return {"@odata.context": said, "id": id, "reason": "deleted"}
