"""Flows as rows of `workflow`: made, changed, turned, handed over, shared and deleted by the rules
that hold for flows anywhere.

Source: https://learn.microsoft.com/power-automate/manage-flows-with-code
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from flowner.access.rights import Right
from flowner.access.vocabulary import FlowAction, FlowRole
from flowner.clock import Clock
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.flow import Flow
from flowner.errors import AccessDenied, Code, Invalid, NotFound, Refused
from flowner.flows.asking import flow_permit, future_owner
from flowner.flows.deleting import Deleting
from flowner.flows.families import examine, read_family
from flowner.flows.sharing import Sharing
from flowner.flows.turning import Turning
from flowner.rows.asking import Asking
from flowner.rows.keeping import Keeper, Row
from flowner.rows.versions import insert_version
from flowner.rows.writing import read_back
from flowner.triggers.published import Published
from flowner.values import FlowId, JsonObject, PrincipalId

_FIXED: Final = {"category": 5, "type": 1, "primaryentity": "none"}
_STATES: Final = {0: 1, 1: 2}
"""The status of each state."""
_ELSEWHERE: Final = ("clientdata", "statecode", "statuscode", "currentversion")
_OWNED: Final = ("ownerid", "owneridtype")


@dataclass(frozen=True, kw_only=True)
class Flows(Keeper):
    """Keeps flows. Who acts for another may do what both may."""

    published: Published
    turning: Turning
    sharing: Sharing
    deleting: Deleting
    clock: Clock

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a flow from its ``clientdata``, checked as an import is; off, unless it says on."""
        t = asking.transaction
        if not row.get("clientdata"):
            raise Invalid("a flow has its definition in `clientdata`")
        _require_kind(row)
        await future_owner(t, PrincipalId(str(row["ownerid"])))
        id = FlowId(str(row.get("workflowid") or self.clock.fresh_guid()))
        flow = await self._examined(asking, id, str(row.get("name") or ""), row["clientdata"])
        on = _wanted(row)
        plain = {name: row[name] for name in row if name not in _ELSEWHERE}
        await super().create(asking, plain | {"workflowid": id})
        await insert_version(t, id, write_flow(flow), by=asking.caller.acting_for)
        if on:
            async with _as_flow(id):
                await self._turn(asking, id, on=True)
        return await read_back(asking, id)

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a flow. Another definition is its next version, and live at once where it is on:
        whoever publishes it turns it on anew."""
        id, t, by = FlowId(str(before["workflowid"])), asking.transaction, asking.caller.acting_for
        _require_kind(change)
        wanted = _wanted(change)
        was_on = before["statecode"] == 1
        rest = {name: change[name] for name in change if name not in (*_ELSEWHERE, *_OWNED)}
        async with _as_flow(id):
            await self._permit(asking, FlowAction.EDIT if _edits(change) else FlowAction.READ, id)
            if "ownerid" in change:
                await self._permit(asking, FlowAction.HAND_OVER, id)
                owner = PrincipalId(str(change["ownerid"]))
                actor = asking.caller.actor
                await self.sharing.hand_over(id, owner, by, actor=actor, within=t)
                rest.setdefault("owningbusinessunit", before["owningbusinessunit"])
            await super().change(asking, before, rest)
            republished = change.get("clientdata") is not None
            if republished:
                name = str(change.get("name") or before["name"])
                flow = await self._examined(asking, id, name, change["clientdata"])
                await insert_version(t, id, write_flow(flow), by=by)
            on = was_on if wanted is None else wanted
            if on != was_on or (on and republished):
                await self._turn(asking, id, on=on)
        return await read_back(asking, id)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Delete a flow that is off and has no run under way."""
        id = FlowId(str(before["workflowid"]))
        async with _as_flow(id):
            await self._permit(asking, FlowAction.DELETE, id)
            by, actor = asking.caller.acting_for, asking.caller.actor
            await self.deleting.clear(id, by, actor=actor, within=asking.transaction)
        await super().remove(asking, before)

    async def share(
        self, asking: Asking, id: str, holder: str, rights: Iterable[Right], *, adds: bool
    ) -> None:
        """Share a flow's row. Whoever may write it is its co-owner, with all that one may do."""
        given = list(rights)
        await super().share(asking, id, holder, given, adds=adds)
        flow, who, t = FlowId(id.lower()), PrincipalId(holder.lower()), asking.transaction
        by, actor = asking.caller.acting_for, asking.caller.actor
        async with _as_flow(flow):
            await self._permit(asking, FlowAction.SHARE, flow)
            if Right.WRITE in given:
                await self.sharing.share(flow, who, FlowRole.CO_OWNER, by, actor=actor, within=t)
            elif not adds:
                await self.sharing.part(flow, who, by, actor=actor, within=t)

    async def unshare(self, asking: Asking, id: str, holder: str) -> None:
        """End a share of a flow's row, and co-ownership with it; what the holder may run stays."""
        await super().unshare(asking, id, holder)
        flow, who = FlowId(id.lower()), PrincipalId(holder.lower())
        async with _as_flow(flow):
            await self._permit(asking, FlowAction.SHARE, flow)
            by, actor = asking.caller.acting_for, asking.caller.actor
            await self.sharing.part(flow, who, by, actor=actor, within=asking.transaction)

    async def _examined(self, asking: Asking, id: FlowId, name: str, data: str) -> Flow:
        try:
            document = json.loads(data)
        except ValueError:
            raise Invalid("`clientdata` is no JSON", code=Code.INVALID_DEFINITION) from None
        if not name:
            raise Invalid("a flow has a name")
        flow = replace(read_flow(document, name=name), guid=id.lower())
        family = await read_family(asking.transaction, self.published, [flow])
        examine(flow, family)
        return flow

    async def _turn(self, asking: Asking, id: FlowId, *, on: bool) -> None:
        caller, t = asking.caller, asking.transaction
        if on:
            await self.turning.on(id, caller.acting_for, actor=caller.actor, within=t)
            return
        await self._permit(asking, FlowAction.TURN, id)
        await self.turning.off(id, caller.acting_for, actor=caller.actor, within=t)

    async def _permit(self, asking: Asking, action: FlowAction, id: FlowId) -> None:
        for one in (asking.caller.acting_for, asking.caller.actor):
            if one is not None:
                (await flow_permit(asking.transaction, one, action, id)).to(action)


@asynccontextmanager
async def _as_flow(id: FlowId) -> AsyncIterator[None]:
    """Say of a flow whose row is open, and which may not be known as a flow, that it is closed."""
    try:
        yield
    except NotFound as error:
        if str(id) not in error.message:
            raise
        raise AccessDenied(
            f"the flow {id} is shared with them as a row alone: only its owner and co-owners, and"
            " administrators, change it",
            code=Code.ROW_ACCESS_DENIED,
        ) from None


def _edits(change: Row) -> bool:
    return any(name in change for name in ("clientdata", "name", "description"))


def _require_kind(row: Row) -> None:
    for name, value in _FIXED.items():
        if row.get(name, value) != value:
            raise Refused(f"`{name}` is {value} for a flow: other processes are not kept here")


def _wanted(row: Row) -> bool | None:
    """Return whether the flow is to be on; None where nothing is said. `Invalid` for the rest."""
    state, status = row.get("statecode"), row.get("statuscode")
    if state is None and status is None:
        return None
    if state is None:
        state = next((one for one, its in _STATES.items() if its == status), -1)
    if state not in _STATES or status not in (None, _STATES[state]):
        raise Invalid(
            "a flow is off with `statecode` 0 and `statuscode` 1, on with `statecode` 1 and"
            " `statuscode` 2"
        )
    return bool(state)
