"""What is old goes, whole; nothing younger, open, or of an open family is touched."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowner.clock import HeldClock, first_run_id
from flowner.journal.retention import Retention, keep_for, kept_for
from flowner.values import FlowId

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FLOWS = {
    None: "00000000-0000-4000-8000-0000000000f1",
    7: "00000000-0000-4000-8000-0000000000f2",
    90: "00000000-0000-4000-8000-0000000000f3",
    0: "00000000-0000-4000-8000-0000000000f4",
}
"""A flow for each number of days that it says; None: it says nothing."""
THEIRS = {
    "journal.entry": "(run, seq, at, kind, path, data) VALUES (%s, 0, now(), 'k', '', '')",
    "journal.snapshot": "(run, seq, data) VALUES (%s, 0, '')",
    "journal.inbox": "(run, message) VALUES (%s, '')",
    "journal.held": "(run, principal, occasion, until) VALUES (%s, gen_random_uuid(), '', now())",
    "journal.queue": "(flow, run) VALUES (gen_random_uuid(), %s)",
    "journal.action": "(run, seq, at, path, flow, fallback, status, code, attempt, refused,"
    " planned) VALUES (%s, 0, now(), '', gen_random_uuid(), false, '', '', 1, false, true)",
    "rows.signinask": "(runid, workflowid, actionpath, principalid, bindingkey, connectorid, due)"
    " VALUES (%s, gen_random_uuid(), '', gen_random_uuid(), '', '', now())",
}


@dataclass(frozen=True)
class Past:
    """A run: days since it began and ended, what its flow says, which run called it."""

    began: int
    ended: int | None
    keeps: int | None = None
    parent: int | None = None
    status: str = "Succeeded"


async def plant(database, world: list[Past]) -> list[int]:
    """Put runs in an empty journal, each with something of every kind; returns their ids."""
    ids = []
    async with database.transaction() as transaction:
        for table in ("journal.run", "journal.wake", "journal.keeping", *THEIRS):
            await transaction.execute(f"DELETE FROM {table}")
        for days, flow in FLOWS.items():
            await transaction.execute(
                "INSERT INTO rows.workflow (workflowid, name, uniquename) VALUES (%s, 'F', %s)"
                " ON CONFLICT DO NOTHING",
                (flow, flow),
            )
            await keep_for(transaction, FlowId(flow), days)
            assert await kept_for(transaction, FlowId(flow)) == days
        for at, one in enumerate(world):
            began = NOW - timedelta(days=one.began)
            ids.append(first_run_id(began) + at)
            ended = None if one.ended is None else NOW - timedelta(days=one.ended)
            parent = None if one.parent is None else ids[one.parent]
            await transaction.execute(
                "INSERT INTO journal.run (id, flow, flow_version, flow_name, kind, status, plan,"
                " plan_hash, started, ended, parent, parent_path, parent_attempt)"
                " VALUES (%s, %s, 1, 'F', 'instant', %s, '{}', '', %s, %s, %s, %s, 1)",
                (ids[-1], FLOWS[one.keeps], one.status, began, ended, parent, str(at)),
            )
            for table, values in THEIRS.items():
                await transaction.execute(f"INSERT INTO {table} {values}", (ids[-1],))
            if ended is None:
                await transaction.execute(
                    "INSERT INTO journal.wake (run, due) VALUES (%s, now())", (ids[-1],)
                )
    return ids


async def left(database, table: str) -> set[int]:
    column = "id" if table == "journal.run" else "runid" if "rows." in table else "run"
    async with database.connection() as connection:
        found = await connection.execute(f"SELECT {column} AS run FROM {table}")
        return {row["run"] for row in await found.fetchall()}


async def swept(database, world: list[Past], days: int = 28) -> set[int]:
    """Remove what is old of a world; returns which of its runs are left, by their place."""
    ids = await plant(database, world)
    gone = await Retention(database, HeldClock(NOW), days).sweep()
    kept = await left(database, "journal.run")
    assert gone == len(ids) - len(kept)
    for table in THEIRS:
        assert await left(database, table) == kept, table
    return {ids.index(one) for one in kept}


@pytest.mark.parametrize(
    ("world", "kept"),
    [
        pytest.param([Past(30, 29), Past(30, 27)], {1}, id="by its end, not its beginning"),
        pytest.param([Past(400, None)], {0}, id="what has not ended stays"),
        pytest.param([Past(30, 28)], {0}, id="on the day it is still there"),
        pytest.param([Past(9, 8, 7), Past(9, 6, 7)], {1}, id="a flow that keeps less"),
        pytest.param([Past(60, 59, 90), Past(99, 91, 90)], {0}, id="a flow that keeps more"),
        pytest.param([Past(9999, 9999, 0)], {0}, id="a flow that keeps for ever"),
        pytest.param([Past(60, 59), Past(59, None, parent=0)], {0, 1}, id="parent of an open run"),
        pytest.param(
            [Past(60, 59), Past(59, 58, parent=0), Past(58, None, parent=1)],
            {0, 1, 2},
            id="grandparent of an open run, and the run between",
        ),
        pytest.param([Past(60, None), Past(59, 58, parent=0)], {0, 1}, id="child of an open run"),
        pytest.param([Past(60, 59), Past(59, 58, parent=0)], set(), id="a family that is over"),
    ],
)
def test_what_is_kept(database, run, world: list[Past], kept: set[int]) -> None:
    assert run(swept(database, world)) == kept


def test_nothing_goes_where_runs_are_kept_for_ever(database, run) -> None:
    assert run(swept(database, [Past(999, 998), Past(9, 8, 7)], days=0)) == {0}


@st.composite
def worlds(draw) -> list[Past]:
    world: list[Past] = []
    for at in range(draw(st.integers(1, 8))):
        began = draw(st.integers(0, 120))
        ended = draw(st.none() | st.integers(0, began))
        keeps = draw(st.sampled_from([*FLOWS]))
        parent = draw(st.none() | st.integers(0, at - 1)) if at else None
        world.append(Past(began, ended, keeps, parent))
    return world


@given(world=worlds())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_younger_or_open_is_ever_touched(database, run, world: list[Past]) -> None:
    kept = run(swept(database, world))
    for at, one in enumerate(world):
        days = 28 if one.keeps is None else one.keeps
        if one.ended is None or one.ended <= days or days == 0:
            assert at in kept, one
        if one.ended is None and one.parent is not None:
            assert one.parent in kept, "the parent of one that has not ended"


def test_a_cancelled_run_stays_while_its_approval_would_look_open_again(database, run) -> None:
    async def story() -> list[str]:
        (id,) = await plant(database, [Past(60, 59, status="Cancelled")])
        async with database.connection() as connection:
            await connection.execute(
                "INSERT INTO rows.approval (idempotencykey, workflowid, runid, actionpath, waits,"
                " ownerid, kind, stages, responseoptions, title, enablenotifications,"
                " enablereassignment) VALUES ('a', %s, %s, 'p', false, gen_random_uuid(), 'Basic',"
                " '[]', '[]', 'T', false, false)",
                (FLOWS[None], id),
            )
            said = []
            for outcome in (None, "Approve"):
                await connection.execute("UPDATE rows.approval SET outcome = %s", (outcome,))
                await Retention(database, HeldClock(NOW), 28).sweep()
                found = await connection.execute("SELECT status FROM rows.approvalnow")
                said += [row["status"] for row in await found.fetchall()]
                said.append(f"{len(await left(database, 'journal.run'))} left")
        return said

    assert run(story()) == ["Canceled", "1 left", "Completed", "0 left"]


def test_one_process_at_a_time_and_the_next_pass_goes_on(database, run) -> None:
    async def story() -> None:
        await plant(database, [Past(60, 59)] * 1200)
        sweeps = [Retention(database, HeldClock(NOW), 28).sweep() for _ in range(3)]
        first, *others = [asyncio.create_task(one) for one in sweeps]
        assert sorted(await asyncio.gather(first, *others)) == [0, 0, 1200]
        await plant(database, [Past(60, 59)] * 1200)
        broken = asyncio.create_task(Retention(database, HeldClock(NOW), 28).sweep())
        while len(await left(database, "journal.run")) == 1200:  # noqa: ASYNC110 - nothing says it
            await asyncio.sleep(0.01)
        broken.cancel()
        await asyncio.gather(broken, return_exceptions=True)
        rest = await left(database, "journal.run")
        assert 0 < len(rest) < 1200
        assert await left(database, "journal.entry") == rest
        assert await Retention(database, HeldClock(NOW), 28).sweep() == len(rest)

    run(story())


def test_an_occurrence_is_forgotten_only_where_it_cannot_fire_again(database, run) -> None:
    async def story() -> list[int]:
        old, flow, other = NOW - timedelta(days=60), FLOWS[None], FLOWS[7]
        async with database.connection() as connection:
            for one, at in ((flow, old), (flow, NOW), (other, old)):
                await connection.execute("INSERT INTO journal.firing VALUES (%s, %s)", (one, at))
            await connection.execute(
                "INSERT INTO journal.schedule (flow, next, anchor) VALUES (%s, %s, %s)",
                (other, old, old),
            )
            await Retention(database, HeldClock(NOW), 28).sweep()
            found = await connection.execute(
                "SELECT occurrence < %s AS old FROM journal.firing", (NOW,)
            )
            return sorted(row["old"] for row in await found.fetchall())

    assert run(story()) == [False, True]
