"""The published versions of flows, as documents. A version is never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Json

from flowner.database import Transaction
from flowner.definitions.envelopes import client_data
from flowner.errors import NotFound
from flowner.values import FlowId, JsonObject, PrincipalId


async def insert_version(
    transaction: Transaction, flow: FlowId, document: JsonObject, *, by: PrincipalId
) -> int:
    """Keep a document as the flow's next version and make it the current one; answers its number.

    The flow's row is locked, so two who publish at once get different numbers.
    """
    locked = await transaction.execute(
        "SELECT coalesce(currentversion, 0) + 1 AS number FROM rows.workflow"
        " WHERE workflowid = %s FOR UPDATE",
        (flow,),
    )
    row = await locked.fetchone()
    if row is None:
        raise NotFound(f"there is no flow `{flow}`")
    number = int(row["number"])
    await transaction.execute(
        "INSERT INTO rows.flowversion (flowversionid, workflowid, number, definition, publishedby,"
        " publishedon) VALUES (gen_random_uuid(), %s, %s, %s, %s, now())",
        (flow, number, Json(document), by),
    )
    await transaction.execute(
        "UPDATE rows.workflow SET currentversion = %s, clientdata = %s WHERE workflowid = %s",
        (number, client_data(document), flow),
    )
    return number


async def read_version(
    transaction: Transaction, flow: FlowId, number: int
) -> tuple[JsonObject, bool]:
    """Return one version's document, and whether it stays; `NotFound` when there is none.

    One that this very transaction published may yet be undone, and its number given to another.
    """
    found = await transaction.execute(
        "SELECT definition, publishedon <> now() AS stays FROM rows.flowversion"
        " WHERE workflowid = %s AND number = %s",
        (flow, number),
    )
    row = await found.fetchone()
    if row is None:
        raise NotFound(f"the flow `{flow}` has no version {number}")
    return row["definition"], row["stays"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """That a version was published."""

    number: int
    by: PrincipalId | None
    by_name: str | None
    at: datetime


async def list_versions(transaction: Transaction, flow: FlowId) -> list[Publication]:
    """Return a flow's versions, the newest first."""
    found = await transaction.execute(
        "SELECT v.number, v.publishedby::text AS by, u.fullname AS by_name, v.publishedon AS at"
        " FROM rows.flowversion v LEFT JOIN rows.systemuser u ON u.systemuserid = v.publishedby"
        " WHERE v.workflowid = %s ORDER BY v.number DESC",
        (flow,),
    )
    return [Publication(**row) for row in await found.fetchall()]


async def find_flow(transaction: Transaction, name_or_id: str) -> FlowId:
    """Return the flow that a person means by its name or id; `NotFound` unless it is just one."""
    return only_one(await find_flows(transaction, name_or_id), name_or_id)


async def find_flows(transaction: Transaction, name_or_id: str) -> list[FlowId]:
    """Return the flows with this name or id."""
    found = await transaction.execute(
        "SELECT workflowid::text AS id FROM rows.workflow WHERE workflowid::text = lower(%(n)s)"
        " OR lower(name) = lower(%(n)s) OR lower(uniquename) = lower(%(n)s)",
        {"n": name_or_id.replace("\0", "\ufffd")},
    )
    return [FlowId(row["id"]) for row in await found.fetchall()]


def only_one(flows: Sequence[FlowId], name_or_id: str) -> FlowId:
    """Return the one flow that was found; `NotFound` when it was none, or several."""
    if len(flows) != 1:
        many = "more than one flow is" if flows else "there is no flow"
        raise NotFound(f"{many} called `{name_or_id}`")
    return flows[0]


async def find_principal(transaction: Transaction, name_or_id: str) -> PrincipalId:
    """Return whom a person means by id, UPN, mail or full name; `NotFound` unless it is just one.

    Users and applications first; teams and groups too, since rows and shares name them.
    """
    found = await transaction.execute(
        "SELECT systemuserid::text AS id FROM rows.systemuser"
        " WHERE systemuserid::text = lower(%(n)s)"
        " OR lower(%(n)s) IN (lower(domainname), lower(internalemailaddress), lower(fullname))"
        " UNION SELECT teamid::text FROM rows.team WHERE teamid::text = lower(%(n)s)"
        " OR lower(name) = lower(%(n)s)"
        " UNION SELECT securitygroupid::text FROM rows.securitygroup"
        " WHERE securitygroupid::text = lower(%(n)s) OR lower(name) = lower(%(n)s) LIMIT 2",
        {"n": name_or_id.replace("\0", "\ufffd")},
    )
    rows = await found.fetchall()
    if len(rows) != 1:
        many = "more than one principal is" if rows else "there is nobody"
        raise NotFound(f"{many} called `{name_or_id}`")
    return PrincipalId(rows[0]["id"])


async def current_epoch(transaction: Transaction) -> int:
    """Return the number that moves with every change that identity may depend on."""
    row = await (await transaction.execute("SELECT epoch FROM rows.identity_epoch")).fetchone()
    if row is None:
        raise NotFound("the identity epoch is missing: the database is not migrated")
    return int(row["epoch"])
