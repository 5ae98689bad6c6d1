"""Mail, sent through a real server: in whose name, to whom, and what becomes of a no."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.certificates import self_signed
from flowner.connectors.mail import connector
from flowner.connectors.mail.message import write_letter
from flowner.demo.mailbox import Mailbox
from flowner.sdk.connector import Repeat
from flowner.sdk.context import Answer, OperationContext, Rejected, Transient
from flowner.values import Json, JsonObject, Secret

ADA, BOB, TEAM = "ada@contoso.example", "bob@contoso.example", "team@contoso.example"
PASSWORD = "correct horse"
MINIMAL: JsonObject = {
    "emailMessage/To": BOB,
    "emailMessage/Subject": "Hi",
    "emailMessage/Body": "<p>hi</p>",
}


def context(relay_port: int, **settings: Json) -> OperationContext:
    return OperationContext(
        idempotency_key="run-1/Send/1",
        account=ADA,
        settings={"host": "127.0.0.1", "port": relay_port, "security": "none", **settings},
        credential={"user": Secret(ADA), "password": Secret(PASSWORD)},
        timeout_seconds=5,
    )


def send(
    parameters: JsonObject, *, operation: str = "SendEmailV2", times: int = 1, **settings: Json
) -> tuple[Mailbox, Answer]:
    async def whole() -> tuple[Mailbox, Answer]:
        async with Mailbox(accounts={ADA: Secret(PASSWORD)}) as mailbox:
            for _ in range(times):
                answer = await connector.operations[operation].perform(
                    parameters, context(mailbox.port, **settings)
                )
        return mailbox, answer

    return asyncio.run(whole())


def written(parameters: JsonObject, *, html: bool = True) -> EmailMessage:
    letter = write_letter(
        {**MINIMAL, **parameters}, account=ADA, may_send_as=(TEAM,), key="k", html=html
    )
    return message_from_bytes(letter.content, _class=EmailMessage, policy=default)


def test_the_outside_sees_the_account_of_the_connection() -> None:
    mailbox, answer = send(
        {
            "emailMessage/To": f"{BOB}; Cy <cy@contoso.example>;",
            "emailMessage/Cc": TEAM,
            "emailMessage/Bcc": "hidden@contoso.example",
            "emailMessage/Subject": "Grüße 🎉",
            "emailMessage/Body": "<p>é</p>",
            "emailMessage/Importance": "High",
            "emailMessage/Attachments": [
                {"Name": "t.csv", "ContentBytes": "a,b\r\n1,2"},
                {"Name": "b.bin", "ContentBytes": base64.b64encode(b"\x00\xff").decode()},
                {
                    "Name": "o.bin",
                    "ContentBytes": {"$content-type": "image/png", "$content": "AAE="},
                },
            ],
        }
    )
    (kept,) = mailbox.messages
    assert answer.seen == kept.authenticated_as == kept.sender == kept.headers["From"] == ADA
    assert kept.recipients == (BOB, "cy@contoso.example", TEAM, "hidden@contoso.example")
    assert kept.headers["To"] == f"{BOB}, Cy <cy@contoso.example>"
    assert not any("hidden" in value for value in kept.headers.values())
    assert (kept.subject, kept.body.strip()) == ("Grüße 🎉", "<p>é</p>")
    assert kept.headers["Importance"] == "High"
    assert kept.attachments == {"t.csv": b"a,b\r\n1,2", "b.bin": b"\x00\xff", "o.bin": b"\x00\x01"}
    assert not answer.has_body


def test_two_calls_of_one_step_carry_one_message_id_and_are_declared_as_two_mails() -> None:
    mailbox, answer = send(MINIMAL, times=2)
    first, second = mailbox.messages
    assert first.headers["Message-ID"] == second.headers["Message-ID"]
    assert answer.headers["Message-ID"] == first.headers["Message-ID"]
    assert all(operation.repeat is Repeat.NEVER for operation in connector.operations.values())


def test_another_step_has_another_message_id() -> None:
    letters = [
        write_letter(MINIMAL, account=ADA, may_send_as=(), key=key, html=True) for key in "ab"
    ]
    assert letters[0].message_id != letters[1].message_id


@pytest.mark.parametrize(
    ("inputs", "operation", "content_type"),
    [
        pytest.param(
            {
                "method": "post",
                "path": "/v2/Mail",
                "body": {"To": BOB, "Subject": "s", "Body": "b"},
            },
            "SendEmailV2",
            "text/html",
            id="the second version is HTML",
        ),
        pytest.param(
            {"method": "post", "path": "/Mail", "body": {"To": BOB, "Subject": "s", "Body": "b"}},
            "SendEmail",
            "text/plain",
            id="the first version is plain",
        ),
        pytest.param(
            {
                "method": "post",
                "path": "/Mail",
                "body": {"To": BOB, "Subject": "s", "Body": "b", "IsHtml": True},
            },
            "SendEmail",
            "text/html",
            id="the first version, marked as HTML",
        ),
    ],
)
def test_legacy_calls_are_routed(inputs: JsonObject, operation: str, content_type: str) -> None:
    routed = connector.legacy_call(inputs)
    assert routed is not None
    assert routed[0] == operation
    mailbox, _ = send(routed[1], operation=operation)
    assert mailbox.messages[0].headers["Content-Type"].startswith(content_type)
    assert mailbox.messages[0].body.strip() == "b"


def test_a_legacy_path_of_something_else_is_not_mail() -> None:
    assert connector.legacy_call({"method": "get", "path": "/v2/Mail"}) is None
    assert connector.legacy_call({"method": "post", "path": "/v2/Events"}) is None


def test_the_notification_connector_writes_its_own_parameters() -> None:
    mailbox, _ = send(
        {"request/to": BOB, "request/subject": "s", "request/text": "<b>t</b>"},
        operation="SendEmailV3",
    )
    assert mailbox.messages[0].body.strip() == "<b>t</b>"


def test_a_lent_sender_stands_in_from_and_the_account_in_sender() -> None:
    message = written({"emailMessage/MailboxAddress": f"The Team <{TEAM}>"})
    assert (message["From"], message["Sender"]) == (f"The Team <{TEAM}>", ADA)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        pytest.param({"emailMessage/To": ""}, "no recipient", id="nobody to send to"),
        pytest.param({"emailMessage/To": "bob"}, "not an e-mail address", id="a name alone"),
        pytest.param(
            {"emailMessage/To": f"{BOB}\r\nBcc: eve@evil.example"}, "line break", id="two lines"
        ),
        pytest.param({"emailMessage/To": {"a": 1}}, "list of addresses", id="an object"),
        pytest.param({"emailMessage/From": BOB}, "not as `bob@", id="somebody else's name"),
        pytest.param({"emailMessage/Importance": "Urgent"}, "`urgent`", id="no such importance"),
        pytest.param({"emailMessage/Attachments": ["x"]}, "an object", id="attachment as a text"),
        pytest.param(
            {"emailMessage/To": ";".join(f"u{n}@contoso.example" for n in range(501))},
            "501 recipients",
            id="too many recipients",
        ),
        pytest.param(
            {"emailMessage/Attachments": [{"Name": "x", "ContentBytes": "é" * 13 * 2**20}]},
            "larger than",
            id="too large",
        ),
        pytest.param(
            {"emailMessage/Attachments": [{"Name": "x"}] * 101}, "101 att", id="too many files"
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_before_the_relay_is_asked(
    parameters: JsonObject, words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        written(parameters)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_makes_a_second_header(subject: str, name: str) -> None:
    message = written(
        {
            "emailMessage/Subject": subject,
            "emailMessage/Attachments": [{"Name": name, "ContentBytes": "x y"}],
        }
    )
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert [part.keys() for part in message.iter_attachments()] == [
        ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version"]
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"host": ""}, "no mail relay", id="no host"),
        pytest.param({"port": "x"}, "`port`", id="no such port"),
        pytest.param({"security": "maybe"}, "`security`", id="no such security"),
    ],
)
def test_a_connection_that_names_no_relay_says_so(settings: JsonObject, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        send(MINIMAL, **settings)


def test_a_wrong_password_is_refused_and_never_shown() -> None:
    async def whole() -> None:
        async with Mailbox(accounts={ADA: Secret("another")}) as mailbox:
            with pytest.raises(Rejected, match="did not let `ada@") as refusal:
                await connector.operations["SendEmailV2"].perform(MINIMAL, context(mailbox.port))
        assert refusal.value.status == 401
        assert PASSWORD not in repr(refusal.value.args)

    asyncio.run(whole())


@contextlib.asynccontextmanager
async def scripted_relay(script: dict[bytes, bytes | None]) -> AsyncIterator[int]:
    """Answer as scripted by the command's first word; None hangs up. The rest is 250."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        writer.write(b"220 hi\r\n")
        in_data = False
        while line := await reader.readline():
            word = line.split()[0].upper() if line.strip() else b""
            if in_data and line != b".\r\n":
                continue
            word = b"." if in_data else word
            answer = script.get(word, usual.get(word, b"250 OK"))
            in_data = word == b"DATA" and answer is not None and answer.startswith(b"3")
            if answer is None:
                break
            writer.write(answer + b"\r\n")
        writer.close()
        await writer.wait_closed()

    usual = {b"DATA": b"354 go", b"EHLO": b"250-hi\r\n250 AUTH PLAIN", b"AUTH": b"235 ok"}
    serving: list[asyncio.Task[None] | None] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(task for task in serving if task is not None))


