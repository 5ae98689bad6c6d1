"""What a designer shows: cards in rows, steps that can be added, values that can be used."""

from __future__ import annotations

from typing import Any

import pytest

from definitions.test_steps import LINE, NESTED, compose, flow_of
from definitions.written import after, call, definition, solution
from flowner.definitions import forms, palette, steps
from flowner.definitions.checks import problems
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.flow import Flow, Status
from flowner.definitions.layout import Edge, edges, ends, ranks
from flowner.definitions.steps import Block, Place
from flowner.definitions.visible import visible
from flowner.expressions.template import compile_value

OK = frozenset({Status.SUCCEEDED})


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({}, ()),
        (LINE, (("A",), ("B", "Mend"), ("C",))),
        ({"A": compose(), "B": compose()}, (("A", "B"),)),
        (
            {"A": compose(), "B": compose(A=["Succeeded"]), "Z": compose(A=["Failed"], B=["Failed"])
             },
            (("A",), ("B",), ("Z",)),
        ),
        ({"B": compose(A=["Succeeded"]), "A": compose()}, (("A",), ("B",))),
    ],
    ids=["nothing", "a diamond", "side by side", "below the lowest", "in whatever order"],
)  # fmt: skip
def test_a_card_is_below_what_it_runs_after(block: Any, expected: Any) -> None:
    assert ranks(flow_of(block).actions) == expected


def test_lines_lead_from_card_to_card() -> None:
    block = flow_of(LINE).actions
    found = edges(block)
    assert found[:2] == (Edge(None, "A", frozenset()), Edge("A", "B", OK))
    assert [edge.is_usual for edge in found] == [True, True, False, True, False]
    assert ends(block) == ("C",)


@pytest.mark.parametrize("step", palette.ACTIONS, ids=lambda step: step.id)
def test_every_action_that_is_offered_is_read_and_known_again(step: forms.Step) -> None:
    flow = steps.with_action(flow_of({}), step.name, step.source, Place())
    action = flow.actions[step.name]
    assert palette.step_of(action) is step
    assert not [p for p in problems(flow) if "not carried out" in p.message]
    for field in step.fields:
        assert (forms.read(action.source, field) is not None) or not field.required or (
            field.path[-1] in ("value", "timestamp"))  # fmt: skip
        filled = steps.with_member(flow, step.name, field.path, "7")
        assert forms.read(filled.actions[step.name].source, field) == "7"
        assert write_flow(filled) != write_flow(flow)


@pytest.mark.parametrize("step", palette.TRIGGERS, ids=lambda step: step.id)
def test_every_trigger_that_is_offered_is_read_and_known_again(step: forms.Step) -> None:
    flow = steps.with_trigger(flow_of({}), step.name, step.source)
    assert palette.step_of(flow.trigger) is step


def test_ids_and_names_are_of_one_step_each() -> None:
    for offered in (palette.ACTIONS, palette.TRIGGERS):
        assert len({step.id for step in offered}) == len(offered)
        assert len({step.name for step in offered}) == len(offered)


SCHEMA = {
    "type": "object",
    "properties": {
        "who": {"type": "string", "title": "Whom?"},
        "rows": {"type": "array", "items": {}},
        "in": {"type": "object", "properties": {"deep": {"type": "integer"}}},
    },
}


@pytest.fixture
def flow() -> Flow:
    actions: dict[str, Any] = {
        "Init": {"type": "InitializeVariable", "runAfter": {},
                 "inputs": {"variables": [{"name": "found", "type": "array"}]}},
        "Mail": {**call("shared_office365", "SendEmailV2", {}),
                 "runAfter": after("Init")},
        "Read_it": {"type": "ParseJson", "inputs": {"content": "", "schema": SCHEMA},
                    "runAfter": after("Mail")},
        "Each": {"type": "Foreach", "foreach": "@variables('found')", "runAfter": after("Read_it"),
                 "actions": {"One": compose(), "Two": compose(One=["Succeeded"])}},
        "Other": compose(),
        "Last": compose(Each=["Succeeded"]),
    }  # fmt: skip
    button = {"type": "Request", "kind": "Button", "inputs": {"schema": SCHEMA}}
    return read_flow(solution(**definition(actions=actions, triggers={"manual": button})), name="x")


def formulas(flow: Flow, name: str | None, **more: Any) -> dict[str, str]:
    return {
        one.formula: ("list " if one.is_list else "") + f"{one.source}: {one.title}"
        for one in visible(flow, name, **more)
    }


def test_what_has_happened_can_be_used(flow: Flow) -> None:
    shown = formulas(flow, "Two")
    assert list(shown)[:2] == ["items('Each')", "outputs('One')"], "the nearest come first"
    assert shown["items('Each')"] == "Each: Current item"
    assert shown["body('Read_it')?['who']"] == "Read it: Whom?"
    assert shown["body('Read_it')?['rows']"] == "list Read it: rows"
    assert shown["body('Read_it')?['in']?['deep']"] == "Read it: deep"
    assert shown["variables('found')"] == "list Variables: found"
    assert shown["triggerBody()?['who']"] == "manual: Whom?"
    assert shown["triggerOutputs()?['headers']['x-ms-user-email']"] == "manual: User email"


def test_what_may_not_have_happened_cannot(flow: Flow) -> None:
    assert "outputs('Other')" not in formulas(flow, "Two")
    assert "body('Mail')" not in formulas(flow, "Init")
    assert "items('Each')" not in formulas(flow, "Last")
    assert {"outputs('Other')", "outputs('Last')"} <= set(formulas(flow, None))


def test_connectors_tell_what_they_answer(flow: Flow) -> None:
    fields = {("shared_office365", "SendEmailV2"): (("value[]", "Answers"), ("id", "Message Id"))}
    shown = formulas(flow, "Read_it", fields=fields)
    assert shown["outputs('Mail')?['body/value']"] == "list Mail: Answers"
    assert shown["outputs('Mail')?['body/id']"] == "Mail: Message Id"


@pytest.mark.parametrize("name", ["Two", "Last", "Read_it", None])
def test_every_formula_that_is_offered_is_right(flow: Flow, name: str | None) -> None:
    """What is offered compiles, and the checks find nothing wrong with it in that place."""
    for token in visible(flow, name):
        compile_value(f"@{token.formula}")
        if name is not None:
            block = steps.block_of(flow, name)
            place = Place(block=block, before=name, after=_before(flow, name))
            using = {"type": "Compose", "inputs": f"@{token.formula}"}
            with_it = steps.with_action(flow, "Using", using, place)
            wrong = [p for p in problems(with_it) if "Using" in p.pointer]
            assert not wrong, (token, wrong)


def _before(flow: Flow, name: str) -> str | None:
    action = next(one for one in flow.walk() if one.name == name)
    return next(iter(action.run_after), None)


def test_a_nested_flow_shows_every_block() -> None:
    flow = flow_of(NESTED)
    assert ranks(flow.actions) == (("Is it?",), ("Which",), ("Each",))
    yes = flow.actions["Is it?"].branches[0].actions
    assert ranks(yes) == (("Yes_too",), ("Yes",))
    assert steps.block_of(flow, "Yes") == Block(container="Is it?")
