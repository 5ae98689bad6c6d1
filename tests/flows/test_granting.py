"""Signing in for a connection, against a provider that somebody else wrote, on loopback."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from flowner.access.vocabulary import ConnectionRole
from flowner.errors import Code, Invalid
from flowner.flows.connections import NewConnection
from flowner.flows.granting import LIFE, NOBODY, Grants
from flowner.flows.refreshing import Refreshing
from flowner.rows import registry
from flowner.server import House, connectors
from flowner.values import ConnectionId, Secret
from signin.conftest import MovedClock
from worlds import written
from worlds.living import BUTTON, Living

BACK = "https://flows.contoso.example/connections/back"
SESSION, ANOTHER = Secret("a session"), Secret("another session")
WEB = "shared_webcontents"
_PASSED = ("content-type", "authorization")


class Outside:
    """The provider, and how often it was asked for tokens, by what."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[dict[str, str]] = []


def head_fields(head: str) -> Iterator[tuple[str, str]]:
    for line in head.splitlines()[1:]:
        name, colon, value = line.partition(": ")
        if colon:
            yield name.lower(), value


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    program = Path(sys.executable).with_name("oidc-provider-mock")
    command = [str(program), "--port", str(port), "--token-max-age", "3600"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(400):
        with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
            break
        time.sleep(0.05)
    yield f"http://localhost:{port}"
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def outside(provider: str, run: Callable[..., Any]) -> Iterator[Outside]:
    """In front of the provider: counts what its token endpoint is asked, and passes it on."""
    seen = Outside("")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(head_fields(head))
        data = await reader.readexactly(int(fields.get("content-length", 0)))
        seen.asked.append(dict(parse_qsl(data.decode())))
        kept = {name: fields[name] for name in _PASSED if name in fields}
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{provider}/oauth2/token", content=data, headers=kept)
        writer.write(f"HTTP/1.1 {answer.status_code} So\r\ncontent-type: application/json\r\n"
                     f"content-length: {len(answer.content)}\r\nconnection: close\r\n\r\n".encode()
                     + answer.content)  # fmt: skip
        await writer.drain()
        writer.close()

    server = run(asyncio.start_server(pass_on, "127.0.0.1", 0))
    seen.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield seen
    server.close()


@pytest.fixture
def made(
    living: Living, run: Callable[..., Any], provider: str, outside: Outside
) -> Callable[..., ConnectionId]:
    """Make a connection of somebody's, for which nobody has signed in."""

    def make(owner: str = "ada", base: str | None = None, **more: Any) -> ConnectionId:
        settings = {
            "baseResourceUrl": base or provider,
            "authorizationUrl": f"{provider}/oauth2/authorize",
            "tokenUrl": f"{outside.address}/token",
            "userinfoUrl": f"{provider}/userinfo",
            "clientId": "flowner",
        } | more
        given = NewConnection(connector=WEB, account=NOBODY, settings=settings, connected=False,
                              secrets={"client_secret": Secret("x")})  # fmt: skip
        who = run(living.person(owner))
        id: ConnectionId = run(living.house.connections.make(given, who))
        return id

    return make


def begin(run: Any, living: Living, id: ConnectionId, by: str = "ada", **more: Any) -> str:
    who = run(living.person(by))
    grants = living.house.grants
    leaving = run(grants.begin(id, who, session=SESSION, redirect_uri=BACK, **more))
    url: str = leaving.url
    return url


def sign_in(url: str, account: str) -> dict[str, str]:
    """Sign in at the provider; answers what the browser comes back with."""
    answer = httpx.post(url, data={"sub": account}, follow_redirects=False)
    assert answer.status_code in (302, 303), answer.text
    where = urlsplit(answer.headers["location"])
    assert where._replace(query="").geturl() == BACK
    return {name: values[0] for name, values in parse_qs(where.query).items()}


def finish(living: Living, came: dict[str, str], who: str, session: Secret = SESSION) -> Any:
    return living.house.grants.finish(came, who, session=session)


async def row_of(house: House, id: ConnectionId) -> dict[str, Any]:
    async with house.database.connection() as connection:
        where = {"connectioninstanceid": id}
        (row,) = await registry.select(connection, "connectioninstance", where)
    return row


def test_a_connection_acts_as_whom_its_owner_signs_in_as(run, living, made) -> None:
    id, ada = made(), run(living.person("ada"))
    came = sign_in(begin(run, living, id, return_to="/flows"), "ada@outside.example")
    done = run(finish(living, came, ada))
    assert (done.connection, done.account, done.return_to) == (id, "ada@outside.example", "/flows")
    row = run(row_of(living.house, id))
    assert (row["account"], row["connectionstatus"]) == ("ada@outside.example", "Connected")


def test_nobody_else_and_no_other_session_ends_it_and_nobody_ends_it_twice(
    run, living, made, refused
) -> None:
    id, ada, eve = made(), run(living.person("ada")), run(living.person("eve"))
    run(living.house.connections.share(id, eve, ConnectionRole.CAN_EDIT, ada))
    came = sign_in(begin(run, living, id), "ada@outside.example")
    assert refused(finish(living, came, eve)).code is Code.ACCESS_DENIED
    assert refused(finish(living, came, ada, ANOTHER)).code is Code.ACCESS_DENIED
    forged = came | {"state": came["state"][:-1] + "~"}
    assert refused(finish(living, forged, ada)).code is Code.ACCESS_DENIED
    assert run(row_of(living.house, id))["connectionstatus"] == "Unauthenticated"
    run(finish(living, came, ada))
    assert refused(finish(living, came, ada)).code is Code.ACCESS_DENIED


def test_a_code_of_another_sign_in_ends_none(run, living, made, refused) -> None:
    """PKCE: what somebody slips into one's browser is a code for another verifier."""
    first, second, ada = made(), made(), run(living.person("ada"))
    stolen = sign_in(begin(run, living, first), "mallory@outside.example")["code"]
    came = sign_in(begin(run, living, second), "ada@outside.example")
    error = refused(finish(living, came | {"code": stolen}, ada))
    assert error.code is Code.ACCESS_DENIED
    assert run(row_of(living.house, second))["account"] == NOBODY


def test_it_begins_only_for_one_who_may_change_the_credential(run, living, made, refused) -> None:
    id, ada, eve = made(), run(living.person("ada")), run(living.person("eve"))
    grants = living.house.grants
    run(living.house.connections.share(id, eve, ConnectionRole.CAN_SHARE, ada))
    error = refused(grants.begin(id, eve, session=SESSION, redirect_uri=BACK))
    assert error.code in (Code.ACCESS_DENIED, Code.CONNECTION_AUTHORIZATION_FAILED)


def test_signing_in_again_changes_nobody_whom_flows_act_as(run, living, made, refused) -> None:
    id, ada = made(), run(living.person("ada"))
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))
    came = sign_in(begin(run, living, id), "bob@outside.example")
    assert "bob@outside.example" in refused(finish(living, came, ada)).message
    assert run(row_of(living.house, id))["account"] == "ada@outside.example"
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))


