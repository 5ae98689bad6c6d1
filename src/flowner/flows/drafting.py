"""Drafts: edits of a flow that run nowhere before they are published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from flowner.access.vocabulary import FlowAction, FlowFacts
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.flow import Flow
from flowner.errors import Conflict
from flowner.flows.asking import flow_permit
from flowner.flows.families import look_over, read_family
from flowner.flows.publishing import publish
from flowner.identity.save import Finding
from flowner.identity.world import World
from flowner.rows.drafts import (
    Step,
    add_step,
    begin_draft,
    drop_draft,
    read_draft,
    show_step,
)
from flowner.rows.facts import read_world
from flowner.rows.versions import read_version
from flowner.triggers.published import Published
from flowner.values import FlowId, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A flow as it is being edited."""

    facts: FlowFacts
    flow: Flow
    step: int
    """Moves with every edit; 0 is what is published."""
    label: str
    """What the last step did, in words; '' for none."""
    by: PrincipalId | None
    at: datetime | None
    based_on: int
    version: int
    """What is published now: later than ``based_on`` when somebody published in between."""
    can_undo: bool = False
    can_redo: bool = False

    @property
    def id(self) -> FlowId:
        return self.facts.id

    @property
    def is_changed(self) -> bool:
        """Whether it may differ from what is published."""
        return self.step > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a draft depends on, and what is to be said of it."""

    world: World
    findings: tuple[Finding, ...]
    """Those that refuse it come first."""


class Drafting:
    """Opens, edits, publishes and drops drafts. Whoever may edit a flow shares its one draft."""

    def __init__(self, database: Database, published: Published, clock: Clock) -> None:
        self._database, self._published, self._clock = database, published, clock

    async def open(self, id: FlowId, by: PrincipalId) -> Draft:
        """Return a flow's draft, or what is published where it has none."""
        async with self._database.transaction() as transaction:
            facts = (await flow_permit(transaction, by, FlowAction.EDIT, id)).to(FlowAction.EDIT)
            step = await read_draft(transaction, id)
            if step is not None:
                return _draft(facts, step)
            document, _ = await read_version(transaction, id, facts.version)
            return Draft(
                facts=facts,
                flow=read_flow(document, name=facts.name),
                step=0,
                label="",
                by=None,
                at=None,
                based_on=facts.version,
                version=facts.version,
            )

    async def look(self, draft: Draft, by: PrincipalId) -> Looked:
        """Return what a draft's identities depend on now, and what is wrong with it."""
        async with self._database.transaction() as transaction:
            (await flow_permit(transaction, by, FlowAction.READ, draft.id)).to(FlowAction.READ)
            references = {
                name
                for binding in draft.flow.bindings.values()
                if (name := binding.reference or binding.connection) is not None
            }
            world = await read_world(transaction, draft.facts, [by], references)
            flow = replace(draft.flow, guid=draft.id)
            family = await read_family(transaction, self._published, [flow])
        return Looked(world=world, findings=look_over(flow, family))

    async def edit(
        self,
        id: FlowId,
        by: PrincipalId,
        label: str,
        change: Callable[[Flow], Flow],
        *,
        seen: int | None = None,
    ) -> Draft:
        """Do an edit as the draft's next step; what was undone before is forgotten.

        ``label`` says what is done, as *Undo* shows it. ``seen`` is the step that the editor looked
        at: `Conflict` when somebody else has edited since. An edit that changes nothing is no step.
        """
        async with self._database.transaction() as transaction:
            facts, step = await self._locked(transaction, id, by)
            if seen is not None and seen != step.number:
                raise Conflict(
                    f"somebody has edited this flow meanwhile ({step.label or 'undone'}): look at"
                    " it again"
                )
            before = read_flow(step.document, name=facts.name)
            after = change(before)
            if after != before or write_flow(after) != step.document:
                made = (write_flow(after), label)
                await add_step(transaction, id, step.number, made, by=by)
            return await self._shown(transaction, facts)

    async def undo(self, id: FlowId, by: PrincipalId) -> Draft:
        """Go one step back; nothing happens where there is none."""
        return await self._go(id, by, -1)

    async def redo(self, id: FlowId, by: PrincipalId) -> Draft:
        """Do again what was undone last; nothing happens where there is nothing."""
        return await self._go(id, by, 1)

    async def discard(self, id: FlowId, by: PrincipalId) -> bool:
        """Forget a draft; answers whether there was one."""
        async with self._database.transaction() as transaction:
            (await flow_permit(transaction, by, FlowAction.EDIT, id)).to(FlowAction.EDIT)
            return await drop_draft(transaction, id)

    async def publish(self, id: FlowId, by: PrincipalId, *, seen: int | None = None) -> int:
        """Publish what the draft shows, and begin anew; answers the version's number.

        ``seen``: as in `edit`. Raises as `publishing.publish` does; the draft is then kept.
        """
        async with self._database.transaction() as transaction:
            facts, step = await self._locked(transaction, id, by)
            if seen is not None and seen != step.number:
                raise Conflict("somebody has edited this flow meanwhile: look at it again")
            flow = read_flow(step.document, name=facts.name)
            number, _ = await publish(transaction, self._published, self._clock, (id, flow), by)
            await drop_draft(transaction, id)
            return number

    async def restore(self, id: FlowId, number: int, by: PrincipalId) -> Draft:
        """Make an earlier version the draft's next step."""
        async with self._database.transaction() as transaction:
            facts, step = await self._locked(transaction, id, by)
            document, _ = await read_version(transaction, id, number)
            made = (document, f"Restore version {number}")
            await add_step(transaction, id, step.number, made, by=by)
            return await self._shown(transaction, facts)

    async def _go(self, id: FlowId, by: PrincipalId, by_steps: int) -> Draft:
        async with self._database.transaction() as transaction:
            facts, step = await self._locked(transaction, id, by)
            wanted = step.number + by_steps
            if step.earliest <= wanted <= step.latest:
                await show_step(transaction, id, wanted)
            return await self._shown(transaction, facts)

    async def _locked(
        self, transaction: Transaction, id: FlowId, by: PrincipalId
    ) -> tuple[FlowFacts, Step]:
        facts = (await flow_permit(transaction, by, FlowAction.EDIT, id)).to(FlowAction.EDIT)
        document, _ = await read_version(transaction, id, facts.version)
        await begin_draft(transaction, id, document, based_on=facts.version)
        step = await read_draft(transaction, id, lock=True)
        if step is None:
            raise Conflict("somebody has published or discarded the draft meanwhile")
        return facts, step

    async def _shown(self, transaction: Transaction, facts: FlowFacts) -> Draft:
        step = await read_draft(transaction, facts.id)
        if step is None:
            raise RuntimeError("a draft that is locked is there")
        return _draft(facts, step)


def _draft(facts: FlowFacts, step: Step) -> Draft:
    return Draft(
        facts=facts,
        flow=read_flow(step.document, name=facts.name),
        step=step.number,
        label=step.label,
        by=step.by,
        at=step.at,
        based_on=step.based_on,
        version=facts.version,
        can_undo=step.number > step.earliest,
        can_redo=step.number < step.latest,
    )
