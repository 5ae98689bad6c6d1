"""What one activation adds to its run's journal: collected, signed, appended in order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from flowner.definitions.flow import Status
from flowner.engine.children import Told
from flowner.engine.invoke import InHand
from flowner.engine.recording import action_record
from flowner.identity.record import acting_record
from flowner.identity.verdict import Acting
from flowner.journal.records import Append, Entry, Loaded
from flowner.journal.store import Journal
from flowner.runs.commands import Finish
from flowner.runs.events import ActionEnded, AnyEvent, encode
from flowner.runs.run import Run
from flowner.values import JsonObject

_PICTURE_EVERY = 400
"""Events between snapshots."""


class Writing:
    """The journal of one run in the hands of the worker that holds its lease."""

    def __init__(
        self, journal: Journal, owner: str, loaded: Loaded, hand: InHand, run: Run
    ) -> None:
        self._journal, self._owner, self._run = journal, owner, run
        self._id, self._posted = loaded.header.id, loaded.posted
        self._hand = hand
        self._seq = loaded.next_seq
        self._pictured = loaded.next_seq - len(loaded.entries)
        self._fresh: list[AnyEvent] = []
        self._accounts: set[str] = set()
        self._noted = set(loaded.header.accounts)
        self.consumed = 0
        """The newest inbox message that what is added answers for; 0: none."""
        self._acting = {
            name: acting_record(verdict)
            for name, verdict in hand.plan.actions.items()
            if isinstance(verdict, Acting) and verdict.connection is None
        }

    def add(self, events: Iterable[AnyEvent]) -> None:
        """Keep events for the next append."""
        self._fresh.extend(events)

    def use(self, account: str) -> None:
        """Note an account that was used; '' is none."""
        if account and account not in self._noted:
            self._accounts.add(account)

    def acting(self, path: str) -> JsonObject | None:
        """Return in whose name an action without a connection acts; None for all others."""
        return self._acting.get(self.name(path))

    def name(self, path: str) -> str:
        """Return what an action is called; '' for what is none."""
        node = self._hand.version.compiled.by_key.get(path.rpartition("/")[2])
        return "" if node is None else node.name

    async def append(
        self,
        *,
        release: datetime | None = None,
        finish: Finish | None = None,
        tells: Told = (),
    ) -> None:
        """Append what was added; returns when it is durable. `Conflict` when the lease is lost.

        ``release``: until when the run is put down; ``tells``: what other runs hear with it.
        """
        if not self._fresh and not tells and release is None and finish is None:
            return
        entries = tuple(self._entry(event) for event in self._fresh)
        self._fresh = []
        picture = None
        if finish is None and self._seq + len(entries) - self._pictured >= _PICTURE_EVERY:
            picture, self._pictured = self._run.snapshot(), self._seq + len(entries)
        await self._journal.append(
            Append(
                run=self._id,
                owner=self._owner,
                expected=self._seq,
                entries=entries,
                status=self._run.status.value,
                finished=finish is not None,
                code=finish.code or None if finish else None,
                error=finish.error.message if finish and finish.error else None,
                accounts=tuple(sorted(self._accounts)),
                release_until=release,
                consumed=self.consumed,
                posted=self._posted,
                snapshot=picture,
                tells=tells,
            )
        )
        self._seq += len(entries)
        self._noted |= self._accounts
        self._accounts.clear()

    def _entry(self, event: AnyEvent) -> Entry:
        if isinstance(event, ActionEnded) and event.acting is None:
            event = self._signed(event)
        return Entry(
            kind=event.kind,
            path=event.path,
            data=encode(event),
            at=event.at,
            record=action_record(event),
        )

    def _signed(self, event: ActionEnded) -> ActionEnded:
        """Write down in whose name an action without a connection was carried out."""
        acting = None if event.status is Status.SKIPPED else self.acting(event.path)
        return event if acting is None else msgspec.structs.replace(event, acting=acting)
