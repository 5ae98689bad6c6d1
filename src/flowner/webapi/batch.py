"""``$batch``: many requests in one, with change sets that are carried out whole or not at all.

Lines end in CRLF or LF alone; boundaries may be quoted; addresses are absolute, or relative to the
host or the service. Answers have CRLF, and begin with their boundary: clients rely on both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from flowner.database import Database, Transaction
from flowner.errors import Code, FlownerError, Invalid, NotFound
from flowner.values import PrincipalId
from flowner.webapi.addresses import within_service
from flowner.webapi.calls import opening
from flowner.webapi.problems import problem
from flowner.webapi.requests import MOST_IN_BATCH_URL, Answer, Request

MOST: Final = 1000
_BOUNDARY: Final = re.compile(
    r'boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE
)
_FIRST_LINE: Final = re.compile(r"(?P<method>[A-Z]+)\s+(?P<url>.+?)(?:\s+HTTP/\d\.\d)?\s*")
_REFERENCE: Final = re.compile(r"^/?\$(?P<id>[A-Za-z0-9_.-]+)(?=[/?(]|$)")

Opened = Callable[[Request, PrincipalId, Transaction, dict[str, str] | None], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch, or the requests of a change set."""

    requests: Sequence[tuple[str | None, Request]]
    """With the content id of each."""
    is_set: bool


async def answer_batch(
    database: Database, opened: Opened, request: Request, person: PrincipalId
) -> Answer:
    """Answer a batch: after an error nothing more is done, unless the client prefers to go on."""
    if request.method != "POST":
        raise NotFound("a batch is posted", code=Code.NO_TABLE)
    parts = _read(request)
    if sum(len(part.requests) for part in parts) > MOST:
        raise Invalid(f"a batch has at most {MOST} requests", code=Code.BAD_QUERY)
    name = _named(request)
    said: list[bytes] = []
    for part in parts:
        failed, text = await _carry_out(database, opened, part, (person, f"{name}_{len(said)}"))
        said.append(text)
        if failed and not request.prefers.continues:
            break
    boundary = f"batchresponse_{name}"
    body = b"".join(f"--{boundary}\r\n".encode() + one for one in said)
    return Answer(
        content=body + f"--{boundary}--\r\n".encode(),
        media_type=f"multipart/mixed; boundary={boundary}",
    )


async def _carry_out(
    database: Database, opened: Opened, part: Part, about: tuple[PrincipalId, str]
) -> tuple[bool, bytes]:
    person, name = about
    made: dict[str, str] | None = {} if part.is_set else None
    answers: list[tuple[str | None, Answer]] = []
    id: str | None = None
    try:
        # One request by itself is opened as if it had come alone.
        alone = database.transaction() if part.is_set else opening(database, part.requests[0][1])
        async with alone as transaction:
            for id, one in part.requests:
                answer = await opened(_resolved(one, made), person, transaction, made)
                answers.append((id, answer))
                if made is not None and answer.status >= 400:
                    raise _Stopped
                if made is not None and id is not None and "OData-EntityId" in answer.headers:
                    made[f"${id}"] = within_service(answer.headers["OData-EntityId"])
    except FlownerError as error:
        return True, _part(problem(error), id)
    except _Stopped:
        return True, _part(answers[-1][1], id)
    if not part.is_set:
        return answers[0][1].status >= 400, _part(answers[0][1], answers[0][0])
    boundary = f"changesetresponse_{name}"
    inner = b"".join(
        f"--{boundary}\r\n".encode() + _part(answer, given) for given, answer in answers
    )
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
    return False, head + inner + f"--{boundary}--\r\n".encode()


class _Stopped(Exception):
    """A request of a change set was answered with an error."""


