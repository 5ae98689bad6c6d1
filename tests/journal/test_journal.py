"""What was appended is there, once, in order; who lost the lease appends nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from flowner.clock import SystemClock, fresh_run_id
from flowner.errors import Conflict
from flowner.journal.records import Append, Entry, RunHeader
from flowner.journal.store import Journal, open_journal
from flowner.journal.wakes import Wakes
from flowner.values import FlowId, RunId

CLOCK = SystemClock()
FLOW = FlowId("00000000-0000-4000-8000-0000000000f1")
FAR = datetime(2099, 1, 1, tzinfo=UTC)


def header(run: RunId) -> RunHeader:
    return RunHeader(
        id=run, flow=FLOW, flow_version=1, flow_name="F", kind="instant", status="Running",
        initiator=None, principal=None, rule=None, plan={}, plan_hash="", started=CLOCK.now(),
    )  # fmt: skip


def entry(text: str) -> Entry:
    return Entry(kind="k", path="p", data=text.encode(), at=CLOCK.now())


async def made(journal: Journal, wakes: Wakes) -> RunId:
    run = fresh_run_id(CLOCK)
    await journal.create(header(run), [entry("0")], claim=(wakes.owner, wakes.lease_seconds))
    return run


def add(run: RunId, owner: str, expected: int, *texts: str, **more) -> Append:
    return Append(
        run=run, owner=owner, expected=expected, entries=tuple(entry(t) for t in texts),
        status="Running", **more,
    )  # fmt: skip


def test_a_run_from_beginning_to_end(database, run) -> None:
    async def story() -> None:
        wakes = Wakes(database, "w")
        async with open_journal(database) as journal:
            made_run = await made(journal, wakes)
            await journal.append(add(made_run, "w", 1, "1", "2", accounts=("b", "a")))
            await journal.append(add(made_run, "w", 3, "3", snapshot=b"picture", accounts=("a",)))
            await journal.append(add(made_run, "w", 4, "4"))
            loaded = await journal.load(made_run)
            assert (loaded.snapshot, loaded.entries, loaded.next_seq) == (b"picture", (b"4",), 5)
            assert loaded.header.accounts == ("a", "b")
            await journal.append(add(made_run, "w", 5, "5", finished=True, code="x"))
            assert [e.entry.data for e in await journal.entries(made_run)] == [
                b"0",
                b"1",
                b"2",
                b"3",
                b"4",
                b"5",
            ]
            ended = await journal.header(made_run)
            assert ended.ended is not None
            assert ended.code == "x"
            with pytest.raises(Conflict):
                await journal.load(made_run)

    run(story())


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        pytest.param("somebody else", 1, id="not the holder"),
        pytest.param("w", 0, id="a number that is taken"),
        pytest.param("w", 2, id="a gap"),
    ],
)
def test_who_does_not_fit_appends_nothing_and_the_others_do(
    database, run, owner: str, expected: int
) -> None:
    async def story() -> None:
        wakes = Wakes(database, "w")
        async with open_journal(database) as journal:
            made_run, other = await made(journal, wakes), await made(journal, wakes)
            answers = await asyncio.gather(
                journal.append(add(made_run, owner, expected, "x")),
                journal.append(add(other, "w", 1, "y")),
                return_exceptions=True,
            )
            assert isinstance(answers[0], Conflict)
            assert answers[1] is None
            assert len(await journal.entries(made_run)) == 1
            assert len(await journal.entries(other)) == 2

    run(story())


def test_an_expired_lease_is_taken_over_once(database, run) -> None:
    async def story() -> None:
        slow, quick = Wakes(database, "slow", lease_seconds=0.2), Wakes(database, "quick")
        async with open_journal(database) as journal:
            made_run = await made(journal, slow)
            assert made_run not in await quick.claim(100)
            await asyncio.sleep(0.3)
            assert made_run in await quick.claim(100)
            assert await slow.renew([made_run]) == set()
            with pytest.raises(Conflict):
                await journal.append(add(made_run, "slow", 1, "too late"))
            await journal.append(add(made_run, "quick", 1, "in time"))

    run(story())


def test_a_message_that_crosses_a_release_is_not_lost(database, run) -> None:
    async def story() -> None:
        wakes = Wakes(database, "w")
        async with open_journal(database) as journal:
            made_run = await made(journal, wakes)
            loaded = await journal.load(made_run)
            assert await journal.post(made_run, b"hello")
            await journal.append(
                add(made_run, "w", 1, "1", release_until=FAR, posted=loaded.posted)
            )
            assert made_run in await wakes.claim(100)
            again = await journal.load(made_run)
            [(message, text)] = again.inbox
            assert text == b"hello"
            await journal.append(
                add(made_run, "w", 2, "2", release_until=FAR, posted=again.posted, consumed=message)
            )
            assert made_run not in await wakes.claim(100)
            assert (await journal.header(made_run)).status == "Running"

    run(story())


def test_a_timer_comes_due(database, run) -> None:
    async def story() -> None:
        wakes = Wakes(database, "w")
        async with open_journal(database) as journal:
            made_run = await made(journal, wakes)
            due = CLOCK.now() + timedelta(seconds=0.3)
            await journal.append(add(made_run, "w", 1, "1", release_until=due))
            assert made_run not in await wakes.claim(100)
            await asyncio.sleep(0.35)
            assert made_run in await wakes.claim(100)

    run(story())


def test_two_claimants_never_get_the_same_run(database, run) -> None:
    async def story() -> None:
        a, b = Wakes(database, "a"), Wakes(database, "b")
        async with open_journal(database) as journal:
            for _ in range(40):
                await journal.create(header(fresh_run_id(CLOCK)), [entry("0")])
            runs: list[RunId] = []
            for _ in range(20):  # one who finds what others are taking comes again
                taken = await asyncio.gather(*(w.claim(7) for w in (a, b) for _ in range(4)))
                runs += [one for some in taken for one in some]
            assert len(runs) == len(set(runs))
            assert len(runs) >= 40

    run(story())
