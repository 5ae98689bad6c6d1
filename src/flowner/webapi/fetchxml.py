"""FetchXML read: which rows of which tables, in what order, or added up how.

Read without entities or documents from elsewhere. Source:
https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/reference
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from lxml import etree

from flowner.errors import Code, Invalid
from flowner.odata.syntax import TRUE, And, Column, Not, Or, Order, Predicate, Related
from flowner.rows.associations import Association
from flowner.rows.catalogue import Table
from flowner.rows.compiling import column_of
from flowner.rows.describing import key_of
from flowner.rows.joining import Join, Kind
from flowner.rows.query import MOST
from flowner.webapi.calls import Call
from flowner.webapi.queries import MOST_DEEP, read_columns, read_condition

_METHODS: Final = {
    "count": "count", "countcolumn": "countcolumn", "sum": "sum", "avg": "average",
    "min": "min", "max": "max",
}  # fmt: skip
_KINDS: Final = {
    "inner": Kind.INNER, "outer": Kind.OUTER, "matchfirstrowusingcrossapply": Kind.FIRST,
}  # fmt: skip
_TESTS: Final = ("exists", "in", "any", "not any", "all", "not all")
_SHOWN: Final = {"uiname", "uitype", "uihidden"}
"""What designers write for themselves."""
_KNOWN: Final = {
    "fetch": {"top", "count", "page", "paging-cookie", "version", "mapping", "output-format",
              "aggregate", "returntotalrecordcount", "no-lock", "distinct"},
    "entity": {"name"},
    "attribute": {"name", "alias", "aggregate", "groupby", "distinct", "dategrouping"},
    "order": {"attribute", "alias", "descending", "entityname"},
    "filter": {"type"},
    "condition": {"attribute", "operator", "value", "valueof", "entityname", *_SHOWN},
    "link-entity": {"name", "from", "to", "alias", "link-type", "intersect", "visible"},
    "value": _SHOWN, "all-attributes": set(), "no-attrs": set(),
}  # fmt: skip


@dataclass(slots=True)
class Fetch:
    """What one ``fetch`` asks for. Names are those of links; the entity itself is ``""``."""

    element: etree._Element
    tables: dict[str, Table]
    joins: list[Join] = field(default_factory=list)
    columns: dict[str, list[str] | None] = field(default_factory=dict)
    """None: all of the entity's."""
    called: dict[tuple[str, str], str] = field(default_factory=dict)
    """Aliases of columns, by the name of their table and their own."""
    wanted: Predicate = TRUE
    order: list[Order] = field(default_factory=list)
    by: list[tuple[str, str, str | None]] = field(default_factory=list)
    aggregates: list[tuple[str, str | None, str]] = field(default_factory=list)
    ordered: list[tuple[str, bool]] = field(default_factory=list)
    """The order of groups."""

    @property
    def is_aggregate(self) -> bool:
        """Whether rows are added up."""
        return self.says("aggregate")

    def says(self, name: str) -> bool:
        """Say whether an attribute of ``fetch`` is true."""
        return self.element.get(name) in ("true", "1")

    def number(self, name: str, otherwise: int) -> int:
        """Return an attribute of ``fetch`` that is a whole number above 0."""
        text = self.element.get(name)
        if text is None:
            return otherwise
        if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= MOST * 1000:
            raise Invalid(f"`{name}` of FetchXML is a whole number above 0", code=Code.BAD_QUERY)
        return int(text[:9])


async def read_fetch(call: Call, table: Table, text: str) -> Fetch:
    """Read a ``fetch`` about a table. `Invalid` for whatever is not known here."""
    element = _parse(text)
    entity = element.find("entity")
    if entity is None or entity.get("name") != table.name or len(element) != 1:
        raise Invalid(f"`fetch` has one `entity`, which is `{table.name}`", code=Code.BAD_QUERY)
    reader = _Reader(call, Fetch(element, {"": table}))
    await reader.read(entity, "")
    reader.read_orders()
    return reader.fetch


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


