"""Looking at runs: who set each off, in whose name it ran, and why; stopped, and run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowner.access.vocabulary import ConnectionRole
from flowner.demo.company import FLOWS
from flowner.errors import Refused
from flowner.flows.explain import Supposed, explanation_json
from flowner.values import FlowId, RunId
from portal.conftest import Fernwood
from worlds import written

WAIT = {
    "Pause": {
        "runAfter": {},
        "type": "Wait",
        "inputs": {"interval": {"count": 1, "unit": "Hour"}},
    }
}
LOOP = {
    "Each": {
        "runAfter": {},
        "type": "Foreach",
        "foreach": "@createArray(1, 2, 0, 4)",
        "actions": {"Share": {"runAfter": {}, "type": "Compose", "inputs": "@div(8, item())"}},
    }
}
PROFILE = {"Me": written.call("people", written.PEOPLE, "MyProfile_V2", {})}


@pytest.fixture
def inspector(fernwood: Fernwood, known_pages: Callable[[str], Any]) -> Callable[..., Any]:
    def look(flow: FlowId, run: RunId, who: str = "ada", query: str = "") -> Any:
        page = known_pages(who)
        page.set_viewport_size({"width": 1360, "height": 860})
        page.goto(f"{fernwood.address}/flows/{flow}/runs/{run}{query}")
        page.locator(".canvas[data-ready]").wait_for()
        return page

    return look


def newest(fernwood: Fernwood, name: str) -> RunId:
    (header,) = fernwood.do(fernwood.house.journal.runs(flow=FLOWS[name], limit=1))
    return header.id


def card(page: Any, title: str) -> Any:
    return page.locator("[data-node]").filter(has=page.locator(".title", has_text=title)).last


RUN_AS = {
    "as_owner": ("Ada Brand", "an automated flow runs in the name of its primary owner"),
    "as_modifier": ("Noor Aziz", "Run as is the modifying user: who made the change"),
    "as_row_owner": ("Bob Keller", "Run as is the row owner: whose row it was when it changed"),
}


@pytest.mark.parametrize("name", RUN_AS)
def test_a_run_says_whom_it_ran_as_and_why(
    name: str, fernwood: Fernwood, inspector: Callable[..., Any]
) -> None:
    who, why = RUN_AS[name]
    headers = fernwood.do(fernwood.house.journal.runs(flow=FLOWS[name]))
    one = next(h for h in headers if h.principal == id_of(fernwood, who))
    page = inspector(FLOWS[name], one.id)
    head = page.locator("#run-head")
    assert f"ran as {who}" in head.inner_text()
    assert why in head.inner_text()
    assert "Noor Aziz" in head.get_by_text("initiated by").locator("..").inner_text()
    assert f"ran as {who}" in card(page, "Add note").inner_text()
    assert "ran as Office mail" in card(page, "Tell the desk").inner_text()
    card(page, "Add note").locator(".head").click()
    panel = page.get_by_role("complementary", name="Card")
    panel.get_by_role("heading", name="Add note").wait_for()
    said = panel.inner_text()
    assert "ada@fernwood.example" in said
    assert "fern_rows" in said
    assert ("Ada Brand acts for" in said) is (who != "Ada Brand")


def id_of(fernwood: Fernwood, name: str) -> str:
    people = fernwood.company.people
    return people[name.split(maxsplit=1)[0].lower()]


def test_the_list_of_runs_is_filtered_by_whom_they_ran_as(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{FLOWS['as_row_owner']}/runs")
    page.get_by_label("Ran as").select_option(label="Bob Keller")
    page.wait_for_url("**as=*")
    rows = page.locator("tbody tr")
    assert rows.count() == 1
    assert "Bob Keller" in rows.first.inner_text()
    assert "whose row it was when it changed" in rows.first.inner_text()


def test_a_failed_run_says_what_was_wrong_and_whom_to_ask(
    fernwood: Fernwood, inspector: Callable[..., Any]
) -> None:
    page = inspector(FLOWS["remind"], newest(fernwood, "remind"), "bob")
    alert = page.locator("#run-head").get_by_role("alert")
    assert "Ask Ada Brand" in alert.inner_text(), "who lent the connection has left"
    card(page, "Send reminder").locator(".head").click()
    panel = page.get_by_role("complementary", name="Card")
    panel.get_by_text("Leo Past, whose connection").first.wait_for()
    assert "nobody" in card(page, "Send reminder").inner_text()


def test_others_runs_are_no_business_of_a_run_only_user(
    fernwood: Fernwood, client_as: Callable[[str], Any]
) -> None:
    flow = FLOWS["greet"]
    headers = fernwood.do(fernwood.house.journal.runs(flow=flow))
    mias = next(h for h in headers if h.initiator == fernwood.company.people["mia"])
    for address in (f"/flows/{flow}/runs/{mias.id}", f"/flows/{flow}/runs/{mias.id}/resubmit"):
        assert client_as("bob").get(fernwood.address + address).status_code == 404
        assert client_as("mia").get(fernwood.address + address).status_code == 200
    assert client_as("mia").get(f"{fernwood.address}/flows/{FLOWS['visit']}/runs/{mias.id}") \
        .status_code == 404  # fmt: skip
    assert "Mia Lindt" not in client_as("bob").get(f"{fernwood.address}/flows/{flow}/runs").text


def test_iterations_are_paged_and_the_first_that_failed_is_shown(
    brought: Callable[..., FlowId], pressed: Callable[..., RunId], inspector: Callable[..., Any]
) -> None:
    flow = brought(LOOP)
    page = inspector(flow, pressed(flow), query="?card=Share")
    pager = page.get_by_role("navigation", name="Iterations of Each")
    assert "3 of 4" in pager.inner_text()
    assert card(page, "Share").locator(".state", has_text="Failed").count() == 1
    pager.get_by_role("link", name="Previous iteration").click()
    page.get_by_text("2 of 4").wait_for()
    assert card(page, "Share").locator(".state", has_text="Succeeded").count() == 1
    pager = page.get_by_role("navigation", name="Iterations of Each")
    pager.get_by_role("link", name="First failed").click()
    page.get_by_text("3 of 4").wait_for()
    assert "InvalidTemplate" in page.get_by_role("complementary").inner_text()
    page.get_by_role("link", name="Each Apply to each").click()
    page.get_by_role("heading", name="Each", exact=True).wait_for()
    page.wait_for_url("**card=Each&iteration=3")


def test_a_run_that_waits_is_watched_and_cancelled(
    fernwood: Fernwood,
    brought: Callable[..., FlowId],
    pressed: Callable[..., RunId],
    inspector: Callable[..., Any],
) -> None:
    flow = brought(WAIT)
    run = pressed(flow, waits=True)
    page = inspector(flow, run)
    card(page, "Pause").locator(".head").click()
    page.get_by_role("heading", name="Pause").wait_for()
    card(page, "Pause").locator(".state", has_text="Waiting").wait_for()
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_label("Why").fill("it took too long")
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_text("It is asked to stop").wait_for()
    head = page.locator("#run-head")
    head.get_by_text("Cancelled by Ada Brand: it took too long").wait_for()
    card(page, "Pause").locator(".state", has_text="Cancelled").wait_for()
    assert head.locator("[hx-trigger]").count() == 0, "a run that is over is asked for no more"
    assert not page.get_by_role("button", name="Cancel run").count()
    assert fernwood.do(fernwood.house.journal.header(run)).status == "Cancelled"


def test_a_page_follows_a_run_to_its_end(
    fernwood: Fernwood,
    brought: Callable[..., FlowId],
    pressed: Callable[..., RunId],
    inspector: Callable[..., Any],
) -> None:
    flow = brought(WAIT)
    run = pressed(flow, waits=True)
    page = inspector(flow, run, query="?card=Pause")
    ada = fernwood.company.people["ada"]
    fernwood.do(fernwood.house.cancelling.cancel(run, ada, reason="elsewhere"))
    page.locator("#run-head").get_by_text("Cancelled by Ada Brand").wait_for()
    panel = page.get_by_role("complementary", name="Card")
    panel.get_by_text("Cancelled", exact=True).first.wait_for()


def test_resubmitting_shows_first_who_would_act_otherwise(
    fernwood: Fernwood,
    brought: Callable[..., FlowId],
    pressed: Callable[..., RunId],
    inspector: Callable[..., Any],
) -> None:
    ada, house = fernwood.company.people["ada"], fernwood.house
    bob, mia = (fernwood.company.connections[f"{who}.people"] for who in ("bob", "mia"))
    for one, owner in ((bob, "bob"), (mia, "mia")):
        fernwood.do(lent(fernwood, one, owner))
    reference = "watched_people"
    references = {"people": written.reference(written.PEOPLE, reference)}
    flow = brought(PROFILE, references, **{reference: bob})
    first = pressed(flow)
    fernwood.do(house.connections.point(reference, mia, ada))
    fernwood.do(house.turning.on(flow, ada))
    page = inspector(flow, first)
    page.get_by_role("link", name="Resubmit").click()
    row = page.locator("tbody tr")
    assert "bob@fernwood.example" in row.inner_text()
    assert "mia@fernwood.example" in row.inner_text()
    page.get_by_role("button", name="Resubmit").click()
    page.get_by_text("It runs again").wait_for()
    head = page.locator("#run-head")
    head.get_by_text("Succeeded").wait_for()
    assert "a run that is resubmitted runs as it ran" in head.inner_text()
    assert str(first) not in page.url
    assert "ran as Mia Lindt" in card(page, "Me").inner_text()


def test_a_run_goes_on_from_the_card_that_failed(
    brought: Callable[..., FlowId],
    pressed: Callable[..., RunId],
    inspector: Callable[..., Any],
) -> None:
    first = {"First": {"runAfter": {}, "type": "Compose", "inputs": "@guid()"}}
    each = LOOP["Each"] | {"runAfter": {"First": ["Succeeded"]}}
    flow = brought({**first, "Each": each})
    run = pressed(flow)
    page = inspector(flow, run, query="?card=Share")
    panel = page.get_by_role("complementary", name="Card")
    panel.get_by_role("link", name="Run again from here").click()
    page.get_by_role("heading", name="Run again from Share · Each 3").wait_for()
    again = page.get_by_role("region", name="Run again")
    assert again.get_by_role("listitem").all_inner_texts() == ["Share · Each 3"]
    taken = page.get_by_role("region", name="Taken over").get_by_role("listitem")
    assert taken.all_inner_texts() == ["First", *(f"Share · Each {n}" for n in (1, 2, 4))]
    assert "as it was planned" in page.locator("main").inner_text()
    page.get_by_role("button", name="Run again from here").click()
    page.locator(".canvas[data-ready]").wait_for()
    page.locator("#run-head").get_by_text("Failed", exact=True).wait_for()
    assert "taken over" in card(page, "First").inner_text()
    page.get_by_role("link", name="goes on from another run").click()
    page.locator(".canvas[data-ready]").wait_for()
    assert page.url.endswith(str(run))


def test_who_acted_otherwise_than_planned_is_said_in_amber(
    fernwood: Fernwood,
    brought: Callable[..., FlowId],
    pressed: Callable[..., RunId],
    inspector: Callable[..., Any],
) -> None:
    ada, house = fernwood.company.people["ada"], fernwood.house
    bob, mia = (fernwood.company.connections[f"{who}.people"] for who in ("bob", "mia"))
    for one, owner in ((bob, "bob"), (mia, "mia")):
        fernwood.do(lent(fernwood, one, owner))
    reference = "moved_people"
    pause = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}}, "runAfter": {}}
    late = PROFILE["Me"] | {"runAfter": {"Pause": ["Succeeded"]}}
    references = {"people": written.reference(written.PEOPLE, reference)}
    flow = brought({"Pause": pause, "Me": late}, references, **{reference: bob})
    run = pressed(flow, waits=True)
    page = inspector(flow, run, query="?card=Me")
    assert "as Bob Keller" in card(page, "Me").inner_text()
    fernwood.do(house.connections.point(reference, mia, ada))
    fernwood.do(house.turning.on(flow, ada))
    page.locator("#run-head").get_by_text("Succeeded").wait_for()
    assert "ran as Mia Lindt" in card(page, "Me").inner_text()
    assert "unexpected" in card(page, "Me").inner_text()
    amber = page.get_by_role("complementary", name="Card").get_by_role("note").inner_text()
    assert "Expected Bob Keller (bob@fernwood.example), ran as Mia Lindt" in amber


def test_a_run_that_was_refused_says_so(
    fernwood: Fernwood,
    brought: Callable[..., FlowId],
    pressed: Callable[..., RunId],
    inspector: Callable[..., Any],
) -> None:
    flow = brought(WAIT)
    fernwood.do(fernwood.house.turning.off(flow, fernwood.company.people["ada"]))
    with pytest.raises(Refused):
        pressed(flow)
    (header,) = fernwood.do(fernwood.house.journal.runs(flow=flow))
    page = inspector(flow, header.id)
    head = page.locator("#run-head")
    assert "It ran as nobody" in head.inner_text()
    assert "WorkflowTriggerIsNotEnabled" in head.get_by_role("alert").inner_text()
    assert not page.get_by_role("link", name="Resubmit").count()
    page.goto(f"{fernwood.address}/flows/{flow}/runs/{header.id}/resubmit")
    assert "never began" in page.get_by_role("alert").inner_text()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs?as=me", 400),
        ("/runs?by=%00", 400),
        ("/runs?before=x", 404),
        ("/runs?status=Nothing&account=none", 200),
        ("/flows/{flow}/runs/99999999999999999999", 404),
        ("/flows/{flow}/runs/7", 404),
        ("/flows/{flow}/who?as=ada", 400),
        ("/flows/{flow}/who?as=5eed0000-0000-4000-8000-0000000000ff", 404),
    ],
)
def test_addresses_that_name_nothing_are_answered(
    path: str, status: int, fernwood: Fernwood, client_as: Callable[[str], Any]
) -> None:
    address = fernwood.address + path.format(flow=FLOWS["greet"])
    assert client_as("ada").get(address).status_code == status


async def lent(fernwood: Fernwood, connection: Any, owner: str) -> None:
    people = fernwood.company.people
    await fernwood.house.connections.share(
        connection, people["ada"], ConnectionRole.CAN_USE, people[owner]
    )


@pytest.fixture
def who(fernwood: Fernwood, known_pages: Callable[[str], Any]) -> Callable[..., Any]:
    def ask(name: str, query: str = "") -> Any:
        page = known_pages("ada")
        page.set_viewport_size({"width": 1360, "height": 860})
        page.goto(f"{fernwood.address}/flows/{FLOWS[name]}/who{query}")
        return page

    return ask


def rows_of(table: Any) -> list[list[str]]:
    """Return the cells of a table as a screen reader has them, with white space made single."""
    return [
        [" ".join(cell.split()) for cell in row.locator("td, th").all_text_contents()]
        for row in table.locator("tbody tr").all()
    ]


CASES = {
    "greet": ({"as": "mia"}, Supposed(as_person="mia@fernwood.example")),
    "announce": ({"as": "bob"}, Supposed(as_person="bob@fernwood.example")),
    "remind": ({"as": "bob"}, Supposed(as_person="bob@fernwood.example")),
    "summary": ({}, Supposed()),
    "as_row_owner": (
        {"modified": "noor", "owner": "bob"},
        Supposed(modified_by="noor@fernwood.example", row_owner="bob@fernwood.example"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_plan_is_what_the_resolver_answers(
    name: str, fernwood: Fernwood, who: Callable[..., Any]
) -> None:
    asked, supposed = CASES[name]
    people = fernwood.company.people
    page = who(name, "?" + "&".join(f"{key}={people[one]}" for key, one in asked.items()))
    answer: Any = explanation_json(fernwood.do(fernwood.house.explain.who(FLOWS[name], supposed)))
    plan = page.locator("section", has=page.get_by_role("heading", name="The plan"))
    said = " ".join(plan.inner_text().split())
    assert f"it would run as {answer['runs_as']}" in said
    assert answer["rule"] in said
    rows = rows_of(plan.locator("table"))
    assert [row[0] for row in rows] == [
        one["action"].replace("_", " ") for one in answer["actions"]
    ]
    for row, one in zip(rows, answer["actions"], strict=True):
        if one.get("refused"):
            assert row[1].endswith("nobody")
            assert one["message"][1:] in row[3]
        elif one["rule"] == "action.none":
            assert row[1] == "nobody's account is needed"
        else:
            assert row[1].endswith(one["acting_as"])
            assert one["account"] in row[2]
            assert one["because"][1:] in row[3]
            assert one["rule"] in row[3]


def test_the_matrix_is_what_would_be_answered_to_each(
    fernwood: Fernwood, who: Callable[..., Any]
) -> None:
    page = who("greet")
    table = page.get_by_role("region", name="People and actions").locator("table")
    rows = {row[0]: row[1:] for row in rows_of(table)}
    names = ["Ada Brand", "Bob Keller", "Mia Lindt"]
    answers = fernwood.do(fernwood.house.explain.what_if(FLOWS["greet"], names))
    assert len(rows) == len(names)
    for name, explained in zip(names, answers, strict=True):
        cells = next(cells for key, cells in rows.items() if name in key)
        answer: Any = explanation_json(explained)
        assert cells[0].endswith(answer["runs_as"])
        for cell, one in zip(cells[1:], answer["actions"], strict=True):
            if one.get("refused"):
                assert cell == f"nobody: {one['message']}"
            else:
                assert f"{one['acting_as']} ({one['account']}): {one['because']}" in cell


def test_everybody_is_found_on_the_pages_of_the_matrix(
    who: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowner.flows.foretelling.MOST_PEOPLE", 1)
    page = who("greet")
    table = page.get_by_role("region", name="People and actions").locator("tbody tr")
    seen = [table.inner_text()]
    while page.get_by_role("link", name="Next").count():
        page.get_by_role("link", name="Next").click()
        page.get_by_text(f"{len(seen) + 1} of 3 · 3 people").wait_for()
        seen.append(table.inner_text())
    for name, text in zip(("Ada Brand", "Bob Keller", "Mia Lindt"), seen, strict=True):
        assert name in text
    page.get_by_role("searchbox", name="Find people").fill("mia")
    page.get_by_role("searchbox", name="Find people").press("Enter")
    page.wait_for_url("**text=mia*")
    assert table.count() == 1
    assert "Mia Lindt" in table.inner_text()


def test_somebody_else_is_supposed_by_name(who: Callable[..., Any]) -> None:
    page = who("as_modifier")
    field = page.get_by_role("combobox", name="Who changes the row")
    field.fill("Mia")
    page.get_by_role("option", name="Mia Lindt").click()
    page.wait_for_url("**modified=*")
    plan = page.locator("section", has=page.get_by_role("heading", name="The plan"))
    assert "it would run as\nMia Lindt" in plan.inner_text()
    assert field.input_value() == "Mia Lindt"


def test_whom_a_flow_is_shared_with_run_only_does_not_see_the_plan(
    fernwood: Fernwood, client_as: Callable[[str], Any]
) -> None:
    answer = client_as("bob").get(f"{fernwood.address}/flows/{FLOWS['greet']}/who")
    assert answer.status_code == 403
    answer = client_as("noor").get(f"{fernwood.address}/flows/{FLOWS['greet']}/who")
    assert answer.status_code == 404
