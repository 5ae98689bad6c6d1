"""Records histories of real runs, in a house of their own.

    python -m histories.record            (in the folder tests) records what is not recorded yet

A file that is there is never written again: it says what a release did. A story that is new, or a
release that is new (`flowner.__version__` of the package), makes new files, and their hashes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.test_callbacks import Outside
from approvals.conftest import Town, asks
from flowner.flows.running import Press
from flowner.rows.versions import read_version
from flowner.server import House, at_work, open_house
from flowner.serving import serve
from flowner.settings import Settings
from flowner.triggers.earlier import GoOn
from flowner.values import FlowId, RunId
from histories import stories
from histories.replaying import FOLDER, HASHES, digest_of, hashes, name_of, write
from worlds import written
from worlds.living import PATIENCE, PROFILE, Living, embedded, responds

Story = Callable[["Stage"], Awaitable[RunId]]
RELEASE = version("flowner")


@dataclass
class Stage:
    """A house with people in it, and an outside."""

    house: House
    living: Living
    outside: str
    """The address of a service that answers: see `outside`."""
    snapshots: dict[RunId, tuple[int, bytes]]

    async def flow(self, actions: dict[str, Any], *rest: Any, **more: Any) -> FlowId:
        return await self.living.flow("olga", more.pop("trigger", written.BUTTON), actions, *rest,
                                      **more)  # fmt: skip

    async def people(self, actions: dict[str, Any], **more: Any) -> FlowId:
        """Return a flow with a connection to the directory."""
        name = f"people_{self.house.running.fresh_run()}"
        bind = {name: await self.living.connection("olga")}
        return await self.flow(actions, embedded(name), bind=bind, **more)

    async def pressed(self, flow: FlowId) -> RunId:
        run = self.house.running.fresh_run()
        press = Press(flow=flow, by=await self.living.person("olga"), inputs={})
        await self.house.running.press(press, run=run)
        return run

    async def ran(self, flow: FlowId) -> RunId:
        return (await self.living.ended_run(await self.pressed(flow))).id

    async def until(self, run: RunId, status: str) -> None:
        async def is_so() -> bool:
            return (await self.house.journal.header(run)).status == status

        await _until(is_so)

    async def keep_snapshot(self, run: RunId) -> None:
        """Keep what the journal has of the state of a run that waits."""
        async with self.house.database.connection() as connection:
            found = await connection.execute(
                "SELECT seq, data FROM journal.snapshot WHERE run = %s", (run,)
            )
            row = await found.fetchone()
        assert row is not None, "the run is too short for a snapshot"
        self.snapshots[run] = (int(row["seq"]), bytes(row["data"]))


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.02)


async def everything(stage: Stage) -> RunId:
    return await stage.ran(await stage.flow(stories.everything()))


async def control(stage: Stage) -> RunId:
    return await stage.ran(await stage.people(stories.control(PROFILE["Me"])))


async def retried(stage: Stage) -> RunId:
    return await stage.ran(await stage.flow(stories.retried(stage.outside)))


async def throttled(stage: Stage) -> RunId:
    """One call hears of a limit, and the next waits for it."""
    return await stage.ran(await stage.flow(stories.throttled(stage.outside)))


async def terminated(stage: Stage) -> RunId:
    return await stage.ran(await stage.flow(stories.terminated()))


async def cancelled(stage: Stage) -> RunId:
    run = await stage.pressed(await stage.flow(stories.cancelled()))
    await stage.until(run, "Waiting")
    await stage.house.cancelling.cancel(run, await stage.living.person("olga"), reason="enough")
    return (await stage.living.ended_run(run)).id


async def approved(stage: Stage) -> RunId:
    town = Town(stage.living)
    await town.person("bob")
    second = asks("BasicAwaitAll", after="Ask", limit="PT1H")
    run = await town.parked(await town.asking({"Ask": asks(), "Again": second}))
    await town.respond(run, "bob", "Approve", "gladly")

    async def both_are_asked() -> bool:
        return len(await stage.house.approvals.of_run(run)) == 2

    await _until(both_are_asked)
    for approval, _ in await stage.house.approvals.of_run(run):
        if approval.outcome is None:
            bob = await town.person("bob")
            await stage.house.answers.respond(approval.id, bob, "Reject", comments="")
    return (await stage.living.ended_run(run)).id


async def parent(stage: Stage) -> RunId:
    child = await stage.flow(responds({"said": "@triggerBody()?['text']"}))
    return await stage.ran(await stage.flow(stories.parent(child)))


async def parked(stage: Stage) -> RunId:
    """Nobody has chosen a connection: the run asks its principal, and goes on when they have."""
    from flows.test_consent import followed  # noqa: PLC0415 - a test's world, lent

    loop = asyncio.get_running_loop()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    flow, change = await asyncio.to_thread(followed, stage.living, run)
    await asyncio.to_thread(change)

    async def has_begun() -> bool:
        return bool(await stage.house.journal.runs(flow=flow))

    await _until(has_begun)
    runs = await stage.house.journal.runs(flow=flow)
    await stage.until(runs[0].id, "Waiting")
    mine = await stage.living.connection("max")
    await stage.house.consent.choose(await stage.living.person("max"), flow, "people", mine)
    return (await stage.living.ended_run(runs[0].id)).id


async def webhook(stage: Stage) -> RunId:
    outside = Outside()
    async with outside.serving() as uri, httpx.AsyncClient() as client:
        run = await stage.pressed(await stage.flow(stories.webhook(uri)))
        told = await asyncio.wait_for(outside.told.get(), PATIENCE)
        await client.post(told["body"]["call"], json={"decision": "yes"})
        return (await stage.living.ended_run(run)).id


async def answering(stage: Stage) -> RunId:
    """An HTTP request is answered, and the run goes on."""
    trigger = {"manual": {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}}
    flow = await stage.flow(stories.answering(), trigger=trigger)
    run = stage.house.running.fresh_run()
    body = {"headers": {}, "body": {"n": 7}}
    await stage.house.running.call(flow, body, await stage.living.person("olga"), run=run)
    return (await stage.living.ended_run(run)).id


async def long(stage: Stage) -> RunId:
    """So many entries that the state is kept beside them."""
    run = await stage.pressed(await stage.flow(stories.long()))
    await stage.until(run, "Waiting")
    await stage.keep_snapshot(run)
    return (await stage.living.ended_run(run)).id


async def going_on(stage: Stage) -> RunId:
    """A run takes over what another did before it failed."""
    flow = await stage.flow(stories.failing())
    first, olga = await stage.ran(flow), await stage.living.person("olga")
    run = await stage.house.resubmitting.resubmit(first, olga, go_on=GoOn(at=("Share",)))
    return (await stage.living.ended_run(run)).id


async def changed(stage: Stage) -> RunId:
    """A changeset of rows, and calls of the older spelling."""
    house = stage.house
    await house.metadata.create_table(
        "h_thing", set_name="h_things", primary_name="h_name", columns={}
    )
    rights = {("h_thing", right): 8 for right in ("Create", "Read", "Write")}
    role = await house.directory.add_role("Things", rights)
    await house.directory.give_role(await stage.living.person("olga"), role)
    name = f"rows_{house.running.fresh_run()}"
    both = {
        "rows": written.reference(written.ROWS, name),
        **embedded(f"people_{name}"),
    }
    bind = {
        name: await stage.living.connection("olga", written.ROWS),
        f"people_{name}": await stage.living.connection("olga"),
    }
    return await stage.ran(await stage.flow(stories.changed(), both, bind=bind))


STORIES: dict[str, Story] = {
    story.__name__.replace("_", "-"): story
    for story in (
        everything, control, retried, terminated, cancelled, approved, parent, parked, webhook,
        answering, long, going_on, changed, throttled,
    )
}  # fmt: skip


@asynccontextmanager
async def outside() -> AsyncIterator[str]:
    """Serve what is busy twice, what is limited, and what is ready later."""
    asked: dict[str, int] = {}

    async def answer(request: Request) -> Response:
        path = request.url.path
        asked[path] = asked.get(path, 0) + 1
        match path, asked[path]:
            case "/busy", 1 | 2:
                return Response("busy", 503)
            case "/limited", 1:
                return Response("later", 429, headers={"Retry-After": "2"})
            case "/later", 1:
                return Response(status_code=202, headers={"Location": "/later", "Retry-After": "1"})
            case "/never", _:
                return JSONResponse({"error": {"message": "no"}}, 404)
            case _:
                return JSONResponse({"path": path, "asked": asked[path]})

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    async with Outside().serving(app) as address:
        yield address.rpartition("/")[0]


async def record(wanted: dict[str, Story], folder: Path) -> None:
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(data_folder=Path(data), port=0, allow_private_addresses=True)
        async with (
            open_house(settings) as house,
            at_work(house),
            serve(house),
            outside() as address,
        ):
            stage = Stage(house, Living(house), address, {})
            for name, story in wanted.items():
                run = await story(stage)
                text = await _recorded(stage, name, run)
                path = folder / f"{name}.jsonl"
                path.write_text(text, "utf-8")
                sys.stdout.write(f"{name_of(path)}: {text.count(chr(10)) - 1} entries\n")


async def _recorded(stage: Stage, name: str, run: RunId) -> str:
    header = await stage.house.journal.header(run)
    entries = [one.entry.data for one in await stage.house.journal.entries(run)]
    async with stage.house.database.connection() as connection:
        document, _ = await read_version(connection, header.flow, header.flow_version)
    plain = json.loads(json.dumps(document))
    return write(name, RELEASE, plain, entries, stage.snapshots.get(run))


def main() -> None:
    folder = FOLDER / RELEASE
    folder.mkdir(exist_ok=True)
    wanted = {
        name: story
        for name, story in STORIES.items()
        if not (folder / f"{name}.jsonl").exists() and (not sys.argv[1:] or name in sys.argv[1:])
    }
    if wanted:
        asyncio.run(record(wanted, folder))
    known = hashes()
    fresh = [path for path in sorted(folder.glob("*.jsonl")) if name_of(path) not in known]
    with HASHES.open("a") as file:
        file.writelines(f"{digest_of(path)}  {name_of(path)}\n" for path in fresh)


if __name__ == "__main__":
    main()
