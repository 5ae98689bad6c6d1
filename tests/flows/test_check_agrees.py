"""What ``flowner check`` says by roles is what ``flowner who`` says of people.

Every kind of trigger and every kind of binding, checked as a file, then imported into a real
house, bound, turned on and explained: the same answers, with people in the place of roles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import pytest

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.clock import fresh_run_id
from flowner.definitions.flow import Flow, FlowKind, Source
from flowner.definitions.problems import InvalidDefinition
from flowner.directory.people import NewPerson
from flowner.flows.check import check_flow
from flowner.flows.connections import NewConnection
from flowner.flows.explain import Supposed
from flowner.flows.sign_ins_asked import Step
from flowner.identity.symbolic import INVOKER, MODIFIER, OWNER, ROW_OWNER, lender_of
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.rows.catalogue import Type
from flowner.rows.seed import BASIC_USER, DELEGATE
from flowner.values import ConnectionId, FlowId, PrincipalId
from worlds.living import reader_role
from worlds.written import BUTTON, MAIL, ROWS, call, package, reference, row_trigger

ROLES = {OWNER: "olga", INVOKER: "ivan", MODIFIER: "mona", ROW_OWNER: "rosa"}
LENDER = "lena"
TRIGGERS = {
    "button": BUTTON,
    "clock": {"Daily": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}},
    "http": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
    "rows": row_trigger("c_note"),
    "rows as modifying user": row_trigger("c_note", run_as=1),
    "rows as row owner": row_trigger("c_note", run_as=2),
    "rows as flow owner": row_trigger("c_note", run_as=3),
}
ACTIONS = {
    "Note": {"runAfter": {}, "type": "Compose", "inputs": 1},
    "Send": call("mail", MAIL, "SendEmailV2", {}),
    "Add": call("rows", ROWS, "CreateRecord", {"entityName": "c_notes"}),
    "Elsewhere": call("rows", ROWS, "CreateRecordWithOrganization", {"entityName": "c_notes"}),
}
CASES = list(product(TRIGGERS, ("embedded", "invoker"), (False, True)))
COMPARED = {"refused": 0, "agreed": 0}


@dataclass
class Town:
    people: dict[str, PrincipalId] = field(default_factory=dict)
    mail: dict[str, ConnectionId] = field(default_factory=dict)
    lent: dict[str, ConnectionId] = field(default_factory=dict)
    """Lena's, by connector."""


@pytest.fixture(scope="module")
def town(house, run) -> Town:
    """Everybody may act for others; Lena lends Olga her connections."""
    made = Town()

    async def build() -> Town:
        await house.metadata.create_table(
            "c_note", set_name="c_notes", primary_name="c_name", columns={"c_size": Type.WHOLE}
        )
        reader = await reader_role(house)
        for name in (*ROLES.values(), LENDER):
            made.people[name] = await house.directory.add_person(
                NewPerson(name=name, upn=account(name)), roles=(BASIC_USER, DELEGATE, reader)
            )
            made.mail[name] = await house.connections.make(
                NewConnection(connector=MAIL, account=account(name)), made.people[name]
            )
        rows = await house.connections.make(
            NewConnection(connector=ROWS, account=account(LENDER)), made.people[LENDER]
        )
        made.lent = {"f_mail": made.mail[LENDER], "f_rows": rows}
        for one in made.lent.values():
            await house.connections.share(
                one, made.people["olga"], ConnectionRole.CAN_USE, made.people[LENDER]
            )
        return made

    return run(build())


def account(name: str) -> str:
    return f"{name}@town.example"


@pytest.mark.parametrize(("trigger", "source", "follows"), CASES)
def test_roles_and_people_agree(house, run, town, trigger, source, follows) -> None:
    brought = package(
        TRIGGERS[trigger],
        ACTIONS,
        {
            "mail": reference(MAIL, "f_mail", source=source),
            "rows": reference(ROWS, "f_rows", follows=follows),
        },
    )
    (flow,) = brought.flows
    report = check_flow(flow, "flow.json")
    if report.refused:
        with pytest.raises(InvalidDefinition):
            run(house.importer.bring_in(brought, town.people["olga"], bind=town.lent))
        COMPARED["refused"] += 1
        return
    concrete = run(explained(house, town, brought, source))
    assert isinstance(report.plan, Plan)
    assert isinstance(concrete, Plan)
    named = {role: town.people[name] for role, name in ROLES.items()}
    assert concrete.running.rule is report.plan.running.rule
    assert concrete.running.principal == named[report.plan.running.principal]
    assert list(concrete.actions) == list(report.plan.actions)
    for name, verdict in report.plan.actions.items():
        assert same(flow, town, verdict) == seen(concrete.actions[name])
    COMPARED["agreed"] += 1


async def asked(house, flow: FlowId, person: PrincipalId) -> None:
    """Let a run have asked somebody for the connection; it is over since."""
    run = fresh_run_id(house.clock)
    step = Step(flow=flow, run=run, path="Send", due=None)
    assert await house.sign_ins.ask(step, person, "mail", MAIL) is not None


async def explained(house, town: Town, brought, source: str) -> Plan | Refusal:
    """Bring the flow in, turn it on, let them choose their own connections, and ask."""
    people, olga = town.people, town.people["olga"]
    imported = await house.importer.bring_in(brought, olga, bind=town.lent)
    id = imported.flows[0].id
    await house.turning.on(id, olga)
    instant = brought.flows[0].trigger.flow_kind is FlowKind.INSTANT
    if instant:
        await house.sharing.share(id, people["ivan"], FlowRole.RUN_ONLY, olga)
    if source == Source.INVOKER:
        # A row trigger may ask anybody, once a run of its has; an instant flow only those it is
        # shared with.
        for name in (ROLES[OWNER], ROLES[INVOKER]) if instant else ROLES.values():
            if not instant:
                await asked(house, id, people[name])
            await house.consent.choose(people[name], id, "mail", town.mail[name])
    supposed = Supposed(
        as_person=people["ivan"] if instant else None,
        modified_by=people["mona"],
        row_owner=people["rosa"],
    )
    return (await house.explain.who(id, supposed)).answer


def same(flow: Flow, town: Town, verdict: Acting | Refusal) -> tuple[object, ...]:
    """Put people in the place of roles."""
    assert isinstance(verdict, Acting)
    named = {role: town.people[name] for role, name in ROLES.items()} | {
        lender_of(binding): town.people[LENDER]
        for binding in flow.bindings.values()
        if binding.source is Source.EMBEDDED
    }
    own = ROLES.get(verdict.principal, LENDER)
    accounts = {"": "", f"their own `{MAIL}` account": account(own)} | {
        f"the account behind `{name}`": account(LENDER) for name in town.lent
    }
    actor = None if verdict.actor is None else named[verdict.actor]
    return (
        named[verdict.principal], actor, accounts[verdict.account], verdict.binding,
        verdict.reference, verdict.rule,
    )  # fmt: skip


def seen(verdict: Acting | Refusal) -> tuple[object, ...]:
    assert isinstance(verdict, Acting)
    return (
        verdict.principal, verdict.actor, verdict.account, verdict.binding, verdict.reference,
        verdict.rule,
    )  # fmt: skip


def test_both_answers_were_compared() -> None:
    if sum(COMPARED.values()) < len(CASES):
        pytest.skip("only some of the cases were run")
    assert COMPARED == {"refused": 9, "agreed": 19}
