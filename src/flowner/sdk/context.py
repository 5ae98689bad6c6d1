"""What an operation is given, and what it may raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from flowner.values import Json, JsonObject, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the operation answers; becomes the action's outputs."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None
    has_body: bool = True
    later: bool = False
    """The call was taken; what the action answers comes later, from outside."""
    waits_for: str = ""
    """With ``later``: what it waits for, in words."""
    seen: str | None = None
    """Whom the outside took the caller for, where it says so (the account it authenticated)."""


class Rejected(Exception):
    """The outside system answered no, and will again. The action fails with this answer."""

    def __init__(
        self, message: str, *, status: int = 400, code: str = "BadRequest", body: Json = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.body = message, status, code, body
        self.headers: Mapping[str, str] = {}
        self.has_body = body is not None

    @classmethod
    def answered(cls, message: str, answer: Answer, *, code: str) -> Rejected:
        """Return the no that came as ``answer``, whose headers and body the action keeps."""
        no = cls(message, status=answer.status, code=code, body=answer.body)
        no.headers, no.has_body = answer.headers, answer.has_body
        return no


class Transient(Exception):
    """The outside did not answer, or asked to be left alone for a while; trying again may help.

    ``perhaps_done`` says that the call may have got through and only its answer was lost. An
    operation that is `Repeat.NEVER` must then not be tried again: its outcome is unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 503,
        retry_after_seconds: float | None = None,
        perhaps_done: bool = False,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.retry_after_seconds = message, status, retry_after_seconds
        self.perhaps_done = perhaps_done
        self.code = ""
        self.headers: Mapping[str, str] = {}
        self.body: Json = None
        self.has_body = False

    @classmethod
    def answered(
        cls, message: str, answer: Answer, *, code: str, retry_after_seconds: float | None
    ) -> Transient:
        """Return the *not now* that came as ``answer``, kept for when the last try fails too."""
        no = cls(message, status=answer.status, retry_after_seconds=retry_after_seconds)
        no.code, no.headers, no.body = code, answer.headers, answer.body
        no.has_body = answer.has_body
        return no


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
    given_name: str | None = None
    surname: str | None = None


class People(Protocol):
    """The directory, read in the acting identity's name."""

    async def me(self) -> Person: ...

    async def find(self, id_or_upn: str) -> Person | None: ...

    async def manager_of(self, id_or_upn: str) -> Person | None: ...

    async def reports_of(self, id_or_upn: str) -> list[Person]: ...

    async def search(self, text: str, top: int) -> list[Person]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file or an image of a row."""

    name: str
    media_type: str
    content: bytes


class Rows(Protocol):
    """The row store, in the acting identity's name. Tables by set name or logical name.

    Rows are JSON objects in the Web API's shape: the table's columns by logical name, lookups as
    ``_name_value``, ``@odata.etag``, and ``@odata.id`` as ``accounts(guid)``, which is also how
    ``other`` names a row. Every method raises `Rejected` with the store's own code
    (``0x80040220`` …) and status (403, 404, 412) when the law or the data say no.
    """

    async def create(self, table: str, values: JsonObject, *, id: str | None = None) -> JsonObject:
        """``id`` is the id that the new row takes, unless ``values`` name one.

        Raises:
            Rejected: among others, code ``0x80040237`` where a row with this id exists.
        """
        ...

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

    async def act(
        self, action: str, values: JsonObject, *, table: str | None = None, id: str | None = None
    ) -> JsonObject:
        """Call an action of the Web API: unbound, bound to a table, or to one of its rows.

        Returns what it answers; empty where it answers nothing.
        """
        ...

    async def read_file(
        self, table: str, id: str, column: str, *, whole: bool = False
    ) -> File | None:
        """Return the file or image of a row's column; None where there is none.

        ``whole``: the whole image, where the column keeps it, in place of its thumbnail.
        """
        ...

    async def write_file(self, table: str, id: str, column: str, file: File) -> None: ...

    def together(self) -> AbstractAsyncContextManager[Rows]:
        """Return rows whose writes come to pass together when the block ends, or not at all."""
        ...


def _no_headers(host: str) -> Mapping[str, str]:
    del host
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApproval:
    """What is asked of people, as a flow says it."""

    kind: str
    """``Basic``, ``BasicAwaitAll``, ``CustomResponse``, ``CustomResponseAwaitAll``, or
    ``Sequential``."""
    title: str
    assigned_to: str
    """Users and groups, by mail, UPN or id, with ``;`` between them."""
    steps: tuple[tuple[str, str], ...] = ()
    """Of a sequence: kind, and who is asked."""
    details: str = ""
    """Markdown."""
    link: str = ""
    link_text: str = ""
    requestor: str = ""
    options: tuple[str, ...] = ()
    """Of the custom kinds: what can be answered."""
    notifies: bool = True
    may_be_reassigned: bool = True


class Approvals(Protocol):
    """Questions to people, asked in the acting identity's name."""

    async def make(self, new: NewApproval, *, waits: bool) -> JsonObject:
        """Ask; answers the approval as outputs show it. Called twice by one step, it asks once.

        ``waits``: the outcome answers the action, later. Raises `Rejected`.
        """
        ...

    async def wait(self, id: str) -> JsonObject | None:
        """Return the outcome; None: it answers the action, later. Raises `Rejected`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext:
    """One call of one operation. It is of no use after the call."""

    idempotency_key: str
    """The same for every attempt of the same step of the same run."""
    repeated: bool = False
    """Whether an earlier attempt may have got through: then *done already* is success."""
    account: str
    """The account of the connection, as the outside knows it; '' where there is none."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """The connection's settings that are not secret (host, port …)."""
    credential: Mapping[str, Secret] = field(default_factory=dict)
    """The connection's secrets, opened for this call alone."""
    people: People | None = None
    rows: Rows | None = None
    approvals: Approvals | None = None
    callback_url: str | None = None
    timeout_seconds: float = 120.0
    allow_private_addresses: bool = False
    """Whether HTTP may reach loopback and private addresses."""
    trace_headers: Callable[[str], Mapping[str, str]] = _no_headers
    """The headers that continue the run's trace at a host; none where it is not to know of it."""
