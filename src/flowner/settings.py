"""The environment, read once. Each setting has a heading in docs/reference/settings.md."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from flowner.approvals.relay import SCHEMES, MailRelay
from flowner.directory.provider_file import read_provider_file
from flowner.directory.providers import Provider
from flowner.engine.temporal.place import Place
from flowner.errors import Invalid
from flowner.journal.pacing import Allowance
from flowner.telemetry.logs import LEVELS
from flowner.values import Secret

N = TypeVar("N", int, None)


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
    drain_seconds: int = 10
    """How long calls that are out may take when the process is to end."""
    keep_runs_days: int = 28
    """How long ended runs are kept whose flow does not say it; 0: for ever."""
    worker_host: str = "127.0.0.1"
    worker_port: int | None = None
    """Where `flowner worker` answers for its health; None: nowhere."""
    metrics: str = "no"
    """Who may read `/metrics`: ``no``body, ``loopback``, or who has the ``token``."""
    metrics_token: Secret | None = None
    log: str = "text"
    log_level: str = "info"
    traces: bool = False
    traces_to: tuple[str, ...] = ()
    """Hosts at which HTTP actions continue a run's trace."""
    traces_exporter: str = ""
    """OpenTelemetry's name of an exporter; '' stands for OTLP."""
    temporal: Place | None = None
    """Who dispatches; None: PostgreSQL."""
    allow_private_addresses: bool = False
    """Whether the HTTP connector may reach loopback and private addresses."""
    mail: MailRelay | None = None
    """Where letters of the server's own go out; None: it writes none."""
    answers_without_sign_in: bool = False
    """Whether the links in mails about approvals need nobody to sign in."""
    limits: Mapping[str, Allowance] = field(default_factory=dict)
    """Calls that connectors, by an id of theirs, and hosts take through one connection."""
    providers: tuple[Provider, ...] = ()
    """OpenID providers whose tokens are taken, and with whom people sign in."""

    @property
    def base(self) -> str:
        """Where others reach the API."""
        return self.public_url or f"http://{self.host}:{self.port}"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; `Invalid` names the variable that cannot be understood."""
    given = os.environ if environment is None else environment
    default = Settings()
    key = _secret(given, "FLOWNER_KEY", "FLOWNER_KEY_FILE")
    token = _secret(given, "FLOWNER_METRICS_TOKEN", "FLOWNER_METRICS_TOKEN_FILE")
    metrics = _one_of(given, "FLOWNER_METRICS", default.metrics, ("no", "loopback", "token"))
    if metrics == "token" and token is None:
        raise Invalid("`FLOWNER_METRICS` is `token`: set `FLOWNER_METRICS_TOKEN`")
    folder = given.get("FLOWNER_DATA")
    return Settings(
        database_url=_secret(given, "FLOWNER_DATABASE_URL", "FLOWNER_DATABASE_URL_FILE"),
        data_folder=Path(folder).expanduser() if folder else default.data_folder,
        key=Secret(key) if key else None,
        host=given.get("FLOWNER_HOST") or default.host,
        port=_whole(given, "FLOWNER_PORT", default.port, 0, 65535),
        public_url=(given.get("FLOWNER_PUBLIC_URL") or "").rstrip("/") or None,
        concurrency=_whole(given, "FLOWNER_CONCURRENCY", default.concurrency, 1, 1000),
        temporal=_temporal(given),
        allow_private_addresses=_yes(given, "FLOWNER_ALLOW_PRIVATE_ADDRESSES"),
        mail=_mail(given),
        answers_without_sign_in=_yes(given, "FLOWNER_ANSWERS_WITHOUT_SIGN_IN"),
        limits=_limits(given.get("FLOWNER_LIMITS") or ""),
        providers=_providers(given.get("FLOWNER_PROVIDERS")),
        drain_seconds=_whole(given, "FLOWNER_DRAIN_SECONDS", default.drain_seconds, 1, 3600),
        keep_runs_days=_whole(given, "FLOWNER_KEEP_RUNS_DAYS", default.keep_runs_days, 0, 36500),
        worker_host=given.get("FLOWNER_WORKER_HOST") or default.worker_host,
        worker_port=_whole(given, "FLOWNER_WORKER_PORT", None, 0, 65535),
        metrics=metrics,
        metrics_token=Secret(token) if token else None,
        log=_one_of(given, "FLOWNER_LOG", default.log, ("text", "json")),
        log_level=_one_of(given, "FLOWNER_LOG_LEVEL", default.log_level, tuple(LEVELS)),
        traces=_yes(given, "FLOWNER_TRACES"),
        traces_to=tuple((given.get("FLOWNER_TRACES_TO") or "").lower().replace(",", " ").split()),
        traces_exporter=given.get("OTEL_TRACES_EXPORTER") or default.traces_exporter,
    )


def environment_of_programs(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a program is given that this one starts: all but our own settings.

    They hold the key and the database's address, which no other program needs.
    """
    given = os.environ if environment is None else environment
    return {name: value for name, value in given.items() if not name.startswith("FLOWNER_")}


