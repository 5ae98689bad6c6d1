"""The doctor: a sound house has no complaint; each fault is planted, found, mended if it can be."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flowner.access.vocabulary import ConnectionRole
from flowner.cli.main import app
from flowner.clock import SystemClock, first_run_id
from flowner.database.condition import condition, revision_faults
from flowner.database.migrate import newest_revision
from flowner.settings import Settings
from flowner.upkeep.doctor import faults_inside, faults_outside, mend_inside, mend_outside
from worlds import written
from worlds.living import RECURRENCE, Living

CLOCKED = RECURRENCE, {"Note": {"runAfter": {}, "type": "Compose", "inputs": 1}}, {}
LISTENS = (
    written.row_trigger("systemuser"),
    CLOCKED[1],
    {"rows": written.reference(written.ROWS, "dr")},
)


@pytest.fixture(scope="module")
def living(house) -> Living:
    return Living(house)


def codes(run: Callable[..., Any], living: Living) -> list[tuple[str, str]]:
    return [(one.code, one.about) for one in run(faults_inside(living.house))]


def plant(run: Callable[..., Any], living: Living, statement: str, *values: object) -> None:
    async def planted() -> None:
        async with living.house.database.connection() as connection:
            await connection.execute(statement.encode(), values)

    run(planted())


def test_a_sound_house_has_no_complaint(run, living) -> None:
    run(living.flow("olga", *CLOCKED))
    run(living.borrowed("olga", "lena"))
    run(living.flow("olga", on=False))
    assert codes(run, living) == []


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM journal.schedule WHERE flow = %s", "schedule-missing"),
        ("UPDATE rows.workflow SET statecode = 0 WHERE workflowid = %s", "schedule-left-over"),
    ],
)
def test_a_schedule_that_does_not_go_with_its_flow_is_mended(
    run, living, statement: str, code: str
) -> None:
    flow = run(living.flow("olga", *CLOCKED))
    plant(run, living, statement, flow)
    (fault,) = run(faults_inside(living.house))
    assert (fault.code, fault.about, fault.mends) == (code, flow, True)
    run(mend_inside(living.house, fault))
    assert codes(run, living) == []


def test_who_left_and_what_was_taken_back_is_told_and_not_mended(run, living) -> None:
    flow, _, lent = run(living.borrowed("olga", "lena"))
    olga, lena = run(living.person("olga")), run(living.person("lena"))
    run(living.house.connections.share(lent, olga, ConnectionRole.CAN_USE, lena))
    run(living.house.turning.on(flow, olga))
    assert codes(run, living) == []
    run(living.house.connections.unshare(lent, olga, lena))
    (fault,) = run(faults_inside(living.house))
    assert (fault.code, fault.about, fault.mends) == ("flow-cut-off", flow, False)
    assert "lena" in fault.advice
    run(living.house.turning.off(flow, olga))
    left = run(living.flow("gone", *CLOCKED))
    run(living.house.directory.set_enabled(run(living.person("gone")), enabled=False))
    (fault,) = run(faults_inside(living.house))
    assert (fault.code, fault.about, fault.mends) == ("flow-orphaned", left, False)
    run(living.house.directory.set_enabled(run(living.person("gone")), enabled=True))
    assert codes(run, living) == []


def test_entries_outside_the_partitions_are_told_and_moved(run, living) -> None:
    far = first_run_id(SystemClock().now() + timedelta(weeks=30))
    plant(run, living, "INSERT INTO journal.entry VALUES (%s, 0, now(), 'k', 'p', '')", far)
    (fault,) = run(faults_inside(living.house))
    assert (fault.code, fault.about, fault.mends) == ("partitions-behind", "journal", True)
    run(mend_inside(living.house, fault))
    assert codes(run, living) == []
    plant(run, living, "DELETE FROM journal.entry WHERE run = %s", far)


def test_an_invalid_index_and_a_clock_that_is_wrong_are_told(run, living) -> None:
    async def looked(ahead: timedelta) -> list[str]:
        async with living.house.database.connection() as connection:
            found = await condition(connection, SystemClock().now() + ahead)
        return [one.code for one in found]

    assert run(looked(timedelta())) == []
    assert run(looked(timedelta(seconds=-30))) == ["clock-skew"]
    plant(run, living, "UPDATE pg_index SET indisvalid = false"
          " WHERE indexrelid = 'journal.run_by_initiator'::regclass")  # fmt: skip
    assert run(looked(timedelta())) == ["invalid-index"]
    plant(run, living, "UPDATE pg_index SET indisvalid = true"
          " WHERE indexrelid = 'journal.run_by_initiator'::regclass")  # fmt: skip


@pytest.mark.parametrize(
    ("revision", "found"),
    [(newest_revision(), []), ("0001", ["not-current"]), (None, ["not-current"])],
)
def test_a_database_of_another_release_is_told(revision: str | None, found: list[str]) -> None:
    assert [one.code for one in revision_faults(revision)] == found


@pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")
def test_a_key_that_others_can_read_is_mended(run, tmp_path: Path) -> None:
    settings = dataclasses.replace(Settings(), data_folder=tmp_path)
    key = tmp_path / "key"
    key.write_text("k")
    key.chmod(0o644)
    (fault,) = run(faults_outside(settings))
    assert (fault.code, fault.mends) == ("key-readable", True)
    mend_outside(settings, fault)
    assert key.stat().st_mode & 0o777 == 0o600
    assert run(faults_outside(settings)) == []


def test_the_command_says_asks_mends_and_ends_with_what_is_left(
    database_url: str, run, living
) -> None:
    flow = run(living.flow("olga", *CLOCKED))
    plant(run, living, "DELETE FROM journal.schedule WHERE flow = %s", flow)
    environment = {
        "FLOWNER_DATABASE_URL": database_url,
        "FLOWNER_DATA": str(living.house.settings.data_folder),
    }

    def doctor(*options: str, said: str = "") -> tuple[int, str]:
        done = CliRunner().invoke(app, ["doctor", *options], input=said, env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    code, told = doctor()
    assert code == 1
    assert "schedule-missing" in told
    assert doctor("--mend", said="n\n")[0] == 1
    code, told = doctor("--mend", "--yes", "--json")
    assert code == 0
    (fault,) = json.loads(told)["faults"]
    assert (fault["code"], fault["about"], fault["mended"]) == ("schedule-missing", flow, True)
    code, told = doctor()
    assert (code, told.strip()) == (0, "nothing is wrong")
