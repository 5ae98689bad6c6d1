"""The commands as a user types them: what they print, how they end, what they leave behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from cli.conftest import PROGRAM, TITLED, Company, Terminal, archive, flow_file, flow_name
from flowner.flows.running import Press
from flowner.server import open_house
from flowner.settings import Settings
from flowner.values import FlowId
from worlds import written
from worlds.living import NOTE, RECURRENCE

GOOD = flow_file(written.BUTTON, NOTE, {})
USES = {"Me": written.call("nowhere", written.PEOPLE, "MyProfile_V2", {})}
ROWS = {"rows": written.reference(written.ROWS, "ref_rows")}
INVOKER = {"people": written.reference(written.PEOPLE, "r", source="invoker")}
PROFILE = {"Me": written.call("people", written.PEOPLE, "MyProfile_V2", {})}
RUN_AS_4 = written.row_trigger("c_note", run_as=4)


# import


def test_import_brings_flows_in_turned_off(
    terminal: Terminal, company: Company, tmp_path: Path
) -> None:
    solution = tmp_path / "sol.zip"
    references = {"people": written.reference(written.PEOPLE, "ref_unbound")}
    solution.write_bytes(
        archive({
            flow_name("Plain"): GOOD,
            flow_name("Unbound"): flow_file(written.BUTTON, PROFILE, references),
        })
    )  # fmt: skip
    said = terminal.says("import", str(solution), "--as", "rik")
    assert {one["name"]: one["version"] for one in said["flows"]} == {"Plain": 1, "Unbound": 1}
    assert said["unbound"] == ["ref_unbound"]
    assert said["skipped"] == []
    again = terminal("import", str(solution), "--as", "rik")
    assert again.returncode == 0
    assert "Plain" in again.stdout
    assert "version 2" in again.stdout
    assert "ref_unbound" in again.stdout
    assert "Disabled" in terminal.refuses("run", "Plain", "--as", "rik")
    del company


def test_import_binds_references(terminal: Terminal, company: Company, tmp_path: Path) -> None:
    file = tmp_path / Path(flow_name("Bound")).name
    references = {"people": written.reference(written.PEOPLE, "ref_bound")}
    file.write_text(flow_file(written.BUTTON, PROFILE, references))
    account = f"olga@{written.PEOPLE}"
    said = terminal.says("import", str(file), "--as", "olga", "--bind", f"ref_bound={account}")
    assert said["unbound"] == []
    (action,) = terminal.says("who", "Bound", "--as", "olga")["actions"]
    assert action["refused"] == "ConnectionAuthorizationFailed", "nobody has lent it yet"
    assert account in action["message"]
    del company


@pytest.mark.parametrize(
    ("broken", "pointer"),
    [
        pytest.param("{", None, id="broken JSON"),
        pytest.param(
            flow_file(RUN_AS_4, NOTE, ROWS), "subscriptionRequest~1runas", id="Run as 4"
        ),
        pytest.param(
            flow_file(written.BUTTON, USES, {}), "/actions/Me", id="unknown binding"
        ),
        pytest.param(
            flow_file(RECURRENCE, PROFILE, INVOKER), "/connectionReferences/people",
            id="nobody to ask",
        ),
    ],
)  # fmt: skip
def test_a_flow_that_is_refused_keeps_the_whole_archive_out(
    terminal: Terminal, company: Company, tmp_path: Path, broken: str, pointer: str | None
) -> None:
    solution = tmp_path / "sol.zip"
    solution.write_bytes(archive({flow_name("Alright"): GOOD, flow_name("Broken"): broken}))
    before = company.count("workflow")
    line = terminal.refuses("import", str(solution), "--as", "olga")
    assert "Broken" in line
    if pointer is not None:
        assert pointer in line
    assert company.count("workflow") == before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"this is no archive", "sol.zip", id="not a zip"),
        pytest.param(None, "cannot be read", id="no file"),
    ],
)
def test_what_is_no_package_is_said_to_be_none(
    terminal: Terminal, company: Company, tmp_path: Path, data: bytes | None, words: str
) -> None:
    solution = tmp_path / "sol.zip"
    if data is not None:
        solution.write_bytes(data)
    before = company.count("workflow")
    assert words in terminal.refuses("import", str(solution), "--as", "olga")
    assert company.count("workflow") == before


def test_one_bad_file_of_several_brings_in_none(
    terminal: Terminal, company: Company, tmp_path: Path
) -> None:
    good, bad = tmp_path / Path(flow_name("Fine")).name, tmp_path / "bad.zip"
    good.write_text(GOOD)
    bad.write_bytes(b"PK no")
    before = company.count("workflow")
    assert "bad.zip" in terminal.refuses("import", str(good), str(bad), "--as", "olga")
    assert company.count("workflow") == before


def test_somebody_has_to_own_the_flows(
    terminal: Terminal, company: Company, tmp_path: Path
) -> None:
    file = tmp_path / Path(flow_name("Orphan")).name
    file.write_text(GOOD)
    assert "`nobody`" in terminal.refuses("import", str(file), "--as", "nobody")
    del company


# who


MEMBERS = {
    "flow",
    "version",
    "kind",
    "owner",
    "initiator",
    "runs_as",
    "rule",
    "fallback",
    "actions",
}
ACTION = {"action", "acting_as", "actor", "account", "binding", "rule", "because"}


def test_who_says_for_every_action_in_whose_name_and_why(
    terminal: Terminal, company: Company
) -> None:
    said = terminal.says("who", company.flows["Greet"], "--as", "rik@living.example")
    assert said.keys() >= MEMBERS
    assert (said["runs_as"], said["initiator"], said["rule"]) == ("rik", "rik", "instant.invoker")
    actions = {one["action"]: one for one in said["actions"]}
    assert list(actions) == ["Say", "Who"]
    assert all(one.keys() >= ACTION for one in said["actions"])
    assert (actions["Say"]["acting_as"], actions["Say"]["rule"]) == ("rik", "action.none")
    assert (actions["Who"]["acting_as"], actions["Who"]["rule"]) == ("olga", "action.connection")
    assert actions["Who"]["account"] == f"olga@{written.PEOPLE}"
    assert actions["Who"]["binding"] == "people"
    shown = terminal("who", "Greet", "--as", "rik").stdout
    for word in ("Greet", "rik", "olga", "instant.invoker", "action.connection", "Say", "Who"):
        assert word in shown


def test_who_says_why_there_is_nobody(terminal: Terminal, company: Company) -> None:
    said = terminal.says("who", "Ask", "--as", "rik")
    (action,) = said["actions"]
    assert action["acting_as"] is None
    assert action["refused"] == "InvokerConnectionOverrideFailed"
    assert "signs in" in action["message"]
    refused = terminal.says("who", "Greet", "--as", "eve")
    assert refused["runs_as"] is None
    assert "eve" in refused["refused"]["message"]
    del company


def test_who_follows_the_rows_owner_and_who_changed_it(
    terminal: Terminal, company: Company
) -> None:
    follow = terminal.says("who", "Follow", "--row-owner", "rik", "--modified-by", "eve")
    assert (follow["runs_as"], follow["rule"]) == ("rik", "automated.row-owner")
    modify = terminal.says("who", "Modify", "--row-owner", "rik", "--modified-by", "eve")
    assert (modify["runs_as"], modify["rule"]) == ("eve", "automated.modifying-user")
    del company


def test_what_if_compares_people(terminal: Terminal, company: Company) -> None:
    people = ("rik", "olga", "eve")
    options = [part for one in people for part in ("--what-if", one)]
    said = terminal.says("who", "Greet", *options)["what_if"]
    assert {name: one["runs_as"] for name, one in said.items()} == {
        "rik": "rik", "olga": "olga", "eve": None,
    }  # fmt: skip
    shown = terminal("who", "Greet", *options)
    assert shown.returncode == 0
    for word in (*people, "Say", "Who"):
        assert word in shown.stdout
    del company


def test_who_asks_for_what_it_needs(terminal: Terminal, company: Company) -> None:
    assert "--as PERSON" in terminal.refuses("who", "Greet")
    del company


@pytest.mark.parametrize("name", ["[/red] [bold]x", "ünï ✓ \\["])
def test_what_was_typed_is_shown_as_it_was_typed(
    terminal: Terminal, company: Company, name: str
) -> None:
    assert f"`{name}`" in terminal.refuses("who", name, "--as", "rik")
    del company


# run, runs, run-show


def test_run_presses_waits_and_says_who_acted(terminal: Terminal, company: Company) -> None:
    said = terminal.says("run", "Greet", "--as", "rik", "--input", "City=Ghent")
    assert (said["status"], said["initiator"], said["ran_as"]) == ("Succeeded", "rik", "rik")
    assert said["rule"] == "instant.invoker"
    actions = {one["action"]: one for one in said["actions"]}
    assert actions["Say"]["outputs"] == "Ghent"
    assert (actions["Who"]["acting_as"], actions["Who"]["seen"]) == ("olga", "olga@living.example")
    assert actions["Who"]["account"] == f"olga@{written.PEOPLE}"
    assert said["accounts"] == [f"olga@{written.PEOPLE}"]

    shown = terminal("run-show", said["run"])
    assert shown.returncode == 0
    for word in (said["run"], "Greet", "Succeeded", "rik", "olga", "action.connection"):
        assert word in shown.stdout
    again = terminal.says("run-show", said["run"], "--as", "rik")
    assert again == said

    listed = terminal.says("runs", "Greet")["runs"]
    assert said["run"] in [one["run"] for one in listed]
    assert {one["flow"] for one in listed} == {"Greet"}
    mine = terminal.says("runs", "--as", "rik", "--limit", "1")["runs"]
    assert len(mine) == 1
    assert "there is no run" in terminal.refuses("run-show", said["run"], "--as", "eve")
    del company


def test_a_run_that_fails_ends_with_1_and_is_shown(terminal: Terminal, company: Company) -> None:
    done = terminal("run", "Fail", "--as", "olga", "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["status"] == "Failed"
    assert "Fail" in terminal("runs", "Fail").stdout
    del company


def test_who_may_not_press_is_refused_and_asked_for_nothing(
    terminal: Terminal, company: Company
) -> None:
    assert "NotFound" in terminal.refuses("run", "Greet", "--as", "eve")
    assert "InvokerConnectionOverrideFailed" in terminal.refuses("run", "Ask", "--as", "rik")
    del company


def test_several_runs_are_run_again_and_one_that_may_not_be_holds_none_up(
    terminal: Terminal, company: Company
) -> None:
    first, second = (terminal.says("run", "Greet", "--as", "rik", "--input", f"City={city}")["run"]
                     for city in ("Ghent", "Bruges"))  # fmt: skip
    done = terminal("resubmit", first, "1", second, "--as", "rik", "--json")
    assert done.returncode == 1
    one, refused, other = json.loads(done.stdout)["runs"]
    assert (one["status"], other["status"]) == ("Succeeded", "Succeeded")
    said = [{a["action"]: a for a in each["actions"]}["Say"]["outputs"] for each in (one, other)]
    assert said == ["Ghent", "Bruges"]
    assert (refused["run"], refused["code"]) == ("1", "NotFound")
    assert terminal("resubmit", first, second, "--as", "rik").returncode == 0
    del company


def test_a_run_goes_on_from_an_action_and_says_before_what_would_differ(
    terminal: Terminal, company: Company
) -> None:
    first = json.loads(terminal("run", "Fail", "--as", "olga", "--json").stdout)["run"]
    told = terminal.says("resubmit", first, "--from", "End", "--preview", "--as", "olga")
    assert (told["goes_on_at"], told["run_again"], told["refused"]) == (["End"], ["End"], None)
    shown = terminal("resubmit", first, "--from", "End", "--preview", "--as", "olga").stdout
    assert "run again: End" in shown
    refused = terminal("resubmit", first, "--from", "Nothing", "--preview", "--as", "olga")
    assert refused.returncode == 1
    assert "has no action `Nothing`" in refused.stdout
    done = terminal("resubmit", first, "--from", "end", "--as", "olga", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["continues"], said["goes_on_at"]) == (1, first, ["End"])
    assert f"goes on from run {first}" in terminal("run-show", said["run"]).stdout
    assert "`--current` goes with `--from`" in terminal.refuses(
        "resubmit", first, "--current", "--as", "olga"
    )
    del company


def test_runs_are_asked_to_stop_one_by_one_and_all_at_once(
    terminal: Terminal, company: Company
) -> None:
    async def pressed(count: int) -> list[str]:
        async with open_house(Settings(data_folder=terminal.folder)) as house:
            rik, flow = await house.running.somebody("rik"), FlowId(company.flows["Pause"])
            runs = [house.running.fresh_run() for _ in range(count)]
            for run in runs:
                await house.running.press(Press(flow=flow, by=rik, inputs={}), run=run)
            return [str(run) for run in runs]

    first, *others = asyncio.run(pressed(3))
    assert "asked to stop" in terminal("cancel", first, "--as", "rik", "--reason", "no").stdout
    over = terminal.says("run", "Greet", "--as", "rik", "--input", "City=Ghent")["run"]
    assert "is over" in terminal.refuses("cancel", over, "--as", "rik")
    assert "there is no run" in terminal.refuses("cancel", others[0], "--as", "eve")
    done = terminal("cancel", over, others[0], "--as", "rik", "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["cancelled"] == [{"run": others[0], "asked": 1}]
    assert [(one["run"], one["code"]) for one in said["refused"]] == [(over, "Conflict")]
    asked = terminal.says("cancel", "--all", "--flow", "Pause", "--as", "olga")["cancelled"]
    assert others[1] in [one["run"] for one in asked]
    assert terminal.says("cancel", "--all", "--flow", "Greet", "--as", "olga")["cancelled"] == []
    assert terminal("cancel", "--all", "--status", "waiting", "--as", "eve").returncode == 0
    for wrong in (["--all", first], [], [first, "--flow", "Pause"]):
        assert "--all" in terminal.refuses("cancel", *wrong, "--as", "rik")


@pytest.mark.parametrize("run", ["9" * 30])
def test_there_is_no_such_run(terminal: Terminal, company: Company, run: str) -> None:
    assert "there is no run" in terminal.refuses("run-show", "--", run)
    del company


# check


def test_check_needs_no_server_and_starts_none(tmp_path: Path) -> None:
    nowhere = Terminal(tmp_path / "nowhere")
    file = tmp_path / Path(flow_name("Greet")).name
    file.write_text(flow_file(TITLED, PROFILE, INVOKER))
    dead = "postgresql://nobody@127.0.0.1:1/none"
    said = nowhere.says("check", str(file), FLOWNER_DATABASE_URL=dead)
    (entry,) = said["flows"]
    assert (entry["flow"], entry["kind"]) == ("Greet", "instant")
    assert entry["refused"] is False
    assert not (tmp_path / "nowhere").exists()


def test_check_ends_with_1_and_points_at_what_is_wrong(tmp_path: Path) -> None:
    nowhere, file = Terminal(tmp_path / "nowhere"), tmp_path / Path(flow_name("Bad")).name
    file.write_text(flow_file(RECURRENCE, PROFILE, INVOKER))
    done = nowhere("check", str(file), "--json")
    assert done.returncode == 1
    (entry,) = json.loads(done.stdout)["flows"]
    errors = [one for one in entry["findings"] if one["severity"] == "error"]
    assert [one["code"] for one in errors] == ["InvokerConnectionNotAllowed"]
    assert errors[0]["pointer"].endswith("/connectionReferences/people")
    assert errors[0]["message"]
    assert errors[0]["mend"]


def test_check_reads_folders_and_reports_what_it_cannot_read(tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / Path(flow_name("One")).name).write_text(GOOD)
    (folder / Path(flow_name("Two")).name).write_text(GOOD)
    (folder / "broken.zip").write_bytes(b"no")
    done = Terminal(tmp_path / "nowhere")("check", str(folder), "--json")
    entries = json.loads(done.stdout)["flows"]
    assert done.returncode == 1
    assert sorted(str(one["flow"]) for one in entries) == ["None", "One", "Two"]
    (broken,) = [one for one in entries if one["flow"] is None]
    assert "broken.zip" in broken["file"]
    assert broken["refused"] is True


# everything else


def test_a_mistake_in_the_command_ends_with_2(tmp_path: Path) -> None:
    nowhere = Terminal(tmp_path / "nowhere")
    for arguments in (("no-such",), ("runs", "--limit", "0")):
        done = nowhere(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
    assert not (tmp_path / "nowhere").exists()


def test_a_setting_that_cannot_be_understood_is_named(tmp_path: Path) -> None:
    assert "`FLOWNER_PORT`" in Terminal(tmp_path / "nowhere").refuses("runs", FLOWNER_PORT="many")


def test_a_database_that_does_not_answer_is_said_so_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://me:correct-horse@127.0.0.1:1/none"
    line = Terminal(tmp_path / "nowhere").refuses("runs", FLOWNER_DATABASE_URL=url)
    assert "cannot be reached" in line
    assert "correct-horse" not in line


def test_serve_answers_until_it_is_stopped(terminal: Terminal, company: Company) -> None:
    process = subprocess.Popen(
        [str(PROGRAM), "serve"],
        env=terminal.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://\S+", line)
        assert address is not None, line
        assert httpx.get(f"{address[0]}/health", timeout=10).json() == {"status": "up"}
        # Another process on the same folder works meanwhile.
        assert terminal.says("runs", "--limit", "1")["runs"] is not None
    finally:
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert "Traceback" not in said
    del company


def test_the_first_command_makes_the_folder_and_leaves_no_server_behind(tmp_path: Path) -> None:
    fresh = Terminal(tmp_path / "fresh")
    assert fresh.says("runs") == {"runs": []}
    assert not list((tmp_path / "fresh").rglob("postmaster.pid"))
    key = tmp_path / "fresh" / "key"
    assert key.stat().st_mode & 0o077 == 0


def test_evaluate_needs_no_server(tmp_path: Path) -> None:
    nowhere: Any = Terminal(tmp_path / "nowhere")
    assert nowhere("evaluate", "@add(1, 2)").stdout == "3\n"
    wrong = nowhere("evaluate", "@concat('a', foo(1))")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("@concat('a', foo(1))\n             ^\n")
    assert not (tmp_path / "nowhere").exists()


# audit


def test_the_audit_is_searched_by_what_addresses_say(terminal: Terminal, company: Company) -> None:
    pressed = terminal.says("run", "Greet", "--as", "rik", "--input", "text=Ulm")
    found = terminal.says("audit", "by=rik", "flow=Greet", "operation=MyProfile_V2")["actions"]
    newest = found[0]
    assert newest["run"] == pressed["run"]
    assert (newest["initiator"], newest["acted_as"], newest["account"]) == (
        "rik",
        "olga",
        f"olga@{written.PEOPLE}",
    )
    assert terminal.says("audit", "refused=yes", "flow=Greet")["actions"] == []
    shared = terminal.says("audit", "--acts", "act=flow.share", "about=rik")["acts"]
    assert {(one["by"], one["about"]) for one in shared} == {("olga", "rik")}
    assert "flow.share" in terminal("audit", "--acts", "about=rik").stdout
    del company


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("acct=x",), "nothing is filtered by `acct`", id="no such filter"),
        pytest.param(("--acts", "flow=Greet"), "nothing is filtered by `flow`", id="of the other"),
        pytest.param(("status=Odd",), "`status` is one of", id="no such status"),
        pytest.param(("from=soon",), "is no moment", id="no moment"),
        pytest.param(("by=nobody at all",), "nobody at all", id="nobody"),
        pytest.param(("flow",), "is not NAME=VALUE", id="no value"),
    ],
)
def test_a_search_that_asks_for_nothing_is_refused(
    terminal: Terminal, arguments: tuple[str, ...], said: str
) -> None:
    assert said in terminal.refuses("audit", *arguments)


# apps


def test_a_bundle_is_uploaded_as_a_folder_or_as_a_zip(
    terminal: Terminal, company: Company, tmp_path: Path
) -> None:
    assert terminal("apps", "add", "Desk", "--as", "olga").returncode == 0
    site = tmp_path / "site"
    (site / "css").mkdir(parents=True)
    (site / "index.html").write_text("<!doctype html>")
    (site / "css" / "a.css").write_text("")
    (site / ".DS_Store").write_text("")
    said = terminal("apps", "upload", "Desk", str(site), "--as", "olga").stdout
    assert said.endswith(": 2 files\n")
    zipped = tmp_path / "site.zip"
    zipped.write_bytes(archive({"index.html": "<!doctype html>", "css/a.css": ""}))
    assert terminal("apps", "upload", "Desk", str(zipped), "--as", "olga").stdout == said
    assert "no app" in terminal.refuses("apps", "upload", "Desk", str(site), "--as", "rik")
    (site / "secret.js").symlink_to("/etc/passwd")
    refused = terminal.refuses("apps", "upload", "Desk", str(site), "--as", "olga")
    assert "`secret.js` is a symbolic link" in refused
    (site / "secret.js").unlink()
    (site / "index.html").unlink()
    refused = terminal.refuses("apps", "upload", "Desk", str(site), "--as", "olga")
    assert "has no `index.html`" in refused
    del company


def test_a_flow_says_how_long_its_runs_are_kept(terminal: Terminal, company: Company) -> None:
    kept = "SELECT coalesce(max(days), -1) FROM journal.keeping"
    with psycopg.connect(company.url, autocommit=True) as connection:
        for given, days in ((("--days", "90"), 90), ((), -1)):
            done = terminal("flows", "keep", company.flows["Greet"], *given, "--as", "olga")
            assert done.returncode == 0, done.stderr
            assert connection.execute(kept).fetchone() == (days,)
    said = terminal.refuses("flows", "keep", company.flows["Greet"], "--days", "1", "--as", "rik")
    assert "AccessDenied" in said
    acts = terminal.says("audit", "--acts", "act=flow.keep-runs")
    assert [one["after"] for one in acts["acts"]] == [{"days": None}, {"days": 90}]
