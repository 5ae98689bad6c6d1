"""Styles, scripts and icons: served under addresses that change with their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is sent."""

    kind: str
    plain: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return every asset by its address; read and packed once."""
    return {address: asset for address, asset, _ in _all()}


@cache
def address_of(name: str) -> str:
    """Return the address of a file: ``app.css``, ``vendor/htmx.min.js``."""
    for address, _, known in _all():
        if known == name:
            return address
    raise KeyError(name)


def content_of(name: str) -> bytes:
    """Return a file as it is."""
    return assets()[address_of(name)].plain


@cache
def _all() -> tuple[tuple[str, Asset, str], ...]:
    found: list[tuple[str, bytes]] = []
    waiting: list[tuple[str, Traversable]] = [("", files("flowner.portal") / "static")]
    while waiting:
        prefix, folder = waiting.pop()
        for one in folder.iterdir():
            if one.is_dir():
                waiting.append((f"{prefix}{one.name}/", one))
            elif one.name[one.name.rfind(".") :] in _KINDS:
                found.append((prefix + one.name, one.read_bytes()))
    # One mark for all: files name one another, and are of one release.
    mark = hashlib.sha256(b"".join(content for _, content in sorted(found))).hexdigest()[:12]
    return tuple(
        (
            f"/static/{mark}/{name}",
            Asset(_KINDS[name[name.rfind(".") :]], content, gzip.compress(content, 9, mtime=0)),
            name,
        )
        for name, content in found
    )


async def _send(request: Request) -> Response:
    asset = assets().get(request.url.path)
    if asset is None:
        return PlainTextResponse("there is no such file", status_code=404)
    headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, media_type=asset.kind, headers=headers)
    return Response(asset.plain, media_type=asset.kind, headers=headers)


routes = [Route("/static/{path:path}", _send, methods=["GET"])]
