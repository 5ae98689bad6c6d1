"""What happened, and in whose name: runs as people and programs read them, under their rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from flowner.access.vocabulary import FlowFacts
from flowner.database import Database, Transaction
from flowner.errors import NotFound
from flowner.flows.asking import principal
from flowner.flows.run_json import actions_of, going_on_of, header_json
from flowner.flows.sight import sees, sight_of
from flowner.identity.marks import Mark, principal_mark, ran_as_mark
from flowner.identity.world import Principal
from flowner.journal.records import RunHeader
from flowner.journal.searching import Sight, Wanted
from flowner.journal.store import Journal
from flowner.rows.facts import read_all_flow_facts, read_flow_facts, read_principals
from flowner.runs.events import ActionEnded, AnyEvent, decode
from flowner.values import FlowId, JsonObject, PrincipalId, RunId

Asked: TypeAlias = Wanted
"""Which runs a page is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run as a list shows it."""

    header: RunHeader
    initiator: Mark | None
    """Who set it off; None: nobody, a clock did."""
    ran_as: Mark | None
    """In whose name, with the reason; None: it was refused before it had one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of runs, newest first."""

    runs: tuple[Ran, ...]
    older: RunId | None
    """Where the next page begins; None: there is none."""
    ran_as: tuple[Principal, ...]
    """Who is among all that may be seen, by name: what can be chosen from."""
    initiators: tuple[Principal, ...]
    accounts: tuple[str, ...]


class History:
    """Reads runs: owners, co-owners and administrators every run of a flow, others their own."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database, self._journal = database, journal

    async def runs(
        self, reader: PrincipalId | None, *, flow: FlowId | None = None, limit: int = 50
    ) -> list[JsonObject]:
        """Return the newest runs that the reader may see; None reads as the server's operator."""
        sight, _ = await self._sight(reader)
        headers = await self._journal.search(Wanted(flow=flow, limit=limit), sight)
        known = await self._people(_people_of(headers))
        names = {id: one.name for id, one in known.items()}
        return [header_json(header, names) for header in headers]

    async def page(self, reader: PrincipalId, wanted: Asked) -> Page:
        """Return a page of the runs wanted that the reader may see: six queries, however many."""
        sight, flows = await self._sight(reader)
        headers = await self._journal.search(replace(wanted, limit=wanted.limit + 1), sight)
        facets = await self._journal.facets(wanted, sight)
        shown = headers[: wanted.limit]
        known = await self._people(_people_of(shown) | facets.ran_as | facets.initiators)
        return Page(
            runs=tuple(_ran(header, known, flows) for header in shown),
            older=shown[-1].id if len(headers) > len(shown) else None,
            ran_as=_by_name(facets.ran_as, known),
            initiators=_by_name(facets.initiators, known),
            accounts=tuple(sorted(facets.accounts)),
        )

    async def newest(self, reader: PrincipalId, wanted: Asked) -> tuple[Ran, ...]:
        """Return the newest of the runs wanted that the reader may see: four queries."""
        sight, flows = await self._sight(reader)
        headers = await self._journal.search(wanted, sight)
        known = await self._people(_people_of(headers))
        return tuple(_ran(header, known, flows) for header in headers)

    async def these(self, reader: PrincipalId, runs: Sequence[RunId]) -> dict[RunId, Ran]:
        """Return those of these runs that the reader may see, the newest first: four queries."""
        sight, flows = await self._sight(reader)
        headers = await self._journal.these(runs, sight)
        known = await self._people(_people_of(headers))
        return {header.id: _ran(header, known, flows) for header in headers}

    async def run(self, reader: PrincipalId | None, run: RunId) -> JsonObject:
        """Return one run with its actions; `NotFound` also when the reader may not see it."""
        header = await self.seen(reader, run)
        events = [decode(one.entry.data) for one in await self._journal.entries(run)]
        known = await self._people(_people_of([header]) | _actors(events))
        names = {id: one.name for id, one in known.items()}
        record = header_json(header, names)
        record |= going_on_of(events)
        record["actions"] = actions_of(events, {str(id): name for id, name in names.items()})
        return record

    async def seen(self, reader: PrincipalId | None, run: RunId) -> RunHeader:
        """Return one run's header; `NotFound` also when the reader may not see it."""
        header = await self._journal.header(run)
        async with self._database.connection() as connection:
            if not await self._may_see(connection, reader, header):
                raise NotFound(f"there is no run {run}")
        return header

    async def _sight(
        self, reader: PrincipalId | None
    ) -> tuple[Sight | None, Mapping[FlowId, FlowFacts]]:
        if reader is None:
            return None, {}
        async with self._database.connection() as connection:
            who = (await principal(connection, reader)).who
            flows = await read_all_flow_facts(connection)
        return sight_of(who, flows), {one.id: one for one in flows}

    async def _may_see(
        self, transaction: Transaction, reader: PrincipalId | None, header: RunHeader
    ) -> bool:
        """Whether the run is of a flow of the reader's, or their own and the flow still theirs."""
        if reader is None:
            return True
        try:
            facts = await read_flow_facts(transaction, header.flow)
        except NotFound:
            return False
        who = (await principal(transaction, reader)).who
        return sees(who, facts, started=header.initiator == reader, app=header.app)

    async def _people(self, ids: set[PrincipalId]) -> dict[PrincipalId, Principal]:
        async with self._database.connection() as connection:
            return await read_principals(connection, ids)


def _people_of(headers: Sequence[RunHeader]) -> set[PrincipalId]:
    pairs = [(header.initiator, header.principal) for header in headers]
    return {one for pair in pairs for one in pair if one is not None}


def _actors(events: Sequence[AnyEvent]) -> set[PrincipalId]:
    return {
        PrincipalId(acting[part])
        for event in events
        if isinstance(event, ActionEnded) and isinstance(acting := event.acting, dict)
        for part in ("principal", "actor", "lentBy")
        if acting.get(part)
    }


def _ran(
    header: RunHeader,
    known: Mapping[PrincipalId, Principal],
    flows: Mapping[FlowId, FlowFacts],
) -> Ran:
    owner = flows[header.flow].owner if header.flow in flows else None
    who = None if header.initiator is None else known.get(header.initiator)
    return Ran(
        header=header,
        initiator=None if header.initiator is None else principal_mark(who, owner),
        ran_as=None
        if header.principal is None
        else ran_as_mark(header.rule, known.get(header.principal), owner),
    )


def _by_name(
    ids: frozenset[PrincipalId], known: Mapping[PrincipalId, Principal]
) -> tuple[Principal, ...]:
    found = [known[id] for id in ids if id in known]
    return tuple(sorted(found, key=lambda one: one.name.casefold()))
