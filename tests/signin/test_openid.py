"""People sign in with providers that are real servers: who comes in, and what brings nobody in."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from flowner.directory.openid import LIFE, Begun
from flowner.directory.providers import Provider
from flowner.errors import AccessDenied, Conflict, FlownerError, NotFound, Refused, Unavailable
from flowner.rows import registry
from flowner.values import Secret
from signin.conftest import Door
from signin.issuer import CLIENT_SECRET, Issuer, elliptic

BACK = "https://flows.contoso.example/sign-in/back"


@pytest.fixture(scope="module")
def providers(issuer: Issuer, independent: str) -> tuple[Provider, ...]:
    real = Provider(
        name="real",
        title="The real one",
        issuer=issuer.address,
        client_id="flowner",
        client_secret=Secret(CLIENT_SECRET),
        match="email",
        groups_claim="groups",
    )
    return (
        real,
        Provider(name="independent", title="Another's", issuer=independent, client_id="flowner",
                 client_secret=Secret("x"), match="email", provision=True),
        Provider(name="tokens", title="Tokens alone", issuer="http://127.0.0.1:1"),
        replace(real, name="down", issuer="http://127.0.0.1:2"),
    )  # fmt: skip


def begin(door: Door, provider: str = "real") -> Begun:
    begun: Begun = door.run(
        door.house.openid.begin(provider, redirect_uri=BACK, return_to="/flows")
    )
    return begun


def sent_back(door: Door, begun: Begun) -> dict[str, str]:
    """Let a browser go to the provider; answers the parameters it comes back with."""
    answer = door.ask("GET", begun.url)
    assert answer.status_code == 302, answer.text
    return came_back(answer)


def came_back(answer: httpx.Response) -> dict[str, str]:
    where = urlsplit(answer.headers["location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == BACK
    return {name: values[0] for name, values in parse_qs(where.query).items()}


def comes_in(door: Door, issuer: Issuer, **person: Any) -> Any:
    issuer.person = person
    begun = begin(door)
    return door.run(door.house.openid.finish(sent_back(door, begun), begun.browser))


def refused(door: Door, parameters: dict[str, str], browser: Secret) -> str:
    with pytest.raises(AccessDenied) as caught:
        door.run(door.house.openid.finish(parameters, browser))
    return caught.value.message


def test_who_is_found_by_a_verified_address_is_linked_from_then_on(
    door: Door, issuer: Issuer
) -> None:
    ann = door.person("ann")
    first = comes_in(door, issuer, sub="s-ann", email="ANN@signin.example", email_verified=True)
    assert (first.person, first.provider, first.return_to) == (ann, "real", "/flows")
    assert comes_in(door, issuer, sub="s-ann").person == ann
    assert comes_in(door, issuer, sub="s-ann", email="other@x.example").person == ann


def test_what_the_provider_says_besides_counts_for_the_same_subject(
    door: Door, issuer: Issuer
) -> None:
    bob = door.person("bob")
    said = {"email": "bob@signin.example", "email_verified": True}
    try:
        issuer.said_besides = {"sub": "somebody else", **said}
        with pytest.raises(AccessDenied):
            comes_in(door, issuer, sub="s-bob")
        issuer.said_besides = {"sub": "s-bob", **said}
        assert comes_in(door, issuer, sub="s-bob").person == bob
    finally:
        issuer.said_besides = {}


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "cat@signin.example"},
        {"email": "cat@signin.example", "email_verified": False},
        {"email": "cat@signin.example", "email_verified": "true"},
        {"email": "%@signin.example", "email_verified": True},
        {"email": "nobody@signin.example", "email_verified": True},
        {"email": ["cat@signin.example"], "email_verified": True},
        {"preferred_username": "cat@signin.example", "upn": "cat@signin.example"},
        {},
    ],
)
def test_whom_no_claim_proves_is_nobody(door: Door, issuer: Issuer, claims) -> None:
    if not any(one["upn"] == "cat@signin.example" for one in door.run(door.house.listing.people())):
        door.person("cat")
    with pytest.raises(AccessDenied, match="nobody here"):
        comes_in(door, issuer, sub="s-cat", **claims)


def test_neither_the_disabled_nor_programs_come_in(door: Door, issuer: Issuer) -> None:
    dan = door.person("dan")
    who = {"sub": "s-dan", "email": "dan@signin.example", "email_verified": True}
    assert comes_in(door, issuer, **who).person == dan
    door.run(door.house.directory.set_enabled(dan, enabled=False))
    with pytest.raises(AccessDenied):
        comes_in(door, issuer, **who)
    door.person("robot", service_account=True)
    with pytest.raises(AccessDenied):
        comes_in(door, issuer, sub="s-r", email="robot@signin.example", email_verified=True)


def test_an_address_that_was_given_to_somebody_else_does_not_make_them_its_holder(
    door: Door, issuer: Issuer
) -> None:
    door.person("eve")
    comes_in(door, issuer, sub="s-eve", email="eve@signin.example", email_verified=True)
    with pytest.raises(AccessDenied):
        comes_in(door, issuer, sub="s-new", email="eve@signin.example", email_verified=True)


def test_only_the_browser_that_began_ends_it_and_once(door: Door, issuer: Issuer) -> None:
    door.person("fay")
    issuer.person = {"sub": "s-fay", "email": "fay@signin.example", "email_verified": True}
    begun, others = begin(door), begin(door)
    back = sent_back(door, begun)
    for browser in (others.browser, Secret(""), Secret("x")):
        assert "not begun in this browser" in refused(door, back, browser)
    for state in ({"state": ""}, {"state": "x"}):
        assert "not begun in this browser" in refused(door, back | state, begun.browser)
    door.run(door.house.openid.finish(back, begun.browser))
    assert "not begun in this browser" in refused(door, back, begun.browser)


def test_a_code_of_anothers_sign_in_brings_nobody_in(door: Door, issuer: Issuer) -> None:
    """A code is good with the verifier of its own browser alone: PKCE."""
    issuer.person = {"sub": "s-fay"}
    mine, theirs = begin(door), begin(door)
    back, stolen = sent_back(door, mine), sent_back(door, theirs)
    assert "code" in refused(door, back | {"code": stolen["code"]}, mine.browser)
    made_up = begin(door)
    assert "code" in refused(door, sent_back(door, made_up) | {"code": "x"}, made_up.browser)


def test_it_is_over_after_a_while(door: Door, issuer: Issuer) -> None:
    issuer.person = {"sub": "s-fay"}
    begun = begin(door)
    back = sent_back(door, begun)
    try:
        door.clock.ahead = LIFE + timedelta(seconds=1)
        assert "took too long" in refused(door, back, begun.browser)
    finally:
        door.clock.ahead = timedelta(0)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another client"},
        {"aud": ["flowner", "x"], "azp": "x"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
    ],
)
def test_what_cannot_be_proved_brings_nobody_in(door: Door, issuer: Issuer, claims) -> None:
    door.person(f"g{door.house.clock.fresh_guid()}")
    with pytest.raises(AccessDenied, match=r"does not stand|did not succeed"):
        comes_in(door, issuer, **{"sub": "s-fay"} | claims)


def test_a_no_of_the_provider_is_told_and_no_more_than_that(door: Door, issuer: Issuer) -> None:
    del issuer
    for error, said in (("access_denied", "access_denied"), ("<script>", "no"), (None, "no")):
        begun = begin(door)
        state = parse_qs(urlsplit(begun.url).query)["state"][0]
        back = {"state": state} | ({} if error is None else {"error": error})
        assert f"says `{said}`" in refused(door, back, begun.browser)
    begun = begin(door)
    state = parse_qs(urlsplit(begun.url).query)["state"][0]
    mixed = {"state": state, "code": "x", "iss": "https://elsewhere.example"}
    assert "another provider's" in refused(door, mixed, begun.browser)


def test_only_providers_for_people_are_offered(door: Door) -> None:
    offered = [one.name for one in door.house.openid.offered()]
    assert offered == ["real", "independent", "down"]
    for name in ("tokens", "nobody", ""):
        with pytest.raises(NotFound):
            begin(door, name)
    with pytest.raises(Unavailable):
        begin(door, "down")


def members(door: Door, group: str) -> set[str]:
    async def read() -> set[str]:
        async with door.house.database.connection() as connection:
            where = {"securitygroupid": group}
            rows = await registry.select(connection, "groupmembership", where)
            return {row["memberid"] for row in rows}

    found: set[str] = door.run(read())
    return found


def test_groups_follow_the_claim_and_others_are_left_alone(door: Door, issuer: Issuer) -> None:
    house, run = door.house, door.run
    hal = door.person("hal")
    who = {"sub": "s-hal", "email": "hal@signin.example", "email_verified": True}
    sales, ops, own = (run(house.directory.add_group(name)) for name in ("Sales", "Ops", "Own"))
    run(house.directory.add_member(own, hal))
    run(house.provided_groups.follow(sales, "real", "g-sales"))
    run(house.provided_groups.follow(ops, "real", "g-ops"))
    run(house.provided_groups.follow(ops, "real", "g-more"))

    def inside() -> set[str]:
        names = {sales: "sales", ops: "ops", own: "own"}
        return {name for group, name in names.items() if hal in members(door, group)}

    for claim, expected in (
        (["g-sales", "unknown"], {"sales", "own"}),
        (["g-more"], {"ops", "own"}),
        (None, {"ops", "own"}),
        (["g-sales", "g-ops"], {"sales", "ops", "own"}),
        ("g-ops", {"ops", "own"}),
        ([], {"own"}),
    ):
        comes_in(door, issuer, **who, groups=claim)
        assert inside() == expected, claim
    with pytest.raises(Refused, match="groups_claim"):
        run(house.provided_groups.follow(own, "independent", "x"))
    with pytest.raises(NotFound):
        run(house.provided_groups.follow(own, "nobody", "x"))
    with pytest.raises(Refused, match="security group"):
        run(house.provided_groups.follow(hal, "real", "x"))
    with pytest.raises(Conflict):
        run(house.provided_groups.follow(sales, "down", "x"))
    assert run(house.provided_groups.unfollow(sales))
    assert not run(house.provided_groups.unfollow(sales))


# somebody else's provider


def at_the_independent(door: Door, begun: Begun, subject: str) -> dict[str, str]:
    """Do what a person does there: the form, and its button."""

    async def pressed() -> httpx.Response:
        async with httpx.AsyncClient(timeout=30) as client:
            form = await client.get(begun.url)
            assert form.status_code == 200, form.text
            assert re.search(r'name="sub"', form.text)
            return await client.post(begun.url, data={"sub": subject})

    return came_back(door.run(pressed()))


def test_another_provider_adds_whom_it_may(door: Door, independent: str) -> None:
    async def told(subject: str, **claims: Any) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.put(f"{independent}/users/{subject}", json=claims)
            assert answer.is_success, answer.text

    def arrives(subject: str) -> Any:
        begun = begin(door, "independent")
        back = at_the_independent(door, begun, subject)
        return door.run(door.house.openid.finish(back, begun.browser)).person

    door.run(told("s-new", email="new@elsewhere.example", email_verified=True, name="New One"))
    made = arrives("s-new")
    (row,) = [one for one in door.run(door.house.listing.people()) if one["id"] == made]
    assert (row["name"], row["upn"], row["roles"]) == (
        "New One", "new@elsewhere.example", "Basic User"
    )  # fmt: skip
    assert arrives("s-new") == made
    door.run(told("s-bad", email="bad@elsewhere.example", email_verified=False))
    with pytest.raises(AccessDenied):
        arrives("s-bad")


def test_two_browsers_of_one_person_arrive_at_once(door: Door, issuer: Issuer) -> None:
    joy = door.person("joy")
    issuer.person = {"sub": "s-joy", "email": "joy@signin.example", "email_verified": True}
    begun = [begin(door) for _ in range(4)]
    backs = [sent_back(door, one) for one in begun]

    async def all_at_once() -> list[Any]:
        ends = [door.house.openid.finish(back, one.browser)
                for back, one in zip(backs, begun, strict=True)]  # fmt: skip
        return await asyncio.gather(*ends, return_exceptions=True)

    ends = door.run(all_at_once())
    assert {end.person for end in ends if not isinstance(end, FlownerError)} == {joy}
    assert all(not isinstance(end, Exception) for end in ends)


def test_nothing_of_a_sign_in_is_kept_in_the_clear(door: Door, issuer: Issuer) -> None:
    del issuer
    begun = begin(door)
    asked = parse_qs(urlsplit(begun.url).query)

    async def rows() -> str:
        async with door.house.database.connection() as connection:
            return repr(await registry.select(connection, "signinbegun", {}))

    kept = door.run(rows())
    for text in (begun.browser.reveal(), asked["state"][0], asked["nonce"][0]):
        assert text not in kept
        assert begun.browser.reveal() not in begun.url
    assert begun.browser.reveal() not in repr(begun)


def test_an_elliptic_key_proves_as_well(door: Door, issuer: Issuer) -> None:
    """The keys of a provider are not all of one kind."""
    door.person("kay")
    issuer.rotate(elliptic())
    original = issuer.token
    try:
        door.clock.ahead = timedelta(minutes=2)
        issuer.token = lambda **claims: original(alg="ES256", **claims)  # type: ignore[method-assign]
        comes_in(door, issuer, sub="s-kay", email="kay@signin.example", email_verified=True)
    finally:
        issuer.token = original  # type: ignore[method-assign]
        door.clock.ahead = timedelta(0)
