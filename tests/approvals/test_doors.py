"""Answered through the portal, a link in a letter, the API and the command line."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from approvals.conftest import asks
from flowner.approvals import posting
from flowner.approvals.links import LIFE, Links
from flowner.approvals.markdown import to_html
from flowner.approvals.posting import PostOffice
from flowner.approvals.relay import MailRelay
from flowner.clock import HeldClock
from flowner.demo.mailbox import Mailbox
from flowner.errors import AccessDenied, Conflict, Refused
from flowner.rows.letters import letters_of
from flowner.serving import serve
from flowner.values import PrincipalId, Secret
from worlds.living import PATIENCE

ANN, BOB = "ann@living.example", "bob@living.example"


@asynccontextmanager
async def browser(town: Any, here: str, name: str | None) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client with a session of somebody's, or of nobody."""
    cookies = {}
    if name is not None:
        secret = await town.house.sessions.begin(await town.person(name))
        cookies = {"flowner_session": secret.reveal()}
    async with httpx.AsyncClient(base_url=here, cookies=cookies, timeout=PATIENCE) as client:
        yield client


def fields(html: str) -> dict[str, str]:
    """Return the hidden fields of a page's last form."""
    form = html.rpartition("<form")[2]
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found}


def within(house: Any, **changes: Any) -> Any:
    return replace(house, settings=replace(house.settings, **changes))


def test_answered_in_the_portal(run, town) -> None:
    async def story() -> None:
        details = "**bold** <script>alert(1)</script> [x](javascript:alert(1))"
        id = await town.parked(await town.asking({"Ask": asks(details=details)}))
        approval = await town.approval(id)
        page = f"/approvals/{approval.id}"
        async with serve(town.house) as here:
            async with browser(town, here, "cem") as stranger:
                assert (await stranger.get(page)).status_code == 404
            async with browser(town, here, "bob") as bob:
                assert approval.title in (await bob.get("/approvals")).text
                shown = (await bob.get(page)).text
                assert "<strong>bold</strong>" in shown
                assert "<script>alert" not in shown
                assert 'href="javascript' not in shown
                form = {"form_token": _token(shown), "response": "Approve", "comments": "yes"}
                forged = await bob.post(f"{page}/respond", data=form | {"form_token": "no"})
                assert forged.status_code == 403
                answer = await bob.post(f"{page}/respond", data=form)
                assert answer.status_code == 303
                again = await bob.post(f"{page}/respond", data=form)
                assert again.status_code == 409
                assert "it is settled" in again.text.lower()
        (by,) = (await town.ended(id)).acting["answeredBy"]
        assert (by["via"], by["comments"]) == ("portal", "yes")

    run(story())


def _token(html: str) -> str:
    return re.search(r'name="form-token" content="([^"]+)"', html)[1]


def test_a_link_is_for_one_person_and_one_answer_and_opening_it_answers_nothing(run, town) -> None:
    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks(to=f"{ANN};{BOB}")}))
        approval = await town.approval(id)
        bob_ = await town.person("bob")
        question = next(one for one in approval.requests if one.holder == bob_)
        async with serve(town.house) as here:
            link = town.house.links.make(question.id, await town.person("bob"), "Reject")
            path = link.removeprefix(here)
            async with browser(town, here, None) as nobody:
                sent_on = await nobody.get(path)
                assert sent_on.status_code == 303
                assert sent_on.headers["location"].startswith("/sign-in?next=")
                query = {n: v[0] for n, v in parse_qs(urlsplit(path).query).items()}
                assert (await nobody.post("/approvals/answer", data=query)).status_code == 303
            async with browser(town, here, "ann") as ann:
                other = await ann.get(path)
                assert other.status_code == 403
                assert "this link is for bob" in other.text.lower()
            async with browser(town, here, "bob") as bob:
                shown = await bob.get(path)
                assert shown.status_code == 200
                assert "Nothing is answered yet" in shown.text
                assert (await town.approval(id)).outcome is None
                given = fields(shown.text)
                for name, wrong in (("response", "Approve"), ("person", await town.person("ann"))):
                    forged = await bob.post("/approvals/answer", data=given | {name: wrong})
                    assert forged.status_code == 403
                done = await bob.post("/approvals/answer", data=given | {"comments": "no"})
                assert done.status_code == 200
                replayed = await bob.post("/approvals/answer", data=given)
                assert replayed.status_code == 409
                assert (await bob.get(path)).status_code == 200
        ended = await town.ended(id)
        assert ended.outputs["body"]["outcome"] == "Reject"
        (by,) = ended.acting["answeredBy"]
        assert (by["principal"], by["via"]) == (await town.person("bob"), "mail")

    run(story())


