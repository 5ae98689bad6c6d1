"""The Dataverse Web API: ``/api/data/v9.x/``, and as connectors know it, ``/flow/api/data/…``."""

from __future__ import annotations

from typing import Final

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowner.api.doors import Doors, challenge, person_of
from flowner.api.reading import read_bytes
from flowner.errors import Code, FlownerError
from flowner.webapi import requests
from flowner.webapi.problems import problem
from flowner.webapi.requests import Answer

_METHODS: Final = ["GET", "POST", "PATCH", "PUT", "DELETE"]
_MARK: Final = b"/api/data/"
_MOST_BYTES: Final = 128 * 1024 * 1024


async def _answer(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    try:
        person = await person_of(request)
        asked = await _read(request)
    except FlownerError as error:
        refused = _response(problem(error))
        if error.code is Code.UNAUTHENTICATED:
            refused.headers["WWW-Authenticate"] = challenge(request)
        return refused
    return _response(await doors.webapi.answer(asked, person))


async def _read(request: Request) -> requests.Request:
    raw: bytes = request.scope["raw_path"]
    head, _, tail = raw.partition(b"?")[0].partition(_MARK)
    version, _, path = tail.partition(b"/")
    url = request.url
    host = f"{url.scheme}://{url.netloc}"
    return requests.Request(
        method=request.method,
        service=f"{host}{(head + _MARK + version).decode('latin-1')}/",
        path=path.decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=dict(request.headers),
        body=await read_bytes(request, _MOST_BYTES),
    )


def _response(answer: Answer) -> Response:
    headers = {"OData-Version": "4.0", **answer.headers}
    if answer.status in (204, 304):
        return Response(status_code=answer.status, headers=headers)
    if isinstance(answer.content, bytes):
        return Response(
            answer.content, answer.status, headers=headers, media_type=answer.media_type
        )
    return JSONResponse(
        answer.content, answer.status, headers=headers, media_type=answer.media_type
    )


class _Version(Convertor[str]):
    """The versions of the service: ``v9.0`` to ``v9.2``, and as connectors write them."""

    regex = r"v9\.[0-2](?:\.[0-9])?"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("version", _Version())
routes = [
    Route(f"{head}/api/data/{{version:version}}/{{path:path}}", _answer, methods=_METHODS)
    for head in ("", "/flow")
]
