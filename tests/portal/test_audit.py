"""The audit search: found by people, accounts, outcomes; led to the card; taken away as CSV."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Callable, Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from flowner.demo.company import FLOWS
from flowner.flows.running import Press
from flowner.portal.spreadsheets import cell
from flowner.values import RunId
from portal.conftest import Fernwood
from portal.test_pages import quiet
from worlds import written

Client = Callable[[str], httpx.Client]


def found(client: httpx.Client, fernwood: Fernwood, query: str) -> list[dict[str, str]]:
    """Return what a search answers as CSV."""
    answer = client.get(f"{fernwood.address}/admin/audit?format=csv&{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


@pytest.mark.parametrize(
    ("query", "column", "value"),
    [
        pytest.param("by={people[mia]}", "initiator", "Mia Lindt", id="initiated by"),
        pytest.param("as={people[mia]}", "ran_as", "Mia Lindt", id="ran as"),
        pytest.param("acting={people[bob]}", "acted_as", "Bob Keller", id="acted as"),
        pytest.param("actor={people[ada]}", "actor", "Ada Brand", id="actor"),
        pytest.param("lender={people[ada]}", "lent_by", "Ada Brand", id="lent by"),
        pytest.param("account=mia%40fernwood.example", "account", "mia@fernwood.example", id="via"),
        pytest.param("flow={flow[greet]}", "flow", "Greet a customer", id="flow, by id"),
        pytest.param("flow=Greet+a+customer", "flow", "Greet a customer", id="flow, by name"),
        pytest.param("rule=action.impersonated", "rule", "action.impersonated", id="rule"),
        pytest.param("operation=MyProfile_V2", "operation", "MyProfile_V2", id="operation"),
        pytest.param("status=Failed", "status", "Failed", id="status"),
        pytest.param("refused=1", "refused", "yes", id="refused"),
        pytest.param("to=2001-01-01T00:00", "flow", "", id="before anything"),
    ],
)  # fmt: skip
def test_a_search_finds_what_it_asks_for(
    fernwood: Fernwood, client_as: Client, query: str, column: str, value: str
) -> None:
    asked = query.format(people=fernwood.company.people, flow=FLOWS)
    rows = found(client_as("ada"), fernwood, asked)
    assert {row[column] for row in rows} == ({value} if value else set())
    page = client_as("ada").get(f"{fernwood.address}/admin/audit?{asked}")
    assert page.text.count('data-label="Outcome"') == min(len(rows), 30)


def test_a_fallback_is_found_with_its_reason(fernwood: Fernwood, client_as: Client) -> None:
    rows = found(client_as("ada"), fernwood, "fallback=1")
    assert rows
    assert all("runs as the owner" in row["fallback"] for row in rows)


def test_the_file_holds_everything_and_the_page_follows(
    fernwood: Fernwood, client_as: Client
) -> None:
    """The page turned to its end shows as much as the file, and each of it once."""
    client, address = client_as("ada"), f"{fernwood.address}/admin/audit?tab=acts"
    rows = found(client, fernwood, "tab=acts")
    assert len(rows) > 30
    shown, pages = 0, 0
    while address:
        text = client.get(address).text
        shown, pages = shown + text.count('data-label="Act"'), pages + 1
        older = re.search(r'href="([^"]*)" rel="next"', text)
        address = fernwood.address + unescape(older[1]) if older else ""
    assert shown == len(rows)
    assert pages > 1


def test_a_search_is_made_and_leads_to_the_card(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    page = known_pages("ada")
    page.set_viewport_size({"width": 1360, "height": 860})
    page.goto(f"{fernwood.address}/flows")
    page.get_by_role("navigation", name="Portal").get_by_role("link", name="Audit").click()
    page.get_by_role("combobox", name="Initiated by").fill("Bob")
    page.get_by_role("option", name="Bob Keller").click()
    page.get_by_label("Refused").check()
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(f"**by={fernwood.company.people['bob']}**refused=1**")
    assert page.get_by_role("combobox", name="Initiated by").input_value() == "Bob Keller"
    row = page.locator("tbody tr").filter(has_text="Remind the customer").first
    with quiet(page):
        row.get_by_role("link").first.click()
        page.get_by_role("heading", name="Send reminder").wait_for()
    assert "card=Send_reminder" in page.url


def test_what_is_done_in_the_portal_is_noted(
    fernwood: Fernwood, client_as: Client, known_pages: Callable[[str], Any]
) -> None:
    page, flow = known_pages("ada"), FLOWS["greet"]
    page.goto(f"{fernwood.address}/flows/{flow}")
    for name in ("Turn off", "Turn on"):
        page.get_by_role("button", name=name).click()
        page.wait_for_load_state("networkidle")
    on, off, *_ = found(client_as("ada"), fernwood, f"tab=acts&target={flow}")
    assert (off["act"], on["act"]) == ("flow.turn-off", "flow.turn-on")
    assert {one["by"] for one in (on, off)} == {"Ada Brand"}


@pytest.mark.parametrize(
    "query", ["", "?tab=acts", "?format=csv", "?tab=acts&format=csv", "?flow=nothing+like+it"]
)
def test_administrators_alone_come_in(fernwood: Fernwood, client_as: Client, query: str) -> None:
    answer = client_as("bob").get(f"{fernwood.address}/admin/audit{query}")
    assert answer.status_code == 403
    assert "fernwood.example" not in answer.text.replace("bob@fernwood.example", "")
    assert "/admin/audit" not in client_as("bob").get(f"{fernwood.address}/flows").text


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        pytest.param("by=nobody", 400, "is an id", id="nobody"),
        pytest.param("from=yesterday", 400, "no moment", id="no moment"),
        pytest.param("to=0001-01-01T00:00%2B23:00", 400, "no moment", id="before all time"),
        pytest.param("connection=mine", 400, "is an id", id="no id"),
        pytest.param("status=Odd", 400, "is one of", id="no status"),
        pytest.param("rule=none", 400, "is one of", id="no rule"),
        pytest.param("tab=acts&act=odd", 400, "is one of", id="no act"),
        pytest.param("before=1", 404, "no such page", id="no page"),
        pytest.param("before=now~1~1", 400, "no moment", id="no page at a moment"),
        pytest.param("flow=Nothing+like+it", 200, "There is no flow", id="no flow"),
    ],
)
def test_an_address_may_say_anything(
    fernwood: Fernwood, client_as: Client, query: str, status: int, said: str
) -> None:
    answer = client_as("ada").get(f"{fernwood.address}/admin/audit?{query}")
    assert answer.status_code == status
    assert said in unescape(answer.text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("=1+1", "'=1+1", id="a formula"),
        pytest.param("+1", "'+1", id="a plus"),
        pytest.param("-1", "'-1", id="a minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="an at"),
        pytest.param("\t=1", "'\t=1", id="a tab before it"),
        pytest.param("\r=1", "'\r=1", id="a return before it"),
        pytest.param("＝1", "'＝1", id="a full-width sign"),
        pytest.param("ada@x", "ada@x", id="a text"),
        pytest.param(-1, "-1", id="a number"),
        pytest.param(None, "", id="nothing"),
        pytest.param(True, "yes", id="yes"),
        pytest.param({"a": 1}, '{"a": 1}', id="an object"),
    ],
)
def test_no_cell_is_a_formula(value: Any, expected: str) -> None:
    assert cell(value) == expected


@pytest.fixture
def busy() -> Iterator[str]:
    """Return the address of a service that is busy when it is asked first, and says so."""
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if len(asked) > 1 else 503)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"error": {"message": "back in a minute"}}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_every_attempt_has_its_error_on_the_card_and_its_line_in_the_audit(
    fernwood: Fernwood, client_as: Client, known_pages: Callable[[str], Any], busy: str
) -> None:
    house, ada = fernwood.house, fernwood.company.people["ada"]
    policy = {"type": "fixed", "count": 1, "interval": "PT5S"}
    ask = {"type": "Http", "runAfter": {}, "inputs": {"method": "GET", "uri": busy}}
    ask["inputs"]["retryPolicy"] = policy
    (made,) = written.package(written.BUTTON, {"Ask": ask}, {}).flows
    flow = fernwood.do(house.publishing.create(made, ada))
    fernwood.do(house.turning.on(flow, ada))

    async def pressed() -> RunId:
        run = house.running.fresh_run()
        with house.replies.expect(run) as (_, end):
            await house.running.press(Press(flow=flow, by=ada, inputs={}), run=run)
            await end
        return run

    run = fernwood.do(pressed())
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{flow}/runs/{run}?card=Ask")
    attempts = page.locator("section", has=page.get_by_role("heading", name="Attempts"))
    assert attempts.locator("li").count() == 1
    said = attempts.locator("li").inner_text()
    assert "ServiceUnavailable" in said
    assert "back in a minute" in said
    second, first = found(client_as("ada"), fernwood, f"flow={flow}")
    assert (first["attempt"], first["status"], first["code"]) == (
        "1",
        "Failed",
        "ServiceUnavailable",
    )
    assert (second["attempt"], second["status"]) == ("2", "Succeeded")
