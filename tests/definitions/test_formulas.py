"""What is said of formulas before anybody runs them: one row, one rule."""

from __future__ import annotations

import time
from typing import Any

import pytest

from definitions.written import BUTTON, MAIL, after, call, legacy_call, solution
from flowner.definitions.checks import problems, structure_problems
from flowner.definitions.codec import read_flow
from flowner.definitions.folding import MAX_TRIED
from flowner.definitions.formulas import MAX_FOUND, formula_problems
from flowner.definitions.problems import Problem, Severity
from flowner.errors import Code
from flowner.expressions.errors import ExpressionError
from flowner.expressions.evaluate import evaluate_text

ACTIONS = "/properties/definition/actions"
TRIGGER = "/properties/definition/triggers/T"
OUTPUTS = "/properties/definition/outputs"
ERROR, WARNING = Severity.ERROR, Severity.WARNING
TEMPLATE, EVALUATION = Code.INVALID_TEMPLATE, Code.EXPRESSION_EVALUATION_FAILED


def compose(inputs: Any, *befores: str, **more: Any) -> dict[str, Any]:
    run_after = {name: ["Succeeded"] for name in befores}
    return {"type": "Compose", "inputs": inputs, "runAfter": run_after, **more}


def scope(actions: dict[str, Any], *befores: str, type: str = "Scope", **more: Any) -> Any:
    return {
        "type": type,
        "actions": actions,
        "runAfter": {n: ["Succeeded"] for n in befores},
        **more,
    }


def each(actions: dict[str, Any], *befores: str, over: Any = "@createArray(1)") -> Any:
    return scope(actions, *befores, type="Foreach", foreach=over)


def until(actions: dict[str, Any], condition: Any, *befores: str, **more: Any) -> Any:
    return scope(actions, *befores, type="Until", expression=condition, **more)


def branching(yes: Any, no: Any, *befores: str, condition: Any = "@equals(1, 2)") -> Any:
    return scope(yes, *befores, type="If", expression=condition, **{"else": {"actions": no}})


def initialize(name: str, *befores: str, value: Any = 1, type: str = "integer") -> Any:
    variable = {"name": name, "type": type, "value": value}
    run_after = {before: ["Succeeded"] for before in befores}
    return {
        "type": "InitializeVariable",
        "inputs": {"variables": [variable]},
        "runAfter": run_after,
    }


def found(actions: Any, **parts: Any) -> list[Problem]:
    document = solution(actions=actions, triggers={"T": BUTTON})
    definition = document["properties"]["definition"]
    trigger = parts.pop("trigger", None)
    if trigger is not None:
        definition["triggers"] = {"T": {**BUTTON, **trigger}}
    definition.update(parts)
    flow = read_flow(document, name="x")
    for problem in formula_problems(flow):
        follow(document, problem.pointer)
    return list(formula_problems(flow))


def follow(value: Any, pointer: str) -> Any:
    for written in pointer.split("/")[1:]:
        token = written.replace("~1", "/").replace("~0", "~")
        value = value[int(token)] if isinstance(value, list) else value[token]
    return value


A = f"{ACTIONS}/A/inputs"