def _secret(given: Mapping[str, str], name: str, file: str) -> str | None:
    """Return what a variable says, or the file that another one names; None: neither is set."""
    if not given.get(file):
        return given.get(name) or None
    if given.get(name):
        raise Invalid(f"`{name}` and `{file}` are both set: leave one out")
    return _file(given, file)


def _file(given: Mapping[str, str], file: str) -> str | None:
    path = given.get(file)
    if not path:
        return None
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"`{file}` is `{path}`, which cannot be read") from None
    if not text:
        raise Invalid(f"`{file}` is `{path}`, which is empty")
    return text


def _limits(written: str) -> Mapping[str, Allowance]:
    """Read ``name=calls/seconds``, with spaces between several."""
    found = {}
    for one in written.replace(",", " ").split():
        name, _, limit = one.partition("=")
        calls, _, seconds = limit.partition("/")
        if not (name and calls.isdecimal() and seconds.isdecimal() and int(calls) and int(seconds)):
            raise Invalid(
                f"`FLOWNER_LIMITS` has `{one[:60]}`: write `name=calls/seconds`, such as"
                " `api.contoso.example=100/60`"
            )
        found[name.lower()] = Allowance(calls=int(calls), period=timedelta(seconds=int(seconds)))
    return found


def _temporal(given: Mapping[str, str]) -> Place | None:
    if _one_of(given, "FLOWNER_DISPATCH", "postgres", ("postgres", "temporal")) == "postgres":
        return None
    default = Place()
    address = given.get("FLOWNER_TEMPORAL_ADDRESS") or default.address
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise Invalid(
            f"`FLOWNER_TEMPORAL_ADDRESS` is `{address}`: write a host and a port, such as"
            f" `{default.address}`"
        )
    api_key = _secret(given, "FLOWNER_TEMPORAL_API_KEY", "FLOWNER_TEMPORAL_API_KEY_FILE")
    certificate = _file(given, "FLOWNER_TEMPORAL_CERTIFICATE_FILE")
    key = _file(given, "FLOWNER_TEMPORAL_CERTIFICATE_KEY_FILE")
    if (certificate is None) != (key is None):
        raise Invalid(
            "`FLOWNER_TEMPORAL_CERTIFICATE_FILE` and `FLOWNER_TEMPORAL_CERTIFICATE_KEY_FILE` are"
            " set together, or neither is"
        )
    authorities = _file(given, "FLOWNER_TEMPORAL_AUTHORITIES_FILE")
    secured = any(one is not None for one in (api_key, certificate, authorities))
    return Place(
        address=address,
        namespace=given.get("FLOWNER_TEMPORAL_NAMESPACE") or default.namespace,
        task_queue=given.get("FLOWNER_TEMPORAL_TASK_QUEUE") or default.task_queue,
        tls=secured or _yes(given, "FLOWNER_TEMPORAL_TLS"),
        authorities=authorities,
        certificate=certificate,
        certificate_key=Secret(key) if key else None,
        api_key=Secret(api_key) if api_key else None,
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


def _one_of(given: Mapping[str, str], name: str, default: str, words: Sequence[str]) -> str:
    text = (given.get(name) or default).lower()
    if text not in words:
        raise Invalid(f"`{name}` is `{text}`: write {' or '.join(f'`{one}`' for one in words)}")
    return text


def _whole(given: Mapping[str, str], name: str, default: N, low: int, high: int) -> int | N:
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
