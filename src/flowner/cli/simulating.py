"""`flowner simulate`: a flow's run in memory, with answers given and time that does not wait."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from flowner.cli.opening import AsJson, pairs, print_json
from flowner.errors import Code, Invalid
from flowner.flows.bringing import read_bytes
from flowner.runs.cases import differences
from flowner.showing import answers
from flowner.testing import Recorded, Simulation
from flowner.testing import simulate as begin
from flowner.values import Json, JsonObject


def simulate(  # noqa: PLR0913, PLR0917 - what can be supposed of a run
    definition: Annotated[
        Path, typer.Argument(help="A flow, a package with one flow, or a case with a definition.")
    ],
    case: Annotated[
        Path | None, typer.Option(help="Trigger, mocks, parameters, and what must come of it.")
    ] = None,
    trigger: Annotated[
        Path | None, typer.Option(help="The trigger's outputs, or the request it got.")
    ] = None,
    mocks: Annotated[
        Path | None, typer.Option(help="Answers by action: {NAME: {status, outputs}} or a list.")
    ] = None,
    as_person: Annotated[
        str | None, typer.Option("--as", help="Who presses it, or changes the row.")
    ] = None,
    row_owner: Annotated[str | None, typer.Option(help="Who owns the row.")] = None,
    flow: Annotated[str | None, typer.Option(help="Which of a package's flows.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, JSON or text; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a flow in memory, without a server, and show the record with its identities.

    Ends with 1 when the case's expectations are not met; without a case, unless it succeeds.
    """
    document = _document(definition) if definition.suffix.lower() == ".json" else {}
    told = {**_case(document), **(_document(case) if case else {})}
    simulation = begin(_written(document, definition), name=flow)
    record = _supposed(simulation, told, trigger, mocks, (as_person, row_owner), parameter).run()
    expected = told.get("expected")
    odd = _differences(record, expected) if isinstance(expected, dict) else []
    if as_json:
        print_json(record.json() | {"differences": list(odd)})
    else:
        answers.simulated(record.json(), odd)
    failed = odd if isinstance(expected, dict) else record.status != "Succeeded"
    if failed:
        raise typer.Exit(1)


def _case(document: JsonObject) -> JsonObject:
    """Return the document itself where it is a case: it tells what must come of its definition."""
    return document if "definition" in document and "expected" in document else {}


def _written(document: JsonObject, file: Path) -> Path | JsonObject:
    if not _case(document):
        return file
    return {"definition": document["definition"], "kind": document.get("kind")}


def _supposed(
    simulation: Simulation,
    told: JsonObject,
    trigger: Path | None,
    mocks: Path | None,
    people: tuple[str | None, str | None],
    parameter: list[str] | None,
) -> Simulation:
    as_person, row_owner = people
    if as_person is not None:
        simulation = simulation.as_user(as_person)
    if row_owner is not None:
        simulation = simulation.with_row_owner(row_owner)
    given = {name: _value(text) for name, text in pairs(parameter).items()}
    return (
        simulation.with_trigger_outputs(_document(trigger) if trigger else _part(told, "trigger"))
        .with_mocks(_document(mocks) if mocks else _part(told, "mocks"))
        .with_parameters(_part(told, "parameters") | given)
        .with_settings(_part(told, "appsettings"))
    )


def _differences(record: Recorded, expected: JsonObject) -> list[str]:
    if record.done is None:
        return [f"the run was refused: {record.error}"]
    return differences(record.done, expected)


def _part(told: JsonObject, name: str) -> JsonObject:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _value(text: str) -> Json:
    try:
        read: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return read


def _document(file: Path) -> JsonObject:
    try:
        found = orjson.loads(read_bytes(file).removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Invalid(
            f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            code=Code.INVALID_JSON,
            file=str(file),
        ) from None
    if not isinstance(found, dict):
        raise Invalid("is not a JSON object", code=Code.INVALID_JSON, file=str(file))
    return found
