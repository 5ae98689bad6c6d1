"""Sharing and handing over: derived when asked, effective at the next press."""

from __future__ import annotations

import secrets
import uuid

import pytest

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.errors import Code
from flowner.rows import registry
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import AppId, Secret
from worlds import written
from worlds.living import NOTE, RECURRENCE, http


def unique(name: str) -> str:
    return f"{name} {secrets.token_hex(4)}"


def test_run_only_through_groups_in_groups_ends_with_the_membership(run, living, refused) -> None:
    directory, sharing = living.house.directory, living.house.sharing
    flow, olga, ann = run(living.flow("olga")), run(living.person("olga")), run(
        living.person("ann")
    )  # fmt: skip
    outer, inner = run(directory.add_group(unique("outer"))), run(
        directory.add_group(unique("inner"))
    )  # fmt: skip
    run(sharing.share(flow, outer, FlowRole.RUN_ONLY, olga))
    assert refused(living.press(flow, "ann")).code is Code.NOT_FOUND
    run(directory.add_member(inner, ann))
    assert refused(living.press(flow, "ann")).code is Code.NOT_FOUND
    run(directory.add_member(outer, inner, nested=True))
    header = run(living.press(flow, "ann"))
    assert (header.principal, header.rule) == (ann, "instant.invoker")
    run(directory.remove_member(inner, ann))
    assert refused(living.press(flow, "ann")).code is Code.NOT_FOUND


def test_groups_that_hold_one_another_end_nowhere(run, living) -> None:
    directory, olga = living.house.directory, run(living.person("olga"))
    flow, ann = run(living.flow("olga")), run(living.person("ann"))
    one, two = (run(directory.add_group(unique("ring"))) for _ in range(2))
    run(directory.add_member(one, two, nested=True))
    run(directory.add_member(two, one, nested=True))
    run(directory.add_member(two, ann))
    run(living.house.sharing.share(flow, one, FlowRole.RUN_ONLY, olga))
    assert run(living.press(flow, "ann")).principal == ann


def test_unsharing_takes_effect_at_the_next_press(run, living, refused) -> None:
    flow, olga, ann = run(living.flow("olga")), run(living.person("olga")), run(
        living.person("ann")
    )  # fmt: skip
    sharing = living.house.sharing
    for _ in range(2):
        run(sharing.share(flow, ann, FlowRole.RUN_ONLY, olga))
    run(living.press(flow, "ann"))
    assert run(sharing.unshare(flow, ann, olga))
    assert refused(living.press(flow, "ann")).code is Code.NOT_FOUND
    assert not run(sharing.unshare(flow, ann, olga))


def test_a_disabled_person_runs_nothing_and_knows_why(run, living, refused) -> None:
    flow, olga, leo = run(living.flow("olga")), run(living.person("olga")), run(
        living.person("leo")
    )  # fmt: skip
    run(living.house.sharing.share(flow, leo, FlowRole.RUN_ONLY, olga))
    run(living.house.directory.set_enabled(leo, enabled=False))
    error = refused(living.press(flow, "leo"))
    assert error.code is Code.ACCESS_DENIED
    assert "leo is disabled" in error.message
    run(living.house.directory.set_enabled(leo, enabled=True))
    assert run(living.press(flow, "leo")).principal == leo


@pytest.mark.parametrize(
    "trigger", [pytest.param(RECURRENCE, id="a schedule"), pytest.param(http(), id="an address")]
)
def test_only_instant_flows_are_shared_run_only(run, living, refused, trigger) -> None:
    flow, olga = run(living.flow("olga", trigger, NOTE, {})), run(living.person("olga"))
    error = refused(
        living.house.sharing.share(flow, run(living.person("ann")), FlowRole.RUN_ONLY, olga)
    )
    assert error.code is Code.RUN_ONLY_NOT_OFFERED


