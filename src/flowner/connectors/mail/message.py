"""From an action's parameters to a message as RFC 5322 wants it. Nothing here waits."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate
from typing import Final

from flowner.sdk.context import Rejected
from flowner.values import Json, JsonObject

MAX_RECIPIENTS: Final = 500
MAX_ATTACHMENTS: Final = 100
MAX_CONTENT_BYTES: Final = 25 * 1024 * 1024
"""Body and attachments together, before they are encoded for the way."""
MAX_SUBJECT: Final = 998

_PREFIXES: Final = ("emailMessage", "request", "email", "body")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_IMPORTANCES: Final = {
    "low": ("Low", "5"),
    "normal": ("Normal", "3"),
    "high": ("High", "1"),
    "0": ("Low", "5"),
    "1": ("Normal", "3"),
    "2": ("High", "1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message and the envelope that it travels in."""

    sender: str
    """The account of the connection: the envelope's sender, whoever the header names."""
    recipients: tuple[str, ...]
    message_id: str
    content: bytes
    international: bool
    """Whether an address needs the relay to speak SMTPUTF8."""


def write_letter(
    parameters: JsonObject,
    *,
    account: str,
    may_send_as: Iterable[str],
    key: str,
    html: bool,
) -> Letter:
    """Write the letter that an action's parameters ask for.

    ``html`` is what a body is where the parameters do not say. ``key`` makes the Message-ID: the
    same for every attempt of the same step.

    Raises:
        Rejected: an address, an attachment or the size is wrong, or the action asks to send as
            somebody whom the connection does not lend.
    """
    fields = _fields(parameters)
    sender = _one_address(account, "the connection's account")
    message = EmailMessage()
    message["From"] = _from(fields, sender, may_send_as)
    if message["From"].addresses[0].addr_spec != sender.addr_spec:
        message["Sender"] = sender
    envelope = _address_headers(message, fields)
    message["Subject"] = _one_line(_text(fields, "subject"))[:MAX_SUBJECT]
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = _message_id(key, sender.domain)
    _mark_importance(message, fields)
    _fill(message, fields, html=html)
    international = not all(address.isascii() for address in (sender.addr_spec, *envelope))
    policy = (SMTPUTF8 if international else SMTP).clone(cte_type="7bit")
    return Letter(
        sender=sender.addr_spec,
        recipients=tuple(envelope),
        message_id=str(message["Message-ID"]),
        content=message.as_bytes(policy=policy),
        international=international,
    )


def _fields(parameters: JsonObject) -> JsonObject:
    """Gather the members by name in lower case, from flat keys, nested objects and a body."""
    fields: JsonObject = {}
    for name, value in parameters.items():
        head, _, tail = name.partition("/")
        if head in _PREFIXES and tail:
            fields[tail.lower()] = value
        elif head in _PREFIXES and isinstance(value, dict):
            fields.update({inner.lower(): content for inner, content in value.items()})
        else:
            fields[name.lower()] = value
    return fields


def _text(fields: Mapping[str, Json], *names: str) -> str:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, (int, float)):
            return json.dumps(value)
        if isinstance(value, (dict, list)):
            raise Rejected(f"`{name}` is not a text")
    return ""


def _one_line(text: str) -> str:
    """Make a text fit for a header: no line break, and so no second header, survives."""
    return _CONTROLS.sub(" ", text).strip()


def _from(fields: JsonObject, sender: Address, may_send_as: Iterable[str]) -> Address:
    wanted = _text(fields, "from", "mailboxaddress").strip()
    if not wanted:
        return sender
    author = _one_address(wanted, "`From`")
    lent = {sender.addr_spec.casefold(), *(name.strip().casefold() for name in may_send_as)}
    if author.addr_spec.casefold() not in lent:
        raise Rejected(
            f"the connection sends as `{sender.addr_spec}`, not as `{author.addr_spec}`; "
            "its owner may name further senders in the connection",
            status=403,
            code="SendAsDenied",
        )
    return author


