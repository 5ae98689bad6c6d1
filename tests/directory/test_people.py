"""The directory: who there is, what they are, and what comes through groups."""

from __future__ import annotations

import itertools
import secrets
import uuid
from datetime import timedelta
from typing import Any

import pytest

from flowner.directory.people import NewPerson
from flowner.errors import Code
from flowner.flows.asking import principal
from flowner.identity.world import Principal, PrincipalKind
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.rows.seed import BASIC_USER, DELEGATE, SYSTEM_ADMINISTRATOR
from flowner.rows.tokens import revoke_tokens
from flowner.values import PrincipalId
from worlds.living import Living


async def known(living: Living, id: PrincipalId) -> Principal:
    async with living.house.database.connection() as connection:
        return await principal(connection, id)


def unique(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}"


def person(**more: Any) -> NewPerson:
    name = unique("pia")
    return NewPerson(name=name, upn=f"{name}@living.example", **more)


# kinds


def test_each_kind_of_principal_is_known_for_what_it_is(run, living) -> None:
    directory = living.house.directory
    made = {
        PrincipalKind.USER: run(directory.add_person(person())),
        PrincipalKind.SERVICE_ACCOUNT: run(directory.add_person(person(service_account=True))),
        PrincipalKind.APPLICATION: run(directory.add_application("bot", str(uuid.uuid4()))),
        PrincipalKind.GROUP: run(directory.add_group(unique("group"))),
        PrincipalKind.TEAM: run(directory.add_team(unique("team"))),
    }
    for kind, id in made.items():
        found = run(known(living, id))
        assert (found.kind, found.id) == (kind, id)
        assert found.who.enabled
        assert found.kind.acts == (kind not in (PrincipalKind.GROUP, PrincipalKind.TEAM))
        assert found.kind.can_be_asked == (kind is PrincipalKind.USER)


def test_mail_is_the_upn_unless_another_is_given(run, living) -> None:
    add = living.house.directory.add_person
    plain, other = person(), person(mail="other@living.example")
    assert run(known(living, run(add(plain)))).mail == plain.upn
    assert run(known(living, run(add(other)))).mail == "other@living.example"


def test_a_upn_belongs_to_one_person(run, living, refused) -> None:
    new = person()
    run(living.house.directory.add_person(new))
    twin = NewPerson(name="twin", upn=new.upn.upper())
    error = refused(living.house.directory.add_person(twin))
    assert error.code is Code.ROW_DUPLICATE
    assert twin.upn in error.message


def test_nobody_is_twice_in_the_same_group(run, living, refused) -> None:
    directory = living.house.directory
    group, pia = run(directory.add_group(unique("g"))), run(directory.add_person(person()))
    run(directory.add_member(group, pia))
    assert refused(directory.add_member(group, pia)).code is Code.ROW_DUPLICATE
    assert run(known(living, pia)).who.groups == {group}


def test_nobody_is_found_by_an_id_that_is_nobodys(living, refused) -> None:
    absent = PrincipalId("11111111-2222-4333-8444-555555555555")
    assert refused(known(living, absent)).code is Code.NOT_FOUND


@pytest.mark.parametrize("how", ["id", "upn", "mail", "name", "shouted"])
def test_people_are_found_by_what_they_are_called(run, living, how: str) -> None:
    new = person(mail=f"{unique('m')}@living.example")
    id = run(living.house.directory.add_person(new))
    called = {"id": id, "upn": new.upn, "mail": new.mail, "name": new.name,
              "shouted": new.upn.upper()}[how]  # fmt: skip
    assert run(living.house.running.somebody(called)) == id


def test_a_name_that_two_have_means_neither(run, living, refused) -> None:
    name = unique("sam")
    for number in range(2):
        new = NewPerson(name=name, upn=f"{number}{name}@living.example")
        run(living.house.directory.add_person(new))
    error = refused(living.house.running.somebody(name))
    assert error.code is Code.NOT_FOUND
    assert "more than one" in error.message
    assert "nobody" in refused(living.house.running.somebody(unique("none"))).message
    assert "nobody" in refused(living.house.running.somebody("' OR true --")).message


# groups


def test_membership_is_derived_however_deep_and_ends_at_once(run, living) -> None:
    directory = living.house.directory
    pia = run(directory.add_person(person()))
    groups = [run(directory.add_group(unique("g"))) for _ in range(6)]
    for outer, inner in itertools.pairwise(groups):
        run(directory.add_member(outer, inner, nested=True))
    assert run(known(living, pia)).who.groups == frozenset()
    run(directory.add_member(groups[-1], pia))
    assert run(known(living, pia)).who.groups == frozenset(groups)
    run(directory.remove_member(groups[2], groups[3]))
    assert run(known(living, pia)).who.groups == frozenset(groups[3:])
    run(directory.remove_member(groups[-1], pia))
    assert run(known(living, pia)).who.groups == frozenset()