def test_a_provider_that_says_no_and_addresses_that_are_not_safe(
    run, living, made, refused
) -> None:
    id, ada = made(), run(living.person("ada"))
    state = parse_qs(urlsplit(begin(run, living, id)).query)["state"][0]
    came = {"state": state, "error": "access_denied"}
    assert "access_denied" in refused(finish(living, came, ada)).message
    for wrong in ("http://contoso.example/token", "javascript:alert(1)", "https://a:b@c.example"):
        other = made(tokenUrl=wrong)
        error = refused(living.house.grants.begin(other, ada, session=SESSION, redirect_uri=BACK))
        assert isinstance(error, Invalid)


async def called(living: Living, id: ConnectionId, url: str) -> Any:
    """Run a flow of Ada's that asks the outside through the connection."""
    ada = await living.person("ada")
    name = await living.house.wiring.reference_to(id, ada)
    action = {"Ask": written.call("web", WEB, "InvokeHttp", {
        "request/method": "GET", "request/url": url})}  # fmt: skip
    flow = await living.flow("ada", BUTTON, action, {"web": written.reference(WEB, name)})
    return (await living.actions(await living.pressed(flow, "ada")))["Ask"]


def test_a_flow_asks_as_the_account_and_no_record_holds_a_token(run, living, made) -> None:
    id, ada = made(), run(living.person("ada"))
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))
    asked = run(called(living, id, "/userinfo"))
    assert asked.status == "Succeeded", asked
    assert asked.outputs["body"]["sub"] == "ada@outside.example"
    assert asked.acting["account"] == "ada@outside.example"
    token = run(living.house.refreshing._vault.open(id))["access_token"].reveal()
    assert token not in repr(asked)


