"""The keys that seal: from the environment or from a file that only its owner can read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from flowner.errors import Invalid
from flowner.values import Secret

_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Key:
    """An AES-256 key and the name it is known by, which gives nothing of it away."""

    id: str
    material: bytes = field(repr=False)


def read_key(text: Secret) -> Key:
    """Read a key from base64 of 32 bytes."""
    try:
        material = base64.b64decode(text.reveal(), validate=True)
    except (binascii.Error, ValueError):
        material = b""
    if len(material) != _LENGTH:
        raise Invalid(
            "the vault's key is not base64 of 32 bytes: make one with `openssl rand -base64 32`"
        )
    return Key(hashlib.sha256(b"flowner key id" + material).hexdigest()[:16], material)


def load_keys(given: Secret | None, file: Path) -> list[Key]:
    """Return the keys that were given, or those in ``file``, which is made when absent.

    The first seals, the others still open what they sealed. Given: separated by commas; in a file:
    a line each. Raises `Invalid` when others can read the file: whoever can may open every secret.
    """
    if given is not None:
        return [read_key(Secret(text)) for text in given.reveal().split(",")]
    if not file.exists():
        _write(file, [_fresh()], new=True)
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise Invalid(f"others can read the key file `{file.name}`: `chmod 600` it")
    return [read_key(Secret(line)) for line in _lines(file)]


def add_key(file: Path) -> None:
    """Put a fresh key before those in the file, or make the file."""
    if file.exists():
        _write(file, [_fresh(), *_lines(file)])
    else:
        _write(file, [_fresh()], new=True)


def drop_old_keys(file: Path) -> None:
    """Leave only the first key in the file: nothing is sealed with the others any more."""
    _write(file, _lines(file)[:1])


def key_lines(given: Secret | None, file: Path) -> bytes:
    """Return the keys as a key file holds them, to be kept elsewhere."""
    keys = load_keys(given, file)
    return b"".join(base64.b64encode(key.material) + b"\n" for key in keys)


def merge_keys(file: Path, text: str) -> bool:
    """Put the keys of another file's text behind those of ``file``; answers whether any is new.

    The first goes on sealing. Raises `Invalid` for a text that is none of keys.
    """
    brought = text.split()
    for line in brought:
        read_key(Secret(line))
    here = _lines(file) if file.exists() else []
    new = [line for line in brought if line not in here]
    if new:
        _write(file, [*here, *new])
    return bool(new)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="ascii", errors="replace").split()


def _fresh() -> str:
    return base64.b64encode(secrets.token_bytes(_LENGTH)).decode()


def _write(file: Path, lines: list[str], *, new: bool = False) -> None:
    """Replace the file at once; ``new``: unless somebody else has made it meanwhile."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.writelines(f"{line}\n" for line in lines)
    if not new:
        part.replace(file)
        return
    try:
        os.link(part, file)
    except FileExistsError:
        pass  # another process was first; its key is the key
    finally:
        part.unlink()
