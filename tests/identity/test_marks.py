"""Marks: how an identity is shown, before a run and after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowner.access.vocabulary import ConnectionFacts, FlowFacts, Who
from flowner.definitions.flow import Flow
from flowner.identity.marks import (
    MarkKind,
    binding_mark,
    card_mark,
    flow_marks,
    principal_mark,
    ran_as_mark,
    ran_mark,
    running_mark,
)
from flowner.identity.world import Principal, PrincipalKind, Reference, World
from flowner.values import ConnectionId, FlowId, PrincipalId
from worlds import written

ADA, BEN, BOT = (PrincipalId(f"00000000-0000-4000-8000-00000000000{n}") for n in "123")
FACTS = FlowFacts(id=FlowId("f"), name="F", owner=ADA, version=1)
CLOCK = {"Daily": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}}
HTTP = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}


def person(id: PrincipalId, name: str, **more: Any) -> Principal:
    kind = more.pop("kind", PrincipalKind.USER)
    return Principal(who=Who(id=id, name=name, **more), kind=kind, mail=f"{name}@x.example")


def world(owner: PrincipalId = ADA, *, connected: bool = True, enabled: bool = True) -> World:
    connection = ConnectionFacts(
        id=ConnectionId("c"), connector=written.ROWS, owner=owner, account="acc@x.example",
        connected=connected,
    )  # fmt: skip
    people = {
        ADA: person(ADA, "Ada Brand", enabled=enabled or owner != ADA),
        BEN: person(BEN, "Ben", enabled=enabled or owner != BEN),
        BOT: person(BOT, "Nightly bot", kind=PrincipalKind.APPLICATION),
    }
    reference = Reference(name="r", connector=written.ROWS, connection=ConnectionId("c"))
    return World(principals=people, references={"r": reference}, connections={"c": connection})


def flow(trigger: Any = None, **reference: Any) -> Flow:
    rows = written.reference(written.ROWS, "r", **reference)
    actions = {"List": written.call("rows", written.ROWS, "ListRecords", {}),
               "Say": {"type": "Compose", "inputs": 1, "runAfter": {}}}  # fmt: skip
    (made,) = written.package(trigger or written.BUTTON, actions, {"rows": rows}).flows
    return made


@pytest.mark.parametrize(
    ("trigger", "kind", "is_open"),
    [
        pytest.param(written.BUTTON, MarkKind.INVOKER, True, id="a button: whoever presses"),
        pytest.param(CLOCK, MarkKind.OWNER, False, id="a schedule: the owner"),
        pytest.param(HTTP, MarkKind.OWNER, False, id="an address: the owner"),
        pytest.param(written.row_trigger("t"), MarkKind.OWNER, False, id="a row, not said"),
        pytest.param(written.row_trigger("t", run_as=3), MarkKind.OWNER, False, id="flow owner"),
        pytest.param(written.row_trigger("t", run_as=1), MarkKind.MODIFIER, True, id="modifying"),
        pytest.param(written.row_trigger("t", run_as=2), MarkKind.ROW_OWNER, True, id="row owner"),
    ],
)
def test_a_flow_is_marked_with_whom_it_runs_as(trigger: Any, kind: MarkKind, is_open: bool) -> None:
    mark = running_mark(flow(trigger), FACTS, world())
    assert (mark.kind, mark.is_open) == (kind, is_open)
    assert mark.why


@pytest.mark.parametrize(
    ("reference", "of", "trigger", "expected"),
    [
        pytest.param({}, world(ADA), None, (MarkKind.OWNER, "Ada Brand", False, False),
                     id="the owner's own"),
        pytest.param({}, world(BEN), None, (MarkKind.PERSON, "Ben", False, False),
                     id="another person's"),
        pytest.param({}, world(BOT), None, (MarkKind.APP, "Nightly bot", False, False),
                     id="an application's"),
        pytest.param({"source": "invoker"}, world(BEN), None,
                     (MarkKind.INVOKER, "run-only user", True, False), id="provided"),
        pytest.param({"follows": True}, world(BEN), None,
                     (MarkKind.INVOKER, "whoever triggers it", True, False), id="follows a press"),
        pytest.param({"follows": True}, world(BEN), written.row_trigger("t", run_as=1),
                     (MarkKind.MODIFIER, "modifying user", True, False), id="follows a change"),
        pytest.param({"follows": True}, world(BEN), CLOCK,
                     (MarkKind.OWNER, "Ada Brand", False, False), id="follows the owner"),
        pytest.param({}, world(BEN, connected=False), None, (MarkKind.PERSON, "Ben", False, True),
                     id="broken"),
        pytest.param({}, world(BEN, enabled=False), None, (MarkKind.PERSON, "Ben", False, True),
                     id="disabled"),
        pytest.param({}, replace(world(), references={}), None,
                     (MarkKind.NOBODY, "no connection", False, True), id="bound to nothing"),
    ],
)  # fmt: skip
def test_a_card_is_marked_with_whose_account_it_uses(
    reference: Any, of: World, trigger: Any, expected: Any
) -> None:
    made = flow(trigger, **reference)
    mark = binding_mark(made, FACTS, made.bindings["rows"], of)
    assert (mark.kind, mark.label, mark.is_open, mark.problem is not None) == expected
    assert card_mark(made, FACTS, made.actions["List"], of) == mark
    assert card_mark(made, FACTS, made.actions["Say"], of) is None, "it uses no account"


def test_a_flow_shows_each_identity_once() -> None:
    marks = flow_marks(flow(CLOCK), FACTS, world(BEN))
    assert [mark.kind for mark in marks] == [MarkKind.OWNER, MarkKind.PERSON]
    assert [mark.kind for mark in flow_marks(flow(CLOCK), FACTS, world(ADA))] == [MarkKind.OWNER]
    both = flow_marks(flow(source="invoker"), FACTS, world())
    assert [mark.kind for mark in both] == [MarkKind.INVOKER]


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Ada Brand", "AB"), ("Ada", "A"), ("ada van den brand", "AB"), ("", ""), ("- x", "X")],
)
def test_initials_are_of_the_first_and_the_last_name(name: str, initials: str) -> None:
    assert principal_mark(person(ADA, name)).initials == initials


def test_after_a_run_a_mark_says_why_it_is_this_person() -> None:
    mark = ran_as_mark("automated.modifying-user", person(BEN, "Ben"), ADA)
    assert (mark.kind, mark.label, mark.is_open, mark.reason) == (
        MarkKind.PERSON, "Ben", False, MarkKind.MODIFIER)  # fmt: skip
    acted = ran_mark({"rule": "action.invoker", "account": "ben@x", "because": "it is theirs"},
                     person(BEN, "Ben"), ADA)  # fmt: skip
    assert (acted.reason, acted.detail, acted.why, acted.problem) == (
        MarkKind.INVOKER, "ben@x", "it is theirs", None)  # fmt: skip
    refused = ran_mark({"refused": "X", "message": "ask Ada"}, None, ADA)
    assert (refused.kind, refused.problem) == (MarkKind.NOBODY, "ask Ada")
    assert principal_mark(None).label == "nobody"
