"""Signing in for a connection: OAuth 2.0, the authorization code flow with PKCE.

What one person begins in one session, nobody else and no other session ends. PKCE verifier and
nonce are made from the state and a secret of the session: of neither is more kept than a hash.
Sources: https://www.rfc-editor.org/rfc/rfc6749 https://www.rfc-editor.org/rfc/rfc7636
https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit

from flowner.access.vocabulary import ConnectionAction, ConnectionFacts
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Code, Refused
from flowner.flows.asking import connection_permit
from flowner.flows.authorizing import Granted, ask_who, exchange
from flowner.flows.refreshing import Refreshing
from flowner.rows import connecting, registry
from flowner.rows.auditing import Act, note
from flowner.sdk.connector import CLIENT_SECRET, AuthorizationServer, SignIn
from flowner.values import ConnectionId, PrincipalId, Secret

LIFE: Final = timedelta(minutes=10)
"""How long somebody may take where they sign in."""
NOBODY: Final = "nobody yet"
"""The account of a connection for which nobody has signed in."""
_CODE: Final = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Where to send the browser."""

    url: str
    host: str
    """Where that is, as people read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granting:
    """What came of a sign-in."""

    connection: ConnectionId
    account: str
    return_to: str


class Grants:
    """Signs people in for connections; `refreshing` keeps their tokens valid."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        refreshing: Refreshing,
        private: bool,
    ) -> None:
        """``private``: whether the outside may be at loopback and private addresses."""
        self._database, self._clock = database, clock
        self._refreshing, self._private = refreshing, private

    async def begin(
        self,
        id: ConnectionId,
        by: PrincipalId,
        *,
        session: Secret,
        redirect_uri: str,
        return_to: str = "/connections",
    ) -> Leaving:
        """Begin a sign-in for a connection, for one who may change its credential.

        ``session`` is a secret of the session that the browser comes back in; ``redirect_uri`` is
        ours, absolute, and registered where one signs in.
        """
        state = secrets.token_urlsafe(32)
        async with self._database.transaction() as transaction:
            facts, server = await self._permitted(transaction, id, by)
            began = connecting.Began(
                person=by,
                session=_hashed(session.reveal()),
                connection=facts.id,
                redirect_uri=redirect_uri,
                return_to=return_to,
            )
            expires = self._clock.now() + LIFE
            await connecting.insert_began(transaction, began, state=_hashed(state), expires=expires)
        return _leaving(server, redirect_uri, state, session)

    async def finish(
        self, parameters: Mapping[str, str], by: PrincipalId, *, session: Secret
    ) -> Granting:
        """End a sign-in: ``parameters`` are those of the address that the browser came back to.

        Raises:
            AccessDenied: this person did not begin it in this session, or it is over; or the
                outside says no.
            Refused: somebody else has signed in than the one whom the connection acts as.
            Unavailable: the outside does not answer.
        """
        began = await self._taken(parameters, by, session)
        state = parameters["state"]
        async with self._database.transaction() as transaction:
            facts, server = await self._permitted(transaction, began.connection, by)
            known = await self._refreshing.known(transaction, began.connection)
        form = {
            "grant_type": "authorization_code",
            "code": parameters["code"],
            "redirect_uri": began.redirect_uri,
            "code_verifier": _made("verifier", state, session),
        }
        granted = await exchange(server, form, known.get(CLIENT_SECRET), private=self._private)
        nonce = _made("nonce", state, session)
        account = await ask_who(server, granted, nonce, private=self._private)
        async with self._database.transaction() as transaction:
            facts, _ = await self._permitted(transaction, facts.id, by)
            _require_same(facts, account)
            await self._keep(transaction, facts, granted, account)
            await note(transaction, Act.CONNECTION_RENEWED, facts.id, by=by)
        return Granting(connection=facts.id, account=account, return_to=began.return_to)

    async def _taken(
        self, parameters: Mapping[str, str], by: PrincipalId, session: Secret
    ) -> connecting.Began:
        async with self._database.transaction() as transaction:
            began = await connecting.take_began(
                transaction,
                by,
                state=_hashed(parameters.get("state", "")),
                session=_hashed(session.reveal()),
                now=self._clock.now(),
            )
        if "code" not in parameters:
            said = parameters.get("error", "")
            raise _denied(f"`{said if _CODE.fullmatch(said) else 'no'}` is the answer")
        if began is None:
            raise _denied("you did not begin it in this browser, or it took too long: begin again")
        return began

    async def _keep(
        self, transaction: Transaction, facts: ConnectionFacts, granted: Granted, account: str
    ) -> None:
        """Seal what was granted; who signs in for the first time is whom it acts as."""
        known = await self._refreshing.known(transaction, facts.id)
        await self._refreshing.keep(transaction, facts, known, granted)
        if facts.account == NOBODY:
            name = f"{facts.connector.replace('_', '-')}-{account}"
            change = {"account": account, "displayname": account, "name": name}
            await registry.update(
                transaction, "connectioninstance", facts.id, change, by=facts.owner
            )

    async def _permitted(
        self, transaction: Transaction, id: ConnectionId, by: PrincipalId
    ) -> tuple[ConnectionFacts, AuthorizationServer]:
        permit = await connection_permit(transaction, by, ConnectionAction.EDIT, id)
        facts = permit.to(ConnectionAction.EDIT)
        return facts, await self._refreshing.server(transaction, facts, SignIn.OAUTH)


def _leaving(
    server: AuthorizationServer, redirect_uri: str, state: str, session: Secret
) -> Leaving:
    challenge = hashlib.sha256(_made("verifier", state, session).encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": server.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(server.scopes),
        "state": state,
        "nonce": _made("nonce", state, session),
        "code_challenge": _coded(challenge),
        "code_challenge_method": "S256",
    }
    where = server.authorization_url or ""
    joint = "&" if "?" in where else "?"
    return Leaving(url=f"{where}{joint}{urlencode(asked)}", host=urlsplit(where).netloc)


def _require_same(facts: ConnectionFacts, account: str) -> None:
    """A sign-in mends a connection; it never changes whom its flows act as."""
    if facts.account not in (NOBODY, account):
        raise Refused(
            f"you signed in as {account}, and this connection acts as {facts.account}: sign in as"
            " that account, or make another connection",
            code=Code.INVALID_CONNECTION,
        )


def _made(what: str, state: str, session: Secret) -> str:
    """Make a secret that only this session's sign-in of this state has: 43 characters."""
    return _coded(hmac.digest(session.reveal().encode(), f"{what} {state}".encode(), "sha256"))


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _denied(why: str) -> AccessDenied:
    return AccessDenied(f"the sign-in did not succeed: {why}", code=Code.ACCESS_DENIED)