@pytest.mark.parametrize(
    ("inputs", "pointer", "code", "words", "shown"),
    [
        pytest.param(
            "@concat('a'",
            A,
            TEMPLATE,
            "expected token 'RightParenthesis' and actual 'EndOfData'",
            "@concat('a'\n           ^",
            id="no expression",
        ),
        pytest.param(
            "see @{1 +} there",
            A,
            TEMPLATE,
            "'+' at position '2' cannot be converted to number",
            "see @{1 +} there\n        ^",
            id="no expression in a text",
        ),
        pytest.param(
            "a @{length('x') b",
            A,
            TEMPLATE,
            "the `@{` at position 2 has no `}`",
            "a @{length('x') b\n  ^",
            id="an interpolation that does not end",
        ),
        pytest.param(
            "@{}", A, TEMPLATE, "actual 'EndOfData'", "@{}\n  ^", id="an interpolation of nothing"
        ),
        pytest.param(
            {"a": [1, {"b/c": "one\n@{not(@equals(1, 2))}"}]},
            f"{A}/a/1/b~1c",
            TEMPLATE,
            "'@' at position '4' is not expected",
            "@{not(@equals(1, 2))}\n      ^",
            id="deep inside, on the second line",
        ),
        pytest.param(
            {"@{": 1}, f"{A}/@{{", TEMPLATE, "has no `}`", "@{\n^", id="the name of a member"
        ),
        pytest.param(
            "@concat('a', toUper('b'))",
            A,
            TEMPLATE,
            "there is no function `toUper`",
            "@concat('a', toUper('b'))\n             ^",
            id="an unknown function",
        ),
        pytest.param(
            "@if(true, 1, nope())",
            A,
            TEMPLATE,
            "there is no function `nope`",
            "@if(true, 1, nope())\n             ^",
            id="an unknown function that is never called",
        ),
        pytest.param(
            "@action()",
            A,
            TEMPLATE,
            "`action()` is not expected here",
            "@action()\n ^",
            id="action() where there is none",
        ),
        pytest.param(
            "x@{ToUpper()}",
            A,
            TEMPLATE,
            "The template language function 'toUpper' expects one parameter.",
            "x@{ToUpper()}\n   ^",
            id="too few arguments",
        ),
        pytest.param(
            "@utcNow('o', 'x')",
            A,
            TEMPLATE,
            "was invoked with '2' parameter(s)",
            "@utcNow('o', 'x')\n ^",
            id="too many arguments",
        ),
        pytest.param(
            "@parameters('Limit')",
            A,
            TEMPLATE,
            "the flow declares no parameter `Limit`",
            "@parameters('Limit')\n ^",
            id="an unknown parameter",
        ),
        pytest.param(
            "@variables('total')",
            A,
            TEMPLATE,
            "no action initializes a variable `total`",
            "@variables('total')\n ^",
            id="an unknown variable",
        ),
        pytest.param(
            "@OUTPUTS('Fetch')?['x']",
            A,
            TEMPLATE,
            "the flow has no action `Fetch`",
            "@OUTPUTS('Fetch')?['x']\n ^",
            id="an unknown action",
        ),
        pytest.param(
            "@coalesce(body('It''s'), 1)",
            A,
            TEMPLATE,
            "the flow has no action `It's`",
            "@coalesce(body('It''s'), 1)\n          ^",
            id="an unknown action with a quote",
        ),
        pytest.param(
            "@result('Nope')",
            A,
            TEMPLATE,
            "the flow has no action `Nope`",
            "@result('Nope')\n ^",
            id="the result of an unknown action",
        ),
        pytest.param(
            "@result('Before')",
            A,
            TEMPLATE,
            "`Before` is no scope or loop",
            "@result('Before')\n ^",
            id="the result of what is no scope",
        ),
        pytest.param(
            "@items('Each')",
            A,
            TEMPLATE,
            "`Each` is no Apply to each around this",
            "@items('Each')\n ^",
            id="the item of no loop",
        ),
        pytest.param(
            "@iterationIndexes('Each')",
            A,
            TEMPLATE,
            "`Each` is no loop around this",
            "@iterationIndexes('Each')\n ^",
            id="the index of no loop",
        ),
        pytest.param(
            "@outputs('a')",
            A,
            TEMPLATE,
            "`A` names itself, before it has run",
            "@outputs('a')\n ^",
            id="itself",
        ),
        pytest.param(
            "@add('one', 2)",
            A,
            EVALUATION,
            "'add' expects its first parameter to be an integer",
            "@add('one', 2)\n ^",
            id="a constant of the wrong type",
        ),
        pytest.param(
            "@concat(variables('v'), string(int('seven')))",
            A,
            EVALUATION,
            "'int' was invoked with a parameter that is not valid",
            "@concat(variables('v'), string(int('seven')))\n                               ^",
            id="a constant inside of a call that is none",
        ),
        pytest.param(
            "@createArray(1, 2)[2]",
            A,
            EVALUATION,
            "array index '2' is outside bounds (0, 1) of array",
            "@createArray(1, 2)[2]\n                  ^",
            id="an item that a constant does not have",
        ),
        pytest.param(
            "@div(1, 0)", A, EVALUATION, "divide", "@div(1, 0)\n ^", id="a division by zero"
        ),
    ],
)
def test_what_cannot_be(inputs, pointer, code, words, shown):
    actions = {"V": initialize("v"), "Before": compose(1), "A": compose(inputs, "Before", "V")}
    (problem,) = found(actions)
    assert (problem.severity, problem.code, problem.pointer) == (ERROR, code, pointer)
    assert words in problem.message
    assert problem.shown == shown
    assert problem.mend


