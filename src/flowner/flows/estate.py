"""The ownership map: owners, their flows, and the connections through which those act.

Asked by administrators, and by anybody about themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowner.access.vocabulary import ConnectionFacts
from flowner.database import Database, Transaction
from flowner.definitions.flow import FlowKind, Source
from flowner.errors import AccessDenied, FlownerError
from flowner.flows.asking import principal
from flowner.flows.audience import is_provided
from flowner.identity.activation import used_bindings
from flowner.identity.world import Principal
from flowner.rows import registry
from flowner.rows.facts import read_connection_facts, read_principals
from flowner.triggers.published import Published
from flowner.values import ConnectionId, FlowId, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One connection that a flow acts through."""

    key: str
    connector: str
    provided: bool
    """Provided by whoever runs the flow: nobody in particular."""
    connection: ConnectionFacts | None
    """None: it is provided, or there is none."""
    owner: Principal | None

    @property
    def problem(self) -> str | None:
        """Why the flow cannot act through it now, in words."""
        if self.connection is None:
            return None if self.provided else f"no connection for {self.connector}"
        if self.owner is None or not self.owner.who.enabled:
            return f"{self.connection.account}: its owner is disabled"
        return None if self.connection.connected else f"{self.connection.account} is broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One flow with its owner and what it acts through."""

    flow: FlowId
    name: str
    kind: FlowKind
    on: bool
    owner: Principal | None
    """None: nobody of the directory."""
    uses: tuple[Use, ...]
    runs_as_owner: bool
    """Whether its runs are in the owner's name: all but those of instant flows."""

    @property
    def is_orphaned(self) -> bool:
        """Whether nobody who is enabled owns it."""
        return self.owner is None or not self.owner.who.enabled

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps it from running, in words."""
        orphaned = ("its owner is disabled",) if self.is_orphaned else ()
        return (*orphaned, *(use.problem for use in self.uses if use.problem))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What somebody holds together, and what stops when they leave."""

    who: Principal
    owns: tuple[Holding, ...]
    lends: tuple[Holding, ...]
    """Flows of others that act through their connections."""
    connections: tuple[ConnectionFacts, ...]
    breaks: tuple[str, ...]
    """In words, what is on and stops on the day they are disabled."""


class Estate:
    """Reads the map. Every flow's definition is looked at: they are kept compiled."""

    def __init__(self, database: Database, published: Published) -> None:
        self._database, self._published = database, published

    async def everything(self, by: PrincipalId) -> list[Holding]:
        """Return every flow, by name. `AccessDenied` unless ``by`` administers."""
        async with self._database.transaction() as transaction:
            await require_administrator(transaction, by)
            return await self._holdings(transaction)

    async def of(self, person: PrincipalId, by: PrincipalId) -> Leaving:
        """Return what somebody owns and lends. They themselves may ask, and administrators."""
        async with self._database.transaction() as transaction:
            if person != by:
                await require_administrator(transaction, by)
            who = await principal(transaction, person)
            holdings = await self._holdings(transaction)
            mine = {"ownerid": person}
            connections = [
                await read_connection_facts(transaction, ConnectionId(row["connectioninstanceid"]))
                for row in await registry.select(transaction, "connectioninstance", mine)
            ]
        owns = [one for one in holdings if one.owner is not None and one.owner.id == person]
        lends = [one for one in holdings if one not in owns and _uses_of(one, person)]
        return Leaving(
            who=who,
            owns=tuple(owns),
            lends=tuple(lends),
            connections=tuple(sorted(connections, key=lambda one: (one.account, one.connector))),
            breaks=tuple(_breaks(person, owns, lends)),
        )

    async def _holdings(self, transaction: Transaction) -> list[Holding]:
        pointing = {
            row["connectionreferencelogicalname"].lower(): row["connectioninstanceid"]
            for row in await registry.select(transaction, "connectionreference", {})
        }
        connections = {
            ConnectionId(id): await read_connection_facts(transaction, ConnectionId(id))
            for id in {one for one in pointing.values() if one is not None}
        }
        flows = await registry.select(transaction, "workflow", {})
        people = await read_principals(
            transaction,
            {row["ownerid"] for row in flows} | {one.owner for one in connections.values()},
        )
        found = [
            await self._holding(transaction, row, people, pointing, connections) for row in flows
        ]
        return sorted(
            (one for one in found if one is not None), key=lambda one: one.name.casefold()
        )

    async def _holding(
        self,
        transaction: Transaction,
        row: Mapping[str, Any],
        people: Mapping[PrincipalId, Principal],
        pointing: Mapping[str, str | None],
        connections: Mapping[ConnectionId, ConnectionFacts],
    ) -> Holding | None:
        if row["currentversion"] is None:
            return None
        id = FlowId(row["workflowid"])
        try:
            version = await self._published.get(id, row["currentversion"], within=transaction)
        except FlownerError:  # a definition that this release cannot read has no connections to it
            return None
        uses = []
        for binding in used_bindings(version.flow):
            fixed = None
            if binding.source is Source.EMBEDDED:
                name = (binding.reference or binding.connection or "").lower()
                fixed = connections.get(ConnectionId(pointing.get(name) or ""))
            uses.append(
                Use(
                    key=binding.key,
                    connector=binding.connector,
                    provided=is_provided(binding),
                    connection=fixed,
                    owner=None if fixed is None else people.get(fixed.owner),
                )
            )
        kind = version.flow.trigger.flow_kind
        return Holding(
            flow=id,
            name=row["name"],
            kind=kind,
            on=row["statecode"] == 1,
            owner=people.get(PrincipalId(row["ownerid"])),
            uses=tuple(uses),
            runs_as_owner=kind is not FlowKind.INSTANT,
        )


def _uses_of(holding: Holding, person: PrincipalId) -> list[Use]:
    return [use for use in holding.uses if use.owner is not None and use.owner.id == person]


def _breaks(
    person: PrincipalId, owns: Iterable[Holding], lends: Iterable[Holding]
) -> Iterable[str]:
    for one in owns:
        if one.on and one.runs_as_owner:
            yield f"{one.name} runs in their name, and stops"
        elif one.on:
            yield f"{one.name} has no owner any more: nobody answers for it"
    for one in (*owns, *lends):
        accounts = sorted(
            {use.connection.account for use in _uses_of(one, person) if use.connection}
        )
        if one.on and accounts:
            yield f"{one.name} acts through {', '.join(accounts)}, and stops there"


async def require_administrator(transaction: Transaction, by: PrincipalId) -> None:
    """Raise `AccessDenied` for anybody who is no administrator, or disabled."""
    who = (await principal(transaction, by)).who
    if not (who.enabled and who.administrator):
        raise AccessDenied(f"{who.name} does not administer this environment")
