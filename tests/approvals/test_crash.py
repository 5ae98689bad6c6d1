"""Killed at any moment, nothing of an approval is lost: neither the question nor the answer."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from approvals.conftest import APPROVALS, WAITING
from flowner.demo.mailbox import Mailbox
from flowner.directory.people import NewPerson
from flowner.errors import Conflict
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.journal.store import Journal
from flowner.runs.events import ActionEnded, ActionStarted, decode
from flowner.server import House, at_work, open_house
from flowner.settings import Settings
from flowner.values import Secret
from worlds import written

RUNS, KILLS, SEED = 20, 8, 20261126
ASK = {
    "Ask": written.call(
        "ask", APPROVALS, "StartAndWaitForAnApproval",
        {"approvalType": "Basic", f"{WAITING}/title": "T",
         f"{WAITING}/assignedTo": "bob@c.example"},
    ),
    "After": {"type": "Compose", "runAfter": {"Ask": ["Succeeded"]},
              "inputs": "@body('Ask')?['outcome']"},
}  # fmt: skip
WORKER = """
import asyncio, sys
from pathlib import Path
from flowner.journal import wakes
from flowner.server import at_work, open_house
from flowner.settings import Settings
wakes.Wakes.__init__.__kwdefaults__["lease_seconds"] = 1.0
async def main():
    settings = Settings(database_url=sys.argv[1], data_folder=Path(sys.argv[2]))
    async with open_house(settings) as house, at_work(house):
        print("at work", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[House]:
    async with open_house(Settings(database_url=url, data_folder=folder)) as house:
        yield house


async def prepared(house: House) -> tuple[Any, Any, Any]:
    """Return a flow that asks, its owner, and who answers."""
    ada = await house.directory.add_person(NewPerson(name="ada", upn="ada@c.example"))
    bob = await house.directory.add_person(NewPerson(name="bob", upn="bob@c.example"))
    mine = await house.connections.make(
        NewConnection(connector=APPROVALS, account="ada@c.example"), ada
    )
    references = {"ask": written.reference(APPROVALS, "ask_ref")}
    done = await house.importer.bring_in(
        written.package(written.BUTTON, ASK, references), ada, bind={"ask_ref": mine}
    )
    flow = done.flows[0].id
    await house.turning.on(flow, ada)
    return flow, ada, bob


async def again(house: House, actions: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return one more flow of Ada's that asks Bob."""
    ada, bob = [await house.running.somebody(f"{name}@c.example") for name in ("ada", "bob")]
    references = {"ask": written.reference(APPROVALS, "ask_ref")}
    package = written.package(written.BUTTON, actions, references)
    flow = (await house.importer.bring_in(package, ada)).flows[0].id
    await house.turning.on(flow, ada)
    return flow, ada, bob


def worker(url: str, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, url, str(folder)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"at work\n"
    return process


def test_killed_workers_lose_no_question_and_no_answer(database_url, folder, run) -> None:
    """Workers are killed while runs park and while answers come; every run ends as answered."""

    async def begin() -> tuple[Any, Any, Any]:
        async with opened(database_url, folder) as house:
            flow, ada, bob = await prepared(house)
            for _ in range(RUNS):
                await house.running.press(Press(flow=flow, by=ada, inputs={}))
            return flow, ada, bob

    async def answer(bob: Any, chance: random.Random) -> int:
        async with opened(database_url, folder) as house:
            waiting = await house.approvals.of(bob)
            for one in waiting[: chance.randint(1, 4)]:
                said = chance.choice(["Approve", "Reject"])
                await house.answers.respond(one.approval.id, bob, said, comments=said)
            return len(waiting)

    async def settled(flow: Any, bob: Any) -> None:
        async with opened(database_url, folder) as house:
            deadline = time.monotonic() + 60
            while True:
                for one in await house.approvals.of(bob):
                    await house.answers.respond(one.approval.id, bob, "Approve", comments="Approve")
                headers = await house.journal.runs(flow=flow, limit=1000)
                if all(one.ended for one in headers):
                    break
                assert time.monotonic() < deadline, "some runs never came to an end"
                await asyncio.sleep(0.2)
            assert len(headers) == RUNS
            for header in headers:
                assert header.status == "Succeeded"
                ((approval, _),) = await house.approvals.of_run(header.id)
                (response,) = approval.responses
                events = [decode(one.entry.data) for one in await house.journal.entries(header.id)]
                ends = {e.path: e for e in events if isinstance(e, ActionEnded)}
                assert ends["After"].outputs == approval.outcome == response.response
                assert ends["Ask"].acting["answeredBy"][0]["comments"] == response.response

    flow, _, bob = run(begin())
    chance = random.Random(SEED)
    for _ in range(KILLS):
        with worker(database_url, folder) as process:
            time.sleep(chance.uniform(0.02, 0.4))
            run(answer(bob, chance))
            time.sleep(chance.uniform(0.0, 0.1))
            os.kill(process.pid, signal.SIGKILL)
    with worker(database_url, folder) as process:
        try:
            run(settled(flow, bob))
        finally:
            process.terminate()


class _Lost(Exception):
    """The server is gone."""


def test_an_answer_and_the_wake_are_there_together_or_not_at_all(
    database_url, folder, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies before, or right after, the message is written: nothing was answered."""

    async def story() -> None:
        async with opened(database_url, folder) as house, at_work(house):
            await told(house)

    async def told(house: House) -> None:
        flow, ada, bob = await again(house, ASK)
        id = await house.running.press(Press(flow=flow, by=ada, inputs={}))
        while (await house.journal.header(id)).status != "Waiting":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        ((approval, _),) = await house.approvals.of_run(id)
        posting = Journal.post

        async def dies_before(*_: Any, **__: Any) -> bool:
            raise _Lost

        async def dies_after(*given: Any, **named: Any) -> bool:
            assert await posting(*given, **named)
            raise _Lost

        for dies in (dies_before, dies_after):
            monkeypatch.setattr(Journal, "post", dies)
            with pytest.raises(_Lost):
                await house.answers.respond(approval.id, bob, "Approve")
            monkeypatch.undo()
            ((now, _),) = await house.approvals.of_run(id)
            assert (now.status, now.responses) == ("Pending", ())
            assert await house.journal.inbox(id, after=0) == []
        await house.answers.respond(approval.id, bob, "Reject")
        with pytest.raises(Conflict):
            await house.answers.respond(approval.id, bob, "Approve")
        while (await house.journal.header(id)).ended is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    run(story())


def test_an_answer_in_time_is_in_time_however_late_it_is_read(database_url, folder, run) -> None:
    """Answered before the action's limit, while no worker lives: the run goes on as answered."""

    async def story() -> None:
        async with opened(database_url, folder) as house:
            limited = {**ASK, "Ask": ASK["Ask"] | {"limit": {"timeout": "PT3S"}}}
            flow, ada, bob = await again(house, limited)
            async with at_work(house):
                id = await house.running.press(Press(flow=flow, by=ada, inputs={}))
                while (await house.journal.header(id)).status != "Waiting":  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            ((approval, _),) = await house.approvals.of_run(id)
            await house.answers.respond(approval.id, bob, "Approve")
            await asyncio.sleep(3.2)
            async with at_work(house):
                while (await house.journal.header(id)).ended is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert (await house.journal.header(id)).status == "Succeeded"

    run(story())


def test_what_was_held_back_for_a_sign_in_never_went_out(database_url, folder, run) -> None:
    """Mail may not be sent twice; a server that dies while it asks for the sign-in sends once."""
    account = "ada@mail.example"
    mailbox = Mailbox(accounts={account: Secret("ada's password")})

    async def story() -> None:
        async with mailbox, opened(database_url, folder) as house:
            ada = await house.running.somebody("ada@c.example")
            send = {"Send": written.call("mail", written.MAIL, "SendEmailV2",
                                         {"emailMessage/To": "x@example.com",
                                          "emailMessage/Subject": "s",
                                          "emailMessage/Body": "b"})}  # fmt: skip
            references = {"mail": written.reference(written.MAIL, "own", source="invoker")}
            package = written.package(written.BUTTON, send, references)
            flow = (await house.importer.bring_in(package, ada)).flows[0].id
            await house.turning.on(flow, ada)
            settings = {"host": mailbox.host, "port": mailbox.port, "security": "none"}
            mine = await house.connections.make(
                NewConnection(connector=written.MAIL, account=account, settings=settings,
                              secrets={"user": Secret(account),
                                       "password": mailbox.accounts[account]}), ada,
            )  # fmt: skip
            await house.consent.choose(ada, flow, "mail", mine)
            id = await house.running.press(Press(flow=flow, by=ada, inputs={}))
            await house.consent.withdraw(ada, flow)  # before a worker takes the run up
            # A worker that notes the call, asks for the sign-in, and dies before it says so.
            asking = house.sign_ins.__class__.ask

            async def asks_and_dies(*given: Any, **named: Any) -> None:
                await asking(*given, **named)
                await asyncio.Event().wait()

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(house.sign_ins.__class__, "ask", asks_and_dies)
                working = asyncio.create_task(house.worker.activate(id))
                await house.dispatcher._wakes.claim(1)
                while not await house.sign_ins.of(ada):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
            events = [decode(one.entry.data) for one in await house.journal.entries(id)]
            assert isinstance(events[-1], ActionStarted)
            await house.dispatcher._wakes.release([id])
            async with at_work(house):
                while (await house.journal.header(id)).status != "Waiting":  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                await house.consent.choose(ada, flow, "mail", mine)
                while (await house.journal.header(id)).ended is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert (await house.journal.header(id)).status == "Succeeded"
            assert len(mailbox.messages) == 1

    run(story())
