"""Facts are fresh: whatever changed before the question is in the answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.rows.seed import DELEGATE
from flowner.values import FlowId
from worlds.living import BUTTON, PROFILE, Living, embedded


async def world_of(living: Living, flow: FlowId, *people: str) -> Any:
    """Return what an answer about this flow and these people would be made from, now."""
    moment = await living.house.facts.now()
    facts = await moment.flow(flow)
    version = await living.house.published.get(flow, facts.version)
    ids = [await living.person(name) for name in people]
    world = await moment.world(facts, ids, version.references)
    return facts, world


Change = Callable[[Living, FlowId, str, Any], Awaitable[object]]


async def join(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del flow, reference, connection
    group = await living.house.directory.add_group(secrets.token_hex(4))
    await living.house.directory.add_member(group, await living.person("ann"))


async def leave(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del flow, reference, connection
    await living.house.directory.set_enabled(await living.person("ann"), enabled=False)


async def come_back(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del flow, reference, connection
    await living.house.directory.set_enabled(await living.person("ann"), enabled=True)


async def get_role(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del flow, reference, connection
    await living.house.directory.give_role(await living.person("ann"), DELEGATE)


async def share_flow(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del reference, connection
    olga, ann = await living.person("olga"), await living.person("ann")
    await living.house.sharing.share(flow, ann, FlowRole.RUN_ONLY, olga)


async def share_app(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del reference, connection
    olga, apps = await living.person("olga"), living.house.apps
    app = await apps.make("app", olga)
    await apps.carry(app, flow, olga)
    await apps.share(app, await living.person("bea"), olga)


async def share_connection(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del flow, reference
    olga, ann = await living.person("olga"), await living.person("ann")
    await living.house.connections.share(connection, ann, ConnectionRole.CAN_USE, olga)


async def turn_on(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del reference, connection
    await living.house.turning.on(flow, await living.person("olga"))


async def take_back(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del reference
    olga = await living.person("olga")
    await living.house.connections.take_back(connection, flow, olga)


async def point(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del flow, connection
    olga = await living.person("olga")
    await living.house.connections.point(reference, await living.connection("olga"), olga)


async def choose(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del reference, connection
    mine = await living.connection("ann")
    await living.house.consent.choose(await living.person("ann"), flow, "people", mine)


async def hand_over(living: Living, flow: FlowId, reference: str, connection: Any) -> None:
    del reference, connection
    olga, carl = await living.person("olga"), await living.person("carl")
    await living.house.sharing.hand_over(flow, carl, olga)


CHANGES = [join, leave, come_back, get_role, share_flow, share_app, share_connection, turn_on,
           take_back, point, choose, hand_over]  # fmt: skip


@pytest.fixture(scope="module")
def borrowed(run, living) -> Any:
    return run(living.borrowed("olga", "olga"))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_is_in_the_next_answer(run, living, borrowed, change: Change) -> None:
    before = run(world_of(living, borrowed[0], "ann", "olga"))
    assert run(world_of(living, borrowed[0], "ann", "olga")) == before
    run(change(living, *borrowed))
    assert run(world_of(living, borrowed[0], "ann", "olga")) != before


def test_an_answer_is_read_once_while_nothing_changes(run, living) -> None:
    flow = run(living.flow("olga"))

    async def twice() -> bool:
        first, second = await living.house.facts.now(), await living.house.facts.now()
        return first is second and await first.flow(flow) is await second.flow(flow)

    assert run(twice())


def test_many_who_ask_at_once_hear_of_what_came_before_them(run, living) -> None:
    name = f"ref_{secrets.token_hex(4)}"
    flow = run(living.flow("olga", BUTTON, PROFILE, embedded(name), on=False))
    ann = run(living.person("ann"))

    async def storm() -> None:
        for enabled in (False, True) * 5:
            await asyncio.gather(*(living.house.facts.now() for _ in range(10)))
            await living.house.directory.set_enabled(ann, enabled=enabled)
            answers = await asyncio.gather(*(world_of(living, flow, "ann") for _ in range(10)))
            assert {world.principals[ann].who.enabled for _, world in answers} == {enabled}

    run(storm())


def test_there_is_no_such_flow(living, refused) -> None:
    async def ask() -> None:
        moment = await living.house.facts.now()
        await moment.flow(FlowId("11111111-2222-4333-8444-555555555555"))

    assert refused(ask()).code == "NotFound"
