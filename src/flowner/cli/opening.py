"""What every command shares: opening the house, common options, printing."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from flowner.errors import Invalid
from flowner.server import House, open_house
from flowner.settings import read_settings

R = TypeVar("R")

Flow = Annotated[str, typer.Argument(help="A flow's name or id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsPerson = Annotated[str | None, typer.Option("--as", help="Who triggers it: name, UPN or id.")]
By = Annotated[str, typer.Option("--as", help="Who does it: name, UPN or id.")]


def in_house(work: Callable[[House], Awaitable[R]]) -> R:
    """Open the house, do the work, close it."""

    async def opened() -> R:
        async with open_house(read_settings()) as house:
            return await work(house)

    return asyncio.run(opened())


def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Work until somebody stops it with Ctrl-C."""
    with suppress(KeyboardInterrupt):
        asyncio.run(work)


def pairs(given: Sequence[str] | None) -> dict[str, str]:
    """Read options of the form NAME=VALUE."""
    found: dict[str, str] = {}
    for pair in given or ():
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise Invalid(f"`{pair}` is not NAME=VALUE")
        found[name] = value
    return found


def print_json(value: object) -> None:
    """Print one JSON value."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def say(text: str) -> None:
    """Print one line for people."""
    Console().print(text, highlight=False)


def print_table(rows: Sequence[Mapping[str, object]], *, empty: str) -> None:
    """Print rows that all have the same columns, or a line when there are none."""
    if not rows:
        say(f"[dim]{empty}[/dim]")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in rows[0]:
        table.add_column(title.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)


def print_list(
    name: str, rows: Sequence[Mapping[str, object]], *, as_json: bool, empty: str
) -> None:
    """Print rows as a table, or as ``{name: [rows]}``."""
    if as_json:
        print_json({name: rows})
    else:
        print_table(rows, empty=empty)
