"""Data operations: Compose, Parse JSON, Select, Filter array, tables, Join."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Sequence
from typing import Final

from flowner.definitions.flow import Status
from flowner.expressions.errors import ExpressionError
from flowner.runs.compiled import Node
from flowner.runs.events import Fault
from flowner.runs.results import ActionFault, Result, type_name
from flowner.runs.schema import schema_errors
from flowner.runs.templates import ItemScope, Template, compile_template
from flowner.values import Json

MAX_CELLS: Final = 5_000_000
"""Cells in one table."""

_PARSE: Final = compile_template("@json(item())")
_TEXT: Final = compile_template("@string(item())")
_JOIN: Final = compile_template("@join(item()[0], item()[1])")


def text(value: Json, scope: ItemScope) -> str:
    """Return the value as ``string()`` gives it."""
    if isinstance(value, str):
        return value
    return str(_at(_TEXT, scope, value))


def _at(template: Template, scope: ItemScope, item: Json) -> Json:
    with scope.at_item(item):
        return template.evaluate(scope)


def compose(node: Node, scope: ItemScope) -> Result:
    """Outputs are the inputs, and nothing around them."""
    template = node.templates.get("inputs")
    value = None if template is None else template.evaluate(scope)
    return Result(inputs=value, outputs=value)


def parse_json(node: Node, scope: ItemScope) -> Result:
    """Read text as JSON, as leniently as ``json()`` does, then hold it against the schema."""
    content = _given(node, "content", scope)
    schema = _given(node, "schema", scope)
    inputs: Json = {"content": content, "schema": schema}
    if content is None:
        raise ActionFault(
            "The 'content' property of actions of type 'ParseJson' must be a valid JSON; it is of "
            "type 'Null'.",
            error_code="InvalidTemplate",
            inputs=inputs,
        )
    value = _at(_PARSE, scope, content) if isinstance(content, str) else content
    try:
        errors = schema_errors(schema, value)
    except ValueError as error:
        raise ActionFault(str(error), error_code="InvalidJsonSchema", inputs=inputs) from None
    if errors:
        return Result(
            Status.FAILED,
            "BadRequest",
            inputs,
            {"errors": errors},
            Fault("ValidationFailed", "The schema validation failed."),
        )
    return Result(inputs=inputs, outputs={"body": value})


def select(node: Node, scope: ItemScope) -> Result:
    """Map each item to what ``select`` makes of it."""
    items = _array(node, scope)
    chosen = _template(node, "select")
    return Result(inputs=items, outputs={"body": [_at(chosen, scope, item) for item in items]})


def query(node: Node, scope: ItemScope) -> Result:
    """Keep the items for which ``where`` is true."""
    items = _array(node, scope)
    where = _template(node, "where")
    kept: list[Json] = []
    for item in items:
        verdict = _at(where, scope, item)
        if not isinstance(verdict, bool):
            raise ActionFault(
                "The 'where' property value in the 'query' action inputs is of type "
                f"'{type_name(verdict)}'. The value must be a boolean.",
                inputs=items,
            )
        if verdict:
            kept.append(item)
    return Result(inputs=items, outputs={"body": kept})


def join(node: Node, scope: ItemScope) -> Result:
    """Put the items' texts together."""
    inputs = _template(node, "inputs").evaluate(scope)
    given = inputs if isinstance(inputs, dict) else {}
    items = given.get("from")
    if not isinstance(items, list):
        raise _no_array("join", items)
    return Result(
        inputs=inputs, outputs={"body": _at(_JOIN, scope, [items, given.get("joinWith", "")])}
    )


def table(node: Node, scope: ItemScope) -> Result:
    """Write the items as CSV or as an HTML table.

    Without columns every name that an item has becomes one, in the order they are met.
    """
    items = _array(node, scope)
    format = str(_given(node, "format", scope)).casefold()
    header, rows = _rows(node, items, scope)
    if (len(rows) + 1) * max(len(header), 1) > MAX_CELLS:
        raise ActionFault(f"the table has more than {MAX_CELLS} cells")
    if format not in ("csv", "html"):
        raise ActionFault(f"`{format[:20]}` is not a table format; write `CSV` or `HTML`")
    body = _csv(header, rows) if format == "csv" else _html(header, rows)
    return Result(
        inputs={"from": items, "format": format.upper()},
        outputs={"body": body},
    )


def _rows(node: Node, items: Sequence[Json], scope: ItemScope) -> tuple[list[str], list[list[str]]]:
    columns = sum(name.startswith("value ") for name in node.templates)
    if not columns:
        names: dict[str, None] = {}
        for item in items:
            if not isinstance(item, dict):
                raise ActionFault(
                    "The 'from' property value in the 'table' action inputs must be an array of "
                    f"objects; one item is of type '{type_name(item)}'."
                )
            names.update(dict.fromkeys(item))
        rows = [[item.get(name) for name in names] for item in items if isinstance(item, dict)]
        return list(names), [[text(value, scope) for value in row] for row in rows]
    header = [_label(_given(node, f"header {place}", scope), scope) for place in range(columns)]
    values = [_template(node, f"value {place}") for place in range(columns)]
    cells = [[text(_at(value, scope, item), scope) for value in values] for item in items]
    return header, cells


def _label(value: Json, scope: ItemScope) -> str:
    return "" if value is None else text(value, scope)


def _csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    # Source: https://www.rfc-editor.org/rfc/rfc4180
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue()


def _html(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _given(node: Node, name: str, scope: ItemScope) -> Json:
    template = node.templates.get(name)
    return None if template is None else template.evaluate(scope)


def _template(node: Node, name: str) -> Template:
    template = node.templates.get(name)
    if template is None:
        raise ExpressionError(f"the input '{name}' is missing")
    return template


def _array(node: Node, scope: ItemScope) -> list[Json]:
    value = _given(node, "from", scope)
    if isinstance(value, list):
        return value
    raise _no_array(node.type, value)


def _no_array(kind: str, value: Json) -> ActionFault:
    return ActionFault(
        f"The 'from' property value in the '{kind.casefold()}' action inputs is of type "
        f"'{type_name(value)}'. The value must be an array.",
    )
