"""People come into the portal: by password, by a provider, by a token; and others do not."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from flowner.directory.providers import Provider
from flowner.directory.sessions import IDLE, LIFE
from flowner.values import Secret
from signin.conftest import Door
from signin.issuer import CLIENT_SECRET, Issuer

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def providers(issuer: Issuer, independent: str) -> tuple[Provider, ...]:
    another = Provider(name="another", title="Another's", issuer=independent, client_id="flowner",
                       client_secret=Secret("x"), match="email", provision=True)  # fmt: skip
    quiet = independent.replace("localhost", "127.0.0.1")
    return (
        another,
        replace(another, name="quiet", issuer=quiet, end_session=False),
        Provider(name="real", title="The real one", issuer=issuer.address, client_id="flowner",
                 client_secret=Secret(CLIENT_SECRET), match="email"),
    )  # fmt: skip


class Browser:
    """Keeps cookies, and follows no redirection by itself."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        url = path if path.startswith("http") else self._door.address + path

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(timeout=30, cookies=self.cookies) as client:
                answer = await client.request(method, url, **more)
                self.cookies = client.cookies
                return answer

        answer: httpx.Response = self._door.run(asked())
        return answer

    def is_in(self) -> bool:
        return self.ask("GET", "/flows").status_code == 200

    def token(self) -> str:
        page = self.ask("GET", "/flows").text
        return page.partition('name="form_token" value="')[2].partition('"')[0]


@pytest.fixture
def browser(door: Door) -> Browser:
    return Browser(door)


