"""Connections that run-only users provide: each person's own choice, kept and withdrawn."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from flowner.access.vocabulary import FlowRole
from flowner.errors import Code, NotFound
from flowner.flows.explain import Supposed
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.rows.seed import DELEGATE
from flowner.values import AppId, FlowId, Secret
from worlds import written
from worlds.living import BUTTON, PATIENCE, PROFILE, Living, provided


async def asking(living: Living, *people: str) -> FlowId:
    """Return a flow of Olga's that asks each of these people for a connection."""
    flow = await living.flow("olga", BUTTON, PROFILE, provided())
    for name in people:
        await living.house.sharing.share(
            flow, await living.person(name), FlowRole.RUN_ONLY, await living.person("olga")
        )
    return flow


async def acted(living: Living, flow: FlowId, by: str, app: AppId | None = None) -> Any:
    """Press the flow and return how its one connector action ended."""
    return (await living.actions(await living.pressed(flow, by, app)))["Me"]


def test_nothing_runs_before_the_person_has_chosen(run, living, refused) -> None:
    flow, house = run(asking(living, "ann")), living.house
    explained = run(house.explain.who(flow, Supposed(as_person="ann"))).answer
    assert explained.actions["Me"].code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    error = refused(living.press(flow, "ann"))
    assert error.code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    assert "ann has yet to sign in to `people`" in error.message
    # The owner's own connection is no way out for others, nor is the owner spared.
    run(house.consent.choose(run(living.person("olga")), flow, "people",
                             run(living.connection("olga"))))  # fmt: skip
    assert refused(living.press(flow, "ann")).code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    assert run(acted(living, flow, "olga")).acting["principal"] == run(living.person("olga"))


def test_each_persons_choice_is_their_own(run, living) -> None:
    flow, house = run(asking(living, "ann", "bea")), living.house
    for name in ("ann", "bea"):
        mine = run(living.connection(name))
        run(house.consent.choose(run(living.person(name)), flow, "people", mine))
    for name in ("ann", "bea"):
        ended = run(acted(living, flow, name))
        assert ended.acting["principal"] == run(living.person(name))
        assert ended.acting["rule"] == "action.invoker"
        assert ended.outputs["body"]["displayName"] == name


def test_a_choice_is_kept_and_is_for_one_flow(run, living, refused) -> None:
    flow, other = run(asking(living, "ann")), run(asking(living, "ann"))
    ann, mine = run(living.person("ann")), run(living.connection("ann"))
    run(living.house.consent.choose(ann, flow, "people", mine))
    for _ in range(2):
        assert run(acted(living, flow, "ann")).acting["connection"] == mine
    assert refused(living.press(other, "ann")).code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED


def test_choosing_again_replaces_the_choice(run, living) -> None:
    flow, ann = run(asking(living, "ann")), run(living.person("ann"))
    first, second = (run(living.connection("ann")) for _ in range(2))
    for mine in (first, second):
        run(living.house.consent.choose(ann, flow, "people", mine))
        assert run(acted(living, flow, "ann")).acting["connection"] == mine
    assert run(living.house.consent.withdraw(ann, flow)) == 1


def test_what_is_withdrawn_is_asked_for_again(run, living, refused) -> None:
    flow, ann = run(asking(living, "ann", "bea")), run(living.person("ann"))
    bea = run(living.person("bea"))
    for person, name in ((ann, "ann"), (bea, "bea")):
        mine = run(living.connection(name))
        run(living.house.consent.choose(person, flow, "people", mine))
    run(living.press(flow, "ann"))
    assert run(living.house.consent.withdraw(ann, flow)) == 1
    assert run(living.house.consent.withdraw(ann, flow)) == 0
    assert refused(living.press(flow, "ann")).code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    assert run(acted(living, flow, "bea")).acting["principal"] == bea


