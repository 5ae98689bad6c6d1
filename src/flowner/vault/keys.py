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


def load_key(given: Secret | None, file: Path) -> Key:
    """Return the key that was given, or the one in ``file``, which is made when absent.

    Raises `Invalid` when others can read the file: whoever can may open every secret.
    """
    if given is not None:
        return read_key(given)
    if not file.exists():
        _make(file)
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise Invalid(f"others can read the key file `{file.name}`: `chmod 600` it")
    return read_key(Secret(file.read_text(encoding="ascii").strip()))


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = base64.b64encode(secrets.token_bytes(_LENGTH)).decode()
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(text + "\n")
    try:
        os.link(part, file)
    except FileExistsError:
        pass  # another process was first; its key is the key
    finally:
        part.unlink()