def _part(answer: Answer, id: str | None) -> bytes:
    content = answer.content
    body = content if isinstance(content, bytes) else b""
    if not isinstance(content, bytes) and answer.status not in (204, 304):
        body = json.dumps(content, ensure_ascii=False).encode()
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [] if id is None else [f"Content-ID: {id}"]
    lines += ["", f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Answered')}"]
    lines += [f"Content-Type: {answer.media_type}"] if body else []
    lines += ["OData-Version: 4.0"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body + b"\r\n"


_REASONS: Final = {
    200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 304: "Not Modified",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 412: "Precondition Failed",
    413: "Payload Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


def _named(request: Request) -> str:
    """Return a name for boundaries that no content has: it is derived from all of it."""
    return str(uuid5(NAMESPACE_URL, request.body.decode("utf-8", "replace")))


def _read(request: Request) -> list[Part]:
    boundary = _boundary(request.headers.get("content-type", ""))
    parts = []
    for headers, body in _split(request.body, boundary):
        kind = headers.get("content-type", "")
        if "multipart/mixed" in kind.lower():
            inner = [
                (given.get("content-id"), _request(request, text))
                for given, text in _split(body, _boundary(kind))
            ]
            if any(one.method == "GET" for _, one in inner):
                raise Invalid("a change set has no GET requests", code=Code.BAD_QUERY)
            if inner:
                parts.append(Part(inner, is_set=True))
        else:
            parts.append(Part([(headers.get("content-id"), _request(request, body))], is_set=False))
    return parts


def _boundary(kind: str) -> str:
    match = _BOUNDARY.search(kind)
    if match is None or "multipart/mixed" not in kind.lower():
        raise Invalid("a batch is `multipart/mixed` with a boundary", code=Code.BAD_QUERY)
    return match[1] or match[2]


def _split(body: bytes, boundary: str) -> list[tuple[dict[str, str], bytes]]:
    """Return the parts between the boundaries, each as its headers and what follows them."""
    mark = re.escape(f"--{boundary}".encode())
    line = re.compile(rb"(?:^|\r?\n)" + mark + rb"(--)?[ \t]*(?=\r?\n|$)")
    found, start = [], None
    for match in line.finditer(body):
        if start is not None:
            found.append(_headed(body[start : match.start()].lstrip(b"\r\n")))
        start = None if match[1] else match.end()
        if match[1]:
            break
    if start is not None or not found:
        raise Invalid("the batch does not end with its boundary", code=Code.BAD_QUERY)
    return found


def _headed(part: bytes) -> tuple[dict[str, str], bytes]:
    match = re.search(rb"\r?\n[ \t]*\r?\n", part)
    head, body = (part, b"") if match is None else (part[: match.start()], part[match.end() :])
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").splitlines():
        name, sign, value = line.partition(":")
        if sign:
            headers[name.strip().lower()] = value.strip()
    return headers, body


def _request(outer: Request, text: bytes) -> Request:
    first, _, rest = text.lstrip(b"\r\n").partition(b"\n")
    match = _FIRST_LINE.fullmatch(first.decode("utf-8", "replace").strip())
    if match is None:
        raise Invalid("a part of the batch does not begin with a request", code=Code.BAD_QUERY)
    if len(match["url"]) > MOST_IN_BATCH_URL:
        raise Invalid("an address in the batch is too long", code=Code.BAD_QUERY)
    headers, body = _headed(b"x-first: line\r\n" + rest)
    path, _, query = within_service(match["url"]).partition("?")
    carried = ("mscrmcallerid", "callerobjectid", "prefer")
    inherited = {name: outer.headers[name] for name in carried if name in outer.headers}
    return Request(
        method=match["method"],
        service=outer.service,
        path=path,
        query=query,
        headers={**inherited, **headers},
        body=body.strip(),
    )


def _resolved(request: Request, made: Mapping[str, str] | None) -> Request:
    """Put the row that ``$1`` stands for into the address."""
    match = _REFERENCE.match(request.path)
    if match is None or made is None or f"${match['id']}" not in made:
        return request
    path = made[f"${match['id']}"] + request.path[match.end() :]
    return Request(
        method=request.method,
        service=request.service,
        path=path,
        query=request.query,
        headers=request.headers,
        body=request.body,
    )
