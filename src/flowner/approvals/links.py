"""Signed links to one answer: of one person, to one question, for a while.

A link shows what it would answer; nothing comes of opening it. It says whose answer it is, and
what it says is signed: nobody makes another out of it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from flowner.clock import Clock
from flowner.errors import AccessDenied, Code, Refused
from flowner.values import FlowId, PrincipalId

LIFE: Final = timedelta(days=30)
NAMES: Final = ("request", "person", "response", "until", "sig")
"""The parameters of a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link answers."""

    request: str
    person: PrincipalId
    response: str
    until: int
    """Seconds since 1970: it is of no use afterwards."""
    sig: str

    def as_query(self) -> str:
        """Return the link's parameters, as addresses carry them."""
        return urlencode({name: getattr(self, name) for name in NAMES})


class Links:
    """Makes links and reads them. ``base`` is where the portal is reached."""

    def __init__(self, base: Callable[[], str], sign: Callable[[str], str], clock: Clock) -> None:
        self._base, self._sign, self._clock = base, sign, clock

    def make(self, request: str, person: PrincipalId, response: str) -> str:
        """Return the address at which ``person`` gives this answer to this question."""
        until = int((self._clock.now() + LIFE).timestamp())
        sig = self._signature(request, person, response, until)
        link = Link(request=request, person=person, response=response, until=until, sig=sig)
        return f"{self._base()}/approvals/answer?{link.as_query()}"

    def page(self, approval: str) -> str:
        """Return the address of an approval's page."""
        return f"{self._base()}/approvals/{approval}"

    def consent(self, flow: FlowId) -> str:
        """Return the address at which one chooses connections for a flow."""
        return f"{self._base()}/flows/{flow}/consent?next=/approvals"

    def read(self, given: Mapping[str, str]) -> Link:
        """Return what a link answers.

        Raises:
            AccessDenied: it is not one of ours, or was changed.
            Refused: its time is over.
        """
        text = {name: given.get(name, "") for name in NAMES}
        until = int(text["until"]) if text["until"].isdecimal() and len(text["until"]) < 12 else 0
        person = PrincipalId(text["person"])
        right = self._signature(text["request"], person, text["response"], until)
        if not hmac.compare_digest(text["sig"].encode(), right.encode()):
            raise AccessDenied("the link is not signed, or was changed", code=Code.UNAUTHENTICATED)
        if until < self._clock.now().timestamp():
            raise Refused("the time of this link is over: open your approvals instead")
        return Link(
            request=text["request"],
            person=person,
            response=text["response"],
            until=until,
            sig=text["sig"],
        )

    def _signature(self, request: str, person: str, response: str, until: int) -> str:
        # What may hold anything stands last: no two different links are signed alike.
        return self._sign(f"approval answer {request} {person} {until} {response}")
