"""The environment, read once. Each setting has a heading in docs/reference/settings.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flowner.approvals.relay import SCHEMES, MailRelay
from flowner.directory.provider_file import read_provider_file
from flowner.directory.providers import Provider
from flowner.errors import Invalid
from flowner.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a person may set from outside."""

    database_url: str | None = field(default=None, repr=False)
    """None: the embedded server, with its files under `data_folder`."""
    data_folder: Path = field(default_factory=lambda: Path.home() / ".flowner")
    key: Secret | None = None
    """The vault's key, base64 of 32 bytes; None: the key file in `data_folder`."""
    host: str = "127.0.0.1"
    port: int = 8733
    public_url: str | None = None
    """Where others reach the API; None: at `host` and `port`."""
    concurrency: int = 32
    """Runs that one process moves at the same time."""
    allow_private_addresses: bool = False
    """Whether the HTTP connector may reach loopback and private addresses."""
    mail: MailRelay | None = None
    """Where letters of the server's own go out; None: it writes none."""
    answers_without_sign_in: bool = False
    """Whether the links in mails about approvals need nobody to sign in."""
    providers: tuple[Provider, ...] = ()
    """OpenID providers whose tokens are taken, and with whom people sign in."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; `Invalid` names the variable that cannot be understood."""
    given = os.environ if environment is None else environment
    default = Settings()
    key = given.get("FLOWNER_KEY")
    folder = given.get("FLOWNER_DATA")
    return Settings(
        database_url=given.get("FLOWNER_DATABASE_URL") or None,
        data_folder=Path(folder).expanduser() if folder else default.data_folder,
        key=Secret(key) if key else None,
        host=given.get("FLOWNER_HOST") or default.host,
        port=_whole(given, "FLOWNER_PORT", default.port, 0, 65535),
        public_url=(given.get("FLOWNER_PUBLIC_URL") or "").rstrip("/") or None,
        concurrency=_whole(given, "FLOWNER_CONCURRENCY", default.concurrency, 1, 1000),
        allow_private_addresses=_yes(given, "FLOWNER_ALLOW_PRIVATE_ADDRESSES"),
        mail=_mail(given),
        answers_without_sign_in=_yes(given, "FLOWNER_ANSWERS_WITHOUT_SIGN_IN"),
        providers=_providers(given.get("FLOWNER_PROVIDERS")),
    )


def _mail(given: Mapping[str, str]) -> MailRelay | None:
    address, sender = given.get("FLOWNER_MAIL_RELAY"), given.get("FLOWNER_MAIL_FROM")
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES or not parts.hostname:
        known = ", ".join(f"`{one}://`" for one in SCHEMES)
        raise Invalid(
            "`FLOWNER_MAIL_RELAY` is not the address of a mail relay: write"
            f" `smtp://user:password@host:587`, or one that begins with {known}"
        )
    if not sender or "@" not in sender:
        raise Invalid("`FLOWNER_MAIL_FROM` is missing: write the address that letters come from")
    return MailRelay(
        host=parts.hostname,
        port=parts.port,
        security=SCHEMES[parts.scheme],
        sender=sender,
        user=Secret(unquote(parts.username or "")),
        password=Secret(unquote(parts.password or "")),
    )


def _providers(path: str | None) -> tuple[Provider, ...]:
    if not path:
        return ()
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"`FLOWNER_PROVIDERS` is `{path}`, which cannot be read") from None
    return read_provider_file(text)


def _whole(given: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise Invalid(f"`{name}` is `{text}`: write a whole number from {low} to {high}")
    return int(text)


def _yes(given: Mapping[str, str], name: str) -> bool:
    text = (given.get(name) or "no").lower()
    if text not in ("yes", "no"):
        raise Invalid(f"`{name}` is `{text}`: write `yes` or `no`")
    return text == "yes"
