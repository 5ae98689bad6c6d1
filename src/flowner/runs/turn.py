"""One turn of the planner: do everything that can be done now.

A turn decides, writes what it decided into events and folds them; nothing it knows is anywhere
else. It looks at the first thing on the agenda, over and over; nothing here recurses into the flow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from msgspec import UNSET

from flowner.definitions.flow import Status
from flowner.expressions.errors import ExpressionError
from flowner.runs import calls, control, data, replies, setting, times
from flowner.runs.changesets import requests_of
from flowner.runs.commands import (
    Command,
    Finish,
    Sleep,
    Step,
    World,
)
from flowner.runs.compiled import Node
from flowner.runs.events import (
    ActionEnded,
    ActionStarted,
    AnyEvent,
    BranchTaken,
    Fault,
    IterationStarted,
    LoopStarted,
    RunEnded,
)
from flowner.runs.folding import Folding
from flowner.runs.results import (
    FAILED,
    HIDDEN,
    TIMED_OUT,
    ActionFault,
    Result,
    broken_template,
)
from flowner.runs.skipping import SKIPPED, condition_failed
from flowner.runs.state import Frame, Record
from flowner.runs.status import unsatisfied
from flowner.runs.viewing import RunScope
from flowner.values import Json

_NO_SUCCESS: Final = "An action failed. No dependent actions succeeded."
_CANCELLED: Final = "ActionCancelled"

_PERFORM: Final[dict[str, Callable[[Node, RunScope], Result]]] = {
    "Compose": data.compose,
    "ParseJson": data.parse_json,
    "Select": data.select,
    "Query": data.query,
    "Table": data.table,
    "Join": data.join,
    "Expression": times.expression,
}
_ON_STATE: Final = {
    "InitializeVariable": setting.initialize,
    "SetVariable": setting.assign,
    "AppendToArrayVariable": setting.append_item,
    "AppendToStringVariable": setting.append_text,
    "IncrementVariable": setting.increment,
    "DecrementVariable": setting.decrement,
    "Response": replies.response,
    "Terminate": replies.terminate,
}
_EXPRESSION_ELSEWHERE: Final = frozenset({"If", "Switch", "Foreach", "Until"})
"""Types whose expression is not in their inputs; their error text says so."""


class Turn:
    """What one call of `Run` does. Used once."""

    def __init__(self, folding: Folding, world: World) -> None:
        self._folding = folding
        self.compiled = folding.compiled
        self.state = folding.state
        self.world = world
        self.scope = RunScope(folding.compiled, folding.state, world)
        self._events: list[AnyEvent] = []
        self._commands: list[Command] = []

    def step(self, limit: int) -> Step:
        """Go on until nothing is left to do now, or ``limit`` events are written."""
        agenda = self.state.agenda
        while agenda and len(self._events) < limit:
            self._next(agenda[0])
        return Step(events=tuple(self._events), commands=tuple(self._commands), more=bool(agenda))

    def command(self, command: Command) -> None:
        """Ask the engine for something, once the step's events are in the journal."""
        self._commands.append(command)

    def emit(self, event: AnyEvent) -> None:
        """Write an event down, and fold it."""
        self._events.append(event)
        self._folding.fold(event)

    def _next(self, path: str) -> None:
        if path == "":
            self._end_run()
            return
        prefix, node = self._folding.locate(path)
        frame = self._folding.frame(node, prefix)
        self.scope.enter(node, frame)
        try:
            if path in self.state.containers:
                self._go_on(path, node)
            else:
                self._start(path, node, frame)
        except ExpressionError as error:
            elsewhere = node.type in _EXPRESSION_ELSEWHERE
            self.end(path, node, broken_template(node.name, str(error), inputs=not elsewhere))
        except ActionFault as fault:
            self.end(path, node, fault.result)

    def _start(self, path: str, node: Node, frame: Frame) -> None:
        skipped = self._unsatisfied(node, frame)
        if skipped is not None:
            self.end(path, node, Result(Status.SKIPPED, SKIPPED, error=skipped))
        elif node.static is not None:
            self.end(path, node, calls.static_result(node.static))
        elif node.type in _PERFORM:
            self.end(path, node, _PERFORM[node.type](node, self.scope))
        elif node.type in _ON_STATE:
            self._change(path, node, _ON_STATE[node.type](node, self.scope, self.state))
        else:
            start = _STARTS.get(node.type)
            if start is None:
                start = Turn._unknown if node.action.call is None else Turn._call
            start(self, path, node)

    def _unsatisfied(self, node: Node, frame: Frame) -> Fault | None:
        block = self.compiled.blocks[node.block]
        before, accepted = block.before[node.position], block.accepted[node.position]
        place = unsatisfied(before, accepted, frame.statuses)
        status = None if place is None else frame.statuses[before[place]]
        if place is None or status is None:
            return None
        predecessor = self.compiled.nodes[block.nodes[before[place]]].name
        return condition_failed(node.name, predecessor, accepted[place], status)

    def _unknown(self, _path: str, node: Node) -> None:
        raise ActionFault(
            f"actions of type `{node.type}` are not supported here",
            error_code="ActionTypeNotSupported",
        )

    def _change(self, path: str, node: Node, result: Result) -> None:
        self.end(path, node, result)
        outputs = result.outputs
        if node.type == replies.RESPONSE and isinstance(outputs, dict):
            self.command(replies.reply(path, outputs))

    def enter(self, path: str) -> Node:
        """See the run as the action at this path does. Raises `Invalid` if it is not open."""
        prefix, node = self._folding.locate(path)
        self.scope.enter(node, self._folding.frame(node, prefix))
        return node

    def end(
        self, path: str, node: Node, result: Result, *, acting: Json = None, children: str = ""
    ) -> None:
        """End an action with this result; its tracked properties are evaluated now.

        ``acting`` None: who acted in the call that waited, if it was one.
        """
        status, code, inputs, outputs, error = result
        calling = self.state.calls.get(path)
        tracked: object = UNSET
        if "trackedProperties" in node.templates and status is not Status.SKIPPED:
            tracked, result = self._tracked(node, result, calling.inputs if calling else inputs)
            status, code, inputs, outputs, error = result
        self.emit(
            ActionEnded(
                at=self.world.now,
                path=path,
                status=status,
                started=None if status is Status.SKIPPED else self._started_at(path),
                inputs=inputs,
                outputs=outputs,
                code=code,
                error=error,
                acting=calling.acting if acting is None and calling else acting,
                attempt=calling.attempt if calling else 1,
                tracked=tracked,
                children=children,
                secure=node.secure,
            )
        )

    def _started_at(self, path: str) -> datetime:
        prefix, node = self._folding.locate(path)
        record = self.state.records.get(prefix, {}).get(node.key)
        return self.world.now if record is None or record.started is None else record.started

    def _tracked(self, node: Node, result: Result, inputs: object) -> tuple[object, Result]:
        self.scope.ending = Record(
            status=result.status, code=result.code, inputs=inputs, outputs=result.outputs
        )
        try:
            return node.templates["trackedProperties"].evaluate(self.scope), result
        except ExpressionError as error:
            code = "TrackedPropertiesEvaluationFailed"
            fault = Fault(code, str(error))
            return UNSET, result._replace(status=Status.FAILED, code=code, error=fault)
        finally:
            self.scope.ending = None

    # Containers

    def _if(self, path: str, node: Node) -> None:
        result = control.condition(node, self.scope)
        self._branch(path, node, 0 if result else 1, result)

    def _switch(self, path: str, node: Node) -> None:
        value = control.switch_value(node, self.scope)
        try:
            position = control.chosen_case(node.action.branches, value)
        except control.Mismatch as error:
            result = Result(Status.FAILED, FAILED, error=Fault(FAILED, _NO_SUCCESS))
            self.end(path, node, result, children=str(error))
            return
        self._branch(path, node, position, value)

    def _begin(self, path: str, _node: Node) -> None:
        self.emit(BranchTaken(at=self.world.now, path=path, branch=0))

    def _branch(self, path: str, node: Node, position: int, result: Json) -> None:
        self.emit(
            BranchTaken(
                at=self.world.now,
                path=path,
                branch=position,
                inputs={"expressionResult": result},
                secure=node.secure,
            )
        )

    def _foreach(self, path: str, node: Node) -> None:
        items = control.loop_items(node, self.scope)
        self.emit(LoopStarted(at=self.world.now, path=path, items=items, width=node.width))

    def _until(self, path: str, node: Node) -> None:
        now = self.world.now
        limit = control.until_limit(node, self.scope, now)
        self.emit(IterationStarted(at=now, path=path, index=0, due=limit.due))

    def _go_on(self, path: str, node: Node) -> None:
        """All that is inside has ended."""
        container = self.state.containers[path]
        if node.type != "Until" or control.condition(node, self.scope):
            self.end(path, node, _block_result(container.status))
            return
        now = self.world.now
        limit = control.until_limit(node, self.scope, now)
        late = container.due is not None and now >= container.due
        if not late and container.next < limit.count:
            self.emit(IterationStarted(at=now, path=path, index=container.next))
        elif "failwhenlimitsreached" in node.options:
            code = "ActionUntilConditionFailed"
            message = f"The action '{node.name}' reached its limit before its condition held."
            self.end(path, node, Result(Status.FAILED, code, error=Fault(code, message)))
        else:
            status = Status.TIMED_OUT if late else container.status
            self.end(path, node, _block_result(status))

    # Calls and pauses

    def _call(self, path: str, node: Node) -> None:
        inputs = calls.evaluated(node, self.scope)
        self._go_out(path, node, inputs)

    def _changeset(self, path: str, node: Node) -> None:
        if not any(True for _ in self.compiled.inside(node)):
            self._begin(path, node)
            return
        self._go_out(path, node, {"requests": requests_of(self.compiled, node, self.scope)})

    def _go_out(self, path: str, node: Node, inputs: dict[str, Json]) -> None:
        due = calls.deadline(node, self.scope, self.world.now)
        authentication = self.authentication(node)
        self.emit(
            ActionStarted(at=self.world.now, path=path, inputs=inputs, due=due, secure=node.secure)
        )
        self.invoke(path, node, authentication)
        if due is not None:
            self.command(Sleep(until=due, path=path))

    def authentication(self, node: Node) -> Json:
        """Evaluate an Http action's credentials. Raises `ExpressionError`."""
        template = node.templates.get("authentication")
        return None if template is None else template.evaluate(self.scope)

    def invoke(self, path: str, node: Node, authentication: Json) -> None:
        """Ask for the call that is open at this path."""
        started = self.state.started
        self.command(
            calls.invocation(
                self.compiled,
                node,
                path,
                self.state.calls[path],
                run=0 if started is None else started.run,
                authentication=authentication,
            )
        )

    def _wait(self, path: str, node: Node) -> None:
        now = self.world.now
        inputs, until = times.wait_inputs(node, self.scope, now)
        if until <= now:
            self.end(path, node, Result(inputs=inputs))
            return
        self.emit(ActionStarted(at=now, path=path, inputs=inputs, until=until))
        self.command(Sleep(until=until, path=path))

    # The end

    def _end_run(self) -> None:
        ending = self.state.ending
        if ending is None:
            ended = self._by_leaves()
        else:
            self._close_all()
            ended = ending
        self.emit(ended)
        self.command(Finish(status=ended.status, code=ended.code, error=ended.error))

    def _close_all(self) -> None:
        """Cancel what is still open, innermost first."""
        # Inside comes after outside in both tables; calls are never around anything.
        for path in [*reversed(self.state.calls), *reversed(self.state.containers)]:
            if path:
                result = Result(Status.CANCELLED, _CANCELLED)
                self.end(path, self.enter(path), result)

    def _by_leaves(self) -> RunEnded:
        now, status = self.world.now, self.state.containers[""].status
        result = _block_result(status)
        if status is not Status.SUCCEEDED:
            return RunEnded(at=now, status=status, code=result.code, error=result.error)
        self.scope.leave()
        try:
            outputs = self.compiled.outputs.evaluate(self.scope)
        except ExpressionError as error:
            code = "OutputParameterEvaluationFailed"
            return RunEnded(at=now, status=Status.FAILED, code=code, error=Fault(code, str(error)))
        return RunEnded(at=now, status=status, outputs=outputs or UNSET)


_STARTS: Final[dict[str, Callable[[Turn, str, Node], None]]] = {
    "If": Turn._if,
    "Switch": Turn._switch,
    "Scope": Turn._begin,
    "Foreach": Turn._foreach,
    "Until": Turn._until,
    "Changeset": Turn._changeset,
    "Wait": Turn._wait,
    **dict.fromkeys(("Http", "HttpWebhook", "Workflow", "ServiceProvider"), Turn._call),
}


def _block_result(status: Status) -> Result:
    if status is Status.SUCCEEDED:
        return Result(code=HIDDEN)
    if status is Status.TIMED_OUT:
        fault = Fault(TIMED_OUT, "An action timed out. No dependent actions succeeded.")
        return Result(status, TIMED_OUT, error=fault)
    return Result(status, FAILED, error=Fault(FAILED, _NO_SUCCESS))
