"""Turning on: who may, what they lend, whom to ask otherwise. Turning off."""

from __future__ import annotations

import secrets
from typing import Any

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.errors import Code
from flowner.flows.explain import Supposed
from flowner.rows import registry
from flowner.rows.seed import DELEGATE
from flowner.values import FlowId
from worlds import written
from worlds.living import BUTTON, NOTE, PROFILE, Living, embedded


async def lends(living: Living, flow: FlowId) -> list[tuple[str, int]]:
    """Return by whom, and for which version, something is lent to a flow."""
    async with living.house.database.connection() as connection:
        rows = await registry.select(connection, "connectionlend", {"workflowid": flow})
    return sorted((str(row["lentby"]), row["flowversion"]) for row in rows)


async def on(living: Living, flow: FlowId) -> bool:
    return (await (await living.house.facts.now()).flow(flow)).on


async def profile(living: Living, flow: FlowId, by: str) -> Any:
    """Press the flow and return how its one connector action ended."""
    return (await living.actions(await living.pressed(flow, by)))["Me"]


def test_who_owns_the_connection_lends_it_by_turning_the_flow_on(run, living) -> None:
    flow, _, _ = run(living.borrowed("olga", "olga"))
    olga = run(living.person("olga"))
    assert run(lends(living, flow)) == []
    run(living.house.turning.on(flow, olga))
    assert run(lends(living, flow)) == [(olga, 1)]
    ended = run(profile(living, flow, "olga"))
    assert (ended.acting["principal"], ended.acting["lentBy"]) == (olga, olga)


def test_turning_it_off_and_on_lends_nothing_twice(run, living) -> None:
    flow, _, _ = run(living.borrowed("olga", "olga"))
    olga, turning = run(living.person("olga")), living.house.turning
    for _ in range(3):
        run(turning.on(flow, olga))
        run(turning.off(flow, olga))
    assert run(lends(living, flow)) == [(olga, 1)]


def test_each_version_that_is_turned_on_is_lent_to_anew(run, living) -> None:
    flow, name, _ = run(living.borrowed("olga", "olga"))
    olga = run(living.person("olga"))
    run(living.house.turning.on(flow, olga))
    run(living.bring("olga", BUTTON, PROFILE, embedded(name), guid=flow))
    run(living.house.turning.on(flow, olga))
    assert run(lends(living, flow)) == [(olga, 1), (olga, 2)]


def test_who_may_not_use_a_connection_is_told_which_whose_and_whom_to_ask(
    run, living, refused
) -> None:
    flow, _, _ = run(living.borrowed("olga", "ben"))
    olga = run(living.person("olga"))
    error = refused(living.house.turning.on(flow, olga))
    assert error.code is Code.CONNECTION_AUTHORIZATION_FAILED
    for said in ("olga cannot turn this flow on", f"ben@{written.PEOPLE}", "is ben's", "ask ben"):
        assert said in error.message
    assert not run(on(living, flow))
    assert run(lends(living, flow)) == []


def test_one_connection_that_is_refused_lends_none_of_the_others(run, living, refused) -> None:
    mine, theirs = run(living.connection("olga")), run(living.connection("ben"))
    first, second = (f"ref_{secrets.token_hex(4)}" for _ in range(2))
    references = embedded(first) | {"more": written.reference(written.PEOPLE, second)}
    actions = PROFILE | {"You": written.call("more", written.PEOPLE, "MyProfile_V2", {})}
    flow = run(
        living.flow("olga", BUTTON, actions, references, on=False,
                    bind={first: mine, second: theirs})
    )  # fmt: skip
    refused(living.house.turning.on(flow, run(living.person("olga"))))
    assert run(lends(living, flow)) == []


def test_who_may_use_a_shared_connection_lends_it_in_their_own_name(run, living) -> None:
    flow, _, connection = run(living.borrowed("olga", "ben"))
    olga, ben = run(living.person("olga")), run(living.person("ben"))
    run(living.house.connections.share(connection, olga, ConnectionRole.CAN_USE, ben))
    run(living.house.turning.on(flow, olga))
    assert run(lends(living, flow)) == [(olga, 1)]
    ended = run(profile(living, flow, "olga"))
    assert (ended.acting["principal"], ended.acting["lentBy"]) == (ben, olga)
    assert ended.outputs["body"]["displayName"] == "ben"


def test_a_connection_may_be_shared_through_nested_groups(run, living, refused) -> None:
    flow, _, connection = run(living.borrowed("olga", "ben"))
    olga, ben, directory = run(living.person("olga")), run(living.person("ben")), (
        living.house.directory
    )  # fmt: skip
    outer, inner = run(directory.add_group("outer")), run(directory.add_group("inner"))
    run(directory.add_member(outer, inner, nested=True))
    run(living.house.connections.share(connection, outer, ConnectionRole.CAN_USE, ben))
    refused(living.house.turning.on(flow, olga))
    run(directory.add_member(inner, olga))
    run(living.house.turning.on(flow, olga))
    run(directory.remove_member(inner, olga))
    ended = run(profile(living, flow, "olga"))
    assert ended.acting["refused"] == Code.CONNECTION_AUTHORIZATION_FAILED