def test_where_the_setting_says_so_a_link_needs_nobody_to_sign_in(run, town) -> None:
    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks()}))
        (question,) = (await town.approval(id)).requests
        open_house = within(town.house, answers_without_sign_in=True)
        async with serve(open_house) as here, browser(town, here, None) as nobody:
            link = town.house.links.make(question.id, await town.person("bob"), "Approve")
            shown = await nobody.get(link.removeprefix(here))
            assert shown.status_code == 200
            assert (await town.approval(id)).outcome is None
            done = await nobody.post("/approvals/answer", data=fields(shown.text))
            assert done.status_code == 200
            assert (await nobody.get("/approvals")).status_code == 303
            # Who was disabled since has no answer to give, link or not.
            other = await town.parked(await town.asking({"Ask": asks()}))
            (question,) = (await town.approval(other)).requests
            bob = await town.person("bob")
            link = town.house.links.make(question.id, bob, "Approve")
            shown = await nobody.get(link.removeprefix(here))
            await town.house.directory.set_enabled(bob, enabled=False)
            refused = await nobody.post("/approvals/answer", data=fields(shown.text))
            assert refused.status_code == 403
            await town.house.directory.set_enabled(bob, enabled=True)
        (by,) = (await town.ended(id)).acting["answeredBy"]
        assert by["principal"] == await town.person("bob")

    run(story())


def test_a_link_ends_and_bears_no_change() -> None:
    clock = HeldClock()
    links = Links(lambda: "https://x.example", lambda what: f"signed {what}", clock)
    query = urlsplit(links.make("q", PrincipalId("p"), "Go on")).query
    given = {name: values[0] for name, values in parse_qs(query).items()}
    assert links.read(given).response == "Go on"
    for name, wrong in (("request", "r"), ("person", "o"), ("response", "No"), ("until", "9" * 10)):
        with pytest.raises(AccessDenied):
            links.read(given | {name: wrong})
    clock.move(LIFE + timedelta(seconds=1))
    with pytest.raises(Refused):
        links.read(given)


@pytest.mark.parametrize(
    ("text", "shown", "hidden"),
    [
        pytest.param("# T", "<h3>T</h3>", "<h1", id="headings begin below a page's"),
        pytest.param("<b>x</b>", "&lt;b&gt;", "<b>", id="no HTML of the author's"),
        pytest.param("![p](https://x.example/p.png)", "p", "<img", id="no pictures"),
        pytest.param("[x](data:text/html,1)", "[x]", "href", id="no data addresses"),
        pytest.param("[x](https://x.example)", 'rel="noopener noreferrer"', "<script", id="links"),
        pytest.param("a | b\n--|--\n1 | 2", "<table>", "|", id="tables"),
    ],
)
def test_markdown_is_shown_and_can_do_nothing(text: str, shown: str, hidden: str) -> None:
    html = to_html(text)
    assert shown in html
    assert hidden not in html


