"""Publishing: a definition becomes a flow's next version, and what runs from then on."""

from __future__ import annotations

from dataclasses import replace

from flowner.access.vocabulary import FlowAction
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.flow import Flow
from flowner.flows.asking import flow_permit, future_owner
from flowner.flows.families import examine, read_family
from flowner.flows.turning import OFF, set_listening
from flowner.identity.save import Finding
from flowner.rows import registry
from flowner.rows.versions import Publication, insert_version, list_versions, read_version
from flowner.triggers.published import Published
from flowner.values import FlowId, PrincipalId


class Publishing:
    """Makes flows, and gives them versions. A version is never changed."""

    def __init__(self, database: Database, published: Published, clock: Clock) -> None:
        self._database, self._published, self._clock = database, published, clock

    async def create(self, flow: Flow, by: PrincipalId) -> FlowId:
        """Make a flow of ``by``'s, turned off, with this as its first version."""
        async with self._database.transaction() as transaction:
            await future_owner(transaction, by)
            id = FlowId(flow.guid or self._clock.fresh_guid())
            row = {
                "workflowid": id,
                "name": flow.name,
                "category": 5,
                "type": 1,
                "ownerid": by,
                "owneridtype": "systemuser",
                **OFF,
            }
            await registry.insert(transaction, "workflow", row, by=by)
            await insert_version(transaction, id, write_flow(flow), by=by)
            return id

    async def rename(self, flow: FlowId, name: str, by: PrincipalId) -> None:
        """Give a flow another name. The law is asked for the right to edit it."""
        async with self._database.transaction() as transaction:
            (await flow_permit(transaction, by, FlowAction.EDIT, flow)).to(FlowAction.EDIT)
            await registry.update(transaction, "workflow", flow, {"name": name}, by=by)

    async def publish(self, id: FlowId, flow: Flow, by: PrincipalId) -> int:
        """Make a definition the flow's current version; answers its number."""
        async with self._database.transaction() as transaction:
            number, _ = await publish(transaction, self._published, self._clock, (id, flow), by)
            return number

    async def versions(self, flow: FlowId, by: PrincipalId) -> list[Publication]:
        """Return who published which version when, the newest first."""
        async with self._database.transaction() as transaction:
            (await flow_permit(transaction, by, FlowAction.READ, flow)).to(FlowAction.READ)
            return await list_versions(transaction, flow)

    async def version(self, id: FlowId, number: int, by: PrincipalId) -> Flow:
        """Return one version; `NotFound` when there is none."""
        async with self._database.transaction() as transaction:
            facts = (await flow_permit(transaction, by, FlowAction.READ, id)).to(FlowAction.READ)
            document, _ = await read_version(transaction, id, number)
            return read_flow(document, name=facts.name)


async def publish(
    transaction: Transaction,
    published: Published,
    clock: Clock,
    what: tuple[FlowId, Flow],
    by: PrincipalId,
) -> tuple[int, tuple[Finding, ...]]:
    """Make a definition a flow's current version; answers its number, and advice.

    Runs that are under way go on as they began. A flow that is on goes on listening with the new
    version, if ``by`` could turn it on; else this is refused with the reason, and nothing changes.
    Raises `InvalidDefinition` for what no save may keep.
    """
    id, flow = what
    facts = (await flow_permit(transaction, by, FlowAction.EDIT, id)).to(FlowAction.EDIT)
    flow = replace(flow, name=facts.name, guid=id)
    advice = examine(flow, await read_family(transaction, published, [flow]))
    number = await insert_version(transaction, id, write_flow(flow), by=by)
    if facts.on:
        version = await published.get(id, number, within=transaction)
        now = clock.now()
        await set_listening(transaction, version, replace(facts, version=number), by, now)
    return number, advice
