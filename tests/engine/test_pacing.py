"""What an outside limits: every call waits, none is lost, and none goes out too soon."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.endure import served, settings
from flowner.clock import SystemClock
from flowner.directory.people import NewPerson
from flowner.engine.pacing import Pacer
from flowner.errors import Invalid
from flowner.flows.running import Press
from flowner.journal.pacing import FREE, Allowance, Pace, reserve, told_no
from flowner.runs.events import ActionEnded, Throttled, decode
from flowner.sdk.connector import Connector, Limit
from flowner.server import House, at_work, open_house
from flowner.settings import read_settings
from flowner.values import ConnectionId
from worlds import written

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def granted(pace: Pace, declared: Allowance | None, moments: list[float]) -> list[float]:
    found = []
    for moment in moments:
        pace, at = reserve(pace, declared, NOW + seconds(moment))
        found.append((at - NOW).total_seconds())
    return found


@pytest.mark.parametrize(
    ("pace", "declared", "moments", "expected"),
    [
        pytest.param(FREE, None, [0, 0, 1], [0, 0, 1], id="no limit"),
        pytest.param(FREE, (2, 10), [0, 0, 0, 0, 0], [0, 0, 10, 10, 20], id="two in ten seconds"),
        pytest.param(FREE, (2, 10), [0, 9, 9.5, 9.5], [0, 9, 10, 19], id="any ten seconds"),
        pytest.param(Pace(not_before=NOW + seconds(5)), None, [0, 6], [5, 6], id="asked for"),
        pytest.param(Pace(not_before=NOW + seconds(5)), (1, 2), [0, 0], [5, 7], id="both"),
    ],
)
def test_slots(pace: Pace, declared: Any, moments: list[float], expected: list[float]) -> None:
    limit = Allowance(calls=declared[0], period=seconds(declared[1])) if declared else None
    assert granted(pace, limit, moments) == expected


@given(
    calls=st.integers(1, 300),
    period=st.integers(1, 60),
    gaps=st.lists(st.integers(0, 3000), max_size=400),
)
def test_no_stretch_of_time_has_more_calls_than_are_allowed(
    calls: int, period: int, gaps: list[int]
) -> None:
    moments, now = [], 0.0
    for gap in gaps:
        now += gap / 1000
        moments.append(now)
    slots = granted(FREE, Allowance(calls=calls, period=seconds(period)), moments)
    assert slots == sorted(slots)
    assert all(at >= moment - 1e-3 for at, moment in zip(slots, moments, strict=True))
    for first, after in zip(slots, slots[calls:], strict=False):
        assert after - first >= period - 1e-3


def test_a_limit_that_was_met_is_kept_and_forgotten() -> None:
    pace = told_no(FREE, NOW, seconds(10), passed=8)
    assert pace.not_before == NOW + seconds(10)
    assert pace.found == Allowance(calls=8, period=seconds(11))
    late = told_no(pace, NOW + seconds(1), seconds(10), passed=8)
    assert (late.not_before, late.found) == (NOW + seconds(11), pace.found), "one burst, one no"
    again = told_no(pace, NOW + seconds(20), seconds(10), passed=8)
    assert again.found == Allowance(calls=4, period=seconds(11)), "half as many"
    eased, _ = reserve(again, None, again.found_until)
    assert eased.found == Allowance(calls=8, period=seconds(11)), "twice as many, a while later"
    for _ in range(10):
        eased, _ = reserve(eased, None, eased.found_until)
    assert eased.found is None
    assert told_no(FREE, NOW, timedelta(days=9), 1).not_before == NOW + timedelta(days=1)


@pytest.mark.parametrize("text", ["mail", "mail=", "mail=3", "mail=x/3", "mail=0/3", "=1/1"])
def test_a_limit_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Invalid, match="FLOWNER_LIMITS"):
        read_settings({"FLOWNER_LIMITS": text})


def test_limits_of_the_operator() -> None:
    found = read_settings({"FLOWNER_LIMITS": "mail=30/60, Api.example:99=2/1"}).limits
    assert found == {
        "mail": Allowance(calls=30, period=seconds(60)),
        "api.example:99": Allowance(calls=2, period=seconds(1)),
    }


@dataclass
class Strict:
    """A server that takes so many calls in so many seconds, and says no to the others."""

    calls: int = 5
    period: float = 2.0
    as_date: bool = False
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    until: float = 0.0
    first_until: float = 0.0
    address: str = ""

    async def answer(self, _: Request) -> Response:
        now = time.monotonic()
        recent = [one for one in self.taken if one > now - self.period]
        if now >= self.until and len(recent) < self.calls:
            self.taken.append(now)
            return JSONResponse({"taken": len(self.taken)})
        self.refused.append(now)
        self.until = max(self.until, now + self.period)
        self.first_until = self.first_until or self.until
        after = str(int(self.period))
        if self.as_date:
            after = format_datetime(datetime.now(UTC) + seconds(self.period + 1), usegmt=True)
        return JSONResponse({}, status_code=429, headers={"Retry-After": after})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = Starlette(routes=[Route("/", self.answer, methods=["GET"])])
        async with served(app) as self.address:
            yield


@asynccontextmanager
async def two_houses(
    server_url: str, folder: Path, limits: dict[str, Allowance]
) -> AsyncIterator[list[House]]:
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_flowner")
    head, _, tail = server_url.partition("?")
    url = f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{tail}" if tail else "")

    async with AsyncExitStack() as stack:
        houses = []
        for _ in range(2):
            given = replace(settings(url, folder), limits=limits)
            house = await stack.enter_async_context(open_house(given))
            await stack.enter_async_context(at_work(house))
            houses.append(house)
        yield houses
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def calling(house: House, address: str, **inputs: Any):
    ada = await house.directory.add_person(NewPerson(name="ada", upn="ada@p.example"))
    actions = {
        "Get": {
            "runAfter": {},
            "type": "Http",
            "inputs": {"method": "GET", "uri": f"http://{address}/", **inputs},
        }
    }
    done = await house.importer.bring_in(written.package(written.BUTTON, actions, {}), ada)
    await house.turning.on(done.flows[0].id, ada)
    return ada, done.flows[0].id


async def pressed(houses: list[House], ada, flow, runs: int) -> list[list[Any]]:
    """Press in turn at each house; answers the events of each run, when all have ended."""
    made = [
        await houses[number % len(houses)].running.press(Press(flow=flow, by=ada, inputs={}))
        for number in range(runs)
    ]
    async with asyncio.timeout(60):
        for run in made:
            while (await houses[0].journal.header(run)).ended is None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    return [
        [decode(one.entry.data) for one in await houses[0].journal.entries(run)] for run in made
    ]


@pytest.mark.parametrize("as_date", [False, True], ids=["in seconds", "as a date"])
def test_nobody_calls_before_the_time_that_was_asked_for(
    server_url: str, tmp_path: Path, as_date: bool
) -> None:
    async def story() -> None:
        strict = Strict(as_date=as_date)
        async with strict.serving(), two_houses(server_url, tmp_path, {}) as houses:
            ada, flow = await calling(houses[0], strict.address)
            begun = await pressed(houses, ada, flow, 5)
            assert len(strict.taken) == 5
            events = begun + await pressed(houses, ada, flow, 20)
            assert len(strict.taken) == 25
            # Those that were out already, when the first was told no, are told no as well.
            first = strict.refused[0]
            burst = [one for one in strict.refused if one < first + 0.5]
            between = [one for one in strict.refused if first + 0.5 <= one < strict.first_until]
            assert between == []
            assert strict.refused == burst, "none is told no again, once all wait"
            ends = [event for each in events for event in each if isinstance(event, ActionEnded)]
            assert {event.status.value for event in ends} == {"Succeeded"}
            waits = [event for each in events for event in each if isinstance(event, Throttled)]
            assert waits
            failed = len(burst)
            assert sum(event.attempt - 1 for event in ends) == failed, "waits cost no attempt"
            for house in houses:
                assert house.dispatcher.in_hand == 0

    asyncio.run(story())


def test_a_declared_limit_is_never_met(server_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        strict = Strict(calls=4, period=1.8)
        async with strict.serving():
            limits = {strict.address: Allowance(calls=4, period=seconds(2))}
            async with two_houses(server_url, tmp_path, limits) as houses:
                ada, flow = await calling(houses[0], strict.address, retryPolicy={"type": "none"})
                begun = time.monotonic()
                events = await pressed(houses, ada, flow, 14)
                assert time.monotonic() - begun < 20
                assert (len(strict.taken), strict.refused) == (14, [])
                first = next(
                    event for each in events for event in each if isinstance(event, Throttled)
                )
                assert first.reason == "the limit of HTTP"
                page = b"".join(house.telemetry.metrics.page() for house in houses)
                assert b'flowner_calls_throttled_total{connector="http"}' in page

    asyncio.run(story())


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"uri": "https://api.example/x"}, (5, 1.0), id="the operator's for a host"),
        pytest.param({"uri": "https://u@API.example:99/x"}, (6, 1.0), id="with its port"),
        pytest.param({"uri": "https://other.example/x"}, (7, 2.5), id="the author's"),
        pytest.param({}, (7, 2.5), id="no address"),
    ],
)
def test_whose_limit_counts(database: Any, parameters: Any, expected: tuple[int, float]) -> None:
    limits = {
        "api.example": Allowance(calls=5, period=seconds(1)),
        "api.example:99": Allowance(calls=6, period=seconds(1)),
        "contoso": Allowance(calls=8, period=seconds(1)),
    }
    pacer = Pacer(database, SystemClock(), limits)
    mine = Connector(ids=("mine",), title="Mine", limit=Limit(calls=7, seconds=2.5))
    theirs = Connector(ids=("contoso",), title="Contoso", limit=Limit(calls=7, seconds=2.5))
    assert pacer.allowance(mine, parameters) == Allowance(
        calls=expected[0], period=seconds(expected[1])
    )
    assert pacer.allowance(theirs, {}) == limits["contoso"]
    assert pacer.allowance(Connector(ids=("free",), title="Free"), {}) is None


def test_what_is_limited_by_itself(database: Any) -> None:
    pacer = Pacer(database, SystemClock(), {})
    http, mail = Connector(ids=("http",), title="HTTP"), Connector(ids=("mail",), title="Mail")
    mine = ConnectionId("00000000-0000-4000-8000-0000000000aa")
    uri = {"uri": "https://Api.example/x?y"}
    assert pacer.key(mine, http, uri) == f"connection {mine}"
    assert pacer.key(None, http, uri) == "host api.example"
    assert pacer.key(None, http, {"uri": "https://[x"}) is None
    assert pacer.key(None, mail, uri) is None
