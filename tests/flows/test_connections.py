"""Connections and references: whose they are, where they point, what moves with them."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.errors import Code
from flowner.flows.connections import NewConnection
from flowner.flows.explain import Supposed
from flowner.rows import registry
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import FlowId, Secret
from worlds import written
from worlds.living import BUTTON, PROFILE, Living, embedded


async def acted(living: Living, flow: FlowId, by: str = "olga") -> Any:
    """Press the flow and return who acted in its one connector action."""
    return (await living.actions(await living.pressed(flow, by)))["Me"].acting


def test_a_reference_that_is_changed_moves_every_flow_that_uses_it(run, living) -> None:
    flow, name, _ = run(living.borrowed("olga", "olga"))
    house, olga, office = living.house, run(living.person("olga")), run(living.person("office"))
    second = run(living.flow("carl", BUTTON, PROFILE, embedded(name.upper()), on=False))
    unconcerned, _, _ = run(living.borrowed("olga", "olga"))
    for one in (flow, unconcerned):
        run(house.turning.on(one, olga))
    other = run(living.connection("office"))
    run(house.connections.share(other, olga, ConnectionRole.CAN_USE, office))

    foretold = run(house.connections.moves(name))
    moved = run(house.connections.point(name, other, olga))
    assert {one.flow for one in moved} == {flow, second}
    assert moved == foretold
    assert all(one.name for one in moved)
    acting = run(acted(living, flow))
    assert (acting["principal"], acting["lentBy"]) == (office, olga)
    assert run(acted(living, unconcerned))["principal"] == olga


def test_what_was_explained_after_the_change_is_what_runs(run, living) -> None:
    flow, name, _ = run(living.borrowed("olga", "olga"))
    house, olga = living.house, run(living.person("olga"))
    run(house.turning.on(flow, olga))
    second = run(living.connection("olga"))
    run(house.connections.point(name, second, olga))
    explained = run(house.explain.who(flow, Supposed(as_person="olga"))).answer.actions["Me"]
    assert explained.connection == second
    assert run(acted(living, flow))["connection"] == second


def test_a_reference_is_its_owners_to_change(run, living, refused) -> None:
    _, name, connection = run(living.borrowed("olga", "olga"))
    house, eve = living.house, run(living.person("eve"))
    mine = run(living.connection("eve"))
    assert refused(house.connections.point(name, mine, eve)).code is Code.ACCESS_DENIED
    root = run(living.person("root", SYSTEM_ADMINISTRATOR))
    # An administrator may change it, but not to a connection that is not theirs to use.
    denied = refused(house.connections.point(name, mine, root))
    assert denied.code is Code.CONNECTION_AUTHORIZATION_FAILED
    roots = run(living.connection("root"))
    run(house.connections.point(name, roots, root))

    async def target() -> str:
        async with house.database.connection() as transaction:
            where = {"connectionreferencelogicalname": name}
            (row,) = await registry.select(transaction, "connectionreference", where)
        found: str = row["connectioninstanceid"]
        return found

    assert run(target()) == roots
    del connection


def test_a_reference_points_at_connections_of_its_connector(run, living, refused) -> None:
    _, name, _ = run(living.borrowed("olga", "olga"))
    rows, olga = run(living.connection("olga", written.ROWS)), run(living.person("olga"))
    error = refused(living.house.connections.point(name, rows, olga))
    assert error.code is Code.INVALID_CONNECTION
    assert written.PEOPLE in error.message
    assert written.ROWS in error.message


def test_there_is_no_such_reference_and_no_such_connection(run, living, refused) -> None:
    _, name, connection = run(living.borrowed("olga", "olga"))
    olga, point = run(living.person("olga")), living.house.connections.point
    assert refused(point("no_such", connection, olga)).code is Code.NOT_FOUND
    absent = "11111111-2222-4333-8444-555555555555"
    assert refused(point(name, absent, olga)).code is Code.NOT_FOUND


def test_a_reference_that_moves_does_not_ask_again_of_the_rest(run, living) -> None:
    """One connection of the flow is lent by its owner alone; the other one moves."""
    house, olga, ben = living.house, run(living.person("olga")), run(living.person("ben"))
    first, second = (f"ref_{secrets.token_hex(4)}" for _ in range(2))
    references = embedded(first) | {"more": written.reference(written.PEOPLE, second)}
    actions = PROFILE | {"You": written.call("more", written.PEOPLE, "MyProfile_V2", {})}
    bound = {first: run(living.connection("olga")), second: run(living.connection("ben"))}
    flow = run(living.flow("olga", BUTTON, actions, references, on=False, bind=bound))
    run(house.connections.share(bound[first], ben, ConnectionRole.CAN_USE, olga))
    run(house.sharing.share(flow, ben, FlowRole.CO_OWNER, olga))
    run(house.turning.on(flow, ben))
    run(house.connections.point(first, run(living.connection("olga")), olga))
    ended = run(living.actions(run(living.pressed(flow, "olga"))))
    assert ended["Me"].acting["principal"] == olga
    assert ended["You"].acting["principal"] == ben


# connections


@pytest.mark.parametrize("kind", ["group", "team"])
def test_connections_belong_to_those_who_act(run, living, refused, kind: str) -> None:
    directory = living.house.directory
    add = directory.add_group if kind == "group" else directory.add_team
    many = run(add(f"{kind} {secrets.token_hex(4)}"))
    given = NewConnection(connector=written.PEOPLE, account="many@living.example")
    assert kind in refused(living.house.connections.make(given, many)).message


def test_a_secret_is_sealed_and_never_shown_again(run, living) -> None:
    secret = f"correct horse {secrets.token_hex(8)}"
    given = NewConnection(
        connector=written.MAIL,
        account="olga@living.example",
        settings={"host": "mail.example"},
        secrets={"password": Secret(secret)},
    )
    assert secret not in repr(given)
    run(living.house.connections.make(given, run(living.person("olga"))))

    async def everything() -> str:
        async with living.house.database.connection() as connection:
            tables = await connection.execute(
                "SELECT table_schema AS s, table_name AS t FROM information_schema.tables"
                " WHERE table_schema IN ('rows', 'journal', 'vault')"
            )
            found = []
            for row in await tables.fetchall():
                dump = await connection.execute(f'SELECT * FROM {row["s"]}."{row["t"]}"'.encode())
                found += [repr(one) for one in await dump.fetchall()]
            return "\n".join(found)

    dumped = run(everything())
    assert "mail.example" in dumped, "the tables were not read"
    assert secret not in dumped


def test_sharing_a_connection_grants_what_it_says_and_no_more(run, living, refused) -> None:
    house, connection = living.house, run(living.connection("ben"))
    ben, ann, zoe = (run(living.person(name)) for name in ("ben", "ann", "zoe"))
    share, renew = house.connections.share, house.connections.renew
    denied = Code.CONNECTION_AUTHORIZATION_FAILED
    assert refused(share(connection, ann, ConnectionRole.CAN_USE, ann)).code is denied
    run(share(connection, ann, ConnectionRole.CAN_USE, ben))
    assert refused(share(connection, zoe, ConnectionRole.CAN_USE, ann)).code is denied
    run(share(connection, ann, ConnectionRole.CAN_SHARE, ben))
    run(share(connection, zoe, ConnectionRole.CAN_USE, ann))
    assert refused(renew(connection, {"password": Secret("x")}, ann)).code is denied
    run(share(connection, ann, ConnectionRole.CAN_EDIT, ben))
    run(renew(connection, {"password": Secret("x")}, ann))


def test_a_connection_whose_owner_has_left_stops_the_action(run, living) -> None:
    flow, _, connection = run(living.borrowed("olga", "leo"))
    house, olga, leo = living.house, run(living.person("olga")), run(living.person("leo"))
    run(house.connections.share(connection, olga, ConnectionRole.CAN_USE, leo))
    run(house.turning.on(flow, olga))
    assert run(acted(living, flow))["principal"] == leo
    run(house.directory.set_enabled(leo, enabled=False))
    assert run(acted(living, flow))["refused"] == Code.PRINCIPAL_DISABLED
    run(house.directory.set_enabled(leo, enabled=True))
    assert run(acted(living, flow))["principal"] == leo


def test_a_connection_that_is_deleted_leaves_nothing_behind(run, living, refused) -> None:
    flow, name, connection = run(living.borrowed("olga", "ben"))
    house, olga, ben = living.house, run(living.person("olga")), run(living.person("ben"))
    run(house.connections.renew(connection, {"password": Secret("x")}, ben))
    run(house.connections.share(connection, olga, ConnectionRole.CAN_EDIT, ben))
    run(house.turning.on(flow, olga))
    delete = house.connections.delete
    assert refused(delete(connection, olga)).code is Code.CONNECTION_AUTHORIZATION_FAILED
    assert [one.flow for one in run(delete(connection, ben))] == [flow]
    assert run(acted(living, flow))["refused"] == Code.FLOW_MISSING_CONNECTION
    run(house.turning.off(flow, olga))
    assert refused(house.turning.on(flow, olga)).code is Code.FLOW_MISSING_CONNECTION

    async def left() -> int:
        found = 0
        async with house.database.connection() as transaction:
            where = {"connectioninstanceid": connection}
            for table in ("connectioninstance", "connectionshare", "connectionlend",
                          "connectionreference", "invokerchoice"):  # fmt: skip
                found += len(await registry.select(transaction, table, where))
            sealed = await transaction.execute(
                "SELECT FROM vault.secret WHERE connection = %s", (connection,)
            )
            return found + sealed.rowcount

    assert run(left()) == 0
    run(house.connections.point(name, run(living.connection("olga")), olga))
    run(house.turning.on(flow, olga))
    assert run(acted(living, flow))["principal"] == olga
    assert refused(delete(connection, ben)).code is Code.NOT_FOUND


def test_an_administrator_may_delete_what_they_may_not_use(run, living, refused) -> None:
    house, connection = living.house, run(living.connection("ben"))
    root, eve = run(living.person("root", SYSTEM_ADMINISTRATOR)), run(living.person("eve"))
    assert refused(house.connections.delete(connection, eve)).code is (
        Code.CONNECTION_AUTHORIZATION_FAILED
    )
    assert run(house.connections.delete(connection, root)) == []
