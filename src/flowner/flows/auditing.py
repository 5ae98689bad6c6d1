"""The audit: who did what in whose name, through whose account; and what people managed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from flowner.database import Database, Transaction
from flowner.flows.estate import require_administrator
from flowner.identity.marks import Mark, principal_mark, ran_as_mark, ran_mark
from flowner.identity.world import Principal
from flowner.journal import actions
from flowner.journal.actions import FoundAction, Place, WantedActions
from flowner.rows import auditing
from flowner.rows.auditing import Act, Noted, WantedActs
from flowner.rows.facts import read_flow_owners, read_principals
from flowner.values import FlowId, JsonObject, PrincipalId

__all__ = ["Act", "Auditing", "FoundAction", "Noted", "Place", "WantedActions", "WantedActs"]

_AT_ONCE: Final = 1000
"""How many are read at a time where all are wanted."""
People: TypeAlias = Mapping[PrincipalId, Principal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One call of an action, as a list shows it."""

    found: FoundAction
    initiator: Mark | None
    """Who set the run off; None: nobody, a clock did."""
    ran_as: Mark | None
    """None: it was refused before it had a principal."""
    acted: Mark | None
    """In whose name the call was made; None: it was refused."""
    actor: Mark | None
    lender: Mark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """One act of management, as a list shows it."""

    noted: Noted
    by: Mark | None
    """None: the server's operator."""
    actor: Mark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPage:
    """A page of calls, newest first."""

    done: tuple[Done, ...]
    older: Place | None
    """Where the next page begins; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActPage:
    """A page of acts, newest first."""

    managed: tuple[Managed, ...]
    older: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What a search can name; of what is deleted by now the audit still knows."""

    flows: Mapping[FlowId, str]
    """Names by id, in their order."""
    accounts: tuple[str, ...]
    references: tuple[str, ...]


