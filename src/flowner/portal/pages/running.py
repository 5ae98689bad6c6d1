"""Running an instant flow: what acts as whom, what it asks, and what came of it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from flowner.definitions.asking import Input, InputKind, inputs_of
from flowner.errors import Invalid
from flowner.flows.running import Press
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, local, post
from flowner.runs.commands import Reply
from flowner.values import AppId, ConnectionId, FlowId, Json, JsonObject, RunId

_PATIENCE = 20.0
"""Seconds that a page waits for a run; then it is looked at where runs are."""


async def _open(visit: Visit) -> Response:
    flow = FlowId(visit.path("flow"))
    asked = await visit.rooms.consent.asked(visit.me, flow)
    if not all(one.is_settled for one in asked):
        return go(f"/flows/{flow}/consent?next={quote(f'/flows/{flow}/run')}")
    opened = await visit.rooms.portfolio.open(flow, visit.me)
    return page(
        visit,
        "run_flow.html",
        one=opened.listed,
        asked=asked,
        inputs=await inputs_asked(visit, flow),
        result=None,
        app=None,
    )


async def inputs_asked(visit: Visit, flow: FlowId) -> tuple[Input, ...]:
    """Return what an instant flow asks whoever starts it."""
    trigger = await visit.rooms.running.trigger(flow)
    inputs = trigger.inputs if isinstance(trigger.inputs, dict) else {}
    return inputs_of(inputs.get("schema"))


async def _press(visit: Visit, form: Form) -> Response:
    flow = FlowId(visit.path("flow"))
    opened = await visit.rooms.portfolio.open(flow, visit.me)
    result = await pressed(visit, form, flow)
    return page(
        visit,
        "run_flow.html",
        one=opened.listed,
        asked=await visit.rooms.consent.asked(visit.me, flow),
        inputs=await inputs_asked(visit, flow),
        result=result,
        app=None,
    )


async def pressed(visit: Visit, form: Form, flow: FlowId, app: AppId | None = None) -> JsonObject:
    """Run a flow with a form's inputs, in the visitor's name; answers its record.

    ``reply`` is what a Response action said; a run that goes on is answered as it stands.
    """
    inputs: JsonObject = {}
    for one in await inputs_asked(visit, flow):
        value = await _value(form, one)
        if value is not None:
            inputs[one.key] = value
        elif one.required:
            raise Invalid(f"fill in *{one.title}*", pointer=f"/{one.key}")
    run, said = await heard(visit, Press(flow=flow, by=visit.me, inputs=inputs, app=app), _PATIENCE)
    record = await record_of(visit, run)
    record["reply"] = None if said is None else {"status": said.status, "body": said.body}
    return record


async def heard(visit: Visit, press: Press, seconds: float) -> tuple[RunId, Reply | None]:
    """Run a flow, and wait so long for what it answers; None: it ended without, or goes on."""
    run = visit.rooms.running.fresh_run()
    with visit.rooms.replies.expect(run) as (reply, end):
        await visit.rooms.running.press(press, run=run, answers=True)
        waiting: list[asyncio.Future[Any]] = [reply, end]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return run, reply.result() if reply.done() and not reply.cancelled() else None


async def record_of(visit: Visit, run: RunId) -> JsonObject:
    """Return a run's record: once its end is written, where it has ended."""
    record: JsonObject = {}
    for _ in range(20):
        record = await visit.rooms.history.run(visit.me, run)
        if record["ended"]:
            break
        await asyncio.sleep(0.05)
    return record


async def _value(form: Form, one: Input) -> Json:
    name = f"input:{one.key}"
    if one.kind is InputKind.FILE:
        found = await form.file(name)
        if found is None:
            return None
        return {"name": found[0], "contentBytes": base64.b64encode(found[1]).decode()}
    if one.kind is InputKind.BOOLEAN:
        return form.text(name) == "yes"
    text = form.text(name)
    if not text:
        return None
    if one.kind is InputKind.NUMBER:
        try:
            number = float(text)
        except ValueError:
            raise Invalid(f"*{one.title}* is a number, not `{text[:40]}`") from None
        return int(number) if number.is_integer() else number
    return text


async def _consent(visit: Visit) -> Response:
    flow = FlowId(visit.path("flow"))
    asked = await visit.rooms.consent.asked(visit.me, flow)
    # Whom a run asks may know nothing of the flow but this.
    name = asked[0].flows[0] if asked else await _name_of(visit, flow)
    return page(
        visit,
        "consent.html",
        name=name,
        here_again=f"/flows/{flow}/consent?next={quote(visit.query('next', f'/flows/{flow}/run'))}",
        action=f"/flows/{flow}/consent",
        asked=asked,
        next=local(visit.query("next", f"/flows/{flow}/run")),
        whole=all(one.is_settled for one in asked),
    )


async def _name_of(visit: Visit, flow: FlowId) -> str:
    return (await visit.rooms.portfolio.open(flow, visit.me)).listed.facts.name


async def _choose(visit: Visit, form: Form) -> Response:
    flow = FlowId(visit.path("flow"))
    for key, connection in form.guids("choice:").items():
        await visit.rooms.consent.choose(visit.me, flow, key, ConnectionId(connection))
    return go(local(form.text("next", f"/flows/{flow}/run")))


routes = [
    get("/flows/{flow:uuid}/run", _open),
    post("/flows/{flow:uuid}/run", _press),
    get("/flows/{flow:uuid}/consent", _consent),
    post("/flows/{flow:uuid}/consent", _choose),
]
