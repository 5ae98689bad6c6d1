"""The vault's key beside a backup: put into it, taken out of it, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flowner.database import Database, Transaction
from flowner.errors import Refused
from flowner.settings import Settings
from flowner.vault.checking import sealed_with, unopened
from flowner.vault.keys import Key, key_lines, load_keys, merge_keys


def place(settings: Settings) -> str:
    """Say where the key is, for people."""
    return "in `FLOWNER_KEY`" if settings.key is not None else f"in `{_file(settings)}`"


def to_put_in(settings: Settings) -> bytes:
    """Return the keys as a backup holds them. Raises `Refused` when there are none."""
    if settings.key is None and not _file(settings).exists():
        raise Refused(f"there is no key to put into the backup: `{_file(settings)}` is missing")
    return key_lines(settings.key, _file(settings))


def take_in(settings: Settings, text: str) -> bool:
    """Put a backup's keys behind those of the key file; answers whether some were missing.

    Keys in the environment are not changed: then nothing is done.
    """
    if settings.key is not None:
        return False
    return merge_keys(_file(settings), text)


async def of_secrets(transaction: Transaction) -> tuple[str, ...]:
    """Return the names of the keys that secrets are sealed with."""
    return await sealed_with(transaction)


async def that_do_not_open(settings: Settings, database: Database) -> int:
    """Return of how many connections the secrets do not open with the keys that are here."""
    return await unopened(database, _present(settings))


def _present(settings: Settings) -> Sequence[Key]:
    """Return the keys that are here; none is made."""
    if settings.key is None and not _file(settings).exists():
        return ()
    return load_keys(settings.key, _file(settings))


def _file(settings: Settings) -> Path:
    return settings.data_folder / "key"
