"""A run on the designer's cards: how each ended, how long it took, and who it ran as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET

from flowner.definitions.flow import Action, Flow, Status
from flowner.flows.inspecting import Inspected
from flowner.identity.marks import Mark
from flowner.portal.cards import Card, Drawing, draw, key_of
from flowner.portal.rendering import duration
from flowner.runs import paths
from flowner.runs.records import ActionRecord
from flowner.runs.taking import BAD
from flowner.sdk.connector import Connector
from flowner.values import Json

_LOOPS: Final = ("Foreach", "Until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one card stands, in the iteration that is shown."""

    status: str
    took: str
    mark: Mark | None
    unexpected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """One loop around what is shown, and which of its iterations that is. Counted from 1."""

    loop: str
    number: int
    count: int
    failed: int | None
    """The first iteration in which something failed."""


class Sheet:
    """A run laid out. ``card`` and ``iteration`` are what an address asks for."""

    def __init__(
        self,
        seen: Inspected,
        connectors: Mapping[str, Connector],
        card: str = "",
        iteration: str = "",
    ) -> None:
        self.seen = seen
        self._around = dict(_loops_around(seen.flow))
        self._failed = _first_failed(seen.record.actions.values())
        plain = draw(seen.flow, seen.facts, seen.world, connectors)
        self.drawing = Drawing(
            trigger=replace(plain.trigger, mark=seen.ran_as),
            trunk=replace(plain.trunk, rows=tuple(map(self._row, plain.trunk.rows))),
        )
        wanted = card.casefold()
        self.card = next((c for c in self.drawing.cards() if c.name.casefold() == wanted), None)
        numbers = [int(one) for one in iteration.split(".") if one.isdecimal()]
        self._chosen = dict(zip(self._chain(self.card), numbers, strict=False))
        self.statuses = dict(self._statuses())

    @property
    def has_loops(self) -> bool:
        return any(self._around.values())

    @property
    def iteration(self) -> str:
        """Return which iterations the card is shown in, as addresses say it: ``3.1``."""
        return ".".join(str(pager.number) for pager in self.pagers())

    @property
    def record(self) -> ActionRecord | None:
        """Return how the card's action went; None where it has not come to that."""
        return None if self.card is None or self.card.is_trigger else self._record(self.card.name)

    def pagers(self) -> list[Pager]:
        """Return the loops around the card, outermost first, and the card's own."""
        found, prefix = [], ""
        for loop in self._chain(self.card):
            path = prefix + paths.key(loop)
            record = self.seen.record.actions.get(path)
            if record is None or not record.repetitions:
                break
            index = self._index(loop, path, record.repetitions)
            failed = self._failed.get(path)
            found.append(
                Pager(
                    loop=loop,
                    number=index + 1,
                    count=record.repetitions,
                    failed=None if failed is None else failed + 1,
                )
            )
            prefix = paths.iteration(path, index)
        return found

    def failures(self) -> tuple[str, ...]:
        """Return the paths at which the card's action failed, where it is in a loop."""
        if self.card is None or not self._chain(self.card):
            return ()
        found = self.seen.record.of(self.card.name)
        return tuple(one.path for one in found if one.status in BAD)

    def pages(self) -> list[tuple[Pager, dict[str, str]]]:
        """Return each pager with what ``iteration`` is for its other pages, by their titles."""
        pagers = self.pagers()
        numbers = [str(one.number) for one in pagers]
        found = []
        for at, one in enumerate(pagers):
            turns = {
                "Previous": one.number - 1 if one.number > 1 else None,
                "Next": one.number + 1 if one.number < one.count else None,
                "First failed": one.failed if one.failed != one.number else None,
            }
            found.append(
                (
                    one,
                    {
                        title: ".".join([*numbers[:at], str(number), *numbers[at + 1 :]])
                        for title, number in turns.items()
                        if number is not None
                    },
                )
            )
        return found

    def unexpected(self, acting: Json) -> str:
        """Say what was promised, where somebody else acted; '' where all was as planned."""
        if not isinstance(acting, dict) or acting.get("asPlanned", True):
            return ""
        planned, actual = self.seen.mark_of(acting.get("planned")), self.seen.mark_of(acting)
        before = "nobody" if planned is None else planned.label
        if planned is not None and planned.detail:
            before += f" ({planned.detail})"
        after = "nobody" if actual is None else actual.label
        return f"expected {before}, ran as {after}"

    def _row(self, row: tuple[Card, ...]) -> tuple[Card, ...]:
        """Return cards with whom the plan promised, whatever the flow's connections are now."""
        return tuple(
            replace(
                card,
                mark=self.seen.mark_of(self.seen.planned(card.name)) if card.mark else None,
                limbs=tuple(
                    replace(limb, rows=tuple(map(self._row, limb.rows))) for limb in card.limbs
                ),
            )
            for card in row
        )

    def _statuses(self) -> Iterator[tuple[str, Standing]]:
        header = self.seen.header
        yield (
            self.drawing.trigger.key,
            Standing(
                status="Failed" if header.principal is None else "Succeeded",
                took="",
                mark=self.seen.ran_as,
                unexpected="",
            ),
        )
        for name in self._around:
            record = self._record(name)
            if record is not None:
                yield key_of(name), self._standing(record)

    def _begun_here(self, record: ActionRecord) -> datetime | None:
        """Return when an action began, or went on: what is around it may be taken over."""
        begun = self.seen.header.started
        return record.started and max(record.started, begun)

    def _standing(self, record: ActionRecord) -> Standing:
        is_skipped = record.status is Status.SKIPPED
        waits = record.status is Status.RUNNING and (
            record.waiting_for is not None or record.until is not None
        )
        return Standing(
            status=Status.WAITING.value if waits else record.status.value,
            took=""
            if is_skipped
            else "taken over"
            if record.taken_over_from
            else duration(self._begun_here(record), record.ended),
            mark=None if is_skipped else self.seen.mark_of(record.acting),
            unexpected=self.unexpected(record.acting),
        )

    def _record(self, name: str) -> ActionRecord | None:
        prefix = ""
        for loop in self._around[name]:
            path = prefix + paths.key(loop)
            above = self.seen.record.actions.get(path)
            if above is None or not above.repetitions:
                break
            prefix = paths.iteration(path, self._index(loop, path, above.repetitions))
        return self.seen.record.actions.get(prefix + paths.key(name))

    def _index(self, loop: str, path: str, count: int) -> int:
        """Return the iteration that is shown: the one asked for, or the first that failed."""
        chosen = self._chosen.get(loop)
        if chosen is None:
            return self._failed.get(path, 0)
        return min(max(chosen, 1), count) - 1

    def _chain(self, card: Card | None) -> tuple[str, ...]:
        if card is None or card.name not in self._around:
            return ()
        node = next(one for one in self.seen.flow.walk() if one.name == card.name)
        own = (node.name,) if node.type in _LOOPS else ()
        return self._around[card.name] + own


