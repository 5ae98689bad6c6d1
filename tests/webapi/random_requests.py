"""Random requests of every kind that the Web API answers, and of kinds that it refuses.

Most are nearly right, some are mangled. Where what has to be answered can be worked out from the
world, a request carries a check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flowner.access.rights import Right
from flowner.errors import Invalid
from flowner.odata.evaluate import holds
from flowner.odata.parser import parse_filter
from worlds.crowd import LOOKUPS, TABLES, Crowd, Holder, Row, fresh_values

SETS = {"w_item": "w_items", "w_part": "w_parts"}
SPACE = "Microsoft.Dynamics.CRM."
COLUMNS: dict[str, dict[str, str]] = {
    "w_item": {
        "w_name": "text", "w_code": "text", "w_note": "text", "w_secret": "text",
        "w_size": "number", "w_price": "number", "w_done": "bool", "w_due": "moment",
        "w_kind": "choice", "w_kinds": "text", "statecode": "choice", "createdon": "moment",
        "_ownerid_value": "id", "_w_parentid_value": "id", "_w_partid_value": "id",
        "w_itemid": "id", "_owningbusinessunit_value": "id", "versionnumber": "number",
    },
    "w_part": {
        "p_name": "text", "p_hint": "text", "p_count": "number", "statecode": "choice",
        "_ownerid_value": "id", "_p_mainid_value": "id", "w_partid": "id",
    },
}  # fmt: skip
BACK = {"w_item": ("w_parent_items", "p_main_parts"), "w_part": ("w_part_items",)}
BEHIND = {"w_parentid": "w_item", "w_partid": "w_part", "p_mainid": "w_item",
          "w_parent_items": "w_item", "p_main_parts": "w_part", "w_part_items": "w_item"}  # fmt: skip
WEIRD = (
    "", "'", "''", "\\", "%", "_", "a'b", "Ünï", "日本", "🦊", "\u202e", "\u0000", "\x1b", "null",
    "true", "-1", "1e999", "NaN", "9" * 40, "x" * 3000, "'; DROP TABLE rows.w_item; --",
    "' OR 1=1 --", "%s", "{0}", "$1", "@p", "*", "--", "/*", ")", "(", ",", ";", "\n", "\t", "é",
    "<a/>", "]]>", "&amp;", "../..", "rows.systemuser", "\ud7ff", "00000000", "2024-02-30",
)  # fmt: skip
FUNCTIONS = ("Today", "LastXDays", "NextXYears", "On", "NotOn", "OnOrAfter", "In", "NotIn",
             "Between", "NotBetween", "EqualUserId", "NotEqualUserId", "EqualUserTeams",
             "EqualBusinessId", "ContainValues", "Contains", "BeginsWith", "DoesNotEndWith",
             "OlderThanXMinutes", "LastXHours", "ThisWeek", "EqualUserOrUserTeams")  # fmt: skip
OPERATORS = ("eq", "ne", "gt", "ge", "lt", "le", "in", "has", "null", "not-null", "like", "between",
             "begins-with", "not-in", "eq-userid", "last-x-days", "on", "contain-values")  # fmt: skip
NOBODY = "00000000-0000-0000-0000-000000000000"
Check = Callable[["View", int, Any], str | None]


@dataclass(slots=True)
class Asked:
    """One request, as bytes are made of it, and in whose name."""

    method: str
    path: str
    """Behind the service's address, escaped; with the query."""
    who: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    acting: str | None = None
    inner: str | None = None
    """Whom every part of a batch names."""
    check: Check | None = None
    kind: str = ""

    @property
    def text(self) -> str:
        """Everything that the client has said."""
        return f"{self.path} {self.headers} {self.body.decode('utf-8', 'replace')}"


@dataclass(slots=True)
class View:
    """What the two in whose name is asked may read, together."""

    crowd: Crowd
    acting: Holder
    actor: Holder | None
    rows: Mapping[str, Row]

    def privileged(self, table: str, right: Right = Right.READ) -> bool:
        return all(self.crowd.privileged(one, right, table) for one in self._both())

    def may(self, right: Right, row: Row) -> bool:
        return all(self.crowd.may(one, right, row) for one in self._both())

    def reads(self, row: Row) -> bool:
        return self.may(Right.READ, row)

    def sees(self, row: Row, column: str) -> bool:
        return self.reads(row) and self.crowd.may_see(self.acting, row, column)

    def visible(self, table: str) -> dict[str, Row]:
        return {id: row for id, row in self.rows.items() if row.table == table and self.reads(row)}

    def dark(self, table: str) -> set[str]:
        return self.crowd.dark(self.acting, table)

    def _both(self) -> list[Holder]:
        return [self.acting] if self.actor is None else [self.acting, self.actor]