def test_letters_go_to_whom_it_is_asked_of_and_their_links_answer(run, town) -> None:
    account = "flowner@house.example"
    mailbox = Mailbox(accounts={account: Secret(secrets.token_urlsafe(9))})

    async def story() -> None:
        house = town.house
        async with mailbox, serve(house) as here:
            relay = MailRelay(host=mailbox.host, port=mailbox.port, security="none",
                              sender=account, user=Secret(account),
                              password=mailbox.accounts[account])  # fmt: skip
            office = PostOffice(house.database, house.links, relay)
            while await office.send(relay):
                pass
            mailbox.messages.clear()
            quiet = await town.parked(await town.asking({"Ask": asks(enableNotifications=False)}))
            group = await house.directory.add_group(f"Board {secrets.token_hex(3)}")
            for name in ("ann", "bob"):
                await house.directory.add_member(group, await town.person(name))
            title = f"Really {secrets.token_hex(3)}?"
            id = await town.parked(
                await town.asking({"Ask": asks(to=group, title=title, details="*Now*")})
            )
            assert await office.send(relay) == 2
            assert await office.send(relay) == 0
            assert sorted(one.recipients for one in mailbox.messages) == [(ANN,), (BOB,)]
            assert {one.authenticated_as for one in mailbox.messages} == {account}
            (to_bob,) = (one for one in mailbox.messages if one.recipients == (BOB,))
            assert title in to_bob.subject
            assert "<em>Now</em>" in to_bob.body
            links = [unescape(one) for one in re.findall(r'href="([^"]+)"', to_bob.body)]
            (approve,) = (one for one in links if "response=Approve" in one)
            async with browser(town, here, "bob") as bob:
                shown = await bob.get(approve.removeprefix(here))
                await bob.post("/approvals/answer", data=fields(shown.text))
            (by,) = (await town.ended(id)).acting["answeredBy"]
            assert (by["principal"], by["onBehalfOf"]) == (await town.person("bob"), group)
            await house.cancelling.cancel(quiet, await town.person("olga"))
            assert len(mailbox.messages) == 2

    run(story())


def test_a_letter_about_what_is_settled_is_not_sent(run, town) -> None:
    async def story() -> None:
        house = town.house
        relay = MailRelay(host="127.0.0.1", port=9, security="none", sender="f@house.example",
                          user=Secret(""), password=Secret(""))  # fmt: skip
        id = await town.parked(await town.asking({"Ask": asks()}))
        await town.respond(id, "bob", "Approve")
        office = PostOffice(house.database, house.links, relay)
        while await office.send(relay):
            pass
        (question,) = (await town.approval(id)).requests
        async with house.database.connection() as connection:
            (letter,) = await letters_of(connection, "approval", question.id)
        assert (letter["senton"], letter["due"]) == (None, False)
        assert "not asked any more" in str(letter["error"])

    run(story())


def test_a_letter_that_cannot_be_written_holds_up_no_other(
    run, town, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = "flowner@house.example"
    mailbox = Mailbox(accounts={account: Secret(secrets.token_urlsafe(9))})
    write = posting.write_about_approval

    async def story() -> None:
        async with mailbox:
            relay = MailRelay(host=mailbox.host, port=mailbox.port, security="none",
                              sender=account, user=Secret(account),
                              password=mailbox.accounts[account])  # fmt: skip
            office = PostOffice(town.house.database, town.house.links, relay)
            while await office.send(relay):
                pass
            mailbox.messages.clear()
            for title in ("broken", "whole"):
                await town.parked(await town.asking({"Ask": asks(title=title)}))

            def breaks(approval: Any, *given: Any) -> Any:
                if approval.title == "broken":
                    raise KeyError(approval.title)
                return write(approval, *given)

            monkeypatch.setattr(posting, "write_about_approval", breaks)
            assert await office.send(relay) == 2
            assert [one.subject for one in mailbox.messages] == ["Approval: whole"]

    run(story())


def test_answered_through_the_api(run, town) -> None:
    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks(to=f"{ANN};{BOB}")}))
        approval = await town.approval(id)
        async with serve(town.house) as here:
            token = {}
            for name in ("ann", "bob", "cem"):
                issued = await town.house.tokens.issue(await town.person(name), "test")
                token[name] = {"Authorization": f"Bearer {issued.reveal()}"}
            async with httpx.AsyncClient(base_url=here, timeout=PATIENCE) as client:
                assert (await client.get("/api/approvals")).status_code == 401
                listed = (await client.get("/api/approvals", headers=token["bob"])).json()
                (mine,) = [one for one in listed["value"] if one["approvalId"] == approval.id]
                assert mine["responseOptions"] == ["Approve", "Reject"]
                path = f"/api/approvals/{approval.id}"
                assert (await client.get(path, headers=token["cem"])).status_code == 404
                bob_s = next(one for one in mine["requests"] if one["of"]["displayName"] == "bob")
                to_cem = {"to": "cem", "request": bob_s["request"]}
                moved = await client.post(f"{path}/reassign", headers=token["bob"], json=to_cem)
                assert moved.status_code == 200
                said = {"response": "Approve", "comments": "ok"}
                for name, status in (("bob", 403), ("cem", 200), ("ann", 409)):
                    answer = await client.post(f"{path}/respond", headers=token[name], json=said)
                    assert answer.status_code == status, answer.text
                odd = await client.post(f"{path}/respond", headers=token["ann"], json={})
                assert odd.status_code == 400
                sign_ins = await client.get("/api/sign-ins", headers=token["bob"])
                assert sign_ins.json() == {"value": []}
        (by,) = (await town.ended(id)).acting["answeredBy"]
        assert (by["name"], by["onBehalfOfName"], by["via"]) == ("cem", "bob", "api")

    run(story())


