"""The operator's commands: back a server up, restore it, and let its runs go on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from flowner.cli.opening import AsJson, in_house, print_json, print_list, say
from flowner.cli.upkeep import Yes
from flowner.errors import Invalid
from flowner.server import House
from flowner.settings import Settings, read_settings
from flowner.upkeep import aside as setting_aside
from flowner.upkeep import key
from flowner.upkeep.archives import Manifest
from flowner.upkeep.backing_up import Backup, back_up
from flowner.upkeep.backing_up import check as check_backup
from flowner.upkeep.restoring import Restored, holds_something
from flowner.upkeep.restoring import restore as restore_backup
from flowner.values import RunId

aside = typer.Typer(no_args_is_help=True, help="Runs that a restore has set aside.")
R = TypeVar("R")
_MOST = 1000


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, or a folder for it.")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Put the vault's key into it as well.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the whole database, as it is at this moment, into one file; a server may be running."""
    settings = read_settings()
    done = _to_its_end(back_up(settings, file, with_key=with_key, replaces=force))
    if as_json:
        print_json(_json(done))
        return
    say(f"backed up into {done.file}: {_told(done)}")
    if done.with_key:
        say("the vault's key is in it: whoever has the file can open every secret")
    else:
        say(
            f"the vault's key is not in it, and without it no secret in it can be opened: the key"
            f" is {key.place(settings)}, keep a copy of it elsewhere"
        )


def restore(
    file: Annotated[Path, typer.Argument(help="The file of a backup.")],
    check: Annotated[
        bool, typer.Option("--check", help="Read and check all of it, and restore nothing.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Drop what is in the database.")
    ] = False,
    go_on: Annotated[
        bool,
        typer.Option("--go-on", help="Let runs that had not ended go on, from where they were."),
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty database: all of it, or nothing."""
    if check:
        found = asyncio.run(check_backup(file))
        print_json(_json(found)) if as_json else say(f"{file} can be restored: {_told(found)}")
        return
    settings = read_settings()
    if replace and not yes and asyncio.run(holds_something(settings)):
        typer.confirm("drop all that Flowner has in the database?", abort=True, err=True)
    done = _to_its_end(restore_backup(settings, file, replaces=replace, goes_on=go_on))
    if as_json:
        print_json(_outcome(done))
    else:
        _say_restored(settings, file, done)
    if done.closed:
        raise typer.Exit(1)


@aside.command("list")
def list_aside(as_json: AsJson = False) -> None:
    """List runs that are set aside, the newest first."""

    async def work(house: House) -> None:
        rows = [
            {
                "id": str(one.run),
                "run": str(one.run),
                "flow": one.flow_name,
                "status": one.status,
                "started": f"{one.started:%Y-%m-%d %H:%M:%S}",
            }
            for one in await setting_aside.listed(house, _MOST)
        ]
        print_list("runs", rows, as_json=as_json, empty="no run is set aside")

    in_house(work)


@aside.command("go-on")
def go_on(
    runs: Annotated[list[int] | None, typer.Argument(help="Ids of runs.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are set aside.")] = False,
) -> None:
    """Let runs go on from where they were when the backup was made."""
    if bool(runs) == everything:
        raise Invalid("say which runs, or `--all`")

    async def work(house: House) -> None:
        wanted = None if everything else [RunId(run) for run in runs or ()]
        gone = await setting_aside.let_go(house, wanted)
        say(f"{len(gone)} of {len(gone) if wanted is None else len(wanted)} runs go on")

    in_house(work)


def _to_its_end(work: Coroutine[Any, Any, R]) -> R:
    """Do the work; told to stop, it takes back what it began."""

    async def stoppable() -> R:
        task = asyncio.current_task()
        with suppress(NotImplementedError, RuntimeError):  # on Windows, and off the main thread
            if task is not None:
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None


def _say_restored(settings: Settings, file: Path, done: Restored) -> None:
    say(f"restored from {file}: {_of(done.manifest)}")
    if done.set_aside:
        say(
            f"{done.set_aside} runs had not ended and are set aside, because nobody here knows what"
            " they did since: `flowner aside list` shows them, `flowner aside go-on` lets them go"
            " on, and what they did after the backup they may do again"
        )
    if done.key_added:
        say("the key that was in the backup is in the key file now")
    if done.closed:
        say(
            f"the secrets of {done.closed} connections, or of the server itself, do not open with"
            f" the key {key.place(settings)}: bring the key of the server that was backed up"
        )


def _told(backup: Backup) -> str:
    return f"{_size(backup.bytes)}, {_of(backup.manifest)}"


def _of(manifest: Manifest) -> str:
    return (
        f"of {manifest.at:%Y-%m-%d %H:%M:%S} UTC, Flowner {manifest.flowner} at revision"
        f" {manifest.revision}, PostgreSQL {manifest.postgresql},"
        f" {manifest.open_runs} runs that had not ended"
    )


def _size(bytes: int) -> str:
    return f"{bytes / 1e6:.1f} MB" if bytes < 1e9 else f"{bytes / 1e9:.1f} GB"


def _json(backup: Backup) -> dict[str, object]:
    told = {"file": str(backup.file), "bytes": backup.bytes, "with_key": backup.with_key}
    return told | _manifest(backup.manifest)


def _outcome(done: Restored) -> dict[str, object]:
    return _manifest(done.manifest) | {
        "set_aside": done.set_aside,
        "key_added": done.key_added,
        "closed": done.closed,
    }


def _manifest(manifest: Manifest) -> dict[str, object]:
    return {
        "at": manifest.at.isoformat(),
        "flowner": manifest.flowner,
        "revision": manifest.revision,
        "postgresql": manifest.postgresql,
        "open_runs": manifest.open_runs,
    }
