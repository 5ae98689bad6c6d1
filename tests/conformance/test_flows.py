"""Flows with a known outcome, from traces and other people's measurements, on our planner.

The cases are reference material kept beside the repository, not in it.
"""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from flowner.runs.run import Run
from flowner.runs.simulation import ModelWorld, Simulated, run_case
from flowner.runs.viewing import RunScope

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "flows"

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the reference cases are not beside the repository"
)
files = sorted(CASES.glob("*.json")) if CASES.is_dir() else []

KNOWN = {
    "actionInputs",
    "actions",
    "clientTrackingId",
    "codes",
    "errors",
    "ignore",
    "outputs",
    "outputsShape",
    "repetitionCounts",
    "repetitionInputs",
    "repetitionStatuses",
    "response",
    "resultNames",
    "runError",
    "runStatus",
    "trackedProperties",
    "variables",
}
SERVERS = {"Content-Length"}
"""Headers that the HTTP server adds, and not the flow."""


def test_there_are_as_many_cases_as_there_were() -> None:
    assert len(files) >= 44


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in files])
def test_case(file: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))
    expected = case["expected"]
    assert set(expected) <= KNOWN
    done = run_case(case)
    record = done.record
    assert record.status == expected["runStatus"]
    if "clientTrackingId" in expected:
        assert record.tracking_id == expected["clientTrackingId"]
    if "runError" in expected:
        assert record.error is not None
        assert {"code": record.error.code, "message": record.error.message} == expected["runError"]
    _actions(done, expected)
    _repetitions(done, expected)
    for name, value in expected.get("variables", {}).items():
        assert done.run.variable(name) == value
    if "response" in expected:
        _response(done, expected["response"], set(expected.get("ignore", ())) | SERVERS)
    for scope, names in expected.get("resultNames", {}).items():
        entries = _scope(done.run).result(scope)
        assert isinstance(entries, list)
        assert sorted(entry["name"] for entry in entries) == sorted(names)  # type: ignore[call-overload,index]


def _actions(done: Simulated, expected: dict[str, Any]) -> None:
    of = done.record.of
    for name, status in expected.get("actions", {}).items():
        assert {found.status.value for found in of(name)} == {status}, name
    for name, code in expected.get("codes", {}).items():
        assert [found.code for found in of(name)] == [code], name
    for name, error in expected.get("errors", {}).items():
        fault = of(name)[0].error
        assert fault is not None, name
        assert fault.code == error.get("code", fault.code), name
        assert fault.message == error.get("message", fault.message), name
        assert error.get("messageContains", "") in fault.message, name
    for name, value in expected.get("outputs", {}).items():
        assert of(name)[0].outputs == value, name
    for name, value in expected.get("actionInputs", {}).items():
        assert part(value, of(name)[0].inputs), (name, of(name)[0].inputs)
    for name, value in expected.get("outputsShape", {}).items():
        assert part(value, of(name)[0].outputs), (name, of(name)[0].outputs)
    for name, value in expected.get("trackedProperties", {}).items():
        assert of(name)[0].tracked == value, name


def _repetitions(done: Simulated, expected: dict[str, Any]) -> None:
    of = done.record.of
    for name, count in expected.get("repetitionCounts", {}).items():
        found = of(name)
        assert (found[0].repetitions or len(found)) == count, name
    for name, statuses in expected.get("repetitionStatuses", {}).items():
        assert [found.status.value for found in of(name)] == statuses, name
    for name, inputs in expected.get("repetitionInputs", {}).items():
        for found, value in zip(of(name), inputs, strict=True):
            assert part(value, found.inputs), name


def _response(done: Simulated, expected: dict[str, Any], ignored: set[str]) -> None:
    reply = done.reply
    assert reply is not None
    assert reply.status == expected["statusCode"]
    if "body" in expected:
        assert without(reply.body, ignored) == without(expected["body"], ignored)
    for name, value in without(expected.get("headers", {}), ignored).items():
        assert reply.headers.get(name) == value, name


def _scope(run: Run) -> RunScope:
    return RunScope(run._folding.compiled, run._folding.state, ModelWorld()())


def part(wanted: Any, found: Any) -> bool:
    """Say whether everything that is wanted is found; objects may have more members."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and part(value, found[name]) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(part(one, other) for one, other in zip(wanted, found, strict=True))
        )
    return found is not UNSET and type(wanted) is type(found) and bool(wanted == found)


def without(value: Any, names: set[str]) -> Any:
    """Return the value less the members whose names match."""
    if isinstance(value, dict):
        return {
            name: without(inner, names)
            for name, inner in value.items()
            if not any(fnmatch.fnmatch(name, pattern) for pattern in names)
        }
    if isinstance(value, list):
        return [without(inner, names) for inner in value]
    return value
