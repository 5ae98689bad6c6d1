"""Connections by OAuth 2.0 client credentials: made for applications, tested, and mended.

What is given is proved before it is kept: nobody finds out in a run that a secret was wrong.
Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flowner.access.vocabulary import ConnectionAction, ConnectionFacts
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Code, Invalid, NotFound, Refused
from flowner.flows.asking import connection_permit
from flowner.flows.authorizing import Granted, ask_where, exchange
from flowner.flows.connections import Connections, NewConnection
from flowner.flows.refreshing import Refreshing, client_form, server_of
from flowner.rows.facts import read_connection_facts
from flowner.sdk.connector import (
    CLIENT_SECRET,
    ISSUER,
    TOKEN_URL,
    AuthorizationServer,
    Credentials,
    SignIn,
)
from flowner.values import ConnectionId, Json, PrincipalId, Secret


class Clients:
    """Makes, tests and mends connections that act as an application is known outside."""

    def __init__(
        self,
        database: Database,
        connections: Connections,
        refreshing: Refreshing,
        private: bool,
    ) -> None:
        """``private``: whether the outside may be at loopback and private addresses."""
        self._database, self._private = database, private
        self._connections, self._refreshing = connections, refreshing

    async def make(
        self, given: NewConnection, way: Credentials, owner: PrincipalId, *, by: PrincipalId
    ) -> ConnectionId:
        """Make a connection for an application, or for oneself, once a token was issued for it.

        Raises:
            AccessDenied: ``by`` may not make it for the owner.
            Invalid: something is missing, or an address is not safe.
            Refused: no token is issued for what was given.
            Unavailable: the outside does not answer.
        """
        settings = await self._located(given.settings)
        granted = await self._proved(server_of(way, settings), given.secrets)
        kept = self._refreshing.sealed(given.secrets, granted)
        made = replace(given, settings=settings, secrets=kept, way=way.id)
        return await self._connections.make(made, owner, by=by)

    def way(self, connector: str, id: str | None) -> Credentials | None:
        """Return a connector's way of this id, if it is one by client credentials.

        Raises:
            NotFound: the connector has no such way.
        """
        found = self._refreshing.way(connector, id)
        if id is not None and found is None:
            raise NotFound(f"there is no way `{id[:60]}` to make a connection for `{connector}`")
        is_ours = found is not None and found.sign_in is SignIn.CLIENT_CREDENTIALS
        return found if is_ours else None

    async def acts_through(self, id: ConnectionId) -> bool:
        """Whether a connection is one by client credentials."""
        async with self._database.connection() as connection:
            facts = await read_connection_facts(connection, id)
        return self.way(facts.connector, facts.way) is not None

    async def test(self, id: ConnectionId, by: PrincipalId) -> None:
        """Fetch a token now, for one who may change the credential; what is broken, acts again.

        Raises:
            Refused: none is issued; the connection is broken from now on.
            Unavailable: the outside does not answer.
        """
        async with self._database.transaction() as transaction:
            _, server = await self._permitted(transaction, id, by)
            known = await self._refreshing.known(transaction, id)
        try:
            granted = await self._proved(server, known)
        except Refused as error:
            await self._refreshing.stop(id, error.message)
            raise
        await self._keep(id, by, granted, None)

    async def mend(self, id: ConnectionId, secrets: Mapping[str, Secret], by: PrincipalId) -> None:
        """Give a connection another client secret, once a token was issued for it; as `make`."""
        async with self._database.transaction() as transaction:
            _, server = await self._permitted(transaction, id, by)
        granted = await self._proved(server, secrets)
        await self._keep(id, by, granted, secrets[CLIENT_SECRET])

    async def _keep(
        self, id: ConnectionId, by: PrincipalId, granted: Granted, secret: Secret | None
    ) -> None:
        async with self._database.transaction() as transaction:
            facts, _ = await self._permitted(transaction, id, by)
            known = await self._refreshing.known(transaction, id)
            if secret is not None:
                known = {**known, CLIENT_SECRET: secret}
            await self._refreshing.keep(transaction, facts, known, granted)

    async def _permitted(
        self, transaction: Transaction, id: ConnectionId, by: PrincipalId
    ) -> tuple[ConnectionFacts, AuthorizationServer]:
        permit = await connection_permit(transaction, by, ConnectionAction.EDIT, id)
        facts = permit.to(ConnectionAction.EDIT)
        return facts, await self._refreshing.server(transaction, facts, SignIn.CLIENT_CREDENTIALS)

    async def _located(self, settings: Mapping[str, Json]) -> dict[str, Json]:
        """Return the settings with the token endpoint, which the issuer says if they do not."""
        issuer = settings.get(ISSUER)
        if settings.get(TOKEN_URL):
            return dict(settings)
        if not isinstance(issuer, str) or not issuer:
            raise Invalid("say where tokens are issued: the token endpoint, or the issuer")
        return {**settings, TOKEN_URL: await ask_where(issuer, private=self._private)}

    async def _proved(self, server: AuthorizationServer, secrets: Mapping[str, Secret]) -> Granted:
        secret = secrets.get(CLIENT_SECRET)
        if secret is None:
            raise Invalid("fill in *Client secret*", pointer=f"/secret:{CLIENT_SECRET}")
        try:
            return await exchange(server, client_form(server), secret, private=self._private)
        except AccessDenied as error:
            raise Refused(error.message, code=Code.INVALID_CONNECTION) from None
