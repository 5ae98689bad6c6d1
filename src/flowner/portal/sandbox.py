"""Where somebody else's pages run: behind tickets, and under policies that lock them in.

A bundle is code of an app's owner in the browser of whoever opens the app. It runs in an origin
of its own that has no cookies, reaches no address but that of its own files, and shows nothing
but what is in it. That address is told by a ticket, as such an origin's requests name nobody.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request

from flowner.directory.sessions import mark_of
from flowner.errors import NotFound
from flowner.portal.rooms import Rooms
from flowner.portal.visiting import Visit, cookie_name, hosts_of, is_secure
from flowner.values import AppId

PORTAL_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
"""Of our own pages. No script and no style but our files': nothing that is shown can run."""
ALLOWED: Final = "allow-scripts allow-forms"
"""What a bundle may do of what a sandbox forbids. Never ``allow-same-origin``."""
_WINDOW_SECONDS: Final = 3600
"""Tickets of one window are the same, so that a browser may keep what it has loaded."""
_LENGTHS: Final = (32, 32, 5, 32)
"""Bytes of a ticket: the session's mark, the bundle's digest, the end, the signature."""
_HOST: Final = re.compile(r"[\w.-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The leave to load the files of one bundle, in one session."""

    app: AppId
    session: bytes
    digest: str


def issue(visit: Visit, app: AppId, digest: str) -> str:
    """Return a ticket for the visitor's own session: it stands for one hour at least, two at most.

    It ends with the session, and opens nothing to whoever may not open the app any more.
    """
    now = int(visit.rooms.clock.now().timestamp())
    until = (now // _WINDOW_SECONDS + 2) * _WINDOW_SECONDS
    session = mark_of(visit.request.cookies[cookie_name(visit.request)])
    told = session + bytes.fromhex(digest) + until.to_bytes(_LENGTHS[2])
    return _written(told + _signed(visit.rooms, app, told))


def read(request: Request, app: AppId, given: str) -> Ticket:
    """Return what a ticket is for. `NotFound` for one that is not ours, not for this app, or over.

    One that comes with the cookie of another session than its own is none.
    """
    rooms: Rooms = request.app.state.rooms
    nothing = NotFound("there is no such file")
    try:
        raw = urlsafe_b64decode(given + "=" * (-len(given) % 4))
    except ValueError:
        raise nothing from None
    # Written as we write it, and in no other way: it stands in a policy, where a `;` has a meaning.
    if len(raw) != sum(_LENGTHS) or _written(raw) != given:
        raise nothing
    told, signature = raw[: -_LENGTHS[3]], raw[-_LENGTHS[3] :]
    session, digest, until = told[:32], told[32:64].hex(), int.from_bytes(told[64:])
    secret = request.cookies.get(cookie_name(request))
    if (
        not hmac.compare_digest(signature, _signed(rooms, app, told))
        or datetime.fromtimestamp(until, UTC) <= rooms.clock.now()
        or (secret is not None and mark_of(secret) != session)
    ):
        raise nothing
    return Ticket(app=app, session=session, digest=digest)


def folder(app: AppId, ticket: str) -> str:
    """Return the path below which a ticket's files are."""
    return f"/apps/{app}/bundle/{ticket}/"


def around(request: Request, path: str) -> str:
    """Return the policy of our page around a bundle: its frame shows files of that path alone."""
    return f"{PORTAL_POLICY}; frame-src {' '.join(_places(request, path))}"


def within(request: Request, path: str | None = None) -> dict[str, str]:
    """Return the headers that every file of a bundle is sent with; no path: what is no file."""
    ours, may = " ".join(_places(request, "")), "sandbox; default-src 'none'"
    if path is not None:
        own = " ".join(_places(request, path))
        may = (
            f"sandbox {ALLOWED}; default-src 'none'; script-src {own}; style-src {own};"
            f" img-src {own} data: blob:; font-src {own} data:; media-src {own} blob:;"
            " connect-src 'none'"
        )
    return {
        "Content-Security-Policy": f"{may}; form-action 'none'; base-uri 'none';"
        f" frame-ancestors {ours}",
        # Its requests are those of an origin that is nobody's: they come from elsewhere.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "Referrer-Policy": "no-referrer",
        "X-DNS-Prefetch-Control": "off",
    }


def _places(request: Request, path: str) -> list[str]:
    """Return where a path is, as browsers may have been told to reach us."""
    rooms: Rooms = request.app.state.rooms
    scheme = "https" if is_secure(request, rooms) else "http"
    hosts = [host for host in hosts_of(request, rooms) if _HOST.fullmatch(host)]
    return [f"{scheme}://{host}{path}" for host in dict.fromkeys(hosts)]


def _written(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _signed(rooms: Rooms, app: AppId, told: bytes) -> bytes:
    return bytes.fromhex(rooms.sign(f"bundle {app} {told.hex()}"))
