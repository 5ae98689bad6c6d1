"""What each person chose for the connections that run-only users provide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flowner.access.decide import require_flow
from flowner.access.vocabulary import (
    ConnectionAction,
    ConnectionFacts,
    FlowAction,
    FlowFacts,
    Who,
)
from flowner.database import Database, Transaction
from flowner.definitions.flow import Binding, Source
from flowner.errors import Code, Refused
from flowner.flows.asking import connection_permit, principal
from flowner.flows.sign_ins_asked import SignInsAsked
from flowner.identity.acting import ROW_CONNECTORS, bound_connection
from flowner.identity.activation import used_bindings
from flowner.identity.verdict import Refusal
from flowner.identity.world import World
from flowner.rows import registry
from flowner.rows.asked import was_asked
from flowner.rows.auditing import Act, note
from flowner.rows.facts import own_connections, read_flow_facts, read_world
from flowner.rows.lending import read_choices
from flowner.sdk.connector import Connector
from flowner.triggers.published import Published
from flowner.values import AppId, ConnectionId, FlowId, JsonObject, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One connection of a flow, or of an app's flows, as who runs it is asked about it."""

    key: str
    connector: str
    provided: bool
    """It is theirs to provide; else it is fixed, and they are only told."""
    account: str | None
    """As whom it acts: chosen, or fixed."""
    owner_name: str | None
    follows: bool
    """Fixed, and acts for them, with the rights that both have."""
    connection: ConnectionId | None
    """What they chose."""
    choices: tuple[ConnectionFacts, ...] = ()
    """Their own connections that would do."""
    flows: tuple[str, ...] = ()
    """The names of the flows that use it."""

    @property
    def is_settled(self) -> bool:
        return self.account is not None


class Consent:
    """Keeps the choices, per person and flow, or per person and app."""

    def __init__(
        self,
        database: Database,
        published: Published,
        connectors: Mapping[str, Connector],
        sign_ins: SignInsAsked,
    ) -> None:
        """``connectors`` by every id that flows know them by."""
        self._database, self._published, self._connectors = database, published, connectors
        self._sign_ins = sign_ins

    async def choose(
        self,
        person: PrincipalId,
        of: FlowId | AppId,
        key: str,
        connection: ConnectionId,
        *,
        for_app: bool = False,
    ) -> None:
        """Let ``person``'s runs act through one of their own connections; runs that wait go on.

        ``key`` is the flow's key for the connection. A choice made for an app counts for every
        flow that the app carries.

        Raises:
            NotFound: they may run no such flow, or open no such app.
            Refused: nothing has this key, or the connection is not theirs or not for it.
        """
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, person, ConnectionAction.USE, connection)
            facts = permit.to(ConnectionAction.USE)
            _refuse_unfit(facts, person)
            for wanted in await self._asked_for(transaction, person, of, key, for_app=for_app):
                self._refuse_other(facts, key, wanted)
            of_what = "canvasappid" if for_app else "workflowid"
            where = {of_what: of, "principalid": person, "bindingkey": key}
            await _choose(transaction, where, facts)
            chosen: JsonObject = {"key": key, "account": facts.account}
            await note(transaction, Act.CHOICE_MADE, of, by=person, about=person, after=chosen)
            flows = await self._carried(transaction, of, for_app=for_app)
            await self._sign_ins.answered(transaction, person, flows, key)

    async def asked(
        self, person: PrincipalId, of: FlowId | AppId, *, for_app: bool = False
    ) -> list[Asked]:
        """Return what somebody is asked, or told, before they run a flow or open an app.

        By key; what they have to provide first. They may run what they ask about, or one of its
        runs has asked them: else `NotFound`.
        """
        async with self._database.transaction() as transaction:
            found: dict[str, Asked] = {}
            for flow in await self._carried(transaction, of, for_app=for_app):
                app = AppId(of) if for_app else None
                for one in await self._of_flow(transaction, person, FlowId(flow), app):
                    known = found.get(one.key)
                    flows = (*known.flows, *one.flows) if known else one.flows
                    found[one.key] = replace(known or one, flows=flows)
        return sorted(found.values(), key=lambda one: (not one.provided, one.key))

    async def given(self, person: PrincipalId) -> list[JsonObject]:
        """Return what somebody has chosen for which flow or app, the newest first."""
        async with self._database.transaction() as transaction:
            return await read_choices(transaction, person)

    async def withdraw(self, person: PrincipalId, of: FlowId | AppId) -> int:
        """Forget what a person chose for a flow or an app; answers how many choices."""
        async with self._database.transaction() as transaction:
            mine = {"principalid": person}
            gone = await registry.delete(transaction, "invokerchoice", mine | {"workflowid": of})
            gone += await registry.delete(transaction, "invokerchoice", mine | {"canvasappid": of})
            if gone:
                await note(transaction, Act.CHOICE_WITHDRAWN, of, by=person, about=person)
            return gone

    def _refuse_other(self, facts: ConnectionFacts, key: str, wanted: str) -> None:
        if facts.connector not in self._ids(wanted):
            raise Refused(
                f"the connection {facts.account} is for `{facts.connector}`, and `{key}` is for"
                f" `{wanted}`",
                code=Code.INVALID_CONNECTION,
            )

    def _ids(self, connector: str) -> tuple[str, ...]:
        known = self._connectors.get(connector)
        return (connector,) if known is None else known.ids

    async def _carried(self, transaction: Transaction, of: str, *, for_app: bool) -> list[str]:
        if not for_app:
            return [of]
        carried = await registry.select(transaction, "canvasappflow", {"canvasappid": of})
        return [row["workflowid"] for row in carried]

    async def _of_flow(
        self, transaction: Transaction, person: PrincipalId, flow: FlowId, app: AppId | None
    ) -> list[Asked]:
        who = await principal(transaction, person)
        facts = await read_flow_facts(transaction, flow)
        await _require_known(transaction, who.who, facts, app)
        version = await self._published.get(flow, facts.version, within=transaction)
        world = await read_world(transaction, facts, [person], version.references)
        own = await own_connections(transaction, person)
        found = []
        for binding in used_bindings(version.flow):
            ids = self._ids(binding.connector)
            fitting = tuple(one for one in own if one.connector in ids and one.connected)
            found.append(_asked(facts, binding, person, world, fitting))
        return found

    async def _asked_for(
        self, transaction: Transaction, person: PrincipalId, of: str, key: str, *, for_app: bool
    ) -> set[str]:
        """Return the connectors that the key stands for in the flow, or in the app's flows."""
        found = set()
        who, app = (await principal(transaction, person)).who, AppId(of) if for_app else None
        for flow in await self._carried(transaction, of, for_app=for_app):
            facts = await read_flow_facts(transaction, FlowId(flow))
            version = await self._published.get(facts.id, facts.version, within=transaction)
            await _require_known(transaction, who, facts, app)
            binding = version.flow.bindings.get(key)
            if binding is not None:
                found.add(binding.connector)
        if not found:
            raise Refused(f"nothing uses a connection `{key}`", code=Code.INVALID_CONNECTION)
        return found


