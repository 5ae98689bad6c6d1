"""Who is here: every page is for somebody who is signed in, and every form comes from a page.

Pages are registered by `get` and `post` alone. A page of `get` is not reached by anybody who is
not signed in, nor one of `post` by a request that another site has made: both are looked at here,
before the page is called.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flowner.directory.sessions import form_token
from flowner.errors import AccessDenied, Code, Invalid
from flowner.portal.rooms import Rooms
from flowner.values import PrincipalId

COOKIE: Final = "flowner_session"
THEMES: Final = ("system", "light", "dark")
_THEME: Final = "flowner_theme"
_MOST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who is signed in."""

    id: PrincipalId
    name: str
    upn: str
    administrator: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of somebody who is signed in."""

    request: Request
    rooms: Rooms
    visitor: Visitor
    form_token: str

    @property
    def me(self) -> PrincipalId:
        return self.visitor.id

    def query(self, name: str, default: str = "") -> str:
        """Return a parameter of the address."""
        return self.request.query_params.get(name, default)

    def path(self, name: str) -> str:
        """Return a part of the path, as the route names it."""
        return str(self.request.path_params[name])

    def sent(self, form: Form) -> bool:
        """Say whether a page of this session sent a form."""
        given = form.text("form_token") or self.request.headers.get("x-form-token") or ""
        return hmac.compare_digest(given.encode(), self.form_token.encode())

    @property
    def there(self) -> dict[str, str]:
        """What the address says that the browser shows, of which a part is asked for."""
        current = self.request.headers.get("hx-current-url", "")
        return {name: values[0] for name, values in parse_qs(urlsplit(current).query).items()}

    @property
    def is_partial(self) -> bool:
        """Whether a page that is shown asks for a part of it."""
        return self.request.headers.get("hx-request") == "true"


class Form:
    """What a form was filled in with."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def text(self, name: str, default: str = "") -> str:
        """Return a field's text, without the space around it."""
        found = self._data.get(name)
        return found.strip() if isinstance(found, str) else default

    def needed(self, name: str, title: str) -> str:
        """Return a field's text; `Invalid` where it is empty. ``title`` is what people read."""
        found = self.text(name)
        if not found:
            raise Invalid(f"fill in *{title}*", pointer=f"/{name}")
        return found

    def guid(self, name: str, title: str) -> str:
        """Return a field's id; `Invalid` where it is none: nothing was chosen from the list."""
        found = self.needed(name, title)
        try:
            return str(UUID(found))
        except ValueError:
            raise Invalid(f"choose *{title}* from the list", pointer=f"/{name}") from None

    def texts(self, name: str) -> list[str]:
        """Return every value of a field, in the form's order."""
        return [one for one in self._data.getlist(name) if isinstance(one, str)]

    def pairs(self, prefix: str) -> dict[str, str]:
        """Return the fields whose names begin so, by the rest of their names."""
        return {
            name.removeprefix(prefix): value
            for name, value in self._data.multi_items()
            if name.startswith(prefix) and isinstance(value, str)
        }

    def guids(self, prefix: str) -> dict[str, str]:
        """Return those of the fields whose names begin so that hold an id; `Invalid` for no id."""
        return {
            name: self.guid(f"{prefix}{name}", name)
            for name, value in self.pairs(prefix).items()
            if value
        }

    def has(self, name: str) -> bool:
        """Say whether a field was sent at all: a box that is ticked, a button that was pressed."""
        return name in self._data

    async def file(self, name: str) -> tuple[str, bytes] | None:
        """Return a file's name and content; None where none was chosen."""
        found = self._data.get(name)
        if not isinstance(found, UploadFile) or not found.filename:
            return None
        content = await found.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise Invalid(f"the file is larger than {_MOST_BYTES} bytes", code=Code.TOO_LARGE)
        return found.filename, content


Page: TypeAlias = Callable[[Visit], Awaitable[Response]]
Sent: TypeAlias = Callable[[Visit, Form], Awaitable[Response]]


class SignInNeeded(Exception):
    """Nobody is signed in."""


