"""The demo's mail server: who may send, as whom, and what it keeps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from email.message import EmailMessage

import aiosmtplib
import pytest

from flowner.demo.mailbox import Mailbox
from flowner.values import Secret

ADA, BOB = "ada@contoso.example", "bob@contoso.example"
ACCOUNTS = {ADA: Secret("engine"), BOB: Secret("builder")}


def with_mailbox(work: Callable[[Mailbox], Awaitable[None]]) -> Mailbox:
    async def whole() -> Mailbox:
        async with Mailbox(accounts=ACCOUNTS) as mailbox:
            await work(mailbox)
        return mailbox

    return asyncio.run(whole())


def letter(author: str = ADA) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = author, BOB, "Grüße"
    message.set_content("<p>é</p>", subtype="html")
    message.add_attachment(b"a,b", maintype="text", subtype="csv", filename="t.csv")
    return message


async def send(mailbox: Mailbox, message: EmailMessage, *, sender: str, login: str | None) -> None:
    client = aiosmtplib.SMTP(hostname=mailbox.host, port=mailbox.port, start_tls=False)
    async with client:
        if login is not None:
            await client.login(login, ACCOUNTS[login].reveal())
        await client.send_message(
            message, sender=sender, recipients=[BOB, "hidden@contoso.example"]
        )


def test_it_keeps_what_the_account_sent() -> None:
    mailbox = with_mailbox(lambda box: send(box, letter(), sender=ADA, login=ADA))
    (kept,) = mailbox.messages
    assert (kept.authenticated_as, kept.sender) == (ADA, ADA)
    assert kept.recipients == (BOB, "hidden@contoso.example")
    assert (kept.subject, kept.body.strip()) == ("Grüße", "<p>é</p>")
    assert kept.attachments == {"t.csv": b"a,b"}
    assert kept.headers["To"] == BOB
    assert kept.at.tzinfo is not None


@pytest.mark.parametrize(
    ("author", "sender", "login", "code"),
    [
        pytest.param(ADA, ADA, None, 530, id="nobody sends without signing in"),
        pytest.param(ADA, BOB, ADA, 550, id="the envelope names another account"),
        pytest.param(BOB, ADA, ADA, 550, id="the header names another account"),
        pytest.param(BOB, BOB, ADA, 550, id="both name another account"),
    ],
)
def test_it_takes_nothing_in_another_name(
    author: str, sender: str, login: str | None, code: int
) -> None:
    refused: list[int] = []

    async def work(mailbox: Mailbox) -> None:
        with pytest.raises(aiosmtplib.SMTPResponseException) as refusal:
            await send(mailbox, letter(author), sender=sender, login=login)
        refused.append(refusal.value.code)

    assert with_mailbox(work).messages == []
    assert refused == [code]


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_a_wrong_password_does_not_sign_in(mechanism: str) -> None:
    async def work(mailbox: Mailbox) -> None:
        client = aiosmtplib.SMTP(hostname=mailbox.host, port=mailbox.port, start_tls=False)
        async with client:
            await client.ehlo()
            with pytest.raises(aiosmtplib.SMTPAuthenticationError):
                await getattr(client, mechanism)(ADA, "builder")
            assert (await getattr(client, mechanism)(ADA, "engine")).code == 235

    with_mailbox(work)


def test_stopping_hangs_up_and_frees_the_port() -> None:
    async def whole() -> None:
        mailbox = Mailbox(accounts=ACCOUNTS)
        await mailbox.start()
        reader, writer = await asyncio.open_connection(mailbox.host, mailbox.port)
        await reader.readline()
        await mailbox.stop()
        await mailbox.stop()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        await mailbox.start()
        await mailbox.stop()

    asyncio.run(whole())
