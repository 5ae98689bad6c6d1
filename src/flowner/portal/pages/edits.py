"""What is done to a card of a draft: its form, settings, name, place and connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from flowner.definitions import edit, steps
from flowner.definitions.documents import copied_object
from flowner.definitions.flow import Flow, RunAs, SameRow, Status, Trigger, WhenUnavailable
from flowner.definitions.steps import Place
from flowner.definitions.triggers import SAME_ROW
from flowner.definitions.visible import title_of
from flowner.errors import FlownerError, Invalid
from flowner.portal.desk import (
    changed,
    desk_of,
    edited,
    flow_of,
    node_of,
    operation_of,
    panel,
)
from flowner.portal.filling import changed_condition, columns_form, fields_of, filled
from flowner.portal.pages.adding import ROWS, place_of
from flowner.portal.problems import sentence
from flowner.portal.visiting import Form, Visit
from flowner.values import ConnectionId, JsonObject


async def _parameters(visit: Visit, form: Form) -> Response:
    name = form.needed("card", "Card")
    given = form.pairs("field:")

    def change(flow: Flow) -> Flow:
        node = node_of(flow, name)
        _, operation = operation_of(visit, flow, node)
        added = form.text("new-column")
        flow = filled(flow, name, fields_of(node, operation), given, form.pairs("row:"))
        if form.has("change"):
            flow = changed_condition(
                flow, name, fields_of(node_of(flow, name), operation), form.text("change")
            )
        columns = columns_form(operation)
        if added and columns is not None:
            path = ("inputs", "parameters", f"{columns.name}/{added}")
            flow = steps.with_member(flow, name, path, form.text("new-value"))
        return flow

    return await edited(visit, form, f"Edit {title_of(name)}", change)


async def _settings(visit: Visit, form: Form) -> Response:
    name = form.needed("card", "Card")

    def change(flow: Flow) -> Flow:
        for path, value in _setting_values(form).items():
            if value in (None, ""):
                flow = steps.without_member(flow, name, path)
            else:
                flow = steps.with_member(flow, name, path, value)
        after = form.pairs("after:")
        if form.has("orders"):
            chosen = {
                other: [one for one in Status if form.has(f"status:{other}:{one.value}")]
                for other in after
            }
            flow = steps.with_run_after(flow, name, chosen)
        return flow

    return await edited(visit, form, f"Change the settings of {title_of(name)}", change)


def _setting_values(form: Form) -> dict[tuple[str, ...], Any]:
    secure = [one for one in ("inputs", "outputs") if form.has(f"secure:{one}")]
    found: dict[tuple[str, ...], Any] = {
        ("description",): form.text("description"),
        ("runtimeConfiguration", "secureData", "properties"): secure or None,
    }
    if form.has("timeout"):
        found[("limit", "timeout")] = form.text("timeout")
    if form.has("same-row"):
        in_order = form.text("same-row") == SameRow.IN_ORDER
        found[("metadata", SAME_ROW)] = SameRow.IN_ORDER.value if in_order else None
    if form.has("repetitions"):
        text = form.text("repetitions")
        if text and not (text.isdecimal() and 1 <= int(text) <= 50):
            raise Invalid("*Degree of parallelism* is a number from 1 to 50")
        path = ("runtimeConfiguration", "concurrency", "repetitions")
        found[path] = int(text) if text else None
    if form.has("retry"):
        policy = form.text("retry")
        found[("inputs", "retryPolicy")] = _policy(form, policy) if policy else None
    return found


def _policy(form: Form, type: str) -> JsonObject:
    if type == "none":
        return {"type": "none"}
    count, interval = form.text("retry-count", "4"), form.text("retry-interval", "PT20S")
    if not (count.isdecimal() and 1 <= int(count) <= 90):
        raise Invalid("*Count* of the retry policy is a number from 1 to 90")
    return {"type": type, "count": int(count), "interval": interval or "PT20S"}


async def _rename(visit: Visit, form: Form) -> Response:
    name, title = form.needed("card", "Card"), form.needed("title", "Name")
    new = steps.name_for(title)
    return await edited(
        visit,
        form,
        f"Rename {title_of(name)} to {title_of(new)}",
        lambda flow: _renamed(flow, name, new),
        select=new,
    )


def _renamed(flow: Flow, name: str, new: str) -> Flow:
    node = node_of(flow, name)
    if isinstance(node, Trigger):
        return steps.with_trigger(flow, new, copied_object(node.source))
    return steps.with_action_renamed(flow, name, new)


async def _delete(visit: Visit, form: Form) -> Response:
    name = form.needed("card", "Card")
    before = await desk_of(visit, await visit.rooms.drafting.open(flow_of(visit), visit.me))
    draft = await visit.rooms.drafting.edit(
        flow_of(visit),
        visit.me,
        f"Delete {title_of(name)}",
        lambda flow: steps.without_action(flow, name),
    )
    return await changed(visit, before, draft, "")


async def _move(visit: Visit, form: Form) -> Response:
    name = form.needed("card", "Card")
    return await edited(
        visit,
        form,
        f"Move {title_of(name)}",
        lambda flow: steps.with_action_moved(flow, name, place_of(form)),
        select=name,
    )


async def _copy(visit: Visit, form: Form) -> Response:
    name = form.needed("card", "Card")

    def change(flow: Flow) -> Flow:
        place = Place(block=steps.block_of(flow, name), after=node_of(flow, name).name)
        return steps.with_action_copied(flow, name, place)

    return await edited(visit, form, f"Copy {title_of(name)}", change)


async def _code(visit: Visit, form: Form) -> Response:
    name = form.needed("card", "Card")
    try:
        source = json.loads(form.text("code"))
    except ValueError as error:
        raise Invalid(f"this is no JSON: {error}") from None
    if not isinstance(source, dict):
        raise Invalid("an action is a JSON object")

    def change(flow: Flow) -> Flow:
        node = node_of(flow, name)
        if isinstance(node, Trigger):
            return steps.with_trigger(flow, node.name, source)
        return steps.with_source(flow, node.name, source)

    return await edited(visit, form, f"Edit the code of {title_of(name)}", change)


async def _cases(visit: Visit, form: Form) -> Response:
    name, case = form.needed("card", "Card"), form.needed("case", "Case")
    if form.has("remove"):
        return await edited(
            visit, form, f"Remove the case {case}",
            lambda flow: steps.without_case(flow, name, case),
        )  # fmt: skip
    return await edited(
        visit, form, f"Add the case {case}",
        lambda flow: steps.with_case(flow, name, "_".join(case.split()), case),
    )  # fmt: skip


async def _connection(visit: Visit, form: Form) -> Response:
    name = form.needed("card", "Card")
    connection = ConnectionId(form.guid("connection", "Connection"))
    before = await desk_of(visit, await visit.rooms.drafting.open(flow_of(visit), visit.me))
    try:
        draft = await visit.rooms.wiring.change(
            flow_of(visit), name, connection, visit.me, everywhere=form.text("which") == "all"
        )
    except FlownerError as error:
        return await panel(visit, before, name, wrong=sentence(error.message))
    return await changed(visit, before, draft, name)


async def _follow(visit: Visit, form: Form) -> Response:
    """Let the row actions of a binding follow the run's principal, or stop them."""
    key, follows = form.needed("binding", "Connection"), form.text("follows") == "yes"
    label = "Let row actions follow the run" if follows else "Let row actions use the connection"
    return await edited(
        visit, form, label, lambda flow: edit.with_impersonation(flow, key, follows)
    )


async def _run_as(visit: Visit, form: Form) -> Response:
    chosen = form.text("run-as")

    def change(flow: Flow) -> Flow:
        run_as = RunAs(chosen) if chosen else None
        flow = edit.with_run_as(flow, run_as)
        if form.has("when"):
            flow = edit.with_when_unavailable(flow, WhenUnavailable(form.text("when")))
        if run_as in (RunAs.MODIFYING_USER, RunAs.ROW_OWNER) and form.has("follow"):
            for binding in flow.bindings.values():
                if binding.connector in ROWS:
                    flow = edit.with_impersonation(flow, binding.key, True)
        return flow

    return await edited(visit, form, "Change Run as", change)


edits: Mapping[str, Callable[[Visit, Form], Any]] = {
    "parameters": _parameters,
    "settings": _settings,
    "rename": _rename,
    "delete": _delete,
    "move": _move,
    "copy": _copy,
    "code": _code,
    "cases": _cases,
    "connection": _connection,
    "follow": _follow,
    "run-as": _run_as,
}
"""By the last part of the address."""
