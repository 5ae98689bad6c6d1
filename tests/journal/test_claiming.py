"""Flows take turns: who has least in hand, then whose turn it is, then the oldest run."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowner.engine.hands import Hands
from flowner.journal.claiming import STEPS, Places, Turns
from flowner.values import FlowId, RunId

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def flow(number: int) -> FlowId:
    return FlowId(f"00000000-0000-4000-8000-{number:012x}")


async def put(database, wakes: list[tuple[int, FlowId, float]]) -> None:
    """Leave these wakes and no other: run, flow, seconds until it is due."""
    async with database.connection() as connection:
        await connection.execute("TRUNCATE journal.wake")
        await connection.execute(
            "INSERT INTO journal.wake (run, flow, due)"
            " SELECT run, flow, %s + due * interval '1 second'"
            " FROM unnest(%s::bigint[], %s::uuid[], %s::float[]) AS w(run, flow, due)",
            (NOW, *[list(column) for column in zip(*wakes, strict=True)]),
        )


async def claim(database, turns: Turns, places: Places) -> list[RunId]:
    async with database.connection() as connection:
        return list(await turns.claim(connection, places, NOW))


async def forget(database, runs: list[RunId]) -> None:
    async with database.connection() as connection:
        await connection.execute("DELETE FROM journal.wake WHERE run = ANY(%s)", (runs,))


def test_a_single_run_is_not_kept_waiting_by_20000_that_are_due_longer(database, run) -> None:
    async def story() -> None:
        flood = [(number, flow(1), -100.0) for number in range(20_000)]
        await put(database, [*flood, (99_999, flow(2), -0.001)])
        turns, claimed = Turns("w", 20), []
        for _ in range(2):
            claimed += await claim(database, turns, Places(room=1))
        assert 99_999 in claimed
        assert len(claimed) == 2

    run(story())


def test_flows_that_only_wait_cost_no_more_than_so_many_steps(database, run) -> None:
    async def story() -> None:
        flood = [(number, flow(1), -100.0) for number in range(20_000)]
        parked = [(100_000 + number, flow(2 + number), 3600.0) for number in range(5_000)]
        await put(database, [*flood, *parked, (99_999, flow(4_000), -0.001)])
        turns, rounds, began = Turns("w", 20), 0, time.perf_counter()
        while 99_999 not in await claim(database, turns, Places(room=1)):
            rounds += 1
        assert rounds <= 5_002 / STEPS + 2
        assert (time.perf_counter() - began) / (rounds + 1) < 0.25

    run(story())


@pytest.mark.parametrize(
    ("room", "spare", "in_hand", "expected"),
    [
        pytest.param(4, 0, {}, {1: 2, 2: 2}, id="even shares"),
        pytest.param(4, 0, {1: 4}, {2: 4}, id="what is in hand counts"),
        pytest.param(4, 0, {1: 1}, {1: 2, 2: 2}, id="the odd one goes to whose turn it is"),
        pytest.param(8, 0, {1: 2}, {1: 3, 2: 5}, id="shares even out"),
        pytest.param(0, 2, {1: 4}, {2: 1}, id="one spare place for who has none"),
        pytest.param(0, 2, {1: 4, 2: 1}, {}, id="no spare place for who has some"),
        pytest.param(1, 2, {}, {1: 1, 2: 1}, id="spare places are for one each"),
    ],
)
def test_shares(database, run, room, spare, in_hand, expected) -> None:
    async def story() -> None:
        await put(
            database,
            [(number, flow(1), -50.0 + number) for number in range(20)]
            + [(100 + number, flow(2), -5.0) for number in range(20)],
        )
        hand = {flow(number): count for number, count in in_hand.items()}
        taken = await claim(database, Turns("w", 20), Places(room=room, spare=spare, in_hand=hand))
        assert Counter(1 if one < 100 else 2 for one in taken) == expected
        assert sorted(one for one in taken if one < 100) == list(range(expected.get(1, 0)))

    run(story())


def test_dead_workers_are_taken_over_among_a_flood(database, run) -> None:
    async def story() -> None:
        flood = [(number, flow(1), -9.0) for number in range(100)]
        await put(database, [*flood, (200, flow(2), 0.0)])
        gone, turns = Turns("gone", 0.0), Turns("w", 20)
        assert 200 in await claim(database, gone, Places(room=2))
        assert 200 in await claim(database, turns, Places(room=2))

    run(story())


WAKES = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from([-3.0, -2.0, -1.0, 5.0])), min_size=1, max_size=25
)
ROUNDS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=8)


def said(
    due: dict[RunId, tuple[FlowId, float]], places: Places, order: list[FlowId]
) -> list[FlowId]:
    """Say which flow gets each place; ``order``: whose turn comes first."""
    left = Counter(whose for whose, _ in due.values())
    has, given_to = Counter(places.in_hand), []
    for place in range(places.room + places.spare):
        may = [one for one in order if left[one] and (place < places.room or not has[one])]
        if not may:
            break
        best = min(may, key=lambda one: (has[one], order.index(one)))
        left[best] -= 1
        has[best] += 1
        given_to.append(best)
    return given_to


@settings(max_examples=60, deadline=None)
@given(wakes=WAKES, rounds=ROUNDS, kept=st.lists(st.booleans(), min_size=40, max_size=40))
def test_every_place_goes_to_whom_the_rule_says(database, run, wakes, rounds, kept) -> None:
    """Round after round; some runs stay in hand, others are over at once."""

    async def story() -> None:
        await put(database, [(n, flow(whose), due) for n, (whose, due) in enumerate(wakes)])
        due = {RunId(n): (flow(whose), at) for n, (whose, at) in enumerate(wakes) if at <= 0}
        turns, hand, reached = Turns("w", 20), Counter(), 0
        for room, spare in rounds:
            places = Places(room=room, spare=spare, in_hand=dict(+hand))
            taken = await claim(database, turns, places)
            if len(due) <= room:
                assert sorted(taken) == sorted(due)
            else:
                order = [flow(1 + (reached + n) % 5) for n in range(5)]
                assert [due[one][0] for one in taken] == said(due, places, order)
                reached = int(turns.after[-2:], 16) % 5
            for one in taken:
                whose, at = due.pop(one)
                hand[whose] += kept[one]
                assert all((at, one) < (other, n) for n, (w, other) in due.items() if w == whose)
            await forget(database, taken)

    run(story())


@settings(max_examples=30, deadline=None)
@given(wakes=st.lists(st.integers(1, 6), min_size=4, max_size=40), room=st.integers(1, 3))
def test_who_has_something_due_is_served_within_a_round(database, run, wakes, room) -> None:
    async def story() -> None:
        await put(database, [(n, flow(whose), -1.0) for n, whose in enumerate(wakes)])
        due = {RunId(n): whose for n, whose in enumerate(wakes)}
        turns, since = Turns("w", 20), dict.fromkeys(wakes, 0)
        while due:
            taken = await claim(database, turns, Places(room=room))
            served = {due.pop(one) for one in taken}
            for whose in set(due.values()) | served:
                since[whose] = 0 if whose in served else since[whose] + 1
                assert since[whose] <= len(set(wakes)) / room + 1
            await forget(database, taken)

    run(story())


def test_hands_keep_places_for_flows_that_have_none_in_hand() -> None:
    hands = Hands(4)
    for number in range(4):
        hands.take(RunId(number), flow(1))
    assert (hands.places.room, hands.places.spare) == (0, 1)
    hands.take(RunId(9), flow(2), in_spare=True)
    assert (hands.places.room, hands.places.spare) == (0, 0)
    hands.let_go(RunId(0))
    assert (hands.places.room, hands.places.spare) == (0, 1)
    assert hands.places.in_hand == {flow(1): 3, flow(2): 1}
    hands.let_go(RunId(9))
    hands.let_go(RunId(9))
    assert (hands.places.room, hands.places.in_hand) == (1, {flow(1): 3})


def test_nothing_made_here_goes_before_what_waits() -> None:
    hands = Hands(1)
    for number in range(4):
        assert hands.takes_what_is_made()
        hands.take(RunId(number), flow(1))
    assert not hands.takes_what_is_made()
    hands.let_go(RunId(0))
    assert not hands.takes_what_is_made(), "until a claim says that nothing waits"
    hands.behind = False
    assert hands.takes_what_is_made()
