"""What people manage: who did what to whom and to what, noted where it is done, for ever.

A note is written in the same transaction as the act: what is undone was never noted, and nothing
is done that is not. Notes are only ever added; the database itself refuses to change one. No
secret stands in any: before and after are what the caller says, in words and names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from flowner.database import Transaction
from flowner.rows.callers import Caller
from flowner.values import FlowId, JsonObject, PrincipalId


class Act(StrEnum):
    """What is managed. The value is what people, programs and notes see; its first part is of
    what."""

    FLOW_TURNED_ON = "flow.turn-on"
    FLOW_TURNED_OFF = "flow.turn-off"
    FLOW_KEEPS = "flow.keep-runs"
    FLOW_SHARED = "flow.share"
    FLOW_UNSHARED = "flow.unshare"
    FLOW_HANDED_OVER = "flow.hand-over"
    FLOW_DELETED = "flow.delete"
    CONNECTION_MADE = "connection.make"
    CONNECTION_RENEWED = "connection.renew"
    CONNECTION_SHARED = "connection.share"
    CONNECTION_UNSHARED = "connection.unshare"
    CONNECTION_DELETED = "connection.delete"
    CONNECTION_LENT = "connection.lend"
    CONNECTION_TAKEN_BACK = "connection.take-back"
    REFERENCE_POINTED = "reference.point"
    REFERENCE_DELETED = "reference.delete"
    CHOICE_MADE = "choice.make"
    CHOICE_WITHDRAWN = "choice.withdraw"
    APP_SHARED = "app.share"
    APP_UNSHARED = "app.unshare"
    PERSON_ADDED = "person.add"
    PERSON_DISABLED = "person.disable"
    PERSON_ENABLED = "person.enable"
    PERSON_REMOVED = "person.remove"
    ROLE_GIVEN = "role.give"
    ROLE_TAKEN = "role.take"
    ROLE_DELETED = "role.delete"
    GROUP_JOINED = "group.join"
    GROUP_LEFT = "group.leave"
    GROUP_DELETED = "group.delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One act, as it was noted."""

    id: int
    at: datetime
    by: PrincipalId | None
    """None: the server's operator, or the server itself."""
    actor: PrincipalId | None
    """Who did it for them."""
    act: str
    target: str
    name: str
    """What the target was called then."""
    about: PrincipalId | None
    """Whom it concerns: with whom it was shared, who got it."""
    about_name: str | None
    before: JsonObject | None
    after: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedActs:
    """Which acts are asked for; None asks for all."""

    by: PrincipalId | None = None
    """Who did it, or did it for somebody."""
    about: PrincipalId | None = None
    act: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""
    before: int | None = None
    """Older than this one: how pages follow one another."""
    limit: int = 50


_NAMED: Final = """
SELECT name FROM (
    SELECT coalesce(fullname, domainname) AS name FROM rows.systemuser WHERE systemuserid = %(id)s
    UNION ALL SELECT name FROM rows.securitygroup WHERE securitygroupid = %(id)s
    UNION ALL SELECT name FROM rows.team WHERE teamid = %(id)s
    UNION ALL SELECT name FROM rows.role WHERE roleid = %(id)s
    UNION ALL SELECT name FROM rows.workflow WHERE workflowid = %(id)s
    UNION ALL SELECT coalesce(displayname, name) FROM rows.canvasapp WHERE canvasappid = %(id)s
    UNION ALL SELECT coalesce(account, name) FROM rows.connectioninstance
        WHERE connectioninstanceid = %(id)s
    UNION ALL SELECT connectionreferencelogicalname FROM rows.connectionreference
        WHERE connectionreferenceid = %(id)s
) found LIMIT 1
"""
_NOTE: Final = f"""
INSERT INTO rows.audit (by, actor, act, target, name, about, aboutname, before, after)
VALUES (%(by)s, %(actor)s, %(act)s, %(target)s,
    coalesce(({_NAMED.replace("%(id)s", "%(target)s")}), ''), %(about)s,
    ({_NAMED.replace("%(id)s", "%(about)s::uuid")}), %(before)s, %(after)s)
"""  # noqa: S608 - constants of ours
_CONDITIONS: Final = {
    "by": "(by = %(by)s OR actor = %(by)s)",
    "about": "about = %(about)s",
    "act": "act = %(act)s",
    "target": "target = %(target)s",
    "since": "at >= %(since)s",
    "until": "at < %(until)s",
    "before": "id < %(before)s",
}


_OFFERS: Final = """
SELECT coalesce((SELECT json_agg(json_build_array(workflowid, name) ORDER BY lower(name))
                 FROM rows.workflow), '[]') AS flows,
       coalesce((SELECT array_agg(DISTINCT account ORDER BY account)
                 FROM rows.connectioninstance), '{}') AS accounts,
       coalesce((SELECT array_agg(DISTINCT connectionreferencelogicalname
                                  ORDER BY connectionreferencelogicalname)
                 FROM rows.connectionreference), '{}') AS references
"""


async def read_offers(
    transaction: Transaction,
) -> tuple[dict[FlowId, str], tuple[str, ...], tuple[str, ...]]:
    """Return the flows that there are with their names, the accounts, and the references."""
    row = await (await transaction.execute(_OFFERS)).fetchone()
    if row is None:
        raise RuntimeError("an aggregate answers a row")
    flows = {FlowId(id): str(name) for id, name in row["flows"]}
    return flows, tuple(row["accounts"]), tuple(row["references"])


async def note(  # noqa: PLR0913 - what a note says
    transaction: Transaction,
    act: Act,
    target: str,
    *,
    by: PrincipalId | Caller | None,
    about: str | None = None,
    before: JsonObject | None = None,
    after: JsonObject | None = None,
) -> None:
    """Note an act in the transaction that does it: 1 statement.

    ``target`` is the id of what it is done to and ``about`` of whom it concerns; what they are
    called now is noted with them, so a deletion is noted before it is done. ``by`` None is the
    server's operator, or the server itself.
    """
    caller = by if isinstance(by, Caller) else None
    values = {
        "by": caller.acting_for if caller is not None else by,
        "actor": None if caller is None else caller.actor,
        "act": act.value,
        "target": target,
        "about": about,
        "before": None if before is None else Jsonb(before),
        "after": None if after is None else Jsonb(after),
    }
    await transaction.execute(_NOTE.encode(), values)


async def search(transaction: Transaction, wanted: WantedActs) -> list[Noted]:
    """Return the newest of the acts wanted."""
    values = {name: value for name in _CONDITIONS if (value := getattr(wanted, name)) is not None}
    parts = [sql.SQL("true"), *(sql.SQL(_CONDITIONS[name]) for name in values)]
    statement = sql.SQL(
        "SELECT * FROM rows.audit WHERE {} ORDER BY id DESC LIMIT %(limit)s"
    ).format(sql.SQL(" AND ").join(parts))
    found = await transaction.execute(statement, values | {"limit": wanted.limit}, prepare=False)
    return [_noted(row) for row in await found.fetchall()]


def _noted(row: Mapping[str, Any]) -> Noted:
    return Noted(
        id=row["id"],
        at=row["at"],
        by=_person(row["by"]),
        actor=_person(row["actor"]),
        act=row["act"],
        target=str(row["target"]),
        name=row["name"],
        about=_person(row["about"]),
        about_name=row["aboutname"],
        before=row["before"],
        after=row["after"],
    )


def _person(id: object) -> PrincipalId | None:
    return None if id is None else PrincipalId(str(id))
