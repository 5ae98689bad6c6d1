"""Tokens of connections by OAuth 2.0: fetched, sealed, exchanged in time and after a refusal.

Whoever needs a token waits for whoever fetches it: it is fetched once, however many actions and
processes ask. A connection for which none is to be had is broken from then on, and says why.
Sources: https://www.rfc-editor.org/rfc/rfc6749#section-4.4 (client credentials) and #section-6
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from flowner.access.vocabulary import ConnectionFacts
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Code, Invalid, Refused
from flowner.flows.authorizing import Granted, exchange, require_safe
from flowner.flows.sign_ins_asked import SignInsAsked
from flowner.rows import registry
from flowner.rows.facts import read_connection_facts, read_settings
from flowner.sdk.connector import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    AuthorizationServer,
    Connector,
    Credentials,
    SignIn,
)
from flowner.values import ConnectionId, Json, Secret
from flowner.vault.store import Vault

_EARLY: Final = timedelta(seconds=60)
"""How long before its end a token is exchanged."""
_REFRESH: Final = "refresh_token"
_EXPIRES: Final = "expires_on"


class Refreshing:
    """Keeps the tokens of connections valid."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        connectors: Mapping[str, Connector],
        sign_ins: SignInsAsked,
        private: bool,
    ) -> None:
        """``private``: whether the outside may be at loopback and private addresses."""
        self._database, self._vault, self._clock = database, vault, clock
        self._connectors, self._sign_ins, self._private = connectors, sign_ins, private
        self._fetching: defaultdict[ConnectionId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def fresh(self, id: ConnectionId, opened: Mapping[str, Secret]) -> Mapping[str, Secret]:
        """Return a connection's secrets as its connector is given them, with a token that is valid.

        ``opened`` are those in the vault. The token is fetched where there is none or it is over,
        once, however many ask; what it is fetched by, the connector is not given.

        Raises:
            Refused: there is none to be had; the connection is broken from now on.
            Unavailable: the outside does not answer.
        """
        if ACCESS_TOKEN not in opened and CLIENT_SECRET not in opened:
            return opened
        if self._is_over(opened):
            async with self._fetching[id], self._database.transaction() as transaction:
                opened = await self._vault.open_alone(transaction, id)
                if self._is_over(opened):
                    opened = await self._fetched(transaction, id, opened)
        if ACCESS_TOKEN not in opened:
            raise Refused(
                "the sign-in of the connection has ended: its owner signs in again",
                code=Code.INVALID_CONNECTION,
            )
        return {ACCESS_TOKEN: opened[ACCESS_TOKEN]}

    async def again(self, id: ConnectionId, used: Secret) -> Mapping[str, Secret] | None:
        """Return a token in place of one that the outside refused before its time.

        It is fetched, unless somebody has since ``used`` was. None: there is none to be had, and
        the connection is broken from now on.
        """
        async with self._fetching[id], self._database.transaction() as transaction:
            opened = await self._vault.open_alone(transaction, id)
            known = opened.get(ACCESS_TOKEN)
            if known is None or known.reveal() == used.reveal():
                opened = await self._fetched(transaction, id, opened)
        return {ACCESS_TOKEN: opened[ACCESS_TOKEN]} if ACCESS_TOKEN in opened else None

    async def known(self, transaction: Transaction, id: ConnectionId) -> dict[str, Secret]:
        """Return what is kept for a connection; who else would change it waits for the end of the
        transaction."""
        return await self._vault.open_alone(transaction, id)

    async def stop(self, id: ConnectionId, reason: str) -> None:
        """Let nothing act through a connection until somebody mends it."""
        async with self._database.transaction() as transaction:
            facts = await read_connection_facts(transaction, id)
            await _break(transaction, facts, reason)

    async def server(
        self, transaction: Transaction, facts: ConnectionFacts, sign_in: SignIn
    ) -> AuthorizationServer:
        """Return where the tokens of a connection come from; `Invalid` where it is made another
        way, or the address is not safe."""
        way = self.way(facts.connector, facts.way)
        if way is None or way.authorization is None or way.sign_in is not sign_in:
            raise Invalid(
                f"`{facts.account}` is no connection of this kind: it is mended another way"
            )
        return server_of(way, await read_settings(transaction, facts.id))

    def way(self, connector: str, id: str | None) -> Credentials | None:
        """Return one of a connector's ways to make a connection; None: there is none such."""
        found = self._connectors.get(connector)
        return None if found is None else found.way(id)

    async def keep(
        self,
        transaction: Transaction,
        facts: ConnectionFacts,
        known: Mapping[str, Secret],
        granted: Granted,
    ) -> dict[str, Secret]:
        """Seal what was granted, and let the connection act.

        A refresh token that is not replaced stays valid (RFC 6749, 6).
        """
        kept = self.sealed(known, granted)
        await self._vault.seal(transaction, facts.id, kept)
        change = {"connectionstatus": "Connected", "statusreason": None}
        await registry.update(transaction, "connectioninstance", facts.id, change, by=facts.owner)
        if not facts.connected:
            await self._sign_ins.mended(transaction, facts.owner)
        return kept

    def sealed(self, known: Mapping[str, Secret], granted: Granted) -> dict[str, Secret]:
        """Return what goes to the vault of what was granted, and of what was known before."""
        kept = {n: known[n] for n in (CLIENT_SECRET, _REFRESH) if n in known}
        kept[ACCESS_TOKEN] = granted.access
        if granted.refresh is not None:
            kept[_REFRESH] = granted.refresh
        if granted.life is not None:
            kept[_EXPIRES] = Secret((self._clock.now() + granted.life).isoformat())
        return kept

    async def _fetched(
        self, transaction: Transaction, id: ConnectionId, opened: Mapping[str, Secret]
    ) -> dict[str, Secret]:
        """Return the new secrets; none where the connection is broken from now on."""
        facts = await read_connection_facts(transaction, id)
        way = self.way(facts.connector, facts.way)
        if way is None or way.authorization is None:
            await _break(transaction, facts, "its connector takes no tokens any more")
            return {}
        server = server_of(way, await read_settings(transaction, id))
        if way.sign_in is SignIn.CLIENT_CREDENTIALS:
            form = client_form(server)
        elif (refresh := opened.get(_REFRESH)) is not None:
            form = {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}
        else:
            await _break(
                transaction, facts, "the sign-in is over and came with nothing to renew it"
            )
            return {}
        try:
            granted = await exchange(server, form, opened.get(CLIENT_SECRET), private=self._private)
        except AccessDenied as error:
            await _break(transaction, facts, error.message)
            return {}
        return await self.keep(transaction, facts, opened, granted)

    def _is_over(self, opened: Mapping[str, Secret]) -> bool:
        if ACCESS_TOKEN not in opened:
            return True
        until = opened.get(_EXPIRES)
        if until is None:
            return False
        return datetime.fromisoformat(until.reveal()) <= self._clock.now() + _EARLY


def server_of(way: Credentials, settings: Mapping[str, Json]) -> AuthorizationServer:
    """Return where tokens come from by the settings; `Invalid` where that is not safe."""
    if way.authorization is None:
        raise Invalid(f"no tokens are issued for `{way.title}`")
    server = way.authorization(settings)
    require_safe(server)
    return server


def client_form(server: AuthorizationServer) -> dict[str, str]:
    """Return what a token endpoint is asked for a token of the application's own."""
    form = {"grant_type": "client_credentials"}
    if server.scopes:
        form["scope"] = " ".join(server.scopes)
    if server.resource is not None:
        form["resource"] = server.resource
    return form


async def _break(transaction: Transaction, facts: ConnectionFacts, reason: str) -> None:
    broken = {"connectionstatus": "Error", "statusreason": reason}
    await registry.update(transaction, "connectioninstance", facts.id, broken, by=facts.owner)
