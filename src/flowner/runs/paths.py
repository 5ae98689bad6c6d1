"""Paths: which instance of an action is meant, inside all loops around it.

The text is ``Apply_to_each[3]/Send``: the loops around the action with their 0-based indexes,
outermost first, then the action. It is the key in the journal and the tail of idempotency keys, so
its spelling never changes. Scopes, conditions and switches leave no trace: action names are unique
in a flow. ``%``, ``/``, ``[`` and ``]`` inside a name are percent-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_RESERVED: Final = re.compile(r"[%/\[\]]")
_ENCODED: Final = re.compile(r"%([0-9A-F]{2})")

Part = tuple[str, int | None]


def key(name: str) -> str:
    """Return an action's name as it stands in a path."""
    return _RESERVED.sub(lambda found: f"%{ord(found[0]):02X}", name)


def name_of(key: str) -> str:
    """Return the name that ``key`` made the key from."""
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), key)


def iteration(loop: str, index: int) -> str:
    """Return the prefix of everything inside one iteration of the loop at path ``loop``."""
    return f"{loop}[{index}]/"


def split(path: str) -> tuple[str, str]:
    """Return a path's prefix (empty, or ending in ``/``) and its key."""
    head, slash, tail = path.rpartition("/")
    return head + slash, tail


def parts(path: str) -> Iterator[Part]:
    """Yield the names on the path with their indexes; the action's own has none."""
    for piece in path.split("/"):
        loop, bracket, index = piece.partition("[")
        yield name_of(loop), int(index[:-1]) if bracket else None
