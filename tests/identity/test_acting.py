"""Who does an action act as? One row, one rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowner.access.vocabulary import FlowFacts, FlowRole
from flowner.definitions.flow import Branch, FlowKind, Source
from flowner.errors import Code
from flowner.identity.cause import Pressed
from flowner.identity.plan import plan, prove
from flowner.identity.record import plan_hash, plan_record, read_plan
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.identity.world import World
from flowner.values import PrincipalId
from worlds import small

MAIL = small.binding("mail")
OWN_MAIL = small.binding("mail", source=Source.INVOKER)
ROWS = small.binding("rows", connector=small.ROWS, impersonates=True)
PLAIN_ROWS = small.binding("rows", connector=small.ROWS)
FACTS = small.facts(bob=FlowRole.RUN_ONLY)

OLGA, BOB = small.person("olga", delegate=True), small.person("bob")
SVC = small.person("svc", delegate=True)
OLGAS_MAIL = small.connection("c1", "olga")
BOBS_MAIL = small.connection("c2", "bob")
OLGAS_ROWS = small.connection("c3", "olga", connector=small.ROWS)
SVCS_MAIL = small.connection("c4", "svc", shared=("olga",))


def about(key: str, connection, *people, lent: str | None = "olga", chosen=None) -> World:
    return small.world(
        *(people or (OLGA, BOB, SVC)),
        connections=(connection,),
        bound={key: connection.id},
        lent={} if lent is None else {connection.id: lent},
        chosen=chosen,
    )


@pytest.mark.parametrize(
    ("binding", "operation", "world", "expected"),
    [
        pytest.param(
            MAIL, "Send", about("mail", OLGAS_MAIL),
            "olga via olga@contoso.example action.connection",
            id="use this connection: the account behind it, whoever runs the flow",
        ),
        pytest.param(
            MAIL, "Send", about("mail", SVCS_MAIL),
            "svc via svc@contoso.example action.connection",
            id="a service account's connection, lent by somebody it is shared with",
        ),
        pytest.param(
            OWN_MAIL, "Send", about("x", BOBS_MAIL, lent=None, chosen={("bob", "mail"): "c2"}),
            "bob via bob@contoso.example action.invoker",
            id="provided by the run-only user",
        ),
        pytest.param(
            OWN_MAIL, "Send", about("x", BOBS_MAIL, lent=None),
            Code.INVOKER_CONNECTION_OVERRIDE_FAILED,
            id="the run-only user has not signed in yet",
        ),
        pytest.param(
            OWN_MAIL, "Send", about("x", OLGAS_MAIL, chosen={("bob", "mail"): "c1"}),
            Code.INVOKER_CONNECTION_OVERRIDE_FAILED,
            id="a connection of somebody else is of no use",
        ),
        pytest.param(
            ROWS, "CreateRecord", about("rows", OLGAS_ROWS),
            "bob by olga via olga@contoso.example action.impersonated",
            id="rows follow the run's principal, the connection's owner acts",
        ),
        pytest.param(
            PLAIN_ROWS, "CreateRecord", about("rows", OLGAS_ROWS),
            "olga via olga@contoso.example action.connection",
            id="rows without the mark act as the connection",
        ),
        pytest.param(
            ROWS, "ListRecordsWithOrganization", about("rows", OLGAS_ROWS),
            "olga via olga@contoso.example action.connection",
            id="another environment's rows cannot follow",
        ),
        pytest.param(
            ROWS, "CreateRecord", about("rows", OLGAS_ROWS, small.person("olga"), BOB),
            Code.CANNOT_ACT_ON_BEHALF,
            id="the connection's owner may not act for others",
        ),
        pytest.param(
            small.binding("mail", impersonates=True), "Send", about("mail", OLGAS_MAIL),
            "olga via olga@contoso.example action.connection",
            id="the mark means nothing to connectors other than rows",
        ),
        pytest.param(
            MAIL, "Send", about("mail", OLGAS_MAIL, lent=None),
            Code.CONNECTION_AUTHORIZATION_FAILED,
            id="never lent, or taken back",
        ),
        pytest.param(
            MAIL, "Send", about("mail", small.connection("c4", "svc"), lent="olga"),
            Code.CONNECTION_AUTHORIZATION_FAILED,
            id="lent by somebody with whom it is no longer shared",
        ),
        pytest.param(
            MAIL, "Send", about("other", OLGAS_MAIL),
            Code.FLOW_MISSING_CONNECTION,
            id="the reference points at nothing",
        ),
        pytest.param(
            MAIL, "Send", about("mail", small.connection("c1", "olga", ok=False)),
            Code.INVALID_CONNECTION,
            id="the connection is broken",
        ),
        pytest.param(
            MAIL, "Send",
            about("mail", small.connection("c9", "lea", shared=("olga",)), OLGA, BOB,
                  small.person("lea", enabled=False)),
            Code.PRINCIPAL_DISABLED,
            id="a leaver's connection",
        ),
    ],
)  # fmt: skip
def test_acting(binding, operation: str, world: World, expected: str | Code) -> None:
    flow = small.flow(
        FlowKind.INSTANT, binding, actions=(small.action("A", binding.key, operation=operation),)
    )
    made = plan(flow, FACTS, Pressed(PrincipalId("bob")), world)
    assert isinstance(made, Plan)
    assert told(made.actions["A"]) == expected
    assert prove(flow, FACTS, made, flow.actions["A"], world) == made.actions["A"]
    assert read_plan(plan_record(made)) == made


def told(verdict: Acting | Refusal) -> str | Code:
    if isinstance(verdict, Refusal):
        return verdict.code
    by = f" by {verdict.actor}" if verdict.actor else ""
    via = f" via {verdict.account}" if verdict.account else ""
    return f"{verdict.principal}{by}{via} {verdict.rule.value}"


def test_no_connection_acts_as_the_runs_principal() -> None:
    flow = small.flow(FlowKind.INSTANT)
    made = plan(flow, FACTS, Pressed(PrincipalId("bob")), small.world(OLGA, BOB))
    assert isinstance(made, Plan)
    assert told(made.actions["Note"]) == "bob action.none"
    assert made.accounts == ()


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        (
            ("CreateRecord", "DeleteRecord"),
            "bob by olga via olga@contoso.example action.impersonated",
        ),
        (
            ("CreateRecord", "CreateRecordWithOrganization"),
            "olga via olga@contoso.example action.connection",
        ),
    ],
)
def test_a_changeset_acts_as_its_requests_do(operations: tuple[str, ...], expected: str) -> None:
    requests = {
        f"R{at}": small.action(f"R{at}", "rows", operation=one) for at, one in enumerate(operations)
    }
    inside = Branch(slot="actions", name="actions", case=None, actions=requests, source={})
    both = replace(small.action("Both"), type="Changeset", branches=(inside,))
    flow = small.flow(FlowKind.INSTANT, ROWS, actions=(both,))
    world = about("rows", OLGAS_ROWS)
    made = plan(flow, FACTS, Pressed(PrincipalId("bob")), world)
    assert isinstance(made, Plan)
    assert told(made.actions["Both"]) == expected
    assert prove(flow, FACTS, made, both, world) == made.actions["Both"]


def test_an_undeclared_binding_does_not_exist() -> None:
    flow = small.flow(FlowKind.INSTANT, MAIL, actions=(small.action("A", "smuggled"),))
    made = plan(flow, FACTS, Pressed(PrincipalId("bob")), about("mail", OLGAS_MAIL))
    assert isinstance(made, Plan)
    assert told(made.actions["A"]) is Code.MISSING_CONNECTION_REFERENCE


@pytest.mark.parametrize(
    ("facts", "people"),
    [
        pytest.param(small.facts(), (OLGA, BOB), id="the flow is not shared with them any more"),
        pytest.param(FACTS, (OLGA, small.person("bob", enabled=False)), id="disabled meanwhile"),
    ],
)
def test_identity_is_proved_again(facts: FlowFacts, people: tuple) -> None:
    flow = small.flow(FlowKind.INSTANT, MAIL)
    made = plan(flow, FACTS, Pressed(PrincipalId("bob")), about("mail", OLGAS_MAIL))
    assert isinstance(made, Plan)
    later = about("mail", OLGAS_MAIL, *people)
    assert isinstance(prove(flow, facts, made, flow.actions["use_mail"], later), Refusal)


def test_a_plan_has_one_fingerprint() -> None:
    flow = small.flow(FlowKind.INSTANT, MAIL)
    made = plan(flow, FACTS, Pressed(PrincipalId("bob")), about("mail", OLGAS_MAIL))
    other = plan(flow, FACTS, Pressed(PrincipalId("olga")), about("mail", OLGAS_MAIL))
    assert isinstance(made, Plan)
    assert isinstance(other, Plan)
    assert plan_hash(plan_record(made)) == plan_hash(plan_record(read_plan(plan_record(made))))
    assert plan_hash(plan_record(made)) != plan_hash(plan_record(other))


def test_provided_by_run_only_user_means_their_own() -> None:
    """A connection that somebody shared with the person is not the person's sign-in."""
    flow = small.flow(FlowKind.INSTANT, OWN_MAIL)
    shared = small.connection("c", "olga", shared=("bob",))
    world = small.world(OLGA, BOB, connections=(shared,), chosen={("bob", "mail"): "c"})
    made = plan(flow, FACTS, Pressed(PrincipalId("bob")), world)
    assert isinstance(made, Plan)
    verdict = made.actions["use_mail"]
    assert isinstance(verdict, Refusal)
    assert verdict.code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    assert made.asks == ("mail",)
