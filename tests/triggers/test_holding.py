"""A run that waits for its principal begins when they are back, in their name, or is refused."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import pytest

from flowner.journal import holding
from flowner.rows.callers import Caller
from flowner.rows.seed import DELEGATE
from flowner.runs.events import RunStarted, decode
from flowner.triggers import start
from worlds import written
from worlds.living import NOTE, PATIENCE, Living


@pytest.fixture(scope="module")
def living(house) -> Living:
    return Living(house)


async def header_of(living: Living, flow: Any, *statuses: str) -> Any:
    """Wait until the flow's one run stands so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await living.house.journal.runs(flow=flow)
            if found and found[0].status in statuses:
                (header,) = found
                return header
            await asyncio.sleep(0.01)


async def held(living: Living, *, message: int = 1, metadata: Any = None) -> tuple[Any, Any, Any]:
    """Return a flow with a run that waits for Max, who is disabled; Max, and the run."""
    house, table = living.house, f"t_{secrets.token_hex(4)}"
    await house.metadata.create_table(
        table, set_name=f"{table}s", primary_name="t_name", columns={}
    )
    rights = {(table, right): 8 for right in ("Create", "Read", "Write", "Assign")}
    role = await house.directory.add_role(f"r {secrets.token_hex(4)}", rights)
    dora = await living.person("dora", DELEGATE)
    max_ = await living.person(f"max{secrets.token_hex(3)}", role)
    await house.directory.give_role(dora, role)
    name = f"ref_{secrets.token_hex(4)}"
    trigger = written.row_trigger(table, message=message, run_as=2)
    said = metadata or {"flownerWhenUnavailable": "wait"}
    next(iter(trigger.values()))["metadata"] = said
    flow = await living.flow(
        "dora", trigger, NOTE, {"rows": written.reference(written.ROWS, name)},
        bind={name: await living.connection("dora", written.ROWS)},
    )  # fmt: skip
    await house.directory.set_enabled(max_, enabled=False)
    owned = {"t_name": "a", "ownerid@odata.bind": f"/systemusers({max_})"}
    await house.store.create(Caller(dora), table, owned)
    return flow, max_, await header_of(living, flow, "Waiting", "Failed")


def test_it_begins_in_their_name_when_they_are_back(run, living) -> None:
    async def story() -> None:
        flow, max_, waits = await held(living)
        assert (waits.status, waits.principal) == ("Waiting", None)
        assert "is disabled; the run waits until they can be had" in waits.error
        shown = await living.house.inspecting.open(waits.id, await living.person("dora"), flow=flow)
        assert shown.header.status == "Waiting"
        await living.house.directory.set_enabled(max_, enabled=True)
        ended = await header_of(living, flow, "Succeeded", "Failed")
        assert (ended.id, ended.status) == (waits.id, "Succeeded")
        assert (ended.principal, ended.rule) == (max_, "automated.row-owner")
        (first, *_) = await living.house.journal.entries(waits.id)
        started = decode(first.entry.data)
        assert isinstance(started, RunStarted)
        assert started.trigger["outputs"]["body"]["t_name"] == "a"

    run(story())


@pytest.mark.parametrize("cancelled", [False, True], ids=["until they are back", "or cancelled"])
def test_it_keeps_its_place_among_the_changes_of_its_row(run, living, cancelled: bool) -> None:
    async def story() -> None:
        in_order = {"flownerWhenUnavailable": "wait", "flownerSameRow": "inOrder"}
        flow, max_, waits = await held(living, message=4, metadata=in_order)
        house, dora = living.house, await living.person("dora")
        (line,) = await _rows(house, "SELECT item FROM journal.line WHERE run = %s", waits.id)
        (found,) = await _rows(house, "SELECT entityname FROM rows.callbackregistration"
                               " WHERE workflowid = %s", flow)  # fmt: skip
        mine = {"t_name": "b", "ownerid@odata.bind": f"/systemusers({dora})"}
        await house.store.update(Caller(dora), found["entityname"], line["item"], mine)
        async with asyncio.timeout(20):
            while len(runs := await house.journal.runs(flow=flow)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        second = await house.journal.header(runs[0].id)
        assert (second.status, second.principal) == ("Waiting", dora)
        if cancelled:
            await house.cancelling.cancel(waits.id, dora)
        else:
            await house.directory.set_enabled(max_, enabled=True)
        async with asyncio.timeout(20):
            while (last := await house.journal.header(second.id)).ended is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        first = await house.journal.header(waits.id)
        assert (first.status, last.status) == ("Failed" if cancelled else "Succeeded", "Succeeded")
        assert await _rows(house, "SELECT FROM journal.line WHERE flow = %s", flow) == []

    run(story())


async def _rows(house: Any, statement: str, value: Any) -> list[Any]:
    async with house.database.connection() as connection:
        return await (await connection.execute(statement.encode(), (value,))).fetchall()


def test_it_is_refused_when_nobody_came(run, living, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr(start, "PATIENCE", timedelta(seconds=1))
        flow, _, waits = await held(living)
        ended = await header_of(living, flow, "Failed", "Succeeded")
        assert (ended.id, ended.status) == (waits.id, "Failed")
        assert (ended.code, ended.principal) == ("RunAsPrincipalUnavailable", None)

    run(story())


def test_it_is_cancelled_like_any_other(run, living) -> None:
    async def story() -> None:
        flow, max_, waits = await held(living)
        await living.house.cancelling.cancel(waits.id, await living.person("dora"))
        ended = await header_of(living, flow, "Failed")
        assert ended.error == "it was cancelled while it waited"
        await living.house.directory.set_enabled(max_, enabled=True)
        assert (await header_of(living, flow, "Failed")).ended is not None

    run(story())


def test_it_is_looked_at_again_even_if_nobody_told(
    run, living, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that finds them still away puts it off, and keeps until when it waits."""

    async def story() -> None:
        monkeypatch.setattr(holding, "_LOOK_AGAIN", timedelta(seconds=0.2))
        flow, max_, waits = await held(living)
        await asyncio.sleep(1.0)
        again = await header_of(living, flow, "Waiting")
        assert (again.id, again.started) == (waits.id, waits.started)
        await living.house.directory.set_enabled(max_, enabled=True)
        assert (await header_of(living, flow, "Succeeded")).principal == max_

    run(story())
