"""Every link of every page leads somewhere, for whoever sees it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from portal.conftest import Fernwood
from portal.screens import PAGES
from portal.test_pages import address_of

_ADDRESSES = re.compile(r'\s(?:href|src|hx-get|data-from)="([/?][^"]*)"')


@pytest.mark.parametrize("who", sorted({who for who, _ in PAGES.values()}))
def test_every_link_leads_somewhere(
    who: str, fernwood: Fernwood, client_as: Callable[[str], httpx.Client]
) -> None:
    client = client_as(who)
    found: dict[str, str] = {}
    for name, (seer, path) in PAGES.items():
        if seer != who or name == "not-found":
            continue
        here = address_of(fernwood, path)
        for said in _ADDRESSES.findall(client.get(here).text):
            address = urljoin(here, unescape(said)).partition("#")[0]
            if urlsplit(address).netloc == urlsplit(fernwood.address).netloc:
                found.setdefault(address, name)
    assert len(found) > 10
    broken = [
        f"{name}: {address.removeprefix(fernwood.address)} answers {status}"
        for address, name in found.items()
        if (status := client.get(address).status_code) >= 400
    ]
    assert not broken, "\n".join(broken)