def test_somebody_comes_in_by_password_and_goes_out(door: Door, browser: Browser) -> None:
    ann = door.person("p-ann")
    door.run(door.house.passwords.set(ann, Secret(PASSWORD)))
    assert not browser.is_in()
    form = {"upn": "P-Ann@signin.example", "password": PASSWORD, "next": "/flows?tab=all"}
    answer = browser.ask("POST", "/sign-in/password", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/flows?tab=all")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert browser.is_in()
    out = browser.ask("POST", "/sign-out", data={"form_token": browser.token()})
    assert out.headers["location"] == "/sign-in"
    assert not browser.is_in()


def test_a_wrong_password_and_a_wrong_name_are_told_the_same(door: Door, browser: Browser) -> None:
    bob = door.person("p-bob")
    door.run(door.house.passwords.set(bob, Secret(PASSWORD)))
    told = set()
    tried = (
        ("p-bob@signin.example", "mistaken-1"), ("nobody@signin.example", PASSWORD), ("", "")
    )  # fmt: skip
    for upn, password in tried:
        answer = browser.ask("POST", "/sign-in/password", data={"upn": upn, "password": password})
        assert answer.status_code == 403
        assert password == "" or password not in answer.text
        told.add(answer.text.partition('role="alert"')[2].partition("</div>")[0])
    assert len(told) == 1
    assert not browser.is_in()


def test_somebody_comes_in_by_a_provider(door: Door, browser: Browser, issuer: Issuer) -> None:
    door.person("p-cat")
    issuer.person = {"sub": "s-cat", "email": "p-cat@signin.example", "email_verified": True}
    page = browser.ask("GET", "/sign-in").text
    assert "Sign in with The real one" in page
    there = browser.ask("GET", "/sign-in/with/real?next=/flows%3Ftab%3Dall")
    assert there.status_code == 303
    back = browser.ask("GET", there.headers["location"]).headers["location"]
    assert urlsplit(back).path == "/sign-in/back"
    stranger = Browser(door)
    assert stranger.ask("GET", back).status_code == 403, "nobody else's browser completes it"
    assert not stranger.is_in()
    again = browser.ask("GET", "/sign-in/with/real?next=/flows%3Ftab%3Dall").headers["location"]
    done = browser.ask("GET", browser.ask("GET", again).headers["location"])
    assert (done.status_code, done.headers["location"]) == (303, "/flows?tab=all")
    assert browser.is_in()
    assert parse_qs(urlsplit(again).query)["code_challenge_method"] == ["S256"]


def comes_in_with(browser: Browser, provider: str) -> None:
    subject = f"{provider}-out@signin.example"
    there = browser.ask("GET", f"/sign-in/with/{provider}").headers["location"]
    parts = urlsplit(there)
    claims = {"email": subject, "email_verified": True}
    browser.ask("PUT", f"{parts.scheme}://{parts.netloc}/users/{subject}", json=claims)
    answer = browser.ask("POST", there, data={"sub": subject})
    assert browser.ask("GET", answer.headers["location"]).status_code == 303
    assert browser.is_in()


def test_who_signs_out_here_signs_out_at_the_provider_and_comes_back(
    door: Door, browser: Browser
) -> None:
    """The provider is somebody else's, and offers it in its discovery document."""
    comes_in_with(browser, "another")
    gone = browser.ask("POST", "/sign-out", data={"form_token": browser.token()})
    assert gone.status_code == 200
    assert not browser.is_in(), "whatever the provider does"
    there = unescape(gone.text.partition("url=")[2].partition('"')[0])
    asked = parse_qs(urlsplit(there).query)
    back = f"{door.address}/sign-in"
    assert asked == {"client_id": ["flowner"], "post_logout_redirect_uri": [back]}
    form = browser.ask("GET", there)
    assert form.status_code == 200, form.text
    confirmed = f"{there.partition('?')[0]}/confirm"
    done = browser.ask("POST", confirmed, data={"redirect_uri": back})
    assert done.headers["location"] == back


@pytest.mark.parametrize("provider", ["quiet", "real"])
def test_a_provider_that_does_not_offer_it_or_shall_not_be_asked_is_left_alone(
    door: Door, browser: Browser, issuer: Issuer, provider: str
) -> None:
    if provider == "quiet":
        comes_in_with(browser, provider)
    else:
        door.person("p-out")
        issuer.person = {"sub": "s-out", "email": "p-out@signin.example", "email_verified": True}
        there = browser.ask("GET", "/sign-in/with/real").headers["location"]
        browser.ask("GET", browser.ask("GET", there).headers["location"])
    assert browser.is_in()
    gone = browser.ask("POST", "/sign-out", data={"form_token": browser.token()})
    assert (gone.status_code, gone.headers["location"]) == (303, "/sign-in")


def test_a_token_lets_its_holder_in(door: Door, browser: Browser) -> None:
    dan = door.person("p-dan")
    token = door.run(door.house.tokens.issue(dan, "portal")).reveal()
    assert browser.ask("POST", "/sign-in/token", data={"token": token}).status_code == 303
    assert browser.is_in()
    assert Browser(door).ask("POST", "/sign-in/token", data={"token": "flw_x"}).status_code == 403


@pytest.mark.parametrize(
    "address", ["https://evil.example/x", "//evil.example", "/\\evil.example", "javascript:x"]
)
def test_nobody_is_sent_elsewhere(door: Door, browser: Browser, address: str) -> None:
    eve = door.person(f"p-eve{abs(hash(address))}")
    token = door.run(door.house.tokens.issue(eve, "portal")).reveal()
    answer = browser.ask("POST", "/sign-in/token", data={"token": token, "next": address})
    assert answer.headers["location"] == "/flows"


def test_nobody_chooses_whom_to_be_outside_of_the_demo(door: Door, browser: Browser) -> None:
    fay = door.person("p-fay")
    assert browser.ask("POST", "/sign-in/demo", data={"person": fay}).status_code == 403
    assert not browser.is_in()
    assert "Choose who you are" not in browser.ask("GET", "/sign-in").text


@pytest.fixture
def inside(door: Door, browser: Browser) -> Browser:
    gil = door.person(f"p-gil{secrets.token_hex(4)}")
    token = door.run(door.house.tokens.issue(gil, "portal")).reveal()
    browser.ask("POST", "/sign-in/token", data={"token": token})
    browser.person = gil  # type: ignore[attr-defined]
    return browser


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        pytest.param({"Sec-Fetch-Site": "cross-site"}, True, id="another site, says the browser"),
        pytest.param({"Origin": "https://evil.example"}, True, id="another origin"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, True, id="another host of the same site"),
        pytest.param({}, False, id="no page of ours"),
    ],
)
def test_a_form_of_another_site_does_nothing(
    inside: Browser, headers: dict[str, str], form: bool
) -> None:
    data = {"form_token": inside.token()} if form else {"form_token": "0" * 64}
    answer = inside.ask("POST", "/sign-out", data=data, headers=headers)
    assert answer.status_code == 403
    assert inside.is_in()


def test_a_session_ends_by_itself_and_with_its_person(door: Door, inside: Browser) -> None:
    assert inside.is_in()
    try:
        door.clock.ahead = IDLE - timedelta(minutes=1)
        assert inside.is_in(), "it is used"
        door.clock.ahead = 2 * IDLE
        assert not inside.is_in(), "it was not used for too long"
        assert LIFE > IDLE
    finally:
        door.clock.ahead = timedelta(0)


def test_who_is_disabled_is_out_at_once(door: Door, inside: Browser) -> None:
    assert inside.is_in()
    person = inside.person  # type: ignore[attr-defined]
    door.run(door.house.directory.set_enabled(person, enabled=False))
    assert not inside.is_in()


def test_a_new_password_ends_every_session(door: Door, inside: Browser) -> None:
    person = inside.person  # type: ignore[attr-defined]
    door.run(door.house.passwords.set(person, Secret(PASSWORD)))
    assert not inside.is_in()


def test_the_theme_is_kept(inside: Browser) -> None:
    for theme, shown in (("dark", 'data-theme="dark"'), ("light", 'data-theme="light"'),
                         ("nothing", "<html lang=\"en\">")):  # fmt: skip
        inside.ask("POST", "/theme", data={"form_token": inside.token(), "theme": theme})
        assert shown in inside.ask("GET", "/flows").text
