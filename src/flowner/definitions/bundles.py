"""Bundles: a zip of static files to the files that an app serves, or a refusal that says which.

A bundle is shown by browsers and run by nobody here. So only files are let in that a browser
knows by a kind of ours, under paths that mean the same wherever they are unpacked again.
"""

from __future__ import annotations

import hashlib
import io
import stat
import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flowner.definitions.archives import Limits, files_of
from flowner.errors import Code, Invalid

INDEX: Final = "index.html"
"""The page that a bundle opens with."""
SCRIPT: Final = "flows.js"
"""The script that the server adds to every bundle, beside its index."""
MAX_BUNDLE_BYTES: Final = 10 * 1024 * 1024
"""The largest zip that is read."""
LIMITS: Final = Limits(entries=1000, unpacked_bytes=32 * 1024 * 1024, entry_bytes=8 * 1024 * 1024)
KINDS: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "ico": "image/x-icon",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "mp4": "video/mp4",
    "webm": "video/webm",
}
"""The media types of what a bundle may hold, by the endings of the files' names."""

_LEFT_OUT: Final = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What desktops put into folders by themselves."""
_MOST_CHARACTERS: Final = 200
_MEANT_OTHERWISE: Final = frozenset('\\:*?"<>|')
"""Characters that lead somewhere, or nowhere, on one system or another."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The files of an app's own pages."""

    files: Mapping[str, bytes]
    """By their paths, with forward slashes, composed (NFC); `INDEX` is one of them."""

    @property
    def digest(self) -> str:
        """The SHA-256 of all paths and contents: the same files, the same digest."""
        lines = (
            f"{path}\0{hashlib.sha256(content).hexdigest()}\n"
            for path, content in sorted(self.files.items())
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_bundle(data: bytes) -> Bundle:
    """Read a zip. Raises `Invalid` (`INVALID_BUNDLE`), which names the entry at fault."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise _bad(f"has {len(data)} bytes; at most {MAX_BUNDLE_BYTES} are taken")
    try:
        found = files_of(data, file="the bundle", limits=LIMITS, wanted=_is_wanted)
    except Invalid as error:
        raise error if error.code is Code.INVALID_BUNDLE else _bad(error.message) from None
    return bundle_of([(entry.orig_filename, content) for entry, content in found])


def bundle_of(files: list[tuple[str, bytes]]) -> Bundle:
    """Check the paths of files, and that they are a bundle together."""
    kept: dict[str, bytes] = {}
    known: dict[str, str] = {}
    for given, content in files:
        path = _safe(given)
        twin = known.setdefault(path.casefold(), path)
        if path in kept or twin != path:
            raise _bad(f"holds `{path}` twice: as `{twin}`, too")
        kept[path] = content
    folders = {path.casefold()[:at] for path in kept for at in _slashes(path)}
    for path in kept:
        if path.casefold() in folders:
            raise _bad(f"holds `{path}` as a file and as a folder")
    if INDEX not in kept:
        raise _bad(_without_index(kept))
    return Bundle(files=dict(sorted(kept.items())))


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return files as a zip: the same files, the same bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def kind_of(path: str) -> str | None:
    """Return the media type that a file is served with; None: it is of no kind that is let in."""
    name = path.rpartition("/")[2]
    return KINDS.get(name.rpartition(".")[2].lower()) if "." in name else None


def is_left_out(path: str) -> bool:
    """Say whether a file is one that desktops leave in folders: it is passed over."""
    return path.startswith("__MACOSX/") or path.rpartition("/")[2] in _LEFT_OUT


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    path, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
    if is_left_out(path):
        return False
    if kind == stat.S_IFLNK:
        raise _bad(f"holds a symbolic link `{_said(path)}`: put the file itself there")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _bad(f"holds `{_said(path)}`, which is neither a file nor a folder")
    if entry.is_dir() or path.endswith("/"):
        _safe_parts(path.removesuffix("/"), path)
        return False
    _safe(path)
    return True


def _safe(given: str) -> str:
    """Return a file's path as it is kept; raises for one that is not taken."""
    path = unicodedata.normalize("NFC", given)
    _safe_parts(path, given)
    if kind_of(path) is None:
        known = ", ".join(KINDS)
        raise _bad(f"holds `{_said(given)}`, which is none of the kinds that are served: {known}")
    if path.casefold() == SCRIPT:
        raise _bad(f"holds `{_said(given)}`: leave it out, the server adds its own")
    return path


def _safe_parts(path: str, given: str) -> None:
    parts = path.split("/")
    if path.startswith("/") or ":" in parts[0]:
        raise _bad(f"holds the absolute path `{_said(given)}`")
    if ".." in parts:
        raise _bad(f"holds the path `{_said(given)}`, which leads out of it")
    if (
        len(path) > _MOST_CHARACTERS
        or not path.isprintable()
        or _MEANT_OTHERWISE & set(path)
        or any(part == "" or part.startswith(".") or part.endswith((" ", ".")) for part in parts)
    ):
        raise _bad(
            f"holds the path `{_said(given)}`: paths are at most {_MOST_CHARACTERS} characters that"
            ' can be read, without any of `\\:*?"<>|`, and no part is empty, begins with a dot,'
            " or ends with a dot or a space"
        )


def _slashes(path: str) -> list[int]:
    return [at for at, character in enumerate(path) if character == "/"]


def _without_index(files: Mapping[str, bytes]) -> str:
    deeper = next((path for path in sorted(files) if path.endswith(f"/{INDEX}")), None)
    if deeper is None:
        return f"has no `{INDEX}`, the page that it opens with"
    folder = deeper.removesuffix(f"/{INDEX}")
    return f"has no `{INDEX}`, but `{deeper}`: zip what is in the folder `{folder}`, not the folder"


def _said(path: str) -> str:
    return (
        ascii(path[:_MOST_CHARACTERS])[1:-1] if not path.isprintable() else path[:_MOST_CHARACTERS]
    )


def _bad(message: str) -> Invalid:
    return Invalid(f"the bundle {message}", code=Code.INVALID_BUNDLE)
