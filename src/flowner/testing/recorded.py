"""What a simulated run left behind, with who acted in each action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from flowner.definitions.flow import Flow, Status
from flowner.errors import NotFound
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.runs.commands import Reply
from flowner.runs.records import ActionRecord
from flowner.runs.simulation import Simulated
from flowner.values import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRun:
    """One instance of one action: how it ended, and in whose name it was carried out.

    The identity's parts are None where the action was skipped or nobody could act in it.
    """

    name: str
    path: str
    status: str
    code: str
    error: str | None
    inputs: Json
    outputs: Json
    acted_as: str | None
    through: str | None
    """Whose connection acted for `acted_as`, where that is somebody else."""
    account: str | None
    rule: str | None
    because: str

    def json(self) -> JsonObject:
        """Return it with the member names of ``flowner run-show --json``."""
        return {
            "action": self.path,
            "name": self.name,
            "status": self.status,
            "code": self.code,
            "error": self.error,
            "acting_as": self.acted_as,
            "actor": self.through,
            "account": self.account,
            "rule": self.rule,
            "because": self.because,
            "inputs": self.inputs,
            "outputs": self.outputs,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A simulated run."""

    flow: Flow
    answer: Plan | Refusal
    done: Simulated | None
    """None: refused before it began."""

    @property
    def status(self) -> str:
        """``Succeeded``, ``Failed``, ``Cancelled``, ``Waiting``, or ``Refused``."""
        return "Refused" if self.done is None else self.done.record.status.value

    @property
    def code(self) -> str:
        """The run's code; '' when there is none."""
        if isinstance(self.answer, Refusal):
            return self.answer.code.value
        return "" if self.done is None else self.done.record.code

    @property
    def error(self) -> str | None:
        """Why the run failed, or was refused."""
        if isinstance(self.answer, Refusal):
            return self.answer.message
        fault = None if self.done is None else self.done.record.error
        return None if fault is None else fault.message

    @property
    def ran_as(self) -> str | None:
        """The running principal."""
        return self.answer.running.principal if isinstance(self.answer, Plan) else None

    @property
    def rule(self) -> str | None:
        """The rule that chose the running principal."""
        return self.answer.running.rule.value if isinstance(self.answer, Plan) else None

    @property
    def response(self) -> Reply | None:
        """What a Response action answered."""
        return None if self.done is None else self.done.reply

    @property
    def actions(self) -> tuple[ActionRun, ...]:
        """Every instance of every action, in the order they began."""
        if self.done is None:
            return ()
        return tuple(self._action(record) for record in self.done.record.actions.values())

    def action(self, name: str, *, repetition: int = 0) -> ActionRun:
        """Return one instance of an action. `NotFound` when it has not so many."""
        found = () if self.done is None else self.done.record.of(name)
        if repetition >= len(found):
            raise NotFound(f"there are {len(found)} instances of `{name}` in the record")
        return self._action(found[repetition])

    def variable(self, name: str) -> Json:
        """Return a variable's value at the end. `NotFound` when there is none."""
        try:
            return None if self.done is None else self.done.run.variable(name)
        except KeyError:
            raise NotFound(f"there is no variable `{name}`") from None

    def json(self) -> JsonObject:
        """Return the whole record as ``flowner simulate --json`` prints it."""
        reply = self.response
        response: JsonObject | None = None
        if reply is not None:
            response = {"statusCode": reply.status, "headers": dict(reply.headers)}
            if reply.has_body:
                response["body"] = reply.body
        running = self.answer.running if isinstance(self.answer, Plan) else None
        return {
            "flow": self.flow.name,
            "kind": self.flow.trigger.flow_kind.value,
            "status": self.status,
            "code": self.code,
            "error": self.error,
            "initiator": self.answer.initiator if isinstance(self.answer, Plan) else None,
            "ran_as": self.ran_as,
            "rule": self.rule,
            "fallback": running.fallback if running else None,
            "actions": [action.json() for action in self.actions],
            "response": response,
            "outputs": _set(self.done.record.outputs) if self.done else None,
        }

    def _action(self, record: ActionRecord) -> ActionRun:
        verdict = self.answer.actions.get(record.name) if isinstance(self.answer, Plan) else None
        skipped = record.status is Status.SKIPPED
        acting = verdict if isinstance(verdict, Acting) and not skipped else None
        because = verdict.message if isinstance(verdict, Refusal) else ""
        return ActionRun(
            name=record.name,
            path=record.path,
            status=record.status.value,
            code=record.code,
            error=record.error.message if record.error else None,
            inputs=_set(record.inputs),
            outputs=_set(record.outputs),
            acted_as=acting.principal if acting else None,
            through=acting.actor if acting else None,
            account=acting.account or None if acting else None,
            rule=acting.rule.value if acting else None,
            because=acting.because if acting else because,
        )


def _set(value: Any) -> Json:
    return None if value is UNSET else value
