"""What the run knows: parameters, variables, the trigger, actions, loops."""

from __future__ import annotations

from typing import Any

from flowner.expressions.arguments import a_string, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.scope import Scope

_F = Family.WORKFLOW


@function("parameters", _F, "parameters(name)", "A parameter of the flow.", needs_scope=True)
def parameters(scope: Scope, name: Any) -> Any:
    return scope.parameter(a_string("parameters", 0, name))


@function("variables", _F, "variables(name)", "A variable.", needs_scope=True)
def variables(scope: Scope, name: Any) -> Any:
    return scope.variable(a_string("variables", 0, name))


@function("trigger", _F, "trigger()", "The trigger's record.", needs_scope=True)
def trigger(scope: Scope) -> Any:
    return scope.trigger()


@function("triggerOutputs", _F, "triggerOutputs()", "What the trigger gave.", needs_scope=True)
def trigger_outputs(scope: Scope) -> Any:
    return _part(scope.trigger(), "outputs")


@function("triggerBody", _F, "triggerBody()", "The body that the trigger gave.", needs_scope=True)
def trigger_body(scope: Scope) -> Any:
    return _part(_part(scope.trigger(), "outputs"), "body")


@function("actions", _F, "actions(name)", "An action's record.", needs_scope=True)
def actions(scope: Scope, name: Any) -> Any:
    return scope.action(a_string("actions", 0, name))


@function("outputs", _F, "outputs(name)", "What an action gave.", needs_scope=True)
def outputs(scope: Scope, name: Any) -> Any:
    return scope.outputs(a_string("outputs", 0, name))


@function("body", _F, "body(name)", "The body that an action gave.", needs_scope=True)
def body(scope: Scope, name: Any) -> Any:
    return _part(scope.outputs(a_string("body", 0, name)), "body")


@function("actionOutputs", _F, "actionOutputs(name)", "As `outputs`.", needs_scope=True)
def action_outputs(scope: Scope, name: Any) -> Any:
    return outputs(scope, name)


@function("actionBody", _F, "actionBody(name)", "As `body`.", needs_scope=True)
def action_body(scope: Scope, name: Any) -> Any:
    return body(scope, name)


@function("result", _F, "result(scope)", "The records of what is directly inside a scope or loop.",
          needs_scope=True)  # fmt: skip
def result(scope: Scope, name: Any) -> Any:
    return scope.result(a_string("result", 0, name))


@function("item", _F, "item()", "The current item of the innermost loop.", needs_scope=True)
def item(scope: Scope) -> Any:
    return scope.item()


@function("items", _F, "items(loop)", "The current item of a loop.", needs_scope=True)
def items(scope: Scope, loop: Any) -> Any:
    return scope.items(a_string("items", 0, loop))


@function("iterationIndexes", _F, "iterationIndexes(loop)", "Which iteration of an Until this is.",
          needs_scope=True)  # fmt: skip
def iteration_indexes(scope: Scope, loop: Any) -> Any:
    return scope.iteration_index(a_string("iterationIndexes", 0, loop))


@function("workflow", _F, "workflow()", "About the flow and the run.", needs_scope=True)
def workflow(scope: Scope) -> Any:
    return scope.workflow()


@function("listCallbackUrl", _F, "listCallbackUrl()", "Where the action can be answered.",
          needs_scope=True)  # fmt: skip
def list_callback_url(scope: Scope) -> str:
    return scope.callback_url()


@function("appsetting", _F, "appsetting(name)", "A setting of the server.", needs_scope=True)
def appsetting(scope: Scope, name: Any) -> Any:
    return scope.setting(a_string("appsetting", 0, name))


def _part(record: Any, name: str) -> Any:
    if record is None:
        return None
    if not isinstance(record, dict):
        fail(name, "found a record that is no object.")
    return record.get(name)
