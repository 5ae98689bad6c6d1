"""What the routes need, and who asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from flowner.approvals.answering import Answers
from flowner.approvals.reading import Approvals
from flowner.directory.applications import TENANT, Applications
from flowner.directory.bearers import Bearers
from flowner.directory.provisioning import Provisioning
from flowner.directory.tokens import Tokens
from flowner.engine.children import Callbacks
from flowner.engine.replies import Replies
from flowner.errors import AccessDenied, Code
from flowner.flows.cancelling import Cancelling
from flowner.flows.explain import Explain
from flowner.flows.history import History
from flowner.flows.resubmitting import Resubmitting
from flowner.flows.running import Running
from flowner.flows.sign_ins_asked import SignInsAsked
from flowner.values import FlowId, PrincipalId, RunId
from flowner.webapi.service import WebApi

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
REPLY_SECONDS = 120.0
"""How long a caller waits for a Response action; then the answer is 202."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the routes need."""

    tokens: Tokens
    bearers: Bearers
    applications: Applications
    provisioning: Provisioning
    running: Running
    history: History
    resubmitting: Resubmitting
    cancelling: Cancelling
    explain: Explain
    replies: Replies
    callbacks: Callbacks
    approvals: Approvals
    answers: Answers
    sign_ins: SignInsAsked
    webapi: WebApi
    signature: Callable[[FlowId], str]
    """Signs the address of a flow's HTTP trigger."""
    callback_signature: Callable[[RunId, str], str]
    """Signs the address at which an action of a run is answered."""

    public_url: str | None = None
    """Where others reach this server; None: where they happened to."""


async def person_of(request: Request) -> PrincipalId:
    """Return whose bearer token the request carries: one of ours, or of a provider.

    Raises:
        AccessDenied: it carries none that stands, or theirs who is disabled.
        Unavailable: the keys of the token's provider cannot be had.
    """
    doors: Doors = request.app.state.doors
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        person = await doors.tokens.recognise(token) or await doors.bearers.recognise(token)
        if person is not None:
            return person
    raise AccessDenied("sign in with a bearer token", code=Code.UNAUTHENTICATED)


def base_of(request: Request) -> str:
    """Return the beginning of our addresses as whoever asks knows it; no slash behind."""
    doors: Doors = request.app.state.doors
    return doors.public_url or f"{request.url.scheme}://{request.url.netloc}"


def challenge(request: Request) -> str:
    """Return the `WWW-Authenticate` of a 401: where a program signs in, and for what.

    Clients cut `/oauth2/authorize` off to find the authority. Sources:
    https://learn.microsoft.com/power-apps/developer/data-platform/authenticate-oauth
    https://www.rfc-editor.org/rfc/rfc6750#section-3
    """
    base = base_of(request)
    where = f'authorization_uri="{base}/{TENANT}/oauth2/authorize", resource_id="{base}/"'
    wrong = ', error="invalid_token"' if "authorization" in request.headers else ""
    return f"Bearer {where}{wrong}"
