"""What ``flowner check`` says of exported flows, finding by finding, and how it reads folders."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from definitions import written as files
from flowner.definitions.codec import read_flow
from flowner.flows.check import check_flow, report_json
from flowner.flows.checking import Checked, Report, check_path
from flowner.identity.symbolic import INVOKER, MODIFIER, OWNER, ROW_OWNER
from flowner.showing.check import checked as show
from worlds.written import BUTTON, MAIL, ROWS, call, reference, row_trigger

CLOCK = {"Daily": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}}
HTTP = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}
SEND = {"Send": call("mail", MAIL, "SendEmailV2", {})}
EDIT = {"Edit": call("rows", ROWS, "UpdateRecord", {})}
NOTE = {"Note": {"type": "Compose", "inputs": 1}}
FIXED = {"mail": reference(MAIL, "f_mail")}
OWN = {"mail": reference(MAIL, "f_mail", source="invoker")}
PLAIN_ROWS = {"rows": reference(ROWS, "f_rows")}
OWN_ROWS = {"rows": reference(ROWS, "f_rows", source="invoker")}
FOLLOWS = {"rows": reference(ROWS, "f_rows", follows=True)}
UNBOUND = {"mail": {"runtimeSource": "embedded", "connection": {}, "api": {"name": MAIL}}}
BY_NAME = {"mail": {"connectionName": "shared-office365-1f0a", "source": "Embedded",
                    "id": files.api(MAIL)}}  # fmt: skip
ADAS = {"mail": {"connectionName": "shared-office365-ada@library.example", "source": "Embedded",
                 "id": files.api(MAIL)}}  # fmt: skip
SIGNS_IN = {
    "Ask": {
        "type": "Http",
        "inputs": {
            "method": "GET",
            "uri": "https://library.example",
            "authentication": {"type": "Basic", "username": "ada", "password": "not shown"},
        },
    }
}
AT = "/properties/connectionReferences"
ACTIONS = "/properties/definition/actions"
RUN_AS = "/properties/definition/triggers/When_a_row_changes/inputs/parameters/"
RUN_AS += "subscriptionRequest~1runas"
SHARED, MISSING = "PersonalAccountEmbedded", "FlowMissingConnection"
LENT_BY = "whoever the reference `f_mail` is bound to at import"
LENDS_ROWS = "whoever the reference `f_rows` is bound to at import"


def document(trigger: Any, actions: Any, references: Any) -> dict[str, Any]:
    return files.solution(triggers=trigger, actions=actions, connectionReferences=references)


def entry(trigger: Any, actions: Any, references: Any) -> dict[str, Any]:
    flow = read_flow(document(trigger, actions, references), name="Flow")
    return report_json(check_flow(flow, "flow.json"))


@pytest.mark.parametrize(
    ("trigger", "actions", "references", "expected"),
    [
        pytest.param(BUTTON, NOTE, {}, [], id="nothing to say"),
        pytest.param(BUTTON, SEND, OWN, [], id="each their own"),
        pytest.param(BUTTON, EDIT, FOLLOWS, [], id="rows that follow the invoking user"),
        pytest.param(BUTTON, SEND, FIXED, [(SHARED, f"{AT}/mail")], id="one account for all"),
        pytest.param(BUTTON, EDIT, PLAIN_ROWS, [(SHARED, f"{AT}/rows")], id="rows as one account"),
        pytest.param(BUTTON, NOTE, FIXED, [], id="an account that no action uses"),
        pytest.param(CLOCK, SEND, FIXED, [], id="a schedule with a reference"),
        pytest.param(CLOCK, SEND, ADAS, [(SHARED, f"{AT}/mail")], id="a schedule as Ada"),
        pytest.param(BUTTON, SEND, UNBOUND, [(MISSING, f"{AT}/mail")], id="bound to nothing"),
        pytest.param(BUTTON, NOTE, UNBOUND, [], id="bound to nothing, and not used"),
        pytest.param(
            row_trigger("t", run_as=3), NOTE, {"rows": UNBOUND["mail"] | {"api": {"name": ROWS}}},
            [(MISSING, f"{AT}/rows")], id="a trigger that listens through nothing",
        ),
        pytest.param(
            CLOCK, SEND, OWN, [("!InvokerConnectionNotAllowed", f"{AT}/mail")],
            id="a schedule has nobody to ask",
        ),
        pytest.param(
            HTTP, SEND, OWN, [("!InvokerConnectionNotAllowed", f"{AT}/mail")],
            id="an HTTP call has nobody to ask",
        ),
        pytest.param(
            row_trigger("t", run_as=1), SEND, PLAIN_ROWS | OWN, [], id="the modifying user is asked"
        ),
        pytest.param(
            row_trigger("t", run_as=1), SEND, OWN | OWN_ROWS,
            [("!InvokerConnectionNotAllowed", f"{AT}/rows")],
            id="nobody is there when the trigger listens",
        ),
        pytest.param(
            CLOCK, EDIT, FOLLOWS, [("!RunOnlyNotOffered", f"{AT}/rows/impersonation")],
            id="a schedule is followed by nothing",
        ),
        pytest.param(
            HTTP, EDIT, FOLLOWS, [("RunAsNotOffered", f"{AT}/rows/impersonation")],
            id="an HTTP call has only the owner to follow",
        ),
        pytest.param(
            row_trigger("t"), EDIT, FOLLOWS, [("RunAsAbsent", f"{AT}/rows/impersonation")],
            id="follows a Run as that is not said",
        ),
        pytest.param(
            row_trigger("t", run_as=2), EDIT, PLAIN_ROWS, [("RunAsUnfollowed", RUN_AS)],
            id="a Run as that nothing follows",
        ),
        pytest.param(row_trigger("t", run_as=3), EDIT, PLAIN_ROWS, [], id="Run as the flow owner"),
        pytest.param(row_trigger("t", run_as=2), EDIT, FOLLOWS, [], id="a Run as that is followed"),
        pytest.param(
            BUTTON, {"Odd": {"type": "ServiceProvider"}}, {},
            [("UnknownOperationType", f"{ACTIONS}/Odd/type")], id="a type of action not known here",
        ),
        pytest.param(
            BUTTON, SIGNS_IN, {},
            [("CredentialOutsideConnection", f"{ACTIONS}/Ask/inputs/authentication")],
            id="a credential of its own",
        ),
        pytest.param(
            BUTTON, files.put(
                {"A": files.legacy_call("mail", "/Mail")}, "A>inputs>host>connection>name",
                "@parameters('$connections')[concat('m', '1')]['connectionId']",
            ), FIXED,
            [("!UnknownConnectionReferenceKey", f"{ACTIONS}/A/inputs/host/connection/name")],
            id="an expression chooses",
        ),
    ],
)  # fmt: skip
def test_findings(trigger, actions, references, expected) -> None:
    said = entry(trigger, actions, references)
    found = [
        ("!" * (one["severity"] == "error") + one["code"], one["pointer"])
        for one in said["findings"]
    ]
    assert found == expected
    assert said["refused"] == any(code.startswith("!") for code, _ in expected)
    assert all(one["message"] and one["mend"] for one in said["findings"])
    for one in [*said["findings"], *said["actions"]]:
        follow(document(trigger, actions, references), one["pointer"])
    assert "not shown" not in json.dumps(said)


@pytest.mark.parametrize(
    ("trigger", "actions", "references", "runs_as", "acts"),
    [
        pytest.param(
            BUTTON, SEND, OWN, (INVOKER, "instant.invoker"),
            (INVOKER, None, "their own `shared_office365` account", "mail", "action.invoker"),
            id="provided by the run-only user",
        ),
        pytest.param(
            BUTTON, SEND, FIXED, (INVOKER, "instant.invoker"),
            (LENT_BY, None, "the account behind `f_mail`", "mail", "action.connection"),
            id="through a reference",
        ),
        pytest.param(
            CLOCK, SEND, BY_NAME, (OWNER, "scheduled.owner"),
            ("whoever made the connection `shared-office365-1f0a`", None,
             "the account behind `shared-office365-1f0a`", "mail", "action.connection"),
            id="through a connection",
        ),
        pytest.param(
            HTTP, SEND, ADAS, (OWNER, "http.owner"),
            ("whoever signed in as `ada@library.example`", None, "ada@library.example", "mail",
             "action.connection"),
            id="as an account that is known",
        ),
        pytest.param(
            CLOCK, SEND, UNBOUND, (OWNER, "scheduled.owner"),
            ("whoever `mail` is bound to at import", None, "the account behind `mail`", "mail",
             "action.connection"),
            id="through nothing yet",
        ),
        pytest.param(
            BUTTON, EDIT, FOLLOWS, (INVOKER, "instant.invoker"),
            (INVOKER, LENDS_ROWS, "the account behind `f_rows`", "rows", "action.impersonated"),
            id="rows for the invoking user",
        ),
        pytest.param(
            row_trigger("t", run_as=1), EDIT, FOLLOWS, (MODIFIER, "automated.modifying-user"),
            (MODIFIER, LENDS_ROWS, "the account behind `f_rows`", "rows", "action.impersonated"),
            id="rows for the modifying user",
        ),
        pytest.param(
            row_trigger("t", run_as=2), EDIT, FOLLOWS, (ROW_OWNER, "automated.row-owner"),
            (ROW_OWNER, LENDS_ROWS, "the account behind `f_rows`", "rows", "action.impersonated"),
            id="rows for the row owner",
        ),
        pytest.param(
            row_trigger("t"), EDIT, PLAIN_ROWS, (OWNER, "automated.owner"),
            (LENDS_ROWS, None, "the account behind `f_rows`", "rows", "action.connection"),
            id="rows as one account",
        ),
        pytest.param(
            BUTTON, NOTE, {}, (INVOKER, "instant.invoker"),
            (INVOKER, None, None, None, "action.none"), id="without a connection",
        ),
        pytest.param(
            CLOCK, SEND, OWN, (OWNER, "scheduled.owner"), (None, None, None, "mail", None),
            id="nobody, where nobody can be asked",
        ),
        pytest.param(
            BUTTON, {"Odd": {"type": "ServiceProvider"}}, {}, (INVOKER, "instant.invoker"),
            (None, None, None, None, None), id="nobody, in what is not carried out here",
        ),
    ],
)  # fmt: skip
def test_identities(trigger, actions, references, runs_as, acts) -> None:
    said = entry(trigger, actions, references)
    assert (said["runs_as"], said["rule"]) == runs_as
    (one,) = said["actions"]
    names = ("acting_as", "actor", "account", "binding", "rule")
    assert tuple(one[name] for name in names) == acts
    assert one["because"]


def test_references_that_differ_in_case_are_one() -> None:
    both = {"mail": reference(MAIL, "f_Mail"), "other": reference(MAIL, "F_mail")}
    actions = SEND | {"Again": call("other", MAIL, "SendEmailV2", {})}
    assert len({one["acting_as"] for one in entry(BUTTON, actions, both)["actions"]}) == 1


def test_an_entry_has_every_member() -> None:
    said = entry(row_trigger("t", run_as=1), NOTE, PLAIN_ROWS)
    assert {name: said[name] for name in ("flow", "file", "kind", "trigger", "run_as")} == {
        "flow": "Flow",
        "file": "flow.json",
        "kind": "automated",
        "trigger": "When_a_row_changes",
        "run_as": "modifying_user",
    }
    assert (said["reason"], said["refused"]) == (None, False)


# children


def test_a_child_is_refused_with_its_parent() -> None:
    parent, child = family(OWN)
    found = {one["flow"]: one["findings"] for one in checked_files(parent, child).flows}
    (at_parent,), (at_child,) = found["Parent"], found["Child"]
    assert at_parent["code"] == at_child["code"] == "ChildFlowUnsupportedForInvokerConnections"
    assert (at_parent["pointer"], at_child["pointer"]) == (f"{ACTIONS}/Run", f"{AT}/mail")
    assert "`Parent`" in at_child["message"]
    assert "`Child`" in at_parent["message"]


def test_a_child_is_not_advised_to_ask_anybody() -> None:
    parent, child = family(FIXED)
    _, said = sorted(checked_files(parent, child).flows, key=lambda one: one["flow"] == "Child")
    (advice,) = said["findings"]
    assert advice["code"] == SHARED
    assert "cannot be the run-only user's" in advice["mend"]


def test_a_childs_rows_may_follow() -> None:
    parent, child = family(FOLLOWS, actions=EDIT)
    assert [one["findings"] for one in checked_files(parent, child).flows] == [[], []]


@pytest.mark.parametrize(
    ("references", "codes"),
    [
        pytest.param(FOLLOWS, [], id="the child follows"),
        pytest.param(PLAIN_ROWS, ["RunAsUnfollowed"], id="nor does the child"),
        pytest.param(None, [], id="the child is not here"),
    ],
)
def test_a_child_may_follow_the_run_as(references, codes) -> None:
    parent, child = family(references or FOLLOWS, trigger=row_trigger("t", run_as=1), actions=EDIT)
    given = [parent] if references is None else [parent, child]
    said = next(one for one in checked_files(*given).flows if one["flow"] == "Parent")
    assert [one["code"] for one in said["findings"]] == codes


def test_flows_that_call_each_other() -> None:
    trigger = row_trigger("t", run_as=1)
    parent, (_, child) = family(PLAIN_ROWS, trigger=trigger, actions=calls(files.OTHER_GUID))
    report = checked_files(parent, (f"Child-{files.GUID}.json", child))
    assert [one["code"] for one in report.flows[1]["findings"]] == ["RunAsUnfollowed"]


def calls(guid: str) -> dict[str, Any]:
    return {"Run": {"type": "Workflow", "inputs": {"host": {"workflowReferenceName": guid}}}}


def family(references: Any, *, trigger: Any = BUTTON, actions: Any = SEND) -> list[Any]:
    """Return a parent that calls a child with these connections, as files."""
    needed = PLAIN_ROWS if "When_a_row_changes" in trigger else {}
    parent = document(trigger, calls(files.GUID.lower()), needed)
    child = document(BUTTON, actions, references)
    return [(f"Parent-{files.OTHER_GUID}.json", parent), (f"Child-{files.GUID}.json", child)]


def checked_files(*given: tuple[str, Any]) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in given:
            (Path(folder) / name).write_text(json.dumps(content))
        return checked(Path(folder))


# files and folders


def checked(*paths: Path) -> Report:
    found = Checked()
    for path in paths:
        for one in check_path(path):
            found.add(one)
    return found.report()


GOOD = json.dumps(files.solution())
LATE = f"Workflows/Lateloans-{files.GUID}.json"
BROKEN = [
    pytest.param("a.zip", b"Rar!", "InvalidPackage", "", id="not a zip"),
    pytest.param("a.zip", b"PK\x03\x04", "InvalidPackage", "", id="a damaged zip"),
    pytest.param("a.json", b'{"a": ', "InvalidJson", "", id="broken JSON"),
    pytest.param(
        "a.json", json.dumps(files.solution(triggers={"a": files.BUTTON, "b": files.BUTTON})),
        "InvalidWorkflowDefinition", "/properties/definition/triggers", id="two triggers",
    ),
    pytest.param(
        "a.json", json.dumps(files.solution(actions={"A": files.call("sql", "Do", {})})),
        "UnknownConnectionReferenceKey", f"{ACTIONS}/A/inputs/host/connectionName",
        id="an unknown binding",
    ),
    pytest.param(
        "a.json", json.dumps(files.solution(actions={
            "A": {"type": "Compose", "runAfter": {"B": ["Succeeded"]}},
            "B": {"type": "Compose", "runAfter": {"A": ["Succeeded"]}},
        })),
        "InvalidWorkflowDefinition", f"{ACTIONS}/A/runAfter", id="a circle",
    ),
    pytest.param(
        "a.json",
        json.dumps(files.solution(actions={}, triggers={"T": files.row_trigger(runas=4)})),
        "InvalidRunAs",
        "/properties/definition/triggers/T/inputs/parameters/subscriptionRequest~1runas",
        id="Run as 4",
    ),
]  # fmt: skip


@pytest.mark.parametrize("beside", ["good.json", LATE, "good.zip"])
@pytest.mark.parametrize(("name", "content", "code", "pointer"), BROKEN)
def test_bad_input_hides_nothing(tmp_path, beside, name, content, code, pointer) -> None:
    good = files.zipped(files.solution_files()) if beside.endswith(".zip") else GOOD
    put(tmp_path, {beside: good, name: content})
    report = checked(tmp_path)
    bad, read = sorted(report.flows, key=lambda one: one["flow"] is not None)
    assert (bad["file"], bad["refused"]) == (f"{tmp_path.as_posix()}/{name}", True)
    assert [(one["code"], one["severity"]) for one in bad["findings"]] == [(code, "error")]
    assert [one["pointer"] for one in bad["findings"]] == [pointer]
    assert bad["findings"][0]["mend"]
    assert not read["refused"]
    assert list(bad) == list(read)
    assert report.refused


@pytest.mark.parametrize("unpacked", [False, True])
def test_bad_input_inside_a_solution_hides_nothing(tmp_path, unpacked) -> None:
    inside = files.solution_files() | {
        "Workflows/Two.json": json.dumps(files.solution(triggers={})),
        "Workflows/Cut.json": "{",
    }
    put(tmp_path, inside if unpacked else {"library.zip": files.zipped(inside)})
    at = tmp_path.as_posix() + ("" if unpacked else "/library.zip")
    report = checked(tmp_path)
    assert {one["file"]: one["flow"] for one in report.flows} == {
        f"{at}/{LATE}": "Late loans",
        f"{at}/Workflows/Two.json": None,
        f"{at}/Workflows/Cut.json": None,
    }
    assert [(one["name"], one["why"]) for one in report.skipped] == [
        ("On my desk", "is a desktop flow (category 6)"),
        ("A rule", "is a business rule (category 2)"),
    ]


def test_several_faults_of_a_file_are_one_entry(tmp_path) -> None:
    bad = files.solution(triggers={"T": files.row_trigger(runas=4, scope=9)}, actions={})
    put(tmp_path, {"bad.json": json.dumps(bad)})
    (said,) = checked(tmp_path / "bad.json").flows
    assert [one["code"] for one in said["findings"]] == [
        "InvalidWorkflowDefinition",
        "InvalidRunAs",
    ]


def test_files_are_named_as_the_user_names_them(tmp_path, monkeypatch) -> None:
    put(tmp_path, {
        f"src/{LATE}": GOOD, "flat/one.json": GOOD, "pack/library.zip":
        files.zipped(files.solution_files()),
    })  # fmt: skip
    monkeypatch.chdir(tmp_path)
    names = [one["file"] for one in checked(Path("flat"), Path("src"), Path("pack")).flows]
    assert names == ["flat/one.json", f"src/{LATE}", f"pack/library.zip/{LATE}"]
    assert [one["file"] for one in checked(Path()).flows] == sorted(names)
    assert [one["file"] for one in checked(Path("src/Workflows")).flows] == [f"src/{LATE}"]
    assert [one["file"] for one in checked(Path("flat/one.json")).flows] == ["flat/one.json"]


def test_what_is_no_flow_is_passed_over_unless_it_was_named(tmp_path) -> None:
    put(tmp_path, {
        "settings.json": "{}", ".hidden/flow.json": GOOD, "node_modules/x/flow.json": GOOD,
        "data.zip": files.zipped({"a.txt": "x"}), "notes.xml": "<a/>",
    })  # fmt: skip
    report = checked(tmp_path)
    assert report.flows == ()
    assert [(one["name"], one["why"]) for one in report.skipped] == [
        ("data.zip", "holds neither a flow nor a solution")
    ]
    for named in ("settings.json", "data.zip", "nowhere.json"):
        (said,) = checked(tmp_path / named).flows
        assert said["refused"]
        assert said["file"] == f"{tmp_path.as_posix()}/{named}"


def test_solutions_in_a_solution_are_read_apart(tmp_path) -> None:
    other = f"Workflows/Child-{files.OTHER_GUID}.json"
    put(tmp_path, {LATE: GOOD, f"inner/{other}": GOOD, f"inner/{LATE}": GOOD})
    assert [one["file"].removeprefix(f"{tmp_path.as_posix()}/") for one in checked(tmp_path).flows]\
        == [LATE, f"inner/{other}", f"inner/{LATE}"]  # fmt: skip


def test_a_legacy_package_says_whose_account(tmp_path) -> None:
    folder = f"Microsoft.Flow/flows/{files.OTHER_GUID}"
    title = {"type": "Microsoft.PowerApps/apis/connections",
             "details": {"displayName": "ada@library.example"}}  # fmt: skip
    inside = files.legacy_files() | {
        "manifest.json": json.dumps({"resources": {"r": title}}),
        f"{folder}/connectionsMap.json": json.dumps({ROWS: "r"}),
    }
    put(tmp_path, {"late.zip": files.zipped(inside), **{f"open/{k}": v for k, v in inside.items()}})
    packed, unpacked = checked(tmp_path).flows
    assert packed["file"] == f"{tmp_path.as_posix()}/late.zip/{folder}/definition.json"
    assert unpacked["file"] == f"{tmp_path.as_posix()}/open/{folder}/definition.json"
    for said in (packed, unpacked):
        (found,) = said["findings"]
        assert "acts as `ada@library.example`" in found["message"]


# what people see


def test_the_printed_report(tmp_path) -> None:
    odd = document(BUTTON, {"[red]A[/red]\x1b[2J": call("mail", MAIL, "Send", {})}, OWN)
    put(tmp_path, {
        "[b]odd.json": json.dumps(odd),
        "clock.json": json.dumps(document(CLOCK, SEND, OWN)),
        "cut.json": "{",
        "shared.json": json.dumps(document(BUTTON, SEND | EDIT, FIXED | PLAIN_ROWS)),
    })  # fmt: skip
    console = Console(width=100, record=True, file=io.StringIO())
    show(checked(tmp_path), console)
    said = console.export_text()
    assert "[b]odd · instant · runs as the invoking user" in said
    assert "[red]A[/red]\N{REPLACEMENT CHARACTER}[2J" in said
    assert "\x1b" not in said
    assert "3 flows · 1 unreadable · 2 refused · 2 errors · 2 warnings" in said
    assert max(map(len, said.splitlines())) <= 100


def put(folder: Path, content: dict[str, bytes | str]) -> None:
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


def follow(value: Any, pointer: str) -> Any:
    """Return what a JSON pointer leads to; KeyError or IndexError when it leads nowhere."""
    for written in pointer.split("/")[1:]:
        token = written.replace("~1", "/").replace("~0", "~")
        value = value[int(token)] if isinstance(value, list) else value[token]
    return value
