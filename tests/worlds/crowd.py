"""A random crowd: units, people, teams, roles, a hierarchy, profiles, rows and shares.

It is written into a database, and remembered here, so that what somebody may do can be worked out a
second time from what was written, without a line of `flowner.access`: slowly, one row at a time.
Every text and every number in a row is there once in the world, so that a leak is found by reading
an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from flowner.access.rights import Right
from flowner.database import Transaction
from flowner.rows import registry
from flowner.rows.describing import metadata_id
from flowner.rows.seed import BASIC_USER, DELEGATE, ORGANIZATION, SYSTEM_ADMINISTRATOR

TABLES: Final = ("w_item", "w_part")
SECURED: Final = {("w_item", "w_secret"), ("w_part", "p_hint")}
LOOKUPS: Final = {
    "w_item": {"w_parentid": "w_item", "w_partid": "w_part"},
    "w_part": {"p_mainid": "w_item"},
}
ANYWHERE: Final = "*"
MARKER: Final = re.compile(r"zq[0-9a-f]{10}q")
NUMBER: Final = re.compile(r"(?<![\w.])7\d{6}(?:\.25)?(?![\w.])")
DEPTHS: Final = (1, 1, 1, 2, 2, 4, 8)
_FORGOTTEN: Final = (
    "rowshare", "principalobjectattributeaccess", "teammembership", "groupmembership",
    "roleassignment",
    "roleprivilege", "role", "team", "securitygroup", "fieldpermission", "profileassignment",
    "fieldsecurityprofile", "hierarchyexclusion", "accesstoken",
    "filecontent", "change", "systemuser", "position", "businessunit", "securedcolumn",
    "workflow", "callbackregistration",
)  # fmt: skip
_SETTINGS: Final = (
    "ishierarchicalsecuritymodelenabled", "usepositionhierarchy",
    "maxdepthforhierarchicalsecuritymodel", "managersmustbeinsameorparentbusinessunitasreports",
    "sharetopreviousowneronassign", "alwaysmoverecordtoownerbusinessunit",
)  # fmt: skip
_KEPT: Final = {
    "role": f"roleid IN ('{SYSTEM_ADMINISTRATOR}', '{BASIC_USER}', '{DELEGATE}')",
    "roleprivilege": f"roleid IN ('{SYSTEM_ADMINISTRATOR}', '{BASIC_USER}', '{DELEGATE}')",
    "businessunit": f"businessunitid = '{ORGANIZATION}'",
}


@dataclass(slots=True)
class Role:
    """What somebody holds, and from where its depths are measured."""

    grants: Mapping[tuple[str, str], int]
    unit: str
    own: bool = True
    delegates: bool = False
    administers: bool = False


@dataclass(slots=True)
class Holder:
    """A person or a team."""

    id: str
    unit: str
    roles: list[Role] = field(default_factory=list)
    disabled: bool = False
    reads_only: bool = False
    kind: int | None = None
    """None: a person; else the kind of team."""
    members: set[str] = field(default_factory=set)
    above: str | None = None
    """The manager, or who has the position above."""
    reads: set[tuple[str, str]] = field(default_factory=set)
    """Secured columns that a profile opens."""


@dataclass(slots=True)
class Row:
    """One row as it stands."""

    table: str
    id: str
    owner: str | None
    unit: str | None
    values: dict[str, Any]
    shares: dict[str, int] = field(default_factory=dict)
    opened: dict[str, set[str]] = field(default_factory=dict)
    """Secured columns of this row by those whom they are shared with."""


class Crowd:
    """One world. People and teams by name; ``admin`` administers."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.people: dict[str, Holder] = {}
        self.teams: dict[str, Holder] = {}
        self.units: dict[str, str | None] = {ORGANIZATION: None}
        self.hierarchy: tuple[bool, int, bool] | None = None
        """By position; how deep; whether managers have to be near."""
        self.excluded: set[str] = set()
        self.rows: dict[str, Row] = {}
        self.directory: dict[str, str] = {}
        """The table of every id of the directory."""
        self.cells: dict[str, set[tuple[str, str]]] = {}
        """Where each marker stands: row and column."""
        self._count = random.randrange(1 << 20)
        self._numbers: set[int] = set()

    def marker(self) -> str:
        """Return a text that is nowhere else."""
        self._count += 1
        return f"zq{self._count:06x}{self.random.randrange(1 << 16):04x}q"

    def number(self) -> int:
        """Return a number that is nowhere else, and hardly ever the mean of some that are."""
        found = 7_000_000 + self.random.randrange(1_000_000)
        if found in self._numbers:
            return self.number()
        self._numbers.add(found)
        return found

    # what somebody may do, worked out from what was written

    def by_id(self, id: str) -> Holder:
        return next(h for h in (*self.people.values(), *self.teams.values()) if h.id == id)

    def teams_of(self, id: str, *, access: bool) -> set[str]:
        return {t.id for t in self.teams.values() if id in t.members and (t.kind == 1) == access}

    def held(self, who: Holder) -> Iterable[tuple[Role, str, bool]]:
        """Yield every role with the unit that its depths count from, and whether it is direct."""
        for role in who.roles:
            yield role, role.unit, True
        for team in self.teams.values():
            if who.id in team.members and team.kind != 1:
                for role in team.roles:
                    yield role, team.unit, False

    def administers(self, who: Holder) -> bool:
        return any(role.administers for role, _, _ in self.held(who))

    def privileged(self, who: Holder, right: Right, table: str) -> bool:
        """Say whether somebody is enabled and has the right on the table at any depth."""
        if who.disabled or (who.reads_only and right is not Right.READ):
            return False
        return any(self._depth(role, right, table) for role, _, _ in self.held(who))

    def may(self, who: Holder, right: Right, row: Row) -> bool:
        """Say whether somebody has a right on a row."""
        if not self.privileged(who, right, row.table):
            return False
        own = False
        for role, unit, direct in self.held(who):
            depth = self._depth(role, right, row.table)
            if depth == 8 or (depth == 4 and self._below(row.unit, unit)):
                return True
            if depth == 2 and row.unit == unit:
                return True
            own = own or (depth > 0 and (direct or role.own or depth > 1))
        if row.owner is None:
            return False
        teams = self.teams_of(who.id, access=False)
        if row.owner in teams or (own and row.owner == who.id):
            return True
        holders = teams | self.teams_of(who.id, access=True) | {who.id, ORGANIZATION}
        return self._shared(row, holders, right) or self._reported(who, right, row)

    def may_see(self, who: Holder, row: Row, column: str) -> bool:
        """Say whether somebody who may read the row may read a column of it."""
        if (row.table, column) not in SECURED or self.administers(who):
            return True
        teams = self.teams_of(who.id, access=False)
        profiled = who.reads.union(*(t.reads for t in self.teams.values() if t.id in teams))
        holders = teams | self.teams_of(who.id, access=True) | {who.id, ORGANIZATION}
        return (row.table, column) in profiled or any(
            column in row.opened.get(holder, ()) for holder in holders
        )

    def dark(self, who: Holder, table: str) -> set[str]:
        """Return the secured columns that no profile opens to somebody."""
        nothing = Row(table, "", None, None, {})
        return {c for t, c in SECURED if t == table and not self.may_see(who, nothing, c)}

    def acts(self, who: Holder) -> bool:
        return self.administers_directly(who) or any(role.delegates for role in who.roles)

    def administers_directly(self, who: Holder) -> bool:
        return any(role.administers for role in who.roles)

    def _depth(self, role: Role, right: Right, table: str) -> int:
        return max(role.grants.get((table, right), 0), role.grants.get((ANYWHERE, right), 0))

    def _below(self, unit: str | None, top: str) -> bool:
        while unit is not None:
            if unit == top:
                return True
            unit = self.units.get(unit)
        return False

    @staticmethod
    def _shared(row: Row, holders: Iterable[str], right: Right) -> bool:
        return any(row.shares.get(holder, 0) & right.mask for holder in holders)

    def _reported(self, who: Holder, right: Right, row: Row) -> bool:
        if self.hierarchy is None or row.table in self.excluded:
            return False
        if right not in (Right.READ, Right.WRITE, Right.APPEND, Right.APPEND_TO):
            return False
        by_position, deepest, near = self.hierarchy
        names = {person.id: name for name, person in self.people.items()}
        for report in self.people.values():
            level, above, passed = 0, report.above, set()
            while above is not None and above not in passed and report is not who:
                passed.add(above)
                level += 1
                if names.get(who.id) == above:
                    break
                above = self.people[above].above
            else:
                continue
            if report is who or level > deepest or (level > 1 and right is not Right.READ):
                continue
            if near and not by_position and not self._below(report.unit, who.unit):
                continue
            teams = {t.id for t in self.teams.values() if report.id in t.members and t.kind == 0}
            shared = teams | {t.id for t in self.teams.values()
                              if report.id in t.members and t.kind == 1}  # fmt: skip
            if row.owner in teams | {report.id}:
                return True
            if self._shared(row, shared | {report.id}, right):
                return True
        return False


