"""What every command shares: opening the house, common options, printing."""

from __future__ import annotations

import asyncio
import gc
import getpass
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from flowner.definitions.bundles import LIMITS, Bundle, is_left_out, pack, read_bundle
from flowner.errors import Code, Invalid, NotFound
from flowner.server import House, open_house
from flowner.settings import read_settings
from flowner.showing.texts import console, text
from flowner.values import AppId, Secret

R = TypeVar("R")

Flow = Annotated[str, typer.Argument(help="A flow's name or id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsPerson = Annotated[str | None, typer.Option("--as", help="Who triggers it: name, UPN or id.")]
App = Annotated[str | None, typer.Option("--app", help="From within which app: name or id.")]
By = Annotated[str, typer.Option("--as", help="Who does it: name, UPN or id.")]


def in_house(work: Callable[[House], Awaitable[R]]) -> R:
    """Open the house, do the work, close it."""

    async def opened() -> R:
        async with open_house(read_settings()) as house:
            return await work(house)

    return asyncio.run(opened())


async def find_app(house: House, wanted: str) -> AppId:
    """Return the app that a person means by its name or id."""
    fits = [row for row in await house.listing.apps() if wanted in (row["id"], row["app"])]
    if len(fits) != 1:
        raise NotFound(f"{'more than one app is' if fits else 'there is no app'} called `{wanted}`")
    return AppId(str(fits[0]["id"]))


def read_folder(folder: Path) -> Bundle:
    """Read a bundle from a folder, as it is read from its zip; links are not followed."""
    files = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    named = [(path.relative_to(folder).as_posix(), path) for path in files]
    kept = [(name, path) for name, path in named if not is_left_out(name)]
    for name, path in kept:
        if path.is_symlink():
            raise Invalid(f"`{name}` is a symbolic link", code=Code.INVALID_BUNDLE)
    size = sum(path.stat().st_size for _, path in kept)
    if size > LIMITS.unpacked_bytes:
        most = LIMITS.unpacked_bytes
        raise Invalid(f"the folder has {size} bytes; at most {most}", code=Code.INVALID_BUNDLE)
    return read_bundle(pack({name: path.read_bytes() for name, path in kept}))


def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Work until somebody stops it, with Ctrl-C or, as service managers do, with SIGTERM."""

    async def stoppable() -> None:
        task = asyncio.current_task()
        with suppress(NotImplementedError):  # Windows knows no such signal
            if task is not None:
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await work

    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(stoppable())


def settled() -> None:
    """Leave what has been loaded by now out of every later search for garbage.

    A whole search takes 70 ms of a process that has all of the house in it, and everybody waits
    for it; what is loaded at the start stays to the end.
    """
    gc.collect()
    gc.freeze()


def pairs(given: Sequence[str] | None) -> dict[str, str]:
    """Read options of the form NAME=VALUE."""
    found: dict[str, str] = {}
    for pair in given or ():
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise Invalid(f"`{pair}` is not NAME=VALUE")
        found[name] = value
    return found


def ask_secret(name: str) -> Secret:
    """Ask for a secret without showing it; from a pipe, read a line."""
    if sys.stdin.isatty():
        return Secret(getpass.getpass(f"{name}: "))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Invalid(f"the secret `{name}` is missing: write a line for each `--secret`")
    return Secret(line)


def print_json(value: object) -> None:
    """Print one JSON value."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def say(message: str) -> None:
    """Print one line for people."""
    console().print(text(message))


def print_list(
    name: str, rows: Sequence[Mapping[str, object]], *, as_json: bool, empty: str
) -> None:
    """Print rows that all have the same columns, or ``{name: [rows]}``; ids only there."""
    if as_json:
        print_json({name: rows})
        return
    if not rows:
        console().print(text(empty, "dim"))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    shown = [title for title in rows[0] if title != "id"]
    for title in shown:
        table.add_column(title.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(text("" if row[title] is None else row[title]) for title in shown))
    console().print(table)
