"""Somebody signs in for a connection, at a provider that somebody else wrote, in a real browser."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flowner.access.vocabulary import FlowRole
from flowner.rows.seed import BASIC_USER
from flowner.values import ConnectionId, FlowId
from portal.conftest import SCREENS, Fernwood
from portal.test_pages import _violations
from worlds import written

WEB = "shared_webcontents"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    program = Path(sys.executable).with_name("oidc-provider-mock")
    process = subprocess.Popen([str(program), "--port", str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    for _ in range(400):
        with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
            break
        time.sleep(0.05)
    yield f"http://localhost:{port}"
    process.terminate()
    process.wait()


def leave(page: Any, fernwood: Fernwood, provider: str) -> None:
    """Make a new connection, and stop at the page that says where one signs in."""
    page.goto(f"{fernwood.address}/connections/new?connector={WEB}")
    fill_in(page, provider)


def fill_in(page: Any, provider: str) -> None:
    page.get_by_label("Base address").fill(provider)
    page.get_by_label("Where to sign in").fill(f"{provider}/oauth2/authorize")
    page.get_by_label("Where tokens are issued").fill(f"{provider}/oauth2/token")
    page.get_by_label("Who signed in").fill(f"{provider}/userinfo")
    page.get_by_label("Client id").fill("flowner")
    page.get_by_label("Client secret").fill("x")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Sign in at").wait_for()


def test_a_connection_is_signed_in_for_and_a_flow_acts_as_that_account(
    fernwood: Fernwood, known_pages: Callable[[str], Any], provider: str
) -> None:
    page = known_pages("ada")
    leave(page, fernwood, provider)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENS / f"connection-sign-in-{scheme}.png", full_page=True)
        assert not _violations(page)
    sign_in(page, "ada@outside.example")
    assert "Connected" in page.locator("main").inner_text()
    assert page.url.startswith(f"{fernwood.address}/connections/")
    id = ConnectionId(page.url.rsplit("/", 1)[1])

    flow = asking(fernwood, id)
    page.goto(f"{fernwood.address}/flows/{flow}/run")
    assert run(page) == "You are ada@outside.example"


def test_a_run_only_user_signs_in_once_and_the_flow_acts_as_them(
    fernwood: Fernwood, known_pages: Callable[[str], Any], provider: str
) -> None:
    ada, bob = known_pages("ada"), known_pages("bob")
    people, house = fernwood.company.people, fernwood.house
    leave(ada, fernwood, provider)
    sign_in(ada, "ada@outside.example")
    flow = asking(fernwood, ConnectionId(ada.url.rsplit("/", 1)[1]))
    fernwood.do(house.audience.provide(flow, "web", True, people["ada"]))
    fernwood.do(house.sharing.share(flow, people["bob"], FlowRole.RUN_ONLY, people["ada"]))
    bob.goto(f"{fernwood.address}/flows/{flow}/run")
    bob.wait_for_url("**/consent**")
    bob.get_by_role("link", name="Sign in to").click()
    fill_in(bob, provider)
    bob.get_by_role("link", name="Sign in at").click()
    bob.get_by_placeholder("sub").fill("bob@outside.example")
    bob.get_by_role("button", name="Authorize").click()
    bob.wait_for_url("**/consent**")
    bob.get_by_label("It will act as you").select_option("bob@outside.example")
    bob.get_by_role("button", name="Continue").click()
    bob.wait_for_url("**/run")
    assert run(bob) == "You are bob@outside.example"


def sign_in(page: Any, account: str) -> None:
    page.get_by_role("link", name="Sign in at").click()
    page.get_by_placeholder("sub").fill(account)
    page.get_by_role("button", name="Authorize").click()
    page.get_by_role("heading", name=account).wait_for()


def run(page: Any) -> str:
    """Run the flow whose form is shown; answers what it answers."""
    page.get_by_role("button", name="Run flow").click()
    page.get_by_role("heading", name="What came of it").wait_for()
    text: str = page.locator("main pre").inner_text()
    return text.strip()


def asking(
    fernwood: Fernwood, connection: ConnectionId, where: str = "/userinfo", said: str = "sub"
) -> FlowId:
    """Make a flow of Ada's that asks the outside who it is there, and answers it."""
    house, ada = fernwood.house, fernwood.company.people["ada"]
    name = fernwood.do(house.wiring.reference_to(connection, ada))
    actions = {
        "Ask": written.call("web", WEB, "InvokeHttp", {
            "request/method": "GET", "request/url": where}),
        "Say": {"runAfter": {"Ask": ["Succeeded"]}, "type": "Response", "kind": "Http",
                "inputs": {"statusCode": 200, "body": f"You are @{{body('Ask')?['{said}']}}"}},
    }  # fmt: skip
    (made,) = written.package(written.BUTTON, actions, {"web": written.reference(WEB, name)}).flows
    flow: FlowId = fernwood.do(house.publishing.create(made, ada))
    fernwood.do(house.publishing.rename(flow, f"Ask who I am outside {next(_NUMBERS)}", ada))
    fernwood.do(house.turning.on(flow, ada))
    return flow