def test_co_owners_edit_turn_share_and_see_runs(run, living, refused) -> None:
    house, flow = living.house, run(living.flow("olga"))
    olga, carl, ann = (run(living.person(name)) for name in ("olga", "carl", "ann"))
    group = run(house.directory.add_group(unique("editors")))
    run(house.directory.add_member(group, carl))
    run(house.sharing.share(flow, group, FlowRole.CO_OWNER, olga))
    run(house.turning.off(flow, carl))
    run(house.turning.on(flow, carl))
    run(house.sharing.share(flow, ann, FlowRole.RUN_ONLY, carl))
    of_ann = run(living.press(flow, "ann"))
    assert run(house.history.run(carl, of_ann.id))["initiator"] == "ann"
    assert run(living.press(flow, "carl")).principal == carl
    # The primary owner holds no share that could be taken away.
    assert not run(house.sharing.unshare(flow, olga, carl))
    assert run(living.press(flow, "olga")).principal == olga
    run(house.directory.remove_member(group, carl))
    assert refused(house.turning.off(flow, carl)).code is Code.NOT_FOUND


def test_a_co_owner_gives_nobody_elses_connection_another_credential(run, living, refused) -> None:
    flow, name, connection = run(living.borrowed("olga", "olga"))
    house, olga, carl = living.house, run(living.person("olga")), run(living.person("carl"))
    run(house.turning.on(flow, olga))
    run(house.sharing.share(flow, carl, FlowRole.CO_OWNER, olga))
    error = refused(house.connections.renew(connection, {"password": Secret("x")}, carl))
    assert error.code is Code.CONNECTION_AUTHORIZATION_FAILED
    del name


