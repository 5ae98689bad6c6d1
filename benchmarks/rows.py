"""The newest 50 of a million rows that a person may see: the row law beside optimal SQL by hand.

    python benchmarks/rows.py [--rows N]

One million rows of 10,000 people and 1,000 teams in 200 business units, and 200,000 shares, in an
embedded PostgreSQL. Four kinds of reader: *basic* (own, their teams', shared), *local* (also their
unit's), *deep* (also of the units below: a division), *global*. Several people of each kind take
turns, and so do ours and the floor: one arm for each owner, unit and for the shares, each from its
own index, merged; the plain index for whom everything is open. Ours is what the Web API does for
one request within its transaction: the epoch, the law, the statement, the rows as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from flowner.clock import SystemClock
from flowner.database import Database, Transaction, open_database
from flowner.odata.parser import parse_order
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.metadata import Metadata
from flowner.rows.reading import Asked, Reading
from flowner.rows.seed import ORGANIZATION
from flowner.rows.store import Store
from flowner.values import PrincipalId

PEOPLE, TEAMS, UNITS, DIVISIONS, TURNS, EACH = 10_000, 1_000, 200, 9, 120, 8
DEPTHS = {"basic": 1, "local": 2, "deep": 4, "global": 8}
COLUMNS = ("b_accountid", "b_name", "ownerid", "owningbusinessunit", "modifiedon", "b_amount")
ORDER = "ORDER BY modifiedon DESC NULLS LAST, b_accountid LIMIT 50"
C = ", ".join(f"a.{column}" for column in COLUMNS)
BEYOND = "a.modifiedon <= %(at)s AND (a.modifiedon < %(at)s OR a.b_accountid > %(key)s) AND"
ARMS = f"""
SELECT * FROM (
 SELECT r.* FROM unnest(%(owners)s::uuid[]) p CROSS JOIN LATERAL
   (SELECT {C} FROM rows.b_account a WHERE {{beyond}} a.ownerid = p {ORDER}) r
 UNION SELECT r.* FROM unnest(%(units)s::uuid[]) b CROSS JOIN LATERAL
   (SELECT {C} FROM rows.b_account a WHERE {{beyond}} a.owningbusinessunit = b {ORDER}) r
 UNION (SELECT {C} FROM rows.rowshare s JOIN rows.b_account a ON a.b_accountid = s.rowid
   WHERE {{beyond}} s.tablename = 'b_account' AND s.principalid = ANY(%(owners)s::uuid[])
     AND s.accessmask & 1 <> 0 {ORDER})) x {ORDER}
"""  # noqa: S608 - constants of ours
EVERY = f"SELECT {C} FROM rows.b_account a WHERE {{beyond}} true {ORDER}"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who lists, with what the floor needs to know of them."""

    id: str
    owners: list[str]
    units: list[str]


def uid(kind: int, number: int) -> str:
    """Return an id: the kind in front, the rest as scattered as chance."""
    return str(UUID(int=(kind << 120) | random.Random(kind << 32 | number).getrandbits(120)))  # noqa: S311


