"""What is handed over to a dispatcher outside, and what is left alone. One row, one rule."""

from __future__ import annotations

import pytest

from flowner.clock import SystemClock
from flowner.journal.handing import Handing
from flowner.journal.store import open_journal
from flowner.journal.wakes import Wakes
from flowner.values import RunId

RUN = RunId(1)
LEASE = 20
PAST, FUTURE = "now() - interval '1 minute'", "now() + interval '1 minute'"
LATELY, LONG_AGO = "now() - interval '5 seconds'", "now() - interval '25 seconds'"
WAKES = {
    "due, and nobody was told": (PAST, "NULL", "NULL", "NULL", True),
    "not due": (FUTURE, "NULL", "NULL", "NULL", False),
    "due, and told of": (PAST, "NULL", FUTURE, PAST, False),
    "told of, and nothing came of it": (PAST, "NULL", LATELY, PAST, True),
    "told of, and given back since": (PAST, "NULL", "NULL", PAST, True),
    "told of another time, and something came": (PAST, "NULL", FUTURE, FUTURE, True),
    "in somebody's hands": (PAST, "'w'", FUTURE, PAST, False),
    "in the hands of who went silent lately": (PAST, "'w'", LATELY, PAST, False),
    "in the hands of who is gone": (PAST, "'w'", LONG_AGO, PAST, True),
}


@pytest.mark.parametrize("name", WAKES)
def test_what_is_handed_over(name: str, database, run) -> None:
    due, owner, lease, handed, expected = WAKES[name]

    async def story() -> None:
        handing = Handing(database, Wakes(database, "us", lease_seconds=LEASE), SystemClock())
        await _only(database, due, owner, lease, handed)
        soonest = await handing.soonest()
        assert soonest is not None
        assert (soonest <= 0) == expected
        assert await handing.hand_over(10) == ([RUN] if expected else [])
        assert await handing.hand_over(10) == [], "it was handed over twice"

    run(story())


@pytest.mark.parametrize(
    ("due", "owner", "lease", "taken"),
    [
        pytest.param(PAST, "NULL", FUTURE, True, id="due and nobody's, whoever was told"),
        pytest.param(PAST, "'w'", LATELY, True, id="its holder went silent"),
        pytest.param(PAST, "'w'", FUTURE, False, id="somebody holds it"),
        pytest.param(FUTURE, "NULL", "NULL", False, id="not due"),
    ],
)
def test_what_is_taken(due: str, owner: str, lease: str, taken: bool, database, run) -> None:
    async def story() -> None:
        wakes = Wakes(database, "us", lease_seconds=LEASE)
        await _only(database, due, owner, lease, "due")
        assert await Handing(database, wakes, SystemClock()).take(RUN) == taken
        assert (await wakes.renew([RUN]) == {RUN}) == taken

    run(story())


def test_the_answer_is_when_to_look_again_and_is_remembered(database, run) -> None:
    async def story() -> None:
        wakes = Wakes(database, "us", lease_seconds=LEASE)
        handing = Handing(database, wakes, SystemClock())
        await _only(database, FUTURE, "NULL", "NULL", "NULL")
        assert await handing.answer(RUN) == pytest.approx(60, abs=5)
        assert await handing.soonest() == pytest.approx(60 + LEASE, abs=5)
        await _only(database, PAST, "NULL", "NULL", "NULL")
        assert await handing.answer(RUN) == 0
        assert await handing.hand_over(10) == [], "who asks knows"
        await _only(database, PAST, "'w'", "now() + interval '9 seconds'", "NULL")
        assert await handing.answer(RUN) == pytest.approx(9, abs=5)
        await _only(database, PAST, "'us'", FUTURE, "NULL")
        await handing.put_down(RUN)
        assert await handing.hand_over(10) == [], "it is tried again outside"
        await handing.take_back([RUN])
        assert await handing.hand_over(10) == [RUN]
        assert await handing.answer(RunId(2)) is None

    run(story())


def test_a_message_for_a_run_that_waits_outside_is_handed_over(database, run) -> None:
    async def story() -> None:
        handing = Handing(database, Wakes(database, "us", lease_seconds=LEASE), SystemClock())
        await _only(database, FUTURE, "NULL", "NULL", "NULL")
        await handing.answer(RUN)
        async with open_journal(database) as journal:
            assert await journal.post(RUN, b"{}")
        assert await handing.hand_over(10) == [RUN]

    run(story())


async def _only(database, due: str, owner: str, lease: str, handed: str) -> None:
    """Let there be one wake; a ``handed`` equal to ``due`` is the very same moment."""
    async with database.connection() as connection:
        await connection.execute("DELETE FROM journal.wake")
        handed = "due" if handed == due else handed
        await connection.execute(
            f"INSERT INTO journal.wake (run, due, owner, lease) VALUES (1, {due}, {owner}, {lease})"
        )
        await connection.execute(f"UPDATE journal.wake SET handed = {handed}")
