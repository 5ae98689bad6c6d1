"""Random requests over random worlds, through the front door: ``make fuzz``.

Each answer is held against the world: no fault of ours, errors of one shape, nothing shown that its
reader may not read, nothing changed by what was refused, nothing changed without the right to.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import unquote

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flowner.access.rights import Right
from flowner.clock import SystemClock
from flowner.database import Database, Transaction
from flowner.directory.tokens import Tokens
from flowner.server import House, open_house
from flowner.serving import serve
from flowner.settings import Settings
from flowner.values import PrincipalId
from webapi.conftest import column, lookup, one_to_many
from webapi.random_requests import Asked, Requests, View
from worlds.complaints import Complaints
from worlds.crowd import Crowd, Holder, Row, add_people, build, forget, load, marks

PER_WORLD: Final = 1500
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIRECTORY: Final = b"""
SELECT md5(concat_ws('|',
    (SELECT string_agg(concat_ws(',', systemuserid, businessunitid, isdisabled, accessmode,
                                 parentsystemuserid, positionid), ';' ORDER BY systemuserid)
     FROM rows.systemuser),
    (SELECT string_agg(concat_ws(',', teamid, businessunitid, teamtype, securitygroupid),
                       ';' ORDER BY teamid) FROM rows.team),
    (SELECT string_agg(concat_ws(',', businessunitid, parentbusinessunitid, isdisabled),
                       ';' ORDER BY businessunitid) FROM rows.businessunit),
    (SELECT string_agg(concat_ws(',', teamid, systemuserid), ';' ORDER BY teamid, systemuserid)
     FROM rows.teammembership),
    (SELECT string_agg(concat_ws(',', roleid, isinherited, businessunitid), ';' ORDER BY roleid)
     FROM rows.role),
    (SELECT string_agg(concat_ws(',', roleid, principalid), ';' ORDER BY roleid, principalid)
     FROM rows.roleassignment),
    (SELECT string_agg(concat_ws(',', fieldsecurityprofileid, principalid),
                       ';' ORDER BY fieldsecurityprofileid, principalid)
     FROM rows.profileassignment))) AS digest
