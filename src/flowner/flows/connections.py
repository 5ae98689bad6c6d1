"""Connections and connection references: whose they are, who may use them, where they point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowner.access.vocabulary import ConnectionAction, ConnectionRole
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, NotFound, Refused
from flowner.flows.asking import connection_permit, principal
from flowner.flows.pointing import Moved, point, using
from flowner.flows.sign_ins_asked import SignInsAsked
from flowner.identity.world import Principal, PrincipalKind
from flowner.rows import registry
from flowner.rows.auditing import Act, note
from flowner.rows.facts import read_flow_facts
from flowner.rows.lending import read_lends
from flowner.triggers.published import Published
from flowner.values import ConnectionId, FlowId, Json, JsonObject, PrincipalId, Secret
from flowner.vault.store import Vault

_ROLES = {ConnectionRole.CAN_USE: 1, ConnectionRole.CAN_SHARE: 2, ConnectionRole.CAN_EDIT: 3}
_ROLE_OF = {number: role for role, number in _ROLES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """What a person gives to make a connection. The secrets go to the vault and nowhere else."""

    connector: str
    account: str
    """What the outside will see."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    connected: bool = True
    """False: nothing acts through it before somebody has signed in for it."""
    way: str | None = None
    """The id of the connector's way that it is made by; None: the first."""


class Connections:
    """Makes, shares and points at connections."""

    def __init__(
        self, database: Database, vault: Vault, published: Published, sign_ins: SignInsAsked
    ) -> None:
        self._database, self._vault = database, vault
        self._published, self._sign_ins = published, sign_ins

    async def make(
        self, given: NewConnection, owner: PrincipalId, *, by: PrincipalId | None = None
    ) -> ConnectionId:
        """Make a connection for its owner, who is a user or an application.

        ``by``: who makes it, if not its owner: for an application, whoever `may_stand_in`. They
        keep *can edit*, as a share that everybody sees who sees the connection.

        Raises:
            AccessDenied: ``by`` may not make it for the owner.
        """
        async with self._database.transaction() as transaction:
            who = await principal(transaction, owner)
            if not who.kind.acts:
                raise Refused(f"{who.name} is a {who.kind}: connections belong to those who act")
            maker = owner if by is None else by
            if maker != owner:
                _require_stand_in(await principal(transaction, maker), who)
            row = _row(given, owner)
            id = ConnectionId(
                await registry.insert(transaction, "connectioninstance", row, by=maker)
            )
            await self._vault.seal(transaction, id, given.secrets)
            if maker != owner:
                await _share(transaction, id, maker, ConnectionRole.CAN_EDIT, by=maker)
            made: JsonObject = {"connector": given.connector, "owner": who.name}
            await note(transaction, Act.CONNECTION_MADE, id, by=maker, after=made)
            return id

    async def may_stand_in(self, by: PrincipalId) -> bool:
        """Whether somebody may make connections for applications: an administrator, or who may act
        on behalf of others."""
        async with self._database.connection() as connection:
            return _may_stand_in(await principal(connection, by))

    async def named(self, bindings: Mapping[str, Json]) -> dict[str, ConnectionId]:
        """Find connections by id, account or ``connector/account``, for references by name."""
        found = {}
        async with self._database.connection() as connection:
            rows = await registry.select(connection, "connectioninstance", {})
        for reference, wanted in bindings.items():
            fits = [row for row in rows if wanted in _handles(row)]
            if not fits:
                raise NotFound(f"there is no connection called `{wanted}`")
            if len(fits) > 1:
                several = ", ".join(sorted(f"`{_handles(row)[1]}`" for row in fits))
                raise NotFound(f"more than one connection is called `{wanted}`: {several}")
            found[reference] = ConnectionId(fits[0]["connectioninstanceid"])
        return found

    async def renew(self, id: ConnectionId, secrets: Mapping[str, Secret], by: PrincipalId) -> None:
        """Give a connection other secrets: its owner's, or a *can edit* holder's, to do."""
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, by, ConnectionAction.EDIT, id)
            facts = permit.to(ConnectionAction.EDIT)
            await self._vault.seal(transaction, id, secrets)
            connected = {"connectionstatus": "Connected", "statusreason": None}
            await registry.update(transaction, "connectioninstance", id, connected, by=by)
            await note(transaction, Act.CONNECTION_RENEWED, id, by=by)
            if not facts.connected:
                await self._sign_ins.mended(transaction, facts.owner)

    async def seal_again(self) -> int:
        """Seal every secret with the newest key; answers how many were sealed with another."""
        return await self._vault.rotate()

    async def share(
        self, id: ConnectionId, holder: PrincipalId, role: ConnectionRole, by: PrincipalId
    ) -> None:
        """Let a user, an application or a group use a connection."""
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, by, ConnectionAction.SHARE, id)
            permit.to(ConnectionAction.SHARE)
            had = await _share(transaction, id, holder, role, by=by)
            await note(
                transaction,
                Act.CONNECTION_SHARED,
                id,
                by=by,
                about=holder,
                before=None if had is None else {"role": had.value},
                after={"role": role.value},
            )

    async def unshare(self, id: ConnectionId, holder: PrincipalId, by: PrincipalId) -> bool:
        """Share a connection with somebody no more; False where it was not.

        What they have lent of it to flows stops with their right.
        """
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, by, ConnectionAction.SHARE, id)
            permit.to(ConnectionAction.SHARE)
            where = {"connectioninstanceid": id, "principalid": holder}
            if not await registry.delete(transaction, "connectionshare", where):
                return False
            await note(transaction, Act.CONNECTION_UNSHARED, id, by=by, about=holder)
            return True

    async def take_back(self, id: ConnectionId, flow: FlowId, by: PrincipalId) -> int:
        """Withdraw every lend of a connection to a flow; the flow's next action stops."""
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, by, ConnectionAction.EDIT, id)
            permit.to(ConnectionAction.EDIT)
            where = {"connectioninstanceid": id, "workflowid": flow}
            gone = await registry.delete(transaction, "connectionlend", where)
            if gone:
                name = (await read_flow_facts(transaction, flow)).name
                before: JsonObject = {"flow": name}
                await note(transaction, Act.CONNECTION_TAKEN_BACK, id, by=by, before=before)
            return gone

    async def delete(self, id: ConnectionId, by: PrincipalId) -> list[Moved]:
        """Delete a connection with its secrets; answers the flows that are left without it.

        Its owner's, or an administrator's, to do. Shares, lends and choices go with it; references
        that pointed at it point at nothing, and what uses them stops there and says so.
        """
        async with self._database.transaction() as transaction:
            permit = await connection_permit(transaction, by, ConnectionAction.DELETE, id)
            facts = permit.to(ConnectionAction.DELETE)
            where = {"connectioninstanceid": id}
            left: dict[FlowId, Moved] = {}
            for row in await registry.select(transaction, "connectionreference", where):
                name, key = row["connectionreferencelogicalname"], row["connectionreferenceid"]
                left |= {one.flow: one for one in await using(transaction, self._published, name)}
                nothing = {"connectioninstanceid": None}
                await registry.update(transaction, "connectionreference", key, nothing, by=by)
            await note(
                transaction,
                Act.CONNECTION_DELETED,
                id,
                by=by,
                about=facts.owner,
                before={"connector": facts.connector, "flows": [one.name for one in left.values()]},
            )
            for table in ("connectionshare", "connectionlend", "invokerchoice"):
                await registry.delete(transaction, table, where)
            await self._vault.forget(transaction, id)
            await registry.delete(transaction, "connectioninstance", where)
            return sorted(left.values(), key=lambda one: one.name)

    async def lent(self, owner: PrincipalId) -> list[JsonObject]:
        """Return what acts in somebody's name: the flows that their connections are lent to."""
        async with self._database.connection() as connection:
            return await read_lends(connection, owner)

    async def moves(self, reference: str) -> list[Moved]:
        """Say which flows a change of this connection reference would move."""
        async with self._database.connection() as connection:
            return await using(connection, self._published, reference)

    async def point(self, reference: str, connection: ConnectionId, by: PrincipalId) -> list[Moved]:
        """Point a reference at another connection; answers the flows that move with it.

        ``by`` owns the reference, or is an administrator, and owns or may use the connection, which
        they thereby lend to every flow that is on and moves.
        """
        async with self._database.transaction() as transaction:
            return await point(transaction, self._published, reference, connection, by)


