"""What the routes need, and who asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from flowner.directory.tokens import Tokens
from flowner.engine.children import Callbacks
from flowner.engine.replies import Replies
from flowner.errors import AccessDenied, Code
from flowner.flows.explain import Explain
from flowner.flows.history import History
from flowner.flows.resubmitting import Resubmitting
from flowner.flows.running import Running
from flowner.values import FlowId, PrincipalId, RunId
from flowner.webapi.service import WebApi

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
REPLY_SECONDS = 120.0
"""How long a caller waits for a Response action; then the answer is 202."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the routes need."""

    tokens: Tokens
    running: Running
    history: History
    resubmitting: Resubmitting
    explain: Explain
    replies: Replies
    callbacks: Callbacks
    webapi: WebApi
    signature: Callable[[FlowId], str]
    """Signs the address of a flow's HTTP trigger."""
    callback_signature: Callable[[RunId, str], str]
    """Signs the address at which an action of a run is answered."""


async def person_of(request: Request) -> PrincipalId:
    """Return whose bearer token the request carries; `AccessDenied` when it carries none."""
    doors: Doors = request.app.state.doors
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    person = await doors.tokens.recognise(token) if scheme.lower() == "bearer" else None
    if person is None:
        raise AccessDenied("sign in with a bearer token", code=Code.UNAUTHENTICATED)
    return person
