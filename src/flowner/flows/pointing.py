"""Where connection references point, and which flows move when that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowner.access.vocabulary import ConnectionAction
from flowner.database import Transaction
from flowner.definitions.flow import Source
from flowner.errors import AccessDenied, Code, NotFound, Refused
from flowner.flows.asking import connection_permit, principal
from flowner.flows.turning import record_lends
from flowner.identity.world import Lend
from flowner.rows import registry
from flowner.rows.auditing import Act, note
from flowner.rows.callers import Caller
from flowner.rows.facts import read_connection_facts, read_flow_facts, read_world
from flowner.triggers.published import Published
from flowner.values import ConnectionId, FlowId, JsonObject, PrincipalId


@dataclass(frozen=True, slots=True)
class Moved:
    """A flow that a changed reference moves to another connection."""

    flow: FlowId
    name: str


async def point(
    transaction: Transaction,
    published: Published,
    reference: str,
    connection: ConnectionId,
    by: PrincipalId,
    *,
    actor: PrincipalId | None = None,
) -> list[Moved]:
    """Point a reference at another connection; answers the flows that move with it.

    ``by`` owns the reference, or is an administrator, and owns or may use the connection, which
    they thereby lend to every flow that is on and moves. ``actor``: who does it for them.
    """
    row = await _reference(transaction, reference)
    who = (await principal(transaction, by)).who
    if row["ownerid"] != by and not who.administrator:
        raise AccessDenied(f"the connection reference `{reference}` is not {who.name}'s")
    permit = await connection_permit(transaction, by, ConnectionAction.USE, connection)
    to = permit.to(ConnectionAction.USE)
    if to.connector != row["connectorid"]:
        raise Refused(
            f"the reference `{reference}` is for `{row['connectorid']}`, the connection"
            f" {to.account} for `{to.connector}`",
            code=Code.INVALID_CONNECTION,
        )
    change = {"connectioninstanceid": connection}
    key = str(row["connectionreferenceid"])
    await registry.update(transaction, "connectionreference", key, change, by=by)
    moved = await using(transaction, published, reference)
    before: JsonObject = {"account": await _account(transaction, row["connectioninstanceid"])}
    after: JsonObject = {"account": to.account, "flows": [one.name for one in moved]}
    acting = Caller(by, actor)
    await note(transaction, Act.REFERENCE_POINTED, key, by=acting, before=before, after=after)
    for one in moved:
        await _lend(transaction, published, one.flow, (reference, connection), by)
    return moved


async def using(transaction: Transaction, published: Published, reference: str) -> list[Moved]:
    """Return the flows whose current version uses a reference, by name."""
    moved = []
    for row in await registry.select(transaction, "workflow", {}):
        if row["currentversion"] is None:
            continue
        id = FlowId(row["workflowid"])
        version = await published.get(id, row["currentversion"], within=transaction)
        if reference.lower() in {name.lower() for name in version.references}:
            moved.append(Moved(id, row["name"]))
    return sorted(moved, key=lambda one: one.name)


async def _lend(
    transaction: Transaction,
    published: Published,
    flow: FlowId,
    through: tuple[str, ConnectionId],
    by: PrincipalId,
) -> None:
    facts = await read_flow_facts(transaction, flow)
    if not facts.on:
        return
    reference, connection = through
    version = await published.get(flow, facts.version, within=transaction)
    world = await read_world(transaction, facts, [by], version.references)
    lend = Lend(connection=connection, flow=flow, by=by, version=facts.version)
    lends = [
        (binding, lend)
        for binding in version.flow.bindings.values()
        if (binding.reference or "").lower() == reference.lower()
        and binding.source is Source.EMBEDDED
    ]
    await record_lends(transaction, facts, lends, world.lends, by)


async def _account(transaction: Transaction, connection: object) -> str | None:
    """Return whose account a reference pointed at; None: at nothing."""
    if connection is None:
        return None
    return (await read_connection_facts(transaction, ConnectionId(str(connection)))).account


async def _reference(transaction: Transaction, name: str) -> dict[str, Any]:
    for row in await registry.select(transaction, "connectionreference", {}):
        if row["connectionreferencelogicalname"].lower() == name.lower():
            return row
    raise NotFound(f"there is no connection reference `{name}`")
