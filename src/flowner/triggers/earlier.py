"""An earlier run, taken up again: its trigger, or what it had done before an action failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec.structs import replace as replace_fields

from flowner.access.vocabulary import FlowFacts
from flowner.clock import Clock
from flowner.database import Database
from flowner.errors import Code, Conflict, Refused
from flowner.identity.cause import Resubmitted
from flowner.journal.records import Entry, RunHeader
from flowner.journal.store import Journal
from flowner.rows.facts import read_flow_facts
from flowner.runs.events import FORMAT, ActionEnded, AnyEvent, RunStarted, decode, encode
from flowner.runs.likeness import differing
from flowner.runs.taking import BAD, chosen, proved, take_over
from flowner.triggers.occasions import Occasion, TakenOver
from flowner.triggers.published import Published
from flowner.values import PrincipalId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """Where a run is to go on."""

    at: tuple[str, ...]
    """Actions by name, or by path: ``Apply_to_each[3]/Send``."""
    current: bool = False
    """On the version that is published now; otherwise on the one that ran."""


class Earlier:
    """Reads what earlier runs began with, and what may be taken over from them."""

    def __init__(
        self, database: Database, journal: Journal, published: Published, clock: Clock
    ) -> None:
        self._database, self._journal = database, journal
        self._published, self._clock = published, clock

    async def occasion(self, earlier: RunId, by: PrincipalId, go_on: GoOn | None) -> Occasion:
        """Return what set a run off, resubmitted by somebody; with ``go_on`` what it takes over.

        Raises `Refused` for a run that had no principal, or that a parent called; one that goes on
        also where nothing can be taken over so, with the pointer of what differs between two
        versions. `Conflict` while the earlier run is under way.
        """
        header = await self._journal.header(earlier)
        least = 1 if go_on is None else None
        written = [one.entry for one in await self._journal.entries(earlier, limit=least)]
        first = decode(written[0].data) if written else None
        if header.principal is None or not isinstance(first, RunStarted):
            raise _refused(f"the run {earlier} never began")
        if header.parent is not None:
            raise _refused(
                f"the run {earlier} was called by the run {header.parent}: resubmit that one"
            )
        outputs = first.trigger.get("outputs")
        cause = Resubmitted(by, earlier, header.principal, header.app)
        came = outputs if isinstance(outputs, dict) else {}
        occasion = Occasion(flow=header.flow, cause=cause, outputs=came)
        if go_on is None:
            return occasion
        events = [first, *(decode(entry.data) for entry in written[1:])]
        return replace(occasion, takes_over=await self._taken(header, events, go_on))

    async def _taken(self, header: RunHeader, events: list[AnyEvent], go_on: GoOn) -> TakenOver:
        """Sort out what the run takes over; events are those of the earlier run, all of them."""
        if header.ended is None:
            raise Conflict(f"the run {header.id} is under way: cancel it, or wait for its end")
        if header.status not in {status.value for status in BAD}:
            raise _refused(f"the run {header.id} {header.status.lower()}: it can be resubmitted")
        ran = (await self._published.get(header.flow, header.flow_version)).compiled
        at = tuple(dict.fromkeys(path for one in go_on.at for path in chosen(ran, events, one)))
        later = self._clock.now() - _begun(events, at[0])
        taking = take_over(ran, events, at, later=later)
        number, on = header.flow_version, ran
        if go_on.current:
            async with self._database.connection() as connection:
                number = (await read_flow_facts(connection, header.flow)).version
            on = (await self._published.get(header.flow, number)).compiled
        if (pointer := differing(ran, on, taking.events)) is not None:
            raise Refused(
                f"version {number} of `{header.flow_name}` is not what version"
                f" {header.flow_version} was up to there: `{pointer}` differs; go on with version"
                f" {header.flow_version}, or resubmit the run",
                code=Code.RESUBMIT_REFUSED,
                pointer=pointer,
            )
        if number != header.flow_version and (secured := _secured(taking.events)):
            raise _refused(
                f"what `{secured}` answered is secured, and is not handed to another version: run"
                f" again from there, or go on with version {header.flow_version}"
            )
        proved(on, events[0], taking.events)
        return TakenOver(run=header.id, version=number, taking=taking)


def at_version(occasion: Occasion, facts: FlowFacts) -> FlowFacts:
    """Return what is known of a flow, as of the version that the occasion asks for."""
    taken = occasion.takes_over
    return facts if taken is None else replace(facts, version=taken.version)


def entries_of(occasion: Occasion, started: RunStarted) -> list[Entry]:
    """Return a run's first entries: that it began, and what it takes over.

    No entry that is taken over is an action record: the run has not done it.
    """
    taken = occasion.takes_over
    events: list[AnyEvent] = [started]
    if taken is not None:
        taking = taken.taking
        events = [
            replace_fields(
                started,
                format=FORMAT,
                continues=taken.run,
                goes_on_at=taking.goes_on_at,
                taken_over=len(taking.events),
            ),
            *taking.events,
        ]
    return [
        Entry(kind=event.kind, path=event.path, data=encode(event), at=event.at) for event in events
    ]


def _begun(events: list[AnyEvent], path: str) -> datetime:
    """Return when an action began that ended."""
    ends = (one for one in events if isinstance(one, ActionEnded) and one.path == path)
    end = next(ends)
    return end.started or end.at


def _secured(events: Iterable[AnyEvent]) -> str:
    """Return the path of the first action whose outputs nobody is to see; '' for none."""
    ends = (one for one in events if isinstance(one, ActionEnded))
    return next((end.path for end in ends if "outputs" in end.secure), "")


def _refused(message: str) -> Refused:
    return Refused(message, code=Code.RESUBMIT_REFUSED)