class Requests:
    """Makes requests over one world."""

    def __init__(self, crowd: Crowd, links: list[str]) -> None:
        self.crowd, self.random, self.links = crowd, crowd.random, links
        """``links``: addresses of next pages that were answered."""

    def one(self) -> Asked:
        """Return the next request."""
        kinds, weights = zip(*_KINDS, strict=True)
        (make,) = self.random.choices(kinds, weights)
        asked: Asked = make(self)
        asked.kind = make.__name__
        if self.random.random() < 0.12:
            asked.acting = self.random.choice([*self.crowd.people, "nobody"])
        if self.random.random() < 0.25:
            asked.headers.setdefault("Prefer", self._preference())
            if "track-changes" in asked.headers["Prefer"]:
                asked.check = None  # it goes with few options, and answers rows as they were
        if self.random.random() < 0.06:
            self._mangle(asked)
        return asked

    # parts of requests

    def who(self) -> str:
        return self.random.choice(list(self.crowd.people))

    def table(self) -> str:
        return self.random.choice(TABLES)

    def id(self, table: str | None = None) -> str:
        ids = [id for id, row in self.crowd.rows.items() if table in (None, row.table)]
        if not ids or self.random.random() < 0.04:
            # No id that two tables could both get by an upsert: the world knows rows by id alone.
            known = () if table else tuple(self.crowd.directory)
            return self.random.choice((self.fresh(), *known, "x", "0" * 32))
        return self.random.choice(ids)

    def column(self, table: str) -> str:
        odd = (
            "nothing",
            "ownerid",
            "w_parentid",
            "w_name'",
            "1",
            "r.w_name",
            "*",
            "w_parent_items",
        )
        if self.random.random() < 0.05:
            return self.random.choice(odd)
        return self.random.choice(list(COLUMNS[table]))

    def value(self, kind: str) -> str:
        """Return a literal of ``$filter``, nearly always of the kind."""
        if self.random.random() < 0.05:
            kind = self.random.choice(("text", "number", "bool", "moment", "id", "weird"))
        match kind:
            case "text":
                known = self.random.choice([*self.crowd.cells, *WEIRD])
                return "'" + known.replace("'", "''") + "'"
            case "number":
                return self.random.choice((
                    "0", "null", "-1.5", "1e3", "7500000", "9" * 30, "1e999999",
                    *[mark for mark in list(self.crowd.cells)[:40] if mark.isdigit()],
                ))  # fmt: skip
            case "choice":
                return self.random.choice(("0", "1", "2", "null", "99"))
            case "bool":
                return self.random.choice(("true", "false", "null"))
            case "moment":
                return self.random.choice(("2020-01-01", "2024-05-11T10:00:00Z", "null",
                                           "2024-13-41", "0001-01-01T00:00:00+14:00"))  # fmt: skip
            case "id":
                return self.random.choice((self.id(), NOBODY, "null"))
            case _:
                return self.random.choice(WEIRD)

    def comparison(self, table: str, variable: str = "") -> str:
        """Return a test that `holds` can answer as well."""
        column = self.column(table)
        kind = COLUMNS[table].get(column, "text")
        if kind == "text" and self.random.random() < 0.4:
            test = self.random.choice(("contains", "startswith", "endswith"))
            part = self.random.choice((self.value("text")[:6].rstrip("'") + "'", "'zq'", "'a'"))
            part = part if part.startswith("'") and len(part) > 1 else "'q'"
            return f"{test}({variable}{column},{part})"
        op = self.random.choice(("eq", "eq", "ne", "gt", "ge", "lt", "le"))
        if kind in ("id", "bool"):
            op = self.random.choice(("eq", "ne"))
        return f"{variable}{column} {op} {self.value(kind)}"

    def simple(self, table: str, depth: int = 0) -> str:
        """Return a filter over one row alone."""
        shape = self.random.random()
        if depth > 2 or shape < 0.55:
            return self.comparison(table)
        if shape < 0.65:
            return f"not ({self.simple(table, depth + 1)})"
        word = self.random.choice(("and", "or"))
        return f"({self.simple(table, depth + 1)}) {word} ({self.simple(table, depth + 1)})"

    def filter(self, table: str, depth: int = 0) -> str:
        """Return a filter of any kind."""
        shape = self.random.random()
        if shape < 0.4 or depth > 2:
            return self.simple(table, 1)
        if shape < 0.55:
            path = self.random.choice(list(LOOKUPS[table]))
            return self.comparison(LOOKUPS[table][path], f"{path}/")
        if shape < 0.7:
            path, word = self.random.choice(BACK[table]), self.random.choice(("any", "all"))
            inner = self.comparison(BEHIND[path], "o/")
            return f"{path}/{word}(o:{inner})" if self.random.random() < 0.9 else f"{path}/any()"
        if shape < 0.9:
            name, column = self.random.choice(FUNCTIONS), self.column(table)
            value = self.value(COLUMNS[table].get(column, "text"))
            given = self.random.choice((
                f"PropertyName='{column}'", f"PropertyName='{column}',PropertyValue={value}",
                f"PropertyName='{column}',PropertyValues=[{value},{value}]",
                f"PropertyName='{column}',PropertyValues=['1','2']",
                f"PropertyName='{column}',PropertyValue=3",
            ))  # fmt: skip
            return f"{SPACE}{name}({given})"
        return f"({self.filter(table, depth + 1)} or {self.filter(table, depth + 1)})"

    def expand(self, table: str, depth: int = 0) -> str:
        """Return one part of an ``$expand``."""
        if self.random.random() < 0.05:
            return self.random.choice(("nothing", "ownerid", "createdby", "owningbusinessunit", ""))
        path = self.random.choice((*LOOKUPS[table], *BACK[table]))
        other, inner = BEHIND[path], []
        if self.random.random() < 0.4:
            inner.append(f"$select={self.column(other)},{self.column(other)}")
        if self.random.random() < 0.3:
            inner.append(f"$filter={self.filter(other, 2)}")
        if self.random.random() < 0.2:
            inner.append(f"$orderby={self.column(other)} desc")
        if self.random.random() < 0.2:
            inner.append(f"$top={self.random.choice((0, 1, 2, 'x'))}")
        if depth < 3 and self.random.random() < 0.3:
            inner.append(f"$expand={self.expand(other, depth + 1)}")
        return f"{path}({';'.join(inner)})" if inner else path

    def options(self, table: str) -> dict[str, str]:
        """Return options of a list."""
        chosen: dict[str, Callable[[], str]] = {
            "$select": lambda: f"{self.column(table)},{self.column(table)}",
            "$filter": lambda: self.filter(table),
            "$orderby": lambda: self.random.choice((
                f"{self.column(table)} {self.random.choice(('asc', 'desc', 'up'))}",
                f"{self.column(table)},{self.column(table)} desc",
                f"{next(iter(LOOKUPS[table]))}/{self.column(self.table())}",
            )),
            "$expand": lambda: ",".join(
                self.expand(table) for _ in range(self.random.choice((1, 1, 2)))
            ),
            "$top": lambda: self.random.choice(("0", "1", "3", "5000", "9" * 25, "-1", "x")),
            "$count": lambda: self.random.choice(("true", "true", "false", "1")),
        }  # fmt: skip
        return {name: say() for name, say in chosen.items() if self.random.random() < 0.3}

    def body(self, table: str) -> dict[str, Any]:
        """Return the values of a row to be written."""
        found = fresh_values(self.crowd, table)
        kept = {name: value for name, value in found.items() if self.random.random() < 0.6}
        for column, parent in LOOKUPS[table].items():
            if self.random.random() < 0.3:
                kept[f"{column}@odata.bind"] = self.link(parent)
        if self.random.random() < 0.2:
            holder = self.random.choice(list(self.crowd.people.values()))
            kept["ownerid@odata.bind"] = f"/systemusers({holder.id})"
        elif self.random.random() < 0.1:
            team = self.random.choice(list(self.crowd.teams.values()))
            kept["ownerid@odata.bind"] = f"/teams({team.id})"
        if self.random.random() < 0.2:
            odd = ("nothing", "createdon", "versionnumber", "ownerid", "w_kind", "w_due", "w_itemid",
                   "statecode", "w_parentid", "w_paper", "@odata.type", "w_kinds", "w_size",
                   "owningbusinessunit", "", "a@odata.bind", "w_parent_items")  # fmt: skip
            kept[self.random.choice(odd)] = self.json()
        return kept

    def json(self, depth: int = 0) -> Any:
        """Return any JSON."""
        shape = self.random.random()
        if shape < 0.2 and depth < 3:
            return [self.json(depth + 1) for _ in range(2)]
        if shape < 0.3 and depth < 3:
            return {self.random.choice(("a", "@odata.id", "", "value")): self.json(depth + 1)}
        return self.random.choice((None, True, 0, -1, 1.5, 10**30, self.fresh(), *WEIRD))

    def fresh(self) -> str:
        """Return an id that no row has."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def link(self, table: str) -> str:
        forms = ("/{}({})", "{}({})", "http://127.0.0.1/api/data/v9.2/{}({})", "{}({}", "/{}/{}",
                 "http://elsewhere/{}({})")  # fmt: skip
        form = self.random.choices(forms, (10, 5, 3, 0.2, 0.2, 0.2))[0]
        return form.format(SETS[table], self.id(table))

    def key(self, table: str) -> str:
        """Return what addresses a row."""
        shape = self.random.random()
        if table == "w_item" and shape < 0.2:
            codes = [row.values["w_code"] for row in self.crowd.rows.values()
                     if row.table == "w_item" and row.values["w_code"]]  # fmt: skip
            code = self.random.choice([*codes, *WEIRD]).replace("'", "''")
            return quote(f"w_code='{code}'", safe="'=")
        if shape < 0.25:
            return f"{table}id={self.id(table)}"
        if shape < 0.28:
            return quote(self.random.choice(WEIRD), safe="'=,")
        return self.id(table)

    def row(self, table: str) -> str:
        return f"{SETS[table]}({self.key(table)})"

    def _preference(self) -> str:
        return self.random.choice((
            'odata.include-annotations="*"', "return=representation", "odata.maxpagesize=2",
            'odata.include-annotations="*",odata.maxpagesize=3', "odata.maxpagesize=x;;,\"",
            "odata.continue-on-error", "respond-async", 'return=representation,odata.include-'
            'annotations="OData.Community.Display.V1.FormattedValue"', "odata.track-changes",
        ))  # fmt: skip

    def _mangle(self, asked: Asked) -> None:
        """Break a request somewhere."""
        asked.check = None
        at = self.random.randrange(len(asked.path) + 1)
        match self.random.randrange(8):
            case 0:
                asked.path = asked.path[:at] + quote(self.random.choice(WEIRD)) + asked.path[at:]
            case 1:
                asked.path = asked.path[:at] + asked.path[at + 1 :]
            case 2:
                asked.path = asked.path[:at] + self.random.choice(("%", "%ff", "%00", "/", "(", "'",
                             "?", "&", "=", "$", "%c3", "//", "%2f")) + asked.path[at:]  # fmt: skip
            case 3:
                asked.method = self.random.choice(("GET", "POST", "PUT", "PATCH", "DELETE"))
            case 4 if asked.body:
                cut = self.random.randrange(len(asked.body))
                asked.body = asked.body[:cut] + bytes(
                    self.random.choices(range(256), k=self.random.choice((0, 1, 4)))
                ) + asked.body[cut + 1 :]  # fmt: skip
            case 5:
                name = self.random.choice(("If-Match", "If-None-Match", "Prefer", "MSCRMCallerID",
                                           "CallerObjectId", "Content-Type", "Range",
                                           "Accept", "x-ms-file-name"))  # fmt: skip
                text = self.random.choice(WEIRD).encode("ascii", "ignore").decode()
                asked.headers[name] = "".join(sign for sign in text if sign.isprintable())[:200]
            case 6:
                asked.path = asked.path.replace("w_", self.random.choice(("W_", "x_", "w__")), 1)
            case _:
                asked.body = self.random.choice((b"[]", b"null", b"{", b"\xff", b'{"a":1,"a":2}',
                                                 b"[" * 5000, b'{"w_name":"\\u0000"}'))  # fmt: skip


def query(path: str, options: Mapping[str, str]) -> str:
    """Return a path with options."""
    said = "&".join(
        f"{name}={quote(text.encode('utf-8', 'replace'), safe='')}"
        for name, text in options.items()
    )
    return f"{path}?{said}" if said else path


def shown(row: Row) -> dict[str, Any]:
    """Return a row as `holds` reads it."""
    found: dict[str, Any] = {}
    for name, value in row.values.items():
        is_lookup = name.endswith(("id", "by", "owningbusinessunit")) and name != f"{row.table}id"
        wire = f"_{name}_value" if is_lookup else name
        if hasattr(value, "isoformat"):
            found[wire] = value.isoformat()
        else:
            plain = value is None or isinstance(value, bool | int | str)
            found[wire] = value if plain else float(value)
    return found


def _matching(view: View, table: str, text: str) -> set[str]:
    predicate = parse_filter(text)
    return {id for id, row in view.visible(table).items() if holds(predicate, shown(row))}


def _refused(view: View, table: str, text: str, status: int) -> str | None:
    """Say what is wrong with how a list is refused, or nothing."""
    if not view.privileged(table):
        return None if status in (400, 403) else f"{status} without the privilege"
    if any(column in text for column in view.dark(table)):
        return None if status in (400, 403) else f"{status} for a secured column"
    return ""


def _expect_list(table: str, text: str) -> Check:
    def check(view: View, status: int, content: Any) -> str | None:
        refused = _refused(view, table, text, status)
        if refused != "":
            return refused
        if status != 200:
            return None
        try:
            expected = _matching(view, table, text) if text else set(view.visible(table))
        except Invalid:
            return None
        found = {row[f"{table}id"] for row in content["value"]}
        if found != expected:
            return f"answered {sorted(found - expected)} too much, {sorted(expected - found)} less"
        if content.get("@odata.count", len(expected)) != len(expected):
            return f"counts {content['@odata.count']} of {len(expected)}"
        return None

    return check


def a_simple_list(r: Requests) -> Asked:
    table, text = r.table(), ""
    options = {"$select": f"{table}id"}
    if r.random.random() < 0.8:
        text = options["$filter"] = r.simple(table)
    if r.random.random() < 0.5:
        options["$count"] = "true"
    return Asked("GET", query(SETS[table], options), r.who(), check=_expect_list(table, text))


def a_list(r: Requests) -> Asked:
    table = r.table()
    return Asked("GET", query(SETS[table], r.options(table)), r.who())


def an_ordered_list(r: Requests) -> Asked:
    table, column = r.random.choice((("w_item", "w_size"), ("w_part", "p_count")))
    down = r.random.random() < 0.5

    def check(view: View, status: int, content: Any) -> str | None:
        if status != 200:
            return _refused(view, table, "", status) or None
        found = [row[column] for row in content["value"]]
        expected = sorted(
            (row.values[column] for row in view.visible(table).values()),
            key=lambda one: (one is not None, one or 0), reverse=down,
        )  # fmt: skip
        return None if found == expected else f"order {found}, not {expected}"

    options = {"$select": column, "$orderby": f"{column} desc" if down else column}
    return Asked("GET", query(SETS[table], options), r.who(), check=check)


def an_expanded_list(r: Requests) -> Asked:
    table = r.table()
    path = r.random.choice((*LOOKUPS[table], *BACK[table]))
    other, key = BEHIND[path], f"{table}id"
    options = {"$select": key, "$expand": f"{path}($select={other}id)"}

    def check(view: View, status: int, content: Any) -> str | None:
        if status != 200:
            both = view.privileged(table) and view.privileged(other)
            rows = view.visible(table) if both else {}
            return f"{status} for an expand" if both and rows else None
        seen = view.visible(other)
        for row in content["value"]:
            if path in LOOKUPS[table]:
                target = view.rows[row[key]].values[path]
                said = (row[path] or {}).get(f"{other}id")
                if said != (target if target in seen else None):
                    return f"{path} of {row[key]} is {said}"
            else:
                column = next(c for c, back in (("w_parentid", "w_parent_items"),
                              ("p_mainid", "p_main_parts"), ("w_partid", "w_part_items"))
                              if back == path)  # fmt: skip
                there = {id for id, one in seen.items() if one.values[column] == row[key]}
                if {one[f"{other}id"] for one in row[path]} != there:
                    return f"{path} of {row[key]} is {row[path]}, not {there}"
        return None

    return Asked("GET", query(SETS[table], options), r.who(), check=check)


def a_count(r: Requests) -> Asked:
    table = r.table()
    text = r.simple(table) if r.random.random() < 0.7 else ""

    def check(view: View, status: int, content: Any) -> str | None:
        refused = _refused(view, table, text, status)
        if refused != "" or status != 200:
            return refused or None
        try:
            expected = len(_matching(view, table, text) if text else view.visible(table))
        except Invalid:
            return None
        return None if content == str(expected) else f"counts {content}, not {expected}"

    options = {"$filter": text} if text else {}
    return Asked("GET", query(f"{SETS[table]}/$count", options), r.who(), check=check)


def an_aggregate(r: Requests) -> Asked:
    table, column = r.random.choice((("w_item", "w_size"), ("w_part", "p_count")))
    sums = (f"aggregate($count as n,{column} with sum as s,{column} with min as low,"
            f"{column} with max as high,{column} with countdistinct as d)")  # fmt: skip

    def check(view: View, status: int, content: Any) -> str | None:
        if status != 200:
            return _refused(view, table, "", status) or None
        rows = list(view.visible(table).values())
        values = [row.values[column] for row in rows if row.values[column] is not None]
        expected = {"n": len(rows), "s": sum(values) if values else None,
                    "low": min(values, default=None), "high": max(values, default=None),
                    "d": len(set(values))}  # fmt: skip
        return None if content["value"] == [expected] else f"{content['value']}, not {expected}"

    return Asked("GET", query(SETS[table], {"$apply": sums}), r.who(), check=check)


def a_grouping(r: Requests) -> Asked:
    def check(view: View, status: int, content: Any) -> str | None:
        if status != 200:
            return _refused(view, "w_item", "", status) or None
        expected: dict[Any, int] = {}
        for row in view.visible("w_item").values():
            expected[row.values["w_kind"]] = expected.get(row.values["w_kind"], 0) + 1
        found = {row["w_kind"]: row["n"] for row in content["value"]}
        return None if found == expected else f"groups {found}, not {expected}"

    apply = {"$apply": "groupby((w_kind),aggregate($count as n))"}
    return Asked("GET", query("w_items", apply), r.who(), check=check)


def an_apply(r: Requests) -> Asked:
    table = r.table()
    one, other = r.column(table), r.column(table)
    path = f"{next(iter(LOOKUPS[table]))}/{r.column(LOOKUPS[table][next(iter(LOOKUPS[table]))])}"
    method = r.random.choice(("sum", "average", "min", "max", "countdistinct", "count", "first"))
    alias = r.random.choice(("n", "s", "w_name", "ränge", 'a"b', "a'b", "x" * 80))
    text = r.random.choice((
        f"groupby(({one},{other}))", f"groupby(({path}),aggregate($count as {alias}))",
        f"aggregate({one} with {method} as {alias})", f"filter({r.filter(table)})/groupby(({one}))",
        f"groupby(({one}),aggregate({other} with {method} as {alias}))", "groupby((", "x",
        f"aggregate({path} with {method} as {alias})",
    ))  # fmt: skip
    return Asked("GET", query(SETS[table], {"$apply": text}), r.who())


def a_fetch(r: Requests) -> Asked:
    table = r.table()

    def attribute(name: str) -> str:
        said = r.column(name).removeprefix("_").removesuffix("_value")
        return said.replace("&", "").replace("<", "").replace("'", "")

    def value() -> str:
        said = r.value(r.random.choice(("text", "number", "moment", "id"))).strip("'")
        escaped = said.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
        return "".join(sign for sign in escaped if sign.isprintable())

    def condition(name: str) -> str:
        op = r.random.choice(OPERATORS)
        head = f"<condition attribute='{attribute(name)}' operator='{op}'"
        return r.random.choice((
            f"{head} value='{value()}'/>", f"{head}/>", f"{head} valueof='{attribute(name)}'/>",
            f"{head}><value>{value()}</value><value>{value()}</value></condition>",
        ))  # fmt: skip

    to = r.random.choice(list(LOOKUPS[table]))
    other = LOOKUPS[table][to]
    inner = "".join(r.random.sample((
        f"<attribute name='{attribute(table)}'/>", f"<filter>{condition(table)}</filter>",
        f"<filter type='or'>{condition(table)}{condition(table)}</filter>", "<all-attributes/>",
        f"<order attribute='{attribute(table)}' descending='true'/>",
        f"<link-entity name='{other}' from='{other}id' to='{to}' alias='l' link-type='"
        f"{r.random.choice(('inner', 'outer', 'any', 'not any', 'exists'))}'>"
        f"<filter>{condition(other)}</filter></link-entity>",
        f"<link-entity name='{other}' from='{other}id' to='{to}' alias='l'><attribute name='"
        f"{attribute(other)}'/></link-entity>",
    ), r.random.randrange(1, 4)))  # fmt: skip
    head = r.random.choice((
        "", " top='2'", " count='2' page='1'", " returntotalrecordcount='true'", " count='2'"
        " page='2'", " paging-cookie='&lt;cookie page=&quot;1&quot;&gt;&lt;last at=&quot;0&quot;"
        " value=&quot;x&quot;/&gt;'", " distinct='true'", " page='99999'", " top='x'",
    ))  # fmt: skip
    if r.random.random() < 0.3:
        head += " aggregate='true'"
        inner = (f"<attribute name='{attribute(table)}' alias='a' aggregate='"
                 f"{r.random.choice(('count', 'sum', 'min', 'max', 'avg', 'countcolumn'))}'/>"
                 f"<attribute name='{attribute(table)}' alias='g' groupby='true'/>")  # fmt: skip
    text = f"<fetch{head}><entity name='{table}'>{inner}</entity></fetch>"
    return Asked("GET", query(SETS[table], {"fetchXml": text}), r.who())


def a_counting_fetch(r: Requests) -> Asked:
    table = r.table()
    text = (f"<fetch aggregate='true'><entity name='{table}'><attribute name='{table}id' alias='n'"
            " aggregate='count'/></entity></fetch>")  # fmt: skip

    def check(view: View, status: int, content: Any) -> str | None:
        if status != 200:
            return _refused(view, table, "", status) or None
        expected = [{"n": len(view.visible(table))}]
        return None if content["value"] == expected else f"{content['value']}, not {expected}"

    return Asked("GET", query(SETS[table], {"fetchXml": text}), r.who(), check=check)


def a_statement(r: Requests) -> Asked:
    table = r.table()
    one, other = r.column(table), r.column(table)
    value = r.value("text") if r.random.random() < 0.6 else r.value("number")
    text = r.random.choice((
        f"SELECT {one}, {other} FROM {table}", f"SELECT {one} FROM {table} WHERE {other} = {value}",
        f"SELECT TOP 2 {one} FROM {table} ORDER BY {other} DESC", f"SELECT * FROM {table}",
        f"SELECT {one} FROM {table} t WHERE t.{other} LIKE {value}",
        f"SELECT {one} FROM {table} WHERE {other} IN ({value}, {value})",
        f"SELECT {one} FROM systemuser", f"SELECT count(*) FROM {table}",
        f"SELECT {one} FROM {table} WHERE {other} IS NOT NULL AND NOT ({one} BETWEEN {value} AND 9)",
        f"SELECT a.{one} FROM {table} a JOIN w_part b ON a.w_partid = b.w_partid",
        f"DROP TABLE {table}", f"SELECT {one} FROM {table}; DROP TABLE {table}", "",
        f"SELECT {one}, COUNT({other}) FROM {table} GROUP BY {one}",
    ))  # fmt: skip
    return Asked("GET", query(SETS[table], {"sql": text}), r.who())


def a_row(r: Requests) -> Asked:
    table = r.table()
    id = r.id(table)
    options = {name: text for name, text in r.options(table).items()
               if name in ("$select", "$expand") or r.random.random() < 0.05}  # fmt: skip
    if r.random.random() < 0.4:
        return Asked("GET", query(r.row(table), options), r.who(),
                     headers={"If-None-Match": 'W/"1"'} if r.random.random() < 0.2 else {})  # fmt: skip

    def check(view: View, status: int, content: Any) -> str | None:
        row = view.rows.get(id)
        if row is None or row.table != table:
            return None if status in (403, 404, 400) else f"{status} for a row that is not there"
        if (status == 200) != view.reads(row):
            return f"{status} for a row that is {'not ' * (not view.reads(row))}open"
        if status == 200:
            for name, value in content.items():
                if name in row.values and isinstance(row.values[name], str):
                    wanted = row.values[name] if view.sees(row, name) else None
                    if value != wanted and not name.endswith("on") and name != "w_due":
                        return f"{name} is {value}, not {wanted}"
        return None

    return Asked("GET", f"{SETS[table]}({id})", r.who(), check=check)


def a_part_of_a_row(r: Requests) -> Asked:
    table = r.table()
    tail = r.random.choice((
        r.column(table), f"{r.column(table)}/$value", *LOOKUPS[table], *BACK[table], "w_paper",
        "w_paper/$value", f"{BACK[table][0]}/$count", f"{BACK[table][0]}/$ref", "$value",
        f"{SPACE}RetrievePrincipalAccess(Target=@p)", "nothing", f"{BACK[table][0]}({r.id()})",
        f"{next(iter(LOOKUPS[table]))}/$ref",
    ))  # fmt: skip
    options = r.options(table) if r.random.random() < 0.2 else {}
    return Asked("GET", query(f"{r.row(table)}/{tail}", options), r.who())


def a_next_page(r: Requests) -> Asked:
    if not r.links:
        return a_list(r)
    link = r.random.choice(r.links)
    path = link.partition("/v9.2/")[2]
    if r.random.random() < 0.4 and "skiptoken" in path:
        head, _, cookie = path.partition("skiptoken=")
        at = r.random.randrange(len(cookie))
        cookie = cookie[:at] + r.random.choice(("0", "%27", "a", "%2527", "", "%25", "%2522"
                                                )) + cookie[at + 1 :]  # fmt: skip
        path = f"{head}skiptoken={cookie}"
    return Asked("GET", path, r.who())


def a_creation(r: Requests) -> Asked:
    table = r.table()
    return _sent(r, "POST", SETS[table], r.body(table))


def a_change(r: Requests) -> Asked:
    table = r.table()
    asked = _sent(r, r.random.choice(("PATCH", "PATCH", "PATCH", "PUT")), r.row(table),
                  r.body(table))  # fmt: skip
    if r.random.random() < 0.3:
        asked.headers[r.random.choice(("If-Match", "If-None-Match"))] = r.random.choice(
            ("*", 'W/"1"', "null", "x")
        )
    return asked


def a_handover(r: Requests) -> Asked:
    table, people = r.table(), list(r.crowd.people.values())
    body = {"ownerid@odata.bind": f"/systemusers({r.random.choice(people).id})"}
    return _sent(r, "PATCH", f"{SETS[table]}({r.id(table)})", body)


def a_removal(r: Requests) -> Asked:
    table = r.table()
    headers = {"If-Match": r.random.choice(("*", 'W/"1"'))} if r.random.random() < 0.2 else {}
    return Asked("DELETE", r.row(table), r.who(), headers=headers)


def a_reference(r: Requests) -> Asked:
    table = r.table()
    path = r.random.choice((*LOOKUPS[table], *BACK[table], "ownerid", "nothing"))
    other = BEHIND.get(path, "w_item")
    place = f"{SETS[table]}({r.id(table)})/{path}"
    shape = r.random.random()
    if shape < 0.2:
        return Asked("DELETE", f"{place}/$ref", r.who())
    if shape < 0.3:
        return Asked("DELETE", query(f"{place}/$ref", {"$id": r.link(other)}), r.who())
    if shape < 0.4:
        return Asked("DELETE", f"{place}({r.id(other)})/$ref", r.who())
    return _sent(r, r.random.choice(("POST", "PUT")), f"{place}/$ref", {"@odata.id": r.link(other)})


def a_column(r: Requests) -> Asked:
    table = r.table()
    place = f"{SETS[table]}({r.id(table)})/{r.column(table)}"
    if r.random.random() < 0.2:
        return Asked("DELETE", place, r.who())
    return _sent(r, "PUT", place, {"value": r.random.choice((r.crowd.marker(), r.json()))})


def many_rows(r: Requests) -> Asked:
    table = r.table()
    name = r.random.choice(("CreateMultiple", "UpdateMultiple", "UpsertMultiple", "DeleteMultiple"))
    targets: list[Any] = []
    for _ in range(r.random.randrange(3)):
        target = r.body(table) if name != "DeleteMultiple" else {}
        if name != "CreateMultiple":
            target[f"{table}id"] = r.id(table)
        if r.random.random() < 0.2:
            target["@odata.id"] = r.random.choice((r.row(table), r.link(table)))
        targets.append(target if r.random.random() < 0.95 else r.json())
    return _sent(r, "POST", f"{SETS[table]}/{SPACE}{name}", {"Targets": targets})


def a_batch(r: Requests) -> Asked:
    lines: list[str] = []
    inner = r.who() if r.random.random() < 0.1 else None
    for _ in range(r.random.randrange(1, 4)):
        if r.random.random() < 0.5:
            said = _part(r, a_list(r), inner)
            lines += ["--b", "Content-Type: application/http", "", *said, ""]
            continue
        lines += ["--b", "Content-Type: multipart/mixed; boundary=c", ""]
        for id in range(r.random.randrange(1, 4)):
            one = r.random.choice((a_creation, a_change, a_handover, a_removal, a_reference))(r)
            if id and r.random.random() < 0.3:
                one.path = f"$1/{r.random.choice(('w_parentid/$ref', 'w_name', ''))}"
            lines += ["--c", "Content-Type: application/http", f"Content-ID: {id + 1}", "",
                      *_part(r, one, inner), ""]  # fmt: skip
        lines += ["--c--", ""]
    lines += ["--b--", ""]
    end = r.random.choice(("\r\n", "\r\n", "\n"))
    headers = {"Content-Type": r.random.choice(('multipart/mixed; boundary="b"',
               "multipart/mixed;boundary=b", "multipart/mixed", "application/json"))}  # fmt: skip
    if r.random.random() < 0.9:
        headers = {"Content-Type": "multipart/mixed; boundary=b"}
    return Asked("POST", "$batch", r.who(), headers=headers, inner=inner,
                 body=end.join(lines).encode("utf-8", "replace"))  # fmt: skip


def _part(r: Requests, asked: Asked, inner: str | None) -> list[str]:
    head = r.random.choice(("", "/api/data/v9.2/", "http://127.0.0.1/api/data/v9.2/"))
    said = [f"{asked.method} {head}{asked.path} HTTP/1.1", "Accept: application/json"]
    if inner is not None:
        said.append(f"MSCRMCallerID: {r.crowd.people[inner].id}")
    return [*said, "", asked.body.decode("utf-8", "replace")]


def metadata(r: Requests) -> Asked:
    path = r.random.choice((
        "EntityDefinitions", "EntityDefinitions(LogicalName='w_item')", "EntityDefinitions(x)",
        "EntityDefinitions(LogicalName='w_item')/Attributes", "$metadata", "RelationshipDefinitions",
        f"EntityDefinitions(LogicalName='w_item')/Attributes/{SPACE}PicklistAttributeMetadata",
        "EntityDefinitions(LogicalName='w_item')/Attributes(LogicalName='w_name')", "",
        "EntityDefinitions(LogicalName='w_item')/Keys", "GlobalOptionSetDefinitions",
        "EntityDefinitions(LogicalName='w_item')/OneToManyRelationships", "sdkmessagefilters",
        "GlobalOptionSetDefinitions(Name='x')", f"EntityDefinitions({NOBODY})",
        f"EntityDefinitions(LogicalName={quote(repr(r.random.choice(WEIRD)))})",
        "RetrieveMetadataChanges(Query=@p1)",
    ))  # fmt: skip
    options = r.random.choice((
        {}, {}, {"$select": "LogicalName"}, {"$filter": "LogicalName eq 'w_item'"},
        {"$expand": "Attributes"}, {"$filter": r.random.choice(WEIRD)}, {"$select": "nothing"},
        {"@p1": '{"Criteria":{}}'}, {"@p1": "x"}, {"$expand": "Attributes($select=LogicalName)"},
    ))  # fmt: skip
    return Asked("GET", query(path, options), r.who())


def making(r: Requests) -> Asked:
    """Change tables without the right to, or in ways that cannot be."""
    path = r.random.choice((
        "EntityDefinitions", "CreateEntities", "RelationshipDefinitions",
        "GlobalOptionSetDefinitions", "EntityDefinitions(LogicalName='w_item')/Attributes",
        "EntityDefinitions(LogicalName='w_item')/Keys", "CreateCustomerRelationships", "PublishXml",
        "EntityDefinitions(LogicalName='systemuser')/Attributes",
    ))  # fmt: skip
    body = {name: r.json() for name in ("SchemaName", "Attributes", "Entities", "Lookup", "Name",
            "Options", "KeyAttributes", "@odata.type", "DisplayName") if r.random.random() < 0.5}  # fmt: skip
    return _sent(r, r.random.choice(("POST", "POST", "PUT", "PATCH")), path, body)


def a_file(r: Requests) -> Asked:
    place = f"w_items({r.id('w_item')})/w_paper"
    shape = r.random.random()
    if shape < 0.4:
        return Asked("GET", place + r.random.choice(("", "/$value", "/$value?size=full")), r.who(),
                     headers={"Range": r.random.choice(("bytes=0-3", "bytes=9-1", "x"))})  # fmt: skip
    if shape < 0.5:
        return Asked("DELETE", place, r.who())
    headers = {"x-ms-file-name": r.random.choice((r.crowd.marker(), "a%20b", "", "%ff", "a/../b")),
               "Content-Type": "application/octet-stream"}  # fmt: skip
    if r.random.random() < 0.3:
        headers["x-ms-transfer-mode"] = "chunked"
    if r.random.random() < 0.2:
        headers["Content-Range"] = r.random.choice(("bytes 0-3/4", "bytes 5-1/2", "x"))
        place += f"?sessiontoken={quote(r.random.choice((NOBODY, *WEIRD)))}"
    return Asked(r.random.choice(("PATCH", "PUT")), place, r.who(), headers=headers,
                 body=r.crowd.marker().encode())  # fmt: skip


def an_action(r: Requests) -> Asked:
    table = r.table()
    shape = r.random.random()
    if shape < 0.3:
        return Asked("GET", r.random.choice(("WhoAmI", "WhoAmI()", "RetrieveAvailableLanguages()",
                     "RetrieveTotalRecordCount(EntityNames=['w_item'])")), r.who())  # fmt: skip
    someone = r.random.choice((*r.crowd.people.values(), *r.crowd.teams.values()))
    principal = {"systemuserid": someone.id, "@odata.type": f"{SPACE}systemuser"}
    if someone.kind is not None:
        principal = {"teamid": someone.id, "@odata.type": f"{SPACE}team"}
    target = {f"{table}id": r.id(table), "@odata.type": f"{SPACE}{table}"}
    mask = r.random.choice(("ReadAccess", "ReadAccess, WriteAccess", "ShareAccess", "x", "", 3))
    if shape < 0.45:
        criteria = {"Conditions": [{"AttributeName": r.column(table), "Operator": "Equal",
                    "Values": [{"Value": r.json(2), "Type": "System.String"}]}]}  # fmt: skip
        body: dict[str, Any] = {"QuerySet": [{"EntityName": table, "Criteria": criteria}]}
        return _sent(r, "POST", "BulkDelete", body)
    if shape < 0.6:
        said = json.dumps({"@odata.id": f"{SETS[table]}({r.id(table)})"})
        path = f"systemusers({someone.id})/{SPACE}RetrievePrincipalAccess(Target=@p1)"
        return Asked("GET", query(path, {"@p1": said}), r.who())
    name = r.random.choice(
        ("GrantAccess", "ModifyAccess", "RevokeAccess", "AddMembersTeam", "Merge")
    )
    body = {"Target": target, "PrincipalAccess": {"AccessMask": mask, "Principal": principal}}
    if name == "RevokeAccess":
        body = {"Target": target, "Revokee": principal}
    return _sent(r, "POST", name, body)


def a_principals_access(r: Requests) -> Asked:
    table, someone = r.table(), r.random.choice(list(r.crowd.people.values()))
    id = r.id(table)

    def check(view: View, status: int, content: Any) -> str | None:
        row = view.rows.get(id)
        open_to = row is not None and row.table == table and view.reads(row)
        if (status == 200) != open_to and not (status == 403 and open_to):
            return f"{status} for access to a row that is {'not ' * (not open_to)}open"
        if status != 200 or row is None:
            return None
        said = {one.strip() for one in content["AccessRights"].split(",")} - {"None"}
        rights = {f"{one}Access" for one in Right if view.crowd.may(someone, one, row)}
        return None if said == rights else f"tells {said}, not {rights}"

    target = json.dumps({"@odata.id": f"{SETS[table]}({id})"})
    path = f"systemusers({someone.id})/{SPACE}RetrievePrincipalAccess(Target=@p1)"
    return Asked("GET", query(path, {"@p1": target}), r.who(), check=check)


def the_directory(r: Requests) -> Asked:
    path = r.random.choice(("systemusers", "teams", "roles", "businessunits", "workflows",
                            "securitygroups", "connectionreferences", "environmentvariablevalues",
                            "accesstokens", "rowshares", "changes", "principalobjectattributeaccessset",
                            "privileges", "organizations", "roleprivileges", "positions"))  # fmt: skip
    id = r.random.choice(list(r.crowd.directory))
    path = r.random.choice((path, f"{path}/$count", f"{path}({id})", f"{path}({id})"))
    method = r.random.choices(("GET", "PATCH", "DELETE", "POST"), (9, 1, 1, 1))[0]
    if method == "GET":
        return Asked("GET", path, r.who())
    return _sent(r, method, path, {"fullname": r.crowd.marker(), "isdisabled": False})


def _sent(r: Requests, method: str, path: str, body: Any) -> Asked:
    text = json.dumps(body, ensure_ascii=r.random.random() < 0.5).encode("utf-8", "replace")
    return Asked(method, path, r.who(), headers={"Content-Type": "application/json"}, body=text)


_KINDS: tuple[tuple[Callable[[Requests], Asked], float], ...] = (
    (a_simple_list, 12), (a_list, 18), (an_ordered_list, 2), (an_expanded_list, 5), (a_count, 5),
    (an_aggregate, 3), (a_grouping, 2), (an_apply, 5), (a_fetch, 7), (a_counting_fetch, 1),
    (a_statement, 5), (a_row, 6), (a_part_of_a_row, 5), (a_next_page, 4), (a_creation, 3),
    (a_change, 6), (a_handover, 2), (a_removal, 1.5), (a_reference, 2), (a_column, 1.5), (many_rows, 2.5),
    (a_batch, 3), (metadata, 2), (making, 1.5), (a_file, 2.5), (an_action, 3), (a_principals_access, 2),
    (the_directory, 2),
)  # fmt: skip
