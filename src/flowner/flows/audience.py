"""Run only users: who may run a flow, and through whose connections they then act."""

from __future__ import annotations

from dataclasses import dataclass

from flowner.access.vocabulary import FlowAction, FlowFacts, FlowRole
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.edit import with_binding_source, with_impersonation
from flowner.definitions.flow import Binding, Flow, FlowKind, Source
from flowner.definitions.rewiring import sharers
from flowner.errors import Code, Refused
from flowner.flows.asking import flow_permit
from flowner.flows.publishing import publish
from flowner.identity.acting import ROW_CONNECTORS, bound_connection
from flowner.identity.activation import used_bindings
from flowner.identity.verdict import Refusal
from flowner.identity.world import Principal, PrincipalKind, World
from flowner.rows.drafts import add_step, read_draft, rebase
from flowner.rows.facts import read_principals, read_world
from flowner.rows.members import people_of
from flowner.triggers.published import Published
from flowner.values import ConnectionId, FlowId, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody whom a flow is shared with."""

    id: PrincipalId
    name: str
    kind: PrincipalKind
    role: FlowRole
    people: int
    """How many people that is: 1, or those in the group however deep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One connection of a flow, and whose it is for those who run it."""

    key: str
    connector: str
    cards: tuple[str, ...]
    """The trigger and the actions that take it."""
    provided: bool
    """*Provided by run-only user*; else *Use this connection*."""
    may_be_provided: bool
    """Whether there is somebody to provide it: the flow is an instant one."""
    connection: ConnectionId | None
    account: str | None
    owner: PrincipalId | None
    owner_name: str | None
    problem: str | None
    """Why there is no such connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A flow's audience."""

    facts: FlowFacts
    owner: Principal
    holders: tuple[Holder, ...]
    """Co-owners first, then run-only users; by name."""
    seats: tuple[Seat, ...]
    people: int
    """How many people may run it run-only, each counted once."""
    is_instant: bool


class Audience:
    """Tells with whom a flow is shared, and changes whose connections they act through."""

    def __init__(self, database: Database, published: Published, clock: Clock) -> None:
        self._database, self._published, self._clock = database, published, clock

    async def of(self, flow: FlowId, by: PrincipalId) -> Shared:
        """Return a flow's audience, for one who may read the flow."""
        async with self._database.transaction() as transaction:
            facts = (await flow_permit(transaction, by, FlowAction.READ, flow)).to(FlowAction.READ)
            version = await self._published.get(flow, facts.version, within=transaction)
            world = await read_world(transaction, facts, [by], version.references)
            holders, people = await _holders(transaction, facts)
        instant = version.flow.trigger.flow_kind is FlowKind.INSTANT
        return Shared(
            facts=facts,
            owner=world.principals[facts.owner],
            holders=holders,
            seats=tuple(
                _seat(version.flow, facts, binding, world)
                for binding in used_bindings(version.flow)
            ),
            people=people,
            is_instant=instant,
        )

    async def provide(self, flow: FlowId, key: str, provided: bool, by: PrincipalId) -> int:
        """Choose whose connection a binding takes; effective at the next run.

        ``provided``: each run-only user's own; else the one that its reference points at. Row
        actions then follow the run's principal, through the flow's own connection: their
        connector takes no other's. Answers the number of the version that says so; a draft
        gets the same change as its next step.
        """
        async with self._database.transaction() as transaction:
            facts = (await flow_permit(transaction, by, FlowAction.SHARE, flow)).to(
                FlowAction.SHARE
            )
            version = await self._published.get(flow, facts.version, within=transaction)
            before = version.flow
            if provided and before.trigger.flow_kind is not FlowKind.INSTANT:
                raise Refused(
                    f"`{facts.name}` is no instant flow: nobody runs it who could provide a"
                    " connection",
                    code=Code.RUN_ONLY_NOT_OFFERED,
                )
            after = providing(before, key, provided)
            if after == before:
                return facts.version
            number, _ = await publish(transaction, self._published, self._clock, (flow, after), by)
            await _into_draft(transaction, flow, (key, provided), number, by)
            return number


async def _into_draft(
    transaction: Transaction,
    flow: FlowId,
    choice: tuple[str, bool],
    version: int,
    by: PrincipalId,
) -> None:
    step = await read_draft(transaction, flow, lock=True)
    if step is None:
        return
    before, (key, provided) = read_flow(step.document, name=str(flow)), choice
    if key in before.bindings:
        document = write_flow(providing(before, key, provided))
        label = f"Let run-only users provide {key}" if provided else f"Use this connection: {key}"
        await add_step(transaction, flow, step.number, (document, label), by=by)
    await rebase(transaction, flow, version)


def providing(flow: Flow, key: str, provided: bool) -> Flow:
    """Return the flow with a binding provided by each run-only user, or fixed.

    Source: Dataverse bindings are embedded and marked `impersonation`; those of other connectors
    have the source `invoker`. So real exports say it.
    """
    binding = flow.bindings.get(key)
    if binding is not None and binding.connector in ROW_CONNECTORS:
        flow = with_binding_source(flow, key, Source.EMBEDDED) if not provided else flow
        return with_impersonation(flow, key, provided)
    return with_binding_source(flow, key, Source.INVOKER if provided else Source.EMBEDDED)


def is_provided(binding: Binding) -> bool:
    """Whether whoever runs the flow acts through a binding in their own name."""
    follows = binding.impersonates and binding.connector in ROW_CONNECTORS
    return follows or binding.source is Source.INVOKER


def _seat(flow: Flow, facts: FlowFacts, binding: Binding, world: World) -> Seat:
    found = None if binding.source is Source.INVOKER else bound_connection(facts, binding, world)
    fixed = None if found is None or isinstance(found, Refusal) else found
    return Seat(
        key=binding.key,
        connector=binding.connector,
        cards=sharers(flow, binding.key),
        provided=is_provided(binding),
        may_be_provided=flow.trigger.flow_kind is FlowKind.INSTANT,
        connection=None if fixed is None else fixed.id,
        account=None if fixed is None else fixed.account,
        owner=None if fixed is None else fixed.owner,
        owner_name=None if fixed is None else world.name_of(fixed.owner),
        problem=found.message if isinstance(found, Refusal) else None,
    )


async def _holders(transaction: Transaction, facts: FlowFacts) -> tuple[tuple[Holder, ...], int]:
    shares = [share for share in facts.shares if share.app is None]
    known = await read_principals(transaction, {share.holder for share in shares})
    people = await people_of(transaction, {share.holder for share in shares})
    holders = [
        Holder(
            id=share.holder,
            name=known[share.holder].name,
            kind=known[share.holder].kind,
            role=share.role,
            people=len(people[share.holder]),
        )
        for share in shares
        if share.holder in known
    ]
    run_only = [people[one.id] for one in holders if one.role is FlowRole.RUN_ONLY]
    holders.sort(key=lambda one: (one.role is FlowRole.RUN_ONLY, one.name.casefold()))
    return tuple(holders), len(frozenset().union(*run_only))
