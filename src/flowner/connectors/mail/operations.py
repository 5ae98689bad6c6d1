"""What flows ask of mail, under the names of the four connectors that send it."""

from __future__ import annotations

from typing import Final

from flowner.connectors.mail.message import write_letter
from flowner.connectors.mail.relay import Relay, hand_over
from flowner.sdk.connector import Connector, Credentials, Lookup, ParameterForm, Repeat, SignIn
from flowner.sdk.context import Answer, OperationContext
from flowner.values import JsonObject


def _route(method: str, path: str) -> tuple[str, JsonObject] | None:
    routes = {"/v2/mail": "SendEmailV2", "/mail": "SendEmail"}
    operation = routes.get(path.lower().rstrip("/")) if method == "POST" else None
    return (operation, {}) if operation else None


connector: Final = Connector(
    ids=("shared_office365", "shared_outlook", "shared_sendmail", "shared_smtp"),
    title="Mail",
    summary="Sends mail from the connection's account, through its relay.",
    credentials=(
        Credentials(
            id="relay",
            title="Mail relay",
            sign_in=SignIn.SECRETS,
            settings=(
                ParameterForm(name="host", title="Host", required=True),
                ParameterForm(name="port", title="Port", type="integer"),
                ParameterForm(
                    name="security", title="Security", choices=("starttls", "tls", "none")
                ),
                ParameterForm(
                    name="sendAs",
                    title="May also send as",
                    type="array",
                    description="other senders that the relay lets this account use",
                ),
            ),
            secrets=(
                ParameterForm(name="user", title="User name"),
                ParameterForm(name="password", title="Password", type="password"),
            ),
        ),
    ),
    legacy_route=_route,
)


def _forms(prefix: str, *, sender: str = "From") -> tuple[ParameterForm, ...]:
    lists = "addresses separated by semicolons"
    return (
        ParameterForm(
            name=f"{prefix}/To",
            title="To",
            required=True,
            description=lists,
            lookup=Lookup.PEOPLE,
            separator=";",
        ),
        ParameterForm(name=f"{prefix}/Subject", title="Subject", required=True),
        ParameterForm(name=f"{prefix}/Body", title="Body", type="html", required=True),
        ParameterForm(
            name=f"{prefix}/{sender}",
            title="From (send as)",
            description="the connection's account, or a sender named in its `sendAs`",
        ),
        *(
            ParameterForm(
                name=f"{prefix}/{copy}",
                title=copy,
                description=lists,
                lookup=Lookup.PEOPLE,
                separator=";",
            )
            for copy in ("Cc", "Bcc")
        ),
        ParameterForm(name=f"{prefix}/ReplyTo", title="Reply to", description=lists),
        ParameterForm(
            name=f"{prefix}/Importance", title="Importance", choices=("Low", "Normal", "High")
        ),
        ParameterForm(
            name=f"{prefix}/Attachments",
            title="Attachments",
            type="array",
            description="objects with `Name` and `ContentBytes` (base64, or a text as it is)",
        ),
    )


async def _send(parameters: JsonObject, context: OperationContext, *, html: bool) -> Answer:
    relay = Relay.of(context)
    named = context.settings.get("sendAs")
    letter = write_letter(
        parameters,
        account=context.account,
        may_send_as=[name for name in named if isinstance(name, str)]
        if isinstance(named, list)
        else (),
        key=context.idempotency_key,
        html=html,
    )
    seen = await hand_over(letter, relay, context)
    return Answer(headers={"Message-ID": letter.message_id}, has_body=False, seen=seen)


@connector.operation(
    "SendEmailV2",
    title="Send an email (V2)",
    repeat=Repeat.NEVER,
    parameters=_forms("emailMessage"),
)
async def send_email_v2(parameters: JsonObject, context: OperationContext) -> Answer:
    """Hand one HTML message to the relay. It is then accepted, not yet delivered.

    Called twice: the relay takes two messages, because SMTP cannot promise otherwise. Both carry
    the same Message-ID, by which many mail systems drop the second; that is their choice, so
    after a crash in between the outcome is unknown and a person must look.
    """
    return await _send(parameters, context, html=True)


@connector.operation(
    "SendEmail",
    title="Send an email",
    repeat=Repeat.NEVER,
    parameters=(
        *_forms("emailMessage"),
        ParameterForm(name="emailMessage/IsHtml", title="Is HTML", type="boolean"),
    ),
)
async def send_email(parameters: JsonObject, context: OperationContext) -> Answer:
    """Hand one message to the relay: plain text, unless ``IsHtml`` is true.

    Called twice: as for ``SendEmailV2``, two messages with one Message-ID.
    """
    return await _send(parameters, context, html=False)


@connector.operation(
    "SendEmailV3",
    title="Send an email notification (V3)",
    repeat=Repeat.NEVER,
    parameters=(
        ParameterForm(name="request/to", title="To", required=True),
        ParameterForm(name="request/subject", title="Subject", required=True),
        ParameterForm(name="request/text", title="Body", type="html", required=True),
    ),
)
async def send_email_v3(parameters: JsonObject, context: OperationContext) -> Answer:
    """Hand one HTML message to the relay, in the parameters of the notification connectors.

    Called twice: as for ``SendEmailV2``, two messages with one Message-ID.
    """
    return await _send(parameters, context, html=True)


@connector.operation(
    "SharedMailboxSendEmailV2",
    title="Send an email from a shared mailbox (V2)",
    repeat=Repeat.NEVER,
    parameters=_forms("emailMessage", sender="MailboxAddress"),
)
async def send_from_shared_mailbox(parameters: JsonObject, context: OperationContext) -> Answer:
    """Hand one HTML message to the relay, written as ``MailboxAddress`` and sent by the account.

    The connection's owner names the mailbox in the connection's ``sendAs``; the header ``Sender``
    still says which account sent it.

    Called twice: as for ``SendEmailV2``, two messages with one Message-ID.
    """
    return await _send(parameters, context, html=True)
