"""What the pages need of the house."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flowner.approvals.answering import Answers
from flowner.approvals.links import Links
from flowner.approvals.reading import Approvals
from flowner.clock import Clock
from flowner.directory.openid import OpenIdSignIn
from flowner.directory.passwords import Passwords
from flowner.directory.people import Directory
from flowner.directory.roster import Roster
from flowner.directory.sessions import Sessions
from flowner.directory.tokens import Tokens
from flowner.engine.replies import Replies
from flowner.flows.administering import Administering
from flowner.flows.apps import Apps
from flowner.flows.audience import Audience
from flowner.flows.auditing import Auditing
from flowner.flows.bundles import Bundles
from flowner.flows.cancelling import Cancelling
from flowner.flows.choices import Choices
from flowner.flows.clients import Clients
from flowner.flows.connections import Connections
from flowner.flows.consent import Consent
from flowner.flows.drafting import Drafting
from flowner.flows.estate import Estate
from flowner.flows.explain import Explain
from flowner.flows.foretelling import Foretelling
from flowner.flows.granting import Grants
from flowner.flows.history import History
from flowner.flows.importing import Importer
from flowner.flows.inspecting import Inspecting
from flowner.flows.keyring import Keyring
from flowner.flows.portfolio import Portfolio
from flowner.flows.publishing import Publishing
from flowner.flows.resubmitting import Resubmitting
from flowner.flows.running import Running
from flowner.flows.sharing import Sharing
from flowner.flows.sign_ins_asked import SignInsAsked
from flowner.flows.turning import Turning
from flowner.flows.wiring import Wiring
from flowner.sdk.connector import Connector
from flowner.values import FlowId


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The services behind the pages. Each asks the law itself: pages decide nothing."""

    clock: Clock
    sessions: Sessions
    tokens: Tokens
    passwords: Passwords
    openid: OpenIdSignIn
    roster: Roster
    directory: Directory
    portfolio: Portfolio
    history: History
    inspecting: Inspecting
    cancelling: Cancelling
    explain: Explain
    foretelling: Foretelling
    running: Running
    resubmitting: Resubmitting
    replies: Replies
    turning: Turning
    sharing: Sharing
    audience: Audience
    auditing: Auditing
    connections: Connections
    grants: Grants
    clients: Clients
    keyring: Keyring
    consent: Consent
    sign_ins: SignInsAsked
    approvals: Approvals
    answers: Answers
    links: Links
    apps: Apps
    bundles: Bundles
    publishing: Publishing
    drafting: Drafting
    wiring: Wiring
    importer: Importer
    choices: Choices
    estate: Estate
    administering: Administering
    connectors: Mapping[str, Connector]
    """By every id that flows know them by."""
    tenant: str
    """What the organisation is called, in the top bar."""
    base: Callable[[], str]
    """Where the portal is reached, without a slash at the end."""
    hosts: frozenset[str] | None
    """The names that we are reached by; None: any."""
    answers_without_sign_in: bool
    """Whether the links in mails about approvals need nobody to sign in."""
    is_demo: bool
    """Whether anybody may choose whom to sign in as. True on loopback, in the demo, alone."""
    sign: Callable[[str], str]
    """Returns our signature of a text: 64 hexadecimal digits."""
    address_of: Callable[[FlowId], str]
    """The signed address of a flow's HTTP trigger."""