LEGACY = legacy_call(MAIL, "/x/@{encodeURIComponent(triggerBody()?['id'])}")


@pytest.mark.parametrize(
    "actions",
    [
        pytest.param({"A": compose(inputs)}, id=str(inputs))
        for inputs in (
            "@@nope()", "me@example.com", "@", " @nope(", "a @@{nope()} b",
            "@parameters('$Connections')",
            "@parameters('$authentication')", "@actions(concat('N', 'ope'))", "@variables(guid())",
            "@triggerOutputs()?['body/x']", "@workflow()['run']", "@appsetting('any')",
            "@if(true, 'x', 'y')", "@TOLOWER('A')", {"@{utcNow()}": "@guid()"}, "@items(utcNow())",
        )
    ]
    + [
        pytest.param({"A": LEGACY}, id="a legacy call"),
        pytest.param({"A": call(MAIL, "Send", {"to": "@triggerBody()"})}, id="a call"),
        pytest.param({"A": compose(1), "B": compose("@outputs('a')", "A")}, id="right before"),
        pytest.param(
            {"A": compose(1), "B": compose(2, "A"), "C": compose("@outputs('A')", "B")},
            id="before, through another",
        ),
        pytest.param(
            {"A": compose(1), "S": scope({"B": scope({"C": compose("@body('A')")})}, "A")},
            id="before a container around",
        ),
        pytest.param(
            {"S": scope({"A": scope({"B": compose(1)})}), "C": compose("@body('B')", "S")},
            id="inside of what is before",
        ),
        pytest.param(
            {"I": branching({"A": compose(1)}, {}), "B": compose("@body('A')?['x']", "I")},
            id="in a branch, asked with care",
        ),
        pytest.param(
            {"I": branching({"A": compose(1)}, {}),
             "B": compose("@if(true, outputs('A')['x'], 1)", "I")},
            id="in a branch, behind a condition",
        ),
        pytest.param(
            {"E": each({"A": compose("@items('e')"), "B": compose("@item()?['x']", "A")}),
             "C": compose("@outputs('A')", "E")},
            id="the items of a loop, and all outcomes from outside",
        ),
        pytest.param(
            {"E": each({"U": until({"A": compose("@item()")}, "@equals(outputs('A'), 1)")}),
             "R": compose("@result('E')", "E")},
            id="the condition of a loop sees what is in it",
        ),
        pytest.param(
            {"U": until({"E": each({"A": compose(1)})}, "@empty(outputs('A'))"),
             "C": compose("@outputs('A')", "U")},
            id="the last of an Until, all of the Apply to each in it",
        ),
        pytest.param(
            {"U": until({"A": compose("@iterationIndexes('U')")},
                        "@less(iterationIndexes('U'), 3)")},
            id="the index of a loop",
        ),
        pytest.param(
            {"E": each({"F": each({"A": compose(1), "B": compose("@outputs('A')", "A"),
                                   "C": compose("@add(items('E'), items('F'))")}),
                        "D": compose("@outputs('A')", "F")})},
            id="loops in a loop, from inside of the outer one",
        ),
        pytest.param(
            {"S": {"type": "Select", "inputs": {"from": [1], "select": {"x": "@item()"}}},
             "Q": {"type": "Query", "inputs": {"from": [1], "where": "@greater(item(), 1)"}},
             "T": {"type": "Table", "inputs": {"from": [1], "format": "CSV", "columns": [
                 {"header": "x", "value": "@item()"}]}}},
            id="the items of data operations",
        ),
        pytest.param(
            {"A": compose(1, trackedProperties={"x": "@action()['outputs']", "y": "@body('A')"})},
            id="tracked properties see their action",
        ),
        pytest.param(
            {"V": initialize("V"),
             "A": {"type": "SetVariable", "runAfter": after("V"),
                   "inputs": {"name": "v", "value": "@add(variables('v'), 1)"}}},
            id="a variable",
        ),
        pytest.param(
            {"V": {"type": "InitializeVariable", "inputs": {"variables": [
                {"name": "@guid()", "type": "string"}]}}, "A": compose("@variables('any')")},
            id="a variable whose name an expression gives",
        ),
        pytest.param(
            {"I": branching({}, {}, condition={"and": [{"not": {"EQUALS": ["@utcNow()", 1]}},
                                                       {"Less": ["@length('ab')", 1]}]})},
            id="a condition as an object",
        ),
    ],
)  # fmt: skip
def test_what_is_right(actions):
    assert found(actions) == []