"""
_STATUS: Final = re.compile(r"^HTTP/1\.1 (\d{3})", re.MULTILINE)
_STAMPED: Final = {"modifiedon", "modifiedby", "modifiedonbehalfby", "versionnumber"}
ITEM: Final = {
    "SchemaName": "w_item", "EntitySetName": "w_items",
    "Attributes": [
        column("String", "w_name", IsPrimaryName=True), column("String", "w_code"),
        column("String", "w_note"), column("String", "w_secret"), column("Integer", "w_size"),
        column("Money", "w_price"), column("Boolean", "w_done"), column("DateTime", "w_due"),
        column("Picklist", "w_kind", OptionSet={"Options": [{"Value": v} for v in (1, 2, 3)]}),
        column("MultiSelectPicklist", "w_kinds", OptionSet={
            "Options": [{"Value": v} for v in (1, 2)]}),
        column("File", "w_paper"),
    ],
}  # fmt: skip
PART: Final = {
    "SchemaName": "w_part", "EntitySetName": "w_parts",
    "Attributes": [
        column("String", "p_name", IsPrimaryName=True), column("String", "p_hint"),
        column("Integer", "p_count"),
    ],
}  # fmt: skip


@dataclass(slots=True)
class Client:
    """Speaks HTTP on one connection, and says what no well-behaved client would."""

    host: str
    port: int
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def ask(self, asked: Asked, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Send one request and return status, headers and body."""
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        path = "".join(sign if "!" <= sign <= "~" else f"%{ord(sign) & 255:02x}"
                       for sign in asked.path.replace("#", "%23"))  # fmt: skip
        lines = [f"{asked.method} /api/data/v9.2/{path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(asked.body)}", "", ""]
        self._writer.write("\r\n".join(lines).encode("latin-1", "replace") + asked.body)
        assert self._reader is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.split("\r\n")
        said = {name.lower(): value.strip() for name, _, value in
                (line.partition(":") for line in rest if line)}  # fmt: skip
        body = await self._reader.readexactly(int(said.get("content-length", "0")))
        if said.get("connection") == "close":
            await self.close()
        return int(first.split()[1]), said, body

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class _Faults(logging.Handler):
    """Keeps what the server logs of its own mistakes."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = logging.Formatter().format(record)[-1500:]


@dataclass(slots=True)
class Fuzz:
    """One database with one server, and the worlds that come and go in it."""

    house: House
    client: Client
    random: Random
    findings: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """What the database said of values."""
    crowd: Crowd = field(init=False)
    tokens: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    directory: str = ""
    """Who may do what, in short: a world whose administrator changes that is over."""
    moves: list[str] = field(default_factory=list)
    """The requests that did."""
    faults: _Faults = field(default_factory=_Faults)

    @property
    def database(self) -> Database:
        return self.house.database

    async def begin(self) -> None:
        """Make the tables."""
        logging.getLogger("flowner").addHandler(self.faults)
        admin = await self._administrator()
        requests: tuple[tuple[str, Any], ...] = (
            ("EntityDefinitions", ITEM), ("EntityDefinitions", PART),
            ("EntityDefinitions(LogicalName='w_item')/Keys",
             {"SchemaName": "w_code_key", "KeyAttributes": ["w_code"]}),
            ("RelationshipDefinitions", one_to_many(
                "w_parent_items", "w_item", "w_item", Lookup=lookup("w_parentid"))),
            ("RelationshipDefinitions", one_to_many(
                "w_part_items", "w_part", "w_item", Lookup=lookup("w_partid"))),
            ("RelationshipDefinitions", one_to_many(
                "p_main_parts", "w_item", "w_part", Lookup=lookup("p_mainid"))),
        )  # fmt: skip
        for path, body in requests:
            asked = Asked("POST", path, "admin", body=json.dumps(body).encode())
            status, _, said = await self.client.ask(asked, {"Authorization": f"Bearer {admin}"})
            assert status == 204, said

    async def _administrator(self) -> str:
        crowd = Crowd(Random(0))
        async with self.database.transaction() as t:
            await add_people(t, crowd)
        self.crowd = crowd
        return await self._token(self.crowd.people["admin"])

    async def _token(self, holder: Holder) -> str:
        tokens = Tokens(self.database, SystemClock())
        return (await tokens.issue(PrincipalId(holder.id), "fuzz")).reveal()

    async def new_world(self) -> None:
        """Forget the world, and begin another."""
        async with self.database.transaction() as t:
            await forget(t)
            self.crowd = await build(t, Random(self.random.randrange(1 << 40)))
            self.directory = await directory_of(t)
        self.tokens = {name: await self._token(one) for name, one in self.crowd.people.items()}
        self.links = []

    async def run(self, requests: int, *, per_world: int = PER_WORLD) -> None:
        """Ask so many requests."""
        for at in range(requests):
            if at % per_world == 0:
                await self.new_world()
            await self.once(Requests(self.crowd, self.links).one())

    async def once(self, asked: Asked) -> None:
        """Ask one request, and hold its answer against the world."""
        crowd, headers = self.crowd, dict(asked.headers)
        headers["Authorization"] = f"Bearer {self.tokens[asked.who]}"
        if asked.acting is not None:
            holder = crowd.people.get(asked.acting)
            headers["MSCRMCallerID"] = holder.id if holder else "nobody"
        before = crowd.rows
        status, said, body = await self.client.ask(asked, headers)
        text = body.decode("utf-8", "replace")
        self.statuses[status] += 1
        self.kinds[asked.kind] += 1
        wrote = asked.method != "GET" and not asked.path.startswith(("EntityDef", "Global", "Rel"))
        moved = False
        if wrote:
            while await self.house.bulk_deletions.step():
                pass
            async with self.database.transaction() as t:
                await load(t, crowd)
                moved = status < 400 and await directory_of(t) != self.directory
        content: Any = text
        if asked.check is not None and said.get("content-type", "").startswith("application/json"):
            content = await self._whole(json.loads(text), asked, headers)
        judged = _Judged(self, asked, status, text, said, before, content)
        try:
            wrongs = judged.wrongs()
        except Exception:  # noqa: BLE001 - what a judge stumbles over is a finding, too
            wrongs = [traceback.format_exc()[-1500:]]
        if moved and (asked.who, asked.acting) not in (("admin", None), ("admin", "admin")):
            wrongs.append("changed who may do what without being an administrator")
        if wrongs:
            self._found(asked, status, text, "\n".join(wrongs[:3]))
        if moved:
            self.moves.append(
                f"{asked.kind}: {asked.who} {asked.method} {unquote(asked.path)[:300]}"
            )
            return await self.new_world()
        if "@odata." in text and status == 200 and asked.kind != "a_batch" and text[:1] == "{":
            answered = json.loads(text)
            link = answered.get("@odata.nextLink") or answered.get("@odata.deltaLink")
            self.links = [*self.links[-20:], link] if link else self.links

    async def _whole(self, content: Any, asked: Asked, headers: dict[str, str]) -> Any:
        """Return a list with all its pages."""
        link, pages = content.get("@odata.nextLink"), 1
        while link and pages < 100:
            path, pages = link.partition("/v9.2/")[2], pages + 1
            _, _, body = await self.client.ask(Asked("GET", path, asked.who), headers)
            page = json.loads(body)
            if "value" not in page:
                self._found(asked, 0, body.decode(), f"a next page is refused: {unquote(path)}")
                break
            content["value"] += page["value"]
            link = page.get("@odata.nextLink")
        return content

    def _found(self, asked: Asked, status: int, text: str, wrong: str) -> None:
        self.findings.append(
            f"{wrong}\n  {asked.kind}: {asked.who} as {asked.acting}: {asked.method}"
            f" {unquote(asked.path)[:1500]}\n  {asked.headers} {asked.body[:1500]!r}\n"
            f"  {status} {text[:600]}\n"
        )


@dataclass(slots=True)
class _Judged:
    """One answer beside the world before and after it."""

    fuzz: Fuzz
    asked: Asked
    status: int
    text: str
    headers: dict[str, str]
    before: dict[str, Row]
    content: Any = None
    """A list with all its pages."""

    def wrongs(self) -> list[str]:
        """Return everything that is wrong with the answer."""
        found = [*self._faults(), *self._shape()]
        view = self._view()
        found += self._leaks(view)
        if self.asked.method != "GET":
            found += self._changes(view)
        elif self.asked.check is not None and self.asked.acting != "nobody" and view is not None:
            content = self.content
            self.fuzz.checked += 1
            wrong = self.asked.check(view, self.status, content)
            found += [wrong] if wrong else []
        return found

    def _view(self) -> View | None:
        """Return what may be read; None: nothing at all."""
        crowd = self.fuzz.crowd
        me = crowd.people[self.asked.who]
        if me.disabled:
            return None
        if self.asked.headers.get("CallerObjectId", "null") not in ("", "null"):
            return None
        acting = self.asked.inner or self.asked.acting
        if acting is None:
            return View(crowd, me, None, crowd.rows)
        target = crowd.people.get(acting)
        if target is None or not crowd.acts(me):
            return None
        return View(crowd, target, None if target is me else me, crowd.rows)

    def _faults(self) -> list[str]:
        inner = [int(one) for one in _STATUS.findall(self.text)] if "batch" in self.text else []
        if self.status < 500 and not [one for one in inner if one >= 500]:
            return []
        last, self.fuzz.faults.last = self.fuzz.faults.last, ""
        return [f"a fault of ours: {last}"]

    def _shape(self) -> list[str]:
        if self.status < 400:
            return []
        try:
            error = json.loads(self.text)["error"]
            right = set(error) == {"code", "message"} and all(
                isinstance(one, str) and one for one in error.values()
            )
        except (ValueError, KeyError, TypeError):
            right = False
        return [] if right else ["an error without the shape of errors"]

    def _leaks(self, view: View | None) -> list[str]:
        crowd, said = self.fuzz.crowd, self._said()
        told = unquote(unquote(self.text)) + str(self.headers)
        own = set() if view is None else self._ids(view)
        cells = {mark: crowd.cells.get(mark, set()) for mark in marks(told) - marks(said)}
        found = [
            f"a leak: {mark} of {sorted(places)}"
            for mark, places in cells.items()
            if places and not any(self._sees(view, id, column) for id, column in places)
        ]
        known = {*crowd.rows, *crowd.directory}
        ids = (set(_GUID.findall(told)) - set(_GUID.findall(said.lower())) - own) & known
        return [*found, *(f"a leak of the id {id}" for id in ids)]

    def _said(self) -> str:
        asked, crowd, batch = self.asked, self.fuzz.crowd, self.asked.kind == "a_batch"
        known = [crowd.people[name].id for name in (asked.who, asked.acting, asked.inner)
                 if name in crowd.people]  # fmt: skip
        text = f"{asked.text} {unquote(unquote(asked.text))}"
        # An error about a row that is addressed by its key names the row, as Dataverse does.
        rows = {**self.before, **crowd.rows}.items() if self.status >= 400 or batch else ()
        plain = text.replace("''", "'")
        by_key = [id for id, row in rows if (row.values.get("w_code") or "\0") in plain]
        return " ".join([text, *known, *by_key])

    def _ids(self, view: View) -> set[str]:
        """Return the ids that may be told: of rows that are open, and in their lookups."""
        crowd = self.fuzz.crowd
        found = {view.acting.unit, *self._changed()}
        for rows in (crowd.rows, self.before):
            for row in rows.values():
                if view.reads(row):
                    found |= {row.id, *(v for k, v in row.values.items()
                                        if isinstance(v, str) and _GUID.fullmatch(v))}  # fmt: skip
                    found.add(str(row.unit))
        known = crowd.directory.items()
        return found | {id for id, table in known if view.reads(Row(table, id, None, None, {}))}

    def _sees(self, view: View | None, id: str, column: str) -> bool:
        rows = [one[id] for one in (self.fuzz.crowd.rows, self.before) if id in one]
        return view is not None and any(view.sees(row, column) for row in rows)

    def _changes(self, view: View | None) -> list[str]:
        changed = self._changed()
        if not changed:
            return []
        if self.status >= 400 or view is None:
            return [f"refused, and changed {sorted(changed)}"]
        if self.asked.kind == "a_batch":
            return []
        return [wrong for id in changed if (wrong := self._unlawful(view, id))]

    def _changed(self) -> set[str]:
        """Return the rows that are not as before; whoever may change one may know its id."""
        before, after = self.before, self.fuzz.crowd.rows
        if before is after:
            return set()
        return {id for id in {*before, *after} if _state(before.get(id)) != _state(after.get(id))}

    def _unlawful(self, view: View, id: str) -> str | None:
        """Say which right a change of a row was made without."""
        before, after = self.before.get(id), self.fuzz.crowd.rows.get(id)
        if before is None and after is not None:
            return None if view.may(Right.CREATE, after) else f"made {id} without Create"
        if after is None and before is not None:
            return None if view.may(Right.DELETE, before) else f"deleted {id} without Delete"
        assert before is not None
        assert after is not None
        names = {name for name in after.values
                 if before.values.get(name) != after.values[name]} - _STAMPED  # fmt: skip
        if "ownerid" in names and not view.may(Right.ASSIGN, before):
            return f"assigned {id} without Assign"
        gone = {n for n in names if n.endswith("id") and after.values[n] is None}
        names -= gone if len(self.before) > len(self.fuzz.crowd.rows) else set()
        names -= {"ownerid", "owneridtype", "owningbusinessunit"}
        if names and not view.may(Right.WRITE, before):
            return f"changed {sorted(names)} of {id} without Write"
        return None


async def directory_of(t: Transaction) -> str:
    """Return what users, teams, units and roles are and hold, in short."""
    row = await (await t.execute(_DIRECTORY)).fetchone()
    return "" if row is None else str(row["digest"])


def _state(row: Row | None) -> Any:
    return None if row is None else (row.values, row.shares)


async def fuzz(requests: int, seed: int, folder: Path, url: str | None) -> Fuzz:
    """Open a house, ask so many requests, and return what was found."""
    settings = Settings(database_url=url, data_folder=folder, port=0)
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(settings))
        address = await stack.enter_async_context(serve(house))
        client = Client("127.0.0.1", int(address.rpartition(":")[2]))
        one = Fuzz(house, client, Random(seed))
        await one.begin()
        complaints = await Complaints.of(house.database)
        try:
            started, done, told = time.monotonic(), 0, 0
            while done < requests:
                await one.run(min(PER_WORLD, requests - done))
                done += min(PER_WORLD, requests - done)
                rate = done / (time.monotonic() - started)
                print(f"{done} requests, {rate:.0f} a second, {len(one.findings)} findings")
                print("\n".join(one.findings[told:]), end="", flush=True)
                told = len(one.findings)
        finally:
            await client.close()
        one.findings += [f"a statement put together wrong: {m}" for m in complaints.mistakes()]
        one.refused = Counter(re.sub(r'".*"|at char.*', "…", m) for m in complaints.lines())
        return one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="the address of a PostgreSQL; else one is started")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one = asyncio.run(fuzz(given.requests, given.seed, Path(folder), given.database))
    print(f"{sum(one.statuses.values())} requests, {one.checked} held against the exact answer")
    print(dict(sorted(one.statuses.items())), dict(sorted(one.kinds.items())))
    print("refused by the database:", dict(one.refused))
    print("changed by the administrator:", *one.moves, sep="\n  ")
    sys.exit(1 if one.findings else 0)


if __name__ == "__main__":
    main()
