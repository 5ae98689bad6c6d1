"""What the checks say of reach, against what runs find: a flow without findings misses no name."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from flowner.definitions.codec import read_flow
from flowner.definitions.flow import Flow, Status
from flowner.definitions.formulas import formula_problems
from flowner.runs.simulation import Simulated, simulate

STATUSES = ["Succeeded", "Failed", "Skipped", "TimedOut"]
MISSING = ("is not defined at current scope", "cannot be found", "is not expected at this",
           "are not defined in the template", "is not found")  # fmt: skip
BUTTON = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}}
CONTAINERS = ["Scope", "If", "Foreach", "Until", "Switch"]
ASKED = ["outputs('{}')", "body('{}')", "actions('{}')?['status']", "result('{}')", "items('{}')",
         "iterationIndexes('{}')", "variables('{}')", "item()"]  # fmt: skip
NEVER = ("runs only after", "names itself", "is inside of this", "never there", "has no action",
         "no action initializes", "no Apply to each around")  # fmt: skip
RUNS = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = [f"N{number}" for number in range(9)]


@st.composite
def blocks(draw: st.DrawFn, names: list[str], depth: int = 0) -> dict[str, Any]:
    """Take names away from the list; order them by runAfter at will, which goes in no circle."""
    made: dict[str, Any] = {}
    for _ in range(draw(st.integers(1, 4))):
        if not names:
            break
        name = names.pop(0)
        least = draw(st.integers(0, 1)) if made else 0
        befores = draw(st.lists(st.sampled_from(sorted(made) or [""]), unique=True, min_size=least))
        befores = befores if made else []
        statuses = st.lists(st.sampled_from(STATUSES), min_size=1, unique=True)
        nested = depth < 3 and draw(st.booleans())
        action = draw(containers(names, depth)) if nested else leaf(draw, names)
        made[name] = {**action, "runAfter": {before: draw(statuses) for before in befores}}
    return dict(draw(st.permutations(sorted(made.items()))))


def leaf(draw: st.DrawFn, left: list[str]) -> dict[str, Any]:
    if draw(st.integers(0, 4)) == 0:
        return {"type": "Http", "inputs": {"method": "GET", "uri": "https://x.example"}}
    return {"type": "Compose", "inputs": formula(draw, left)}


def formula(draw: st.DrawFn, left: list[str]) -> str:
    """Name, as a rule, what was made before: it is often in reach."""
    taken = [name for name in NAMES if name not in left]
    name = draw(st.sampled_from(NAMES) | st.sampled_from(taken[:-1] or NAMES))
    return "@" + draw(st.sampled_from(ASKED)).format(name)


@st.composite
def containers(draw: st.DrawFn, names: list[str], depth: int) -> dict[str, Any]:
    type = draw(st.sampled_from(CONTAINERS))
    inside = draw(blocks(names, depth + 1))
    made: dict[str, Any] = {"type": type, "actions": inside}
    if type == "Foreach":
        made["foreach"] = [1] * draw(st.integers(0, 2))
    elif type == "Until":
        last = draw(st.sampled_from(NAMES))
        made |= {"expression": f"@not(empty(string(outputs('{last}'))))", "limit": {"count": 2}}
    elif type == "If":
        made["expression"] = f"@equals(1, {draw(st.integers(1, 2))})"
        made["else"] = {"actions": draw(blocks(names, depth + 1))}
    elif type == "Switch":
        del made["actions"]
        made |= {
            "expression": draw(st.sampled_from(["a", "b", "c"])),
            "cases": {"One": {"case": "a", "actions": inside}},
            "default": {"actions": draw(blocks(names, depth + 1))},
        }
    return made


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    actions = draw(blocks(list(NAMES)))
    # Some name holds a variable as well; a name is only looked up among its own kind.
    first = {"type": "InitializeVariable", "runAfter": {},
             "inputs": {"variables": [{"name": "N1", "type": "integer", "value": 1}]}}  # fmt: skip
    if draw(st.booleans()):
        for action in actions.values():
            action["runAfter"] = action["runAfter"] or {"Declare": ["Succeeded"]}
    outputs = {"out": {"type": "Object", "value": formula(draw, [])}}
    return {"triggers": BUTTON, "actions": {"Declare": first, **actions}, "outputs": outputs}


def run_of(flow: Flow, status: int) -> Simulated:
    """Run a flow, every call answered with the status."""
    mock = {"status": "Failed" if status >= 400 else "Succeeded", "outputs": {"statusCode": status}}
    return simulate(flow, answers={name.name: mock for name in flow.walk() if name.type == "Http"})


def mended(definition: dict[str, Any]) -> Flow:
    """Take every formula away that the checks find fault with; the others stay."""
    document: Any = {"properties": {"definition": definition}}
    flow = read_flow(document, name="x")
    for found in formula_problems(flow):
        *way, last = found.pointer.split("/")[1:]
        holder = document
        for token in way:
            holder = holder[token]
        holder[last] = "@true" if last == "expression" else "x"
    return read_flow(document, name="x")


def formulas(flow: Flow) -> int:
    return sum(str(action.inputs).startswith("@") for action in flow.walk())


@given(definitions(), st.sampled_from([200, 404]))
@RUNS
def test_where_no_fault_is_found_no_name_is_missed(definition, status):
    flow = mended(definition)
    event(f"{min(formulas(flow), 3)} formulas or more")
    assert list(formula_problems(flow)) == []
    events = str(run_of(flow, status).events)
    assert [words for words in MISSING if words in events] == []


@given(definitions(), st.sampled_from([200, 404]))
@RUNS
def test_what_is_said_to_be_never_there_never_is(definition, status):
    flow = read_flow({"properties": {"definition": definition}}, name="x")
    by_place = {f"{action.pointer}/inputs": action for action in flow.walk()}
    never = [
        by_place[found.pointer]
        for found in formula_problems(flow)
        if found.pointer in by_place and any(words in found.message for words in NEVER)
    ]
    event("some" if never else "none")
    for action in never:
        if "result(" not in str(action.inputs):  # of what has not run, it is empty
            records = run_of(flow, status).record.of(action.name)
            assert {one.status for one in records} <= {Status.FAILED, Status.SKIPPED}


def test_what_is_deep_in_a_loop_that_is_skipped_is_skipped():
    inner = {"S": {"type": "Scope", "actions": {"A": {"type": "Compose", "inputs": 1}}}}
    actions = {
        "First": {"type": "Compose", "inputs": 1},
        "U": {"type": "Until", "expression": "@true", "actions": inner,
              "runAfter": {"First": ["Failed"]}},
        "Last": {"type": "Compose", "inputs": "@actions('A')['status']",
                 "runAfter": {"U": ["Skipped"]}},
    }  # fmt: skip
    definition = {"triggers": BUTTON, "actions": actions}
    flow = read_flow({"properties": {"definition": definition}}, name="x")
    assert list(formula_problems(flow)) == []
    assert [one.outputs for one in run_of(flow, 200).record.of("Last")] == ["Skipped"]
