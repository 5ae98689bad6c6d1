"""Connections by client credentials, against a token server and a service over real HTTP.

Both are a Flowner that is served on loopback: its token endpoint knows applications by secrets, and
its Web API says whom it takes a token for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from flowner.access.vocabulary import ConnectionRole
from flowner.errors import Code, FlownerError
from flowner.flows.connections import NewConnection
from flowner.flows.keyring import Keyring
from flowner.flows.refreshing import Refreshing
from flowner.identity.world import PrincipalKind
from flowner.rows import registry
from flowner.rows.seed import BASIC_USER, SYSTEM_ADMINISTRATOR
from flowner.rows.tokens import revoke_tokens
from flowner.server import House, connectors
from flowner.serving import serve
from flowner.values import ConnectionId, PrincipalId, Secret
from signin.conftest import MovedClock
from worlds import written
from worlds.living import BUTTON, Living

WEB = "shared_webcontents"
WAY = connectors()[WEB].way("client-credentials")
WHO = "/api/data/v9.2/WhoAmI"


class Outside:
    """An application as the outside knows it."""

    def __init__(self, run: Any, house: House, address: str) -> None:
        self.run, self.house, self.address = run, house, address
        self.client = house.clock.fresh_guid()
        adding = house.directory.add_application("Stock keeper", self.client, roles=(BASIC_USER,))
        self.id: PrincipalId = run(adding)
        self.secret = self.fresh_secret()

    def fresh_secret(self) -> Secret:
        life = timedelta(days=9)
        made: Secret = self.run(self.house.applications.add_secret(self.id, "t", life=life))
        return made

    def revoke_tokens(self) -> None:
        async def revoked() -> None:
            async with self.house.database.transaction() as transaction:
                now = self.house.clock.now()
                await revoke_tokens(transaction, principal=self.id, now=now)

        self.run(revoked())

    @property
    def issued(self) -> int:
        """How many tokens it was given."""

        async def counted() -> int:
            async with self.house.database.connection() as connection:
                where = {"principalid": self.id}
                return len(await registry.select(connection, "accesstoken", where))

        count: int = self.run(counted())
        return count


@pytest.fixture(scope="module")
def address(living: Living, run: Callable[..., Any]) -> Iterator[str]:
    serving = serve(living.house)
    yield run(serving.__aenter__())
    run(serving.__aexit__(None, None, None))


@pytest.fixture
def outside(living: Living, run: Callable[..., Any], address: str) -> Outside:
    return Outside(run, living.house, address)


@pytest.fixture(scope="module")
def mia(living: Living, run: Callable[..., Any]) -> PrincipalId:
    """Who makes connections for applications: an administrator."""
    found: PrincipalId = run(living.person("mia", SYSTEM_ADMINISTRATOR))
    return found


def given(outside: Outside, **more: Any) -> NewConnection:
    settings = {
        "baseResourceUrl": outside.address,
        "tokenUrl": f"{outside.address}/oauth2/v2.0/token",
        "clientId": outside.client,
        "scopes": f"{outside.address}/.default",
    }
    settings = {name: value for name, value in (settings | more).items() if value is not None}
    return NewConnection(connector=WEB, account="Stock keeper", settings=settings,
                         secrets={"client_secret": outside.secret})  # fmt: skip


def make(outside: Outside, by: PrincipalId, owner: PrincipalId | None = None, **more: Any) -> Any:
    assert WAY is not None
    return outside.house.clients.make(given(outside, **more), WAY, owner or outside.id, by=by)


async def row_of(house: House, id: ConnectionId) -> dict[str, Any]:
    async with house.database.connection() as connection:
        where = {"connectioninstanceid": id}
        (row,) = await registry.select(connection, "connectioninstance", where)
    return row


async def called(living: Living, id: ConnectionId, who: str = "mia", method: str = "GET") -> Any:
    """Run a flow of somebody's that asks the outside who it is there."""
    owner = await living.person(who)
    name = await living.house.wiring.reference_to(id, owner)
    action = {"Ask": written.call("web", WEB, "InvokeHttp", {
        "request/method": method, "request/url": WHO})}  # fmt: skip
    flow = await living.flow(who, BUTTON, action, {"web": written.reference(WEB, name)})
    return (await living.actions(await living.pressed(flow, who)))["Ask"]


def test_a_flow_acts_as_the_application_and_no_record_holds_what_it_is_known_by(
    run, living, outside, mia, caplog
) -> None:
    id = run(make(outside, mia))
    row = run(row_of(living.house, id))
    assert (row["ownerid"], row["account"]) == (outside.id, "Stock keeper")
    asked = run(called(living, id))
    assert asked.status == "Succeeded", asked
    assert asked.outputs["body"]["UserId"] == outside.id
    assert (asked.acting["principal"], asked.acting["account"]) == (outside.id, "Stock keeper")
    token = run(living.house.refreshing._vault.open(id))["access_token"].reveal()
    for secret in (token, outside.secret.reveal()):
        assert secret not in f"{asked!r} {row!r} {caplog.text}"


def test_who_made_it_for_an_application_goes_on_to_mend_it_and_everybody_sees_that(
    run, living, outside, mia
) -> None:
    id = run(make(outside, mia))
    keyring = run(living.house.listing.connections())
    (shown,) = [one for one in keyring if one["id"] == id]
    assert (shown["owner"], shown["shared_with"]) == ("Stock keeper", "mia (can edit)")
    other = run(living.person("zoe"))
    run(living.house.connections.share(id, other, ConnectionRole.CAN_USE, mia))
    assert run(called(living, id, "zoe")).status == "Succeeded"
    run(living.house.connections.delete(id, mia))


