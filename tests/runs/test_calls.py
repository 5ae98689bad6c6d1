"""Actions that ask a connector: what goes out, what an answer makes of them, and time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec import UNSET

from flowner.definitions.flow import Status
from flowner.runs.commands import (
    Failure,
    Finish,
    Invoke,
    Outcome,
    Parked,
    Sleep,
    Step,
    Success,
    Throttled,
    Transient,
)
from flowner.runs.events import ActionStarted, AnyEvent, encode
from flowner.runs.records import STRUCK_OUT, ActionRecord, RunRecord, run_record
from flowner.runs.run import Run
from worlds.flows import (
    CANCELLED,
    FAILED,
    NOW,
    SKIPPED,
    SUCCEEDED,
    TIMED_OUT,
    after,
    begun,
    call,
    compiled,
    compose,
    first_event,
    invokes,
    world,
)

SAYS = {"error": {"message": "later"}}


class Asked:
    """A run of one flow, step by step."""

    def __init__(self, actions: dict[str, Any], **given: Any) -> None:
        self.flow = compiled(actions, **given.pop("members", {}))
        self.run = begun(self.flow, **given)
        self.events: list[AnyEvent] = [first_event(self.flow, **given)]
        self.commands: list[Any] = []
        self.take(self.run.advance(world()))

    def take(self, step: Step) -> Step:
        self.events.extend(step.events)
        self.commands.extend(step.commands)
        return step

    def answer(self, path: str, outcome: Outcome, seconds: float = 1) -> Step:
        return self.take(self.run.answer(path, outcome, world(seconds), acting={"rule": "r"}))

    def wake(self, seconds: float) -> Step:
        return self.take(self.run.wake(world(seconds)))

    @property
    def record(self) -> RunRecord:
        return run_record(self.flow, self.events)

    def of(self, path: str) -> ActionRecord:
        return self.record.actions[path]


LEGACY = {
    "host": {"connection": {"name": "@parameters('$connections')['office']['connectionId']"}},
    "method": "post",
    "path": "/v2/Mail/@{add(1, 1)}",
    "body": {"To": "a@b.example"},
}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(
            call(inputs={"parameters": {"emailMessage/To": "@{add(1, 1)}"}}),
            ("shared_mail", "Send", "mail", {"emailMessage/To": "2"}),
            id="a connector",
        ),
        pytest.param(
            {"type": "ApiConnection", "inputs": LEGACY},
            (
                "",
                "",
                "office",
                {"method": "post", "path": "/v2/Mail/2", "body": {"To": "a@b.example"}},
            ),
            id="a legacy connector call",
        ),
        pytest.param(
            {"type": "Http", "inputs": {"method": "GET", "uri": "https://x/@{1}"}},
            ("http", "Http", "", {"method": "GET", "uri": "https://x/1"}),
            id="HTTP",
        ),
        pytest.param(
            {
                "type": "Workflow",
                "inputs": {"host": {"workflowReferenceName": "w"}, "body": {"a": "@add(1,1)"}},
            },
            (
                "workflow",
                "Workflow",
                "",
                {"host": {"workflowReferenceName": "w"}, "body": {"a": 2}},
            ),
            id="a child flow",
        ),
        pytest.param(
            {
                "type": "ServiceProvider",
                "inputs": {
                    "parameters": {"queue": "q"},
                    "serviceProviderConfiguration": {
                        "connectionName": "bus",
                        "operationId": "sendMessage",
                        "serviceProviderId": "/serviceProviders/serviceBus",
                    },
                },
            },
            ("serviceBus", "sendMessage", "bus", {"queue": "q"}),
            id="a service provider",
        ),
    ],
)
def test_invoke(action: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (command,) = invokes(tuple(Asked({"It": action}).commands))
    found = (command.connector, command.operation, command.binding, command.parameters)
    assert found == expected
    assert (command.path, command.action, command.attempt) == ("It", "It", 1)
    assert command.idempotency_key == "1/It"
    assert not command.waits


def test_a_webhook_may_be_answered_later() -> None:
    asked = Asked({"It": {**call(), "type": "OpenApiConnectionWebhook"}})
    assert asked.commands[0].waits
    asked.answer("It", Parked(reason="approval"))
    assert asked.run.status is Status.WAITING
    assert asked.of("It").waiting_for == "approval"
    assert invokes(asked.run.resume(world(2)).commands) == []
    asked.answer("It", Success(body="yes"), 99)
    assert asked.of("It").outputs == {"statusCode": 200, "headers": {}, "body": "yes"}


def test_a_parked_call_goes_out_again_with_the_same_key() -> None:
    asked = Asked({"It": call()})
    asked.answer("It", Parked(reason="sign in"))
    (again,) = invokes(asked.take(asked.run.retry("It", world(5))).commands)
    assert (again.attempt, again.idempotency_key) == (1, asked.commands[0].idempotency_key)
    asked.answer("It", Success())
    assert asked.record.status is SUCCEEDED


@pytest.mark.parametrize(
    ("outcome", "status", "code", "outputs", "error"),
    [
        pytest.param(
            Success(body={"a": 1}, headers={"X": "y"}),
            SUCCEEDED,
            "OK",
            {"statusCode": 200, "headers": {"X": "y"}, "body": {"a": 1}},
            None,
            id="success",
        ),
        pytest.param(
            Success(status=204, has_body=False),
            SUCCEEDED,
            "NoContent",
            {"statusCode": 204, "headers": {}},
            None,
            id="success without a body",
        ),
        pytest.param(
            Success(status=404, body="gone"),
            FAILED,
            "NotFound",
            {"statusCode": 404, "headers": {}, "body": "gone"},
            None,
            id="an answer that is a failure keeps its outputs and has no error",
        ),
        pytest.param(
            Success(status=418, body=None),
            FAILED,
            "418",
            {"statusCode": 418, "headers": {}, "body": None},
            None,
            id="a status without a name",
        ),
        pytest.param(
            Failure(code="0x80040220", message="no privilege", status=403),
            FAILED,
            "Forbidden",
            {
                "statusCode": 403,
                "headers": {},
                "body": {"error": {"code": "0x80040220", "message": "no privilege"}},
            },
            None,
            id="rejected",
        ),
        pytest.param(
            Failure(code="ConnectionAuthorizationFailed", message="ask Ada"),
            FAILED,
            "ConnectionAuthorizationFailed",
            UNSET,
            ("ConnectionAuthorizationFailed", "ask Ada"),
            id="refused before it went out",
        ),
    ],
)
def test_answer(
    outcome: Outcome, status: Status, code: str, outputs: Any, error: tuple[str, str] | None
) -> None:
    asked = Asked({"It": call()})
    asked.answer("It", outcome)
    found = asked.of("It")
    assert (found.status, found.code, found.outputs) == (status, code, outputs)
    assert (found.error and (found.error.code, found.error.message)) == error
    assert found.acting == {"rule": "r"}
    assert (found.started, found.ended) == (NOW, NOW + timedelta(seconds=1))


def test_a_transient_failure_is_tried_again_with_the_same_key_and_inputs() -> None:
    fixed = {"retryPolicy": {"type": "fixed", "count": 2, "interval": "PT5S"}}
    asked = Asked({"It": call(inputs={"parameters": {"id": "@guid()"}, **fixed})})
    first = asked.commands[0]
    step = asked.answer("It", Transient(message="busy"), 1)
    assert step.commands == (Sleep(until=NOW + timedelta(seconds=6), path="It"),)
    assert asked.run.status is Status.WAITING
    assert asked.wake(5).events == ()
    (second,) = asked.wake(6).commands
    assert isinstance(second, Invoke)
    assert second.attempt == 2
    assert second.idempotency_key == first.idempotency_key
    assert second.parameters == first.parameters
    asked.answer("It", Success(status=429, headers={"Retry-After": "30"}), 7)
    assert asked.run.next_wake == NOW + timedelta(seconds=37)
    asked.wake(37)
    asked.answer("It", Transient(message="still busy", status=502), 38)
    found = asked.of("It")
    assert (found.status, found.code) == (FAILED, "BadGateway")
    assert [(one.attempt, one.code, one.message) for one in found.attempts] == [
        (1, "ServiceUnavailable", "busy"),
        (2, "429", ""),
    ]


@pytest.mark.parametrize(
    ("outcome", "secure", "expected"),
    [
        pytest.param(Transient(message="busy"), False, "busy", id="our own words"),
        pytest.param(Success(status=503, body=SAYS), False, "later", id="the outside's"),
        pytest.param(Success(status=503, body=SAYS), True, "", id="unless outputs are secret"),
        pytest.param(Transient(message="busy", body=SAYS), True, "busy", id="ours are no secret"),
        pytest.param(Success(status=503, body={"error": "no"}), False, "", id="no message"),
        pytest.param(Success(status=503, body="no"), False, "", id="no object"),
    ],
)
def test_an_attempt_says_why_it_failed(outcome: Any, secure: bool, expected: str) -> None:
    policy = {"retryPolicy": {"type": "fixed", "count": 1, "interval": "PT5S"}}
    action = call(inputs=policy)
    if secure:
        action["runtimeConfiguration"] = {"secureData": {"properties": ["outputs"]}}
    asked = Asked({"It": action})
    asked.answer("It", outcome, 1)
    (attempt,) = asked.of("It").attempts
    assert attempt.message == expected


def test_a_rejection_is_not_tried_again() -> None:
    asked = Asked({"It": call()})
    asked.answer("It", Failure(code="x", message="no", status=503))
    assert asked.of("It").attempts == ()


def test_a_retry_policy_that_is_none_fails_the_action() -> None:
    asked = Asked({"It": call(inputs={"retryPolicy": {"type": "always"}})})
    asked.answer("It", Transient(message="busy"))
    error = asked.of("It").error
    assert error is not None
    assert error.code == "InvalidRetryPolicy"


def test_an_action_that_takes_too_long_times_out_and_its_answer_comes_too_late() -> None:
    actions = {
        "It": call(limit={"timeout": "PT1M"}),
        "Late": compose("late", "It", on="TimedOut"),
    }
    asked = Asked(actions)
    assert asked.commands[1] == Sleep(until=NOW + timedelta(minutes=1), path="It")
    asked.answer("It", Parked())
    asked.wake(60)
    found = asked.of("It")
    assert (found.status, found.code) == (TIMED_OUT, "ActionTimedOut")
    assert asked.of("Late").status is SUCCEEDED
    assert asked.answer("It", Success(), 61) == Step()


@pytest.mark.parametrize(
    ("inputs", "seconds"),
    [
        pytest.param({"interval": {"count": 2, "unit": "Minute"}}, 120, id="for a while"),
        pytest.param({"until": {"timestamp": "2026-03-01T12:01:00Z"}}, 60, id="until a time"),
        pytest.param({"until": {"timestamp": "2020-01-01"}}, 0, id="until a time that has passed"),
        pytest.param({"interval": {"count": "@sub(1, 1)", "unit": "Day"}}, 0, id="for no time"),
    ],
)
def test_wait(inputs: Any, seconds: float) -> None:
    asked = Asked({"It": {"type": "Wait", "inputs": inputs}})
    if seconds:
        assert asked.run.status is Status.WAITING
        assert asked.run.next_wake == NOW + timedelta(seconds=seconds)
        assert asked.wake(seconds - 1) == Step()
        asked.wake(seconds)
    found = asked.of("It")
    assert (found.status, found.ended) == (SUCCEEDED, NOW + timedelta(seconds=seconds))


def test_credentials_go_out_and_stay_out_of_the_journal() -> None:
    http = {
        "method": "GET",
        "uri": "https://x",
        "authentication": {"type": "Basic", "username": "u", "password": "@parameters('p')"},
    }
    parameters = {"p": {"type": "SecureString", "defaultValue": "hunter2"}}
    asked = Asked({"It": {"type": "Http", "inputs": http}}, members={"parameters": parameters})
    sent = asked.commands[0].parameters["authentication"]
    assert sent == {"type": "Basic", "username": "u", "password": "hunter2"}
    asked.answer("It", Transient(message="busy"))
    asked.wake(600)
    assert asked.commands[-1].parameters["authentication"] == sent
    again = Run.replay(asked.flow, asked.events).resume(world(601))
    assert invokes(again.commands)[0].parameters["authentication"] == sent
    assert not any(b"hunter2" in encode(event) for event in asked.events)
    assert b"hunter2" not in asked.run.snapshot()
    assert "hunter2" not in repr(asked.commands)


def test_an_imported_authentication_expression_is_not_evaluated() -> None:
    token = "@json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))['$ConnectionKey']"
    asked = Asked({"It": call(inputs={"authentication": {"type": "Raw", "value": token}})})
    assert asked.commands[0].parameters == {"to": "a@b.example"}


def test_what_the_author_secured_is_struck_out_of_records_alone() -> None:
    secure = {"secureData": {"properties": ["outputs"]}}
    actions = {
        "It": call(runtimeConfiguration=secure),
        "Uses": compose("@body('It')", "It"),
        "Counts": {
            **call("Uses"),
            "inputs": {**call()["inputs"], "parameters": {"all": "@body('It')"}},
        },
        "Other": compose(1, "Counts"),
    }
    asked = Asked(actions)
    asked.answer("It", Success(body={"secret": "s3cret"}))
    assert asked.commands[-1].parameters == {"all": {"secret": "s3cret"}}
    asked.answer("Counts", Success(body="fine"))
    assert asked.of("It").outputs == STRUCK_OUT
    assert asked.of("It").inputs != STRUCK_OUT
    assert (asked.of("Uses").inputs, asked.of("Uses").outputs) == (STRUCK_OUT, STRUCK_OUT)
    assert asked.of("Counts").inputs == STRUCK_OUT
    assert asked.of("Counts").outputs == {"statusCode": 200, "headers": {}, "body": "fine"}
    assert asked.of("Other").outputs == 1
    assert "s3cret" not in repr(asked.record.actions)


def test_what_came_through_a_secured_trigger_or_a_loop_is_struck_out_too() -> None:
    secure = {"secureData": {"properties": ["outputs"]}}
    trigger = {"type": "Request", "kind": "Http", "runtimeConfiguration": secure}
    loop = {
        "type": "Foreach",
        "foreach": "@triggerBody()",
        "actions": {"In": compose("@items('L')"), "Other": compose("fine")},
    }
    asked = Asked(
        {"A": compose("@triggerOutputs()['body']"), "L": loop},
        outputs={"body": ["s3cret"]},
        members={"trigger": trigger},
    )
    assert asked.of("A").outputs == STRUCK_OUT
    assert asked.of("L[0]/In").outputs == STRUCK_OUT
    assert asked.of("L[0]/Other").outputs == "fine"
    assert "s3cret" not in str(asked.record.trigger)
    assert "s3cret" not in repr(asked.record.actions)


def test_tracked_properties_see_the_action_they_are_about() -> None:
    tracked = {"status": "@action()['status']", "body": "@action()['outputs']['body']"}
    asked = Asked({"It": call(trackedProperties=tracked)})
    asked.answer("It", Success(body="b"))
    assert asked.of("It").tracked == {"status": "Succeeded", "body": "b"}


def test_tracked_properties_that_cannot_be_evaluated_fail_the_action() -> None:
    asked = Asked({"It": {**compose(1), "trackedProperties": {"a": "@div(1, 0)"}}})
    assert asked.of("It").code == "TrackedPropertiesEvaluationFailed"


def test_cancelled_everything_open_is_cancelled_and_the_rest_skipped() -> None:
    inside = {"Call": call(), "Next": compose(1, "Call")}
    actions = {
        "Done": compose(1),
        "S": {"type": "Scope", "actions": inside, "runAfter": after("Done")},
        "End": compose(2, "S"),
    }
    asked = Asked(actions)
    step = asked.take(asked.run.cancel(world(3), by="ada", reason="enough"))
    assert isinstance(step.commands[-1], Finish)
    assert {path: found.status for path, found in asked.record.actions.items()} == {
        "Done": SUCCEEDED,
        "S": CANCELLED,
        "Call": CANCELLED,
        "Next": SKIPPED,
        "End": SKIPPED,
    }
    assert (asked.record.status, asked.record.cancelled_by) == (CANCELLED, "ada")
    assert asked.answer("Call", Success()) == Step()


REQUEST = {"host": call()["inputs"]["host"], "parameters": {"name": "n"}}
CHANGES = {
    "type": "Changeset",
    "actions": {
        "One": {"type": "OpenApiConnection", "inputs": REQUEST},
        "Two": {"type": "OpenApiConnection", "inputs": REQUEST, "runAfter": after("One")},
    },
}


def test_a_changeset_goes_out_as_one_call() -> None:
    asked = Asked({"Changes": CHANGES, "End": compose("@outputs('Two')", "Changes")})
    (command,) = invokes(tuple(asked.commands))
    assert (command.connector, command.operation) == ("shared_mail", "ExecuteChangeset")
    assert command.binding == "mail"
    assert command.parameters == {
        "requests": [
            {"name": "One", "operation": "Send", "parameters": {"name": "n"}},
            {"name": "Two", "operation": "Send", "parameters": {"name": "n"}},
        ]
    }
    asked.answer("Changes", Success(body=[{"statusCode": 201}, {"statusCode": 204}]))
    assert {found.status for found in asked.record.actions.values()} == {SUCCEEDED}
    assert asked.of("One").inputs == REQUEST
    assert asked.of("End").outputs == {"statusCode": 204}


def test_a_changeset_fails_as_a_whole() -> None:
    asked = Asked({"Changes": CHANGES})
    asked.answer("Changes", Failure(code="0x80040217", message="no such row", status=404))
    assert {path: found.status for path, found in asked.record.actions.items()} == {
        "Changes": FAILED,
        "One": FAILED,
        "Two": FAILED,
    }


def test_a_deep_answer_is_refused_not_a_crash() -> None:
    body: Any = 1
    for _ in range(5_000):
        body = [body]
    asked = Asked({"It": call()})
    asked.answer("It", Success(body=body))
    assert asked.of("It").code == "BadGateway"


def test_the_started_event_rides_with_the_command() -> None:
    asked = Asked({"A": compose(1), "It": call("A")})
    started = [event for event in asked.events if isinstance(event, ActionStarted)]
    assert [event.path for event in started] == [c.path for c in invokes(tuple(asked.commands))]


def test_a_call_that_a_limit_holds_back_goes_out_as_the_same_attempt() -> None:
    asked = Asked({"A": call()})
    until = NOW + timedelta(seconds=30)
    step = asked.take(
        asked.run.answer("A", Throttled(until=until, reason="the limit of X"), world())
    )
    assert step.commands == (Sleep(until=until, path="A"),)
    assert (asked.run.status, asked.run.next_wake) == (Status.WAITING, until)
    again = Run.restore(asked.flow, asked.run.snapshot())
    (invoke,) = again.wake(world(30)).commands
    assert isinstance(invoke, Invoke)
    assert (invoke.attempt, invoke.slot) == (1, until)
    step = asked.take(asked.run.wake(world(30)))
    no = Transient(message="busy", status=429)
    asked.take(asked.run.answer("A", no, world(30)))
    pause = asked.run.next_wake
    assert pause is not None
    (invoke,) = asked.take(asked.run.wake(world((pause - NOW).total_seconds()))).commands
    assert (invoke.attempt, invoke.slot) == (2, None), "a no uses up an attempt, and its slot"