async def _share(
    transaction: Transaction,
    id: ConnectionId,
    holder: PrincipalId,
    role: ConnectionRole,
    *,
    by: PrincipalId,
) -> ConnectionRole | None:
    """Share a connection; answers what it was shared for with the holder before."""
    other = await principal(transaction, holder)
    kind = "securitygroup" if other.kind is PrincipalKind.GROUP else "systemuser"
    where = {"connectioninstanceid": id, "principalid": holder}
    had = await registry.select(transaction, "connectionshare", where)
    await registry.delete(transaction, "connectionshare", where)
    share = where | {"principaltype": kind, "role": _ROLES[role]}
    await registry.insert(transaction, "connectionshare", share, by=by)
    return _ROLE_OF[had[0]["role"]] if had else None


def _may_stand_in(maker: Principal) -> bool:
    return maker.who.enabled and (maker.who.administrator or maker.may_act_for_others)


def _require_stand_in(maker: Principal, owner: Principal) -> None:
    if owner.kind is not PrincipalKind.APPLICATION:
        raise AccessDenied(f"connections of {owner.name} are made by {owner.name} alone")
    if not _may_stand_in(maker):
        raise AccessDenied(
            f"{maker.name} may not make connections for {owner.name}: that takes an administrator,"
            " or the right to act on behalf of others"
        )


def _row(given: NewConnection, owner: PrincipalId) -> dict[str, object]:
    return {
        "name": f"{given.connector.replace('_', '-')}-{given.account}",
        "connectorid": given.connector,
        "displayname": given.account,
        "account": given.account,
        "connectionstatus": "Connected" if given.connected else "Unauthenticated",
        "settings": dict(given.settings),
        "credentials": given.way,
        "ownerid": owner,
        "owneridtype": "systemuser",
    }


def _handles(row: Mapping[str, str]) -> tuple[str, str, str]:
    id, account = row["connectioninstanceid"], row["account"]
    return id, f"{row['connectorid']}/{account}", account
