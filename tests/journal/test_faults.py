"""Each fault is planted, found, and mended where it can be; a sound journal has none."""

from __future__ import annotations

import pytest

from flowner.journal.faults import journal_faults, mend_journal

RUN = (
    "INSERT INTO journal.run (id, flow, flow_version, flow_name, kind, status, plan, plan_hash,"
    " started, ended) VALUES (1, gen_random_uuid(), 1, 'F', 'instant', 'Running', '{}', '', now(),"
)
ENTRY = (
    "INSERT INTO journal.entry (run, seq, at, kind, path, data) VALUES (1, %s, now(), '', '', '')"
)
OPEN, OVER, FIRST = f"{RUN} NULL)", f"{RUN} now())", ENTRY % 0
WAKE = "INSERT INTO journal.wake (run, due) VALUES (1, now() - interval '{}')"
HELD = "INSERT INTO journal.held VALUES (1, gen_random_uuid(), '', now() - interval '1 day')"


@pytest.mark.parametrize(
    ("planted", "codes", "left"),
    [
        ([OPEN, FIRST, WAKE.format("1 minute")], [], []),
        ([OVER, FIRST], [], []),
        ([OPEN, FIRST], ["run-without-wake"], []),
        ([OPEN, FIRST, WAKE.format("1 hour")], ["run-left-alone"], ["run-left-alone"]),
        ([OPEN, FIRST, WAKE.format("-1 day"), HELD], ["run-past-its-deadline"], []),
        ([OVER, FIRST, WAKE.format("1 minute")], ["wake-left-over"], []),
        ([OVER, FIRST, "INSERT INTO journal.inbox (run, message) VALUES (1, '')"],
         ["message-left-over"], []),
        ([OVER, FIRST, "INSERT INTO journal.queue VALUES (gen_random_uuid(), 1)"],
         ["place-left-over"], []),
        ([OVER, FIRST, "INSERT INTO journal.line VALUES (1, gen_random_uuid(), 'x')"],
         ["line-left-over"], []),
        ([OVER, FIRST, ENTRY % 2], ["journal-with-a-gap"], ["journal-with-a-gap"]),
    ],
)  # fmt: skip
def test_faults(database, run, planted: list[str], codes: list[str], left: list[str]) -> None:
    async def story() -> None:
        async with database.connection() as connection:
            for table in ("run", "entry", "wake", "inbox", "queue", "line", "held"):
                await connection.execute(f"DELETE FROM journal.{table}")
            for statement in planted:
                await connection.execute(statement)
            faults = await journal_faults(connection)
            assert [(one.code, one.about) for one in faults] == [(code, "1") for code in codes]
            for one in faults:
                await mend_journal(connection, one)
            assert [one.code for one in await journal_faults(connection)] == left

    run(story())
