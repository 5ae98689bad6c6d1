"""Actions are added, moved, copied, renamed and removed; order and formulas follow."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.test_corpus import FLOWS, documents, dumped, flows  # noqa: F401 - fixtures
from definitions.written import after, definition, solution
from flowner.definitions import steps
from flowner.definitions.checks import problems
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.flow import Flow, Status
from flowner.definitions.steps import Block, Place
from flowner.errors import Invalid

COMPOSE = {"type": "Compose", "inputs": "new"}


def compose(inputs: Any = 0, **run_after: list[str]) -> dict[str, Any]:
    return {"type": "Compose", "inputs": inputs, "runAfter": run_after}


def flow_of(actions: dict[str, Any]) -> Flow:
    return read_flow(solution(**definition(actions=actions)), name="x")


def order(flow: Flow, block: Block = Block()) -> dict[str, dict[str, set[str]]]:  # noqa: B008
    """Return what each action of a block runs after, and how that must have ended."""
    found = flow.actions
    if block.container is not None:
        container = next(a for a in flow.walk() if a.name == block.container)
        found = next(b.actions for b in container.branches if b.name == block.branch)
    return {
        action.name: {other: set(how) for other, how in action.run_after.items()}
        for action in found.values()
    }


OK, BAD = {"Succeeded"}, {"Failed", "TimedOut"}
LINE = {
    "A": compose(),
    "B": compose(A=["Succeeded"]),
    "Mend": compose(A=["Failed", "TimedOut"]),
    "C": compose(B=["Succeeded"], Mend=["Succeeded", "Skipped"]),
}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(
            Place(),
            {"N": {}, "A": {"N": OK}, "B": {"A": OK}, "Mend": {"A": BAD}},
            id="at the begin, what began comes next",
        ),
        pytest.param(
            Place(parallel=True),
            {"N": {}, "A": {}, "B": {"A": OK}, "Mend": {"A": BAD}},
            id="beside what begins",
        ),
        pytest.param(
            Place(after="A"),
            {"A": {}, "N": {"A": OK}, "B": {"N": OK}, "Mend": {"A": BAD}},
            id="behind one, what followed success comes next",
        ),
        pytest.param(
            Place(after="a", before="mend"),
            {"A": {}, "N": {"A": BAD}, "B": {"A": OK}, "Mend": {"N": OK}},
            id="on the way to one, with its statuses",
        ),
        pytest.param(
            Place(after="A", parallel=True),
            {"A": {}, "N": {"A": OK}, "B": {"A": OK}, "Mend": {"A": BAD}},
            id="a branch beside the others",
        ),
    ],
)
def test_an_action_is_put_where_it_is_meant(place: Place, expected: dict[str, Any]) -> None:
    added = steps.with_action(flow_of(LINE), "N", COMPOSE, place)
    assert order(added) == expected | {"C": {"B": OK, "Mend": OK | {"Skipped"}}}
    names = list(added.actions)
    assert names.index("N") == (names.index("A") + 1 if place.after else 0), "as people read"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A", {"B": {}, "Mend": {}, "C": {"B": OK, "Mend": OK | {"Skipped"}}}),
        ("B", {"A": {}, "Mend": {"A": BAD}, "C": {"A": OK, "Mend": OK | {"Skipped"}}}),
        ("mend", {"A": {}, "B": {"A": OK}, "C": {"B": OK, "A": BAD}}),
        ("C", {"A": {}, "B": {"A": OK}, "Mend": {"A": BAD}}),
    ],
)
def test_what_ran_after_a_removed_one_runs_after_what_it_ran_after(
    name: str, expected: dict[str, Any]
) -> None:
    assert order(steps.without_action(flow_of(LINE), name)) == expected


@given(st.sampled_from(["A", "B", "Mend", "C", None]), st.booleans())
def test_what_is_added_and_removed_leaves_nothing(behind: str | None, parallel: bool) -> None:
    flow = flow_of(LINE)
    added = steps.with_action(flow, "N", COMPOSE, Place(after=behind, parallel=parallel))
    assert order(steps.without_action(added, "n")) == order(flow)


NESTED = {
    "Is it?": {
        "type": "If",
        "expression": "@equals(1, 1)",
        "runAfter": {},
        "actions": {"Yes": compose("@outputs('Yes_too')", Yes_too=["Succeeded"]),
                    "Yes_too": compose()},
        "else": {"actions": {"No": compose()}},
    },
    "Which": {
        "type": "Switch",
        "expression": "@outputs('Is it?')",
        "runAfter": after("Is it?"),
        "cases": {"One": {"case": 1, "actions": {"In one": compose()}}},
        "default": {"actions": {}},
    },
    "Each": {
        "type": "Foreach",
        "foreach": "@body('Which')",
        "runAfter": after("Which"),
        "actions": {"Use": compose({"actions": {"Each": "@items( 'EACH' )?['a''b']",
                                                "t": "x @{items('Each')} y @{item()} @@{"}})},
    },
}  # fmt: skip
IN_ELSE = Block(container="Is it?", branch="else")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Block(), {"N", "Is it?", "Which", "Each"}),
        (Block(container="is it?"), {"N", "Yes", "Yes_too"}),
        (IN_ELSE, {"N", "No"}),
        (Block(container="Which", branch="One"), {"N", "In one"}),
        (Block(container="Which", branch="default"), {"N"}),
        (Block(container="Each"), {"N", "Use"}),
    ],
)
def test_every_branch_takes_actions(block: Block, expected: set[str]) -> None:
    added = steps.with_action(flow_of(NESTED), "N", COMPOSE, Place(block=block))
    shown = Block(container=block.container and block.container.replace("is", "Is"),
                  branch=block.branch)  # fmt: skip
    assert set(order(added, shown)) == expected
    assert steps.block_of(added, "N") == shown


def test_an_action_moves_with_all_inside_it() -> None:
    moved = steps.with_action_moved(flow_of(NESTED), "Each", Place(block=IN_ELSE, after="No"))
    assert set(order(moved)) == {"Is it?", "Which"}
    assert order(moved, IN_ELSE) == {"No": {}, "Each": {"No": OK}}
    assert order(moved, Block(container="Each")) == {"Use": {}}


@pytest.mark.parametrize(
    "place",
    [
        Place(block=Block(container="Is it?")),
        Place(block=IN_ELSE, after="No"),
        Place(after="is it?"),
    ],
)
def test_nothing_is_put_inside_itself(place: Place) -> None:
    with pytest.raises(Invalid, match="itself"):
        steps.with_action_moved(flow_of(NESTED), "Is it?", place)


def test_a_copy_has_names_of_its_own_and_uses_them() -> None:
    flow = flow_of(NESTED)
    copied = steps.with_action_copied(flow, "Is it?", Place(after="Each"))
    assert list(copied.actions) == ["Is it?", "Which", "Each", "Is it?_2"]
    assert {a.name for a in copied.actions["Is it?_2"].walk()} == {
        "Is it?_2", "Yes_2", "Yes_too_2", "No_2"}  # fmt: skip
    inner = copied.actions["Is it?_2"].branches[0].actions["Yes_2"]
    assert (inner.inputs, set(inner.run_after)) == ("@outputs('Yes_too_2')", {"Yes_too_2"})
    assert copied.actions["Which"].source["expression"] == "@outputs('Is it?')"
    assert steps.with_action_copied(copied, "Is it?", Place()).actions["Is it?_3"]


def test_a_new_name_is_used_wherever_the_old_one_was() -> None:
    flow = steps.with_action_renamed(flow_of(NESTED), "is it?", "Late check")
    assert list(flow.actions) == ["Late_check", "Which", "Each"]
    assert flow.actions["Which"].source["expression"] == "@outputs('Late_check')"
    assert set(flow.actions["Which"].run_after) == {"Late_check"}
    flow = steps.with_action_renamed(flow, "Each", "Per row")
    use = flow.actions["Per_row"].branches[0].actions["Use"]
    assert use.inputs == {
        "actions": {
            "Each": "@items( 'Per_row' )?['a''b']",
            "t": "x @{items('Per_row')} y @{item()} @@{",
        }
    }
    assert not [one for one in problems(flow) if "no action" in one.message]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("which", "already"),
        ("manual", "already"),
        ("", "1 to 80"),
        ("x" * 81, "1 to 80"),
        ("a/b", "`/`"),
        ("a'b", "`'`"),
        ("a\nb", None),
        ("a\0b", "cannot be"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, said: str | None) -> None:
    flow = flow_of(NESTED)
    if said is None:
        assert "a_b" in steps.with_action_renamed(flow, "Each", name).actions
        return
    with pytest.raises(Invalid, match=said):
        steps.with_action_renamed(flow, "Each", name)
    with pytest.raises(Invalid, match=said):
        steps.with_action(flow, name, COMPOSE, Place())


def test_only_the_case_of_a_name_may_change() -> None:
    flow = steps.with_action_renamed(flow_of(NESTED), "Each", "EACH")
    assert list(flow.actions) == ["Is it?", "Which", "EACH"]


def test_run_after_takes_actions_of_the_same_block() -> None:
    flow = flow_of(LINE)
    changed = steps.with_run_after(flow, "C", {"a": [Status.FAILED, Status.SKIPPED]})
    assert order(changed)["C"] == {"A": {"Failed", "Skipped"}}
    assert write_flow(changed)["properties"]["definition"]["actions"]["C"]["runAfter"] == {
        "A": ["Failed", "Skipped"]}  # fmt: skip
    for wrong, said in (({"Nobody": [Status.FAILED]}, "beside"), ({"C": [Status.FAILED]}, "beside"),
                        ({"A": []}, "how")):  # fmt: skip
        with pytest.raises(Invalid, match=said):
            steps.with_run_after(flow, "C", wrong)
    with pytest.raises(Invalid, match="circle"):
        steps.with_run_after(flow, "A", {"C": [Status.SUCCEEDED]})


def test_members_come_and_go_with_what_they_leave_empty() -> None:
    flow = flow_of(LINE)
    path = ("runtimeConfiguration", "secureData", "properties")
    there = steps.with_member(flow, "A", path, ["inputs"])
    assert there.actions["A"].source["runtimeConfiguration"] == {
        "secureData": {"properties": ["inputs"]}}  # fmt: skip
    assert write_flow(steps.without_member(there, "a", path)) == write_flow(flow)
    assert write_flow(steps.without_member(flow, "A", ("a", "b"))) == write_flow(flow)
    described = steps.with_member(flow, "manual", ("description",), "Press me")
    assert described.trigger.source["description"] == "Press me"


def test_cases_come_and_go() -> None:
    flow = steps.with_case(flow_of(NESTED), "Which", "Two", 2)
    assert [b.name for b in flow.actions["Which"].branches] == ["One", "Two", "default"]
    flow = steps.with_case(flow, "Which", "One", "uno")
    assert flow.actions["Which"].branches[0].case == "uno"
    assert set(flow.actions["Which"].branches[0].actions) == {"In one"}
    flow = steps.without_case(flow, "Which", "One")
    assert [b.name for b in flow.actions["Which"].branches] == ["Two", "default"]
    for call, said in ((lambda: steps.without_case(flow, "Which", "One"), "no case"),
                       (lambda: steps.with_case(flow, "Each", "One", 1), "no Switch")):  # fmt: skip
        with pytest.raises(Invalid, match=said):
            call()


def test_another_trigger_takes_the_place() -> None:
    flow = steps.with_trigger(flow_of(LINE), "Every day", {
        "type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}})  # fmt: skip
    assert (flow.trigger.name, flow.trigger.flow_kind) == ("Every_day", "scheduled")
    assert order(flow) == order(flow_of(LINE))
    with pytest.raises(Invalid, match="already"):
        steps.with_trigger(flow, "a", {"type": "Request"})


@pytest.mark.skipif(not FLOWS.is_dir(), reason="the corpus of real flows is not here")
def test_real_flows_are_renamed_there_and_back(flows: dict[str, Flow]) -> None:  # noqa: F811
    """Every action of a real flow is renamed at once; no formula loses what it names."""
    tried = 0
    for file, flow in list(flows.items())[::9]:
        names = [action.name for action in flow.walk()]
        before = [(one.code, one.message) for one in problems(flow) if "`" not in one.message]
        for name in names[:: max(1, len(names) // 5)]:
            there = steps.with_action_renamed(flow, name, "Zq_unheard_of")
            after_ = [(one.code, one.message) for one in problems(there) if "`" not in one.message]
            assert after_ == before, (file, name)
            missing = [one for one in problems(there) if one.message.endswith(f"action `{name}`")]
            assert not missing, (file, name, missing)
            tried += 1
            if can_be_named(name):
                back = steps.with_action_renamed(there, "zq_unheard_of", name)
                assert dumped(spelled(back, name)) == dumped(spelled(flow, name)), (file, name)
    assert tried > 200


def can_be_named(name: str) -> bool:
    try:
        return steps.name_for(name) == name
    except Invalid:
        return False


def spelled(flow: Flow, name: str) -> Any:
    """Return a flow's document with every spelling of a name made one."""
    text = json.dumps(write_flow(flow))
    return json.loads(re.sub(re.escape(name), name, text, flags=re.IGNORECASE))
