"""The promise: explained before = recorded during = seen outside, in random worlds.

Real PostgreSQL, a real mail server, the real engine. Every example makes a flow, shares and lends
and disables at random, asks the resolver, runs it, and compares three accounts of every action.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.demo.mailbox import Mailbox
from flowner.directory.people import NewPerson
from flowner.errors import AccessDenied, FlownerError, NotFound
from flowner.flows.connections import NewConnection
from flowner.flows.explain import Supposed
from flowner.flows.running import Press
from flowner.identity.verdict import Acting, Plan
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.seed import BASIC_USER, DELEGATE
from flowner.runs.events import ActionEnded, decode
from flowner.values import ConnectionId, FlowId, PrincipalId, RunId, Secret
from worlds import written

NAMES = ("ann", "ben", "cas", "dia")
CLERK = "00000000-0000-4000-8000-0000000c1e4c"
PATIENCE = 20.0
COMPARED: Counter[str] = Counter()
"""What the random worlds have covered."""


@dataclass(repr=False)
class Town:
    people: dict[str, PrincipalId]
    mail: dict[str, ConnectionId]
    rows: dict[str, ConnectionId]
    group: PrincipalId
    reader: PrincipalId
    mailbox: Mailbox


@pytest.fixture(scope="module")
def town(house, run):
    """Ann and Ben may act for others; Ben and Cas are in a group inside the group."""
    accounts = {f"{n}@town.example": Secret(secrets.token_urlsafe(12)) for n in NAMES}
    mailbox = Mailbox(accounts=accounts)

    async def build() -> Town:
        await mailbox.start()
        await house.metadata.create_table(
            "t_note", set_name="t_notes", primary_name="t_name", columns={"t_size": Type.WHOLE}
        )
        rights = ("Create", "Read", "Write", "Append", "AppendTo")
        await house.directory.add_role("Clerk", {("t_note", r): 8 for r in rights}, id=CLERK)
        people, mail, rows = {}, {}, {}
        for name in NAMES:
            roles = (BASIC_USER, CLERK, *((DELEGATE,) if name in ("ann", "ben") else ()))
            account = f"{name}@town.example"
            people[name] = await house.directory.add_person(
                NewPerson(name=name, upn=account), roles=roles
            )
            mail[name] = await house.connections.make(
                NewConnection(
                    connector=written.MAIL,
                    account=account,
                    settings={"host": mailbox.host, "port": mailbox.port, "security": "none"},
                    secrets={"user": Secret(account), "password": accounts[account]},
                ),
                people[name],
            )
            rows[name] = await house.connections.make(
                NewConnection(connector=written.ROWS, account=account), people[name]
            )
        group = await house.directory.add_group("town")
        inner = await house.directory.add_group("inner")
        await house.directory.add_member(group, inner, nested=True)
        for name in ("ben", "cas"):
            await house.directory.add_member(inner, people[name])
        reader = await house.directory.add_person(
            NewPerson(name="reader", upn="reader@town.example"), roles=(CLERK,)
        )
        return Town(people, mail, rows, group, reader, mailbox)

    yield run(build())
    run(mailbox.stop())


@dataclass(frozen=True)
class Example:
    owner: str
    mail_of: str
    rows_of: str
    own_mail: bool
    follows: bool
    run_as: int | None
    by: str
    row_owner: str
    shared: str
    on_row: bool
    chooses: bool
    disabled: str | None
    withdrawn: bool


examples = st.builds(
    Example,
    owner=st.sampled_from(NAMES),
    mail_of=st.sampled_from(NAMES),
    rows_of=st.sampled_from(NAMES),
    own_mail=st.booleans(),
    follows=st.booleans(),
    run_as=st.sampled_from([None, 1, 2, 3]),
    by=st.sampled_from(NAMES),
    row_owner=st.sampled_from(NAMES),
    shared=st.sampled_from(["nobody", "group", "person"]),
    on_row=st.booleans(),
    chooses=st.booleans(),
    disabled=st.sampled_from([None, None, None, *NAMES]),
    withdrawn=st.sampled_from([False, False, False, True]),
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(example=examples)
def test_explained_is_recorded_is_seen(house, run, town, example: Example) -> None:
    run(_live(house, town, example))


async def _live(house, town: Town, example: Example) -> None:
    try:
        flow, tag = await _prepare(house, town, example)
    except FlownerError:
        return  # refused at save or activation, and so never run
    try:
        await _compare(house, town, example, (flow, tag))
    finally:
        if example.disabled:
            await house.directory.set_enabled(town.people[example.disabled], enabled=True)
        await house.turning.off(flow, town.people[example.owner])


async def _prepare(house, town: Town, example: Example) -> tuple[FlowId, str]:
    people, tag = town.people, secrets.token_hex(6)
    owner = people[example.owner]
    source = "invoker" if example.own_mail else "embedded"
    references = {
        "mail": written.reference(written.MAIL, f"mail_{tag}", source=source),
        "rows": written.reference(written.ROWS, f"rows_{tag}", follows=example.follows),
    }
    body = {"emailMessage/To": "x@example.com", "emailMessage/Subject": "s",
            "emailMessage/Body": "b"}  # fmt: skip
    actions = {
        "Note": {"runAfter": {}, "type": "Compose", "inputs": 1},
        "Add": written.call("rows", written.ROWS, "CreateRecord",
                            {"entityName": "t_notes", "item/t_name": "n"}, "Note"),
        "Send": written.call("mail", written.MAIL, "SendEmailV2", body, "Note"),
    }  # fmt: skip
    trigger = (
        written.row_trigger("t_note", run_as=example.run_as, filteringattributes="t_size",
                            filterexpression=f"t_name eq '{tag}'")
        if example.on_row
        else written.BUTTON
    )  # fmt: skip
    connections = house.connections
    for kind, of in (("mail", example.mail_of), ("rows", example.rows_of)):
        mine = getattr(town, kind)[of]
        if of != example.owner:
            await connections.share(mine, owner, ConnectionRole.CAN_USE, people[of])
    imported = await house.importer.bring_in(
        written.package(trigger, actions, references),
        owner,
        bind={f"mail_{tag}": town.mail[example.mail_of], f"rows_{tag}": town.rows[example.rows_of]},
    )
    flow = imported.flows[0].id
    await house.turning.on(flow, owner)
    if not example.on_row and example.shared != "nobody":
        holder = town.group if example.shared == "group" else people[example.by]
        await house.sharing.share(flow, holder, FlowRole.RUN_ONLY, owner)
    if example.own_mail and example.chooses:
        for name in {example.by, example.row_owner}:
            with suppress(NotFound):  # who is not asked yet, and may not run it, chooses later
                await house.consent.choose(people[name], flow, "mail", town.mail[name])
    if example.withdrawn:
        mine = town.mail[example.mail_of]
        await connections.take_back(mine, flow, people[example.mail_of])
    return flow, tag


async def _compare(house, town: Town, example: Example, made: tuple[FlowId, str]) -> None:
    flow, tag = made
    people = town.people
    by, row_owner = people[example.by], people[example.row_owner]
    if example.on_row:
        row = await house.store.create(Caller(row_owner), "t_note", {"t_name": tag, "t_size": 1})
    if example.disabled and not (example.on_row and example.disabled == example.by):
        await house.directory.set_enabled(people[example.disabled], enabled=False)
    supposed = Supposed(as_person=by, modified_by=by, row_owner=row_owner)
    explained = (await house.explain.who(flow, supposed)).answer
    if example.on_row:
        await house.store.update(Caller(by), "t_note", str(row["t_noteid"]), {"t_size": 2})
        header = await _ended(house, flow, waiting=True)
        if header.ended is None:
            await _sign_in(house, town, header, flow)
            explained = (await house.explain.who(flow, supposed)).answer
            assert isinstance(explained, Plan)
            assert not explained.asks
            header = await _ended(house, flow)
        run = header.id if header.principal else None
    else:
        run = await _pressed(house, flow, by)
    if not isinstance(explained, Plan):
        assert run is None
        return
    if run is None:
        assert explained.asks
        return
    header = await house.journal.header(run)
    assert header.principal == explained.running.principal
    assert header.rule == explained.running.rule.value
    assert header.fallback == explained.running.fallback
    await _check_actions(house, town, run, explained)


async def _pressed(house, flow: FlowId, by: PrincipalId) -> RunId | None:
    run = house.running.fresh_run()
    with house.replies.expect(run) as (_, end):
        try:
            await house.running.press(Press(flow=flow, by=by, inputs={}), run=run)
        except FlownerError:
            return None
        async with asyncio.timeout(PATIENCE):
            await end
    return run


async def _sign_in(house, town: Town, header, flow: FlowId) -> None:
    """Choose what the run waits for: it asks its principal, and nobody else's choice does."""
    COMPARED["parked runs"] += 1
    for name, person in town.people.items():
        asked = [one for one in await house.sign_ins.of(person) if one.run == header.id]
        assert len(asked) == (person == header.principal)
        if person != header.principal:
            with suppress(NotFound, AccessDenied):
                await house.consent.choose(person, flow, "mail", town.mail[name])
    assert (await house.journal.header(header.id)).ended is None
    name = next(name for name, id in town.people.items() if id == header.principal)
    await house.consent.choose(header.principal, flow, "mail", town.mail[name])