class Auditing:
    """Searches the audit for administrators: `AccessDenied` for all others. None is the server's
    operator."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, by: PrincipalId) -> None:
        """Raise `AccessDenied` for whoever may not search: before an answer has begun."""
        await self._may(by)

    async def _may(self, by: PrincipalId | None) -> None:
        async with self._database.connection() as connection:
            await _require(connection, by)

    async def offers(self, by: PrincipalId) -> Offers:
        """Return what there is to choose from, now."""
        async with self._database.connection() as connection:
            await _require(connection, by)
            flows, accounts, references = await auditing.read_offers(connection)
        return Offers(flows=flows, accounts=accounts, references=references)

    async def actions(self, by: PrincipalId | None, wanted: WantedActions) -> ActionPage:
        """Return a page of what actions did: four queries, however much there is.

        One of them is on a connection of its own.
        """
        await self._may(by)
        # It looks at every week's indexes. A process of the database's that has is slower at all
        # that it does later (docs/decisions/0016-journal-partitions.md): not one that runs need.
        async with self._database.aside() as apart:
            found = await actions.search(apart, replace(wanted, limit=wanted.limit + 1))
        shown = found[: wanted.limit]
        async with self._database.connection() as connection:
            owners = await read_flow_owners(connection, {one.flow for one in shown})
            known = await read_principals(connection, _people_of(shown))
        return ActionPage(
            done=tuple(_done(one, known, owners) for one in shown),
            older=shown[-1].place if len(found) > len(shown) else None,
        )

    async def acts(self, by: PrincipalId | None, wanted: WantedActs) -> ActPage:
        """Return a page of what people managed."""
        async with self._database.connection() as connection:
            await _require(connection, by)
            found = await auditing.search(connection, replace(wanted, limit=wanted.limit + 1))
            shown = found[: wanted.limit]
            ids = {one for noted in shown for one in (noted.by, noted.actor) if one is not None}
            known = await read_principals(connection, ids)
        return ActPage(
            managed=tuple(
                Managed(noted=one, by=_mark(one.by, known), actor=_mark(one.actor, known))
                for one in shown
            ),
            older=shown[-1].id if len(found) > len(shown) else None,
        )

    async def every_action(
        self, by: PrincipalId | None, wanted: WantedActions
    ) -> AsyncIterator[Done]:
        """Yield everything that is wanted, newest first, however much; `limit` counts for nothing.

        What is written meanwhile is newer, and not among it.
        """
        wanted = replace(wanted, limit=_AT_ONCE)
        while True:
            page = await self.actions(by, wanted)
            for one in page.done:
                yield one
            if page.older is None:
                return
            wanted = replace(wanted, before=page.older)

    async def every_act(self, by: PrincipalId | None, wanted: WantedActs) -> AsyncIterator[Managed]:
        """Yield every act that is wanted, as `every_action`."""
        wanted = replace(wanted, limit=_AT_ONCE)
        while True:
            page = await self.acts(by, wanted)
            for one in page.managed:
                yield one
            if page.older is None:
                return
            wanted = replace(wanted, before=page.older)


def action_json(done: Done) -> JsonObject:
    """Return one call for programs. Names are those of today, ids are for ever."""
    found, record = done.found, done.found.record
    return {
        "at": found.at.isoformat(),
        "run": str(found.run),
        "flow": found.flow_name,
        "flow_id": found.flow,
        "action": found.path,
        "connector": record.connector,
        "operation": record.operation,
        "status": record.status,
        "code": record.code,
        "attempt": record.attempt,
        "refused": record.refused,
        "as_planned": record.planned,
        "fallback": found.fallback,
        **_named("initiator", done.initiator, found.initiator),
        **_named("ran_as", done.ran_as, found.ran_as),
        "run_rule": found.run_rule,
        **_named("acted_as", done.acted, record.acting),
        **_named("actor", done.actor, record.actor),
        "account": record.account,
        "connection": record.connection,
        "reference": record.reference,
        **_named("lent_by", done.lender, record.lender),
        "rule": record.rule,
    }


def act_json(managed: Managed) -> JsonObject:
    """Return one act for programs. What it was done to is called as it was then."""
    noted = managed.noted
    return {
        "at": noted.at.isoformat(),
        "act": noted.act,
        "target": noted.name,
        "target_id": noted.target,
        **_named("by", managed.by, noted.by),
        **_named("actor", managed.actor, noted.actor),
        "about": noted.about_name,
        "about_id": noted.about,
        "before": noted.before,
        "after": noted.after,
    }


async def _require(transaction: Transaction, by: PrincipalId | None) -> None:
    if by is not None:
        await require_administrator(transaction, by)


def _people_of(found: Sequence[FoundAction]) -> set[PrincipalId]:
    ids = (
        one
        for action in found
        for one in (
            action.initiator,
            action.ran_as,
            action.record.acting,
            action.record.actor,
            action.record.lender,
        )
    )
    return {PrincipalId(one) for one in ids if one is not None}


def _done(found: FoundAction, known: People, owners: Mapping[FlowId, PrincipalId]) -> Done:
    record, owner = found.record, owners.get(found.flow)
    acted = None
    if record.acting is not None:
        said: JsonObject = {"account": record.account, "rule": record.rule}
        acted = ran_mark(said, known.get(PrincipalId(record.acting)), owner)
    ran_as = None
    if found.ran_as is not None:
        ran_as = ran_as_mark(found.run_rule, known.get(found.ran_as), owner)
    return Done(
        found=found,
        initiator=_mark(found.initiator, known, owner),
        ran_as=ran_as,
        acted=acted,
        actor=_mark(record.actor, known, owner),
        lender=_mark(record.lender, known, owner),
    )


def _mark(id: str | None, known: People, owner: PrincipalId | None = None) -> Mark | None:
    return None if id is None else principal_mark(known.get(PrincipalId(id)), owner)


def _named(what: str, mark: Mark | None, id: str | None) -> JsonObject:
    return {what: None if mark is None else mark.label, f"{what}_id": id}