def test_nobody_chooses_a_connection_that_is_not_theirs_to_use(run, living, refused) -> None:
    flow, ann = run(asking(living, "ann")), run(living.person("ann"))
    bens = run(living.connection("ben"))
    error = refused(living.house.consent.choose(ann, flow, "people", bens))
    assert error.code is Code.CONNECTION_AUTHORIZATION_FAILED


def test_a_connection_for_something_else_is_not_chosen(run, living, refused) -> None:
    house, flow = living.house, run(asking(living, "ann"))
    ann, olga = run(living.person("ann")), run(living.person("olga"))
    rows = run(living.connection("ann", written.ROWS))
    error = refused(house.consent.choose(ann, flow, "people", rows))
    assert error.code is Code.INVALID_CONNECTION
    assert written.ROWS in error.message
    assert written.PEOPLE in error.message
    app = run(house.apps.make(f"app {secrets.token_hex(4)}", olga))
    run(house.apps.carry(app, flow, olga))
    error = refused(house.consent.choose(ann, app, "people", rows, for_app=True))
    assert error.code is Code.INVALID_CONNECTION


def test_a_connector_that_has_several_names_is_one(run, living) -> None:
    mails = {"mail": written.reference("shared_sendmail", "ref_mail", source="invoker")}
    action = {"Send": written.call("mail", "shared_sendmail", "SendEmailV3", {})}
    flow = run(living.flow("olga", BUTTON, action, mails))
    ann, olga = run(living.person("ann")), run(living.person("olga"))
    run(living.house.sharing.share(flow, ann, FlowRole.RUN_ONLY, olga))
    mine = run(living.connection("ann", written.MAIL))
    run(living.house.consent.choose(ann, flow, "mail", mine))
    assert run(living.house.consent.withdraw(ann, flow)) == 1


def test_a_connection_that_is_broken_is_not_chosen_and_stops_what_chose_it(
    run, living, refused
) -> None:
    flow, ann = run(asking(living, "ann")), run(living.person("ann"))
    mine = run(living.connection("ann"))
    run(living.house.consent.choose(ann, flow, "people", mine))

    async def status(value: str) -> None:
        async with living.house.database.transaction() as transaction:
            change = {"connectionstatus": value}
            await registry.update(transaction, "connectioninstance", mine, change, by=None)

    run(status("Error"))
    assert refused(living.house.consent.choose(ann, flow, "people", mine)).code is (
        Code.INVALID_CONNECTION
    )
    error = refused(living.press(flow, "ann"))  # before anything is done
    assert error.code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    assert "ann has to sign in again" in error.message
    run(status("Connected"))
    assert run(acted(living, flow, "ann")).status == "Succeeded"


def test_a_choice_for_an_app_counts_for_every_flow_that_it_carries(run, living, refused) -> None:
    house, olga, ann = living.house, run(living.person("olga")), run(living.person("ann"))
    app = run(house.apps.make(f"app {secrets.token_hex(4)}", olga))
    flows = [run(asking(living)) for _ in range(2)]
    for flow in flows:
        run(house.apps.carry(app, flow, olga))
    run(house.apps.share(app, ann, olga))
    assert refused(living.press(flows[0], "ann", app)).code is (
        Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    )
    mine = run(living.connection("ann"))
    run(house.consent.choose(ann, app, "people", mine, for_app=True))
    for flow in flows:
        assert run(acted(living, flow, "ann", app)).acting["connection"] == mine
    assert run(house.consent.withdraw(ann, app)) == 1
    for flow in flows:
        assert refused(living.press(flow, "ann", app)).code is (
            Code.INVOKER_CONNECTION_OVERRIDE_FAILED
        )