def test_cancelled_through_the_api_and_in_the_portal(run, town) -> None:
    async def story() -> None:
        first, second = [
            await town.parked(await town.asking({"Ask": asks(to=BOB)})) for _ in range(2)
        ]
        one, other = [(await town.approval(id)).id for id in (first, second)]
        async with serve(town.house) as here:
            async with httpx.AsyncClient(base_url=here, timeout=PATIENCE) as client:
                for name, status in (("cem", 404), ("bob", 403), ("olga", 200), ("olga", 409)):
                    issued = await town.house.tokens.issue(await town.person(name), "test")
                    mine = {"Authorization": f"Bearer {issued.reveal()}"}
                    path = f"/api/approvals/{one}/cancel"
                    answer = await client.post(path, headers=mine, json={"reason": "moot"})
                    assert answer.status_code == status, answer.text
            async with browser(town, here, "bob") as bob:
                assert "Cancel the approval" not in (await bob.get(f"/approvals/{other}")).text
            async with browser(town, here, "olga") as olga:
                page = (await olga.get(f"/approvals/{other}")).text
                assert "Cancel the approval" in page
                form = {"form_token": _token(page), "reason": "Bought elsewhere"}
                done = await olga.post(f"/approvals/{other}/cancel", data=form)
                assert done.status_code == 303, done.text
                page = (await olga.get(f"/approvals/{other}")).text
                assert "Bought elsewhere" in page
                assert "Cancel the approval" not in page
        for id, via in ((first, "api"), (second, "portal")):
            (by,) = (await town.ended(id)).acting["answeredBy"]
            assert (by["name"], by["response"], by["via"]) == ("olga", "Canceled", via)

    run(story())


def test_a_bad_request_in_one_letter_is_no_end_of_the_others(run, town) -> None:
    """A relay that is not there: the letters stay due, and nothing is lost."""

    async def story() -> None:
        relay = MailRelay(host="127.0.0.1", port=9, security="none", sender="f@house.example",
                          user=Secret(""), password=Secret(""))  # fmt: skip
        id = await town.parked(await town.asking({"Ask": asks()}))
        office = PostOffice(town.house.database, town.house.links, relay)
        while await office.send(relay):
            pass
        (question,) = (await town.approval(id)).requests
        async with town.house.database.connection() as connection:
            (letter,) = await letters_of(connection, "approval", question.id)
        assert (letter["attempts"], letter["due"], letter["error"]) == (1, True, None)
        with pytest.raises(Conflict):
            await town.house.approvals.to_reassign(
                (await town.approval(id)).id, await town.person("bob"), await town.person("ann")
            )

    run(story())