def test_groups_in_a_ring_and_two_ways_into_one_end(run, living) -> None:
    directory = living.house.directory
    pia = run(directory.add_person(person()))
    one, two, three = (run(directory.add_group(unique("g"))) for _ in range(3))
    for outer, inner in ((one, two), (two, three), (three, one), (one, three)):
        run(directory.add_member(outer, inner, nested=True))
    run(directory.add_member(two, pia))
    assert run(known(living, pia)).who.groups == {one, two, three}


def test_a_group_is_no_user_and_its_id_no_members(run, living) -> None:
    directory = living.house.directory
    outer, inner = (run(directory.add_group(unique("g"))) for _ in range(2))
    run(directory.add_member(outer, inner, nested=True))
    assert run(known(living, inner)).who.groups == frozenset()


# roles


def test_roles_say_who_administers_and_who_acts_for_others(run, living) -> None:
    add = living.house.directory.add_person
    for roles, administrator, delegate in (
        ((), False, False),
        ((BASIC_USER,), False, False),
        ((DELEGATE,), False, True),
        ((SYSTEM_ADMINISTRATOR,), True, True),
    ):
        found = run(known(living, run(add(person(), roles=roles))))
        assert (found.who.administrator, found.may_act_for_others) == (administrator, delegate)


def test_a_role_of_a_team_is_its_members(run, living) -> None:
    house = living.house
    pia, team = run(house.directory.add_person(person())), run(
        house.directory.add_team(unique("team"))
    )  # fmt: skip
    for role in (SYSTEM_ADMINISTRATOR, DELEGATE):
        run(house.directory.give_role(team, role))
    assert not run(known(living, pia)).who.administrator

    async def join() -> None:
        async with house.database.transaction() as transaction:
            row = {"teamid": team, "systemuserid": pia}
            await registry.insert(transaction, "teammembership", row, by=None)

    run(join())
    assert run(known(living, pia)).who.administrator
    # To act for others takes a role of one's own.
    assert not run(known(living, pia)).may_act_for_others
    run(house.directory.give_role(pia, DELEGATE))
    assert run(known(living, pia)).may_act_for_others


def test_who_has_no_role_reads_nothing(run, living, refused) -> None:
    pia = run(living.house.directory.add_person(person()))
    error = refused(living.house.store.list(Caller(pia), "systemusers", {}))
    assert error.code is Code.NO_ROLES
    run(living.house.directory.give_role(pia, BASIC_USER))
    assert run(living.house.store.list(Caller(pia), "systemusers", {}))["value"]


# disabled


def test_who_is_disabled_acts_nowhere_until_enabled_again(run, living, refused) -> None:
    house = living.house
    pia = run(house.directory.add_person(person(), roles=(BASIC_USER, SYSTEM_ADMINISTRATOR)))
    token = run(house.tokens.issue(pia, "t")).reveal()
    flow = run(living.flow("olga"))
    run(house.directory.set_enabled(pia, enabled=False))
    assert not run(known(living, pia)).who.enabled
    assert run(house.tokens.recognise(token)) is None
    assert refused(house.turning.off(flow, pia)).code is Code.ACCESS_DENIED
    assert refused(house.store.list(Caller(pia), "systemusers", {})).code is (
        Code.PRINCIPAL_DISABLED
    )
    run(house.directory.set_enabled(pia, enabled=True))
    assert run(house.tokens.recognise(token)) == pia
    run(house.turning.off(flow, pia))


# tokens


def test_a_token_is_kept_as_a_hash_and_shown_once(run, living) -> None:
    house = living.house
    pia = run(house.directory.add_person(person()))
    token = run(house.tokens.issue(pia, "t"))
    assert "flw_" not in repr(token)
    assert run(house.tokens.recognise(token.reveal())) == pia

    async def rows() -> str:
        async with house.database.connection() as connection:
            where = {"principalid": pia}
            return repr(await registry.select(connection, "accesstoken", where))

    kept = run(rows())
    assert token.reveal() not in kept
    assert token.reveal().removeprefix("flw_") not in kept


def test_tokens_that_do_not_stand_are_nobodys(run, living) -> None:
    house = living.house
    pia = run(house.directory.add_person(person()))
    token = run(house.tokens.issue(pia, "t")).reveal()
    expired = run(house.tokens.issue(pia, "t", life=timedelta(0))).reveal()
    for text in ("", "flw_", token[:-1], token + "x", token.upper(), expired, "\x00", "é"):
        assert run(house.tokens.recognise(text)) is None

    async def revoke() -> int:
        async with house.database.transaction() as transaction:
            now = house.clock.now()
            return await revoke_tokens(transaction, principal=pia, now=now)

    assert run(revoke()) == 2
    assert run(house.tokens.recognise(token)) is None


def test_two_tokens_are_never_alike(run, living) -> None:
    pia = run(living.house.directory.add_person(person()))
    tokens = {run(living.house.tokens.issue(pia, "t")).reveal() for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(token) > 40 for token in tokens)