def test_a_token_goes_nowhere_but_below_the_base_address(run, living, made, outside) -> None:
    id, ada = made(), run(living.person("ada"))
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))
    before = len(outside.asked)
    for where in (f"{outside.address}/x", "//127.0.0.1:1/x", "https://contoso.example/"):
        asked = run(called(living, id, where))
        assert asked.status == "Failed", where
    assert len(outside.asked) == before


def test_nothing_acts_before_somebody_has_signed_in(run, living, made) -> None:
    asked = run(called(living, made(), "/userinfo"))
    assert asked.status == "Failed"
    assert asked.acting["refused"]


@pytest.fixture
def later(living: Living) -> Grants:
    """The same service, two hours on."""
    clock = MovedClock()
    clock.ahead = timedelta(hours=2)
    return at_another_time(living.house, clock)


def at_another_time(house: House, clock: MovedClock) -> Grants:
    """Return the services of another process, by whose clock it is another time."""
    vault = house.refreshing._vault
    refreshing = Refreshing(
        house.database, vault, clock, connectors(), house.sign_ins, private=True
    )
    return Grants(house.database, clock, refreshing, private=True)


def test_a_token_is_refreshed_once_however_many_ask(run, living, made, outside, later) -> None:
    id, ada = made(), run(living.person("ada"))
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))
    vault = living.house.refreshing._vault
    old = run(vault.open(id))
    outside.asked.clear()
    # Two processes: each has a service of its own.
    twin = at_another_time(living.house, later._clock)

    async def many() -> list[Any]:
        return list(
            await asyncio.gather(*(s._refreshing.fresh(id, old) for s in [later, twin] * 4))
        )

    found = run(many())
    assert [one["grant_type"] for one in outside.asked] == ["refresh_token"]
    assert {tuple(one) for one in found} == {("access_token",)}, "a connector is given no more"
    tokens = {one["access_token"].reveal() for one in found}
    assert len(tokens) == 1
    assert tokens != {old["access_token"].reveal()}


def test_a_refresh_that_is_refused_breaks_the_connection_and_says_so(
    run, living, made, refused, later
) -> None:
    id, ada = made(), run(living.person("ada"))
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))
    vault, house = later._refreshing._vault, living.house

    async def spoil() -> dict[str, Secret]:
        async with house.database.transaction() as transaction:
            kept = await vault.open_alone(transaction, id)
            await vault.seal(transaction, id, kept | {"refresh_token": Secret("of nobody")})
        return kept

    kept = run(spoil())
    error = refused(later._refreshing.fresh(id, kept))
    assert error.code is Code.INVALID_CONNECTION
    assert run(row_of(house, id))["connectionstatus"] == "Error"
    assert run(called(living, id, "/userinfo")).status == "Failed"
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))
    assert run(row_of(house, id))["connectionstatus"] == "Connected"


