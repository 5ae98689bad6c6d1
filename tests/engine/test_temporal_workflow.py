"""The workflow by itself: how often it asks, when it begins anew, and that it can be replayed."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("temporalio")

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, Worker

from flowner.engine.temporal.workflow import ACTIVITY, ROUNDS, SIGNAL, WORKFLOW, RunWorkflow
from worlds.temporal_server import TemporalServer

Answers = Iterator[float | Exception | None]


async def looked_after(
    server: TemporalServer,
    answers: Answers,
    meanwhile: Callable[[Client, str], Any] | None = None,
) -> tuple[list[float], Client, str]:
    """Have a workflow look after a run that answers so; answers when it asked."""
    queue, id = secrets.token_hex(4), secrets.token_hex(4)
    asked: list[float] = []

    @activity.defn(name=ACTIVITY)
    async def activate(run: int) -> float | None:
        assert run == 1
        asked.append(time.monotonic())
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    client = await Client.connect(server.address)
    async with Worker(client, task_queue=queue, workflows=[RunWorkflow], activities=[activate]):
        handle = await client.start_workflow(WORKFLOW, args=[1, 20.0], id=id, task_queue=queue)
        if meanwhile is not None:
            await meanwhile(client, id)
        async with asyncio.timeout(60):
            await handle.result()
    return asked, client, id


def test_it_asks_again_after_as_long_as_it_is_told(temporal_server: TemporalServer, run) -> None:
    asked, client, id = run(looked_after(temporal_server, iter([0.0, 1.0, None])))
    first, second, third = asked
    assert second - first < 0.9
    assert third - second >= 1.0

    async def replayed() -> None:
        history = await client.get_workflow_handle(id).fetch_history()
        await Replayer(workflows=[RunWorkflow]).replay_workflow(history)

    run(replayed())


def test_a_signal_has_it_ask_at_once(temporal_server: TemporalServer, run) -> None:
    async def signalled(client: Client, id: str) -> None:
        await asyncio.sleep(1.0)
        await client.get_workflow_handle(id).signal(SIGNAL)

    begun = time.monotonic()
    asked, *_ = run(looked_after(temporal_server, iter([1e12, None]), signalled))
    assert len(asked) == 2
    assert time.monotonic() - begun < 20


def test_what_is_put_off_is_tried_again_and_fails_nothing(
    temporal_server: TemporalServer, run
) -> None:
    answers: Answers = iter([ApplicationError("the run was put off", type="Conflict"), None])
    asked, *_ = run(looked_after(temporal_server, answers))
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 0.9


def test_it_begins_anew_before_its_history_grows_long(temporal_server: TemporalServer, run) -> None:
    answers: Answers = iter([*[0.0] * (ROUNDS + 5), None])
    asked, client, id = run(looked_after(temporal_server, answers))
    assert len(asked) == ROUNDS + 6

    async def stands() -> list[WorkflowExecutionStatus | None]:
        return [one.status async for one in client.list_workflows(f"WorkflowId = '{id}'")]

    async def settled() -> None:
        async with asyncio.timeout(20):
            while set(await stands()) != {  # noqa: ASYNC110 - the list is written a little later
                WorkflowExecutionStatus.CONTINUED_AS_NEW,
                WorkflowExecutionStatus.COMPLETED,
            }:
                await asyncio.sleep(0.1)

    run(settled())
