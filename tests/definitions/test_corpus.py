"""Every real flow that we can get hold of is read, and written as it was."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from flowner.definitions.archives import unpack
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.documents import parse_object
from flowner.definitions.flow import Flow, Format
from flowner.definitions.packages import read_package
from flowner.values import JsonObject

CORPUS = Path(__file__).resolve().parents[2] / "../shared/corpus"
FLOWS = CORPUS / "flows"
SOLUTIONS = CORPUS / "solutions"
pytestmark = pytest.mark.skipif(not FLOWS.is_dir(), reason="the corpus of real flows is not here")

SLOTS = {
    "If": ["actions", "else"],
    "Foreach": ["actions"],
    "Until": ["actions"],
    "Scope": ["actions"],
    "Changeset": ["actions"],
}


@pytest.fixture(scope="module")
def documents() -> dict[str, JsonObject]:
    return {path.name: parse_object(path.read_bytes()) for path in sorted(FLOWS.glob("*.json"))}


@pytest.fixture(scope="module")
def flows(documents: dict[str, JsonObject]) -> dict[str, Flow]:
    return {file: read_flow(found, name=file, file=file) for file, found in documents.items()}


def test_every_flow_is_read_and_written_as_it_was(documents, flows):
    assert len(flows) == 690
    changed = [file for file in flows if dumped(write_flow(flows[file])) != dumped(documents[file])]
    assert changed == []


def test_reading_shares_nothing_with_the_document(documents):
    for file, document in list(documents.items())[:50]:
        before = dumped(document)
        flow = read_flow(document, name=file)
        write_flow(flow)["properties"]["definition"].clear()
        assert dumped(document) == before
        assert dumped(write_flow(flow)) == before


def test_every_pointer_leads_to_its_node(documents, flows):
    for file, flow in flows.items():
        for node in (flow.trigger, *flow.walk()):
            found = follow(documents[file], node.pointer)
            assert found.get("type", "").casefold() == node.type.casefold()
            assert found.get("inputs") == node.inputs


def test_every_control_action_has_its_branches(flows):
    seen = 0
    for flow in flows.values():
        for action in flow.walk():
            slots = [branch.slot for branch in action.branches]
            if action.type == "Switch":
                assert slots == ["case"] * (len(slots) - 1) + ["default"]
            else:
                assert slots == SLOTS.get(action.type, [])
            seen += bool(slots)
    assert seen > 5000


def test_every_action_of_the_document_is_walked(documents, flows):
    for file, flow in flows.items():
        written = list(typed(documents[file]["properties"]["definition"]["actions"]))
        assert len(written) == sum(1 for _ in flow.walk())


def test_reading_them_all_takes_less_than_two_seconds():
    raw = {path.name: path.read_bytes() for path in sorted(FLOWS.glob("*.json"))}
    started = time.process_time()
    for file, data in raw.items():
        read_flow(parse_object(data, file=file), name=file, file=file)
    assert time.process_time() - started < 2


def dumped(document: JsonObject) -> str:
    return json.dumps(document)


def follow(document, pointer):
    for token in pointer.split("/")[1:]:
        document = document[token.replace("~1", "/").replace("~0", "~")]
    return document


def typed(block):
    """Yield the actions of a block and of all blocks in it, the plain way."""
    for action in block.values():
        yield action
        for holder in (action, action.get("else"), action.get("default")):
            yield from typed((holder or {}).get("actions") or {})
        for case in (action.get("cases") or {}).values():
            yield from typed(case.get("actions") or {})


@pytest.mark.parametrize("archive", sorted(SOLUTIONS.glob("*.zip")), ids=lambda path: path.stem)
def test_every_archive_is_read_whole(archive):
    data = archive.read_bytes()
    package = read_package(data, file=archive.name)
    written = Counter(dumped(write_flow(flow)) for flow in package.flows)
    raw = Counter(dumped(found) for found in raw_flows(unpack(data, file=archive.name)))
    assert written == raw
    assert package.flows or package.skipped
    assert all(flow.guid for flow in package.flows if flow.format is not Format.ARM)
    assert bool(package.solutions) == (not is_legacy(package.flows))


def test_every_archive_holds_at_least_the_flows_of_the_index():
    index = json.loads((SOLUTIONS / "index.json").read_text())
    assert len(index) == 36
    for entry in index:
        package = read_package((SOLUTIONS / entry["file"]).read_bytes(), file=entry["file"])
        assert len(package.flows) + len(package.skipped) >= entry["flows_indexed"]


def raw_flows(files):
    """Parse what holds a workflow definition and is no agent macro, the plain way."""
    for data in files.values():
        if b"/workflowdefinition.json" in data and b"CDSClientAutomation" not in data:
            yield json.loads(data.decode("utf-8-sig"))


def is_legacy(flows):
    return any(flow.format is Format.LEGACY for flow in flows)
