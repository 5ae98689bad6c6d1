"""What a trigger decides before a run begins: whether at all, and how many runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from flowner.definitions.flow import Trigger
from flowner.errors import Code, Invalid
from flowner.expressions.errors import ExpressionError
from flowner.runs.commands import World
from flowner.runs.compiled import CompiledFlow
from flowner.runs.conditions import compile_condition, evaluate
from flowner.runs.durations import instant
from flowner.runs.events import RunStarted
from flowner.runs.results import type_name
from flowner.runs.state import State
from flowner.runs.templates import compile_template
from flowner.runs.viewing import RunScope
from flowner.values import Json, JsonObject

MAX_SPLIT: Final = 100_000
"""Runs that one firing may make."""


def split(
    compiled: CompiledFlow,
    outputs: JsonObject,
    world: World,
    *,
    parameters: Mapping[str, Json] | None = None,
) -> list[JsonObject]:
    """Return the trigger's outputs for each run: one, or by ``splitOn`` one for each item.

    An item becomes the outputs' body. Raises `Invalid` if ``splitOn`` gives no array.
    """
    written = compiled.flow.trigger.source.get("splitOn")
    if written is None:
        return [outputs]
    try:
        items = compile_template(written).evaluate(_scope(compiled, outputs, world, parameters))
    except ExpressionError as error:
        raise Invalid(
            f"`splitOn` cannot be evaluated: {error}", code=Code.INVALID_TEMPLATE
        ) from None
    if not isinstance(items, list):
        raise Invalid(
            f"`splitOn` gives a value of type {type_name(items)}; it must be an array",
            code=Code.INVALID_TEMPLATE,
        )
    if len(items) > MAX_SPLIT:
        raise Invalid(f"`splitOn` gives {len(items)} items; at most {MAX_SPLIT}")
    return [{**outputs, "body": item} for item in items]


def conditions_hold(
    compiled: CompiledFlow,
    outputs: JsonObject,
    world: World,
    *,
    parameters: Mapping[str, Json] | None = None,
) -> bool:
    """Say whether all of the trigger's ``conditions`` are true for these outputs.

    A trigger that splits is asked for every item's outputs. Raises `Invalid` for a condition that
    cannot be evaluated, or is no boolean.
    """
    written = compiled.flow.trigger.source.get("conditions")
    scope = _scope(compiled, outputs, world, parameters)
    for place, condition in enumerate(written if isinstance(written, list) else ()):
        expression = condition.get("expression") if isinstance(condition, dict) else condition
        try:
            value = evaluate(compile_condition(expression), scope)
        except ExpressionError as error:
            raise _broken(place, str(error)) from None
        if not isinstance(value, bool):
            raise _broken(place, f"it gives a value of type {type_name(value)}, not a boolean")
        if not value:
            return False
    return True


def _broken(place: int, why: str) -> Invalid:
    return Invalid(
        f"the trigger's condition {place + 1} cannot be used: {why}",
        code=Code.INVALID_TEMPLATE,
        pointer=f"/conditions/{place}/expression",
    )


def tracking_id(
    compiled: CompiledFlow,
    outputs: JsonObject,
    world: World,
    *,
    parameters: Mapping[str, Json] | None = None,
) -> str:
    """Return the ``clientTrackingId`` that the trigger asks for; '': the run's own id.

    Raises `Invalid` if it cannot be evaluated.
    """
    correlation = compiled.flow.trigger.source.get("correlation")
    written = correlation.get("clientTrackingId") if isinstance(correlation, dict) else None
    if written is None:
        return ""
    try:
        value = compile_template(written).evaluate(_scope(compiled, outputs, world, parameters))
    except ExpressionError as error:
        raise Invalid(
            f"the trigger's tracking id cannot be evaluated: {error}", code=Code.INVALID_TEMPLATE
        ) from None
    return value if isinstance(value, str) else ""


def _scope(
    compiled: CompiledFlow,
    outputs: JsonObject,
    world: World,
    parameters: Mapping[str, Json] | None,
) -> RunScope:
    trigger = trigger_record(compiled.flow.trigger, outputs, world.now)
    started = RunStarted(
        at=world.now, run=0, flow="", trigger=trigger, parameters=dict(parameters or {})
    )
    return RunScope(compiled, State(started=started, trigger=trigger), world)


def trigger_record(
    trigger: Trigger,
    outputs: JsonObject,
    at: datetime,
    *,
    run: str = "",
    tracking_id: str = "",
) -> JsonObject:
    """Return the trigger's record as ``trigger()`` gives it and `RunStarted` keeps it."""
    record: JsonObject = {"name": trigger.name}
    if trigger.inputs is not None:
        record["inputs"] = _inputs(trigger.inputs)
    record["outputs"] = outputs
    record["startTime"] = record["endTime"] = instant(at)
    record["trackingId"] = run
    record["clientTrackingId"] = tracking_id or run
    record["originHistoryName"] = run
    record["status"] = "Succeeded"
    return record


def _inputs(written: Json) -> Json:
    if not isinstance(written, dict):
        return written
    return {name: value for name, value in written.items() if name != "authentication"}
