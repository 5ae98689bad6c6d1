"""A day of a company with 500 flows, in minutes: the house at work, and a clock that jumps.

    python benchmarks/day.py [HOURS]

Day and zones are those of Europe's change to summer time in 2026. The clock goes on by itself, and
when nothing is left to do it jumps to the next moment at which something is due: an occurrence, the
end of a wait, a retry, or something that a person does. Afterwards every flow's runs are held
against what is expected of it, reckoned here without the server's rules of time.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from flowner import server
from flowner.clock import SystemClock
from flowner.directory.people import NewPerson
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.sdk.connector import Connector, Repeat
from flowner.sdk.context import Answer, Transient
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs
from flowner.values import FlowId, PrincipalId, Secret
from worlds import written
from worlds.shifted import ShiftedClock

BEGIN = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
HOURS = int(sys.argv[1]) if len(sys.argv) > 1 else 24
END = BEGIN + timedelta(hours=HOURS)
OWNERS, SEED, RETRIES = 10, 20260329, 2
ZONES = {
    "W. Europe Standard Time": "Europe/Berlin", "GMT Standard Time": "Europe/London",
    "Eastern Standard Time": "America/New_York", "India Standard Time": "Asia/Kolkata",
    "Lord Howe Standard Time": "Australia/Lord_Howe",
}  # fmt: skip
CLOCK_KINDS = ("Minute 15", "Minute 30", "Hour 1", "Hour 6", "daily", "weekly", "monthly")
NOTE = {"Note": {"runAfter": {}, "type": "Compose", "inputs": "@utcNow()"}}

flaky = Connector(ids=("bench",), title="Sometimes away")
asked: Counter[str] = Counter()


@flaky.operation("Do", title="Answer at the third attempt", repeat=Repeat.WITH_KEY)
async def do(parameters, context) -> Answer:
    """Be away for the first two attempts of a step; for ever, if told to."""
    asked[context.idempotency_key] += 1
    if parameters.get("never") or asked[context.idempotency_key] <= RETRIES:
        raise Transient("away for a moment")
    return Answer(body={}, seen=context.account)


@dataclass
class Company:
    """Who there is, what flows they have, and what is expected of each."""

    house: server.House
    clock: ShiftedClock
    people: list[PrincipalId] = field(default_factory=list)
    rows: dict[PrincipalId, str] = field(default_factory=dict)
    odd: dict[PrincipalId, str] = field(default_factory=dict)
    expected: dict[FlowId, tuple[str, int, str]] = field(default_factory=dict)
    """By flow: its kind, how many runs, and how all of them end."""
    moments: dict[FlowId, set[datetime]] = field(default_factory=dict)
    """By scheduled flow: its occurrences."""
    deeds: list[tuple[datetime, partial]] = field(default_factory=list)
    """What people do, and when."""
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - repeatable on purpose

    async def bring(self, number: int, trigger: dict, actions: dict, guid: str | None = None):
        """Import one flow of somebody's and turn it on."""
        owner, mine = self.people[number % OWNERS], number % OWNERS
        theirs = {"rows": (written.ROWS, self.rows[owner]), "bench": ("bench", self.odd[owner])}
        # A flow names the connections that it uses.
        used = {key: one for key, one in theirs.items() if f"'{key}'" in f"{trigger} {actions}"}
        references = {
            key: written.reference(api, f"{key}_{mine}") for key, (api, _) in used.items()
        }
        package = written.package(trigger, actions, references, guid=guid)
        bind = {f"{key}_{mine}": id for key, (_, id) in used.items()}
        flow = (await self.house.importer.bring_in(package, owner, bind=bind)).flows[0].id
        await self.house.turning.on(flow, owner)
        return flow, owner

    def some_time(self) -> datetime:
        """Return a whole minute of the day, early enough for waits to end in it."""
        return BEGIN + timedelta(minutes=self.chance.randrange(1, HOURS * 60 - 1))


def wait(count: int, unit: str) -> dict:
    """Return a wait, alone."""
    inputs = {"interval": {"count": count, "unit": unit}}
    return {"Wait": {"runAfter": {}, "type": "Wait", "inputs": inputs}}


async def found(house, clock: ShiftedClock) -> Company:
    """Make people, tables and 500 flows."""
    company = Company(house, clock)
    await house.metadata.create_table(
        "d_order", set_name="d_orders", primary_name="d_name", columns={"d_kind": Type.TEXT}
    )
    for number in range(OWNERS):
        account = f"p{number}@day.example"
        person = await house.directory.add_person(
            NewPerson(name=f"p{number}", upn=account), roles=(SYSTEM_ADMINISTRATOR,)
        )
        rows = NewConnection(connector=written.ROWS, account=account)
        odd = NewConnection(connector="bench", account=account, secrets={"key": Secret("k" * 20)})
        company.people.append(person)
        company.rows[person] = await house.connections.make(rows, person)
        company.odd[person] = await house.connections.make(odd, person)
    for number in range(200):
        await scheduled(company, number)
    for number in range(100):
        await listening(company, number)
    for number in range(100):
        await instant(company, number, "instant", NOTE, 3)
    for number in range(40):
        long = wait(*((5 * (number + 1), "Minute") if number % 2 else (number % 8 + 1, "Hour")))
        await instant(company, number, "wait", long, 3)
    for number in range(20):
        await instant(company, number, "retry", retrying(never=number >= 15), 2,
                      "Failed" if number >= 15 else "Succeeded")  # fmt: skip
    for number in range(20):
        await family(company, number)
    company.deeds.sort(key=lambda deed: deed[0])
    return company


