"""Sign-in, sign-out and the theme: the pages that are there for nobody yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flowner.errors import AccessDenied, Invalid, NotFound, Refused
from flowner.identity.world import PrincipalKind
from flowner.portal.problems import sentence
from flowner.portal.rendering import bare_page
from flowner.portal.rooms import Rooms
from flowner.portal.visiting import (
    Form,
    SignInNeeded,
    Visit,
    cookie_name,
    drop_cookie,
    is_secure,
    local,
    post,
    set_cookie,
    set_theme,
    visit_of,
)
from flowner.values import PrincipalId, Secret

_BROWSER = "flowner_sign_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Somebody of the demo whom anybody may be."""

    id: str
    name: str
    title: str

    @property
    def initials(self) -> str:
        """Up to two letters."""
        words = self.name.split()
        return "".join(word[0] for word in words[:1] + words[1:][-1:]).upper()


async def _page(request: Request, *, wrong: str = "", status: int = 200) -> Response:
    rooms: Rooms = request.app.state.rooms
    people = []
    if rooms.is_demo:
        kinds = frozenset({PrincipalKind.USER})
        found = await rooms.roster.search("", kinds=kinds, limit=24)
        people = [Choice(id=one.id, name=one.name, title=one.title or one.upn) for one in found]
    return bare_page(
        request,
        "sign_in.html",
        status=status,
        people=people,
        providers=rooms.openid.offered(),
        passwords=not rooms.is_demo,
        wrong=wrong,
        next=local(request.query_params.get("next", "/flows")),
    )


async def _open(request: Request) -> Response:
    try:
        await visit_of(request)
    except SignInNeeded:
        return await _page(request)
    return RedirectResponse(local(request.query_params.get("next", "/flows")), status_code=303)


def _arriving(path: str, who: Callable[[Rooms, Form], Awaitable[PrincipalId | None]]) -> Route:
    """Register a form that says who somebody is. Its answer is the same for all that is wrong."""

    async def endpoint(request: Request) -> Response:
        rooms: Rooms = request.app.state.rooms
        async with request.form() as data:
            form = Form(data)
            person = await who(rooms, form)
            if person is None:
                said = "That is not right, or it does not stand any more."
                return await _page(request, wrong=said, status=403)
            return await _entered(request, person, form.text("next", "/flows"))

    return Route(path, endpoint, methods=["POST"])


async def _by_password(request: Request) -> Response:
    rooms: Rooms = request.app.state.rooms
    async with request.form() as data:
        form = Form(data)
        address = request.client.host if request.client else ""
        try:
            person = await rooms.passwords.check(
                form.text("upn"), Secret(form.text("password")), address=address
            )
        except AccessDenied as error:
            return await _page(request, wrong=sentence(error.message), status=403)
        except Refused as error:
            return await _page(request, wrong=sentence(error.message), status=429)
        return await _entered(request, person, form.text("next", "/flows"))


async def _to_provider(request: Request) -> Response:
    rooms: Rooms = request.app.state.rooms
    begun = await rooms.openid.begin(
        request.path_params["provider"],
        redirect_uri=f"{rooms.base()}/sign-in/back",
        return_to=local(request.query_params.get("next", "/flows")),
    )
    response = RedirectResponse(begun.url, status_code=303)
    response.set_cookie(
        _BROWSER,
        begun.browser.reveal(),
        max_age=int(begun.life.total_seconds()),
        path="/sign-in",
        httponly=True,
        samesite="lax",
        secure=is_secure(request, rooms),
    )
    return response


async def _from_provider(request: Request) -> Response:
    rooms: Rooms = request.app.state.rooms
    browser = Secret(request.cookies.get(_BROWSER, ""))
    try:
        who = await rooms.openid.finish(dict(request.query_params), browser)
    except AccessDenied as error:
        return await _page(request, wrong=sentence(error.message), status=403)
    response = await _entered(request, who.person, who.return_to, issuer=who.issuer)
    response.delete_cookie(_BROWSER, path="/sign-in")
    return response


async def _entered(
    request: Request, person: PrincipalId, then: str, *, issuer: str | None = None
) -> Response:
    rooms: Rooms = request.app.state.rooms
    await rooms.sessions.end(request.cookies.get(cookie_name(request), ""))
    secret = await rooms.sessions.begin(person, issuer=issuer)
    response = RedirectResponse(local(then), status_code=303)
    set_cookie(response, request, secret.reveal())
    return response


async def _by_token(rooms: Rooms, form: Form) -> PrincipalId | None:
    return await rooms.tokens.recognise(form.text("token"))


async def _as_demo(rooms: Rooms, form: Form) -> PrincipalId | None:
    if not rooms.is_demo:
        raise AccessDenied("nobody chooses whom to be here: this is no demo")
    try:
        known = await rooms.roster.person(PrincipalId(form.guid("person", "Who you are")))
    except (Invalid, NotFound):
        return None
    return known.id if known.enabled and known.kind is PrincipalKind.USER else None


async def _sign_out(visit: Visit, form: Form) -> Response:
    del form
    request, rooms = visit.request, visit.rooms
    issuer = await rooms.sessions.end(request.cookies.get(cookie_name(request), ""))
    leaving = None
    if issuer is not None:
        leaving = await rooms.openid.leaving(issuer, return_to=f"{rooms.base()}/sign-in")
    response: Response = RedirectResponse("/sign-in", status_code=303)
    if leaving is not None:
        # A form may not be sent on to another site (Content-Security-Policy); a page goes there.
        response = bare_page(request, "signed_out.html", leaving=leaving)
    drop_cookie(response, request)
    return response


async def _theme(visit: Visit, form: Form) -> Response:
    response = RedirectResponse(local(form.text("next", "/flows")), status_code=303)
    set_theme(response, visit.request, form.text("theme"))
    return response


routes = [
    Route("/sign-in", _open, methods=["GET"]),
    _arriving("/sign-in/token", _by_token),
    Route("/sign-in/password", _by_password, methods=["POST"]),
    Route("/sign-in/with/{provider}", _to_provider, methods=["GET"]),
    Route("/sign-in/back", _from_provider, methods=["GET"]),
    _arriving("/sign-in/demo", _as_demo),
    post("/sign-out", _sign_out),
    post("/theme", _theme),
]