def test_what_its_owner_lent_the_flow_others_may_turn_on(run, living, refused) -> None:
    flow, _, _ = run(living.borrowed("olga", "ben"))
    olga, ben = run(living.person("olga")), run(living.person("ben"))
    run(living.house.sharing.share(flow, ben, FlowRole.CO_OWNER, olga))
    refused(living.house.turning.on(flow, olga))
    run(living.house.turning.on(flow, ben))
    run(living.house.turning.off(flow, olga))
    run(living.house.turning.on(flow, olga))
    assert run(lends(living, flow)) == [(ben, 1)]
    assert run(profile(living, flow, "olga")).acting["principal"] == ben


def test_a_lend_that_is_taken_back_stops_the_next_action(run, living, refused) -> None:
    flow, _, connection = run(living.borrowed("olga", "ben"))
    olga, ben, connections = (
        run(living.person("olga")), run(living.person("ben")), living.house.connections
    )  # fmt: skip
    run(connections.share(connection, olga, ConnectionRole.CAN_USE, ben))
    run(living.house.turning.on(flow, olga))
    assert refused(connections.take_back(connection, flow, olga)).code is (
        Code.CONNECTION_AUTHORIZATION_FAILED
    )
    assert run(connections.take_back(connection, flow, ben)) == 1
    explained = run(living.house.explain.who(flow, Supposed(as_person="olga"))).answer
    ended = run(profile(living, flow, "olga"))
    assert ended.status == "Failed"
    assert ended.acting["refused"] == Code.CONNECTION_AUTHORIZATION_FAILED
    assert ended.acting["refused"] == explained.actions["Me"].code
    assert "ask ben" in explained.actions["Me"].message


def test_a_lend_of_one_flow_is_no_lend_of_another(run, living, refused) -> None:
    first, name, connection = run(living.borrowed("olga", "ben"))
    olga, ben = run(living.person("olga")), run(living.person("ben"))
    run(living.house.sharing.share(first, ben, FlowRole.CO_OWNER, olga))
    run(living.house.turning.on(first, ben))
    second = run(living.flow("olga", BUTTON, PROFILE, embedded(name), on=False))
    del connection
    assert refused(living.house.turning.on(second, olga)).code is (
        Code.CONNECTION_AUTHORIZATION_FAILED
    )


def test_a_reference_that_points_at_nothing_stops_it(run, living, refused) -> None:
    name = f"ref_{secrets.token_hex(4)}"
    flow = run(living.flow("olga", BUTTON, PROFILE, embedded(name), on=False))
    error = refused(living.house.turning.on(flow, run(living.person("olga"))))
    assert error.code is Code.FLOW_MISSING_CONNECTION
    assert name in error.message


def test_run_as_others_takes_the_right_to_act_for_them(run, living, refused) -> None:
    name, table = f"ref_{secrets.token_hex(4)}", f"t_{secrets.token_hex(4)}"
    run(
        living.house.metadata.create_table(
            table, set_name=f"{table}s", primary_name="t_name", columns={}
        )
    )
    connection = run(living.connection("olga", written.ROWS))
    references = {"rows": written.reference(written.ROWS, name)}
    trigger = written.row_trigger(table, run_as=1)
    flow = run(living.flow("olga", trigger, NOTE, references, on=False, bind={name: connection}))
    olga = run(living.person("olga"))
    error = refused(living.house.turning.on(flow, olga))
    assert error.code is Code.CANNOT_ACT_ON_BEHALF
    assert "Delegate" in error.message
    run(living.house.directory.give_role(olga, DELEGATE))
    run(living.house.turning.on(flow, olga))
    assert run(on(living, flow))


def test_run_only_users_and_strangers_turn_nothing(run, living, refused) -> None:
    flow = run(living.flow("olga"))
    olga, rik = run(living.person("olga")), run(living.person("rik"))
    run(living.house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
    for turn in (living.house.turning.on, living.house.turning.off):
        assert refused(turn(flow, rik)).code is Code.ACCESS_DENIED
        assert refused(turn(flow, run(living.person("eve")))).code is Code.NOT_FOUND
    assert run(on(living, flow))


def test_a_flow_that_is_off_does_not_start_and_that_is_recorded(run, living, refused) -> None:
    flow = run(living.flow("olga"))
    run(living.house.turning.off(flow, run(living.person("olga"))))
    assert refused(living.press(flow, "olga")).code is Code.TRIGGER_NOT_ENABLED
    (header,) = run(living.house.journal.runs(flow=flow))
    assert (header.status, header.code) == ("Failed", Code.TRIGGER_NOT_ENABLED)
    assert header.initiator == run(living.person("olga"))
