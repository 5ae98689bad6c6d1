"""Sign-ins that runs wait for: which run, at which action, asks whom for which connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flowner.database import Transaction
from flowner.rows.letters import write_letters
from flowner.values import FlowId, JsonObject, PrincipalId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSignIn:
    """One sign-in that somebody is, or was, asked for."""

    id: str
    flow: FlowId
    flow_name: str
    run: RunId
    path: str
    person: PrincipalId
    key: str
    connector: str
    created: datetime
    due: datetime
    answered: datetime | None
    status: str
    """Pending, Answered, TimedOut or Canceled: also by what has become of its run."""

    def as_json(self) -> JsonObject:
        """Return it as the API and the command line show it."""
        return {
            "id": self.id,
            "flow": self.flow_name,
            "run": str(self.run),
            "action": self.path,
            "key": self.key,
            "connector": self.connector,
            "since": self.created.isoformat(timespec="seconds"),
            "until": self.due.isoformat(timespec="seconds"),
        }


_READ = """
SELECT signinaskid::text AS id, workflowid::text AS flow, coalesce(flowname, '') AS flow_name,
       runid AS run, actionpath AS path, principalid::text AS person, bindingkey AS key,
       connectorid AS connector, createdon AS created, due, answeredon AS answered, status
FROM rows.signinasknow
"""
_ASK = """
INSERT INTO rows.signinask
    (workflowid, runid, actionpath, principalid, bindingkey, connectorid, due)
VALUES (%(flow)s, %(run)s, %(path)s, %(person)s, %(key)s, %(connector)s, %(due)s)
ON CONFLICT (runid, actionpath) DO UPDATE SET answeredon = NULL, modifiedon = now(),
    principalid = excluded.principalid, due = excluded.due
RETURNING signinaskid::text AS id
"""


async def ask_sign_in(  # noqa: PLR0913, PLR0917 - one row is this much
    transaction: Transaction,
    flow: FlowId,
    at: tuple[RunId, str],
    person: PrincipalId,
    key: str,
    connector: str,
    due: datetime,
) -> None:
    """Ask somebody, in the name of an action of a run, to choose a connection; writes to them."""
    run, path = at
    values = {"flow": flow, "run": run, "path": path, "person": person, "key": key,
              "connector": connector, "due": due}  # fmt: skip
    row = await (await transaction.execute(_ASK, values)).fetchone()
    if row is not None:
        await write_letters(transaction, "sign-in", row["id"], [person], wanted=True)


async def asked_of(transaction: Transaction, person: PrincipalId) -> list[AskedSignIn]:
    """Return what somebody is asked for now, the oldest first."""
    return await _read(
        transaction, "WHERE principalid = %s AND status = 'Pending' ORDER BY createdon", person
    )


async def asked_by_id(transaction: Transaction, id: str) -> AskedSignIn | None:
    """Return one, whatever became of it."""
    found = await _read(transaction, "WHERE signinaskid = %s", id)
    return found[0] if found else None


async def was_asked(transaction: Transaction, person: PrincipalId, flow: FlowId) -> bool:
    """Say whether a run of a flow has ever asked somebody to sign in."""
    found = await transaction.execute(
        "SELECT FROM rows.signinask WHERE principalid = %s AND workflowid = %s LIMIT 1",
        (person, flow),
    )
    return await found.fetchone() is not None


async def answer_sign_ins(
    transaction: Transaction, person: PrincipalId, flows: Iterable[str], key: str
) -> list[tuple[RunId, str]]:
    """Write down that somebody has chosen; answers the actions of runs that waited for it."""
    found = await transaction.execute(
        "UPDATE rows.signinask SET answeredon = now(), modifiedon = now()"
        " WHERE principalid = %s AND workflowid = ANY(%s::uuid[]) AND bindingkey = %s"
        " AND answeredon IS NULL RETURNING runid, actionpath",
        (person, list(flows), key),
    )
    return [(RunId(row["runid"]), row["actionpath"]) for row in await found.fetchall()]


async def answer_all_sign_ins(
    transaction: Transaction, person: PrincipalId
) -> list[tuple[RunId, str]]:
    """Write down that somebody has signed in anew; answers all actions of runs that waited."""
    found = await transaction.execute(
        "UPDATE rows.signinask SET answeredon = now(), modifiedon = now()"
        " WHERE principalid = %s AND answeredon IS NULL RETURNING runid, actionpath",
        (person,),
    )
    return [(RunId(row["runid"]), row["actionpath"]) for row in await found.fetchall()]


async def waits_for_sign_in(transaction: Transaction, run: RunId, path: str) -> bool:
    """Say whether an action was held back for a sign-in that has not come."""
    found = await transaction.execute(
        "SELECT FROM rows.signinask WHERE runid = %s AND actionpath = %s AND answeredon IS NULL",
        (run, path),
    )
    return await found.fetchone() is not None


async def _read(transaction: Transaction, where: str, value: str) -> list[AskedSignIn]:
    found = await transaction.execute((_READ + where).encode(), (value,))
    return [AskedSignIn(**row) for row in await found.fetchall()]