def test_what_one_began_nobody_else_ends(
    fernwood: Fernwood, known_pages: Callable[[str], Any], provider: str
) -> None:
    ada, bob = known_pages("ada"), known_pages("bob")
    leave(ada, fernwood, provider)
    bob.goto(ada.get_by_role("link", name="Sign in at").get_attribute("href"))
    bob.get_by_placeholder("sub").fill("bob@outside.example")
    bob.get_by_role("button", name="Authorize").click()
    bob.get_by_text("you did not begin it in this browser").wait_for()
    ada.goto(f"{fernwood.address}/connections")
    assert "bob@outside.example" not in ada.locator("main").inner_text()


def test_who_changes_their_mind_is_told_so(
    fernwood: Fernwood, known_pages: Callable[[str], Any], provider: str
) -> None:
    page = known_pages("ada")
    leave(page, fernwood, provider)
    page.get_by_role("link", name="Sign in at").click()
    page.get_by_role("button", name="Deny").click()
    page.get_by_text("access_denied").wait_for()
    page.goto(f"{fernwood.address}/connections")
    page.get_by_role("link", name="nobody yet").first.click()
    page.get_by_text("Nothing acts through it until somebody has signed in.").wait_for()


def test_an_application_acts_by_what_it_is_known_by_and_is_mended_with_a_new_secret(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    """The token server is the portal's own: it knows applications by client id and secret."""
    page, house = known_pages("ada"), fernwood.house
    client = house.clock.fresh_guid()
    app = fernwood.do(house.directory.add_application("Stock keeper", client, roles=(BASIC_USER,)))

    def secret() -> str:
        life = timedelta(days=9)
        made: str = fernwood.do(house.applications.add_secret(app, "t", life=life)).reveal()
        return made

    page.goto(f"{fernwood.address}/connections/new?connector={WEB}")
    page.get_by_role("link", name="As an application").click()
    page.get_by_label("Whose connection").select_option("Stock keeper")
    page.get_by_label("Base address").fill(fernwood.address)
    page.get_by_label("Issuer").fill(fernwood.address)
    page.get_by_label("Client id").fill(client)
    page.get_by_label("Scopes").fill(f"{fernwood.address}/.default")
    page.get_by_label("Client secret").fill(first := secret())
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=SCREENS / f"connection-new-application-{scheme}.png", full_page=True)
        assert not _violations(page)
    page.get_by_role("button", name="Create").click()
    page.get_by_text("the connection acts as Stock keeper").wait_for()
    main = page.locator("main")
    assert "Connected" in main.inner_text()
    assert main.locator(".facts .mark.app").count() == 1, "the owner is an application"
    id = ConnectionId(page.url.rsplit("/", 1)[1])
    page.get_by_role("button", name="Test").click()
    page.get_by_text("It works").wait_for()

    flow = asking(fernwood, id, "/api/data/v9.2/WhoAmI", "UserId")
    page.goto(f"{fernwood.address}/flows/{flow}/run")
    assert run(page) == f"You are {app}"

    fernwood.do(house.applications.revoke(app))
    page.goto(f"{fernwood.address}/connections/{id}")
    page.get_by_role("button", name="Test").click()
    page.get_by_text("invalid_client").first.wait_for()
    page.goto(f"{fernwood.address}/connections/{id}")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENS / f"connection-application-{scheme}.png", full_page=True)
        assert not _violations(page)
    page.set_viewport_size({"width": 390, "height": 800})
    page.screenshot(path=SCREENS / "connection-application-narrow.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_label("Client secret").fill(secret())
    page.get_by_role("button", name="Save").click()
    page.get_by_text("A token was issued").wait_for()
    assert "Connected" in main.inner_text()
    assert first not in page.content()
