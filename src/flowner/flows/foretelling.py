"""In whose name would it be? For one occasion, and for everybody a flow is shared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowner.access.vocabulary import FlowAction, FlowFacts, FlowRole
from flowner.database import Database, Transaction
from flowner.definitions.flow import Flow, FlowKind, RunAs
from flowner.flows.asking import flow_permit
from flowner.flows.explain import Explain, Explanation, Supposed
from flowner.flows.portfolio import Part
from flowner.identity.marks import Mark, principal_mark, ran_as_mark, ran_mark
from flowner.identity.record import acting_record, refusal_record
from flowner.identity.verdict import Acting, ActRule, Refusal
from flowner.identity.world import Principal, World
from flowner.rows.facts import read_principals
from flowner.rows.members import people_of
from flowner.triggers.published import Published
from flowner.values import AppId, FlowId, PrincipalId

MOST_PEOPLE = 50
"""On one page of a matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """The resolver's answer, as marks; the answer itself is beside them."""

    explained: Explanation
    runs_as: Mark | None
    """None: it would not run."""
    refusal: Refusal | None
    ask: str
    """Who can mend a refusal; '' where nobody is named."""
    actions: Mapping[str, Mark | None]
    """By action in document order; None where it needs nobody's account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One person in the matrix, or an application."""

    person: Mark
    id: PrincipalId
    part: Part | None
    """What they are to the flow; None: somebody who was asked for."""
    told: Foretold


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """People and actions."""

    rows: tuple[Row, ...]
    actions: tuple[str, ...]
    """Those that need somebody's account, for anybody."""
    people: int
    """How many people there are on all pages, of those who are called as was asked."""
    page: int
    """Counted from 1."""
    pages: int
    """At least 1."""


def depends_on_who(flow: Flow) -> bool:
    """Whether the answer is another for other people, or other rows."""
    trigger = flow.trigger
    if trigger.flow_kind is FlowKind.INSTANT:
        return True
    run_as = trigger.rows.run_as if trigger.rows is not None else None
    return run_as in (RunAs.MODIFYING_USER, RunAs.ROW_OWNER)


class Foretelling:
    """Answers for those who may read a flow; the answers are the resolver's own."""

    def __init__(self, database: Database, explain: Explain, published: Published) -> None:
        self._database, self._explain, self._published = database, explain, published

    async def about(self, flow: FlowId, reader: PrincipalId, supposed: Supposed) -> Foretold:
        """Return in whose name one occasion would be. Raises as `Explain.who`, and by the law."""
        async with self._database.connection() as connection:
            await flow_permit(connection, reader, FlowAction.READ, flow)
        return foretold(await self._explain.who(flow, supposed))

    async def matrix(
        self,
        flow: FlowId,
        reader: PrincipalId,
        asked: Sequence[PrincipalId] = (),
        *,
        text: str = "",
        page: int = 1,
    ) -> Matrix:
        """Return the answer for everybody who may run a flow, and for those who are asked for.

        Each is supposed to set it off: to press it, or to change a row of their own. The facts are
        read once for all of a page. ``text`` leaves those in whose name or mail it is; a ``page``
        behind the last is the last.
        """
        async with self._database.connection() as connection:
            permit = await flow_permit(connection, reader, FlowAction.READ, flow)
            facts = permit.to(FlowAction.READ)
            people = await _people(connection, facts, asked)
            known = await read_principals(connection, people)
        found = _in_order(people, known, text.casefold())
        pages = max(1, -(-len(found) // MOST_PEOPLE))
        page = min(page, pages)
        shown = found[(page - 1) * MOST_PEOPLE : page * MOST_PEOPLE]
        answers = await self._explain.on(
            flow,
            [
                (dict.fromkeys(("as", "modified", "owner"), person), people[person][1])
                for person in shown
            ],
        )
        rows = [
            Row(
                person=principal_mark(known[id], facts.owner),
                id=id,
                part=people[id][0],
                told=foretold(answer),
            )
            for id, answer in zip(shown, answers, strict=True)
        ]
        needing = {name for row in rows for name, mark in row.told.actions.items() if mark}
        version = await self._published.get(flow, facts.version)
        return Matrix(
            rows=tuple(rows),
            actions=tuple(one.name for one in version.flow.walk() if one.name in needing),
            people=len(found),
            page=page,
            pages=pages,
        )


def foretold(explained: Explanation) -> Foretold:
    """Return an explanation as marks."""
    answer, world, owner = explained.answer, explained.world, explained.facts.owner
    if isinstance(answer, Refusal):
        return Foretold(
            explained=explained, runs_as=None, refusal=answer, actions={},
            ask="" if answer.ask is None else world.name_of(answer.ask),
        )  # fmt: skip
    running = answer.running
    return Foretold(
        explained=explained,
        runs_as=ran_as_mark(running.rule.value, world.principals.get(running.principal), owner),
        refusal=None,
        ask="",
        actions={name: _mark(one, world, owner) for name, one in answer.actions.items()},
    )


def _mark(verdict: Acting | Refusal, world: World, owner: PrincipalId) -> Mark | None:
    if isinstance(verdict, Refusal):
        return ran_mark(refusal_record(verdict), None, owner)
    if verdict.rule is ActRule.NONE:
        return None
    return ran_mark(acting_record(verdict), world.principals.get(verdict.principal), owner)


_Held = dict[PrincipalId, tuple[Part | None, AppId | None]]


async def _people(
    transaction: Transaction, facts: FlowFacts, asked: Sequence[PrincipalId]
) -> _Held:
    """Return everybody who holds a flow, with the most that they are to it, and from which app."""
    inside = await people_of(transaction, {share.holder for share in facts.shares})
    found: _Held = {facts.owner: (Part.OWNER, None)}
    shares = sorted(
        facts.shares, key=lambda one: (one.role is FlowRole.RUN_ONLY, one.app is not None)
    )
    for share in shares:
        part = Part.CO_OWNER if share.role is FlowRole.CO_OWNER else Part.RUN_ONLY
        for person in inside.get(share.holder, ()):
            found.setdefault(person, (part, share.app))
    for one in asked:
        found.setdefault(one, (None, None))
    return found


def _in_order(
    people: _Held, known: Mapping[PrincipalId, Principal], text: str
) -> list[PrincipalId]:
    parts = [None, Part.OWNER, Part.CO_OWNER, Part.RUN_ONLY]
    return sorted(
        (
            one
            for one in people
            if one in known and text in f"{known[one].name} {known[one].mail}".casefold()
        ),
        key=lambda one: (parts.index(people[one][0]), known[one].name.casefold()),
    )