async def _require_known(
    transaction: Transaction, who: Who, facts: FlowFacts, app: AppId | None
) -> None:
    """Let in who may run the flow, and whom one of its runs has asked: they hold no share.

    Raises `NotFound` or `AccessDenied`.
    """
    if not await was_asked(transaction, who.id, facts.id):
        require_flow(who, FlowAction.RUN, facts, within=app)


async def _choose(
    transaction: Transaction, where: dict[str, str], connection: ConnectionFacts
) -> None:
    """Put a choice in the place of the one before."""
    await registry.delete(transaction, "invokerchoice", where)
    choice = where | {
        "connectorid": connection.connector,
        "connectioninstanceid": connection.id,
    }
    await registry.insert(transaction, "invokerchoice", choice, by=connection.owner)


def _asked(
    facts: FlowFacts,
    binding: Binding,
    person: PrincipalId,
    world: World,
    fitting: tuple[ConnectionFacts, ...],
) -> Asked:
    provided = binding.source is Source.INVOKER
    if provided:
        chosen = world.choices.get((person, binding.key))
        connection = None if chosen is None else world.connections.get(chosen)
        fits = connection is not None and connection.owner == person and connection.connected
        taken = connection if fits else None
    else:
        bound = bound_connection(facts, binding, world)
        taken = None if isinstance(bound, Refusal) else bound
    return Asked(
        key=binding.key,
        connector=binding.connector,
        provided=provided,
        account=None if taken is None else taken.account,
        owner_name=None if taken is None else world.name_of(taken.owner),
        follows=not provided and binding.impersonates and binding.connector in ROW_CONNECTORS,
        connection=taken.id if provided and taken is not None else None,
        choices=fitting if provided else (),
        flows=(facts.name,),
    )


def _refuse_unfit(facts: ConnectionFacts, person: PrincipalId) -> None:
    if facts.owner != person:
        raise Refused(
            f"the connection {facts.account} is shared with you, not yours: choose one of"
            " your own, so that what is done in your name is seen in your name",
            code=Code.INVOKER_CONNECTION_OVERRIDE_FAILED,
        )
    if not facts.connected:
        raise Refused(f"the connection {facts.account} is broken", code=Code.INVALID_CONNECTION)
