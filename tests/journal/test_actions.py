"""Action records: written with their entries or not at all, and found by what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowner.clock import SystemClock, fresh_run_id
from flowner.errors import Conflict
from flowner.journal.actions import WantedActions, search
from flowner.journal.records import ActionRecord, Append, Entry, RunHeader
from flowner.journal.store import open_journal
from flowner.journal.wakes import Wakes
from flowner.values import FlowId, PrincipalId, RunId

CLOCK = SystemClock()
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
ADA, BOB, CONNECTION = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
FLOW, OTHER = (FlowId(f"00000000-0000-4000-8000-0000000000f{n}") for n in (1, 2))
PLAIN = ActionRecord(
    acting=ADA, actor=None, account="ada@x", connection=None, reference=None, lender=None,
    rule="action.connection", connector="mail", operation="Send", status="Succeeded", code="OK",
    attempt=1, refused=False, planned=True,
)  # fmt: skip
RECORDS = {
    "plain": PLAIN,
    "bob": replace(PLAIN, acting=BOB, account="bob@x", rule="action.invoker"),
    "for bob": replace(PLAIN, acting=BOB, actor=ADA, rule="action.impersonated", lender=ADA),
    "other": replace(PLAIN, connector="rows", operation="List", connection=CONNECTION),
    "pointed": replace(PLAIN, reference="new_mail", planned=False),
    "failed": replace(PLAIN, status="Failed", code="BadGateway", attempt=2),
    "refused": replace(PLAIN, acting=None, account=None, rule=None, refused=True, status="Failed"),
}
"""One a minute from `BEGIN`, by path, in Bob's run of the first flow, as Ada."""


def header(run: RunId, **more: Any) -> RunHeader:
    said: dict[str, Any] = {
        "id": run, "flow": FLOW, "flow_version": 1, "flow_name": "F", "kind": "instant",
        "status": "Running", "initiator": PrincipalId(BOB), "principal": PrincipalId(ADA),
        "rule": "http.owner", "plan": {}, "plan_hash": "", "started": BEGIN,
    }  # fmt: skip
    return RunHeader(**(said | more))


def append(run: RunId, records: dict[str, ActionRecord | None]) -> Append:
    entries = tuple(
        Entry(kind="k", path=path, data=b"{}", at=BEGIN + timedelta(minutes=n), record=record)
        for n, (path, record) in enumerate(records.items())
    )
    return Append(run=run, owner="w", expected=0, entries=entries, status="Running")


@pytest.fixture(scope="module")
def written(database: Any, run: Any) -> RunId:
    """Write the records; beside them a run with a fallback, and one that was refused."""

    async def write() -> RunId:
        first, second, third = (fresh_run_id(CLOCK) for _ in range(3))
        claim = ("w", Wakes(database, "w").lease_seconds)
        async with open_journal(database) as journal:
            await journal.create(header(first), [], claim=claim)
            await journal.append(append(first, {"no call": None, **RECORDS}))
            fallback = header(second, flow=OTHER, fallback="bob is gone; runs as the owner")
            await journal.create(fallback, [], claim=claim)
            await journal.append(append(second, {"stood in": PLAIN}))
            nobody = header(
                third, flow=OTHER, principal=None, rule=None, status="Failed", code="Denied",
                error="bob may not", started=BEGIN + timedelta(hours=2),
                ended=BEGIN + timedelta(hours=2),
            )  # fmt: skip
            await journal.create(nobody, [])
        return first

    made: RunId = run(write())
    return made


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({}, {*RECORDS, "stood in", ""}, id="everything, and no entry that is no call"),
        pytest.param({"initiator": PrincipalId(BOB)}, {*RECORDS, "stood in", ""}, id="initiator"),
        pytest.param({"initiator": PrincipalId(ADA)}, set(), id="another initiator"),
        pytest.param({"ran_as": PrincipalId(ADA)}, {*RECORDS, "stood in"}, id="ran as"),
        pytest.param({"acting": PrincipalId(BOB)}, {"bob", "for bob"}, id="acted as"),
        pytest.param({"actor": PrincipalId(ADA)}, {"for bob"}, id="actor"),
        pytest.param({"lender": PrincipalId(ADA)}, {"for bob"}, id="lender"),
        pytest.param({"account": "bob@x"}, {"bob"}, id="account"),
        pytest.param({"connection": CONNECTION}, {"other"}, id="connection"),
        pytest.param({"reference": "new_mail"}, {"pointed"}, id="reference"),
        pytest.param({"rule": "action.impersonated"}, {"for bob"}, id="the action's rule"),
        pytest.param({"rule": "http.owner"}, {*RECORDS, "stood in"}, id="the run's rule"),
        pytest.param({"flow": OTHER}, {"stood in", ""}, id="flow"),
        pytest.param({"connector": "rows"}, {"other"}, id="connector"),
        pytest.param({"operation": "List"}, {"other"}, id="operation"),
        pytest.param({"status": "Failed"}, {"failed", "refused", ""}, id="status"),
        pytest.param({"refused": True}, {"refused", ""}, id="refused"),
        pytest.param({"fallback": True}, {"stood in"}, id="fallback"),
        pytest.param({"unplanned": True}, {"pointed"}, id="not as planned"),
        pytest.param({"since": BEGIN + timedelta(hours=1)}, {""}, id="since"),
        pytest.param({"until": BEGIN + timedelta(minutes=1)}, {"stood in"}, id="until"),
        pytest.param({"refused": True, "flow": FLOW}, {"refused"}, id="two at once"),
    ],
)
def test_records_are_found_by_what_they_say(
    run: Any, database: Any, written: RunId, wanted: dict[str, Any], expected: set[str]
) -> None:
    async def found() -> list[str]:
        async with database.connection() as connection:
            return [one.path for one in await search(connection, WantedActions(**wanted))]

    paths = run(found())
    assert set(paths) == expected
    assert len(paths) == len(expected), "each once"
    del written


@pytest.mark.parametrize("size", [1, 2, 3, 9, 20])
def test_pages_hold_everything_once_newest_first(
    run: Any, database: Any, written: RunId, size: int
) -> None:
    async def turned() -> list[Any]:
        found, before = [], None
        async with database.connection() as connection:
            while page := await search(connection, WantedActions(limit=size, before=before)):
                found += page
                before = page[-1].place
        return found

    found = run(turned())
    assert len(found) == len(RECORDS) + 2
    assert [one.place for one in found] == sorted((one.place for one in found), reverse=True)
    assert found[0].error == "bob may not", "a run that was refused says why"
    del written


def test_a_record_says_what_was_recorded(run: Any, database: Any, written: RunId) -> None:
    async def found() -> dict[str, ActionRecord]:
        async with database.connection() as connection:
            every = await search(connection, WantedActions(flow=FLOW))
            return {one.path: one.record for one in every}

    assert run(found()) == RECORDS
    del written


def test_who_lost_the_lease_records_nothing(run: Any, database: Any) -> None:
    async def story() -> list[Any]:
        lost = fresh_run_id(CLOCK)
        async with open_journal(database) as journal:
            await journal.create(header(lost), [], claim=("somebody else", 60))
            with pytest.raises(Conflict):
                await journal.append(append(lost, {"never": PLAIN}))
        async with database.connection() as connection:
            found = await connection.execute("SELECT 1 FROM journal.action WHERE run = %s", (lost,))
            return list(await found.fetchall())

    assert run(story()) == []
