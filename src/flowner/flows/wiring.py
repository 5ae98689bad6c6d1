"""Change connection: through which account one action of a flow, or all that share one, act."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flowner.access.decide import Permit, decide_connection
from flowner.access.vocabulary import ConnectionAction, ConnectionFacts
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.definitions.rewiring import binding_of, rewired
from flowner.errors import Code, Refused
from flowner.flows.asking import connection_permit, principal
from flowner.flows.drafting import Draft, Drafting
from flowner.rows import registry
from flowner.rows.facts import read_connection_facts
from flowner.sdk.connector import Connector
from flowner.values import ConnectionId, FlowId, PrincipalId


class Wiring:
    """Lets actions of drafts take other connections."""

    def __init__(
        self,
        database: Database,
        drafting: Drafting,
        connectors: Mapping[str, Connector],
        clock: Clock,
    ) -> None:
        """``connectors`` by every id that flows know them by."""
        self._database, self._drafting = database, drafting
        self._connectors, self._clock = connectors, clock

    async def choices(self, connector: str, by: PrincipalId) -> list[ConnectionFacts]:
        """Return the connections for a connector that ``by`` may use: their own first."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, by)).who
            found = []
            for row in await registry.select(transaction, "connectioninstance", {}):
                if row["connectorid"] not in self._ids(connector):
                    continue
                id = ConnectionId(row["connectioninstanceid"])
                facts = await read_connection_facts(transaction, id)
                if isinstance(decide_connection(who, ConnectionAction.USE, facts), Permit):
                    found.append(facts)
        return sorted(found, key=lambda one: (one.owner != by, one.account))

    async def change(
        self,
        flow: FlowId,
        card: str,
        connection: ConnectionId,
        by: PrincipalId,
        *,
        everywhere: bool,
        seen: int | None = None,
    ) -> Draft:
        """Let one card of a draft, or every one that shares its connection, take another.

        ``by`` owns the connection or may use it. A reference of theirs that points at it is taken,
        or made: no other flow moves. ``seen``: as in `Drafting.edit`.
        """
        draft = await self._drafting.open(flow, by)
        wanted = binding_of(draft.flow, card).connector
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, by, ConnectionAction.USE, connection)
            facts = permit.to(ConnectionAction.USE)
            if facts.connector not in self._ids(wanted):
                raise Refused(
                    f"the connection {facts.account} is for `{facts.connector}`, and `{card}` needs"
                    f" one for `{wanted}`",
                    code=Code.INVALID_CONNECTION,
                )
            reference = await self._reference(transaction, facts, by)
        label = f"Change the connection of {card} to {facts.account}"
        return await self._drafting.edit(
            flow,
            by,
            label,
            lambda before: rewired(before, card, reference, everywhere=everywhere),
            seen=seen,
        )

    async def reference_to(self, connection: ConnectionId, by: PrincipalId) -> str:
        """Return a reference of ``by``'s that points at a connection they may use; made if need be.

        It is called by its logical name.
        """
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, by, ConnectionAction.USE, connection)
            return await self._reference(transaction, permit.to(ConnectionAction.USE), by)

    async def _reference(
        self, transaction: Transaction, to: ConnectionFacts, by: PrincipalId
    ) -> str:
        mine = {"connectioninstanceid": to.id, "ownerid": by}
        known = await registry.select(transaction, "connectionreference", mine)
        if known:
            return min(str(row["connectionreferencelogicalname"]) for row in known)
        stem = re.sub(r"[^a-z0-9]", "", to.connector.lower())
        name = f"new_{stem}_{self._clock.fresh_guid()[:8]}"
        row = {
            "connectionreferencelogicalname": name,
            "connectionreferencedisplayname": f"{to.account} ({to.connector})",
            "connectorid": to.connector,
            "connectioninstanceid": to.id,
            "ownerid": by,
            "owneridtype": "systemuser",
        }
        await registry.insert(transaction, "connectionreference", row, by=by)
        return name

    def _ids(self, connector: str) -> tuple[str, ...]:
        known = self._connectors.get(connector)
        return (connector,) if known is None else known.ids
