"""Connections as people see them: their own and those shared with them, and what uses each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flowner.access.decide import Permit, decide_connection
from flowner.access.vocabulary import ConnectionAction, ConnectionFacts, ConnectionRole, Who
from flowner.database import Database, Transaction
from flowner.errors import FlownerError, NotFound
from flowner.flows.asking import may_know, principal
from flowner.identity.marks import Mark, principal_mark
from flowner.identity.world import Principal
from flowner.rows import registry
from flowner.rows.facts import (
    read_all_connections,
    read_all_flow_facts,
    read_principals,
    read_settings,
)
from flowner.triggers.published import Published
from flowner.values import ConnectionId, FlowId, JsonObject, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedBy:
    """A flow that acts through a connection."""

    flow: FlowId
    name: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Somebody whom a connection is shared with."""

    holder: Principal
    role: ConnectionRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One connection, seen by somebody."""

    facts: ConnectionFacts
    owner: Principal
    mine: bool
    may: frozenset[ConnectionAction]
    used_by: tuple[UsedBy, ...]
    """The flows that act through it, of those that whoever asks may know of."""
    hidden: int
    """How many other flows do."""
    shares: tuple[Share, ...] = ()
    references: tuple[str, ...] = ()
    """The logical names of the connection references that point at it."""
    settings: JsonObject | None = None
    """What is no secret; of one that is opened by who may change it."""

    @property
    def mark(self) -> Mark:
        """How its owner is shown."""
        return principal_mark(self.owner, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointing:
    """One connection reference, and what moves when it is pointed elsewhere."""

    name: str
    connector: str
    connection: ConnectionId | None
    """None: it points at nothing."""
    account: str | None
    used_by: tuple[UsedBy, ...]
    """Every flow that uses it: whoever owns a reference moves them all."""


class Keyring:
    """Shows connections under the law of connections."""

    def __init__(self, database: Database, published: Published) -> None:
        self._database, self._published = database, published

    async def of(self, person: PrincipalId) -> list[Held]:
        """Return the connections that somebody may see, their own first, by account."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            found = await self._held(transaction, who)
        return sorted(found, key=lambda one: (not one.mine, one.facts.account, one.facts.connector))

    async def open(self, id: ConnectionId, person: PrincipalId) -> Held:
        """Return one connection; `NotFound` where they may not see it."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            for one in await self._held(transaction, who, only=id):
                if ConnectionAction.EDIT not in one.may:
                    return one
                settings = await read_settings(transaction, id)
                return replace(one, settings=settings)
        raise NotFound(f"there is no connection `{id}`")

    async def references(self, person: PrincipalId) -> list[Pointing]:
        """Return the connection references that are somebody's own to point, by name."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            rows = await registry.select(transaction, "connectionreference", {"ownerid": who.id})
            known = {one.id: one for one in await read_all_connections(transaction)}
            uses = await self._uses(transaction, who) if rows else {}
        found = []
        for row in rows:
            name, at = row["connectionreferencelogicalname"], row["connectioninstanceid"]
            used = (one for one, _ in uses.get(name.lower(), []))
            pointed = None if at is None else known.get(ConnectionId(at))
            found.append(
                Pointing(
                    name=name,
                    connector=row["connectorid"],
                    connection=None if pointed is None else pointed.id,
                    account=None if pointed is None else pointed.account,
                    used_by=tuple(sorted(used, key=lambda one: one.name.casefold())),
                )
            )
        return sorted(found, key=lambda one: one.name)

    async def _held(
        self, transaction: Transaction, who: Who, *, only: ConnectionId | None = None
    ) -> list[Held]:
        seen = [
            facts
            for facts in await read_all_connections(transaction)
            if only in (None, facts.id)
            and isinstance(decide_connection(who, ConnectionAction.SEE, facts), Permit)
        ]
        pointing: dict[str, list[str]] = {}
        for row in await registry.select(transaction, "connectionreference", {}):
            if row["connectioninstanceid"] is not None:
                names = pointing.setdefault(row["connectioninstanceid"], [])
                names.append(row["connectionreferencelogicalname"])
        uses = await self._uses(transaction, who) if seen else {}
        people = await read_principals(
            transaction,
            {one.owner for one in seen} | {s.holder for one in seen for s in one.shares},
        )
        return [_held(facts, who, people, pointing.get(facts.id, []), uses) for facts in seen]

    async def _uses(
        self, transaction: Transaction, who: Who
    ) -> dict[str, list[tuple[UsedBy, bool]]]:
        """Return by reference, lower case, which flows use it, and whether they may be known."""
        found: dict[str, list[tuple[UsedBy, bool]]] = {}
        for facts in await read_all_flow_facts(transaction):
            try:
                version = await self._published.get(facts.id, facts.version, within=transaction)
            except FlownerError:  # one that cannot be read uses nothing
                continue
            used = UsedBy(flow=facts.id, name=facts.name, on=facts.on)
            for name in version.references:
                found.setdefault(name.lower(), []).append((used, may_know(who, facts)))
        return found


def _held(
    facts: ConnectionFacts,
    who: Who,
    people: Mapping[PrincipalId, Principal],
    references: list[str],
    uses: Mapping[str, list[tuple[UsedBy, bool]]],
) -> Held:
    using = {used: known for name in references for used, known in uses.get(name.lower(), [])}
    shares = [
        Share(holder=people[share.holder], role=share.role)
        for share in facts.shares
        if share.holder in people
    ]
    return Held(
        facts=facts,
        owner=people[facts.owner],
        mine=facts.owner == who.id,
        may=frozenset(
            action
            for action in ConnectionAction
            if isinstance(decide_connection(who, action, facts), Permit)
        ),
        used_by=tuple(sorted((u for u in using if using[u]), key=lambda one: one.name.casefold())),
        hidden=sum(not known for known in using.values()),
        shares=tuple(sorted(shares, key=lambda one: one.holder.name.casefold())),
        references=tuple(sorted(references)),
    )