async def scheduled(company: Company, number: int) -> None:
    """Make a flow that the clock starts; some of them wait, too."""
    kind, zone = CLOCK_KINDS[number % len(CLOCK_KINDS)], list(ZONES)[number % len(ZONES)]
    hour, minute = number * 7 % 24, number * 13 % 60
    if number < len(ZONES) * len(CLOCK_KINDS):
        hour, minute = 2, 30
    frequency, _, interval = kind.partition(" ")
    at = {"hours": [hour], "minutes": [minute]}
    local = (BEGIN + timedelta(days=1)).astimezone(ZoneInfo(ZONES[zone])).date()
    rule = {
        "daily": {"frequency": "Day", "interval": 1, "timeZone": zone, "schedule": at},
        "weekly": {"frequency": "Week", "interval": 1, "timeZone": zone,
                   "schedule": at | {"weekDays": ["Sunday"]}},
        "monthly": {"frequency": "Month", "interval": 1, "timeZone": zone,
                    "schedule": at | {"monthDays": [local.day]}},
    }.get(kind) or {
        "frequency": frequency, "interval": int(interval),
        "startTime": f"{BEGIN - timedelta(days=1):%Y-%m-%dT%H:}{minute:02}:00Z",
    }  # fmt: skip
    rule |= {"endTime": f"{END:%Y-%m-%dT%H:%M:%SZ}"}
    trigger = {"Recurrence": {"type": "Recurrence", "recurrence": rule}}
    flow, _ = await company.bring(number, trigger, NOTE if number % 3 else wait(10, "Minute"))
    if kind in {"daily", "weekly", "monthly"}:
        days = {"daily": range(-1, 3)}.get(kind, range(1, 2))
        found = {local_time(ZONES[zone], day, hour, minute) for day in days}
    else:
        step = timedelta(**{f"{frequency.lower()}s": int(interval)})
        first = BEGIN - timedelta(days=1) + timedelta(minutes=minute)
        found = {
            first + step * count for count in range(49 * 3600 // int(step.total_seconds()) + 1)
        }
    company.moments[flow] = {at for at in found if BEGIN < at <= END}
    company.expected[flow] = (kind, len(company.moments[flow]), "Succeeded")


def local_time(zone: str, day: int, hour: int, minute: int) -> datetime:
    """Return when a clock shows a time on a day after 28 March: looked for, minute by minute."""
    wanted = datetime(2026, 3, 28, hour, minute) + timedelta(days=day)  # noqa: DTZ001 - a wall's
    now = wanted.replace(tzinfo=UTC) - timedelta(hours=15)
    while (shown := now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) < wanted:
        now += timedelta(minutes=1)
    # A wall that leaps shows what it leapt over as much later as it leapt: here by an hour.
    return now + (timedelta(minutes=wanted.minute) if shown != wanted else timedelta())


async def listening(company: Company, number: int) -> None:
    """Make a flow that hears of orders of its kind, of which people make three."""
    trigger = written.row_trigger("d_order", message=1, filterexpression=f"d_kind eq 'k{number}'")
    flow, owner = await company.bring(number, trigger, NOTE)
    company.expected[flow] = ("row", 3, "Succeeded")
    for _ in range(3):
        values = {"d_name": "an order", "d_kind": f"k{number}"}
        deed = partial(company.house.store.create, Caller(owner), "d_order", values)
        company.deeds.append((company.some_time(), deed))


async def instant(
    company: Company, number: int, kind: str, actions: dict, times: int, end: str = "Succeeded"
) -> None:
    """Make a flow that people press so many times."""
    flow, owner = await company.bring(number, written.BUTTON, actions)
    company.expected[flow] = (kind, times, end)
    press = Press(flow=flow, by=owner, inputs={})
    for _ in range(times):
        company.deeds.append((company.some_time(), partial(company.house.running.press, press)))


def retrying(*, never: bool) -> dict:
    """Return a call that is away at first, tried again after minutes."""
    action = written.call("bench", "bench", "Do", {"never": never})
    action["inputs"]["retryPolicy"] = {"type": "fixed", "count": RETRIES, "interval": "PT7M"}
    return {"Do": action}


async def family(company: Company, number: int) -> None:
    """Make a child flow, which waits before it answers, and its parent."""
    guid = f"00000000-0000-4000-8000-{number + 1:012x}"
    answer = {"type": "Response", "kind": "PowerApp", "runAfter": {"Wait": ["Succeeded"]},
              "inputs": {"statusCode": 200, "body": {}}}  # fmt: skip
    child = wait(number + 1, "Minute") | {"Answer": answer}
    flow, _ = await company.bring(number, written.BUTTON, child, guid)
    company.expected[flow] = ("child", 3, "Succeeded")
    call = {"type": "Workflow", "runAfter": {},
            "inputs": {"host": {"workflowReferenceName": guid}, "body": {}}}  # fmt: skip
    await instant(company, number, "parent", {"Call": call}, 3)


_LEFT = """
SELECT (SELECT count(*) FROM journal.wake WHERE due <= %(now)s OR owner IS NOT NULL)
     + (SELECT count(*) FROM rows.change)
     + (SELECT count(*) FROM journal.schedule WHERE next <= %(now)s) AS busy,
       least((SELECT min(due) FROM journal.wake WHERE due < '9000-01-01'),
             (SELECT min(next) FROM journal.schedule)) AS next
"""


async def live(company: Company) -> int:
    """Let the day pass; answers how often the clock jumped."""
    jumps, deeds = 0, list(reversed(company.deeds))
    while (after := await settled(company, deeds[-1][0] if deeds else None)) is not None:
        company.clock.jump(max(after - company.clock.now(), timedelta()))
        jumps += 1
        while deeds and deeds[-1][0] <= company.clock.now():
            await deeds.pop()[1]()
    return jumps


async def settled(company: Company, deed: datetime | None) -> datetime | None:
    """Wait until nothing is left to do now; answers when something is, None: never again."""
    while True:
        await company.house.clock_strikes.strike()
        async with company.house.database.connection() as connection:
            found = await connection.execute(_LEFT, {"now": company.clock.now()})
            row = await found.fetchone()
            if not row["busy"]:
                return min((at for at in (row["next"], deed) if at is not None), default=None)
            await connection.execute("SELECT pg_notify('flowner_wake', '')")
        await asyncio.sleep(0.01)


async def examine(company: Company) -> list[str]:
    """Hold what happened against what is expected; answers what is wrong."""
    async with company.house.database.connection() as connection:
        found = await connection.execute(
            "SELECT flow::text, count(*) AS runs, count(*) FILTER (WHERE ended IS NULL) AS open,"
            " array_agg(DISTINCT status) AS ends FROM journal.run GROUP BY flow"
        )
        runs = {row["flow"]: row for row in await found.fetchall()}
        found = await connection.execute("SELECT flow::text, occurrence FROM journal.firing")
        fired: dict[str, list[datetime]] = {}
        for row in await found.fetchall():
            fired.setdefault(row["flow"], []).append(row["occurrence"])
        left = await (await connection.execute("SELECT count(*) AS n FROM journal.wake")).fetchone()
    wrong = [f"{left['n']} wakes are left"] if left["n"] else []
    for flow, (kind, count, end) in company.expected.items():
        row = runs.get(flow, {"runs": 0, "open": 0, "ends": [end]})
        if (row["runs"], row["open"], row["ends"]) != (count, 0, [end]):
            wrong.append(f"{kind} {flow}: {row['runs']} of {count} runs, {row['ends']}")
        if sorted(fired.get(flow, [])) != sorted(company.moments.get(flow, ())):
            wrong.append(f"{kind} {flow}: other occurrences than expected")
    return wrong


async def main() -> int:
    clock = ShiftedClock(BEGIN - SystemClock().now())
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder), concurrency=64)
        original = server.connectors
        server.connectors = lambda: {**original(), "bench": flaky}
        async with server.open_house(settings, clock=clock) as house, server.at_work(house):
            begun = time.perf_counter()
            company = await found(house, clock)
            made = time.perf_counter() - begun
            clock.by = BEGIN - SystemClock().now()  # making them took a while
            begun, busy = time.perf_counter(), time.process_time()
            jumps = await live(company)
            wall, cpu = time.perf_counter() - begun, time.process_time() - busy
            wrong = await examine(company)
            async with house.database.connection() as connection:
                found_ = await connection.execute(
                    "SELECT (SELECT count(*) FROM journal.run) AS runs,"
                    " (SELECT count(*) FROM journal.entry WHERE kind = 'action-ended') AS actions"
                )
                counted = await found_.fetchone()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    occurrences = sum(map(len, company.moments.values()))
    print(f"flows                     {len(company.expected):8d}   made in {made:.0f} s")
    print(f"hours lived               {HOURS:8d}   in {wall:.0f} s, {cpu:.0f} s of them CPU")
    print(f"jumps of the clock        {jumps:8d}")
    print(f"occurrences expected      {occurrences:8d}")
    print(f"runs                      {counted['runs']:8d}")
    print(f"actions                   {counted['actions']:8d}")
    print(f"memory of the process     {memory:8.0f} MB at most")
    print("as expected" if not wrong else "\n".join(["NOT as expected:", *wrong[:40]]))
    return 1 if wrong else 0


if __name__ == "__main__":
    configure_logs("text", "error")
    sys.exit(asyncio.run(main()))