@pytest.mark.parametrize(
    ("maker", "owner"),
    [
        pytest.param("nobody", "application", id="somebody without a right, for an application"),
        pytest.param("mia", "ann", id="an administrator, for a person"),
    ],
)
def test_whom_nobody_makes_a_connection_for(run, living, outside, refused, maker, owner) -> None:
    by = run(living.person(maker))
    whose = outside.id if owner == "application" else run(living.person(owner))
    assert refused(make(outside, by, whose)).code is Code.ACCESS_DENIED


def test_somebody_makes_one_for_themselves_where_the_application_is_only_the_account(
    run, living, outside
) -> None:
    ann = run(living.person("ann"))
    id = run(make(outside, ann, ann))
    asked = run(called(living, id, "ann"))
    assert (asked.acting["principal"], asked.acting["account"]) == (ann, "Stock keeper")
    assert asked.outputs["body"]["UserId"] == outside.id


def test_an_issuer_says_where_tokens_are_issued(run, living, outside, mia) -> None:
    id = run(make(outside, mia, tokenUrl=None, issuer=outside.address))
    assert run(row_of(living.house, id))["settings"]["tokenUrl"].startswith(outside.address)
    assert run(called(living, id)).status == "Succeeded"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({"clientId": "nobody"}, "invalid_client", id="another client"),
        pytest.param({"scopes": "https://other.example/.default"}, "invalid_scope", id="scope"),
        pytest.param({"tokenUrl": None}, "the issuer", id="neither endpoint nor issuer"),
        pytest.param({"tokenUrl": "http://contoso.example/t"}, "no https", id="not safe"),
        pytest.param({"tokenUrl": None, "issuer": "ftp://x"}, "no https", id="issuer not safe"),
        pytest.param({"clientId": ""}, "client id", id="no client id"),
    ],
)
def test_what_gives_no_token_makes_no_connection(living, outside, mia, refused, more, said) -> None:
    run, house = outside.run, living.house
    before = len(run(house.listing.connections()))
    error = refused(make(outside, mia, **more))
    assert said in error.message
    assert outside.secret.reveal() not in repr(error.message)
    assert len(run(house.listing.connections())) == before


def at_another_time(house: House, ahead: timedelta) -> Refreshing:
    """Return the service of another process, by whose clock it is another time."""
    clock = MovedClock()
    clock.ahead = ahead
    sign_ins = house.sign_ins
    return Refreshing(
        house.database, house.refreshing._vault, clock, connectors(), sign_ins, private=True
    )


def test_a_token_is_fetched_once_however_many_ask_and_kept_until_it_is_over(
    run, living, outside, mia
) -> None:
    house, id = living.house, run(make(outside, mia))
    assert outside.issued == 1, "it was proved, and is used"
    for _ in range(2):
        assert run(called(living, id)).status == "Succeeded"
    assert outside.issued == 1
    old = run(house.refreshing._vault.open(id))
    soon = [at_another_time(house, timedelta(hours=2)) for _ in range(2)]

    async def many() -> list[Any]:
        return list(await asyncio.gather(*(one.fresh(id, old) for one in soon * 4)))

    found = run(many())
    assert outside.issued == 2
    assert {tuple(one) for one in found} == {("access_token",)}, "a connector is given no more"
    tokens = {one["access_token"].reveal() for one in found}
    assert len(tokens) == 1
    assert tokens != {old["access_token"].reveal()}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_is_refused_before_its_time_is_exchanged_once(
    run, living, outside, mia, method
) -> None:
    """A POST, too: a 401 says that nothing was carried out. (WhoAmI answers GET alone: 405.)"""
    id = run(make(outside, mia))
    outside.revoke_tokens()
    asked = run(called(living, id, method=method))
    assert asked.outputs["statusCode"] == {"GET": 200, "POST": 405}[method]
    assert outside.issued == 2
    assert run(row_of(living.house, id))["connectionstatus"] == "Connected"


def test_a_secret_that_is_revoked_breaks_the_connection_with_the_reason_until_it_is_mended(
    run, living, outside, mia, refused
) -> None:
    house, id = living.house, run(make(outside, mia))
    run(house.applications.revoke(outside.id))
    asked = run(called(living, id))
    assert (asked.status, asked.outputs["statusCode"]) == ("Failed", 401)
    row = run(row_of(house, id))
    assert row["connectionstatus"] == "Error"
    assert "invalid_client" in row["statusreason"]
    again = run(called(living, id))
    assert "invalid_client" in again.acting["message"], "the next run is told why"
    assert refused(house.clients.test(id, mia)).code is Code.INVALID_CONNECTION
    wrong = {"client_secret": outside.secret}
    assert refused(house.clients.mend(id, wrong, mia)).code is Code.INVALID_CONNECTION
    run(house.clients.mend(id, {"client_secret": outside.fresh_secret()}, mia))
    row = run(row_of(house, id))
    assert (row["connectionstatus"], row["statusreason"]) == ("Connected", None)
    assert run(called(living, id)).status == "Succeeded"
    run(house.clients.test(id, mia))


def test_only_who_may_change_the_credential_tests_and_mends(
    run, living, outside, mia, refused
) -> None:
    id, eve = run(make(outside, mia)), run(living.person("eve"))
    run(living.house.connections.share(id, eve, ConnectionRole.CAN_SHARE, mia))
    for work in (
        living.house.clients.test(id, eve),
        living.house.clients.mend(id, {"client_secret": outside.secret}, eve),
    ):
        error: FlownerError = refused(work)
        assert error.code is Code.CONNECTION_AUTHORIZATION_FAILED


def test_the_owner_is_marked_as_an_application(run, living, outside, mia) -> None:
    id = run(make(outside, mia))
    held = run(Keyring(living.house.database, living.house.published).open(id, mia))
    assert held.owner.kind is PrincipalKind.APPLICATION