async def forget(t: Transaction, tables: Iterable[str] = TABLES) -> None:
    """Remove whoever and whatever is there but what every database begins with."""
    for table in (*tables, *_FORGOTTEN):
        kept = _KEPT.get(table)
        await t.execute(f"DELETE FROM rows.{table}" + (f" WHERE NOT {kept}" if kept else ""))
    usual = ", ".join(f"{name} = DEFAULT" for name in _SETTINGS)
    await t.execute(f"UPDATE rows.organization SET {usual}".encode())


async def build(t: Transaction, random: Random) -> Crowd:
    """Write a world."""
    crowd = Crowd(random)
    await _units(t, crowd)
    await add_people(t, crowd)
    await _teams(t, crowd)
    await _roles(t, crowd)
    await _profiles(t, crowd)
    await _hierarchy(t, crowd)
    await _cascades(t, crowd)
    await _rows(t, crowd)
    await load(t, crowd)
    return crowd


async def load(t: Transaction, crowd: Crowd) -> None:
    """Read the rows and their shares as they stand."""
    crowd.rows = {}
    for table in TABLES:
        found = await t.execute(f"SELECT * FROM rows.{table}".encode())
        for row in await found.fetchall():
            values = {name: str(v) if isinstance(v, UUID) else v for name, v in row.items()}
            crowd.rows[values[f"{table}id"]] = Row(
                table, values[f"{table}id"], values["ownerid"],
                str(values["owningbusinessunit"]), values,
            )  # fmt: skip
    found = await t.execute("SELECT rowid::text AS id, principalid::text AS who,"
                            " accessmask | inheritedmask AS mask FROM rows.rowshare")  # fmt: skip
    for share in await found.fetchall():
        if share["id"] in crowd.rows:
            crowd.rows[share["id"]].shares[share["who"]] = share["mask"]
    found = await t.execute("SELECT objectid::text AS id, principalid::text AS who,"
                            " attributelogicalname AS name"
                            " FROM rows.principalobjectattributeaccess"
                            " WHERE readaccess")  # fmt: skip
    for share in await found.fetchall():
        if share["id"] in crowd.rows:
            crowd.rows[share["id"]].opened.setdefault(share["who"], set()).add(share["name"])
    found = await t.execute(
        "SELECT rowid::text AS id, columnname AS name, filename, content FROM rows.filecontent"
        " WHERE position(' ' in columnname) = 0"
    )
    for file in await found.fetchall():
        if file["id"] in crowd.rows:
            text = f"{file['filename']} {bytes(file['content']).decode('utf-8', 'replace')}"
            crowd.rows[file["id"]].values[f"{file['name']} file"] = text
    crowd.cells = {}
    for row in crowd.rows.values():
        for column, value in row.values.items():
            for mark in marks(str(value)):
                crowd.cells.setdefault(mark, set()).add((row.id, column.removesuffix(" file")))