class World:
    """Who there is and what they have, from one seed."""

    def __init__(self, rows: int, *rights: str) -> None:
        self.chance, self.rows = random.Random(7), rows  # noqa: S311 - data, not secrets
        self.rights = ("Read", *rights)
        self.units = [ORGANIZATION, *(uid(1, at) for at in range(1, UNITS))]
        self.people = [uid(2, at) for at in range(PEOPLE)]
        self.teams = [uid(3, at) for at in range(TEAMS)]
        leaves = self.units[1 + DIVISIONS :]
        self.unit_of = {one: self.chance.choice(leaves) for one in self.people}
        self.unit_of |= {one: self.chance.choice(self.units[1:]) for one in self.teams}
        self.members = sorted(
            {(team, self.chance.choice(self.people)) for team in self.teams for _ in range(20)}
        )
        self.personas = dict(zip(DEPTHS, self._personas(), strict=True))

    def parent(self, at: int) -> str | None:
        """Return the unit above the unit of a number."""
        if at == 0:
            return None
        return self.units[0 if at <= DIVISIONS else 1 + (at - 1 - DIVISIONS) % DIVISIONS]

    def _personas(self) -> Iterator[list[str]]:
        sizes: dict[str, int] = {}
        for _, one in self.members:
            sizes[one] = sizes.get(one, 0) + 1
        twice = [one for one in self.people if sizes.get(one) == 2]
        for at in range(len(DEPTHS)):
            found = twice[at * EACH : (at + 1) * EACH]
            if at == 2:
                self.unit_of |= {one: self.units[1 + n] for n, one in enumerate(found)}
            yield found

    def reader(self, kind: str, one: str) -> Reader:
        """Return what the floor is told of a person."""
        unit = self.unit_of[one]
        below = [self.units[at] for at in range(UNITS) if self.parent(at) == unit]
        units = {"basic": [], "local": [unit], "deep": [unit, *below], "global": []}[kind]
        return Reader(one, [one, *(team for team, who in self.members if who == one)], units)

    def records(self) -> Iterator[tuple[object, ...]]:
        """Yield the rows: four in five are a person's, the others a team's."""
        begun = datetime(2025, 1, 1, tzinfo=UTC)
        for at in range(self.rows):
            team = self.chance.random() < 0.2
            owner = self.chance.choice(self.teams if team else self.people)
            moment = begun + timedelta(seconds=self.chance.randrange(60_000_000))
            kind = "team" if team else "systemuser"
            amount = self.chance.randrange(100_000)
            yield (uid(4, at), f"Account {at}", owner, kind, self.unit_of[owner], moment, amount)

    def shares(self) -> set[tuple[str, str, int, str]]:
        """Return who a row is shared with, for one row in five."""
        whom = [self.chance.choice(self.teams if self.chance.random() < 0.2 else self.people)
                for _ in range(self.rows // 5)]  # fmt: skip
        return {("b_account", uid(4, self.chance.randrange(self.rows)), 1, one) for one in whom}


async def fill(database: Database, store: Store, world: World) -> None:
    """Make the table and everybody, and fill them."""
    await Metadata(database, store.catalogue).create_table(
        "b_account", set_name="b_accounts", primary_name="b_name", columns={"b_amount": Type.WHOLE}
    )
    rows = {
        "b_account (b_accountid, b_name, ownerid, owneridtype, owningbusinessunit, modifiedon,"
        " b_amount)": world.records(),
        "rowshare (tablename, rowid, accessmask, principalid)": world.shares(),
    }
    await copy_in(database, {**everybody(world), **rows})
    async with database.connection() as connection:
        await connection.execute("VACUUM ANALYZE")


def everybody(world: World) -> dict[str, Any]:
    """Return who there is and what each may read, by table and columns."""
    parents = [(one, f"Unit {at}", world.parent(at)) for at, one in enumerate(world.units)]
    people = [(one, one, one, world.unit_of[one]) for one in world.people]
    roles = [(uid(5, at), kind) for at, kind in enumerate(DEPTHS)]
    unit_of = world.unit_of
    own_roles = [
        (uid(6, at * EACH + n), role, kind, one)
        for at, (role, kind) in enumerate(roles)
        for n, one in enumerate(world.personas[kind])
    ]
    return {
        "businessunit (businessunitid, name, parentbusinessunitid)": parents[1:],
        "systemuser (systemuserid, fullname, domainname, businessunitid)": people,
        "team (teamid, name, businessunitid)": [(one, one, unit_of[one]) for one in world.teams],
        "teammembership (teamid, systemuserid)": world.members,
        "role (roleid, name, businessunitid)": [(o, k, unit_of[one]) for o, _, k, one in own_roles],
        "roleprivilege (roleid, tablename, rightname, depth)": [
            (own, "b_account", right, DEPTHS[kind])
            for own, _, kind, _ in own_roles
            for right in world.rights
        ],
        "roleassignment (roleid, principalid)": [(own, one) for own, *_, one in own_roles],
    }


async def copy_in(database: Database, tables: dict[str, Any]) -> None:
    """Fill tables in one transaction; by table and columns."""
    async with database.transaction() as transaction:
        for table, rows in tables.items():
            async with transaction.cursor().copy(f"COPY rows.{table} FROM STDIN") as copy:
                for row in rows:
                    await copy.write_row(row)


async def timed(work: Callable[[], Awaitable[list[str]]]) -> tuple[float, list[str]]:
    """Return the milliseconds that something took, and the ids it found."""
    begun = time.perf_counter()
    found = await work()
    return (time.perf_counter() - begun) * 1e3, found


async def compare(
    reading: Reading, transaction: Transaction, readers: Sequence[Reader], asked: Asked
) -> tuple[float, float]:
    """Return the median milliseconds of ours and of the floor, which must find the same rows."""
    ours, floors = [], []
    for turn in range(TURNS + EACH):
        reader = readers[turn % len(readers)]
        last = asked.after
        form = EVERY if not reader.owners else ARMS
        floor = form.format(beyond="" if last is None else BEYOND)
        values = {"owners": reader.owners, "units": reader.units,
                  "at": last and last[0], "key": last and last[-1]}  # fmt: skip
        caller = Caller(PrincipalId(reader.id))

        async def mine(caller: Caller = caller) -> list[str]:
            page = await reading.page(caller, "b_account", asked, transaction)
            return [str(row["b_accountid"]) for row in page.rows]

        async def by_hand(floor: str = floor, values: dict[str, Any] = values) -> list[str]:
            found = await transaction.execute(floor.encode(), values, prepare=True)
            return [str(row["b_accountid"]) for row in await found.fetchall()]

        pair = [await timed(one) for one in ((mine, by_hand), (by_hand, mine))[turn % 2]]
        pair = pair[:: -1 if turn % 2 else 1]
        assert pair[0][1] == pair[1][1], (reader, len(pair[0][1]), len(pair[1][1]))
        if turn >= EACH:
            ours.append(pair[0][0])
            floors.append(pair[1][0])
    return statistics.median(ours), statistics.median(floors)


async def deep_page(transaction: Transaction) -> tuple[str | None, ...]:
    """Return a place far down: where nineteen in twenty rows are behind the reader."""
    found = await transaction.execute(
        "SELECT (min(modifiedon) + (max(modifiedon) - min(modifiedon)) * 0.05)::text AS at"
        " FROM rows.b_account"
    )
    row = await found.fetchone()
    return (str(row and row["at"]), str(UUID(int=0)))


async def main(rows: int) -> None:
    world = World(rows)
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(None, Path(folder)) as database:
            store = Store(database, SystemClock())
            begun = time.perf_counter()
            await fill(database, store, world)
            print(f"{rows:,} rows, filled in {time.perf_counter() - begun:.0f} s")
            await report(database, Reading(store, SystemClock()), world)


async def report(database: Database, reading: Reading, world: World) -> None:
    asked = Asked(columns=[*COLUMNS, "versionnumber"], order=tuple(parse_order("modifiedon desc")),
                  size=50)  # fmt: skip
    print("newest 50                    ours     by hand   ratio")
    async with database.transaction() as transaction:
        for kind, people in world.personas.items():
            readers = [world.reader(kind, one) for one in people]
            if kind == "global":
                readers = [replace(one, owners=[]) for one in readers]
            after = await deep_page(transaction)
            for name, which in (("", asked), (", far down", replace(asked, after=after))):
                mine, floor = await compare(reading, transaction, readers, which)
                print(f"  {kind + name:20} {mine:8.2f} ms {floor:8.2f} ms {mine / floor:7.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().rows))
