"""Importing: all or nothing, again as a next version, and whose the flows are."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import replace
from typing import Any

import pytest

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.definitions.packages import Package
from flowner.definitions.problems import InvalidDefinition
from flowner.errors import AccessDenied, Code, NotFound
from flowner.rows import registry
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import FlowId
from worlds import written
from worlds.living import BUTTON, NOTE, PROFILE, RECURRENCE, Living, embedded, provided


def together(*packages: Package) -> Package:
    return replace(packages[0], flows=tuple(flow for one in packages for flow in one.flows))


def named() -> str:
    return f"ref_{secrets.token_hex(4)}"


async def rows(living: Living, table: str, **where: Any) -> list[dict[str, Any]]:
    async with living.house.database.connection() as connection:
        return await registry.select(connection, table, where)


async def on(living: Living, flow: FlowId) -> bool:
    return (await (await living.house.facts.now()).flow(flow)).on


def test_flows_arrive_turned_off_as_version_1_and_belong_to_who_brought_them(run, living) -> None:
    imported = run(living.bring("olga")).flows[0]
    facts = run(run(living.house.facts.now()).flow(imported.id))
    assert (imported.version, facts.version, facts.on) == (1, 1, False)
    assert facts.owner == run(living.person("olga"))
    assert facts.shares == frozenset()


def test_one_flow_that_is_refused_keeps_all_of_them_out(run, living, refused) -> None:
    good, bad = (str(uuid.uuid4()) for _ in range(2))
    name = named()
    package = together(
        written.package(BUTTON, PROFILE, embedded(name), guid=good),
        written.package(RECURRENCE, PROFILE, provided(), guid=bad),
    )
    error = refused(living.house.importer.bring_in(package, run(living.person("olga"))))
    assert isinstance(error, InvalidDefinition)
    assert [problem.code for problem in error.problems] == [Code.INVOKER_NOT_ALLOWED]
    assert error.problems[0].pointer == "/properties/connectionReferences/people"
    for flow in (good, bad):
        assert run(rows(living, "workflow", workflowid=flow)) == []
    assert run(rows(living, "connectionreference", connectionreferencelogicalname=name)) == []


def test_one_flow_that_is_somebody_elses_keeps_all_of_them_out(run, living, refused) -> None:
    theirs, mine, name = run(living.flow("olga")), str(uuid.uuid4()), named()
    package = together(
        written.package(BUTTON, PROFILE, embedded(name), guid=mine),
        written.package(BUTTON, NOTE, {}, guid=theirs),
    )
    error = refused(living.house.importer.bring_in(package, run(living.person("eve"))))
    assert error.code is Code.NOT_FOUND
    assert run(rows(living, "workflow", workflowid=mine)) == []
    assert run(rows(living, "connectionreference", connectionreferencelogicalname=name)) == []
    assert len(run(rows(living, "flowversion", workflowid=theirs))) == 1


def test_a_flow_that_is_here_gets_a_next_version_and_is_off(run, living) -> None:
    flow = run(living.flow("olga"))
    before = run(living.press(flow, "olga"))
    other = {"Other": {"runAfter": {}, "type": "Compose", "inputs": 2}}
    again = run(living.bring("olga", BUTTON, other, guid=flow)).flows[0]
    assert (again.id, again.version) == (flow, 2)
    assert not run(on(living, flow))
    run(living.house.turning.on(flow, run(living.person("olga"))))
    after = run(living.press(flow, "olga"))
    assert (before.flow_version, after.flow_version) == (1, 2)
    assert set(run(living.actions(before.id))) == {"Note"}
    assert set(run(living.actions(after.id))) == {"Other"}


def test_nothing_listens_for_a_flow_that_was_imported_again(run, living) -> None:
    flow = run(living.flow("olga", RECURRENCE))
    run(living.bring("olga", RECURRENCE, guid=flow))

    async def scheduled() -> int:
        async with living.house.database.connection() as connection:
            found = await connection.execute(
                "SELECT FROM journal.schedule WHERE flow = %s", (flow,)
            )
            return found.rowcount

    assert run(scheduled()) == 0
    run(living.house.turning.on(flow, run(living.person("olga"))))
    assert run(scheduled()) == 1


def test_a_co_owner_may_bring_a_next_version_and_a_run_only_user_may_not(
    run, living, refused
) -> None:
    flow = run(living.flow("olga"))
    olga, share = run(living.person("olga")), living.house.sharing.share
    run(share(flow, run(living.person("carl")), FlowRole.CO_OWNER, olga))
    run(share(flow, run(living.person("rik")), FlowRole.RUN_ONLY, olga))
    assert run(living.bring("carl", guid=flow)).flows[0].version == 2
    assert refused(living.bring("rik", guid=flow)).code is Code.ACCESS_DENIED
    assert run(rows(living, "workflow", workflowid=flow))[0]["ownerid"] == olga


def test_references_that_point_at_nothing_are_named(run, living) -> None:
    name = named()
    imported = run(living.bring("olga", BUTTON, PROFILE, embedded(name)))
    assert imported.unbound == (name,)
    error_connection = run(living.connection("olga"))
    again = run(
        living.bring("olga", BUTTON, PROFILE, embedded(name), bind={name: error_connection})
    )
    assert again.unbound == ()


def test_a_reference_that_is_here_keeps_what_it_points_at(run, living) -> None:
    name, connection = named(), run(living.connection("olga"))
    run(living.bring("olga", BUTTON, PROFILE, embedded(name), bind={name: connection}))
    run(living.bring("carl", BUTTON, PROFILE, embedded(name.upper())))
    (row,) = run(rows(living, "connectionreference", connectioninstanceid=connection))
    assert row["connectionreferencelogicalname"] == name


def test_binding_a_reference_that_is_here_moves_it(run, living) -> None:
    flow, name, _ = run(living.borrowed("olga", "olga"))
    olga = run(living.person("olga"))
    run(living.house.turning.on(flow, olga))
    other = run(living.connection("office"))
    office = run(living.person("office"))
    run(living.house.connections.share(other, olga, ConnectionRole.CAN_USE, office))
    run(living.bring("olga", BUTTON, PROFILE, embedded(name), bind={name: other}))
    ended = run(living.actions(run(living.pressed(flow, "olga"))))
    assert ended["Me"].acting["principal"] == office


def test_binding_somebody_elses_reference_is_refused_and_brings_in_nothing(
    run, living, refused
) -> None:
    _, name, connection = run(living.borrowed("olga", "olga"))
    mine, guid = run(living.connection("eve")), str(uuid.uuid4())
    error = refused(
        living.bring("eve", BUTTON, PROFILE, embedded(name), bind={name: mine}, guid=guid)
    )
    assert error.code is Code.ACCESS_DENIED
    assert run(rows(living, "workflow", workflowid=guid)) == []
    (row,) = run(rows(living, "connectionreference", connectionreferencelogicalname=name))
    assert row["connectioninstanceid"] == connection


@pytest.mark.parametrize("kind", ["group", "team"])
def test_flows_belong_to_one_user_or_application(run, living, refused, kind: str) -> None:
    directory = living.house.directory
    add = directory.add_group if kind == "group" else directory.add_team
    many = run(add(f"many {secrets.token_hex(4)}"))
    guid = str(uuid.uuid4())
    error = refused(living.house.importer.bring_in(written.package(BUTTON, NOTE, {}, guid=guid),
                                                   many))  # fmt: skip
    assert kind in error.message
    assert run(rows(living, "workflow", workflowid=guid)) == []


def test_a_disabled_person_brings_in_nothing(run, living, refused) -> None:
    run(living.person("stays", SYSTEM_ADMINISTRATOR))
    gone = run(living.person("gone", SYSTEM_ADMINISTRATOR))
    run(living.house.directory.set_enabled(gone, enabled=False))
    error = refused(living.house.importer.bring_in(written.package(BUTTON, NOTE, {}), gone))
    assert error.code is Code.PRINCIPAL_DISABLED


def test_a_child_that_asks_its_invoker_is_refused_with_its_parent(run, living, refused) -> None:
    child, parent = str(uuid.uuid4()), str(uuid.uuid4())
    calls = {"Child": {"runAfter": {}, "type": "Workflow",
                       "inputs": {"host": {"workflowReferenceName": child.upper()}}}}  # fmt: skip
    package = together(
        written.package(BUTTON, calls, {}, guid=parent),
        written.package(BUTTON, PROFILE, provided(), guid=child),
    )
    error = refused(living.house.importer.bring_in(package, run(living.person("olga"))))
    assert isinstance(error, InvalidDefinition)
    assert error.problems[0].code is Code.CHILD_INVOKER_UNSUPPORTED
    assert error.problems[0].pointer.endswith("/actions/Child")


def test_what_would_come_is_said_before_and_to_nobody_who_may_not_edit_it(
    run, living, refused
) -> None:
    importer, olga, lena = (
        living.house.importer,
        run(living.person("olga")),
        run(living.person("lena")),
    )
    guid, name = str(uuid.uuid4()), named()
    package = written.package(BUTTON, PROFILE, embedded(name), guid=guid)
    (coming,) = run(importer.foresee(package, olga)).flows
    assert (coming.here, coming.before) == (None, None)
    assert run(rows(living, "workflow", workflowid=guid)) == []
    run(importer.bring_in(package, olga))
    foreseen = run(importer.foresee(package, olga))
    assert (foreseen.flows[0].here.version, foreseen.flows[0].before.actions.keys()) == (
        1, PROFILE.keys())  # fmt: skip
    (reference,) = [one for one in foreseen.references if one.name == name]
    assert (reference.is_here, reference.is_bound) == (True, False)
    assert isinstance(refused(importer.foresee(package, lena)), NotFound | AccessDenied)
