"""Child flows: in the parent's name, answered through the parent, and only where its owner may."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from flowner.access.vocabulary import FlowRole
from flowner.definitions.problems import InvalidDefinition
from flowner.directory.people import NewPerson
from flowner.engine.children import MOST_GENERATIONS
from flowner.errors import Code
from flowner.flows.running import Press
from flowner.runs.events import ActionEnded, decode
from flowner.values import FlowId
from worlds import written

PATIENCE = 30.0
ANSWER = {
    "type": "Response", "kind": "PowerApp", "runAfter": {},
    "inputs": {"statusCode": 200, "body": {"said": "@triggerBody()?['text']"}},
}  # fmt: skip


def calling(child: str) -> dict[str, Any]:
    return {
        "type": "Workflow", "runAfter": {},
        "inputs": {"host": {"workflowReferenceName": child}, "body": {"text": "hello"}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def people(house, run):
    async def build() -> dict[str, Any]:
        return {
            name: await house.directory.add_person(NewPerson(name=name, upn=f"{name}@k.example"))
            for name in ("ada", "bob", "eve")
        }

    return run(build())


async def made(house, owner, actions: dict, *, trigger: dict | None = None, **more: Any) -> FlowId:
    package = written.package(
        trigger or written.BUTTON, actions, more.pop("references", {}), **more
    )
    done = await house.importer.bring_in(package, owner)
    await house.turning.on(done.flows[0].id, owner)
    return done.flows[0].id


async def pressed(house, flow: FlowId, by) -> tuple[Any, ActionEnded]:
    run = house.running.fresh_run()
    with house.replies.expect(run) as (_, end):
        await house.running.press(Press(flow=flow, by=by, inputs={}), run=run)
        async with asyncio.timeout(PATIENCE):
            await end
    events = [decode(one.entry.data) for one in await house.journal.entries(run)]
    ended = next(event for event in events if isinstance(event, ActionEnded))
    return await house.journal.header(run), ended


def test_a_child_runs_in_the_name_of_its_parents_principal(house, run, people) -> None:
    async def story() -> None:
        ada, bob = people["ada"], people["bob"]
        child = await made(house, ada, {"Answer": ANSWER})
        parent = await made(house, ada, {"Call": calling(child)})
        await house.sharing.share(parent, bob, FlowRole.RUN_ONLY, ada)
        header, ended = await pressed(house, parent, bob)
        assert ended.status == "Succeeded"
        assert ended.outputs["body"] == {"said": "hello"}
        assert ended.acting["principal"] == bob
        inner = await house.journal.header(int(ended.acting["child"]))
        assert (inner.principal, inner.initiator) == (bob, bob)
        assert (inner.rule, inner.parent, inner.parent_path) == ("child.parent", header.id, "Call")

    run(story())


def test_nobody_reaches_a_flow_by_calling_it(house, run, people) -> None:
    """Eve may run Ada's flow neither herself nor by making another one that calls it."""

    async def story() -> None:
        ada, bob, eve = people["ada"], people["bob"], people["eve"]
        child = await made(house, ada, {"Answer": ANSWER})
        await house.sharing.share(child, bob, FlowRole.RUN_ONLY, ada)
        trap = await made(house, eve, {"Call": calling(child)})
        await house.sharing.share(trap, bob, FlowRole.RUN_ONLY, eve)
        for victim in (eve, bob):
            _, ended = await pressed(house, trap, victim)
            assert (ended.status, ended.outputs["body"]["error"]["code"]) == (
                "Failed", Code.ACCESS_DENIED.value
            )  # fmt: skip
        await house.sharing.share(child, eve, FlowRole.RUN_ONLY, ada)
        _, ended = await pressed(house, trap, bob)
        assert ended.status == "Succeeded"

    run(story())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("off", "not enabled", id="a child that is off"),
        pytest.param("daily", "its trigger is no request", id="a flow that cannot be called"),
        pytest.param("nobody", "there is no flow", id="a flow that is not there"),
        pytest.param("silent", "", id="a child without a response"),
    ],
)
def test_what_comes_of_other_children(house, run, people, name: str, words: str) -> None:
    async def story() -> None:
        ada = people["ada"]
        daily = {"Daily": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}}
        compose = {"A": {"type": "Compose", "inputs": 1, "runAfter": {}}}
        child = "00000000-0000-4000-8000-00000000dead"
        if name != "nobody":
            trigger = daily if name == "daily" else None
            child = await made(house, ada, compose, trigger=trigger)
        if name == "off":
            await house.turning.off(child, ada)
        parent = await made(house, ada, {"Call": calling(child)})
        _, ended = await pressed(house, parent, ada)
        assert ended.status == ("Succeeded" if name == "silent" else "Failed")
        assert words in str(ended.outputs)

    run(story())


def test_a_flow_that_calls_itself_ends(house, run, people) -> None:
    async def story() -> None:
        guid = "00000000-0000-4000-8000-0000000c1c1e"
        flow = await made(house, people["ada"], {"Call": calling(guid)}, guid=guid)
        _, ended = await pressed(house, flow, people["ada"])
        assert ended.status == "Failed"
        runs = await house.journal.runs(flow=flow, limit=1000)
        assert MOST_GENERATIONS <= len([one for one in runs if one.principal]) <= 60

    run(story())


def test_a_child_asks_nobody_whichever_of_the_two_comes_first(house, run, people) -> None:
    """Its connections, rows apart, are fixed ones: said when parent or child is saved."""
    asks = {"mail": written.reference(written.MAIL, "child_mail", source="invoker")}
    send = {"Send": written.call("mail", written.MAIL, "SendEmailV2", {"emailMessage/To": "a@b.c"})}

    async def story() -> None:
        ada = people["ada"]
        child, parent = (f"00000000-0000-4000-8000-{secrets.token_hex(6)}" for _ in range(2))
        bring = house.importer.bring_in
        await bring(written.package(written.BUTTON, send, asks, guid=child), ada)
        with pytest.raises(InvalidDefinition) as caught:
            await bring(
                written.package(written.BUTTON, {"Call": calling(child)}, {}, guid=parent), ada
            )
        assert caught.value.code is Code.CHILD_INVOKER_UNSUPPORTED
        assert caught.value.pointer == "/properties/definition/actions/Call"
        fixed = {"mail": written.reference(written.MAIL, "child_mail")}
        await bring(written.package(written.BUTTON, send, fixed, guid=child), ada)
        await bring(written.package(written.BUTTON, {"Call": calling(child)}, {}, guid=parent), ada)
        with pytest.raises(InvalidDefinition) as caught:
            await bring(written.package(written.BUTTON, send, asks, guid=child), ada)
        assert caught.value.code is Code.CHILD_INVOKER_UNSUPPORTED
        assert caught.value.pointer == "/properties/connectionReferences/mail"

    run(story())