def marks(text: str) -> set[str]:
    """Return the markers in a text."""
    return {*MARKER.findall(text), *NUMBER.findall(text)}


async def _units(t: Transaction, crowd: Crowd) -> None:
    for _ in range(4):
        parent = crowd.random.choice(list(crowd.units))
        id = await _insert(t, "businessunit", name=crowd.marker(), parentbusinessunitid=parent)
        crowd.units[id] = parent
        crowd.directory[id] = "businessunit"


async def add_people(t: Transaction, crowd: Crowd) -> None:
    """Write the people, of whom ``admin`` administers."""
    random = crowd.random
    for name in ("admin", "ann", "ben", "cas", "dee", "eve", "fay"):
        admin = name == "admin"
        unit = random.choice(list(crowd.units))
        disabled = not admin and random.random() < 0.06
        mode = 2 if not admin and random.random() < 0.1 else 0
        mark = crowd.marker()
        id = await _insert(
            t, "systemuser", fullname=mark, domainname=f"{mark}@crowd.example",
            businessunitid=unit, isdisabled=disabled, accessmode=mode,
        )  # fmt: skip
        crowd.people[name] = Holder(id, unit, disabled=disabled, reads_only=mode == 2)
        crowd.directory[id] = "systemuser"
        if admin:
            everything = {(ANYWHERE, right.value): 8 for right in Right}
            await _hold(t, crowd.people[name], SYSTEM_ADMINISTRATOR,
                        Role(everything, ORGANIZATION, administers=True))  # fmt: skip


