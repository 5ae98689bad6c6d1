"""Archives: zip bytes to a bounded mapping of files. Nothing is ever written to a disk.

Sizes are counted while unpacking, whatever an archive's headers claim; a path that leaves its
folder, or stands twice, refuses the whole archive, so that no reader has to ask again.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flowner.errors import Code, Invalid

MAX_ARCHIVE_BYTES: Final = 128 * 1024 * 1024
"""The largest archive that is opened."""
MAX_ENTRIES: Final = 20_000
"""Entries of an archive, those of archives in it included."""
MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
"""Bytes that are unpacked of an archive, those of archives in it included."""
MAX_ENTRY_BYTES: Final = 64 * 1024 * 1024
"""Bytes that are unpacked of one entry."""
MAX_NESTING: Final = 3
"""An archive in an archive in an archive."""

_WANTED: Final = re.compile(
    r"(\.json|\.zip|\.data\.xml"
    r"|(^|/)(customizations|solution|environmentvariabledefinition)\.xml)$",
    re.IGNORECASE,
)
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile and zlib answer damaged input with.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    ValueError,
)
_ENCRYPTED: Final = 0x1
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is unpacked of an archive."""

    entries: int
    unpacked_bytes: int
    entry_bytes: int
    """Of one entry."""


class _Budget:
    """What is left to spend on one archive and those in it."""

    def __init__(self, most: Limits | None = None) -> None:
        self.most = most or Limits(
            entries=MAX_ENTRIES, unpacked_bytes=MAX_UNPACKED_BYTES, entry_bytes=MAX_ENTRY_BYTES
        )
        self.entries, self.bytes = self.most.entries, self.most.unpacked_bytes


def unpack(data: bytes, *, file: str) -> dict[str, bytes]:
    """Unpack what a package reader may want: JSON, the known XML files, and archives in it.

    Paths come with forward slashes; those from an archive in the archive begin with its own path.

    Raises `Invalid` (`INVALID_PACKAGE`) for what is no archive, is damaged, encrypted, unsafe or
    too large.
    """
    found: dict[str, bytes] = {}
    _unpack(data, file, "", found, _Budget())
    return found


def expand(files: Mapping[str, bytes], *, file: str | None = None) -> dict[str, bytes]:
    """Check the paths of a folder, and unpack the archives among its files."""
    found: dict[str, bytes] = {}
    budget = _Budget()
    for path, data in files.items():
        safe = safe_path(path, file=file)
        _count(budget, 1, file or safe)
        _spend(budget, len(data), safe)
        if safe.casefold().endswith(".zip"):
            _unpack(data, safe, f"{safe}/", found, budget)
        else:
            _add(found, safe, data, safe)
    return found


def files_of(
    data: bytes, *, file: str, limits: Limits, wanted: Callable[[zipfile.ZipInfo], bool]
) -> list[tuple[zipfile.ZipInfo, bytes]]:
    """Unpack the files of one archive, in its order; archives among them stay packed.

    ``wanted`` is asked about every entry, folders too, before anything of it is unpacked: it may
    raise. Paths are as they stand in the archive: whoever keeps them checks them.
    """
    if not is_archive(data):
        raise _bad("is not a zip archive", file)
    budget = _Budget(limits)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _count(budget, len(entries), file)
            kept = [entry for entry in entries if wanted(entry)]
            return [(entry, _content(archive, entry, file, budget)) for entry in kept]
    except _DAMAGE as error:
        raise _damaged(error, file) from None


def is_archive(data: bytes) -> bool:
    """Say whether bytes begin as a zip archive does."""
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def safe_path(path: str, *, file: str | None = None) -> str:
    """Return a path with forward slashes, refusing one that leads out of its folder."""
    plain = path.replace("\\", "/")
    parts = plain.split("/")
    if (
        plain.startswith("/")
        or ".." in parts
        or ":" in parts[0]
        or any(ord(character) < 32 for character in plain)
    ):
        raise _bad(f"holds an unsafe path `{plain[:200]!a}`", file)
    return "/".join(part for part in parts if part not in ("", "."))


def _unpack(data: bytes, file: str, prefix: str, found: dict[str, bytes], budget: _Budget) -> None:
    if len(data) > MAX_ARCHIVE_BYTES:
        raise _bad(f"has {len(data)} bytes; at most {MAX_ARCHIVE_BYTES} are opened", file)
    if not is_archive(data):
        raise _bad("is not a zip archive", file)
    if prefix.casefold().count(".zip/") >= MAX_NESTING:
        raise _bad(f"is an archive nested deeper than {MAX_NESTING} levels", file)
    try:
        _entries(data, file, prefix, found, budget)
    except _DAMAGE as error:
        raise _damaged(error, file) from None


def _entries(data: bytes, file: str, prefix: str, found: dict[str, bytes], budget: _Budget) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        _count(budget, len(entries), file)
        for entry in entries:
            path = safe_path(entry.filename, file=file)
            if entry.is_dir() or not _WANTED.search(path):
                continue
            content = _content(archive, entry, file, budget)
            if path.casefold().endswith(".zip"):
                _unpack(content, prefix + path, f"{prefix}{path}/", found, budget)
            else:
                _add(found, prefix + path, content, file)


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: str, budget: _Budget) -> bytes:
    if entry.flag_bits & _ENCRYPTED:
        raise _bad(f"holds an encrypted file `{entry.filename}`", file)
    if entry.compress_type not in _METHODS:
        raise _bad(f"packs `{entry.filename}` in a way other than deflate", file)
    parts: list[bytes] = []
    size = 0
    with archive.open(entry) as stream:
        while part := stream.read(_CHUNK):
            size += len(part)
            if size > budget.most.entry_bytes:
                most = budget.most.entry_bytes
                raise _bad(
                    f"holds `{entry.filename}`, which unpacks to more than {most} bytes", file
                )
            _spend(budget, len(part), file)
            parts.append(part)
    return b"".join(parts)


def _count(budget: _Budget, entries: int, file: str) -> None:
    budget.entries -= entries
    if budget.entries < 0:
        raise _bad(f"holds more than {budget.most.entries} entries", file)


def _spend(budget: _Budget, size: int, file: str) -> None:
    budget.bytes -= size
    if budget.bytes < 0:
        raise _bad(f"unpacks to more than {budget.most.unpacked_bytes} bytes", file)


def _add(found: dict[str, bytes], path: str, content: bytes, file: str) -> None:
    if path in found:
        raise _bad(f"holds `{path}` twice", file)
    found[path] = content


def _damaged(error: Exception, file: str) -> Invalid:
    return _bad(f"is a damaged zip archive: {error}"[:300], file)


def _bad(message: str, file: str | None) -> Invalid:
    return Invalid(message, code=Code.INVALID_PACKAGE, file=file)