async def _ended(house, flow: FlowId, *, waiting: bool = False):
    async with asyncio.timeout(PATIENCE):
        while True:
            for header in await house.journal.runs(flow=flow):
                if header.ended is not None or (waiting and header.status == "Waiting"):
                    return header
            await asyncio.sleep(0.01)


async def _check_actions(house, town: Town, run: RunId, explained: Plan) -> None:
    names = {f"{name}@town.example": id for name, id in town.people.items()}
    events = [decode(one.entry.data) for one in await house.journal.entries(run)]
    COMPARED["runs"] += 1
    ends = {event.path: event for event in events if isinstance(event, ActionEnded)}
    assert set(ends) == set(explained.actions)
    for name, verdict in explained.actions.items():
        acting = ends[name].acting
        digest = hashlib.sha256(f"{run}/{name}".encode()).hexdigest()[:40]
        mails = [m for m in town.mailbox.messages if digest in m.headers["Message-ID"]]
        if not isinstance(verdict, Acting):
            COMPARED["refused actions"] += 1
            assert acting["refused"] == verdict.code.value
            assert not mails
            continue
        recorded = (acting["principal"], acting["actor"], acting["account"], acting["rule"])
        assert recorded == (
            verdict.principal, verdict.actor, verdict.account, verdict.rule.value
        )  # fmt: skip
        COMPARED[verdict.rule.value] += 1
        if name == "Send":
            assert [names[m.authenticated_as] for m in mails] == [verdict.principal]
        if name == "Add" and ends[name].status == "Succeeded":
            body = ends[name].outputs["body"]
            row = await house.store.get(Caller(town.reader), "t_note", body["t_noteid"])
            assert row["_createdby_value"] == verdict.principal
            assert row["_createdonbehalfby_value"] == verdict.actor


def test_the_worlds_were_worlds() -> None:
    rules = ("action.none", "action.connection", "action.impersonated", "action.invoker")
    assert COMPARED["runs"] >= 20
    assert all(COMPARED[rule] for rule in rules)
    assert COMPARED["refused actions"] > 0
    assert COMPARED["parked runs"] > 0
