"""What an operation is given, and what it may raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flowner.values import Json, JsonObject, Secret


class Rejected(Exception):  # noqa: N818 - the outside said no
    """The outside system answered no, and will again. The action fails with this answer."""

    def __init__(
        self, message: str, *, status: int = 400, code: str = "BadRequest", body: Json = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.body = message, status, code, body


class Transient(Exception):  # noqa: N818
    """The outside did not answer, or asked to be left alone for a while; trying again may help."""

    def __init__(
        self, message: str, *, status: int = 503, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.retry_after_seconds = message, status, retry_after_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of the directory, as connectors see them."""

    id: str
    name: str
    mail: str
    upn: str
    job_title: str | None = None
    department: str | None = None
    phone: str | None = None
    enabled: bool = True


class People(Protocol):
    """The directory, read in the acting identity's name."""

    async def me(self) -> Person: ...

    async def find(self, id_or_upn: str) -> Person | None: ...

    async def manager_of(self, id_or_upn: str) -> Person | None: ...

    async def search(self, text: str, top: int) -> list[Person]: ...


class Rows(Protocol):
    """The row store, in the acting identity's name. Tables by set name or logical name.

    Rows are JSON objects in the Web API's shape: the table's columns by logical name, lookups as
    ``_name_value``, ``@odata.etag``. Every method raises `Rejected` with the store's own code
    (``0x80040220`` …) and status (403, 404, 412) when the law or the data say no.
    """

    async def create(self, table: str, values: JsonObject) -> JsonObject: ...

    async def get(
        self, table: str, id: str, *, select: str | None = None, expand: str | None = None
    ) -> JsonObject: ...

    async def update(
        self, table: str, id: str, values: JsonObject, *, upsert: bool
    ) -> JsonObject: ...

    async def delete(self, table: str, id: str) -> None: ...

    async def list(self, table: str, options: Mapping[str, str]) -> JsonObject:
        """``options`` are the ``$``-options as text; answers ``{"value": […], …}``."""
        ...

    async def associate(self, table: str, id: str, relationship: str, other: str) -> None: ...

    async def disassociate(self, table: str, id: str, relationship: str, other: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext:
    """One call of one operation. It is of no use after the call."""

    idempotency_key: str
    """The same for every attempt of the same step of the same run."""
    account: str
    """The account of the connection, as the outside knows it; '' where there is none."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """The connection's settings that are not secret (host, port …)."""
    credential: Mapping[str, Secret] = field(default_factory=dict)
    """The connection's secrets, opened for this call alone."""
    people: People | None = None
    rows: Rows | None = None
    callback_url: str | None = None
    timeout_seconds: float = 120.0
    allow_private_addresses: bool = False
    """Whether HTTP may reach loopback and private addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the operation answers; becomes the action's outputs."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None
    has_body: bool = True
    seen: str | None = None
    """Whom the outside took the caller for, where it says so (the account it authenticated)."""
