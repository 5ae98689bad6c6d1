"""Build a simulation step by step; nothing happens before `Simulation.run`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from flowner.definitions.flow import Flow
from flowner.definitions.packages import read_package
from flowner.errors import Code, Invalid
from flowner.flows.bringing import read_paths
from flowner.identity.symbolic import Roles, plan_by_roles
from flowner.identity.verdict import Plan, Refusal
from flowner.runs.commands import Failure, Invoke, Outcome
from flowner.runs.requests import request_outputs
from flowner.runs.simulation import Answer, ModelWorld, mocked
from flowner.runs.simulation import simulate as simulate_run
from flowner.testing.recorded import Recorded
from flowner.values import Json, JsonObject, PrincipalId


@dataclass(frozen=True, slots=True)
class Simulation:
    """A flow with what is supposed of the world. Every method returns a new one."""

    flow: Flow
    _roles: Roles = field(default_factory=Roles)
    _trigger: JsonObject = field(default_factory=dict)
    _mocks: Mapping[str, Json] = field(default_factory=dict)
    _parameters: Mapping[str, Json] = field(default_factory=dict)
    _settings: Mapping[str, Json] = field(default_factory=dict)

    def as_user(self, person: str) -> Simulation:
        """Let ``person`` set the flow off: press it, or change the row."""
        who = PrincipalId(person)
        return replace(self, _roles=replace(self._roles, invoker=who, modifier=who))

    def owned_by(self, owner: str) -> Simulation:
        """Name the flow's primary owner."""
        return replace(self, _roles=replace(self._roles, owner=PrincipalId(owner)))

    def with_row_owner(self, owner: str) -> Simulation:
        """Name the owner of the row that a row trigger heard of."""
        return replace(self, _roles=replace(self._roles, row_owner=PrincipalId(owner)))

    def with_connection(self, reference: str, *, owner: str, account: str) -> Simulation:
        """Say whose connection a reference (or a binding's key) points at."""
        bound = {**self._roles.bound, reference.lower(): (PrincipalId(owner), account)}
        return replace(self, _roles=replace(self._roles, bound=bound))

    def with_trigger(self, *, body: Json = None, headers: JsonObject | None = None) -> Simulation:
        """Give the trigger's outputs."""
        return replace(self, _trigger={"headers": headers or {}, "body": body})

    def with_trigger_outputs(self, outputs: JsonObject) -> Simulation:
        """Give the trigger's outputs whole; ``{"request": …}`` is an HTTP request to read."""
        request = outputs.get("request")
        if isinstance(request, dict):
            outputs = _requested(self.flow, request)
        elif isinstance(outputs.get("outputs"), dict):
            outputs = dict(outputs["outputs"])  # type: ignore[arg-type]
        return replace(self, _trigger=outputs)

    def with_mock(
        self,
        action: str,
        *,
        body: Json = None,
        status: int = 200,
        headers: JsonObject | None = None,
        times: int = 1,
    ) -> Simulation:
        """Answer an action's call; given again for the same action, the answers come in turn.

        A ``status`` of 400 and above fails the action. ``times`` repeats the answer. The last
        answer serves all further calls.
        """
        outputs: JsonObject = {"statusCode": status, "headers": headers or {}, "body": body}
        mock: JsonObject = {
            "status": "Succeeded" if status < 400 else "Failed",
            "outputs": outputs,
        }
        before = self._mocks.get(action)
        so_far = before if isinstance(before, list) else [] if before is None else [before]
        return replace(self, _mocks={**self._mocks, action: [*so_far, *([mock] * times)]})

    def with_mocks(self, mocks: Mapping[str, Json]) -> Simulation:
        """Answer calls as the case format does: ``{action: result}`` or ``{action: [result…]}``."""
        return replace(self, _mocks={**self._mocks, **mocks})

    def with_parameters(self, parameters: Mapping[str, Json]) -> Simulation:
        """Give values for the flow's parameters, environment variables among them."""
        return replace(self, _parameters={**self._parameters, **parameters})

    def with_settings(self, settings: Mapping[str, Json]) -> Simulation:
        """Give values for ``appsetting()``."""
        return replace(self, _settings={**self._settings, **settings})

    def run(self) -> Recorded:
        """Run the flow to its end, or until nothing but a late answer could move it.

        A mock for an action that the flow does not have is `Invalid`: it would never be asked.
        """
        self._check_names()
        answer = plan_by_roles(self.flow, self._roles)
        if isinstance(answer, Refusal):
            return Recorded(flow=self.flow, answer=answer, done=None)
        done = simulate_run(
            self.flow,
            trigger=self._trigger,
            answers=_guarded(answer, mocked(self._mocks)),
            world=ModelWorld(),
            parameters=self._parameters,
            settings=self._settings,
        )
        return Recorded(flow=self.flow, answer=answer, done=done)

    def _check_names(self) -> None:
        known = {action.name for action in self.flow.walk()}
        for name in self._mocks:
            if name not in known:
                raise Invalid(
                    f"the flow has no action `{name}` to answer for; it has"
                    f" {', '.join(f'`{one}`' for one in sorted(known))}"
                )


def simulate(flow: str | Path | JsonObject | Flow, *, name: str | None = None) -> Simulation:
    """Begin a simulation of a flow: a file, a package with one flow, a document, or a `Flow`.

    ``name`` chooses one of several flows of a package. `Invalid` says what is wrong with it.
    """
    if isinstance(flow, Flow):
        return Simulation(flow)
    if isinstance(flow, dict):
        package = read_package(orjson.dumps(flow), file="flow.json")
    else:
        package = read_paths(Path(flow))
    found = [one for one in package.flows if name in (None, one.name)]
    if len(found) != 1:
        names = ", ".join(f"`{one.name}`" for one in package.flows) or "none"
        raise Invalid(f"name one flow of the package; it has {names}")
    return Simulation(found[0])


def _guarded(plan: Plan, answer: Answer) -> Answer:
    """Refuse calls of actions that nobody can act in, as the engine does."""

    def guarded(call: Invoke) -> Outcome:
        verdict = plan.actions.get(call.action)
        # What only this server cannot carry out, a mock can.
        if isinstance(verdict, Refusal) and verdict.code is not Code.UNKNOWN_TYPE:
            return Failure(code=verdict.code.value, message=verdict.message)
        return answer(call)

    return guarded


def _requested(flow: Flow, request: JsonObject) -> JsonObject:
    given = request.get("headers")
    headers = {n: str(v) for n, v in given.items()} if isinstance(given, dict) else {}
    body = str(request.get("body", "")).encode()
    target = str(request.get("path", ""))
    return request_outputs(flow.trigger.inputs, target=target, headers=headers, body=body)
