"""Turning flows on and off: who may, what it lends, what then listens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flowner.access.rights import Right
from flowner.access.row_filter import require_privilege
from flowner.access.vocabulary import FlowAction, FlowFacts
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.definitions.checks import problems
from flowner.definitions.flow import Binding, Flow
from flowner.errors import Refused
from flowner.flows.asking import flow_permit, principal
from flowner.identity.activation import Activation, activate
from flowner.identity.world import Lend
from flowner.journal.retention import keep_for, kept_for
from flowner.rows import registry
from flowner.rows.auditing import Act, note
from flowner.rows.callers import Caller
from flowner.rows.catalogue import logical_name
from flowner.rows.facts import read_world
from flowner.rows.standing import Standings
from flowner.triggers.published import Published, Version
from flowner.triggers.registration import register, unregister
from flowner.values import FlowId, JsonObject, PrincipalId

ON, OFF = {"statecode": 1, "statuscode": 2}, {"statecode": 0, "statuscode": 1}


class Turning:
    """Turns flows on and off."""

    def __init__(self, database: Database, published: Published, clock: Clock) -> None:
        self._database, self._published, self._clock = database, published, clock

    async def on(
        self,
        flow_id: FlowId,
        by: PrincipalId,
        *,
        actor: PrincipalId | None = None,
        within: Transaction | None = None,
    ) -> None:
        """Turn a flow on. Raises `Refused` with the first reason; then nothing has changed.

        An ``actor`` who does it in somebody's name has to be allowed it as well: nobody lends
        another's connections by acting for them.
        """
        async with self._database.transaction(within) as transaction:
            permit = await flow_permit(transaction, by, FlowAction.TURN, flow_id)
            facts = permit.to(FlowAction.TURN)
            version = await self._published.get(flow_id, facts.version, within=transaction)
            if actor is not None and actor != by:
                also = await flow_permit(transaction, actor, FlowAction.TURN, flow_id)
                await _lends(transaction, version, also.to(FlowAction.TURN), actor)
            await registry.update(transaction, "workflow", flow_id, ON, by=by)
            if not facts.on:
                on = {"version": facts.version}
                await note(
                    transaction, Act.FLOW_TURNED_ON, flow_id, by=Caller(by, actor), after={**on}
                )
            await set_listening(transaction, version, facts, by, self._clock.now())

    async def off(
        self,
        flow_id: FlowId,
        by: PrincipalId,
        *,
        actor: PrincipalId | None = None,
        within: Transaction | None = None,
    ) -> None:
        """Turn a flow off: nothing starts it any more; runs that are under way go on."""
        async with self._database.transaction(within) as transaction:
            permit = await flow_permit(transaction, by, FlowAction.TURN, flow_id)
            facts = permit.to(FlowAction.TURN)
            await registry.update(transaction, "workflow", flow_id, OFF, by=by)
            if facts.on:
                await note(transaction, Act.FLOW_TURNED_OFF, flow_id, by=Caller(by, actor))
            await unregister(transaction, flow_id)

    async def keep_runs(self, flow_id: FlowId, days: int | None, by: PrincipalId) -> None:
        """Say how many days the ended runs of a flow are kept, for whoever may turn it on.

        0: for ever; None: as long as those of flows that say nothing.
        """
        async with self._database.transaction() as transaction:
            permit = await flow_permit(transaction, by, FlowAction.TURN, flow_id)
            flow = permit.to(FlowAction.TURN).id
            before: JsonObject = {"days": await kept_for(transaction, flow)}
            await keep_for(transaction, flow, days)
            await note(
                transaction,
                Act.FLOW_KEEPS,
                flow,
                by=Caller(by),
                before=before,
                after={"days": days},
            )


async def set_listening(
    transaction: Transaction, version: Version, facts: FlowFacts, by: PrincipalId, now: datetime
) -> None:
    """Let a version of a flow be heard in place of an earlier one, lending it what ``by`` can lend.

    Raises `Refused` with the first reason why ``by`` cannot have it run.
    """
    _refuse_errors(version.flow)
    await _may_listen(transaction, version.flow, facts)
    lends, standing = await _lends(transaction, version, facts, by)
    await record_lends(transaction, facts, lends, standing, by)
    await register(transaction, facts.id, version.flow, facts.owner, now)


async def _may_listen(transaction: Transaction, flow: Flow, facts: FlowFacts) -> None:
    """Refuse a row trigger on a table that the flow's owner may not read at all."""
    if flow.trigger.rows is None:
        return
    table = await logical_name(transaction, flow.trigger.rows.table)
    standing = await Standings().of(facts.owner, transaction)
    require_privilege([standing], table, Right.READ)


async def _lends(
    transaction: Transaction, version: Version, facts: FlowFacts, by: PrincipalId
) -> tuple[Sequence[tuple[Binding, Lend]], frozenset[Lend]]:
    """Return what somebody lends by turning the flow on, and what is lent; raise what refuses."""
    world = await read_world(transaction, facts, [by], version.references)
    answer = activate(version.flow, facts, await principal(transaction, by), world)
    _refuse(answer)
    return answer.lends, world.lends


async def record_lends(
    transaction: Transaction,
    facts: FlowFacts,
    lends: Sequence[tuple[Binding, Lend]],
    standing: frozenset[Lend],
    by: PrincipalId,
) -> None:
    """Write down what is lent, unless the same is lent to this version already.

    The audit is told of leave that is new: that it goes on with another version, it is not.
    """
    known = set(standing)
    given = {(lend.connection, lend.by) for lend in standing}
    for binding, lend in lends:
        if lend in known:
            continue
        known.add(lend)
        await registry.insert(
            transaction,
            "connectionlend",
            {
                "connectioninstanceid": lend.connection,
                "workflowid": facts.id,
                "flowversion": facts.version,
                "bindingkey": binding.key,
                "lentby": lend.by,
            },
            by=by,
        )
        if (lend.connection, lend.by) not in given:
            given.add((lend.connection, lend.by))
            await note(
                transaction,
                Act.CONNECTION_LENT,
                lend.connection,
                by=by,
                after={"flow": facts.name, "version": facts.version},
            )


def _refuse(answer: Activation) -> None:
    if answer.refusals:
        first = answer.refusals[0]
        raise Refused(first.message, code=first.code)


def _refuse_errors(flow: Flow) -> None:
    for problem in problems(flow):
        if problem.is_error:
            raise Refused(
                f"{problem.message}; {problem.mend}", code=problem.code, pointer=problem.pointer
            )
