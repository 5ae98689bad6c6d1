"""Sharing and handing over: what others may do with a flow, and whose it is."""

from __future__ import annotations

from flowner.access.rights import Right, mask_of
from flowner.access.vocabulary import FlowAction, FlowRole
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.definitions.flow import FlowKind
from flowner.errors import Code, Refused
from flowner.flows.asking import flow_permit, future_owner, principal
from flowner.identity.world import PrincipalKind
from flowner.rows import registry
from flowner.rows.auditing import Act, note
from flowner.rows.callers import Caller
from flowner.triggers.published import Published
from flowner.triggers.registration import register
from flowner.values import FlowId, PrincipalId

_ROLES = {FlowRole.CO_OWNER: 1, FlowRole.RUN_ONLY: 2}
OF_CO_OWNERS = mask_of(set(Right) - {Right.CREATE, Right.ASSIGN})
"""What a co-owner's share of the flow's row gives: the row law opens to them what they may do."""


class Sharing:
    """Shares flows and hands them over. Effective at the next run."""

    def __init__(self, database: Database, published: Published, clock: Clock) -> None:
        self._database, self._published, self._clock = database, published, clock

    async def share(
        self,
        flow_id: FlowId,
        holder: PrincipalId,
        role: FlowRole,
        by: PrincipalId,
        *,
        actor: PrincipalId | None = None,
        within: Transaction | None = None,
    ) -> None:
        """Share a flow with a user or a security group; ``actor``: who does it for ``by``.

        Run-only is for instant flows; an application can be no co-owner (it can be the owner).
        """
        async with self._database.transaction(within) as transaction:
            permit = await flow_permit(transaction, by, FlowAction.SHARE, flow_id)
            facts = permit.to(FlowAction.SHARE)
            other = await principal(transaction, holder)
            version = await self._published.get(flow_id, facts.version, within=transaction)
            if role is FlowRole.RUN_ONLY and version.flow.trigger.flow_kind is not FlowKind.INSTANT:
                raise Refused(
                    f"`{facts.name}` is no instant flow: only those can be shared run-only",
                    code=Code.RUN_ONLY_NOT_OFFERED,
                )
            if other.kind is PrincipalKind.TEAM or (
                role is FlowRole.CO_OWNER and other.kind is PrincipalKind.APPLICATION
            ):
                raise Refused(f"{other.name} is a {other.kind}, which cannot be {role} of a flow")
            kind = "securitygroup" if other.kind is PrincipalKind.GROUP else "systemuser"
            if await _put(transaction, flow_id, holder, (kind, role), by):
                await note(
                    transaction,
                    Act.FLOW_SHARED,
                    flow_id,
                    by=Caller(by, actor),
                    about=holder,
                    after={"role": role.value},
                )

    async def unshare(self, flow_id: FlowId, holder: PrincipalId, by: PrincipalId) -> bool:
        """Take every share of a flow from a holder; False when there was none."""
        async with self._database.transaction() as transaction:
            permit = await flow_permit(transaction, by, FlowAction.SHARE, flow_id)
            permit.to(FlowAction.SHARE)
            where = {"workflowid": flow_id, "principalid": holder}
            await _forget_row(transaction, flow_id, holder)
            if not await registry.delete(transaction, "flowshare", where):
                return False
            await note(transaction, Act.FLOW_UNSHARED, flow_id, by=by, about=holder)
            return True

    async def part(
        self,
        flow_id: FlowId,
        holder: PrincipalId,
        by: PrincipalId,
        *,
        actor: PrincipalId | None = None,
        within: Transaction,
    ) -> None:
        """Let a co-owner be one no more; what they may run stays."""
        permit = await flow_permit(within, by, FlowAction.SHARE, flow_id)
        permit.to(FlowAction.SHARE)
        held = {"workflowid": flow_id, "principalid": holder, "role": _ROLES[FlowRole.CO_OWNER]}
        if await registry.delete(within, "flowshare", held):
            await note(
                within,
                Act.FLOW_UNSHARED,
                flow_id,
                by=Caller(by, actor),
                about=holder,
                before={"role": FlowRole.CO_OWNER.value},
            )

    async def hand_over(
        self,
        flow_id: FlowId,
        to: PrincipalId,
        by: PrincipalId,
        *,
        actor: PrincipalId | None = None,
        within: Transaction | None = None,
    ) -> None:
        """Make somebody else the primary owner; the former one becomes co-owner.

        No connection moves: the actions keep their accounts.
        """
        async with self._database.transaction(within) as transaction:
            permit = await flow_permit(transaction, by, FlowAction.HAND_OVER, flow_id)
            facts = permit.to(FlowAction.HAND_OVER)
            owner = await future_owner(transaction, to)
            former = await principal(transaction, facts.owner)
            owned = {"ownerid": to, "owneridtype": "systemuser"}
            await registry.update(transaction, "workflow", flow_id, owned, by=by)
            await note(
                transaction,
                Act.FLOW_HANDED_OVER,
                flow_id,
                by=Caller(by, actor),
                about=to,
                before={"owner": former.name},
                after={"owner": owner.name},
            )
            mine = {"workflowid": flow_id, "principalid": to}
            await registry.delete(transaction, "flowshare", mine)
            await _forget_row(transaction, flow_id, to)
            if facts.on:
                version = await self._published.get(flow_id, facts.version, within=transaction)
                await register(transaction, flow_id, version.flow, to, self._clock.now())
            if former.kind is not PrincipalKind.APPLICATION and former.id != to:
                held = ("systemuser", FlowRole.CO_OWNER)
                await _put(transaction, flow_id, former.id, held, by)


async def _put(
    transaction: Transaction,
    flow_id: FlowId,
    holder: PrincipalId,
    held: tuple[str, FlowRole],
    by: PrincipalId,
) -> bool:
    """Share a flow; False where it was shared so before."""
    kind, role = held
    share = {"workflowid": flow_id, "principalid": holder, "role": _ROLES[role]}
    known = await registry.select(transaction, "flowshare", share)
    if not known:
        await registry.insert(transaction, "flowshare", share | {"principaltype": kind}, by=by)
    if role is FlowRole.CO_OWNER:
        await _forget_row(transaction, flow_id, holder)
        row = {"tablename": "workflow", "rowid": flow_id, "principalid": holder}
        await registry.insert(transaction, "rowshare", row | {"accessmask": OF_CO_OWNERS}, by=by)
    return not known


async def _forget_row(transaction: Transaction, flow_id: FlowId, holder: PrincipalId) -> None:
    row = {"tablename": "workflow", "rowid": flow_id, "principalid": holder}
    await registry.delete(transaction, "rowshare", row)
