"""Scheduled flows live through days: when they fire, when not, and what they say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql

from flowner.journal.schedules import next_schedule, set_schedule
from flowner.rows import registry
from flowner.runs.events import RunStarted, decode
from flowner.values import FlowId
from worlds.still import Still

BERLIN = "W. Europe Standard Time"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = "2026-01-05T08:00"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class Diary:
    still: Still
    run: Callable[..., Any]

    def flow(self, recurrence: dict[str, Any], owner: str = "ada", **more: Any) -> FlowId:
        trigger = {"Recurrence": {"type": "Recurrence", "recurrence": recurrence, **more}}
        return self.run(self.still.living.flow(owner, trigger))

    def live(self, until: datetime) -> None:
        """Let time pass, and the clock strike at every moment that something is due."""

        async def live() -> None:
            while (soonest := await self._next()) is not None and soonest <= until:
                self.still.clock.moment = max(soonest, self.still.clock.moment)
                await self.still.house.clock_strikes.strike()
            self.still.clock.moment = until

        self.run(live())

    def wake(self, moment: datetime) -> None:
        """Let time pass while nobody is at work, then strike."""
        self.still.clock.moment = moment
        self.run(self.still.house.clock_strikes.strike())

    def fired(self, flow: FlowId) -> list[datetime]:
        found = self.run(self.still.fresh(flow))
        assert all(one.code is None for one in found)
        return sorted(one.started for one in found)

    def next(self) -> datetime | None:
        return self.run(self._next())

    def off(self, flow: FlowId, by: str = "ada") -> None:
        self.run(self.still.house.turning.off(flow, self.run(self.still.person(by))))

    def on(self, flow: FlowId, by: str = "ada") -> None:
        self.run(self.still.house.turning.on(flow, self.run(self.still.person(by))))

    def write(self, statement: str, *values: Any) -> None:
        async def written_down() -> None:
            async with self.still.house.database.connection() as connection:
                await connection.execute(sql.SQL(statement), values)

        self.run(written_down())

    async def _next(self) -> datetime | None:
        async with self.still.house.database.connection() as connection:
            return await next_schedule(connection)


@pytest.fixture(scope="module")
def made(still: Still, run: Callable[..., Any]) -> Diary:
    run(still.house.directory.add_role("Clerk", {}, id="00000000-0000-4000-8000-0000000c1e4c"))
    return Diary(still, run)


@pytest.fixture
def diary(made: Diary) -> Diary:
    """Everything is off, and it is Monday."""
    made.write("DELETE FROM journal.schedule")
    made.still.clock.moment = at(MONDAY)
    return made


@pytest.mark.parametrize(
    ("recurrence", "on", "until", "expected"),
    [
        pytest.param(
            {"frequency": "Hour", "interval": 2}, MONDAY, "2026-01-05T12:59",
            ["2026-01-05T10:00", "2026-01-05T12:00"], id="counted from when it was turned on",
        ),
        pytest.param(
            {"frequency": "Day", "interval": 1, "startTime": "2026-01-07T06:00:00Z"}, MONDAY,
            "2026-01-08T23:00", ["2026-01-07T06:00", "2026-01-08T06:00"], id="not before it starts",
        ),
        pytest.param(
            {"frequency": "Hour", "interval": 12, "startTime": "2025-12-01T09:30:00Z"}, MONDAY,
            "2026-01-06T00:00", ["2026-01-05T09:30", "2026-01-05T21:30"],
            id="a start long ago is a grid",
        ),
        pytest.param(
            {"frequency": "Day", "interval": 1, "startTime": "2026-01-05T10:00:00",
             "timeZone": "Tokyo Standard Time"}, MONDAY,
            "2026-01-07T08:00", ["2026-01-06T01:00", "2026-01-07T01:00"],
            id="a start in its own zone",
        ),
        pytest.param(
            {"frequency": "Hour", "interval": 1, "endTime": "2026-01-05T10:30:00Z"}, MONDAY,
            "2026-01-09T00:00", ["2026-01-05T09:00", "2026-01-05T10:00"], id="until it ends",
        ),
        pytest.param(
            {"frequency": "Day", "interval": 1, "endTime": "2025-01-01T00:00:00Z"}, MONDAY,
            "2026-01-09T00:00", [], id="ended before it began",
        ),
        pytest.param(
            {"frequency": "Day", "interval": 1, "timeZone": BERLIN,
             "schedule": {"hours": [9], "minutes": [0]}}, "2026-03-27T12:00",
            "2026-03-30T12:00", ["2026-03-28T08:00", "2026-03-29T07:00", "2026-03-30T07:00"],
            id="nine o'clock is nine o'clock",
        ),
        pytest.param(
            {"frequency": "Day", "interval": 1, "timeZone": BERLIN}, "2026-03-28T01:30",
            "2026-03-31T12:00", ["2026-03-29T01:30", "2026-03-30T00:30", "2026-03-31T00:30"],
            id="one skipped hour moves one day",
        ),
        pytest.param(
            {"frequency": "Month", "interval": 1}, "2026-01-31T08:00", "2026-06-01T00:00",
            ["2026-02-28T08:00", "2026-03-31T08:00", "2026-04-30T08:00", "2026-05-31T08:00"],
            id="one short month moves one month",
        ),
        pytest.param(
            {"frequency": "Week", "interval": 2,
             "schedule": {"weekDays": ["Tuesday"], "hours": [8], "minutes": [0]}}, MONDAY,
            "2026-02-04T00:00", ["2026-01-06T08:00", "2026-01-20T08:00", "2026-02-03T08:00"],
            id="every other week",
        ),
    ],
)  # fmt: skip
def test_a_scheduled_flow_fires_when_it_says(
    diary: Diary, recurrence: dict[str, Any], on: str, until: str, expected: list[str]
) -> None:
    diary.still.clock.moment = at(on)
    flow = diary.flow(recurrence)
    diary.live(at(until))
    assert diary.fired(flow) == [at(text) for text in expected]


def test_what_passed_while_nobody_was_at_work_fires_once(diary: Diary) -> None:
    flow = diary.flow({"frequency": "Day", "interval": 1})
    diary.wake(at("2026-01-08T20:00"))
    (header,) = diary.run(diary.still.fresh(flow))
    (first, *_) = diary.run(diary.still.house.journal.entries(header.id))
    began = decode(first.entry.data)
    assert isinstance(began, RunStarted)
    assert began.trigger["outputs"]["body"]["scheduledTime"] == "2026-01-06T08:00:00+00:00"
    assert (header.initiator, header.rule) == (None, "scheduled.owner")
    assert diary.next() == at("2026-01-09T08:00")
    diary.wake(at("2026-01-08T21:00"))
    assert diary.fired(flow) == []
    diary.live(at("2026-01-09T09:00"))
    assert diary.fired(flow) == [at("2026-01-09T08:00")]


def test_a_flow_that_is_off_fires_nothing_and_catches_up_with_nothing(diary: Diary) -> None:
    flow = diary.flow({"frequency": "Hour", "interval": 1})
    diary.off(flow)
    assert diary.next() is None
    diary.live(at("2026-01-05T12:30"))
    assert diary.fired(flow) == []
    diary.on(flow)
    diary.live(at("2026-01-05T14:30"))
    assert diary.fired(flow) == [at("2026-01-05T13:30"), at("2026-01-05T14:30")]


def test_a_schedule_that_outlived_its_flows_state_ends(diary: Diary) -> None:
    flow = diary.flow({"frequency": "Hour", "interval": 1})

    async def off() -> None:
        async with diary.still.house.database.transaction() as transaction:
            await registry.update(transaction, "workflow", flow, {"statecode": 0}, by=None)

    diary.run(off())
    diary.wake(at("2026-01-05T10:00"))
    assert diary.run(diary.still.fresh(flow)) == []
    assert diary.next() is None


def test_a_flow_brought_forward_goes_on_as_before(diary: Diary) -> None:
    flow = diary.flow({"frequency": "Day", "interval": 1})
    diary.still.clock.move(HOUR)
    diary.run(diary.still.house.clock_strikes.bring_forward(flow))
    diary.live(at("2026-01-06T09:00"))
    assert diary.fired(flow) == [at("2026-01-05T09:00"), at("2026-01-06T08:00")]


def test_a_refused_occurrence_is_recorded_and_stops_none_that_come(diary: Diary) -> None:
    directory = diary.still.house.directory
    owner = diary.run(diary.still.person("absent"))
    flow = diary.flow({"frequency": "Day", "interval": 1}, "absent")
    diary.run(directory.set_enabled(owner, enabled=False))
    diary.live(at("2026-01-07T09:00"))
    refused = diary.run(diary.still.fresh(flow))
    assert [(one.status, one.code, one.principal) for one in refused] == [
        ("Failed", "0x80040225", None)
    ] * 2
    diary.run(directory.set_enabled(owner, enabled=True))
    diary.live(at("2026-01-08T09:00"))
    (header,) = diary.run(diary.still.fresh(flow))
    assert (header.started, header.principal) == (at("2026-01-08T08:00"), owner)


def test_conditions_are_asked_at_every_occurrence(diary: Diary) -> None:
    expression = "@equals(dayOfWeek(utcNow()), 3)"
    flow = diary.flow(
        {"frequency": "Day", "interval": 1}, conditions=[{"expression": expression}]
    )  # fmt: skip
    diary.live(at("2026-01-15T00:00"))
    assert diary.fired(flow) == [at("2026-01-07T08:00"), at("2026-01-14T08:00")]


def test_a_schedule_that_cannot_be_read_holds_no_other_up(diary: Diary) -> None:
    hourly = {"frequency": "Hour", "interval": 1}
    gone, broken, odd, sound = (diary.flow(hourly) for _ in range(4))
    diary.write("DELETE FROM rows.workflow WHERE workflowid = %s", gone)
    for flow in (broken, odd):
        diary.write(
            "INSERT INTO rows.flowversion (workflowid, number, definition)"
            " SELECT workflowid, 2, replace(definition::text, %s, %s)::json FROM rows.flowversion"
            " WHERE workflowid = %s",
            '"Hour"', '"Fortnight"' if flow is odd else "{}", flow,
        )  # fmt: skip
        diary.write("UPDATE rows.workflow SET currentversion = 2 WHERE workflowid = %s", flow)
    diary.live(at("2026-01-05T10:30"))
    assert diary.fired(sound) == [at("2026-01-05T09:00"), at("2026-01-05T10:00")]
    for flow in (broken, odd):
        refused = diary.run(diary.still.fresh(flow))
        assert {(one.status, one.code) for one in refused} == {
            ("Failed", "InvalidWorkflowDefinition")
        }
        assert len(refused) == 2
    assert diary.run(diary.still.fresh(gone)) == []


def test_more_than_one_handful_may_be_due_at_once(diary: Diary) -> None:
    flows = [diary.flow({"frequency": "Day", "interval": 1}) for _ in range(3)]
    due = diary.still.clock.now()

    async def crowd() -> None:
        async with diary.still.house.database.transaction() as transaction:
            for number in range(60):
                nobody = FlowId(f"00000000-0000-4000-8000-{number:012}")
                await set_schedule(transaction, nobody, due)

    diary.run(crowd())
    diary.live(due + DAY)
    assert [diary.fired(flow) for flow in flows] == [[due + DAY]] * 3