class _Reader:
    """Reads one ``fetch`` from the top down: links before what names them."""

    def __init__(self, call: Call, fetch: Fetch) -> None:
        self._call, self.fetch = call, fetch
        self._orders: list[tuple[etree._Element, str]] = []
        """Of the entity before those of its links, which they may name."""

    async def read(self, element: etree._Element, name: str, depth: int = 0) -> Predicate:
        """Read an entity or a link; return what it asks of its own rows."""
        _bounded(depth)
        fetch, table = self.fetch, self.fetch.tables[name]
        self._orders += [(one, name) for one in element.findall("order")]
        tests = []
        for link in element.findall("link-entity"):
            kind = link.get("link-type", "inner")
            if kind in _TESTS:
                tests.append(await self._test(link, table, depth + 1))
            else:
                await self._join(link, name, depth + 1)
        self._attributes(element, name)
        wanted = And((*tests, *await self._filters(element, table, name, depth)))
        if not name:
            fetch.wanted = wanted
        return wanted

    async def _join(self, link: etree._Element, parent: str, depth: int) -> None:
        kind = _KINDS.get(link.get("link-type", "inner"))
        if kind is None:
            raise Invalid(
                f"the link type `{link.get('link-type', '')[:40]}` is not known",
                code=Code.BAD_QUERY,
            )
        fetch = self.fetch
        through, end = _through(link, fetch.tables[parent])
        table = await self._call.named(end.get("name", ""))
        if through is not None and kind is Kind.FIRST:
            raise Invalid("pairs are linked by `inner` or `outer`", code=Code.BAD_QUERY)
        name = end.get("alias") or f"{table.name}{len(fetch.joins) + 1}"
        if name in fetch.tables or "." in name:
            raise Invalid(f"`{name[:60]}` is no alias of a link of its own", code=Code.BAD_QUERY)
        to = _column(link, "to", fetch.tables[parent])
        place = len(fetch.joins)
        fetch.tables[name] = table
        join = Join(name=name, table=table.name, column=_column(end, "from", table),
                    to=_placed(parent, to), kind=kind, through=through)  # fmt: skip
        fetch.joins.append(join)
        wanted = await self.read(end, name, depth)
        fetch.joins[place] = replace(join, wanted=wanted)

    async def _test(self, link: etree._Element, table: Table, depth: int) -> Predicate:
        """Return what a link asks that shows nothing: that there is such a row, or is none.

        ``all`` means what its documentation says, not its name: there are such rows, and none of
        them meets the conditions. Source:
        https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/filter-rows
        """
        _bounded(depth)
        through, end = _through(link, table)
        other = await self._call.named(end.get("name", ""))
        path = _path(link, table, other) if through is None else through.navigation
        found = Related(path, And(tuple(await self._filters(end, other, "", depth, links=True))))
        match link.get("link-type", "inner"):
            case "not any":
                return Not(found)
            case "all":
                return And((Related(path, TRUE), Not(found)))
            case "outer":
                return TRUE
            case _:
                return found

    async def _filters(
        self,
        element: etree._Element,
        table: Table,
        name: str,
        depth: int,
        *,
        links: bool = False,
    ) -> list[Predicate]:
        """Return the conditions of an element's filters; ``links``: of its links as well."""
        _bounded(depth)
        found: list[Predicate] = []
        for one in element:
            if one.tag == "filter":
                parts = tuple(await self._filters(one, table, name, depth + 1, links=links))
                found.append(Or(parts) if one.get("type") == "or" and parts else And(parts))
            elif one.tag == "condition":
                found.append(self._condition(one, table, name))
            elif one.tag == "link-entity" and (links or element.tag == "filter"):
                found.append(await self._test(one, table, depth + 1))
        return found

    def _condition(self, element: etree._Element, table: Table, name: str) -> Predicate:
        link = element.get("entityname")
        if link is not None:
            if name or link not in self.fetch.tables or not link:
                raise Invalid(f"`{link[:60]}` is no link of this entity", code=Code.BAD_QUERY)
            table = self.fetch.tables[link]
        column = _column(element, "attribute", table)
        operator, other = element.get("operator", ""), element.get("valueof")
        if other is not None:
            head, _, last = other.rpartition(".")
            of = self.fetch.tables.get(head, table) if not name else table
            named = _placed(head, _known(last, of)) if head else _known(other, table)
            return read_columns(_placed(link or "", column), operator, named)
        values = [one.text or "" for one in element.findall("value")]
        given = element.get("value")
        return read_condition(
            _placed(link or "", column), operator, values if given is None else [given, *values]
        )

    def _attributes(self, element: etree._Element, name: str) -> None:
        fetch, table = self.fetch, self.fetch.tables[name]
        given = element.findall("attribute")
        if fetch.is_aggregate:
            for one in given:
                self._aggregate(one, name)
            return
        every = element.find("all-attributes") is not None
        if every or (not name and not given and element.find("no-attrs") is None):
            fetch.columns[name] = sorted(table.columns) if name else None
            return
        columns = []
        for one in given:
            column, alias = _column(one, "name", table), one.get("alias")
            columns.append(column)
            if alias:
                fetch.called[name, column] = alias
        fetch.columns[name] = columns

    def _aggregate(self, one: etree._Element, name: str) -> None:
        fetch = self.fetch
        column, alias = _column(one, "name", fetch.tables[name]), one.get("alias")
        taken = {by[1] for by in fetch.by} | {made[2] for made in fetch.aggregates}
        if not alias or alias in taken:
            raise Invalid(
                "every attribute of an aggregate has an alias of its own", code=Code.BAD_QUERY
            )
        path = _placed(name, column)
        if one.get("groupby") in ("true", "1"):
            fetch.by.append((path, alias, one.get("dategrouping")))
            return
        method = _METHODS.get(one.get("aggregate", ""))
        if method is None:
            raise Invalid(f"`{alias[:40]}` is neither grouped nor added up", code=Code.BAD_QUERY)
        if one.get("distinct") in ("true", "1") and method == "countcolumn":
            method = "countdistinct"
        fetch.aggregates.append((method, None if method == "count" else path, alias))

    def read_orders(self) -> None:
        """Read the order, once every link is known."""
        for one, name in self._orders:
            descending = one.get("descending") in ("true", "1")
            if self.fetch.is_aggregate:
                self.fetch.ordered.append((one.get("alias", ""), descending))
                continue
            link = one.get("entityname", name)
            if link not in self.fetch.tables:
                raise Invalid(f"`{link[:60]}` is no link of this entity", code=Code.BAD_QUERY)
            column = _column(one, "attribute", self.fetch.tables[link])
            self.fetch.order.append(Order(Column(_placed(link, column)), descending))