def error_of(record: ActionRecord) -> tuple[str, str] | None:
    """Return code and message of a failure: its own, or what the outside answered with."""
    if record.error is not None:
        return record.error.code, record.error.message
    if record.status not in BAD:
        return None
    outputs: Any = record.outputs
    body = outputs.get("body") if isinstance(outputs, dict) else None
    error = body.get("error") if isinstance(body, dict) else None
    said = error.get("message") if isinstance(error, dict) else None
    return record.code, said if isinstance(said, str) else f"it ended as {record.status.value}"


def shown(value: Any) -> Json:
    """Return inputs or outputs for a page; None where there are none."""
    return None if value is UNSET else value


def _loops_around(flow: Flow) -> Iterator[tuple[str, tuple[str, ...]]]:
    waiting: list[tuple[Mapping[str, Action], tuple[str, ...]]] = [(flow.actions, ())]
    while waiting:
        block, loops = waiting.pop()
        for action in block.values():
            yield action.name, loops
            inner = (*loops, action.name) if action.type in _LOOPS else loops
            waiting += [(branch.actions, inner) for branch in action.branches]


def _first_failed(records: Any) -> dict[str, int]:
    """Return the first iteration in which something failed, by the loop's path."""
    found: dict[str, int] = {}
    for record in records:
        if record.status not in BAD:
            continue
        prefix = ""
        for loop, index in record.indexes:
            path = prefix + paths.key(loop)
            found[path] = min(index, found.get(path, index))
            prefix = paths.iteration(path, index)
    return found
