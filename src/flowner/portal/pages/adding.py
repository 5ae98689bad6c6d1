"""Actions and triggers that are put into a draft, and which the designer offers."""

from __future__ import annotations

from starlette.responses import Response

from flowner.definitions import palette, steps
from flowner.definitions.documents import copied_object
from flowner.definitions.flow import Flow
from flowner.definitions.rewiring import with_binding_added
from flowner.definitions.row_triggers import ROW_TRIGGER
from flowner.definitions.steps import Block, Place
from flowner.errors import Invalid
from flowner.portal.desk import (
    edited,
    flow_of,
)
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, post
from flowner.sdk.connector import Connector, Operation
from flowner.values import JsonObject

_API = "/providers/Microsoft.PowerApps/apis/"
ROWS = ("shared_commondataserviceforapps", "shared_commondataservice")


def place_of(form: Form) -> Place:
    return Place(
        block=Block(
            container=form.text("container") or None, branch=form.text("branch", "actions")
        ),
        after=form.text("after") or None,
        before=form.text("before") or None,
        parallel=form.text("parallel") == "yes",
    )


async def _add(visit: Visit, form: Form) -> Response:
    step, place = form.needed("step", "Action"), place_of(form)
    draft = await visit.rooms.drafting.open(flow_of(visit), visit.me)
    connector_id, slash, operation_id = step.partition("/")
    if slash:
        connector = visit.rooms.connectors.get(connector_id)
        operation = connector.operations.get(operation_id) if connector else None
        if connector is None or operation is None:
            raise Invalid(f"there is no operation `{step[:80]}`")
        name = steps.free_name(draft.flow, steps.name_for(operation.title))
        flow, key = await _bound(visit, draft.flow, connector)
        source = _call(connector_id, operation, key)
        return await edited(
            visit,
            form,
            f"Add {operation.title}",
            lambda current: steps.with_action(_declared(current, flow, key), name, source, place),
            select=name,
        )
    built_in = next((one for one in palette.ACTIONS if one.id == step), None)
    if built_in is None:
        raise Invalid(f"there is no action `{step[:80]}`")
    name = steps.free_name(draft.flow, built_in.name)
    return await edited(
        visit,
        form,
        f"Add {built_in.title}",
        lambda current: steps.with_action(current, name, built_in.source, place),
        select=name,
    )


async def _bound(visit: Visit, flow: Flow, connector: Connector) -> tuple[Flow, str]:
    """Return the flow with a binding for a connector: one it has, else to one's own connection."""
    for binding in flow.bindings.values():
        if binding.connector in connector.ids:
            return flow, binding.key
    mine = [
        one
        for one in await visit.rooms.wiring.choices(connector.ids[0], visit.me)
        if one.owner == visit.me and one.connected
    ]
    reference = await visit.rooms.wiring.reference_to(mine[0].id, visit.me) if mine else None
    return with_binding_added(flow, connector.ids[0], reference)


def _declared(current: Flow, wanted: Flow, key: str) -> Flow:
    """Return the current flow with a binding of another, unless it has it."""
    if key in current.bindings:
        return current
    binding = wanted.bindings[key]
    return with_binding_added(current, binding.connector, binding.reference)[0]


def _call(connector: str, operation: Operation, key: str) -> JsonObject:
    return {
        "type": "OpenApiConnectionWebhook" if operation.waits else "OpenApiConnection",
        "inputs": {
            "host": {
                "connectionName": key,
                "operationId": operation.id,
                "apiId": f"{_API}{connector}",
            },
            "parameters": {form.name: "" for form in operation.parameters if form.required},
        },
    }


async def _trigger(visit: Visit, form: Form) -> Response:
    step = next((one for one in palette.TRIGGERS if one.id == form.text("step")), None)
    if step is None:
        raise Invalid("there is no such trigger")
    draft = await visit.rooms.drafting.open(flow_of(visit), visit.me)
    flow, key = draft.flow, ""
    if step.id == ROW_TRIGGER:
        flow, key = await _bound(visit, flow, visit.rooms.connectors[ROWS[0]])
    source = copied_object(step.source)
    if key:
        host = source["inputs"]["host"]  # type: ignore[index, call-overload]
        host["connectionName"] = key  # type: ignore[index, call-overload]

    def change(current: Flow) -> Flow:
        if key:
            current = _declared(current, flow, key)
        return steps.with_trigger(current, step.name, source)

    return await edited(visit, form, f"Start with {step.title}", change, select=step.name)


async def _offers(visit: Visit) -> Response:
    text = visit.query("text").casefold()
    built_in = [one for one in palette.ACTIONS if text in f"{one.title} {one.help}".casefold()]
    connectors: list[tuple[str, Connector, list[Operation]]] = []
    for id, connector in visit.rooms.connectors.items():
        if id != connector.ids[0] or not connector.needs_connection:
            continue
        fitting = [
            operation
            for operation in connector.operations.values()
            if text in f"{connector.title} {operation.title}".casefold()
            and not operation.id.endswith(("WithOrganization",))
            and "(V1)" not in operation.title
        ]
        if fitting:
            connectors.append((id, connector, fitting))
    return page(visit, "parts/offers.html", built_in=built_in, connectors=connectors,
                place=dict(visit.request.query_params))  # fmt: skip


routes = [
    get("/flows/{flow:uuid}/edit/offers", _offers),
    post("/flows/{flow:uuid}/edit/add", _add),
    post("/flows/{flow:uuid}/edit/trigger", _trigger),
]