REACH = [
    pytest.param(
        {"A": compose("@outputs('B')"), "B": compose(1, "A")},
        "A/inputs", ERROR, "`B` runs only after this", id="a sibling that runs after",
    ),
    pytest.param(
        {"A": compose("@outputs('C')"), "S": scope({"C": compose(1)}, "A")},
        "A/inputs", ERROR, "`C` runs only after this", id="inside of what runs after",
    ),
    pytest.param(
        {"S": scope({"A": compose("@body('B')")}), "B": compose(1, "S")},
        "S/actions/A/inputs", ERROR, "`B` runs only after", id="after a container around",
    ),
    pytest.param(
        {"I": branching({"A": compose(1)}, {"B": compose("@body('A')")})},
        "I/else/actions/B/inputs", ERROR, "in another branch", id="the other branch",
    ),
    pytest.param(
        {"E": each({"A": compose(1)}, over="@outputs('A')")},
        "E/foreach", ERROR, "`A` is inside of this", id="a loop over what is in it",
    ),
    pytest.param(
        {"U": until({"A": compose(1)}, "@true", limit={"timeout": "@outputs('A')"})},
        "U/limit/timeout", ERROR, "`A` is inside of this", id="a limit by what is in it",
    ),
    pytest.param(
        {"E": each({"F": each({"A": compose(1)})}), "B": compose("@outputs('A')", "E")},
        "B/inputs", ERROR, "`A` is in a loop inside of an Apply to each", id="a loop in a loop",
    ),
    pytest.param(
        {"E": each({"U": until({"A": compose(1)}, "@true")}), "B": compose("@outputs('A')", "E")},
        "B/inputs", ERROR, "`A` is in a loop inside", id="an Until in a loop",
    ),
    pytest.param(
        {"A": compose(1), "B": compose("@outputs('A')")},
        "B/inputs", WARNING, "`A` may not have run", id="at the same time",
    ),
    pytest.param(
        {"A": scope({"C": compose(1)}), "B": scope({"D": compose("@outputs('C')")})},
        "B/actions/D/inputs", WARNING, "`C` may not have run", id="in scopes of no order",
    ),
    pytest.param(
        {"S": scope({"A": compose("@actions('S')['status']")})},
        "S/actions/A/inputs", WARNING, "`S` is around this, and has not ended", id="what is around",
    ),
    pytest.param(
        {"S": scope({"A": compose("@result('S')")})},
        "S/actions/A/inputs", WARNING, "`S` is around this", id="the result of what is around",
    ),
    pytest.param(
        {"I": branching({"A": compose(1)}, {}), "B": compose("@outputs('A')['x']", "I")},
        "B/inputs", WARNING, "`A` gives null where `I` takes another branch", id="no care",
    ),
    pytest.param(
        {"A": compose("@item()")},
        "A/inputs", WARNING, "there is no item here", id="no item",
    ),
    pytest.param(
        {"U": until({"A": compose("@item()")}, "@true")},
        "U/actions/A/inputs", WARNING, "there is no item here", id="no item in an Until",
    ),
    pytest.param(
        {"S": {"type": "Select", "inputs": {"from": "@item()", "select": 1}}},
        "S/inputs/from", WARNING, "there is no item here", id="no item yet",
    ),
    pytest.param(
        {"T": {"type": "Table", "inputs": {"from": [], "columns": [{"header": "@item()"}]}}},
        "T/inputs/columns/0/header", WARNING, "there is no item here", id="no item in a header",
    ),
    pytest.param(
        {"U": until({"A": compose("@items('U')")}, "@true")},
        "U/actions/A/inputs", ERROR, "`U` is no Apply to each", id="an Until has no items",
    ),
    pytest.param(
        {"E": each({}, over="@items('E')")},
        "E/foreach", ERROR, "`E` is no Apply to each around", id="a loop over its own item",
    ),
    pytest.param(
        {"E": each({"A": compose(1)}), "B": compose("@items('E')", "E")},
        "B/inputs", ERROR, "`E` is no Apply to each around", id="the item after the loop",
    ),
    pytest.param(
        {"A": compose("@variables('v')"), "V": initialize("v", "A")},
        "A/inputs", ERROR, "`v` is never there: `V`", id="a variable of later",
    ),
    pytest.param(
        {"A": compose("@variables('v')"), "V": initialize("v")},
        "A/inputs", WARNING, "`v` may not be there yet", id="a variable, perhaps of later",
    ),
    pytest.param(
        {"V": initialize("v", value="@variables('v')")},
        "V/inputs/variables/0/value", ERROR, "`v` is never there", id="a variable out of itself",
    ),
    pytest.param(
        {"A": {"type": "IncrementVariable", "inputs": {"name": "n"}}},
        "A/inputs/name", ERROR, "no action initializes a variable `n`", id="nothing to increment",
    ),
    pytest.param(
        {"V": initialize("n"), "A": {"type": "AppendToStringVariable",
                                     "inputs": {"name": "N", "value": "x"}}},
        "A/inputs/name", WARNING, "`N` may not be there yet", id="perhaps nothing to append to",
    ),
    pytest.param(
        {"I": branching({}, {}, condition={})},
        "I/expression", ERROR, "the condition is empty", id="a condition of nothing",
    ),
    pytest.param(
        {"I": branching({}, {}, condition={"and": [{"equal": [1, 2]}]})},
        "I/expression/and/0/equal", ERROR, "there is no function `equal`", id="no operator",
    ),
    pytest.param(
        {"I": branching({}, {}, condition={"less": ["@utcNow()"]})},
        "I/expression/less", ERROR, "'less' expects two parameters", id="half an operator",
    ),
    pytest.param(
        {"U": until({}, {"not": {"equals": [1, "@variables('x')"]}})},
        "U/expression/not/equals/1", ERROR, "no action initializes", id="inside of an operator",
    ),
    pytest.param(
        {"I": branching({}, {}, condition={"or": [{"greater": ["a", 1]}]})},
        "I/expression/or/0/greater", ERROR, "'greater'", id="an operator on other types",
    ),
    pytest.param(
        {"A": {"type": "Switch", "expression": "@body('A')", "cases": {}, "default": {}}},
        "A/expression", ERROR, "names itself", id="a Switch",
    ),
    pytest.param(
        {"A": compose("@if(variables('v'), int('x'), 1)", "V"), "V": initialize("v")},
        "A/inputs", WARNING, "'int'", id="a constant that may never be asked",
    ),
    pytest.param(
        {"A": compose(1, runtimeConfiguration={"concurrency": {"repetitions": "@nope()"}})},
        "A/runtimeConfiguration/concurrency/repetitions", ERROR, "`nope`", id="a configuration",
    ),
    pytest.param(
        {"A": compose(1, limit={"timeout": "@parameters('t')"})},
        "A/limit/timeout", ERROR, "declares no parameter `t`", id="a limit",
    ),
    pytest.param(
        {"A": compose(1, trackedProperties={"x": "@outputs('B')"})},
        "A/trackedProperties/x", ERROR, "no action `B`", id="tracked properties",
    ),
    pytest.param(
        {"A": call(MAIL, "Send", {"emailMessage/To": "@body('B')"})},
        "A/inputs/parameters/emailMessage~1To", ERROR, "no action `B`", id="a call's parameter",
    ),
]  # fmt: skip
CODES = {"'greater'": EVALUATION, "'int'": EVALUATION}


