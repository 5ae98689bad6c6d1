"""What the run knows: parameters, variables, the trigger, actions, loops."""

from __future__ import annotations

from typing import Any, Final

from flowner.expressions.arguments import a_string, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.scope import Scope

_F = Family.WORKFLOW


_HERE: Final = "is not defined at current scope"


@function("parameters", _F, "parameters(name)", "A parameter of the flow.", ("parameters('limit')", 10),
          errors=(("parameters('nope')", "The workflow parameter 'nope' is not found."),), needs_scope=True)  # fmt: skip
def parameters(scope: Scope, name: Any) -> Any:
    return scope.parameter(a_string("parameters", 0, name))


@function("variables", _F, "variables(name)", "A variable.", ("variables('total')", 3),
          errors=(("variables('nope')", "the template variable 'nope' cannot be found"),), needs_scope=True)  # fmt: skip
def variables(scope: Scope, name: Any) -> Any:
    return scope.variable(a_string("variables", 0, name))


@function("trigger", _F, "trigger()", "The trigger's record.",
          ("trigger()['name']", "manual"), errors=(("trigger(1)", "must not have any parameters."),),
          needs_scope=True)  # fmt: skip
def trigger(scope: Scope) -> Any:
    return scope.trigger()


@function("triggerOutputs", _F, "triggerOutputs()", "What the trigger gave.",
          ("triggerOutputs()['headers']['Accept']", "text/plain"),
          errors=(("triggerOutputs('a')", "must not have any parameters."),), needs_scope=True)  # fmt: skip
def trigger_outputs(scope: Scope) -> Any:
    return _part(scope.trigger(), "outputs")


@function("triggerBody", _F, "triggerBody()", "The body that the trigger gave.",
          ("triggerBody()", "subject=Hello&to=a&to=b"),
          errors=(("triggerBody('a')", "must not have any parameters."),), needs_scope=True)  # fmt: skip
def trigger_body(scope: Scope) -> Any:
    return _part(_part(scope.trigger(), "outputs"), "body")


@function("actions", _F, "actions(name)", "An action's record.", ("actions('Fetch')['status']", "Succeeded"),
          errors=(("actions('Nope')", _HERE),), needs_scope=True)  # fmt: skip
def actions(scope: Scope, name: Any) -> Any:
    return scope.action(a_string("actions", 0, name))


@function("outputs", _F, "outputs(name)", "What an action gave.",
          ("outputs('Fetch')?['body/name']", "Ada"), errors=(("outputs('Nope')", _HERE),), needs_scope=True)  # fmt: skip
def outputs(scope: Scope, name: Any) -> Any:
    return scope.outputs(a_string("outputs", 0, name))


@function("body", _F, "body(name)", "The body that an action gave.", ("body('fetch')", {"name": "Ada"}),
          errors=(("body('Nope')", _HERE),), needs_scope=True)  # fmt: skip
def body(scope: Scope, name: Any) -> Any:
    return _part(scope.outputs(a_string("body", 0, name)), "body")


@function("actionOutputs", _F, "actionOutputs(name)", "As `outputs`.",
          ("actionOutputs('Fetch')", {"body": {"name": "Ada"}}), errors=(("actionOutputs('Nope')", _HERE),),
          needs_scope=True)  # fmt: skip
def action_outputs(scope: Scope, name: Any) -> Any:
    return scope.outputs(a_string("actionOutputs", 0, name))


@function("actionBody", _F, "actionBody(name)", "As `body`.", ("actionBody('Fetch')", {"name": "Ada"}),
          errors=(("actionBody('Nope')", _HERE),), needs_scope=True)  # fmt: skip
def action_body(scope: Scope, name: Any) -> Any:
    return _part(scope.outputs(a_string("actionBody", 0, name)), "body")


@function("result", _F, "result(scope)", "The records of what is directly inside a scope or loop.",
          ("first(result('Try'))['status']", "Failed"), errors=(("result('Nope')", _HERE),),
          needs_scope=True)  # fmt: skip
def result(scope: Scope, name: Any) -> Any:
    return scope.result(a_string("result", 0, name))


@function("item", _F, "item()", "The current item of the innermost loop, or of Select and the like.",
          ("item()", {"n": 1}), errors=(("item(1)", "must not have any parameters."),), needs_scope=True)  # fmt: skip
def item(scope: Scope) -> Any:
    return scope.item()


@function("items", _F, "items(loop)", "The current item of a loop.", ("items('Each')['n']", 1),
          errors=(("items('Nope')", "are not defined in the template"),), needs_scope=True)  # fmt: skip
def items(scope: Scope, loop: Any) -> Any:
    return scope.items(a_string("items", 0, loop))


@function("iterationIndexes", _F, "iterationIndexes(loop)", "Which iteration of an Until this is, from 0.",
          ("iterationIndexes('Until')", 2), errors=(("iterationIndexes('Nope')", _HERE),), needs_scope=True)  # fmt: skip
def iteration_indexes(scope: Scope, loop: Any) -> Any:
    return scope.iteration_index(a_string("iterationIndexes", 0, loop))


@function("workflow", _F, "workflow()", "About the flow and the run.",
          ("workflow()['run']['name']", "08585"), errors=(("workflow('a')", "must not have any parameters."),),
          needs_scope=True)  # fmt: skip
def workflow(scope: Scope) -> Any:
    return scope.workflow()


@function("listCallbackUrl", _F, "listCallbackUrl()", "Where the action can be answered.",
          ("uriScheme(listCallbackUrl())", "https"), errors=(("listCallbackUrl(1)", "must not have any parameters."),),
          needs_scope=True)  # fmt: skip
def list_callback_url(scope: Scope) -> str:
    return scope.callback_url()


@function("appsetting", _F, "appsetting(name)", "A setting that the run was started with.",
          ("appsetting('region')", "north"), errors=(("appsetting('nope')", "is not expected at this location"),),
          needs_scope=True)  # fmt: skip
def appsetting(scope: Scope, name: Any) -> Any:
    return scope.setting(a_string("appsetting", 0, name))


def _part(record: Any, name: str) -> Any:
    if type(record) is dict:
        return record.get(name)
    if record is None:
        return None
    if not isinstance(record, dict):
        fail(name, "found a record that is no object.")
    return record.get(name)
