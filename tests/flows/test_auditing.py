"""The audit: what actions did is what the journal says, and what people manage is noted."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.database.migrations.versions import audit_0023
from flowner.directory.provisioning import PersonSaid
from flowner.errors import Code
from flowner.flows.auditing import Act, WantedActions, WantedActs, act_json, action_json
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import Secret
from worlds import written
from worlds.living import BUTTON, PROFILE, Living, provided


@pytest.fixture(scope="module")
def acts_on(run: Any, living: Living) -> Callable[..., list[dict[str, Any]]]:
    """Return what is noted of a target, the newest first."""

    def found(target: str) -> list[dict[str, Any]]:
        page = run(living.house.auditing.acts(None, WantedActs(target=target, limit=500)))
        return [act_json(one) for one in page.managed]

    return found


def actions_of(run: Any, living: Living, **wanted: Any) -> list[dict[str, Any]]:
    page = run(living.house.auditing.actions(None, WantedActions(**wanted)))
    return [action_json(one) for one in page.done]


def test_a_record_says_what_the_journal_says(run, living) -> None:
    flow, reference, connection = run(living.borrowed("olga", "olga"))
    run(living.house.turning.on(flow, run(living.person("olga"))))
    olga, rik = run(living.person("olga")), run(living.person("rik"))
    run(living.house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
    pressed = run(living.pressed(flow, "rik"))
    (found,) = actions_of(run, living, flow=flow)
    acting = run(living.actions(pressed))["Me"].acting
    assert found == found | {
        "run": str(pressed), "action": "Me", "connector": written.PEOPLE,
        "operation": "MyProfile_V2", "status": "Succeeded", "refused": False, "as_planned": True,
        "initiator": "rik", "ran_as": "rik", "run_rule": "instant.invoker", "acted_as": "olga",
        "account": acting["account"], "connection": connection, "reference": reference,
        "lent_by": "olga", "rule": "action.connection", "fallback": None,
    }  # fmt: skip
    assert (found["acted_as_id"], found["lent_by_id"]) == (acting["principal"], acting["lentBy"])


def test_what_is_refused_and_not_as_planned_is_recorded(run, living, refused) -> None:
    """A lend that is taken back stops the action; who may not press at all is recorded too."""
    flow, _, connection = run(living.borrowed("olga", "olga"))
    house, olga = living.house, run(living.person("olga"))
    run(house.turning.on(flow, olga))
    run(living.person("eve"))
    refused(living.press(flow, "eve"))
    assert not actions_of(run, living, flow=flow, refused=True), "eve may not know of the flow"
    run(house.directory.set_enabled(run(living.person("uma")), enabled=False))
    run(house.sharing.share(flow, run(living.person("uma")), FlowRole.RUN_ONLY, olga))
    refused(living.press(flow, "uma"))
    (uma,) = actions_of(run, living, flow=flow, refused=True)
    assert (uma["initiator"], uma["action"], uma["ran_as"]) == ("uma", "", None)
    run(house.connections.take_back(connection, flow, olga))
    run(living.pressed(flow, "olga"))
    me, _ = actions_of(run, living, flow=flow, refused=True)
    assert (me["action"], me["code"]) == ("Me", Code.CONNECTION_AUTHORIZATION_FAILED.value)
    assert (me["acted_as"], me["account"], me["ran_as"]) == (None, None, "olga")


def test_an_action_inside_the_server_is_no_record(run, living) -> None:
    flow = run(living.flow("olga"))
    run(living.pressed(flow, "olga"))
    assert not actions_of(run, living, flow=flow)


def test_administrators_alone_search(run, living, refused) -> None:
    run(living.person("adam", SYSTEM_ADMINISTRATOR))
    auditing, olga = living.house.auditing, run(living.person("olga"))
    for work in (
        auditing.actions(olga, WantedActions()), auditing.acts(olga, WantedActs()),
        auditing.offers(olga), auditing.require(olga),
    ):  # fmt: skip
        assert refused(work).code is Code.ACCESS_DENIED
    adam = run(living.person("adam"))
    assert run(auditing.acts(adam, WantedActs())).managed
    assert run(auditing.offers(adam)).accounts


def test_flows_are_noted_from_turning_on_to_deletion(run, living, acts_on) -> None:
    house, flow = living.house, run(living.flow("olga"))
    olga, rik, ann = (run(living.person(name)) for name in ("olga", "rik", "ann"))
    for _ in range(2):
        run(house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
        run(house.turning.on(flow, olga))
    run(house.sharing.unshare(flow, rik, olga))
    run(house.sharing.hand_over(flow, ann, olga))
    run(house.turning.off(flow, ann))
    run(house.deleting.delete(flow, ann))
    found = acts_on(flow)
    assert [(one["act"], one["by"], one["about"]) for one in reversed(found)] == [
        ("flow.turn-on", "olga", None),
        ("flow.share", "olga", "rik"),
        ("flow.unshare", "olga", "rik"),
        ("flow.hand-over", "olga", "ann"),
        ("flow.turn-off", "ann", None),
        ("flow.delete", "ann", None),
    ], "what changes nothing is no act"
    handed = next(one for one in found if one["act"] == "flow.hand-over")
    assert (handed["before"], handed["after"]) == ({"owner": "olga"}, {"owner": "ann"})
    assert len({one["target"] for one in found}) == 1, "a flow that is deleted keeps its name"
    assert found[0]["target"]


def test_what_is_undone_was_never_noted(run, living, acts_on, refused) -> None:
    flow, _, connection = run(living.borrowed("olga", "ann"))
    refused(living.house.turning.on(flow, run(living.person("olga"))))
    assert not acts_on(flow)
    assert [one["act"] for one in acts_on(connection)] == ["connection.make"]


def test_connections_are_noted_and_no_secret_with_them(run, living, acts_on) -> None:
    house = living.house
    flow, reference, first = run(living.borrowed("olga", "olga"))
    olga, rik = run(living.person("olga")), run(living.person("rik"))
    run(house.turning.on(flow, olga))
    second = run(living.connection("olga"))
    run(house.connections.point(reference, second, olga))
    run(house.connections.share(first, rik, ConnectionRole.CAN_USE, olga))
    run(house.connections.share(first, rik, ConnectionRole.CAN_EDIT, olga))
    run(house.connections.renew(first, {"key": Secret("hunter2hunter2")}, rik))
    run(house.connections.take_back(first, flow, olga))
    run(house.connections.unshare(first, rik, olga))
    run(house.connections.delete(first, olga))
    found = list(reversed(acts_on(first)))
    assert [(one["act"], one["by"], one["about"]) for one in found] == [
        ("connection.make", "olga", None),
        ("connection.lend", "olga", None),
        ("connection.share", "olga", "rik"),
        ("connection.share", "olga", "rik"),
        ("connection.renew", "rik", None),
        ("connection.take-back", "olga", None),
        ("connection.unshare", "olga", "rik"),
        ("connection.delete", "olga", "olga"),
    ]
    assert found[3]["before"] == {"role": "can use"}
    assert found[3]["after"] == {"role": "can edit"}
    assert "hunter2" not in str(found)
    page = run(house.auditing.acts(None, WantedActs(act=Act.REFERENCE_POINTED.value)))
    moved = act_json(page.managed[0])
    assert (moved["target"], moved["by"]) == (reference, "olga")
    assert len(moved["after"]["flows"]) == 1


def test_choices_and_apps_are_noted(run, living, acts_on) -> None:
    house = living.house
    olga, rik = run(living.person("olga")), run(living.person("rik"))
    flow = run(living.flow("olga", BUTTON, PROFILE, provided()))
    run(house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
    run(house.consent.choose(rik, flow, "people", run(living.connection("rik"))))
    run(house.consent.withdraw(rik, flow))
    assert [one["act"] for one in acts_on(flow)][:2] == ["choice.withdraw", "choice.make"]
    app = run(house.apps.make("Rounds", olga))
    run(house.apps.share(app, rik, olga))
    run(house.apps.unshare(app, rik, olga))
    assert [(one["act"], one["target"], one["about"]) for one in acts_on(app)] == [
        ("app.unshare", "Rounds", "rik"),
        ("app.share", "Rounds", "rik"),
    ]


def test_people_are_noted_with_their_roles_and_groups(run, living, acts_on) -> None:
    house, adam = living.house, run(living.person("adam", SYSTEM_ADMINISTRATOR))
    pia = run(living.person(f"pia{secrets.token_hex(3)}"))
    group = run(house.directory.add_group("Desk"))
    run(house.administering.set_enabled(pia, adam, enabled=False))
    run(house.directory.set_enabled(pia, enabled=True))
    run(house.directory.add_member(group, pia))
    run(house.directory.remove_member(group, pia))
    run(house.directory.give_role(pia, SYSTEM_ADMINISTRATOR))
    assert [(one["act"], one["by"]) for one in acts_on(pia)] == [
        ("person.enable", None),
        ("person.disable", "adam"),
        ("person.add", None),
    ]
    assert [one["act"] for one in acts_on(group)] == ["group.leave", "group.join"]
    about = run(house.auditing.acts(None, WantedActs(about=pia)))
    roles = [one.noted.name for one in about.managed if one.noted.act == "role.give"]
    assert roles == ["System Administrator", "Reader", "Basic User"]


def test_a_directory_outside_is_noted(run, living, acts_on) -> None:
    house, name = living.house, f"Sol {secrets.token_hex(3)}"
    provisioner = run(house.directory.roles(["Provisioner"]))
    keeper = run(house.directory.add_application("SCIM", secrets.token_hex(16), roles=provisioner))
    said = PersonSaid(
        upn=f"{name[-6:]}@x.example", name=name, given=None, family=None, mail=None, title=None,
        department=None, manager=None, active=True, external_id=None, said={},
    )  # fmt: skip
    id = run(house.provisioning.add_person(said, keeper))["id"]
    run(house.provisioning.remove_person(id, keeper))
    assert [(one["act"], one["by"], one["target"]) for one in acts_on(id)] == [
        ("person.remove", "SCIM", name),
        ("person.add", "SCIM", name),
    ]


def test_the_audit_is_only_ever_added_to(run, house) -> None:
    async def change(statement: str) -> None:
        async with house.database.connection() as connection:
            await connection.execute(statement.encode())

    for statement in (
        "UPDATE rows.audit SET act = 'none'", "DELETE FROM rows.audit", "TRUNCATE rows.audit",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
            run(change(statement))


def test_everything_is_read_however_much(run, living, monkeypatch) -> None:
    monkeypatch.setattr("flowner.flows.auditing._AT_ONCE", 2)

    async def every() -> list[int]:
        return [one.noted.id async for one in living.house.auditing.every_act(None, WantedActs())]

    found = run(every())
    assert len(found) > 5
    assert found == sorted(set(found), reverse=True)


def test_what_ran_before_there_was_an_audit_is_taken_over(run, living, refused) -> None:
    """What the migration reads from the journal is what was recorded, less the operation."""
    flow, _, connection = run(living.borrowed("olga", "olga"))
    olga = run(living.person("olga"))
    run(living.house.turning.on(flow, olga))
    run(living.pressed(flow, "olga"))
    run(living.house.connections.take_back(connection, flow, olga))
    run(living.pressed(flow, "olga"))
    run(living.house.sharing.share(flow, run(living.person("una")), FlowRole.RUN_ONLY, olga))
    run(living.house.directory.set_enabled(run(living.person("una")), enabled=False))
    refused(living.press(flow, "una"))
    every = "SELECT * FROM journal.action ORDER BY run, seq"

    async def taken_over() -> tuple[list[Any], list[Any]]:
        async with (
            living.house.database.connection() as connection,
            connection.transaction(force_rollback=True),
        ):
            recorded = await (await connection.execute(every)).fetchall()
            for statement in ("DELETE FROM journal.action", *audit_0023.TAKEN_OVER):
                await connection.execute(statement.encode())
            return recorded, await (await connection.execute(every)).fetchall()

    recorded, taken = run(taken_over())
    assert {one["status"] for one in recorded} >= {"Succeeded", "Failed"}
    assert {one["refused"] for one in recorded} == {True, False}
    assert taken == [one | {"connector": None, "operation": None} for one in recorded]