async def _teams(t: Transaction, crowd: Crowd) -> None:
    random = crowd.random
    for name, kind in (("crew", 0), ("gang", 0), ("record", 1), ("staff", 2)):
        unit, group = random.choice(list(crowd.units)), None
        members = {p.id for n, p in crowd.people.items() if n != "admin" and random.random() < 0.35}
        if kind == 2:
            group = await _insert(t, "securitygroup", name=crowd.marker())
            crowd.directory[group] = "securitygroup"
        id = await _insert(t, "team", name=crowd.marker(), teamtype=kind, businessunitid=unit,
                           **({"securitygroupid": group} if group else {}))  # fmt: skip
        for member in members:
            if kind == 2:
                await _insert(t, "groupmembership", securitygroupid=group, memberid=member,
                              membertype="systemuser")  # fmt: skip
            else:
                await _insert(t, "teammembership", teamid=id, systemuserid=member)
        crowd.teams[name] = Holder(id, unit, kind=kind, members=members)
        crowd.directory[id] = "team"


async def _roles(t: Transaction, crowd: Crowd) -> None:
    random = crowd.random
    found = await t.execute("SELECT tablename, rightname, depth FROM rows.roleprivilege"
                            " WHERE roleid = %s AND rightname <> ''", (BASIC_USER,))  # fmt: skip
    basic = {(r["tablename"], r["rightname"]): r["depth"] for r in await found.fetchall()}
    people = [name for name in crowd.people if name != "admin"]
    holders = [*people, "crew", "gang", "staff"]
    for name in people:
        if random.random() < 0.7:
            await _hold(t, crowd.people[name], BASIC_USER, Role(basic, ORGANIZATION))
    for name in (*random.sample(people, 2), "crew"):
        holder = crowd.people.get(name) or crowd.teams[name]
        await _hold(t, holder, DELEGATE, Role({}, ORGANIZATION, delegates=True))
    for name in (*people, *random.choices(holders, k=4)):
        holder = crowd.people.get(name) or crowd.teams[name]
        grants = _grants(random)
        unit, own = random.choice(list(crowd.units)), random.random() < 0.7
        role = await _insert(t, "role", name=crowd.marker(), businessunitid=unit,
                             isinherited=int(own))  # fmt: skip
        crowd.directory[role] = "role"
        for (table, right), depth in grants.items():
            await _insert(t, "roleprivilege", roleid=role, tablename=table, rightname=right,
                          depth=depth)  # fmt: skip
        await _hold(t, holder, role, Role(grants, unit, own=own))


def _grants(random: Random) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for table in TABLES:
        shape = random.random()
        if shape < 0.15:
            continue
        if shape < 0.5:
            depth = random.choice(DEPTHS)
            found |= {(table, right.value): depth for right in Right}
        else:
            found |= {(table, right.value): random.choice(DEPTHS) for right in Right
                      if random.random() < 0.75}  # fmt: skip
    return found


async def _hold(t: Transaction, holder: Holder, role: str, held: Role) -> None:
    await _insert(t, "roleassignment", roleid=role, principalid=holder.id)
    holder.roles.append(held)


async def _profiles(t: Transaction, crowd: Crowd) -> None:
    random = crowd.random
    everybody = {**crowd.people, **crowd.teams}
    for table, column in sorted(SECURED):
        await _insert(t, "securedcolumn", tablename=table, columnname=column)
        for name in random.sample(sorted(set(everybody) - {"admin", "record"}), 3):
            profile = await _insert(t, "fieldsecurityprofile", name="profile")
            can = {what: random.choice((0, 4)) for what in ("canread", "cancreate", "canupdate")}
            await _insert(t, "fieldpermission", fieldsecurityprofileid=profile, entityname=table,
                          attributelogicalname=column, **can)  # fmt: skip
            await _insert(t, "profileassignment", fieldsecurityprofileid=profile,
                          principalid=everybody[name].id)  # fmt: skip
            if can["canread"]:
                everybody[name].reads.add((table, column))


