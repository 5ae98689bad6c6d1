"""Connections: one's own and those shared with one; made, mended, shared and deleted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from flowner.access.vocabulary import ConnectionRole
from flowner.directory.roster import Known
from flowner.errors import Invalid, NotFound
from flowner.flows.authorizing import require_safe
from flowner.flows.connections import NewConnection
from flowner.flows.granting import NOBODY
from flowner.identity.world import PrincipalKind
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, local, post
from flowner.sdk.connector import Connector, Credentials, ParameterForm, SignIn
from flowner.values import ConnectionId, Json, PrincipalId, Secret

_MOST_APPLICATIONS: Final = 200


async def _list(visit: Visit) -> Response:
    held = await visit.rooms.keyring.of(visit.me)
    tab = visit.query("tab", "mine")
    shown = [one for one in held if one.mine == (tab != "others")]
    return page(
        visit,
        "connections.html",
        held=shown,
        tab=tab,
        tabs=[
            ("mine", f"Mine ({sum(one.mine for one in held)})", "/connections"),
            ("others", f"Others' ({sum(not one.mine for one in held)})", "/connections?tab=others"),
            ("references", "References", "/connections/references"),
        ],
        offered=_offered(visit),
        titles=_titles(visit),
    )


async def _references(visit: Visit) -> Response:
    pointing = await visit.rooms.keyring.references(visit.me)
    choices = {
        connector: await visit.rooms.wiring.choices(connector, visit.me)
        for connector in {one.connector for one in pointing}
    }
    return page(
        visit,
        "references.html",
        pointing=[
            (one, [to for to in choices[one.connector] if to.id != one.connection])
            for one in pointing
        ],
        titles=_titles(visit),
    )


async def _point(visit: Visit, form: Form) -> Response:
    to = ConnectionId(form.guid("connection", "Connection"))
    name = form.needed("reference", "Reference")
    moved = await visit.rooms.connections.point(name, to, visit.me)
    held = await visit.rooms.keyring.open(to, visit.me)
    what = ", ".join(one.name for one in moved)
    said = f"{name} is {held.facts.account} now."
    return go(
        "/connections/references",
        said=f"{said} Moved: {what}." if what else f"{said} No flow uses it.",
    )


def _offered(visit: Visit) -> list[Connector]:
    """Return the connectors for which a connection can be made."""
    found = {id(one): one for one in visit.rooms.connectors.values() if one.credentials}
    return sorted(found.values(), key=lambda one: one.title)


def _titles(visit: Visit) -> dict[str, str]:
    return {id: connector.title for id, connector in visit.rooms.connectors.items()}


async def _open(visit: Visit) -> Response:
    held = await visit.rooms.keyring.open(ConnectionId(visit.path("connection")), visit.me)
    connector = visit.rooms.connectors.get(held.facts.connector)
    lent = []
    if held.mine:
        lent = [
            one
            for one in await visit.rooms.connections.lent(visit.me)
            if one["connection"] == held.facts.id
        ]
    return page(
        visit,
        "connection.html",
        one=held,
        may={action.name for action in held.may},
        connector=connector,
        credentials=None if connector is None else connector.way(held.facts.way),
        roles=list(ConnectionRole),
        lent=lent,
        titles=_titles(visit),
    )


def _way(connector: Connector | None, wanted: str, id: str) -> tuple[Connector, Credentials]:
    found = None if connector is None else connector.way(wanted)
    if connector is None or found is None:
        raise NotFound(f"there is no connector `{id[:60]}` to make a connection for, or not so")
    return connector, found


async def _new(visit: Visit) -> Response:
    chosen = visit.query("connector")
    connector = visit.rooms.connectors.get(chosen)
    credentials = _way(connector, visit.query("way"), chosen)[1] if chosen else None
    next = local(visit.query("next", "/connections"))
    return page(
        visit,
        "connection_new.html",
        offered=_offered(visit),
        connector=connector,
        connector_id=chosen,
        credentials=credentials,
        ways=_ways(connector, chosen, next),
        applications=await _applications(visit, credentials),
        back=_back_address(visit),
        next=next,
    )


def _ways(connector: Connector | None, chosen: str, next: str) -> list[tuple[str, str, str]]:
    """Return the ways to make a connection as tabs, where there are several."""
    ways = connector.credentials if connector is not None else ()
    at = f"/connections/new?connector={quote(chosen)}&next={quote(next)}&way="
    return [(one.id, one.title, at + quote(one.id)) for one in ways] if len(ways) > 1 else []


async def _applications(visit: Visit, credentials: Credentials | None) -> list[Known]:
    """Return the applications that whoever is here may make a connection for."""
    if credentials is None or credentials.sign_in is not SignIn.CLIENT_CREDENTIALS:
        return []
    if not await visit.rooms.connections.may_stand_in(visit.me):
        return []
    kinds = frozenset({PrincipalKind.APPLICATION})
    return await visit.rooms.roster.search("", kinds=kinds, limit=_MOST_APPLICATIONS)


async def _make(visit: Visit, form: Form) -> Response:
    id = form.needed("connector", "Connector")
    connector, credentials = _way(visit.rooms.connectors.get(id), form.text("way"), id)
    if credentials.sign_in is SignIn.OAUTH:
        return await _make_and_leave(visit, form, connector, credentials)
    if credentials.sign_in is SignIn.CLIENT_CREDENTIALS:
        return await _make_for_application(visit, form, connector, credentials)
    account = form.text("account")
    if credentials.sign_in is SignIn.OWN_IDENTITY:
        account = account or visit.visitor.upn
    if not account:
        raise Invalid("fill in *Account*: it is what the outside sees", pointer="/account")
    given = NewConnection(
        connector=connector.ids[0],
        account=account,
        settings=_settings(form, credentials.settings),
        secrets=_secrets(form, credentials.secrets),
        way=credentials.id,
    )
    made = await visit.rooms.connections.make(given, visit.me)
    there = local(form.text("next", "/connections"))
    return go(
        f"/connections/{made}" if there == "/connections" else there,
        said=f"The connection {account} is yours. Nobody else uses it unless you share or lend it.",
    )


async def _make_for_application(
    visit: Visit, form: Form, connector: Connector, credentials: Credentials
) -> Response:
    """Make a connection that acts as an application: its own, or whose account it is alone."""
    owner, name = visit.me, form.text("account")
    if form.text("owner"):
        known = await visit.rooms.roster.person(PrincipalId(form.guid("owner", "Owner")))
        owner, name = known.id, name or known.name
    if not name:
        raise Invalid("fill in *Account*: it is what the outside sees", pointer="/account")
    given = NewConnection(
        connector=connector.ids[0],
        account=name,
        settings=_settings(form, credentials.settings),
        secrets=_secrets(form, credentials.secrets),
    )
    made = await visit.rooms.clients.make(given, credentials, owner, by=visit.me)
    there = local(form.text("next", "/connections"))
    return go(
        f"/connections/{made}" if there == "/connections" else there,
        said=f"A token was issued: the connection acts as {name}.",
    )


async def _make_and_leave(
    visit: Visit, form: Form, connector: Connector, credentials: Credentials
) -> Response:
    """Make a connection that acts as nobody, and let its owner sign in for it."""
    settings = _settings(form, credentials.settings)
    if credentials.authorization is not None:
        require_safe(credentials.authorization(settings))
    given = NewConnection(
        connector=connector.ids[0],
        account=NOBODY,
        settings=settings,
        secrets=_secrets(form, credentials.secrets),
        connected=False,
        way=credentials.id,
    )
    made = await visit.rooms.connections.make(given, visit.me)
    return await _leave(visit, made, local(form.text("next", "/connections")))


async def _leave(visit: Visit, id: ConnectionId, next: str) -> Response:
    """Show where one goes to sign in: a form may not be sent on to another site, a link may be."""
    leaving = await visit.rooms.grants.begin(
        id,
        visit.me,
        session=Secret(visit.form_token),
        redirect_uri=_back_address(visit),
        return_to=next,
    )
    held = await visit.rooms.keyring.open(id, visit.me)
    is_new = held.facts.account == NOBODY
    return page(visit, "connection_sign_in.html", one=held, leaving=leaving, is_new=is_new,
                titles=_titles(visit))  # fmt: skip


def _back_address(visit: Visit) -> str:
    return f"{visit.rooms.base()}/connections/back"


async def _sign_in(visit: Visit, form: Form) -> Response:
    del form
    return await _leave(visit, ConnectionId(visit.path("connection")), "/connections")


async def _back(visit: Visit) -> Response:
    came = dict(visit.request.query_params)
    done = await visit.rooms.grants.finish(came, visit.me, session=Secret(visit.form_token))
    there = local(done.return_to)
    return go(
        f"/connections/{done.connection}" if there == "/connections" else there,
        said=f"You are signed in: the connection acts as {done.account}.",
    )


def _settings(form: Form, forms: Iterable[ParameterForm]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for one in forms:
        text = form.text(f"setting:{one.name}")
        if one.required and not text:
            raise Invalid(f"fill in *{one.title}*", pointer=f"/setting:{one.name}")
        if not text:
            continue
        if one.type == "integer":
            if not text.isdecimal():
                raise Invalid(f"*{one.title}* is a number", pointer=f"/setting:{one.name}")
            found[one.name] = int(text)
        elif one.type == "array":
            found[one.name] = [part.strip() for part in text.split(",") if part.strip()]
        else:
            found[one.name] = text
    return found


def _secrets(form: Form, forms: Iterable[ParameterForm]) -> dict[str, Secret]:
    return {one.name: Secret(text) for one in forms if (text := form.text(f"secret:{one.name}"))}


async def _renew(visit: Visit, form: Form) -> Response:
    id = ConnectionId(visit.path("connection"))
    held = await visit.rooms.keyring.open(id, visit.me)
    connector = visit.rooms.connectors.get(held.facts.connector)
    credentials = None if connector is None else connector.way(held.facts.way)
    if credentials is not None and credentials.sign_in is SignIn.OAUTH:
        raise Invalid("this connection has no secret to give: sign in for it again")
    secrets = _secrets(form, credentials.secrets if credentials else ())
    if credentials is not None and credentials.sign_in is SignIn.CLIENT_CREDENTIALS:
        await visit.rooms.clients.mend(id, secrets, visit.me)
        return go(f"/connections/{id}", said="A token was issued for the new secret.")
    await visit.rooms.connections.renew(id, secrets, visit.me)
    return go(f"/connections/{id}", said="It is connected again.")


async def _test(visit: Visit, form: Form) -> Response:
    del form
    id = ConnectionId(visit.path("connection"))
    await visit.rooms.clients.test(id, visit.me)
    return go(f"/connections/{id}", said="It works: a token was issued just now.")


async def _share(visit: Visit, form: Form) -> Response:
    id = ConnectionId(visit.path("connection"))
    holder = PrincipalId(form.guid("holder", "Person or group"))
    role = ConnectionRole(form.text("role", ConnectionRole.CAN_USE))
    await visit.rooms.connections.share(id, holder, role, visit.me)
    return go(f"/connections/{id}", said="It is shared. What they do with it is done as its owner.")


async def _unshare(visit: Visit, form: Form) -> Response:
    id = ConnectionId(visit.path("connection"))
    holder = PrincipalId(form.guid("holder", "Person or group"))
    await visit.rooms.connections.unshare(id, holder, visit.me)
    return go(f"/connections/{id}", said="It is shared with them no more.")


async def _delete(visit: Visit, form: Form) -> Response:
    del form
    left = await visit.rooms.connections.delete(ConnectionId(visit.path("connection")), visit.me)
    stopped = ", ".join(one.name for one in left)
    said = f"It is gone. Without a connection now: {stopped}." if left else "It is gone."
    return go("/connections", said=said)


routes = [
    get("/connections", _list),
    get("/connections/back", _back),
    get("/connections/references", _references),
    post("/connections/references", _point),
    get("/connections/new", _new),
    post("/connections/new", _make),
    get("/connections/{connection:uuid}", _open),
    post("/connections/{connection:uuid}/renew", _renew),
    post("/connections/{connection:uuid}/test", _test),
    post("/connections/{connection:uuid}/sign-in", _sign_in),
    post("/connections/{connection:uuid}/share", _share),
    post("/connections/{connection:uuid}/unshare", _unshare),
    post("/connections/{connection:uuid}/delete", _delete),
]