@pytest.mark.parametrize(("actions", "place", "severity", "words"), REACH)
def test_what_is_out_of_reach(actions, place, severity, words):
    (problem,) = found(actions)
    assert words in problem.message
    assert (problem.severity, problem.pointer) == (severity, f"{ACTIONS}/{place}")
    assert problem.code == CODES.get(words, TEMPLATE)
    assert problem.mend


@pytest.mark.parametrize(
    ("parts", "pointer", "words"),
    [
        pytest.param(
            {"trigger": {"conditions": [{"expression": "@equals(outputs('A'), 1)"}]}},
            f"{TRIGGER}/conditions/0/expression", "`A` runs only after this", id="a condition",
        ),
        pytest.param(
            {"trigger": {"conditions": [{"expression": {"equals": ["@nope()", 1]}}]}},
            f"{TRIGGER}/conditions/0/expression/equals/0", "`nope`", id="a condition as an object",
        ),
        pytest.param(
            {"trigger": {"splitOn": "@variables('v')"}},
            f"{TRIGGER}/splitOn", "no action initializes", id="what is split",
        ),
        pytest.param(
            {"trigger": {"inputs": {"schema": "@parameters('p')"}}},
            f"{TRIGGER}/inputs/schema", "no parameter `p`", id="a trigger's inputs",
        ),
        pytest.param(
            {"outputs": {"a": {"type": "String", "value": "@outputs('A')"},
                         "b": {"type": "String", "value": "@outputs('B')"}}},
            f"{OUTPUTS}/b/value", "no action `B`", id="the flow's outputs",
        ),
    ],
)  # fmt: skip
def test_what_is_around_the_actions(parts, pointer, words):
    (problem,) = found({"A": compose(1)}, **parts)
    assert (problem.severity, problem.pointer) == (ERROR, pointer)
    assert words in problem.message


