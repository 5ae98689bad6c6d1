"""Applications sign in at the token endpoint: who gets a token, what it opens, when it ends."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import httpx
import msal
import pytest
import requests
from authlib.integrations.httpx_client import AsyncOAuth2Client

from flowner.errors import NotFound, Refused
from flowner.rows import registry
from flowner.serving import serve
from signin.conftest import Door

TOKEN = "/oauth2/v2.0/token"
TENANT = "00000000-0000-4000-8000-0000000000b0"


def asked(client: str, secret: str, **more: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client, "client_secret": secret,
            **more}  # fmt: skip


def granted(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"token_type", "expires_in", "access_token"}
    assert answer.headers["cache-control"] == "no-store"
    token: str = answer.json()["access_token"]
    return token


@pytest.fixture
def program(door: Door) -> tuple[Any, str, str]:
    """An application: its id, its client id and a secret."""
    application, client = door.application(f"program {door.house.clock.fresh_guid()}")
    return application, client, door.secret(application)


@pytest.mark.parametrize("tenant", ["", f"/{TENANT}", "/contoso.example", "/organizations"])
def test_a_secret_is_worth_a_token_that_opens_every_door(door, program, tenant) -> None:
    application, client, secret = program
    scope = f"{door.address}/.default"
    answer = door.ask("POST", tenant + TOKEN, data=asked(client, secret, scope=scope))
    token = granted(answer)
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3600
    assert door.who(token).json()["UserId"] == application
    assert door.ask("GET", "/api/runs", token).json() == {"value": []}


def test_basic_is_form_encoded(door, program) -> None:
    application, client, secret = program
    coded = base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()
    answer = door.ask("POST", TOKEN, data={"grant_type": "client_credentials"},
                      headers={"Authorization": f"Basic {coded}"})  # fmt: skip
    assert door.who(granted(answer)).json()["UserId"] == application


@pytest.mark.parametrize("scope", ["{}/.default", "{}//.default", ""])
def test_the_scope_is_this_server(door, program, scope) -> None:
    data = asked(program[1], program[2], scope=scope.format(door.address))
    granted(door.ask("POST", TOKEN, data=data))


CLIENT = "00000000-0000-4000-8000-000000000bad"
REFUSED = {
    "no grant type": ({"grant_type": ""}, 400, "invalid_request"),
    "another grant": ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    "another service": ({"scope": "https://graph.example/.default"}, 400, "invalid_scope"),
    "no .default": ({"scope": "user_impersonation"}, 400, "invalid_scope"),
    "one scope too many": ({"scope": "{base}/.default openid"}, 400, "invalid_scope"),
    "no client": ({"client_id": ""}, 401, "invalid_client"),
    "an unknown client": ({"client_id": CLIENT}, 401, "invalid_client"),
    "no GUID": ({"client_id": "x' OR 1=1 --"}, 401, "invalid_client"),
    "a NUL": ({"client_id": "\x00"}, 401, "invalid_client"),
    "no secret": ({"client_secret": ""}, 401, "invalid_client"),
    "a wrong secret": ({"client_secret": "flws_wrong"}, 401, "invalid_client"),
    "a token as secret": ({"client_secret": "{token}"}, 401, "invalid_client"),
}


@pytest.mark.parametrize("change", REFUSED)
def test_a_refusal_says_its_code(door, program, change) -> None:
    wrong, status, error = REFUSED[change]
    token = granted(door.ask("POST", TOKEN, data=asked(*program[1:])))
    wrong = {name: text.format(base=door.address, token=token) for name, text in wrong.items()}
    answer = door.ask("POST", TOKEN, data=asked(*program[1:]) | wrong)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert set(answer.json()) == {"error", "error_description"}
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert program[2] not in answer.text


def test_what_is_no_form_is_refused(door, program) -> None:
    _, client, secret = program
    for more in (
        {"json": asked(client, secret)},
        {"content": "grant_type=client_credentials&grant_type=password",
         "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": b"\xff=\xff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": b"a=" + b"a" * 70_000,
         "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ):  # fmt: skip
        answer = door.ask("POST", TOKEN, **more)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    for header in ("Basic !", "Basic", "Basic " + base64.b64encode(b"\xff").decode()):
        answer = door.ask("POST", TOKEN, data={"grant_type": "client_credentials"},
                          headers={"Authorization": header})  # fmt: skip
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert door.ask("GET", TOKEN).status_code == 405
    twice = base64.b64encode(f"{client}:{secret}".encode()).decode()
    answer = door.ask("POST", TOKEN, data=asked(client, secret),
                      headers={"Authorization": f"Basic {twice}"})  # fmt: skip
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_another_applications_secret_opens_nothing(door, program) -> None:
    other, _ = door.application("other")
    answer = door.ask("POST", TOKEN, data=asked(program[1], door.secret(other)))
    assert answer.status_code == 401


def test_several_secrets_stand_at_a_time_and_fall_alone(door, program) -> None:
    application, client, first = program
    second = door.secret(application)
    by_first = granted(door.ask("POST", TOKEN, data=asked(client, first)))
    by_second = granted(door.ask("POST", TOKEN, data=asked(client, second)))
    listed = {one["id"]: one for one in door.run(door.house.applications.list())}
    id = listed[application]["secrets"].split(", ")[0]
    door.run(door.house.applications.revoke(application, id.rpartition("(")[2].rstrip(")")))
    assert door.ask("POST", TOKEN, data=asked(client, first)).status_code == 401
    assert door.who(by_first).status_code == 401
    assert door.who(by_second).status_code == 200
    granted(door.ask("POST", TOKEN, data=asked(client, second)))
    assert door.run(door.house.applications.revoke(application)) == 1
    assert door.who(by_second).status_code == 401
    with pytest.raises(NotFound):
        door.run(door.house.applications.revoke(application, id))


def test_a_disabled_application_is_out_at_once_and_in_again(door, program) -> None:
    application, client, secret = program
    token = granted(door.ask("POST", TOKEN, data=asked(client, secret)))
    door.run(door.house.directory.set_enabled(application, enabled=False))
    assert door.who(token).status_code == 401
    assert door.ask("POST", TOKEN, data=asked(client, secret)).status_code == 401
    door.run(door.house.directory.set_enabled(application, enabled=True))
    assert door.who(token).status_code == 200


def test_secrets_and_tokens_expire(door, program) -> None:
    application, client, _ = program
    short = door.secret(application, life=timedelta(minutes=10))
    answer = door.ask("POST", TOKEN, data=asked(client, short))
    token = granted(answer)
    assert answer.json()["expires_in"] <= 600
    try:
        door.clock.ahead = timedelta(minutes=11)
        assert door.who(token).status_code == 401
        assert door.ask("POST", TOKEN, data=asked(client, short)).status_code == 401
    finally:
        door.clock.ahead = timedelta(0)


def test_people_have_no_secrets(door) -> None:
    pia = door.person("pia")
    with pytest.raises(Refused, match="no application"):
        door.run(door.house.applications.add_secret(pia, "t", life=timedelta(days=1)))


def test_nothing_that_opens_a_door_is_kept_or_told(door, program, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    _, client, secret = program
    token = granted(door.ask("POST", TOKEN, data=asked(client, secret)))
    door.ask("POST", TOKEN, data=asked(client, secret + "x"))
    door.who(token)

    async def kept() -> str:
        async with door.house.database.connection() as connection:
            found = await registry.select(connection, "accesstoken", {})
            return repr([*found, *await registry.select(connection, "applicationsecret", {})])

    rows = door.run(kept())
    ours = "".join(record.getMessage() for record in caplog.records if "flowner" in record.name)
    for text in (secret, token):
        assert text not in rows
        assert text[5:] not in rows
        assert text not in ours
        assert text not in repr(door.run(door.house.applications.list()))


def test_discovery_says_where_and_no_more_than_is_so(door, program) -> None:
    for path, issuer in (("", ""), (f"/{TENANT}/v2.0", f"/{TENANT}/v2.0")):
        said = door.ask("GET", f"{path}/.well-known/openid-configuration").json()
        assert said["issuer"] == door.address + issuer
        data = asked(program[1], program[2], scope=said["scopes_supported"][0])
        granted(door.ask("POST", said["token_endpoint"], data=data))
        assert said["grant_types_supported"] == ["client_credentials"]
        answer = door.ask("GET", said["authorization_endpoint"])
        assert answer.json()["error"] == "unsupported_response_type"
        data = asked(program[1], program[2], grant_type="authorization_code", code="x")
        assert door.ask("POST", said["token_endpoint"], data=data).status_code == 400


@pytest.mark.parametrize("path", ["/api/data/v9.2/WhoAmI", "/api/runs"])
def test_a_401_says_where_to_sign_in(door, path) -> None:
    for token in (None, "flw_nobodys"):
        answer = door.ask("GET", path, token)
        assert answer.status_code == 401
        said = answer.headers["www-authenticate"]
        assert said.startswith(
            f'Bearer authorization_uri="{door.address}/{TENANT}/oauth2/authorize",'
            f' resource_id="{door.address}/"'
        )
        assert ('error="invalid_token"' in said) == (token is not None)
    authority = said.partition('authorization_uri="')[2].partition("/oauth2/authorize")[0]
    document = door.ask("GET", f"{authority}/v2.0/.well-known/openid-configuration")
    assert document.json()["token_endpoint"] == f"{authority}/oauth2/v2.0/token"


# clients as they are


def test_authlib_signs_in_both_ways(door, program) -> None:
    application, client, secret = program

    async def story(method: str) -> Any:
        signing = AsyncOAuth2Client(client, secret, token_endpoint_auth_method=method,
                                    scope=f"{door.address}/.default")  # fmt: skip
        async with signing:
            await signing.fetch_token(f"{door.address}/{TENANT}{TOKEN}",
                                      grant_type="client_credentials")  # fmt: skip
            return (await signing.get(f"{door.address}/api/data/v9.2/WhoAmI")).json()

    for method in ("client_secret_basic", "client_secret_post"):
        assert door.run(story(method))["UserId"] == application


def test_msal_signs_in_over_tls(door: Door, program: Any, run: Callable[..., Any]) -> None:
    """It speaks https alone; of Entra's shape, or with an authority that is any OpenID provider."""
    application, client, secret = program
    secured = serve(door.house, tls=True)
    address = run(secured.__aenter__())

    def signed_in(**where: Any) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(door.house.settings.data_folder / "tls" / "ca.pem")
            signing = msal.ConfidentialClientApplication(
                client, client_credential=secret, http_client=session, **where
            )
            return signing.acquire_token_for_client([f"{address}/.default"])

    try:
        for where in (
            {"authority": f"{address}/{TENANT}", "instance_discovery": False},
            {"oidc_authority": f"{address}/{TENANT}/v2.0"},
        ):
            got = run(asyncio.to_thread(signed_in, **where))
            assert "access_token" in got, got
            assert door.who(got["access_token"]).json()["UserId"] == application
    finally:
        run(secured.__aexit__(None, None, None))
