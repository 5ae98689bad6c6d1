"""How a connector declares what it can do.

A connector is a module-level `Connector` with coroutine operations. An operation takes the
action's parameters as JSON, evaluated, in the flat slash keys that exported flows use
(``emailMessage/To``, ``item/name``), and an `OperationContext`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

from flowner.sdk.context import Answer, OperationContext
from flowner.values import Json, JsonObject

Perform: TypeAlias = "Callable[[JsonObject, OperationContext], Awaitable[Answer]]"


class Repeat(Enum):
    """What happens if an operation is called twice."""

    HARMLESS = auto()
    """The second call changes nothing: a read."""
    WITH_KEY = auto()
    """The second call with the same idempotency key does nothing new."""
    NEVER = auto()
    """It would be done twice. After a crash the outcome is unknown and a person must look."""


class Lookup(Enum):
    """What a form offers to choose a parameter's value from; any other may be typed."""

    NOTHING = auto()
    TABLES = auto()
    """Tables of rows, by set name."""
    PEOPLE = auto()
    """People of the directory, by UPN."""
    COLUMNS = auto()
    """The columns of the table that ``entityName`` names, each filled in by itself."""
    COLUMN_NAMES = auto()
    """Names of columns of the table that ``entityName`` names, to read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterForm:
    """One parameter, as a form shows it."""

    name: str
    title: str
    type: str = "string"
    required: bool = False
    description: str = ""
    choices: tuple[str, ...] = ()
    """The values there are; none: any."""
    lookup: Lookup = Lookup.NOTHING
    separator: str = ""
    """What stands between the values, where several can be chosen from the look-up."""


class SignIn(Enum):
    """How the one who makes a connection proves whom it acts as."""

    OWN_IDENTITY = auto()
    """They are signed in to this server: the connection acts as they do, without any secret."""
    SECRETS = auto()
    """They give what the outside asks for: user and password, or a key."""
    OAUTH = auto()
    """They sign in where the outside asks them to: OAuth 2.0, code with PKCE."""
    CLIENT_CREDENTIALS = auto()
    """Nobody signs in: they give what an application is known by, and the connection acts as the
    application. OAuth 2.0, client credentials."""


ACCESS_TOKEN: Final = "access_token"  # noqa: S105 - a name
"""What `OperationContext.credential` calls the token of a connection by OAuth 2.0. It is valid: it
is fetched before the call where it is not. Where the outside answers 401 all the same, the call is
made once more with another."""
CLIENT_SECRET: Final = "client_secret"  # noqa: S105 - a name
"""The secret by which this server is known where people sign in, which is optional, or by which an
application is known. It is the name of no other secret."""

ISSUER: Final = "issuer"
"""The setting that names who issues tokens, in place of the token endpoint."""
TOKEN_URL: Final = "tokenUrl"  # noqa: S105 - a name
"""The setting that is the token endpoint; filled in where an issuer says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServer:
    """Where tokens for a connection come from, and for which client of it: OAuth 2.0."""

    token_url: str
    client_id: str
    authorization_url: str | None = None
    """Where people sign in; None: nobody does."""
    scopes: tuple[str, ...] = ()
    resource: str | None = None
    """What the token is for, where scopes do not say it (RFC 8707)."""
    userinfo_url: str | None = None
    """Where it says who has signed in, if its id tokens do not say enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One way to make a connection, as a form shows it."""

    id: str
    title: str
    sign_in: SignIn
    settings: tuple[ParameterForm, ...] = ()
    """What is no secret: hosts, ports. Kept where everybody who may see the connection reads it."""
    secrets: tuple[ParameterForm, ...] = ()
    """What goes to the vault."""
    authorization: Callable[[Mapping[str, Json]], AuthorizationServer] | None = None
    """Where tokens come from, by the settings; with OAuth 2.0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that a connector can do."""

    id: str
    title: str
    repeat: Repeat
    perform: Perform
    parameters: tuple[ParameterForm, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    """What the body of the answer holds, for formulas: name and title; ``value[]`` is an array."""
    waits: bool = False
    """Whether its answer comes later, from outside."""

    @property
    def summary(self) -> str:
        """The first sentence of what the operation's author says of it."""
        said = (self.perform.__doc__ or "").strip().partition("\n\n")[0]
        return " ".join(said.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many calls an outside takes, through one connection, in so many seconds."""

    calls: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Connector:
    """One connector. ``ids`` are the names flows know it by (``shared_office365`` …)."""

    ids: tuple[str, ...]
    title: str
    summary: str = ""
    credentials: tuple[Credentials, ...] = ()
    """The ways to make a connection; the first is offered first."""
    needs_connection: bool = True
    legacy_route: Callable[[str, str], tuple[str, JsonObject] | None] | None = None
    """Maps a legacy call's method (upper case) and evaluated path to operation and parameters."""
    next_page: Callable[[JsonObject, JsonObject], JsonObject | None] | None = None
    """Maps an answer's body and the parameters it came for to those of the next page; None: that
    was the last. Used where the flow's author asked for more rows than one answer holds."""
    limit: Limit | None = None
    """What the outside takes; calls beyond it wait, and cost nobody an attempt. None: unknown."""
    operations: dict[str, Operation] = field(default_factory=dict)

    def way(self, id: str | None) -> Credentials | None:
        """Return the way of this id to make a connection; for None or '' the first.

        None: there is none.
        """
        return next((one for one in self.credentials if not id or one.id == id), None)

    def operation(
        self,
        id: str,
        *,
        title: str,
        repeat: Repeat,
        parameters: tuple[ParameterForm, ...] = (),
        answers: tuple[tuple[str, str], ...] = (),
        waits: bool = False,
    ) -> Callable[[Perform], Perform]:
        """Register the coroutine below as operation ``id``."""

        def register(perform: Perform) -> Perform:
            if id in self.operations:
                raise ValueError(f"connector {self.title} declares operation {id} twice")
            self.operations[id] = Operation(
                id=id,
                title=title,
                repeat=repeat,
                perform=perform,
                parameters=parameters,
                answers=answers,
                waits=waits,
            )
            return perform

        return register

    def legacy_call(self, inputs: JsonObject) -> tuple[str, JsonObject] | None:
        """Translate the evaluated inputs of an ``ApiConnection`` to operation and parameters.

        The parameters are those of the route, the queries, and ``body`` where there is one. None:
        no operation answers this method and path.
        """
        method, path = inputs.get("method"), inputs.get("path")
        if self.legacy_route is None or not isinstance(path, str):
            return None
        routed = self.legacy_route(method.upper() if isinstance(method, str) else "GET", path)
        if routed is None:
            return None
        operation, parameters = routed
        queries = inputs.get("queries")
        merged: JsonObject = {**(queries if isinstance(queries, dict) else {}), **parameters}
        if "body" in inputs:
            merged["body"] = inputs["body"]
        return operation, merged
