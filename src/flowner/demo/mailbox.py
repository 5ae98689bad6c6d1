"""A real mail server for the demo: it keeps what it is sent, and knows who sent it.

It speaks SMTP on loopback, asks everybody to sign in, and takes mail only from the account that
signed in. So what it keeps is the *outside's* witness of in whose name a flow sent.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from types import TracebackType
from typing import Final, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from flowner.clock import Clock, SystemClock
from flowner.values import Secret

MAX_MESSAGE_BYTES: Final = 40 * 1024 * 1024
MAX_KEPT: Final = 10_000
"""How many messages are kept; the oldest leave first."""

_NOT_YOURS: Final = "550 5.7.1 `{}` is not the account that signed in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as the server took it."""

    authenticated_as: str
    """The account that signed in: the one thing here that the sender cannot choose."""
    sender: str
    recipients: tuple[str, ...]
    """Of the envelope: To, Cc and Bcc alike."""
    subject: str
    body: str
    """The first text part, decoded."""
    headers: Mapping[str, str]
    """By name as written; of a repeated header, the last."""
    attachments: Mapping[str, bytes]
    at: datetime


@dataclass(slots=True, kw_only=True)
class Mailbox:
    """The server. Use as ``async with``, or `start` and `stop`, on one event loop.

    ``accounts`` maps each account (an address) to its password. ``port`` 0 takes a free one; it
    is the real one once started.
    """

    accounts: Mapping[str, Secret]
    host: str = "127.0.0.1"
    port: int = 0
    clock: Clock = field(default_factory=SystemClock)
    messages: list[Message] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _sessions: set[_Session] = field(default_factory=set)

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: the port is taken.
        """
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of sign-in without TLS
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self, loop), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and hang up on everybody. Stopping twice is harmless."""
        if self._server is None:
            return
        self._server.close()
        for session in tuple(self._sessions):
            session.hang_up()
            # It is noticed in the loop's next turns; nothing may be left for after the server.
            await session.gone.wait()
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd names its hooks so
        self,
        _smtp: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take an envelope from the account that signed in, and from no other."""
        if address.casefold() != _account(session):
            return _NOT_YOURS.format(address[:200])
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd names its hooks so
        self, _smtp: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a message whose author is the account that signed in."""
        content = envelope.content
        parsed = message_from_bytes(
            content if isinstance(content, bytes) else b"", _class=EmailMessage, policy=modern
        )
        authors = parsed["From"].addresses if parsed["From"] is not None else ()
        if [author.addr_spec.casefold() for author in authors] != [_account(session)]:
            return _NOT_YOURS.format(str(parsed["From"])[:200])
        self.messages.append(_message(parsed, envelope, _account(session), self.clock.now()))
        del self.messages[:-MAX_KEPT]
        return "250 2.0.0 kept"

    def authenticate(
        self,
        _smtp: SMTP,
        _session: Session,
        _envelope: Envelope,
        _mechanism: str,
        proof: object,
    ) -> AuthResult:
        """Say whether a login and password are those of one of the accounts."""
        if not isinstance(proof, LoginPassword):
            return AuthResult(success=False, handled=False)
        account = proof.login.decode(errors="replace").casefold()
        passwords = {name.casefold(): secret for name, secret in self.accounts.items()}
        expected = passwords.get(account)
        known = expected is not None and hmac.compare_digest(
            expected.reveal().encode(), proof.password
        )
        return AuthResult(success=known, handled=False, auth_data=account)


class _Session(SMTP):
    """One caller."""

    def __init__(self, mailbox: Mailbox, loop: asyncio.AbstractEventLoop) -> None:
        with warnings.catch_warnings():
            # Signing in without TLS is what we mean: the server listens on loopback only.
            warnings.simplefilter("ignore")
            super().__init__(
                mailbox,
                hostname="localhost",
                ident="Flowner demo mailbox",
                data_size_limit=MAX_MESSAGE_BYTES,
                enable_SMTPUTF8=True,
                auth_required=True,
                auth_require_tls=False,
                authenticator=mailbox.authenticate,
                loop=loop,
            )
        self._mailbox = mailbox
        self.gone = asyncio.Event()

    def hang_up(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._mailbox._sessions.add(self)  # noqa: SLF001 - the server and its callers are one thing
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._mailbox._sessions.discard(self)  # noqa: SLF001 - as above
        super().connection_lost(error)
        self.gone.set()


def _account(session: Session) -> str:
    return session.auth_data if isinstance(session.auth_data, str) else ""


def _message(parsed: EmailMessage, envelope: Envelope, account: str, at: datetime) -> Message:
    body = parsed.get_body(preferencelist=("html", "plain"))
    return Message(
        authenticated_as=account,
        sender=envelope.mail_from or "",
        recipients=tuple(envelope.rcpt_tos),
        subject=str(parsed["Subject"] or ""),
        body=str(body.get_content()) if body is not None else "",
        headers={name: str(value) for name, value in parsed.items()},
        attachments={
            part.get_filename() or "": _bytes(part.get_payload(decode=True))
            for part in parsed.iter_attachments()
        },
        at=at,
    )


def _bytes(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else b""
