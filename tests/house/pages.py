"""The reference pages written from the code: ``python tests/house/pages.py`` writes them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

from flowner.sdk.connector import Connector, Operation, ParameterForm, Repeat

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
REPEATS = {
    Repeat.HARMLESS: "harmless: after a crash it is called again",
    Repeat.WITH_KEY: "with the same key: after a crash it is called again, as the same step",
    Repeat.NEVER: "never: after a crash in between, a person has to look",
}
_HEAD = """\
# Operations

What connectors can do, by the names that flows know them by. Each operation answers the question \
*what if we call you twice?*: a server that dies between a call and its record cannot know whether \
the call got through. This page is written from the connectors by `python tests/house/pages.py`.
"""
_CALLED_TWICE = re.compile(r"^Called twice: (.+?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


def operations_page(connectors: Mapping[str, Connector]) -> str:
    """Return the page of every connector and every operation, in the order they are declared."""
    once = {connector.ids: connector for connector in connectors.values()}
    return "\n".join([_HEAD, *(_connector(connector) for connector in once.values())])


def called_twice(operation: Operation) -> str:
    """Return what an operation's docstring says of being called twice; '' when it says nothing."""
    match = _CALLED_TWICE.search(inspect.cleandoc(operation.perform.__doc__ or ""))
    return _prose(match[1]) if match else ""


def _connector(connector: Connector) -> str:
    ids = ", ".join(f"`{id}`" for id in connector.ids)
    parts = [f"## {connector.title}\n\nKnown as {ids}.\n"]
    limit = connector.limit
    if limit is not None:
        parts.append(f"At most {limit.calls} calls in {limit.seconds:g} seconds per connection.\n")
    parts += [_operation(operation) for operation in connector.operations.values()]
    return "\n".join(parts)


def _operation(operation: Operation) -> str:
    said = inspect.cleandoc(operation.perform.__doc__ or "")
    about = _prose(_CALLED_TWICE.sub("", said).strip())
    lines = [f"### `{operation.id}`", f"*{operation.title}.* {about}", ""]
    lines += [_parameter(one) for one in operation.parameters]
    lines += [
        "" if operation.parameters else None,
        f"Called twice: {called_twice(operation)} ({REPEATS[operation.repeat]})",
        "",
    ]
    return "\n".join(line for line in lines if line is not None)


def _parameter(form: ParameterForm) -> str:
    needed = ", required" if form.required else ""
    about = f"; {form.description}" if form.description else ""
    return f"- `{form.name}` ({form.type}{needed}): {form.title}{about}"


def _prose(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("``", "`").strip()


if __name__ == "__main__":
    from flowner.server import connectors

    (REFERENCE / "operations.md").write_text(operations_page(connectors()), encoding="utf-8")
