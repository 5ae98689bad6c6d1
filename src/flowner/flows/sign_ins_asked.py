"""Runs that wait for one person's sign-in: who is asked, for how long, and what wakes them.

A run whose action needs the running principal's own connection, which they have not chosen yet,
is put down, and that person is asked. Nobody else's choice satisfies it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.journal.store import Journal
from flowner.rows.asked import (
    AskedSignIn,
    answer_all_sign_ins,
    answer_sign_ins,
    ask_sign_in,
    asked_of,
    waits_for_sign_in,
)
from flowner.rows.facts import read_principals
from flowner.runs.messages import ENCODER, SignedIn
from flowner.values import FlowId, PrincipalId, RunId

PATIENCE: Final = timedelta(days=30)
"""How long a person has, where the action's own limit is not sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The action of a run that waits."""

    flow: FlowId
    run: RunId
    path: str
    due: datetime | None


class SignInsAsked:
    """Asks, and wakes who waited."""

    def __init__(self, database: Database, journal: Journal, clock: Clock) -> None:
        self._database, self._journal, self._clock = database, journal, clock

    async def ask(
        self, step: Step, person: PrincipalId, key: str, connector: str
    ) -> datetime | None:
        """Ask somebody to choose a connection; answers until when. None: they cannot be asked."""
        async with self._database.transaction() as transaction:
            known = (await read_principals(transaction, [person])).get(person)
            if known is None or not known.kind.can_be_asked or not known.who.enabled:
                return None
            latest = self._clock.now() + PATIENCE
            due = latest if step.due is None else min(step.due, latest)
            at = (step.run, step.path)
            await ask_sign_in(transaction, step.flow, at, person, key, connector, due)
            return due

    async def of(self, person: PrincipalId) -> list[AskedSignIn]:
        """Return what runs wait for somebody to sign in to, the oldest first."""
        async with self._database.connection() as connection:
            return await asked_of(connection, person)

    async def waits(self, run: RunId, path: str) -> bool:
        """Say whether an action was held back for a sign-in that has not come."""
        async with self._database.connection() as connection:
            return await waits_for_sign_in(connection, run, path)

    async def answered(
        self, transaction: Transaction, person: PrincipalId, flows: list[str], key: str
    ) -> None:
        """Wake the runs that waited for this choice; in the transaction that keeps the choice."""
        await self._wake(transaction, await answer_sign_ins(transaction, person, flows, key))

    async def mended(self, transaction: Transaction, person: PrincipalId) -> None:
        """Have the runs look again that waited for somebody, one of whose connections was broken.

        In the transaction that mends it. One that needs another connection asks again.
        """
        await self._wake(transaction, await answer_all_sign_ins(transaction, person))

    async def _wake(self, transaction: Transaction, waited: list[tuple[RunId, str]]) -> None:
        for run, path in waited:
            await self._journal.post(run, ENCODER.encode(SignedIn(path)), within=transaction)
