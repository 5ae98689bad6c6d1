"""Where the faults of a flow's formulas are heard of: the check, the import, turning it on."""

from __future__ import annotations

import io
import json

from rich.console import Console

from definitions import written as files
from flowner.errors import Code, Refused
from flowner.flows.checking import Checked, Report, check_path
from flowner.showing.check import checked as show
from worlds.living import BUTTON

FAULT = {"type": "Compose", "inputs": "see @{outputs('Later')?['x']}", "runAfter": {}}
LATER = {"type": "Compose", "inputs": 1, "runAfter": {"Now": ["Succeeded"]}}
OF_LATER = {"Now": FAULT, "Later": LATER}
PERHAPS = {"Now": FAULT, "Later": {**LATER, "runAfter": {}}}
PLACE = "/properties/definition/actions/Now/inputs"
CARET = "see @{outputs('Later')?['x']}\n      ^"


def report_of(tmp_path, actions) -> Report:
    (tmp_path / "flow.json").write_text(json.dumps(files.solution(actions=actions)))
    found = Checked()
    for one in check_path(tmp_path):
        found.add(one)
    return found.report()


def test_the_check_refuses_with_pointer_and_caret(tmp_path):
    report = report_of(tmp_path, OF_LATER)
    (entry,) = report.flows
    (finding,) = (one for one in entry["findings"] if one["severity"] == "error")
    assert entry["refused"]
    assert report.refused
    assert (finding["code"], finding["pointer"]) == ("InvalidTemplate", PLACE)
    assert (finding["message"], finding["shown"]) == ("`Later` runs only after this", CARET)


def test_the_caret_is_printed_under_its_place(tmp_path):
    console = Console(width=100, record=True, file=io.StringIO())
    show(report_of(tmp_path, OF_LATER), console)
    lines = console.export_text().splitlines()
    (place,) = (number for number, line in enumerate(lines) if "see @{outputs" in line)
    assert lines[place + 1].index("^") == lines[place].index("outputs")
    assert f"InvalidTemplate {PLACE}" in lines[place + 2]


def test_what_may_go_well_is_a_warning(tmp_path):
    report = report_of(tmp_path, PERHAPS)
    (entry,) = report.flows
    assert not report.refused
    assert "warning" in {one["severity"] for one in entry["findings"] if one["shown"] == CARET}


def test_a_flow_with_a_fault_is_brought_in_with_advice_and_cannot_be_turned_on(
    run, living, refused
) -> None:
    imported = run(living.bring("olga", BUTTON, OF_LATER)).flows[0]
    (advice,) = imported.advice
    assert (advice.code, advice.pointer, advice.shown) == ("InvalidTemplate", PLACE, CARET)
    assert not advice.refuses
    error = refused(living.house.turning.on(imported.id, run(living.person("olga"))))
    assert isinstance(error, Refused)
    assert (error.code, error.pointer) == (Code.INVALID_TEMPLATE, PLACE)
    assert error.message.startswith("`Later` runs only after this; ")


def test_a_flow_with_a_warning_can_be_turned_on(run, living) -> None:
    imported = run(living.bring("olga", BUTTON, PERHAPS)).flows[0]
    assert [advice.pointer for advice in imported.advice] == [PLACE]
    run(living.house.turning.on(imported.id, run(living.person("olga"))))
    assert run(run(living.house.facts.now()).flow(imported.id)).on