@pytest.mark.parametrize(
    ("inputs", "mend"),
    [
        ("@toUper('b')", "use `toUpper` or `toLower`"),
        ("@zzzzzz()", "use one that the reference of functions lists"),
        ("@substring('b')", "write `substring(text, start, length?)`"),
        ("@body('Befor')", "use `Before`"),
        ("@parameters('limit')", "declare it, or use `Limits`"),
        ("@variables('v1')", "add an Initialize variable action, or use `V`"),
        ("@items('x')", "move the action into one"),
    ],
)
def test_what_would_be_right(inputs, mend):
    actions = {"V": initialize("V"), "Before": compose(1), "A": compose(inputs, "Before", "V")}
    (problem,) = found(actions, parameters={"Limits": {"type": "Int", "defaultValue": 1}})
    assert problem.mend.startswith(mend)


def test_a_name_that_is_wrong_twice_in_a_text_is_said_once():
    (problem,) = found({"A": compose("@{body('B')} and @{body('B')}")})
    assert problem.shown == "@{body('B')} and @{body('B')}\n  ^"


def test_several_faults_of_a_text_come_in_its_order():
    said = [one.message for one in found({"A": compose("@{body('B')} @{nope()} @{int('x')}")})]
    assert [words.split("`")[0] for words in said[:2]] == [
        "the flow has no action ",
        "there is no function ",
    ]
    assert len(said) == 3


def test_a_long_line_is_cut_around_the_place():
    (problem,) = found({"A": compose("x" * 500 + "@{nope()}" + "y" * 500)})
    line, mark = problem.shown.split("\n")
    assert len(line) < 80
    assert line[len(mark) - 1 :].startswith("nope()")


def test_so_many_problems_are_told_and_no_more():
    actions = {"A": compose([f"@nope{number}()" for number in range(MAX_FOUND + 10)])}
    assert len(found(actions)) == MAX_FOUND


def test_constants_are_tried_so_many_times_and_no_more():
    good = [f"@int('{number}')" for number in range(MAX_TRIED)]
    assert len(found({"A": compose([*good[1:], "@int('x')", "@int('y')"])})) == 1


@pytest.mark.parametrize(
    "formula",
    [
        f"@concat({','.join(['range(0, 100000)'] * 200)}, int('x'))",
        "@int(" + "base64(" * 90 + f"'{'x' * 5000}'" + ")" * 91,
    ],
)
def test_what_grows_is_not_followed(formula):
    started = time.process_time()
    assert found({"A": compose(formula)}) == []
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("formula", "fails"),
    [
        ("@if(equals(1, 1), 'a', int('x'))", False),
        ("@if(equals(1, 2), 'a', int('x'))", True),
        ("@or(true, bool('maybe'))", False),
        ("@concat(if(false, int('x'), 'b'), toLower(createArray('a', 'b')[1]))", False),
        ("@and(true, bool('maybe'))", True),
        ("@add(if(true, int('x'), 1), int('y'))", True),
        ("@json('{\"a\": {\"b\": 1}}')?['x']?['y']", False),
        ("@json('{\"a\": {\"b\": 1}}')['a/b']['c']", True),
    ],
)
def test_constants_are_evaluated_as_a_run_would(formula, fails):
    said = [problem.message for problem in found({"A": compose(formula)})]
    if not fails:
        evaluate_text(formula)
        assert said == []
        return
    with pytest.raises(ExpressionError) as caught:
        evaluate_text(formula)
    assert said == [caught.value.message]


def test_formulas_are_looked_into_when_problems_are_asked_not_when_reading():
    document = solution(actions={"A": compose("@nope(")})
    flow = read_flow(document, name="x")
    assert structure_problems(flow) == ()
    (problem,) = problems(flow, file="f.json")
    assert problem.is_error
    assert problem.file == "f.json"
    assert problem.located().startswith(f"f.json#{A}: ")
