"""Letters to those who are asked: written as rows with the question, sent afterwards.

A letter is sent at least once. One about a question that is not open any more is not sent at all.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from flowner.approvals.letters import Written, write_about_approval, write_about_sign_in
from flowner.approvals.links import Links
from flowner.approvals.relay import MailRelay
from flowner.approvals.shapes import people_of
from flowner.connectors.mail.message import write_letter
from flowner.connectors.mail.relay import Relay, hand_over
from flowner.database import Database, Transaction
from flowner.errors import NotFound, Unavailable
from flowner.rows.approvals import approval_of_request, read_approval
from flowner.rows.asked import asked_by_id
from flowner.rows.facts import read_principals
from flowner.rows.letters import CHANNEL, Letter, claim_letters, settle_letter
from flowner.sdk.context import OperationContext, Rejected, Transient

_LOG = structlog.get_logger(__name__)
_AT_ONCE: Final = 20
_AGAIN_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 60.0
_MOST_ATTEMPTS: Final = 12


class PostOffice:
    """Sends what is written. Without a relay it sends nothing, and letters wait for one."""

    def __init__(self, database: Database, links: Links, relay: MailRelay | None) -> None:
        self._database, self._links, self._relay = database, links, relay

    async def run(self) -> None:
        """Send for ever; without a relay, do nothing: a task that ends is one that died."""
        if self._relay is None:
            await asyncio.Event().wait()
            return
        some = asyncio.Event()
        hearing = asyncio.create_task(self._hear(some), name="letters")
        try:
            while True:
                with suppress(Unavailable):
                    while await self.send(self._relay):
                        pass
                with suppress(TimeoutError):
                    await asyncio.wait_for(some.wait(), _LOOK_SECONDS)
                some.clear()
        finally:
            hearing.cancel()

    async def _hear(self, some: asyncio.Event) -> None:
        async for _ in self._database.listen(CHANNEL):
            some.set()

    async def send(self, relay: MailRelay) -> int:
        """Send the letters that are due, some at a time; answers how many were looked at."""
        async with self._database.transaction() as transaction:
            letters = await claim_letters(transaction, _AT_ONCE, again_seconds=_AGAIN_SECONDS)
        for letter in letters:
            try:
                await self._send(letter, relay)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - one letter must not hold up the others
                _LOG.exception("letter could not be written; it is tried again", letter=letter.id)
        return len(letters)

    async def _send(self, letter: Letter, relay: MailRelay) -> None:
        async with self._database.connection() as connection:
            written = await self._written(connection, letter)
        error = "it is not asked any more, or of nobody with an address"
        if written is not None:
            try:
                await _hand_over(letter, written, relay)
                error = ""
            except Rejected as refused:
                error = refused.message
            except Transient as late:
                if letter.attempts < _MOST_ATTEMPTS:
                    _LOG.info("letter not sent yet", letter=letter.id, reason=late.message)
                    return
                error = late.message
        async with self._database.connection() as connection:
            await settle_letter(connection, letter.id, error=error or None)

    async def _written(self, transaction: Transaction, letter: Letter) -> Written | None:
        """Return a letter's words; None where there is nothing to be said any more."""
        person = (await read_principals(transaction, [letter.person])).get(letter.person)
        if person is None or not person.who.enabled or not person.mail:
            return None
        if letter.kind == "sign-in":
            asked = await asked_by_id(transaction, letter.about)
            if asked is None or asked.status != "Pending":
                return None
            return write_about_sign_in(asked, person, self._links)
        try:
            id = await approval_of_request(transaction, letter.about)
            approval = await read_approval(transaction, id)
        except NotFound:
            return None
        for request in approval.open_requests:
            if request.id == letter.about and request.holder in person.who.identities:
                people = await people_of(transaction, [approval])
                return write_about_approval(approval, request, person, people, self._links)
        return None


async def _hand_over(letter: Letter, written: Written, relay: MailRelay) -> None:
    context = OperationContext(
        idempotency_key=letter.id,
        account=relay.sender,
        settings={"host": relay.host, "port": relay.port, "security": relay.security},
        credential={"user": relay.user, "password": relay.password},
        timeout_seconds=30.0,
    )
    mail = write_letter(
        {"To": written.to, "Subject": written.subject, "Body": written.body},
        account=relay.sender,
        may_send_as=(),
        key=letter.id,
        html=True,
    )
    await hand_over(mail, Relay.of(context), context)
