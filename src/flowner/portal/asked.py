"""What addresses name, read with care: an address may say anything."""

from __future__ import annotations

from uuid import UUID

from flowner.errors import Invalid, NotFound
from flowner.values import PrincipalId, RunId

_LARGEST = 2**63 - 1


def person_in(text: str) -> PrincipalId | None:
    """Return the principal that an address names; None where it names none."""
    if not text:
        return None
    try:
        return PrincipalId(str(UUID(text)))
    except ValueError:
        raise Invalid("people are named by their ids") from None


def is_id(text: str) -> bool:
    """Whether a text is an id, not a name."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def run_in(text: str) -> RunId:
    """Return the run that an address names; `NotFound` for what cannot be one."""
    if not text.isdecimal() or int(text) > _LARGEST:
        raise NotFound("there is no such run")
    return RunId(int(text))