@pytest.mark.parametrize(
    ("script", "kind", "words", "perhaps_done"),
    [
        pytest.param(
            {b"MAIL": b"550 5.7.1 not you"}, Rejected, "refused: 550 5.7.1 not you", None,
            id="the sender is refused for good",
        ),
        pytest.param(
            {b"RCPT": b"451 4.7.1 greylisted"}, Transient, "later: 451", False,
            id="a recipient is put off",
        ),
        pytest.param(
            {b"RCPT": b"550 5.1.1 unknown"}, Rejected, "550 5.1.1", None,
            id="a recipient is unknown, nobody gets it",
        ),
        pytest.param(
            {b".": b"452 4.3.1 disk full"}, Transient, "later: 452", False,
            id="the message is put off",
        ),
        pytest.param(
            {b".": b"554 5.6.0 spam"}, Rejected, "554", None, id="the message is refused"
        ),
        pytest.param(
            {b"MAIL": None}, Transient, "broke off", False, id="silent before the message"
        ),
        pytest.param({b".": None}, Transient, "nobody can tell", True, id="silent after it"),
        pytest.param(
            {b"AUTH": b"454 4.7.0 later"}, Transient, "later: 454", False, id="sign-in put off"
        ),
    ],
)  # fmt: skip
def test_what_the_relay_says_decides_whether_trying_again_helps(
    script: dict[bytes, bytes | None],
    kind: type[Exception],
    words: str,
    perhaps_done: bool | None,
) -> None:
    async def whole() -> Exception:
        async with scripted_relay(script) as port:
            with pytest.raises(kind, match=words) as refusal:
                await connector.operations["SendEmailV2"].perform(MINIMAL, context(port))
        return refusal.value

    assert getattr(asyncio.run(whole()), "perhaps_done", None) is perhaps_done


def test_no_relay_there_is_worth_another_try() -> None:
    async def whole() -> None:
        async with Mailbox(accounts={}) as mailbox:
            port = mailbox.port
        with pytest.raises(Transient, match="does not answer"):
            await connector.operations["SendEmailV2"].perform(MINIMAL, context(port))

    asyncio.run(whole())


def test_a_relay_without_sign_in_says_nothing_about_whom_it_saw() -> None:
    async def whole() -> Answer:
        async with scripted_relay({}) as port:
            anonymous = replace(context(port), credential={})
            return await connector.operations["SendEmailV2"].perform(MINIMAL, anonymous)

    assert asyncio.run(whole()).seen is None


def test_starttls_is_never_given_up_silently() -> None:
    with pytest.raises(Rejected, match="cannot do what the connection asks"):
        send(MINIMAL, security="starttls")


def test_a_relay_that_cannot_prove_who_it_is_gets_no_mail(tmp_path: Path) -> None:
    async def whole() -> None:
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=self_signed(tmp_path)
        )
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Rejected, match="could not prove who it is"):
            await connector.operations["SendEmailV2"].perform(
                MINIMAL, context(port, security="tls")
            )
        server.close()
        await server.wait_closed()

    asyncio.run(whole())