def get(path: str, page: Page) -> Route:
    """Register a page."""

    async def endpoint(request: Request) -> Response:
        return await page(await visit_of(request))

    return Route(path, endpoint, methods=["GET"])


def post(path: str, sent: Sent) -> Route:
    """Register what a form is sent to."""

    async def endpoint(request: Request) -> Response:
        visit = await visit_of(request)
        async with request.form(max_part_size=_MOST_BYTES) as data:
            form = Form(data)
            if not visit.sent(form):
                raise AccessDenied("the form is not from a page of this session: load it again")
            return await sent(visit, form)

    return Route(path, endpoint, methods=["POST"])


async def visit_of(request: Request) -> Visit:
    """Return who makes a request. `SignInNeeded` when nobody does."""
    rooms: Rooms = request.app.state.rooms
    secret = request.cookies.get(cookie_name(request), "")
    person = await rooms.sessions.recognise(secret) if secret else None
    if person is None:
        raise SignInNeeded
    known = await rooms.roster.person(person)
    return Visit(
        request=request,
        rooms=rooms,
        visitor=Visitor(
            id=person,
            name=known.name,
            upn=known.upn,
            administrator=known.administrator,
        ),
        form_token=form_token(secret),
    )


def is_secure(request: Request, rooms: Rooms) -> bool:
    """Say whether people reach us over TLS: ours, or that of a proxy before us."""
    return request.url.scheme == "https" or rooms.base().startswith("https:")


def require_same_site(request: Request, rooms: Rooms) -> None:
    """Refuse what a page of another site has made a browser send."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise AccessDenied("this was sent by a page of another site")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc not in hosts_of(request, rooms):
        raise AccessDenied("this was sent by a page of another site")


def hosts_of(request: Request, rooms: Rooms) -> tuple[str, str]:
    """Return our hosts, with their ports: what the request calls us, and what we are called."""
    return request.headers.get("host", ""), urlsplit(rooms.base()).netloc


def cookie_name(request: Request) -> str:
    """Return what the session's cookie is called: over TLS, no other host can set it."""
    return f"__Host-{COOKIE}" if is_secure(request, request.app.state.rooms) else COOKIE


def set_cookie(response: Response, request: Request, secret: str) -> None:
    """Let a browser keep a session's secret until it is closed."""
    response.set_cookie(
        cookie_name(request),
        secret,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request, request.app.state.rooms),
    )


def drop_cookie(response: Response, request: Request) -> None:
    """Let a browser forget the session's secret."""
    response.delete_cookie(cookie_name(request), path="/", httponly=True, samesite="lax",
                           secure=is_secure(request, request.app.state.rooms))  # fmt: skip


def theme_of(request: Request) -> str:
    """Return ``system``, ``light`` or ``dark``."""
    found = request.cookies.get(_THEME, "")
    return found if found in THEMES else THEMES[0]


def set_theme(response: Response, request: Request, theme: str) -> None:
    """Let a browser keep the theme for a year."""
    response.set_cookie(
        _THEME,
        theme if theme in THEMES else THEMES[0],
        max_age=365 * 86_400,
        path="/",
        samesite="lax",
        secure=is_secure(request, request.app.state.rooms),
    )


def local(address: str) -> str:
    """Return an address of this portal to go on to; ``/flows`` for any other."""
    parts = urlsplit(address)
    is_local = not parts.scheme and not parts.netloc and address.startswith("/")
    return address if is_local and not address.startswith(("//", "/\\")) else "/flows"


def back_to(request: Request) -> str:
    """Return the address to sign in at, and to come back from to what was asked for."""
    there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/sign-in?next={quote(there)}" if request.method == "GET" else "/sign-in"


def go(address: str, *, said: str = "") -> RedirectResponse:
    """Send the browser on after a form was done; ``said`` is shown there once."""
    response = RedirectResponse(address, status_code=303)
    if said:
        response.set_cookie("flowner_said", quote(said), max_age=30, path="/", httponly=True,
                            samesite="lax")  # fmt: skip
    return response
