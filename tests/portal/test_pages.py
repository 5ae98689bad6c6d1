"""Every page, in a real browser: light and dark, wide and narrow, for everybody's eyes and ears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from flowner.demo.company import FLOWS
from portal.conftest import AXE, SCREENS, Fernwood
from portal.screens import PAGES

_SCHEMES = ("light", "dark")
_MOST_FIRST, _MOST_AFTER = 60 * 1024, 20 * 1024


def address_of(fernwood: Fernwood, path: str) -> str:
    """Fill an address in: flows and people by their short names, runs by their flows'."""
    runs = {}
    if "{run[" in path:
        for name, flow in FLOWS.items():
            for header in fernwood.do(fernwood.house.journal.runs(flow=flow, limit=1)):
                runs[name] = header.id
    asked = _approvals(fernwood) if "{approval[" in path else {}
    return fernwood.address + path.format(
        flow=FLOWS, run=runs, people=fernwood.company.people, app=fernwood.company.app,
        connections=fernwood.company.connections, defects=fernwood.company.defects,
        approval=asked,
    )  # fmt: skip


def _approvals(fernwood: Fernwood) -> dict[str, Any]:
    """Return the approvals of the story: the one that waits for Noor, and the one she gave."""
    noor = fernwood.company.people["noor"]
    approvals = fernwood.house.approvals
    (waiting,) = [
        one for one in fernwood.do(approvals.of(noor)) if "lawn mower" in one.approval.title
    ]
    settled = next(
        one for one in fernwood.do(approvals.of(noor, "history")) if "bench" in one.approval.title
    )
    link = fernwood.house.links.make(waiting.mine[0].id, noor, "Approve")
    return {
        "open": waiting.approval.id,
        "settled": settled.approval.id,
        "run": settled.approval.run,
        "link": link.removeprefix(fernwood.address),
    }


@contextmanager
def quiet(page: Any, *, allow: int = 0) -> Iterator[None]:
    """Fail when the page says anything in its console: a script that is refused says so there.

    ``allow``: a status whose answer the console notes, and may.
    """
    said: list[str] = []
    listeners = {
        "console": lambda one: said.append(one.text) if one.type in ("error", "warning") else None,
        "pageerror": lambda one: said.append(str(one)),
    }
    for name, listener in listeners.items():
        page.on(name, listener)
    yield
    for name, listener in listeners.items():
        page.remove_listener(name, listener)
    assert not [one for one in said if not (allow and str(allow) in one)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_seen_and_heard_by_everybody(
    name: str, fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    who, path = PAGES[name]
    page = known_pages(who)
    page.set_viewport_size({"width": 1360, "height": 860})
    with quiet(page, allow=404 if name == "not-found" else 0):
        page.goto(address_of(fernwood, path), wait_until="networkidle")
    look_at(page, name)


def look_at(page: Any, name: str) -> None:
    """Look at a page as it stands: light, dark and on a phone; keep the pictures under a name."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": 1360, "height": 860})
    assert page.locator("h1").count() == 1, "one heading says what the page is"
    assert page.title().endswith("· Flowner")
    for scheme in _SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENS / f"{name}-{scheme}.png", full_page=True)
        found = violations(page)
        assert not found, f"{scheme}: {found}"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    page.screenshot(path=SCREENS / f"{name}-phone.png", full_page=True)
    too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert too_wide <= 0, f"{too_wide} pixels stick out on a phone"


def violations(page: Any) -> list[str]:
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary'][:300]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_script_and_no_style_of_its_own(
    name: str, fernwood: Fernwood, client_as: Callable[[str], httpx.Client]
) -> None:
    who, path = PAGES[name]
    answer = client_as(who).get(address_of(fernwood, path))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    html = answer.text.lower()
    for wrong in ('style="', "onclick=", "onload=", "javascript:", "<style", "hx-on"):
        assert wrong not in html, wrong
    assert "<script>" not in html


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_small(
    name: str, fernwood: Fernwood, client_as: Callable[[str], httpx.Client]
) -> None:
    """A first visit is at most 60 KB as it is sent, and the next page 20 KB."""
    who, path = PAGES[name]
    client = client_as(who)
    address = address_of(fernwood, path)
    page = _sent(client, address)
    files = {
        one.split('"')[0].partition("#")[0]
        for one in client.get(address).text.replace("'", '"').split('"/static/')[1:]
    }
    first = page + sum(_sent(client, f"{fernwood.address}/static/{one}") for one in files)
    assert page <= _MOST_AFTER
    assert first <= _MOST_FIRST


def _sent(client: httpx.Client, address: str) -> int:
    with client.stream("GET", address) as answer:
        return sum(len(part) for part in answer.iter_raw())


def test_nobody_sees_a_page_who_is_not_signed_in(fernwood: Fernwood) -> None:
    for _, path in PAGES.values():
        if path == "/nowhere":
            continue
        address = address_of(fernwood, path)
        answer = httpx.get(address, follow_redirects=False)
        assert answer.status_code == 303, address
        assert urlsplit(answer.headers["location"]).path == "/sign-in"
