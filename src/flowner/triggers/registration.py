"""What listens for a flow that is on: a callback registration, a schedule, or an address."""

from __future__ import annotations

from datetime import datetime

from flowner.database import Transaction
from flowner.definitions.flow import Flow, FlowKind, Message, RowScope, RowSubscription, RunAs
from flowner.journal.schedules import set_schedule
from flowner.rows import registry
from flowner.triggers.recurrence import Rule
from flowner.values import FlowId, JsonObject, PrincipalId

# The numbers of Dataverse's `callbackregistration` table,
# https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/callbackregistration
MESSAGES = {
    frozenset({Message.CREATE}): 1,
    frozenset({Message.DELETE}): 2,
    frozenset({Message.UPDATE}): 3,
    frozenset({Message.CREATE, Message.UPDATE}): 4,
    frozenset({Message.CREATE, Message.DELETE}): 5,
    frozenset({Message.UPDATE, Message.DELETE}): 6,
    frozenset(Message): 7,
}
SCOPES = {
    RowScope.USER: 1,
    RowScope.BUSINESS_UNIT: 2,
    RowScope.PARENT_CHILD: 3,
    RowScope.ORGANIZATION: 4,
}
RUN_AS = {RunAs.MODIFYING_USER: 1, RunAs.ROW_OWNER: 2, RunAs.FLOW_OWNER: 3}


async def register(
    transaction: Transaction, id: FlowId, flow: Flow, owner: PrincipalId, now: datetime
) -> None:
    """Let the flow's trigger be heard, in place of what listened for it before.

    What was heard and has yet to start a run still does; a schedule is counted from ``now`` on.
    """
    earlier = await registry.select(transaction, "callbackregistration", {"workflowid": id})
    await unregister(transaction, id)
    if flow.trigger.rows is not None:
        since = {"createdon": earlier[0]["createdon"]} if earlier else {}
        row = _registration(id, flow, flow.trigger.rows, owner)
        await registry.insert(transaction, "callbackregistration", row | since, by=owner)
    elif flow.trigger.flow_kind is FlowKind.SCHEDULED:
        await set_schedule(transaction, id, rule_of(flow).next_after(now), anchor=now)


async def unregister(transaction: Transaction, id: FlowId) -> None:
    """Let nothing listen for the flow any more."""
    await registry.delete(transaction, "callbackregistration", {"workflowid": id})
    await set_schedule(transaction, id, None)


def rule_of(flow: Flow) -> Rule:
    """Return the recurrence of a scheduled flow; `Invalid` with a pointer when it is none."""
    source: JsonObject = flow.trigger.source
    return Rule.read(source.get("recurrence"), f"{flow.trigger.pointer}/recurrence")


def _registration(
    id: FlowId, flow: Flow, rows: RowSubscription, owner: PrincipalId
) -> dict[str, object]:
    columns = sorted(name.lower() for name in rows.filtering_columns)
    return {
        "name": flow.name,
        "workflowid": id,
        "entityname": rows.table.lower(),
        "message": MESSAGES[rows.messages],
        "scope": SCOPES[rows.scope],
        "runas": None if rows.run_as is None else RUN_AS[rows.run_as],
        "filteringattributes": ",".join(columns) or None,
        "filterexpression": rows.filter_expression,
        "postponeuntil": rows.postpone_until,
        "ownerid": owner,
        "owneridtype": "systemuser",
    }
