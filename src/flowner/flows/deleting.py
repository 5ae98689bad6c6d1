"""Deleting flows: what goes with one, and what keeps it."""

from __future__ import annotations

from flowner.access.vocabulary import FlowAction
from flowner.database import Database, Transaction
from flowner.errors import Refused
from flowner.flows.asking import flow_permit, principal
from flowner.journal.store import Journal
from flowner.rows import registry
from flowner.rows.auditing import Act, note
from flowner.rows.callers import Caller
from flowner.triggers.registration import unregister
from flowner.values import FlowId, JsonObject, PrincipalId

_OF_FLOW = (
    "flowshare",
    "connectionlend",
    "invokerchoice",
    "canvasappflow",
    "flowversion",
    "flowdraft",
)


class Deleting:
    """Deletes flows that are off and have no run under way."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database, self._journal = database, journal

    async def delete(self, flow_id: FlowId, by: PrincipalId) -> None:
        """Delete a flow. Its runs stay in the journal, for the server's operator alone."""
        async with self._database.transaction() as transaction:
            await self.clear(flow_id, by, within=transaction)
            row = {"tablename": "workflow", "rowid": flow_id}
            await registry.delete(transaction, "rowshare", row)
            await registry.delete(transaction, "workflow", {"workflowid": flow_id})

    async def clear(
        self,
        flow_id: FlowId,
        by: PrincipalId,
        *,
        actor: PrincipalId | None = None,
        within: Transaction,
    ) -> None:
        """Remove all of a flow but its row, when it may be deleted; raise when it may not.

        Its versions go, so a run that is under way could not go on: it keeps the flow.
        """
        permit = await flow_permit(within, by, FlowAction.DELETE, flow_id)
        facts = permit.to(FlowAction.DELETE)
        if facts.on:
            raise Refused(
                f"cannot delete an active workflow definition: turn `{facts.name}` off first"
            )
        moving = await self._journal.under_way(flow_id, within=within)
        if moving:
            raise Refused(f"{moving} runs of `{facts.name}` are under way: wait for their end")
        owner = (await principal(within, facts.owner)).name
        before: JsonObject = {"owner": owner, "version": facts.version}
        await note(within, Act.FLOW_DELETED, flow_id, by=Caller(by, actor), before=before)
        await unregister(within, flow_id)
        for table in _OF_FLOW:
            await registry.delete(within, table, {"workflowid": flow_id})
