"""Cases: a definition, what sets it off, what its calls are answered, and what must come of it.

The members of ``expected`` are those of the shared case format; see docs/how-to/test-a-flow.md.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import UNSET

from flowner.runs.records import ActionRecord
from flowner.runs.simulation import ModelWorld, Simulated
from flowner.runs.viewing import RunScope
from flowner.values import JsonObject

_SERVERS: Final = frozenset({"Content-Length"})
"""Headers that an HTTP server adds, and not the flow."""


def differences(done: Simulated, expected: JsonObject) -> list[str]:
    """Say where a simulated run is not what was expected; empty when it is.

    A member of ``expected`` that is not known is a difference too: it could not be looked at.
    """
    found: list[str] = []
    for name, wanted in expected.items():
        look = _LOOKS.get(name)
        if look is None:
            found.append(f"`{name}` is nothing that can be expected")
        else:
            found += look(done, wanted, expected)
    return found


def contains(found: Any, wanted: Any) -> bool:
    """Say whether everything that is wanted is found; objects may have more members."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and contains(found[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(contains(other, one) for one, other in zip(wanted, found, strict=True))
        )
    return found is not UNSET and type(wanted) is type(found) and bool(wanted == found)


def without(value: Any, names: set[str]) -> Any:
    """Return the value less the members whose names match a pattern."""
    if isinstance(value, dict):
        return {
            name: without(inner, names)
            for name, inner in value.items()
            if not any(fnmatch.fnmatch(name, pattern) for pattern in names)
        }
    if isinstance(value, list):
        return [without(inner, names) for inner in value]
    return value


def _run_status(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    if done.record.status != wanted:
        yield f"the run is {done.record.status.value}, not {wanted}"


def _run_error(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    error = done.record.error
    told = None if error is None else {"code": error.code, "message": error.message}
    if told != wanted:
        yield f"the run's error is {told}, not {wanted}"


def _tracking(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    if done.record.tracking_id != wanted:
        yield f"clientTrackingId is `{done.record.tracking_id}`, not `{wanted}`"


def _statuses(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    for name, status in wanted.items():
        statuses = {one.status.value for one in done.record.of(name)}
        if statuses != {status}:
            yield f"`{name}` is {' and '.join(sorted(statuses)) or 'not there'}, not {status}"


def _codes(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    for name, code in wanted.items():
        codes = [one.code for one in done.record.of(name)]
        if codes != [code]:
            yield f"the code of `{name}` is {codes}, not `{code}`"


def _errors(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    for name, error in wanted.items():
        fault = next((one.error for one in done.record.of(name)), None)
        if fault is None:
            yield f"`{name}` has no error, not {error}"
        elif (
            fault.code != error.get("code", fault.code)
            or fault.message != error.get("message", fault.message)
            or error.get("messageContains", "") not in fault.message
        ):
            yield f"the error of `{name}` is {fault.code}: {fault.message}, not {error}"


def _same(part: str) -> Callable[[Simulated, Any, JsonObject], Iterator[str]]:
    return _each(part, lambda found, value: bool(found == value))


def _contains(part: str) -> Callable[[Simulated, Any, JsonObject], Iterator[str]]:
    return _each(part, contains)


def _each(
    part: str, fits: Callable[[Any, Any], bool]
) -> Callable[[Simulated, Any, JsonObject], Iterator[str]]:
    def look(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
        for name, value in wanted.items():
            records = done.record.of(name)
            found = getattr(records[0], part) if records else UNSET
            if not fits(found, value):
                yield f"{part} of `{name}` are {found!r}, not {value!r}"

    return look


def _counts(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    for name, count in wanted.items():
        records = done.record.of(name)
        repetitions = (records[0].repetitions if records else None) or len(records)
        if repetitions != count:
            yield f"`{name}` was repeated {repetitions} times, not {count}"


def _repeated(
    part: str, told: Callable[[ActionRecord], Any]
) -> Callable[[Simulated, Any, JsonObject], Iterator[str]]:
    def look(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
        for name, values in wanted.items():
            found = [told(one) for one in done.record.of(name)]
            if len(found) != len(values) or not all(map(contains, found, values)):
                yield f"{part} of `{name}` are {found!r}, not {values!r}"

    return look


def _variables(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    for name, value in wanted.items():
        try:
            found = done.run.variable(name)
        except KeyError:
            yield f"there is no variable `{name}`"
            continue
        if found != value:
            yield f"the variable `{name}` is {found!r}, not {value!r}"


def _response(done: Simulated, wanted: Any, expected: JsonObject) -> Iterator[str]:
    reply, given = done.reply, expected.get("ignore")
    ignored = {*_SERVERS, *(str(one) for one in (given if isinstance(given, list) else ()))}
    if reply is None:
        yield "the flow did not respond"
        return
    if reply.status != wanted["statusCode"]:
        yield f"it responded with status {reply.status}, not {wanted['statusCode']}"
    if "body" in wanted and without(reply.body, ignored) != without(wanted["body"], ignored):
        yield f"it responded with {reply.body!r}, not {wanted['body']!r}"
    for name, value in without(wanted.get("headers", {}), ignored).items():
        if reply.headers.get(name) != value:
            yield f"its header `{name}` is {reply.headers.get(name)!r}, not {value!r}"


def _results(done: Simulated, wanted: Any, _: JsonObject) -> Iterator[str]:
    folding = done.run._folding  # noqa: SLF001 - the run as an expression at its end sees it
    scope = RunScope(folding.compiled, folding.state, ModelWorld()())
    for name, names in wanted.items():
        entries = scope.result(name)
        found = [
            str(entry["name"])
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, dict)
        ]
        if sorted(found) != sorted(names):
            yield f"result('{name}') has {sorted(found)}, not {sorted(names)}"


def _nothing(_done: Simulated, _wanted: Any, _: JsonObject) -> Iterator[str]:
    yield from ()


_LOOKS: Final[dict[str, Callable[[Simulated, Any, JsonObject], Iterator[str]]]] = {
    "runStatus": _run_status,
    "runError": _run_error,
    "clientTrackingId": _tracking,
    "actions": _statuses,
    "codes": _codes,
    "errors": _errors,
    "outputs": _same("outputs"),
    "trackedProperties": _same("tracked"),
    "actionInputs": _contains("inputs"),
    "outputsShape": _contains("outputs"),
    "repetitionCounts": _counts,
    "repetitionStatuses": _repeated("statuses", lambda one: one.status.value),
    "repetitionInputs": _repeated("inputs", lambda one: one.inputs),
    "variables": _variables,
    "response": _response,
    "resultNames": _results,
    "ignore": _nothing,
}