def _through(link: etree._Element, table: Table) -> tuple[Association | None, etree._Element]:
    """Return the relationship whose pairs a link goes through, and the link behind them.

    A link to anything else is given back as it is.
    """
    told = (link.get("name", ""), link.get("from", ""), link.get("to", ""))
    for one in table.associations:
        if told != (one.intersect, one.pair[0], table.key):
            continue
        (end, *more) = list(link) or [link]
        there = (end.get("name"), end.get("from"), end.get("to"))
        if more or there != (one.other, key_of(one.other), one.pair[1]):
            raise Invalid(
                f"a link through `{one.intersect}` has one link to `{one.other}` in it, and"
                " nothing else",
                code=Code.BAD_QUERY,
            )
        return one, end
    return None, link


def _path(link: etree._Element, table: Table, other: Table) -> str:
    """Return the navigation property that leads where a link does."""
    here, there = link.get("to", ""), link.get("from", "")
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
    return path


def _column(element: etree._Element, attribute: str, table: Table) -> str:
    return _known(element.get(attribute, ""), table)


def _known(name: str, table: Table) -> str:
    try:
        return column_of(name, table)
    except Invalid as error:
        raise Invalid(error.message, code=Code.NO_COLUMN) from None


def _placed(name: str, column: str) -> str:
    return f"{name}.{column}" if name else column


def _bounded(depth: int) -> None:
    if depth > MOST_DEEP:
        raise Invalid(f"FetchXML is nested more than {MOST_DEEP} deep", code=Code.BAD_QUERY)