def _address_headers(message: EmailMessage, fields: JsonObject) -> list[str]:
    """Write To, Cc and Reply-To, and return every recipient once. Bcc stays on the envelope."""
    found = {name: _addresses(fields, name) for name in ("to", "cc", "bcc", "replyto")}
    envelope = list(
        dict.fromkeys(address.addr_spec for name in ("to", "cc", "bcc") for address in found[name])
    )
    if not envelope:
        raise Rejected("the message has no recipient; fill `To`, `Cc` or `Bcc`")
    if len(envelope) > MAX_RECIPIENTS:
        raise Rejected(f"{len(envelope)} recipients; a message may have {MAX_RECIPIENTS}")
    for header, name in (("To", "to"), ("Cc", "cc"), ("Reply-To", "replyto")):
        if found[name]:
            message[header] = found[name]
    return envelope


def _addresses(fields: JsonObject, name: str) -> Sequence[Address]:
    value = fields.get(name)
    texts = value if isinstance(value, list) else [value]
    if not all(text is None or isinstance(text, str) for text in texts):
        raise Rejected(f"`{name}` is a list of addresses, separated by semicolons")
    pieces = [piece for text in texts if isinstance(text, str) for piece in _pieces(text)]
    return tuple(_one_address(piece, f"`{name}`") for piece in pieces)


def _pieces(text: str) -> list[str]:
    """Split at semicolons; at commas only where there is no display name that could hold one."""
    separator = r";" if "<" in text or '"' in text else r"[;,]"
    return [piece for piece in (part.strip() for part in re.split(separator, text)) if piece]


def _one_address(text: str, where: str) -> Address:
    name, bracket, rest = text.rpartition("<")
    address = rest.removesuffix(">") if bracket else text
    if _CONTROLS.search(text):
        raise Rejected(f"an address in {where} holds a line break or another control character")
    try:
        parsed = Address(display_name=name.strip().strip('"').strip(), addr_spec=address.strip())
    except (ValueError, IndexError, HeaderParseError):
        raise Rejected(f"`{text[:100]}` in {where} is not an e-mail address") from None
    if not parsed.username or not parsed.domain:
        raise Rejected(f"`{text[:100]}` in {where} is not an e-mail address")
    return parsed


def _message_id(key: str, domain: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()[:40]
    try:
        return f"<{digest}@{domain.encode('idna').decode()}>"
    except UnicodeError:
        return f"<{digest}@localhost>"


def _mark_importance(message: EmailMessage, fields: JsonObject) -> None:
    written = _text(fields, "importance").strip().lower()
    if not written:
        return
    if written not in _IMPORTANCES:
        raise Rejected(f"importance `{written[:20]}` is none of `Low`, `Normal` and `High`")
    message["Importance"], message["X-Priority"] = _IMPORTANCES[written]


def _fill(message: EmailMessage, fields: JsonObject, *, html: bool) -> None:
    body = _text(fields, "body", "text", "htmlbody")
    size = len(body.encode())
    marked = fields.get("ishtml")
    is_html = html if marked is None else str(marked).lower() == "true"
    message.set_content(body, subtype="html" if is_html else "plain", charset="utf-8")
    attachments = fields.get("attachments")
    for attachment in attachments[: MAX_ATTACHMENTS + 1] if isinstance(attachments, list) else []:
        name, content = _attachment(attachment)
        size += len(content)
        if size > MAX_CONTENT_BYTES:
            raise Rejected(f"the message is larger than {MAX_CONTENT_BYTES} bytes", status=413)
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=name
        )
    if isinstance(attachments, list) and len(attachments) > MAX_ATTACHMENTS:
        raise Rejected(f"{len(attachments)} attachments; a message may have {MAX_ATTACHMENTS}")
    if size > MAX_CONTENT_BYTES:
        raise Rejected(f"the message is larger than {MAX_CONTENT_BYTES} bytes", status=413)


def _attachment(attachment: Json) -> tuple[str, bytes]:
    if not isinstance(attachment, dict):
        raise Rejected("an attachment is an object with `Name` and `ContentBytes`")
    members = {name.lower(): value for name, value in attachment.items()}
    name = _one_line(_text(members, "name", "filename")) or "attachment"
    content = members.get("contentbytes", members.get("contentdata"))
    if isinstance(content, dict):
        content = content.get("$content")
        if not isinstance(content, str):
            raise Rejected(f"attachment `{name[:100]}` has a content object without `$content`")
        return name, _bytes(content)
    if isinstance(content, list):
        return name, json.dumps(content).encode()
    return name, _bytes(content if isinstance(content, str) else "")


def _bytes(content: str) -> bytes:
    """Decode base64; what is not base64 is taken for the text itself.

    Flows attach the text of a table as it is, and files as base64, in the same member.
    """
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return content.encode()
