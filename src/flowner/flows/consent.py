"""What each person chose for the connections that run-only users provide."""

from __future__ import annotations

from collections.abc import Mapping

from flowner.access.vocabulary import ConnectionAction, ConnectionFacts
from flowner.database import Database, Transaction
from flowner.errors import Code, Refused
from flowner.flows.asking import connection_permit
from flowner.rows import registry
from flowner.rows.facts import read_flow_facts
from flowner.sdk.connector import Connector
from flowner.triggers.published import Published
from flowner.values import AppId, ConnectionId, FlowId, PrincipalId


class Consent:
    """Keeps the choices, per person and flow, or per person and app."""

    def __init__(
        self, database: Database, published: Published, connectors: Mapping[str, Connector]
    ) -> None:
        """``connectors`` by every id that flows know them by."""
        self._database, self._published, self._connectors = database, published, connectors

    async def choose(
        self,
        person: PrincipalId,
        of: FlowId | AppId,
        key: str,
        connection: ConnectionId,
        *,
        for_app: bool = False,
    ) -> None:
        """Let ``person``'s runs act through one of their own connections.

        ``key`` is the flow's key for the connection. A choice made for an app counts for every
        flow that the app carries.
        """
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, person, ConnectionAction.USE, connection)
            facts = permit.to(ConnectionAction.USE)
            _refuse_unfit(facts, person)
            for wanted in await self._asked_for(transaction, of, key, for_app=for_app):
                if facts.connector not in self._ids(wanted):
                    raise Refused(
                        f"the connection {facts.account} is for `{facts.connector}`, and `{key}`"
                        f" is for `{wanted}`",
                        code=Code.INVALID_CONNECTION,
                    )
            where = {
                ("canvasappid" if for_app else "workflowid"): of,
                "principalid": person,
                "bindingkey": key,
            }
            await registry.delete(transaction, "invokerchoice", where)
            choice = where | {
                "connectorid": facts.connector,
                "connectioninstanceid": connection,
            }
            await registry.insert(transaction, "invokerchoice", choice, by=person)

    async def withdraw(self, person: PrincipalId, of: FlowId | AppId) -> int:
        """Forget what a person chose for a flow or an app; answers how many choices."""
        async with self._database.transaction() as transaction:
            mine = {"principalid": person}
            gone = await registry.delete(transaction, "invokerchoice", mine | {"workflowid": of})
            return gone + await registry.delete(
                transaction, "invokerchoice", mine | {"canvasappid": of}
            )

    def _ids(self, connector: str) -> tuple[str, ...]:
        known = self._connectors.get(connector)
        return (connector,) if known is None else known.ids

    async def _asked_for(
        self, transaction: Transaction, of: str, key: str, *, for_app: bool
    ) -> set[str]:
        """Return the connectors that the key stands for in the flow, or in the app's flows."""
        flows = [of]
        if for_app:
            carried = await registry.select(transaction, "canvasappflow", {"canvasappid": of})
            flows = [row["workflowid"] for row in carried]
        found = set()
        for flow in flows:
            facts = await read_flow_facts(transaction, FlowId(flow))
            version = await self._published.get(facts.id, facts.version, within=transaction)
            binding = version.flow.bindings.get(key)
            if binding is not None:
                found.add(binding.connector)
        return found


def _refuse_unfit(facts: ConnectionFacts, person: PrincipalId) -> None:
    if facts.owner != person:
        raise Refused(
            f"the connection {facts.account} is shared with you, not yours: choose one of"
            " your own, so that what is done in your name is seen in your name",
            code=Code.INVOKER_CONNECTION_OVERRIDE_FAILED,
        )
    if not facts.connected:
        raise Refused(f"the connection {facts.account} is broken", code=Code.INVALID_CONNECTION)