def followed(living: Living, run: Any, **more: Any) -> tuple[FlowId, Any]:
    """Return a flow of Dora's that runs as who changes a row, and what makes Max change one."""
    house, table = living.house, f"t_{secrets.token_hex(4)}"
    run(house.metadata.create_table(table, set_name=f"{table}s", primary_name="t_name", columns={}))
    rights = {(table, right): 8 for right in ("Create", "Read", "Write")}
    role = run(house.directory.add_role(f"r {secrets.token_hex(4)}", rights))
    dora, max_ = run(living.person("dora", DELEGATE)), run(living.person("max"))
    for person in (dora, max_):
        run(house.directory.give_role(person, role))
    name = f"ref_{secrets.token_hex(4)}"
    references = provided() | {"rows": written.reference(written.ROWS, name)}
    bound = {name: run(living.connection("dora", written.ROWS))}
    trigger = written.row_trigger(table, run_as=1)
    actions = more.pop("actions", PROFILE)
    flow = run(living.flow("dora", trigger, actions, references, bind=bound, **more))

    def change() -> None:
        row = run(house.store.create(Caller(dora), table, {"t_name": "a"}))
        run(house.store.update(Caller(max_), table, str(row[f"{table}id"]), {"t_name": "b"}))

    return flow, change


def parked(living: Living, run: Any, flow: FlowId) -> Any:
    """Wait until a run of the flow waits; return its header."""

    async def waits() -> Any:
        async with asyncio.timeout(PATIENCE):
            while True:
                for header in await living.house.journal.runs(flow=flow):
                    if header.status == "Waiting":
                        return header
                await asyncio.sleep(0.01)

    return run(waits())


def test_a_row_flow_asks_who_made_the_change_and_goes_on_where_it_was(run, living, refused) -> None:
    """Run as the modifying user: that person is asked, once, and nobody else's choice does."""
    house = living.house
    flow, change = followed(living, run)
    max_, noor = run(living.person("max")), run(living.person("noor"))
    mine = run(living.connection("max"))
    # Before a run asks them they may know nothing of the flow.
    assert isinstance(refused(house.consent.choose(max_, flow, "people", mine)), NotFound)
    assert isinstance(refused(house.consent.asked(max_, flow)), NotFound)
    change()
    header = parked(living, run, flow)
    (asked,) = [one for one in run(house.sign_ins.of(max_)) if one.flow == flow]
    assert (asked.run, asked.path, asked.key) == (header.id, "Me", "people")
    assert [one.flow for one in run(house.sign_ins.of(noor))] == []
    assert isinstance(refused(house.consent.asked(noor, flow)), NotFound)
    run(house.consent.choose(run(living.person("dora")), flow, "people",
                             run(living.connection("dora"))))  # fmt: skip
    assert run(house.journal.header(header.id)).status == "Waiting"
    assert [one.key for one in run(house.consent.asked(max_, flow)) if one.provided] == ["people"]
    run(house.consent.choose(max_, flow, "people", mine))
    header = run(living.ended_run(header.id))
    acting = run(living.actions(header.id))["Me"].acting
    assert (header.principal, header.rule) == (max_, "automated.modifying-user")
    assert (acting["principal"], acting["connection"]) == (max_, mine)
    assert [one.flow for one in run(house.sign_ins.of(max_))] == []
    # The choice is kept: the next run asks nobody.
    change()
    runs = run(ended_runs(living, flow, 2))
    assert {one.status for one in runs} == {"Succeeded"}


async def ended_runs(living: Living, flow: FlowId, count: int) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = [one for one in await living.house.journal.runs(flow=flow) if one.ended]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


def test_nobody_chose_in_time_and_the_branch_for_it_goes_on(run, living) -> None:
    late = {"type": "Compose", "inputs": "late", "runAfter": {"Me": ["TimedOut"]}}
    actions = {"Me": PROFILE["Me"] | {"limit": {"timeout": "PT1S"}}, "Late": late}
    flow, change = followed(living, run, actions=actions)
    run(living.house.consent.withdraw(run(living.person("max")), flow))
    change()
    header = run(living.ended(flow))
    ends = run(living.actions(header.id))
    assert (ends["Me"].status, ends["Me"].code) == ("TimedOut", Code.SIGN_IN_TIMED_OUT.value)
    assert "max has no connection for `people`" in ends["Me"].error.message
    assert ends["Me"].acting["ask"] == run(living.person("max"))
    assert ends["Late"].outputs == "late"
    assert [one for one in run(living.house.sign_ins.of(run(living.person("max"))))
            if one.flow == flow] == []  # fmt: skip


