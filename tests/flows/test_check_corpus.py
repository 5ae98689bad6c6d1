"""``flowner check`` of every real flow that we can get hold of: complete, exact, and quick."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flowner.flows.checking import Checked, Report, check_path
from flowner.identity.verdict import ActRule, RunRule

CORPUS = Path(__file__).resolve().parents[2] / "../shared/corpus"
pytestmark = pytest.mark.skipif(
    not (CORPUS / "flows").is_dir(), reason="the corpus of real flows is not here"
)

MEMBERS = [
    "flow", "file", "kind", "trigger", "run_as", "runs_as", "rule", "reason", "actions",
    "findings", "refused",
]  # fmt: skip
ACTION = ["action", "pointer", "acting_as", "actor", "account", "binding", "rule", "because"]
FINDING = ["code", "severity", "pointer", "message", "mend", "shown"]


@pytest.fixture(scope="module")
def report() -> Report:
    found = Checked()
    for one in check_path(CORPUS):
        found.add(one)
    return found.report()


def test_one_entry_per_flow(report: Report) -> None:
    files = Counter(one["file"] for one in report.flows)
    assert set(files.values()) == {1}
    loose = {path.as_posix() for path in (CORPUS / "flows").glob("*.json")}
    packed = {file for file in files if ".zip/" in str(file)}
    assert set(files) == loose | packed
    assert len(loose) == 690
    assert {str(file).partition(".zip/")[0] for file in packed} == {
        str(path.as_posix()).removesuffix(".zip")
        for path in (CORPUS / "solutions").glob("*.zip")
        if "ContosoMainSolution" not in path.name  # three agent macros and no flow
    }
    assert Counter(str(one["why"]) for one in report.skipped) == {
        "is a business process flow (category 4)": 3,
        "is a business rule (category 2)": 2,
        "is an agent macro (category 9000)": 3,
    }


def test_every_entry_is_complete(report: Report) -> None:
    for entry in flows(report):
        assert list(entry) == MEMBERS
        assert entry["flow"]
        assert entry["kind"] in ("instant", "automated", "scheduled", "http")
        assert entry["runs_as"]
        assert entry["rule"] in {rule.value for rule in RunRule}
        assert entry["refused"] == any(one["severity"] == "error" for one in entry["findings"])
        for one in entry["findings"]:
            assert list(one) == FINDING
            assert one["message"]
            assert one["mend"]


def test_every_action_says_in_whose_name_or_why_not(report: Report) -> None:
    rules = {rule.value for rule in ActRule}
    nobody: Counter[str] = Counter()
    for entry in flows(report):
        for one in entry["actions"]:
            assert list(one) == ACTION
            assert one["because"]
            if one["acting_as"] is None:
                nobody[one["because"].partition(" `")[0]] += 1
                assert one["rule"] is None
                continue
            assert one["rule"] in rules
            assert (one["binding"] is None) == (one["rule"] == "action.none")
            assert (one["account"] is None) == (one["rule"] == "action.none")
            assert "\0" not in json.dumps(one)
    assert set(nobody) == {"actions of type", "the action"}


def test_every_pointer_leads_somewhere(report: Report) -> None:
    for entry in flows(report):
        document = document_of(entry["file"])
        for one in entry["actions"]:
            found = follow(document, one["pointer"])
            assert isinstance(found, dict)
            assert "type" in found
        for one in entry["findings"]:
            follow(document, one["pointer"])
        assert {one["action"] for one in entry["actions"]} == names_in(document)


def test_real_flows_are_refused_only_for_identities_and_formulas(report: Report) -> None:
    refused = {one["code"]: set() for entry in flows(report) for one in entry["findings"]
               if one["severity"] == "error"}  # fmt: skip
    for entry in flows(report):
        for one in entry["findings"]:
            if one["severity"] == "error":
                refused[one["code"]].add(entry["file"])
    # Which flows have such formulas, and why: tests/definitions/test_formulas_corpus.py
    assert refused.pop("InvalidTemplate")
    assert set(refused) == {
        # A child that asks the run-only user, which an exported solution really has,
        "ChildFlowUnsupportedForInvokerConnections",
        # and a template that picks one of many connections at random.
        "UnknownConnectionReferenceKey",
    }
    assert len(set().union(*refused.values())) == 5


def test_the_accounts_that_packages_name(report: Report) -> None:
    known = {
        one["account"] for entry in flows(report) for one in entry["actions"]
        if one["account"] and "@" in one["account"]
    }  # fmt: skip
    assert len(known) == 4


def flows(report: Report) -> list[Any]:
    return list(report.flows)


def document_of(file: str) -> Any:
    """Read a file by the name that the report gives it, through archives in archives."""
    archive, *inside = file.split(".zip/")
    data = Path(f"{archive}.zip" if inside else file).read_bytes()
    for place, path in enumerate(inside, start=1):
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            names = {name.replace("\\", "/"): name for name in opened.namelist()}
            data = opened.read(names[path if place == len(inside) else f"{path}.zip"])
    return json.loads(data.decode("utf-8-sig"))


def names_in(document: Any) -> set[str]:
    """Return the names of all actions, found without our reader."""

    def walk(holder: Any) -> set[str]:
        found: set[str] = set()
        for name, action in (holder.get("actions") or {}).items():
            others = (action.get("else"), action.get("default"), *action.get("cases", {}).values())
            found |= {name}.union(*(walk(one) for one in (action, *others) if one))
        return found

    return walk(definition_in(document))


def definition_in(value: Any) -> Any:
    """Return the first object with triggers, wherever the format puts it."""
    if isinstance(value, dict) and "triggers" in value:
        return value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = (definition_in(one) for one in inside)
    return next((one for one in found if one is not None), None)


def follow(value: Any, pointer: str) -> Any:
    for written in pointer.split("/")[1:]:
        token = written.replace("~1", "/").replace("~0", "~")
        value = value[int(token)] if isinstance(value, list) else value[token]
    return value