def test_run_only_users_and_administrators_do_not_more_than_they_may(run, living, refused) -> None:
    house, flow = living.house, run(living.flow("olga"))
    olga, rik, ann = (run(living.person(name)) for name in ("olga", "rik", "ann"))
    root = run(living.person("root", SYSTEM_ADMINISTRATOR))
    run(house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
    for denied in (
        house.sharing.share(flow, ann, FlowRole.RUN_ONLY, rik),
        house.sharing.unshare(flow, rik, rik),
        house.sharing.hand_over(flow, rik, rik),
        living.press(flow, "root"),
    ):
        assert refused(denied).code is Code.ACCESS_DENIED
    run(house.sharing.share(flow, ann, FlowRole.RUN_ONLY, root))
    assert run(living.press(flow, "ann")).principal == ann


def test_nobody_uses_anothers_connection_for_being_administrator(run, living, refused) -> None:
    flow, _, connection = run(living.borrowed("olga", "ben"))
    root = run(living.person("root", SYSTEM_ADMINISTRATOR))
    for denied in (
        living.house.turning.on(flow, root),
        living.house.connections.renew(connection, {}, root),
        living.house.connections.share(connection, root, ConnectionRole.CAN_USE, root),
    ):
        assert refused(denied).code is Code.CONNECTION_AUTHORIZATION_FAILED


def test_an_application_owns_flows_and_is_no_co_owner(run, living, refused) -> None:
    house, olga = living.house, run(living.person("olga"))
    bot = run(house.directory.add_application(unique("bot"), str(uuid.uuid4())))
    flow = run(living.flow("olga"))
    error = refused(house.sharing.share(flow, bot, FlowRole.CO_OWNER, olga))
    assert "application" in error.message
    run(house.sharing.share(flow, bot, FlowRole.RUN_ONLY, olga))
    run(house.sharing.hand_over(flow, bot, olga))
    facts = run(run(house.facts.now()).flow(flow))
    assert facts.owner == bot
    assert {share.holder for share in facts.shares} == {olga}


@pytest.mark.parametrize("kind", ["team", "group"])
def test_neither_team_nor_group_owns_a_flow(run, living, refused, kind: str) -> None:
    house, olga, flow = living.house, run(living.person("olga")), run(living.flow("olga"))
    many = run((house.directory.add_team if kind == "team" else house.directory.add_group)(
        unique(kind)))  # fmt: skip
    error = refused(house.sharing.hand_over(flow, many, olga))
    assert kind in error.message
    if kind == "team":
        for role in FlowRole:
            refused(house.sharing.share(flow, many, role, olga))
    assert run(run(house.facts.now()).flow(flow)).owner == olga


def test_handing_over_moves_no_connection(run, living) -> None:
    flow, name, connection = run(living.borrowed("olga", "ben"))
    house, olga, ben, carl = living.house, *(
        run(living.person(who)) for who in ("olga", "ben", "carl")
    )  # fmt: skip
    run(house.connections.share(connection, olga, ConnectionRole.CAN_USE, ben))
    run(house.turning.on(flow, olga))
    before = run(living.actions(run(living.pressed(flow, "olga"))))["Me"].acting
    run(house.sharing.hand_over(flow, carl, olga))
    facts = run(run(house.facts.now()).flow(flow))
    assert (facts.owner, facts.on) == (carl, True)
    assert {(share.holder, share.role) for share in facts.shares} == {(olga, FlowRole.CO_OWNER)}
    after = run(living.actions(run(living.pressed(flow, "carl"))))["Me"].acting
    for part in ("principal", "account", "connection", "lentBy", "rule"):
        assert before[part] == after[part]
    assert after["principal"] == ben
    del name


def test_a_flow_is_not_handed_to_who_has_left(run, living, refused) -> None:
    house, olga, flow = living.house, run(living.person("olga")), run(living.flow("olga"))
    leaver = run(living.person("leaver"))
    run(house.directory.set_enabled(leaver, enabled=False))
    assert refused(house.sharing.hand_over(flow, leaver, olga)).code is Code.PRINCIPAL_DISABLED


def test_a_schedule_runs_as_whoever_owns_the_flow_when_it_strikes(run, living) -> None:
    house, olga, carl = living.house, run(living.person("olga")), run(living.person("carl"))
    flow = run(living.flow("olga", RECURRENCE))
    run(house.sharing.hand_over(flow, carl, olga))
    run(house.clock_strikes.bring_forward(flow))
    header = run(living.ended(flow))
    assert (header.principal, header.initiator, header.rule) == (carl, None, "scheduled.owner")


def test_the_registration_of_a_row_trigger_follows_the_owner(run, living) -> None:
    house, olga, carl = living.house, run(living.person("olga")), run(living.person("carl"))
    table, name = f"t_{secrets.token_hex(4)}", f"ref_{secrets.token_hex(4)}"
    run(house.metadata.create_table(table, set_name=f"{table}s", primary_name="t_name", columns={}))
    bound = {name: run(living.connection("olga", written.ROWS))}
    references = {"rows": written.reference(written.ROWS, name)}
    flow = run(living.flow("olga", written.row_trigger(table), NOTE, references, bind=bound))

    async def registered() -> list[str]:
        async with house.database.connection() as connection:
            where = {"workflowid": flow}
            rows = await registry.select(connection, "callbackregistration", where)
        return [row["ownerid"] for row in rows]

    assert run(registered()) == [olga]
    run(house.sharing.hand_over(flow, carl, olga))
    assert run(registered()) == [carl]


# apps


def test_sharing_an_app_gives_its_flows_run_right_from_that_app_alone(run, living, refused) -> None:
    house, olga, ann = living.house, run(living.person("olga")), run(living.person("ann"))
    flow, other = run(living.flow("olga")), run(living.flow("olga"))
    app, elsewhere = (run(house.apps.make(unique("app"), olga)) for _ in range(2))
    group = run(house.directory.add_group(unique("users")))
    run(house.directory.add_member(group, ann))
    run(house.apps.carry(app, flow, olga))
    for one in (app, elsewhere):
        run(house.apps.share(one, group, olga))
    header = run(living.press(flow, "ann", app))
    assert (header.principal, header.app) == (ann, app)
    for denied in (
        living.press(flow, "ann"),
        living.press(flow, "ann", elsewhere),
        living.press(flow, "ann", AppId(str(uuid.uuid4()))),
        living.press(other, "ann", app),
    ):
        assert refused(denied).code is Code.NOT_FOUND
    run(house.directory.remove_member(group, ann))
    assert refused(living.press(flow, "ann", app)).code is Code.NOT_FOUND


def test_nobody_lets_an_app_carry_what_they_may_not_share(run, living, refused) -> None:
    house, olga, eve = living.house, run(living.person("olga")), run(living.person("eve"))
    flow = run(living.flow("olga"))
    mine, theirs = run(house.apps.make(unique("app"), eve)), run(
        house.apps.make(unique("app"), olga)
    )  # fmt: skip
    assert refused(house.apps.carry(mine, flow, eve)).code is Code.NOT_FOUND
    assert refused(house.apps.carry(mine, flow, olga)).code is Code.NOT_FOUND
    assert refused(house.apps.share(theirs, eve, eve)).code is Code.NOT_FOUND