def test_an_application_cannot_be_asked(run, living) -> None:
    """Run as names who changed the row, and that was a program: the action fails, as ever."""
    flow, change = followed(living, run)

    async def no_person() -> None:
        async with living.house.database.transaction() as transaction:
            change = {"accessmode": 4}
            max_ = await living.person("max")
            await registry.update(transaction, "systemuser", max_, change, by=None)

    async def a_person() -> None:
        async with living.house.database.transaction() as transaction:
            change = {"accessmode": 0}
            max_ = await living.person("max")
            await registry.update(transaction, "systemuser", max_, change, by=None)

    run(no_person())
    change()
    header = run(living.ended(flow))
    assert run(living.actions(header.id))["Me"].code == Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    run(a_person())


def test_who_may_not_run_a_flow_learns_nothing_of_it_by_choosing(run, living, refused) -> None:
    flow, noor = run(asking(living, "ann")), run(living.person("noor"))
    mine = run(living.connection("noor"))
    assert isinstance(refused(living.house.consent.choose(noor, flow, "people", mine)), NotFound)
    assert run(living.house.consent.given(noor)) == []


def test_a_key_that_nothing_has_is_refused(run, living, refused) -> None:
    flow, ann = run(asking(living, "ann")), run(living.person("ann"))
    mine = run(living.connection("ann"))
    assert "`nope`" in refused(living.house.consent.choose(ann, flow, "nope", mine)).message


def test_a_sign_in_that_ended_is_asked_for_again_and_mended_the_run_goes_on(run, living) -> None:
    """The choice stays; the connection chosen is broken, and that is its owner's to mend."""
    house = living.house
    flow, change = followed(living, run)
    max_, mine = run(living.person("max")), run(living.connection("max"))
    change()
    first = parked(living, run, flow)
    run(house.consent.choose(max_, flow, "people", mine))
    assert run(living.ended_run(first.id)).status == "Succeeded"
    run(house.refreshing.stop(mine, "the refresh token was revoked"))
    change()
    second = parked(living, run, flow)
    (asked,) = [one for one in run(house.sign_ins.of(max_)) if one.run == second.id]
    assert (asked.path, asked.key) == ("Me", "people")
    run(house.connections.renew(mine, {"key": Secret("another key")}, max_))
    assert run(living.ended_run(second.id)).status == "Succeeded"
    me = run(living.actions(second.id))["Me"]
    assert me.acting["connection"] == mine
    assert [one for one in run(house.sign_ins.of(max_)) if one.flow == flow] == []


def test_mending_one_connection_leaves_who_needs_another_waiting(run, living) -> None:
    house = living.house
    flow, change = followed(living, run)
    max_, other = run(living.person("max")), run(living.connection("max"))
    change()
    waits = parked(living, run, flow)
    run(house.refreshing.stop(other, "revoked"))
    (asked,) = [one for one in run(house.sign_ins.of(max_)) if one.run == waits.id]
    run(house.connections.renew(other, {"key": Secret("another key")}, max_))

    async def looked_again() -> bool:
        async with asyncio.timeout(PATIENCE):
            while True:
                left = await house.journal.inbox(waits.id, after=0)
                mine = [one for one in await house.sign_ins.of(max_) if one.run == waits.id]
                if mine and not left:
                    return mine[0].key == asked.key
                await asyncio.sleep(0.01)

    assert run(looked_again())
    assert run(house.journal.header(waits.id)).status == "Waiting"
    run(house.consent.choose(max_, flow, "people", other))
    assert run(living.ended_run(waits.id)).status == "Succeeded"
