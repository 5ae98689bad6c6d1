"""FetchXML: read without entities or documents from elsewhere, answered as a list.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/reference
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from lxml import etree

from flowner.errors import Code, Invalid
from flowner.odata.syntax import And, Column, Not, Or, Order, Predicate, Related
from flowner.rows.catalogue import Table
from flowner.rows.compiling import column_of
from flowner.rows.query import MOST
from flowner.rows.reading import Asked, Group, Page
from flowner.values import JsonObject
from flowner.webapi.calls import Call
from flowner.webapi.lists import Listing, applied, expanded, read_last
from flowner.webapi.queries import MOST_DEEP, read_columns, read_condition
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_COOKIE: Final = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
_MORE: Final = "Microsoft.Dynamics.CRM.morerecords"
_MOST_SKIPPED: Final = 50_000
_METHODS: Final = {
    "count": "count", "countcolumn": "countcolumn", "sum": "sum", "avg": "average",
    "min": "min", "max": "max",
}  # fmt: skip
_KNOWN: Final = {
    "fetch": {"top", "count", "page", "paging-cookie", "version", "mapping", "output-format",
              "aggregate", "returntotalrecordcount", "no-lock", "distinct"},
    "entity": {"name"},
    "attribute": {"name", "alias", "aggregate", "groupby", "distinct"},
    "order": {"attribute", "alias", "descending"},
    "filter": {"type"},
    "condition": {"attribute", "operator", "value", "valueof"},
    "link-entity": {"name", "from", "to", "alias", "link-type", "intersect", "visible"},
    "value": set(), "all-attributes": set(), "no-attrs": set(),
}  # fmt: skip


async def answer_fetch(call: Call, table: Table, text: str) -> Answer:
    """Answer ``accounts?fetchXml=…``."""
    fetch = _parse(text)
    entity = fetch.find("entity")
    if entity is None or entity.get("name") != table.name or len(fetch) != 1:
        raise Invalid(f"`fetch` has one `entity`, which is `{table.name}`", code=Code.BAD_QUERY)
    wanted = And(tuple(await _filters(call, entity, table, 0)))
    if fetch.get("aggregate") in ("true", "1"):
        return await _grouped(call, table, entity, wanted)
    columns = None if entity.find("all-attributes") is not None else sorted(
        {_column(one, "name", table) for one in entity.findall("attribute")} | {table.key}
    )  # fmt: skip
    number = _number(fetch, "page", 1)
    most = min(_number(fetch, "top", MOST), _number(fetch, "count", MOST), MOST)
    page, cookie = await _page(call, table, fetch, Asked(
        columns=None if columns is None else sorted({*columns, "versionnumber"}),
        wanted=wanted,
        order=tuple(_orders(entity, table)),
        size=most,
        counts=fetch.get("returntotalrecordcount") in ("true", "1"),
    ))  # fmt: skip
    listing = Listing(asked=Asked(), columns=columns)
    content: JsonObject = {"@odata.context": context(call, table.set_name)}
    more = page.last is not None and "top" not in fetch.attrib
    if page.count is not None:
        content["@Microsoft.Dynamics.CRM.totalrecordcount"] = page.count
    if call.prefers.wants(_MORE):
        content[f"@{_MORE}"] = more
    if more and cookie and call.prefers.wants(_COOKIE):
        inner = quote(quote(cookie, safe=""), safe="")
        said = f'<cookie pagenumber="{number + 1}" pagingcookie="{inner}" istracking="False" />'
        content[f"@{_COOKIE}"] = said
    content["value"] = [*await expanded(call, table, page.rows, listing)]
    return Answer(content=content, headers=applied(call))


async def _page(
    call: Call, table: Table, fetch: etree._Element, asked: Asked
) -> tuple[Page, str | None]:
    """Return the page, and the cookie of the one behind it."""
    reading, number = call.rooms.reading, _number(fetch, "page", 1)
    given = fetch.get("paging-cookie")
    skipped = 0
    if given:
        asked = Asked(columns=asked.columns, wanted=asked.wanted, order=asked.order,
                      size=asked.size, after=read_last(given), counts=asked.counts)  # fmt: skip
    elif number > 1:
        skipped = (number - 1) * asked.size
        if skipped > _MOST_SKIPPED:
            raise Invalid("so far into a list only a paging cookie leads", code=Code.BAD_QUERY)
        asked = Asked(columns=asked.columns, wanted=asked.wanted, order=asked.order,
                      size=skipped + asked.size, counts=asked.counts)  # fmt: skip
    page = await reading.page(call.caller, table.name, asked, call.transaction)
    rows = page.rows[skipped:]
    if page.last is None:
        return Page(rows=rows, last=None, count=page.count), None
    values = "".join(
        f'<last at="{at}"/>' if one is None else f'<last at="{at}" value="{quote(one, safe="")}"/>'
        for at, one in enumerate(page.last)
    )
    cookie = f'<cookie page="{number}">{values}</cookie>'
    return Page(rows=rows, last=page.last, count=page.count), cookie


def _parse(text: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        fetch = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise Invalid(f"`fetchXml` is not XML: {error.msg}"[:200], code=Code.BAD_QUERY) from None
    if fetch.tag != "fetch" or "<!DOCTYPE" in text:
        raise Invalid("`fetchXml` is one `fetch` element", code=Code.BAD_QUERY)
    for element in fetch.iter():
        known = _KNOWN.get(str(element.tag))
        unknown = sorted({str(name) for name in element.attrib} - (known or set()))
        if known is None or unknown:
            what = str(element.tag) if known is None else f"{element.tag}/@{unknown[0]}"
            raise Invalid(f"`{what[:60]}` of FetchXML is not known here", code=Code.BAD_QUERY)
    return fetch


async def _filters(
    call: Call, element: etree._Element, table: Table, depth: int
) -> list[Predicate]:
    if depth > MOST_DEEP:
        raise Invalid(f"FetchXML is nested more than {MOST_DEEP} deep", code=Code.BAD_QUERY)
    found: list[Predicate] = []
    for one in element:
        if one.tag == "filter":
            parts = tuple(await _filters(call, one, table, depth + 1))
            found.append(Or(parts) if one.get("type") == "or" and parts else And(parts))
        elif one.tag == "condition":
            found.append(_condition(one, table))
        elif one.tag == "link-entity":
            found.append(await _link(call, one, table, depth))
    return found


async def _link(call: Call, element: etree._Element, table: Table, depth: int) -> Predicate:
    """Return what a linked table asks of the row: that there is such a row, or is none."""
    other = await call.named(element.get("name", ""))
    if element.find("attribute") is not None or element.find("all-attributes") is not None:
        raise Invalid("columns of linked tables are asked for by `$expand`", code=Code.BAD_QUERY)
    here, there = element.get("to", ""), element.get("from", "")
    path = next(
        (one.navigation for one in table.outgoing
         if one.attribute == here and one.referenced == other.name and there == other.key),
        next((one.collection for one in table.incoming
              if one.attribute == there and one.referencing == other.name and here == table.key),
             None),
    )  # fmt: skip
    if path is None:
        raise Invalid(
            f"no relationship leads from `{table.name}.{here}` to `{other.name}.{there}`",
            code=Code.BAD_QUERY,
        )
    inner = And(tuple(await _filters(call, element, other, depth + 1)))
    match element.get("link-type", "inner"):
        case "inner" | "exists" | "any" | "in" | "matchfirstrowusingcrossapply":
            return Related(path, inner)
        case "not any":
            return Not(Related(path, inner))
        case "outer":
            return And(())
        case other_type:
            raise Invalid(f"the link type `{other_type[:40]}` is not known", code=Code.BAD_QUERY)


def _condition(element: etree._Element, table: Table) -> Predicate:
    column, operator = _column(element, "attribute", table), element.get("operator", "")
    other = element.get("valueof")
    if other is not None:
        return read_columns(column, operator, other)
    values = [one.text or "" for one in element.findall("value")]
    given = element.get("value")
    return read_condition(column, operator, values if given is None else [given, *values])


def _orders(entity: etree._Element, table: Table) -> Iterator[Order]:
    for one in entity.findall("order"):
        descending = one.get("descending") in ("true", "1")
        yield Order(Column(_column(one, "attribute", table)), descending)


def _column(element: etree._Element, attribute: str, table: Table) -> str:
    try:
        return column_of(element.get(attribute, ""), table)
    except Invalid as error:
        raise Invalid(error.message, code=Code.NO_COLUMN) from None


async def _grouped(call: Call, table: Table, entity: etree._Element, wanted: Predicate) -> Answer:
    by, aggregates = [], []
    for one in entity.findall("attribute"):
        column, alias = _column(one, "name", table), one.get("alias")
        if not alias:
            raise Invalid("every attribute of an aggregate has an alias", code=Code.BAD_QUERY)
        if one.get("groupby") in ("true", "1"):
            by.append((column, alias))
            continue
        method = _METHODS.get(one.get("aggregate", ""))
        if method is None:
            raise Invalid(f"`{alias[:40]}` is neither grouped nor added up", code=Code.BAD_QUERY)
        if one.get("distinct") in ("true", "1") and method == "countcolumn":
            method = "countdistinct"
        aggregates.append((method, None if method == "count" else column, alias))
    rows = await call.rooms.reading.groups(
        call.caller, table.name, Group(wanted=wanted, by=by, aggregates=aggregates),
        call.transaction,
    )  # fmt: skip
    for order in reversed(entity.findall("order")):
        name = order.get("alias", "")
        rows.sort(
            key=lambda row, name=name: (row.get(name) is not None, _sortable(row.get(name))),  # type: ignore[misc]
            reverse=order.get("descending") in ("true", "1"),
        )
    content: JsonObject = {"@odata.context": context(call, table.set_name), "value": [*rows]}
    return Answer(content=content, headers=applied(call))


def _sortable(value: object) -> tuple[float, str]:
    is_number = isinstance(value, int | float)
    return (float(str(value)), "") if is_number and not isinstance(value, bool) else (0, str(value))


def _number(element: etree._Element, name: str, otherwise: int) -> int:
    text = element.get(name)
    if text is None:
        return otherwise
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= MOST * 1000:
        raise Invalid(f"`{name}` of FetchXML is a whole number above 0", code=Code.BAD_QUERY)
    return int(text[:9])
