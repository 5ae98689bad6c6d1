"""What comes to the portal from elsewhere, or is no request of ours at all."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from flowner.demo.company import FLOWS
from portal.conftest import Fernwood

POLICY = "content-security-policy"


def form_token(client: httpx.Client, fernwood: Fernwood) -> str:
    page = client.get(f"{fernwood.address}/flows").text
    return page.partition('name="form_token" value="')[2].partition('"')[0]


def test_the_page_for_our_own_faults_is_guarded_too(
    fernwood: Fernwood, monkeypatch: pytest.MonkeyPatch, client_as: Callable[[str], httpx.Client]
) -> None:
    cookies = dict(client_as("ada").cookies)

    async def broken(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(type(fernwood.house.portfolio), "of", broken)
    answer = httpx.get(f"{fernwood.address}/flows", cookies=cookies)
    assert answer.status_code == 500
    assert "planted" not in answer.text
    assert "default-src 'self'" in answer.headers[POLICY]


@pytest.mark.parametrize("token", ["", "é", "0" * 64])
def test_a_form_without_its_token_is_refused(
    fernwood: Fernwood, client_as: Callable[[str], httpx.Client], token: str
) -> None:
    answer = client_as("ada").post(f"{fernwood.address}/theme", data={"form_token": token})
    assert answer.status_code == 403
    assert POLICY in answer.headers


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/flows/nonsense/turn", {}),
        ("/sign-in/demo", {"person": "nonsense"}),
        ("/sign-in/demo", {"person": "00000000-0000-4000-8000-000000000999"}),
        ("/sign-in/demo", {}),
        ("/connections/new", {}),
        ("/nowhere", {}),
    ],
)
def test_nonsense_is_answered_not_stumbled_over(
    fernwood: Fernwood, client_as: Callable[[str], httpx.Client], path: str, data: dict[str, str]
) -> None:
    client = client_as("ada")
    form = {"form_token": form_token(client, fernwood), **data}
    answer = client.post(fernwood.address + path, data=form, follow_redirects=False)
    assert 400 <= answer.status_code < 500, answer.headers


def test_a_form_that_cannot_be_read_says_so(
    fernwood: Fernwood, client_as: Callable[[str], httpx.Client]
) -> None:
    many = {f"field{number}": "x" for number in range(1200)}
    answer = client_as("ada").post(f"{fernwood.address}/theme", data=many)
    assert answer.status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_demo_is_reached_by_its_own_name_alone(fernwood: Fernwood, method: str) -> None:
    """A name of somebody else's that leads to loopback brings nobody in."""
    port = fernwood.address.rpartition(":")[2]
    headers = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}
    data = {"person": fernwood.company.people["ada"]} if method == "POST" else None
    path = "/sign-in/demo" if method == "POST" else "/sign-in"
    answer = httpx.request(method, fernwood.address + path, headers=headers, data=data)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_signing_in_again_ends_the_session_before(fernwood: Fernwood) -> None:
    person = {"person": fernwood.company.people["bob"]}
    with httpx.Client() as client:
        client.post(f"{fernwood.address}/sign-in/demo", data=person)
        earlier = dict(client.cookies)
        client.post(f"{fernwood.address}/sign-in/demo", data=person)
        assert client.get(f"{fernwood.address}/flows").status_code == 200
    assert httpx.get(f"{fernwood.address}/flows", cookies=earlier).status_code == 303


def test_people_are_found_beside_many_groups(
    fernwood: Fernwood, client_as: Callable[[str], httpx.Client]
) -> None:
    for number in range(60):
        fernwood.do(fernwood.house.directory.add_group(f"AA {number}"))
    found = client_as("ada").get(f"{fernwood.address}/people?kinds=user&text=a").text
    assert "Ada Brand" in found
    assert "AA 1" not in found
    assert "AA 1" in client_as("ada").get(f"{fernwood.address}/people?kinds=group&text=aa").text
    wrong = client_as("ada").get(f"{fernwood.address}/people?kinds=nobody")
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("consent", "choice:mail", "xx"),
        ("consent", "choice:mail", "' OR true --"),
        ("share", "role", "king"),
    ],
)
def test_a_value_that_no_page_sends_is_refused(
    fernwood: Fernwood,
    client_as: Callable[[str], httpx.Client],
    path: str,
    field: str,
    value: str,
) -> None:
    client = client_as("ada")
    data = {"form_token": form_token(client, fernwood), "holder": fernwood.company.people["bob"]}
    answer = client.post(
        f"{fernwood.address}/flows/{FLOWS['greet']}/{path}", data={**data, field: value}
    )
    assert answer.status_code == 400, answer.text
