"""The file of a backup: a zip, nothing compressed twice, that any zip program opens.

    database.dump   what `pg_dump` writes in its custom format
    key             the vault's keys, one a line; only where it was asked for
    manifest.json   what it is of, and the length and SHA-256 of the others; written last

A file is there whole or not at all: it is written beside its name, made durable, and named.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from flowner.errors import Conflict, Invalid, Refused

FORMAT: Final = 1
"""The newest format that this release writes and reads."""
DUMP: Final = "database.dump"
KEY: Final = "key"
_MANIFEST: Final = "manifest.json"
_PIECE: Final = 1 << 20
_MOST: Final = 1 << 20
"""Bytes of a manifest, or of keys: more are none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup is of."""

    at: datetime
    """The moment that it shows, as the database's clock had it."""
    flowner: str
    """The release that made it."""
    revision: str
    """The database's."""
    postgresql: int
    """The server's version."""
    tools: int
    """Of which version `pg_dump` was: an older one cannot read the dump."""
    open_runs: int
    """Runs that had not ended."""
    keys: tuple[str, ...]
    """Names of the keys that the secrets are sealed with."""


@dataclass(frozen=True, slots=True)
class _Member:
    bytes: int
    sha256: str


class Writer:
    """Fills the archive of a backup, one member after the other."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[str, _Member] = {}

    async def add(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Write a member as its bytes come."""
        seen, size = hashlib.sha256(), 0
        with self._archive.open(_entry(name), "w", force_zip64=True) as member:
            async for piece in pieces:
                member.write(piece)
                seen.update(piece)
                size += len(piece)
        self._members[name] = _Member(size, seen.hexdigest())

    def finish(self, manifest: Manifest) -> int:
        """Write the manifest; answers the bytes of all members."""
        members = {name: asdict(member) for name, member in self._members.items()}
        told = {"format": FORMAT} | asdict(manifest) | {"members": members}
        text = json.dumps(told, default=datetime.isoformat, indent=2)
        self._archive.writestr(_entry(_MANIFEST), text + "\n")
        return sum(member.bytes for member in self._members.values())


@contextmanager
def written(file: Path, *, replaces: bool) -> Iterator[Writer]:
    """Yield what fills a new file; it has its name when the block ends, and durably.

    Only its owner can read it. Raises `Conflict` where it is there, unless ``replaces``; `Refused`
    when it cannot be written. What there was of it is gone then.
    """
    if file.exists() and not replaces:
        raise _taken(file)
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with _opened(part) as opened:
            with zipfile.ZipFile(opened, "w", zipfile.ZIP_STORED) as archive:
                yield Writer(archive)
            opened.flush()
            os.fsync(opened.fileno())
        _name(part, file, replaces=replaces)
    except OSError as error:
        raise Refused(f"`{file}` cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


class Reader:
    """Reads an archive that is whole in its outline; `check` reads all of it."""

    def __init__(self, archive: zipfile.ZipFile, told: dict[str, object]) -> None:
        self._archive = archive
        try:
            self.manifest = _manifest(told)
            self._members = {
                str(name): _Member(int(one["bytes"]), str(one["sha256"]))
                for name, one in told["members"].items()  # type: ignore[attr-defined]
            }
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _broken("its manifest cannot be understood") from None
        if DUMP not in self._members:
            raise _broken(f"there is no `{DUMP}` in it")

    @property
    def size(self) -> int:
        """Return the bytes of all members."""
        return sum(member.bytes for member in self._members.values())

    @property
    def key(self) -> str | None:
        """The vault's keys, one a line; None: they are not in it."""
        if KEY not in self._members:
            return None
        if self._members[KEY].bytes > _MOST:
            raise _broken(f"`{KEY}` is no key")
        return b"".join(self.pieces(KEY)).decode("ascii", errors="replace")

    def check(self) -> None:
        """Read every member and compare. Raises `Invalid`."""
        for name in self._members:
            for _ in self.pieces(name):
                pass

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a member's bytes. Raises `Invalid` at its end when they are not those written."""
        member, seen, size = self._members[name], hashlib.sha256(), 0
        try:
            with self._archive.open(name) as opened:
                while piece := opened.read(_PIECE):
                    seen.update(piece)
                    size += len(piece)
                    yield piece
        except (zipfile.BadZipFile, KeyError, EOFError, OSError, NotImplementedError):
            raise _broken(f"`{name}` in it is damaged") from None
        if (size, seen.hexdigest()) != (member.bytes, member.sha256):
            raise _broken(f"`{name}` in it is damaged")


@contextmanager
def read(file: Path) -> Iterator[Reader]:
    """Open a backup. Raises `Invalid` for what is none, and `Refused` for a later format."""
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise _broken("it is none, or it is cut off") from None
    except OSError as error:
        raise Invalid(f"`{file}` cannot be read: {error.strerror or error}") from error
    with archive:
        try:
            if archive.getinfo(_MANIFEST).file_size > _MOST:
                raise _broken("its manifest cannot be understood")
            told = json.loads(archive.read(_MANIFEST))
        except (zipfile.BadZipFile, KeyError, EOFError, ValueError, NotImplementedError):
            raise _broken("its manifest is missing or damaged") from None
        if not isinstance(told, dict) or not isinstance(told.get("format"), int):
            raise _broken("its manifest cannot be understood")
        if told["format"] > FORMAT:
            raise Refused(
                f"the backup has format {told['format']}, and this release reads {FORMAT}: it was"
                f" made by Flowner {told.get('flowner')}, take that or a later one"
            )
        yield Reader(archive, told)


def _manifest(told: dict[str, object]) -> Manifest:
    keys = told["keys"]
    if not isinstance(keys, list):
        raise TypeError
    return Manifest(
        at=datetime.fromisoformat(str(told["at"])),
        flowner=str(told["flowner"]),
        revision=str(told["revision"]),
        postgresql=int(str(told["postgresql"])),
        tools=int(str(told["tools"])),
        open_runs=int(str(told["open_runs"])),
        keys=tuple(str(one) for one in keys),
    )


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o600 << 16
    return entry


def _opened(part: Path) -> IO[bytes]:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(part, flags, 0o600), "w+b")


def _name(part: Path, file: Path, *, replaces: bool) -> None:
    """Give the file its name, and make that durable."""
    if replaces:
        part.replace(file)
    else:
        try:
            os.link(part, file)
        except FileExistsError:
            raise _taken(file) from None
    with contextlib.suppress(OSError, AttributeError):  # not every system has folders to sync
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _taken(file: Path) -> Conflict:
    return Conflict(f"`{file}` is there already: take another name, or give `--force`")


def _broken(why: str) -> Invalid:
    return Invalid(f"this is no backup that can be restored: {why}")
