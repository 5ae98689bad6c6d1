"""Flows whose runs are recorded: between them every action type, and every way a run goes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from worlds import written

SECURED = {"secureData": {"properties": ["inputs", "outputs"]}}
ANY_END = ["Succeeded", "Failed", "Skipped", "TimedOut"]


def step(type: str, inputs: Any, *before: str, on: tuple[str, ...] = (), **more: Any) -> Any:
    """Return an action that runs after others."""
    after = {name: [*(on or ("Succeeded",))] for name in before}
    return {"type": type, "inputs": inputs, "runAfter": after, **more}


def block(type: str, actions: Any, *before: str, on: tuple[str, ...] = (), **more: Any) -> Any:
    """Return a container."""
    after = {name: [*(on or ("Succeeded",))] for name in before}
    return {"type": type, "actions": actions, "runAfter": after, **more}


def declared(name: str, type: str, value: Any, *before: str) -> Any:
    return step(
        "InitializeVariable",
        {"variables": [{"name": name, "type": type, "value": value}]},
        *before,
    )


def everything() -> dict[str, Any]:
    """Return every action that stays inside, one after the other."""
    items = [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}]
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    chain: list[tuple[str, Any]] = [
        ("Text", declared("text", "string", "a")),
        ("List", declared("list", "array", [1])),
        ("Number", declared("n", "integer", 1)),
        ("Items", step("Compose", items)),
        ("Guid", step("Compose", {"id": "@guid()", "at": "@utcNow()", "drawn": "@rand(1, 9)"})),
        ("Parse", step("ParseJson", {"content": '{"n": 1}', "schema": schema})),
        ("Wrong", step("ParseJson", {"content": '{"m": 1}', "schema": schema})),
        ("Select", step("Select", {"from": "@outputs('Items')", "select": "@item()?['n']"})),
        (
            "Filter",
            step("Query", {"from": "@outputs('Items')", "where": "@equals(item()?['n'], 2)"}),
        ),
        ("Table", step("Table", {"from": "@outputs('Items')", "format": "CSV"})),
        ("Join", step("Join", {"from": "@body('Select')", "joinWith": "; "})),
        (
            "Time",
            step("Expression", {"baseTime": "2026-01-01T00:00:00Z", "interval": 1,
                                "timeUnit": "Day"}, kind="AddToTime"),
        ),
        ("Set", step("SetVariable", {"name": "text", "value": "@concat(variables('text'), 'b')"})),
        ("More_text", step("AppendToStringVariable", {"name": "text", "value": "c"})),
        ("More_items", step("AppendToArrayVariable", {"name": "list", "value": {"x": None}})),
        ("Up", step("IncrementVariable", {"name": "n", "value": 5})),
        ("Down", step("DecrementVariable", {"name": "n", "value": 2})),
        ("Secret", step("Compose", "hunter2", runtimeConfiguration=SECURED)),
        ("Of_secret", step("Compose", "@concat(outputs('Secret'), '!')")),
        ("Tracked", step("Compose", 1, trackedProperties={"n": "@variables('n')"})),
        (
            "Broken",
            step("Compose", "@div(1, sub(length(variables('text')), 3))"),
        ),
        ("Mended", step("Compose", "@actions('Broken')?['error']?['code']")),
        ("Last", step("Compose", ["@variables('text')", "@variables('list')", "@variables('n')"])),
    ]  # fmt: skip
    for (before, _), (_, action) in pairwise(chain):
        action["runAfter"] = {before: ANY_END}
    return dict(chain)


def control(me: Any) -> dict[str, Any]:
    """Return every container, with calls inside: in turn, side by side, in one another."""
    call = {name: value for name, value in me.items() if name != "runAfter"}
    inner = block("Foreach", {"Deep": step("Compose", "@concat(item(), items('Outer'))")},
                  foreach=["x", "y"])  # fmt: skip
    picky = {
        "type": "If",
        "expression": {"and": [{"greater": ["@item()", 1]}]},
        "actions": {"Who": {**call, "runAfter": {}}},
        "else": {"actions": {"Nobody": step("Compose", "@item()")}},
        "runAfter": {},
    }
    wide = {"concurrency": {"repetitions": 3}}
    switch = {
        "type": "Switch",
        "expression": "@variables('count')",
        "cases": {
            "One": {"case": 1, "actions": {"Is_one": step("Compose", 1)}},
            "Three": {"case": 3, "actions": {"Is_three": step("Compose", 3)}},
        },
        "default": {"actions": {"Is_other": step("Compose", 0)}},
        "runAfter": {"Until": ["Succeeded"]},
    }
    failing = {
        "Fails": step("Compose", "@div(1, sub(variables('count'), 3))"),
        "Never": step("Compose", 1, "Fails"),
    }
    return {
        "Count": declared("count", "integer", 0),
        "Side_by_side": block("Foreach", {"Picky": picky}, "Count", foreach=[1, 2, 3, 4, 5],
                              runtimeConfiguration=wide),
        "Outer": block("Foreach", {"Inner": inner}, "Count", foreach=["a", "b", "c"]),
        "Until": block(
            "Until",
            {"Up": step("IncrementVariable", {"name": "count", "value": 1}),
             "Pause": step("Wait", {"interval": {"count": 1, "unit": "Second"}}, "Up")},
            "Side_by_side", "Outer",
            expression="@greaterOrEquals(variables('count'), 3)",
            limit={"count": 10, "timeout": "PT1H"},
        ),
        "Switch": switch,
        "Try": block("Scope", failing, "Switch"),
        "Catch": block("Scope", {"What": step("Compose", "@result('Try')")}, "Try",
                       on=("Failed",)),
        "Unneeded": step("Compose", 1, "Try"),
        "Empty": block("Scope", {}, "Catch"),
        "Nothing": block("Foreach", {"No": step("Compose", 1)}, "Catch", foreach=[]),
        "Seen": step("Compose", "@outputs('Nobody')", "Outer", "Catch"),
    }  # fmt: skip


def http(uri: str, *before: str, on: tuple[str, ...] = (), **more: Any) -> Any:
    policy = {"type": "fixed", "count": 2, "interval": "PT1S"}
    limit = more.pop("limit", None)
    inputs = {"method": "GET", "uri": uri, "retryPolicy": policy, **more}
    found = step("Http", inputs, *before, on=on)
    return found | ({"limit": {"timeout": limit}} if limit else {})


def retried(outside: str) -> dict[str, Any]:
    """Return calls that fail, are tried again, are answered later, or too late."""
    login = {"type": "Basic", "username": "ada", "password": "not in the journal"}
    return {
        "Busy": http(f"{outside}/busy"),
        "Later": http(f"{outside}/later", "Busy"),
        "Never": http(f"{outside}/never", "Later", authentication=login),
        "Closed": http("http://127.0.0.1:9/", "Never", on=("Failed",)),
        "In_the_end": http(f"{outside}/ok", "Closed", on=("Failed", "TimedOut"), limit="PT1M"),
    }


def throttled(outside: str) -> dict[str, Any]:
    """Return a call that is told to come later, and one that waits for that by itself."""
    once = {"retryPolicy": {"type": "none"}}
    return {
        "Told": http(f"{outside}/limited", **once),
        "Waits": http(f"{outside}/limited", "Told", on=("Failed",)),
    }


def terminated() -> dict[str, Any]:
    stop = {"runStatus": "Failed", "runError": {"code": "Mine", "message": "no more"}}
    return {
        "Long": step("Wait", {"interval": {"count": 1, "unit": "Hour"}}),
        "A": step("Compose", 1),
        "In": block("Scope", {"Stop": step("Terminate", stop), "Left": step("Compose", 1, "Stop")},
                    "A"),
        "B": step("Compose", 2, "In"),
    }  # fmt: skip


def cancelled() -> dict[str, Any]:
    pause = step("Wait", {"interval": {"count": 1, "unit": "Hour"}})
    return {
        "A": step("Compose", 1),
        "Each": block("Foreach", {"Pause": pause, "Then": step("Compose", 1, "Pause")}, "A",
                      foreach=[1, 2, 3], runtimeConfiguration={"concurrency": {"repetitions": 2}}),
        "B": step("Compose", 2, "Each"),
    }  # fmt: skip


def parent(child: str) -> dict[str, Any]:
    host = {"host": {"workflowReferenceName": child}, "body": {"text": "hello"}}
    return {
        "Call": step("Workflow", host),
        "Said": step("Compose", "@body('Call')?['said']", "Call"),
    }


def webhook(uri: str) -> dict[str, Any]:
    subscribe = {"method": "POST", "uri": uri, "body": {"call": "@{listCallbackUrl()}"}}
    return {
        "Hook": step("HttpWebhook", {"subscribe": subscribe}) | {"limit": {"timeout": "PT1H"}},
        "Said": step("Compose", "@body('Hook')?['decision']", "Hook"),
    }


def answering() -> dict[str, Any]:
    answer = {"statusCode": 201, "body": "@triggerBody()", "headers": {"x-a": "b"}}
    again = {"statusCode": 200}
    return {
        "Answer": step("Response", answer, kind="Http"),
        "Twice": step("Response", again, "Answer", kind="Http"),
        "After": step("Compose", "@triggerBody()?['n']", "Twice", on=("Failed",)),
    }


def long() -> dict[str, Any]:
    count = step("IncrementVariable", {"name": "n", "value": 1})
    keep = step("AppendToArrayVariable", {"name": "all", "value": "@item()"}, "Count")
    return {
        "N": declared("n", "integer", 0),
        "All": declared("all", "array", [], "N"),
        "Each": block("Foreach", {"Count": count, "Keep": keep}, "All", foreach="@range(0, 200)"),
        "Pause": step("Wait", {"interval": {"count": 2, "unit": "Second"}}, "Each"),
        "After": block("Foreach", {"Share": step("Compose", "@mul(item(), variables('n'))")},
                       "Pause", foreach="@take(variables('all'), 20)"),
        "Sum": step("Compose", "@length(outputs('Share'))", "After"),
    }  # fmt: skip


def failing() -> dict[str, Any]:
    """Return a flow of which two iterations fail, while others count."""
    count = step("IncrementVariable", {"name": "n", "value": 1}, "Share")
    share = step("Compose", "@div(8, sub(item(), 2))")
    return {
        "N": declared("n", "integer", 0),
        "First": step("Compose", "@guid()", "N"),
        "Each": block("Foreach", {"Share": share, "Count": count}, "First",
                      foreach=[1, 2, 3, 2, 4]),
        "Last": step("Compose", "@variables('n')", "Each"),
    }  # fmt: skip


def changed() -> dict[str, Any]:
    make = {"entityName": "h_things", "item/h_name": "Set"}
    old = {
        "host": {"connection": {"name": "@parameters('$connections')['people']['connectionId']"}},
        "method": "get",
        "path": "/codeless/v1.0/me",
    }
    one = written.call("rows", written.ROWS, "CreateRecord", make)
    two = one | {"runAfter": {"One": ["Succeeded"]}}
    return {
        "Changes": block("Changeset", {"One": one, "Two": two}),
        "Old": step("ApiConnection", old, "Changes", on=("Succeeded", "Failed")),
        "After": step("Compose", "@outputs('Two')", "Old", on=("Succeeded", "Failed")),
    }  # fmt: skip