async def _hierarchy(t: Transaction, crowd: Crowd) -> None:
    random = crowd.random
    kind = random.choice((None, "manager", "position"))
    depth, near = random.randint(1, 3), random.random() < 0.5
    await t.execute(
        "UPDATE rows.organization SET ishierarchicalsecuritymodelenabled = %s,"
        " usepositionhierarchy = %s, maxdepthforhierarchicalsecuritymodel = %s,"
        " managersmustbeinsameorparentbusinessunitasreports = %s,"
        " sharetopreviousowneronassign = %s, alwaysmoverecordtoownerbusinessunit = %s",
        (kind is not None, kind == "position", depth, near, random.random() < 0.3,
         random.random() < 0.7),
    )  # fmt: skip
    if kind is None:
        return
    crowd.hierarchy = (kind == "position", depth, near)
    if random.random() < 0.2:
        crowd.excluded.add("w_part")
        await _insert(t, "hierarchyexclusion", tablename="w_part")
    names = [name for name in crowd.people if name != "admin"]
    random.shuffle(names)
    for at, name in enumerate(names):
        higher = random.choice(names[:at]) if at and random.random() < 0.8 else None
        crowd.people[name].above = higher
    places = {name: await _insert(t, "position", name=name) for name in names}
    for name in names:
        over = crowd.people[name].above
        if kind == "position":
            await t.execute("UPDATE rows.systemuser SET positionid = %s WHERE systemuserid = %s",
                            (places[name], crowd.people[name].id))  # fmt: skip
            await t.execute("UPDATE rows.position SET parentpositionid = %s WHERE positionid = %s",
                            (places[over] if over else None, places[name]))  # fmt: skip
        else:
            above = crowd.people[over].id if over else None
            await t.execute("UPDATE rows.systemuser SET parentsystemuserid = %s"
                            " WHERE systemuserid = %s", (above, crowd.people[name].id))  # fmt: skip


async def _cascades(t: Transaction, crowd: Crowd) -> None:
    carried = ("NoCascade", "NoCascade", "Cascade", "Active", "UserOwned")
    for table, lookups in LOOKUPS.items():
        for column in lookups:
            how = {what: crowd.random.choice(carried)
                   for what in ("Assign", "Share", "Unshare", "Reparent")}  # fmt: skip
            how["Delete"] = crowd.random.choice(("RemoveLink", "RemoveLink", "Restrict", "Cascade"))
            await t.execute(
                "UPDATE rows.relationshipmetadata SET cascade = %s"
                " WHERE (referencing, attribute) = (%s, %s)", (Jsonb(how), table, column),
            )  # fmt: skip


async def _rows(t: Transaction, crowd: Crowd) -> None:
    random = crowd.random
    owners = [h for n, h in {**crowd.people, **crowd.teams}.items() if n != "record"]
    made: dict[str, list[str]] = {table: [] for table in TABLES}
    for at in range(30):
        table = TABLES[at % 3 == 2]
        owner = random.choice(owners)
        unit = owner.unit if random.random() < 0.8 else random.choice(list(crowd.units))
        values = fresh_values(crowd, table)
        for column, parent in LOOKUPS[table].items():
            if made[parent] and random.random() < 0.6:
                values[column] = random.choice(made[parent])
        id = await _insert(
            t, table, ownerid=owner.id, owningbusinessunit=unit, statecode=int(at % 5 == 4),
            owneridtype="systemuser" if owner.kind is None else "team", **values,
        )  # fmt: skip
        made[table].append(id)
        await _shares(t, crowd, table, id)


def fresh_values(crowd: Crowd, table: str) -> dict[str, Any]:
    """Return values for a new row; every text and number is nowhere else."""
    random = crowd.random
    if table == "w_part":
        return {"p_name": crowd.marker(), "p_hint": crowd.marker(), "p_count": crowd.number()}
    return {
        "w_name": crowd.marker(), "w_code": crowd.marker(), "w_secret": crowd.marker(),
        "w_note": crowd.marker() if random.random() < 0.7 else None,
        "w_size": crowd.number() if random.random() < 0.8 else None,
        "w_price": crowd.number() + 0.25 if random.random() < 0.8 else None,
        "w_done": random.choice((True, False, None)),
        "w_due": f"20{random.randrange(10, 30)}-0{random.randrange(1, 9)}-11T10:00:00Z",
        "w_kind": random.choice((1, 2, 3, None)), "w_kinds": random.choice(("1", "1,2", None)),
    }  # fmt: skip


async def _shares(t: Transaction, crowd: Crowd, table: str, id: str) -> None:
    random = crowd.random
    everybody = [h.id for h in (*crowd.people.values(), *crowd.teams.values())] + [ORGANIZATION]
    for holder in random.sample(everybody, random.choice((0, 0, 0, 1, 2))):
        mask = sum(right.mask for right in Right if random.random() < 0.5)
        await _insert(t, "rowshare", tablename=table, rowid=id, principalid=holder, accessmask=mask)
    if random.random() < 0.2:
        column = next(c for name, c in SECURED if name == table)
        await t.execute(
            "INSERT INTO rows.principalobjectattributeaccess (objecttypecode, objectid,"
            " attributelogicalname, attributeid, principalid, readaccess)"
            " VALUES (%s, %s, %s, %s, %s, true)",
            (table, id, column, metadata_id(table, column), random.choice(everybody)),
        )  # fmt: skip


async def _insert(t: Transaction, table: str, **values: object) -> str:
    return await registry.insert(t, table, values, by=None)
