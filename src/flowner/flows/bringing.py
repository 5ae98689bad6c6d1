"""Files on disk to packages: solutions, packages, folders and single flows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flowner.definitions.packages import Package, read_files, read_package
from flowner.errors import Invalid

_MOST_BYTES = 512 * 1024 * 1024
_KINDS = {".zip", ".json", ".xml"}


def read_paths(path: Path) -> Package:
    """Read one package: an archive, a flow's file, or a folder of an unpacked solution."""
    if path.is_dir():
        return read_files(dict(_files(path)), file=path.name)
    return read_package(read_bytes(path), file=path.name)


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; `Invalid` when it is not there, or too large to be a package."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise Invalid(f"is larger than {_MOST_BYTES} bytes", file=str(path))
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"cannot be read: {error.strerror}", file=str(path)) from None


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in _KINDS:
            yield path.relative_to(folder).as_posix(), read_bytes(path)
