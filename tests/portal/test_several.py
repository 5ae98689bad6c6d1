"""Several runs of a list are resubmitted or cancelled; before that, what would differ is summed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.values import FlowId, RunId
from portal.conftest import Fernwood
from worlds import written

PROFILE = {"Me": written.call("people", written.PEOPLE, "MyProfile_V2", {})}
NOTE = {"Note": {"runAfter": {}, "type": "Compose", "inputs": 1}}
WAIT = {
    "Pause": {
        "runAfter": {},
        "type": "Wait",
        "inputs": {"interval": {"count": 1, "unit": "Hour"}},
    }
}
Make = Callable[..., FlowId]
Press = Callable[..., RunId]
Pages = Callable[[str], Any]


@pytest.fixture
def moved(fernwood: Fernwood, brought: Make, pressed: Press) -> tuple[FlowId, list[RunId]]:
    """Three runs through Bob's connection, of a flow that now uses Mia's."""
    house, people = fernwood.house, fernwood.company.people
    bob, mia = (fernwood.company.connections[f"{who}.people"] for who in ("bob", "mia"))
    for one, owner in ((bob, "bob"), (mia, "mia")):
        share = house.connections.share
        fernwood.do(share(one, people["ada"], ConnectionRole.CAN_USE, people[owner]))
    reference = f"several_{house.running.fresh_run()}"
    references = {"people": written.reference(written.PEOPLE, reference)}
    flow = brought(PROFILE, references, **{reference: bob})
    runs = [pressed(flow) for _ in range(3)]
    fernwood.do(house.connections.point(reference, mia, people["ada"]))
    fernwood.do(house.turning.on(flow, people["ada"]))
    return flow, runs


def test_chosen_runs_are_resubmitted_after_what_would_differ_was_said(
    fernwood: Fernwood, known_pages: Pages, moved: tuple[FlowId, list[RunId]]
) -> None:
    flow, runs = moved
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{flow}/runs")
    boxes = page.locator("tbody").get_by_role("checkbox")
    boxes.first.focus()
    page.keyboard.press("Space")
    boxes.nth(2).check()
    page.get_by_role("button", name="Resubmit").click()
    page.get_by_role("heading", name="Resubmit 2 runs").wait_for()
    assert "Ada Brand 2 runs" in page.locator("main").inner_text()
    (row,) = page.locator("tbody tr").all()
    said = row.inner_text()
    assert "bob@fernwood.example" in said
    assert "mia@fernwood.example" in said
    assert [one.id for one in fernwood.do(fernwood.house.journal.runs(flow=flow))] == runs[::-1]
    page.get_by_role("button", name="Resubmit 2 runs").click()
    page.get_by_text("2 of 2 runs ended").wait_for()
    assert page.locator("tbody").get_by_text("Succeeded").count() == 2
    headers = fernwood.do(fernwood.house.journal.runs(flow=flow))
    assert [one.plan["resubmits"] for one in headers[:2]] == [runs[2], runs[0]]
    page.reload()
    page.get_by_text("2 of 2 runs ended").wait_for()
    assert len(fernwood.do(fernwood.house.journal.runs(flow=flow))) == 5


def test_all_boxes_are_ticked_by_one(
    fernwood: Fernwood, known_pages: Pages, moved: tuple[FlowId, list[RunId]]
) -> None:
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{moved[0]}/runs")
    page.get_by_label("Choose all that are shown").check()
    boxes = page.locator("tbody").get_by_role("checkbox")
    assert [one.is_checked() for one in boxes.all()] == [True] * 3


def test_without_script_all_that_match_are_meant_and_nothing_is_done_before_it_is_said(
    fernwood: Fernwood, client_as: Pages, moved: tuple[FlowId, list[RunId]]
) -> None:
    flow, runs = moved
    client = client_as("ada")
    asked = urlencode({"do": "resubmit", "all": "yes", "flow": flow, "status": "Succeeded"})
    said = client.get(f"{fernwood.address}/runs/several?{asked}").text
    assert "Resubmit 3 runs" in said
    assert all(f'name="run" value="{run}"' in said for run in runs)
    none = urlencode({"do": "resubmit", "all": "yes", "flow": flow, "status": "Failed"})
    answer = client.get(f"{fernwood.address}/runs/several?{none}")
    assert answer.url.path == f"/flows/{flow}/runs"
    assert len(fernwood.do(fernwood.house.journal.runs(flow=flow))) == 3


def test_one_that_is_refused_holds_the_others_not_up(
    fernwood: Fernwood, brought: Make, pressed: Press, known_pages: Pages
) -> None:
    flow, people = brought(NOTE), fernwood.company.people
    share = fernwood.house.sharing.share
    fernwood.do(share(flow, people["bob"], FlowRole.RUN_ONLY, people["ada"]))
    bobs, adas = pressed(flow, "bob"), pressed(flow, "ada")
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/runs/several?do=resubmit&run={bobs}&run={adas}")
    alert = page.get_by_role("alert").inner_text()
    assert "1 run would be refused" in alert
    assert "ResubmitRefused" in alert
    page.get_by_role("heading", name="Resubmit 1 run").wait_for()
    page.get_by_role("button", name="Resubmit 1 run").click()
    page.get_by_text("1 of 1 run ended").wait_for()
    page.goto(f"{fernwood.address}/runs/several/done?resubmit={bobs}.&resubmit={adas}.{adas}")
    assert "1 was refused" in page.locator("main").inner_text()
    assert "only resubmit runs that you have" in page.locator("tbody").inner_text()


def test_runs_under_way_are_cancelled_with_a_reason(
    fernwood: Fernwood, brought: Make, pressed: Press, known_pages: Pages
) -> None:
    flow = brought(WAIT)
    runs = [pressed(flow, waits=True) for _ in range(2)]
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{flow}/runs")
    page.get_by_label("All of them").check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("heading", name="Cancel 2 runs").wait_for()
    page.get_by_label("Why").fill("no more")
    page.get_by_role("button", name="Cancel 2 runs").click()
    page.get_by_text("2 of 2 runs ended").wait_for()
    page.goto(f"{fernwood.address}/flows/{flow}/runs/{runs[0]}")
    assert "Cancelled by Ada Brand: no more" in page.locator("#run-head").inner_text()


def test_somebody_elses_runs_are_not_among_them(
    fernwood: Fernwood, client_as: Pages, moved: tuple[FlowId, list[RunId]]
) -> None:
    _, runs = moved
    client = client_as("bob")
    for path in (f"/runs/several?do=cancel&run={runs[0]}", f"/runs/several/done?cancel={runs[0]}."):
        assert str(runs[0]) not in client.get(fernwood.address + path).text.split("<main")[1]
