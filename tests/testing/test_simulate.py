"""Simulations: what is supposed, what comes of it, and in whose name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flowner.cli import app
from flowner.errors import Invalid, NotFound
from flowner.testing import simulate
from worlds import written

DEMO = Path(__file__).resolve().parents[2] / "src" / "flowner" / "demo" / "solution"
SEND = {"emailMessage/To": "@triggerBody()?['to']", "emailMessage/Subject": "s"}
ROW = {"entityName": "t_notes", "item/t_name": "n"}


def document(
    trigger: dict[str, Any], *, source: str = "embedded", follows: bool = False
) -> dict[str, Any]:
    return {
        "properties": {
            "connectionReferences": {
                "mail": written.reference(written.MAIL, "mail_ref", source=source),
                "rows": written.reference(written.ROWS, "rows_ref", follows=follows),
            },
            "definition": {
                "triggers": trigger,
                "actions": {
                    "Send": written.call("mail", written.MAIL, "SendEmailV2", SEND),
                    "Add": written.call("rows", written.ROWS, "CreateRecord", ROW, "Send"),
                },
            },
        }
    }


def test_an_instant_flow_runs_as_whoever_presses_it() -> None:
    record = (
        simulate(document(written.BUTTON, source="invoker", follows=True))
        .as_user("bob")
        .owned_by("olga")
        .with_connection("rows_ref", owner="svc", account="svc@x.example")
        .with_trigger(body={"to": "a@b.example"})
        .run()
    )
    assert (record.status, record.ran_as, record.rule) == ("Succeeded", "bob", "instant.invoker")
    send, add = record.action("Send"), record.action("Add")
    assert (send.acted_as, send.through, send.rule) == ("bob", None, "action.invoker")
    assert (add.acted_as, add.through, add.account) == ("bob", "svc", "svc@x.example")
    assert send.inputs["parameters"]["emailMessage/To"] == "a@b.example"


@pytest.mark.parametrize(
    ("run_as", "ran_as", "rule"),
    [
        (None, "olga", "automated.owner"),
        (1, "bob", "automated.modifying-user"),
        (2, "rita", "automated.row-owner"),
        (3, "olga", "automated.owner"),
    ],
)
def test_a_row_trigger_runs_as_it_says(run_as: int | None, ran_as: str, rule: str) -> None:
    flow = document(written.row_trigger("t_note", run_as=run_as), follows=True)
    record = simulate(flow).as_user("bob").owned_by("olga").with_row_owner("rita").run()
    assert (record.ran_as, record.rule) == (ran_as, rule)
    assert record.action("Add").acted_as == ran_as


def test_answers_come_in_turn_and_the_last_one_stays() -> None:
    loop = {
        "Each": {
            "type": "Foreach",
            "foreach": "@range(0, 4)",
            "actions": {"Send": written.call("mail", written.MAIL, "SendEmailV2", SEND)},
        }
    }
    flow = document(written.BUTTON)
    flow["properties"]["definition"]["actions"] = loop
    record = (
        simulate(flow)
        .with_mock("Send", body={"n": 1}, times=2)
        .with_mock("Send", body={"error": {"message": "no"}}, status=403)
        .run()
    )
    statuses = [record.action("Send", repetition=n).status for n in range(4)]
    assert statuses == ["Succeeded", "Succeeded", "Failed", "Failed"]
    assert record.status == "Failed"
    with pytest.raises(NotFound, match="4 instances"):
        record.action("Send", repetition=4)


def test_a_simulation_is_not_changed_by_what_is_added() -> None:
    first = simulate(document(written.BUTTON))
    second = first.as_user("bob").with_mock("Send", status=500)
    assert first.run().status == "Succeeded"
    assert second.run().status == "Failed"


def test_nobody_to_ask_fails_the_action() -> None:
    daily = {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}
    flow = document({"Daily": daily}, source="invoker")
    record = simulate(flow).run()
    assert record.status == "Failed"
    assert record.action("Send").acted_as is None
    assert "provided by" in record.action("Send").because


def test_mistakes_are_told() -> None:
    with pytest.raises(Invalid, match="no action `Sned`"):
        simulate(document(written.BUTTON)).with_mock("Sned").run()
    with pytest.raises(Invalid, match="name one flow"):
        simulate(DEMO)
    with pytest.raises(Invalid, match="name one flow"):
        simulate(DEMO, name="Nothing of that name")
    assert simulate(DEMO, name="Log a visit").run().status == "Succeeded"
    with pytest.raises(NotFound, match="variable"):
        simulate(document(written.BUTTON)).run().variable("x")


def command(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["simulate", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_the_command_prints_the_record(tmp_path: Path) -> None:
    flow, mocks, trigger = tmp_path / "f.json", tmp_path / "m.json", tmp_path / "t.json"
    flow.write_text(json.dumps(document(written.BUTTON)), encoding="utf-8")
    mocks.write_text('{"Send": {"status": "Failed", "outputs": {"statusCode": 403}}}')
    trigger.write_text('{"outputs": {"body": {"to": "x@y.example"}}}')
    code, out = command(flow, "--as", "bob", "--trigger", trigger, "--mocks", mocks, "--json")
    record = json.loads(out)
    assert (code, record["status"], record["ran_as"]) == (1, "Failed", "bob")
    assert [(one["name"], one["status"]) for one in record["actions"]] == [
        ("Send", "Failed"), ("Add", "Skipped")
    ]  # fmt: skip
    assert record["actions"][0]["inputs"]["parameters"]["emailMessage/To"] == "x@y.example"
    code, out = command(flow, "--as", "bob")
    assert code == 0
    assert "ran as bob by instant.invoker" in out


@pytest.mark.parametrize(
    ("expected", "code", "difference"),
    [
        ({"runStatus": "Succeeded", "actions": {"A": "Succeeded"}, "outputs": {"A": 3}}, 0, None),
        ({"runStatus": "Failed"}, 1, "the run is Succeeded, not Failed"),
        ({"actions": {"B": "Succeeded"}}, 1, "`B` is not there, not Succeeded"),
        ({"outputs": {"A": 4}}, 1, "outputs of `A` are 3, not 4"),
        ({"codes": {"A": "NotFound"}}, 1, "the code of `A`"),
        ({"errors": {"A": {"code": "x"}}}, 1, "`A` has no error"),
        ({"variables": {"v": 1}}, 1, "no variable `v`"),
        ({"response": {"statusCode": 200}}, 1, "did not respond"),
        ({"repetitionCounts": {"A": 2}}, 1, "repeated 1 times, not 2"),
        ({"runStatuss": "Failed"}, 1, "`runStatuss` is nothing that can be expected"),
    ],
)
def test_a_case_is_compared(
    tmp_path: Path, expected: dict[str, Any], code: int, difference: str | None
) -> None:
    actions = {"A": {"type": "Compose", "inputs": "@add(1, parameters('n'))", "runAfter": {}}}
    case = {
        "definition": {
            "parameters": {"n": {"type": "Int", "defaultValue": 1}},
            "triggers": written.BUTTON,
            "actions": actions,
        },
        "expected": expected,
    }
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case), encoding="utf-8")
    found, out = command(file, "--parameter", "n=2", "--json")
    differences = json.loads(out)["differences"]
    assert found == code
    assert differences == [] if difference is None else difference in differences[0]


def test_files_that_are_none(tmp_path: Path) -> None:
    broken, flow = tmp_path / "b.json", tmp_path / "f.json"
    broken.write_text('{"a": ', encoding="utf-8")
    flow.write_text(json.dumps(document(written.BUTTON)), encoding="utf-8")
    for words in ((broken,), (flow, "--case", broken), (flow, "--mocks", tmp_path / "no.json")):
        with pytest.raises(Invalid) as caught:
            command(*words)
        assert str(words[-1]) in caught.value.located()