@pytest.fixture(scope="module")
def service(provider: str, run: Callable[..., Any]) -> Iterator[str]:
    """A service that takes the provider's tokens, and answers others with 401 (RFC 6750, 3.1).

    The provider's own userinfo answers 400 there.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fields = dict(head_fields((await reader.readuntil(b"\r\n\r\n")).decode()))
        headers = {"authorization": fields["authorization"]}
        async with httpx.AsyncClient() as client:
            found = await client.get(f"{provider}/userinfo", headers=headers)
        status, body = (200, found.content) if found.status_code == 200 else (401, b"{}")
        writer.write(f"HTTP/1.1 {status} So\r\ncontent-type: application/json\r\ncontent-length: "
                     f"{len(body)}\r\nconnection: close\r\n\r\n".encode() + body)  # fmt: skip
        await writer.drain()
        writer.close()

    server = run(asyncio.start_server(answer, "127.0.0.1", 0))
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


def test_a_token_that_is_revoked_is_refreshed_once_and_the_request_made_again(
    run, living, made, provider, outside, service
) -> None:
    id, ada = made(base=service), run(living.person("ada"))
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))
    # Somebody else refreshes: the provider revokes the token that was issued before.
    kept = run(living.house.refreshing._vault.open(id))
    form = {"grant_type": "refresh_token", "refresh_token": kept["refresh_token"].reveal()}
    httpx.post(f"{provider}/oauth2/token", data=form, auth=("flowner", "x")).raise_for_status()
    outside.asked.clear()
    asked = run(called(living, id, "/me"))
    assert asked.status == "Succeeded", asked
    assert [one["grant_type"] for one in outside.asked] == ["refresh_token"]


def test_a_sign_in_that_is_revoked_breaks_the_connection_with_the_reason(
    run, living, made, provider, outside, service
) -> None:
    id, ada = made(base=service), run(living.person("ada"))
    run(finish(living, sign_in(begin(run, living, id), "gone@outside.example"), ada))
    httpx.post(f"{provider}/users/gone@outside.example/revoke-tokens").raise_for_status()
    outside.asked.clear()
    asked = run(called(living, id, "/me"))
    assert (asked.status, asked.outputs["statusCode"]) == ("Failed", 401)
    assert len(outside.asked) == 1
    row = run(row_of(living.house, id))
    assert row["connectionstatus"] == "Error"
    assert "invalid_grant" in row["statusreason"]
    again = run(called(living, id, "/me"))
    assert "invalid_grant" in again.acting["message"]
    run(finish(living, sign_in(begin(run, living, id), "gone@outside.example"), ada))
    assert run(row_of(living.house, id))["statusreason"] is None


def test_a_service_that_refuses_tokens_that_are_new_breaks_the_connection(
    run, living, made
) -> None:
    """A service that takes none of the provider's tokens: it is asked twice, and never again."""
    seen: list[str] = []

    async def no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(dict(head_fields(head))["authorization"])
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = run(asyncio.start_server(no, "127.0.0.1", 0))
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    id, ada = made(base=base), run(living.person("ada"))
    run(finish(living, sign_in(begin(run, living, id), "ada@outside.example"), ada))
    asked = run(called(living, id, "/anything"))
    assert (asked.status, asked.outputs["statusCode"]) == ("Failed", 401)
    assert len(set(seen)) == len(seen) == 2, "with another token"
    assert "401" in run(row_of(living.house, id))["statusreason"]
    run(called(living, id, "/anything"))
    assert len(seen) == 2
    server.close()


def test_a_sign_in_that_takes_too_long_is_over(run, living, made, refused, later) -> None:
    id, ada = made(), run(living.person("ada"))
    came = sign_in(begin(run, living, id), "ada@outside.example")
    assert timedelta(hours=2) > LIFE
    assert refused(later.finish(came, ada, session=SESSION)).code is Code.ACCESS_DENIED
