"""Hand one letter to the relay, in the account of the connection."""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import aiosmtplib

from flowner.connectors.mail.message import Letter
from flowner.sdk.context import OperationContext, Rejected, Transient
from flowner.values import Secret

_PORTS: Final = {"none": 25, "starttls": 587, "tls": 465}
_REPLY_LENGTH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where the connection says that mail goes, and how."""

    host: str
    port: int
    security: str

    @classmethod
    def of(cls, context: OperationContext) -> Relay:
        """Read the connection's settings ``host``, ``port`` and ``security``.

        Raises:
            Rejected: a setting is missing or means nothing.
        """
        host, port = context.settings.get("host"), context.settings.get("port")
        security = context.settings.get("security") or "starttls"
        if not isinstance(host, str) or not host:
            raise Rejected("the connection names no mail relay; fill its `host`")
        if not isinstance(security, str) or security not in _PORTS:
            raise Rejected("the connection's `security` is none of `none`, `starttls` and `tls`")
        number = _PORTS[security] if port in (None, "") else port
        if isinstance(number, str) and number.isdecimal():
            number = int(number)
        if not isinstance(number, int) or not 0 < number < 65536:
            raise Rejected("the connection's `port` is not a number from 1 to 65535")
        return cls(host=host, port=number, security=security)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def hand_over(letter: Letter, relay: Relay, context: OperationContext) -> str | None:
    """Give the letter to the relay; return the account that the relay authenticated.

    All recipients or none: when the relay refuses one of them, nothing is sent.

    Raises:
        Rejected: the relay said no for good (5yz).
        Transient: it said not now (4yz), or did not answer; ``perhaps_done`` when it fell silent
            after the letter was on its way.
    """
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        timeout=context.timeout_seconds,
        use_tls=relay.security == "tls",
        start_tls=relay.security == "starttls",
        local_hostname=letter.sender.rpartition("@")[2].encode("idna").decode(),
    )
    user, password = _credential(context)
    try:
        await _attempt(client.connect(), relay, "does not answer", password)
        if user:
            await _sign_in(client, user, password, relay)
        await _send(client, letter, relay, password)
    finally:
        await _leave(client)
    return user or None


def _credential(context: OperationContext) -> tuple[str, Secret]:
    empty = Secret("")
    return context.credential.get("user", empty).reveal(), context.credential.get("password", empty)


async def _sign_in(client: aiosmtplib.SMTP, user: str, password: Secret, relay: Relay) -> None:
    try:
        await client.login(user, password.reveal())
    except aiosmtplib.SMTPAuthenticationError as error:
        if error.code < 500:
            raise _not_now(relay, error, password) from None
        raise Rejected(
            f"the mail relay {relay} did not let `{user}` sign in",
            status=401,
            code="Unauthorized",
        ) from None
    except aiosmtplib.SMTPException as error:
        raise _refusal(relay, error, password, "broke off the sign-in") from None


async def _send(client: aiosmtplib.SMTP, letter: Letter, relay: Relay, password: Secret) -> None:
    if letter.international and not client.supports_extension("smtputf8"):
        raise Rejected(f"the mail relay {relay} takes no addresses beyond ASCII")
    options = ["SMTPUTF8"] if letter.international else []
    encoding = "utf-8" if letter.international else "ascii"
    await _attempt(
        client.mail(letter.sender, options=options, encoding=encoding),
        relay,
        "broke off",
        password,
    )
    for recipient in letter.recipients:
        await _attempt(client.rcpt(recipient, encoding=encoding), relay, "broke off", password)
    try:
        await client.data(letter.content)
    except aiosmtplib.SMTPResponseException as error:
        raise _refusal(relay, error, password, "") from None
    except (aiosmtplib.SMTPException, OSError):
        raise Transient(
            f"the mail relay {relay} fell silent while it took the message; "
            "nobody can tell whether it was sent",
            perhaps_done=True,
        ) from None


async def _attempt(step: Awaitable[object], relay: Relay, otherwise: str, password: Secret) -> None:
    try:
        await step
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _refusal(relay, error, password, otherwise) from None


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye where that is still possible; the message's fate is settled already."""
    with suppress(aiosmtplib.SMTPException, OSError):
        if client.is_connected:
            await client.quit(timeout=2)
    client.close()


def _refusal(
    relay: Relay, error: Exception, password: Secret, otherwise: str
) -> Rejected | Transient:
    match error:
        case aiosmtplib.SMTPResponseException(code=code) if code >= 500:
            return Rejected(f"the mail relay {relay} refused: {_reply(error, password)}")
        case aiosmtplib.SMTPResponseException():
            return _not_now(relay, error, password)
        case _ if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
            return Rejected(f"the mail relay {relay} could not prove who it is", status=502)
        case (
            aiosmtplib.SMTPServerDisconnected()
            | aiosmtplib.SMTPConnectError()
            | aiosmtplib.SMTPTimeoutError()
        ):
            return Transient(f"the mail relay {relay} {otherwise}")
        case aiosmtplib.SMTPException():
            return Rejected(f"the mail relay {relay} cannot do what the connection asks: {error}")
        case _:
            return Transient(f"the mail relay {relay} {otherwise}")


def _not_now(relay: Relay, error: aiosmtplib.SMTPResponseException, password: Secret) -> Transient:
    return Transient(f"the mail relay {relay} asks to try later: {_reply(error, password)}")


def _reply(error: aiosmtplib.SMTPResponseException, password: Secret) -> str:
    """Return the relay's own words, short, on one line, and free of the password."""
    words = re.sub(r"\s+", " ", f"{error.code} {error.message}")
    if password.reveal():
        words = words.replace(password.reveal(), "…")
    return words[:_REPLY_LENGTH]
