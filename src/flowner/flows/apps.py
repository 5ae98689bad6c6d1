"""Apps that carry flows: sharing the app gives the right to run them, from within it alone."""

from __future__ import annotations

from dataclasses import dataclass

from flowner.access.vocabulary import FlowAction, Who
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, NotFound
from flowner.flows.asking import flow_permit, principal
from flowner.identity.world import Principal, PrincipalKind
from flowner.rows import registry
from flowner.rows.auditing import Act, note
from flowner.rows.facts import read_principals
from flowner.values import AppId, FlowId, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A flow that an app carries."""

    flow: FlowId
    name: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One app, as somebody who may open it sees it."""

    id: AppId
    name: str
    owner: Principal
    mine: bool
    flows: tuple[Carried, ...]
    """By name."""
    shared_with: tuple[Principal, ...]
    """By name; told to the owner alone."""


class Apps:
    """Makes apps, gives them flows, shares them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, name: str, owner: PrincipalId) -> AppId:
        """Make an app."""
        async with self._database.transaction() as transaction:
            app = {"name": name, "displayname": name, "ownerid": owner, "owneridtype": "systemuser"}
            return AppId(await registry.insert(transaction, "canvasapp", app, by=owner))

    async def of(self, person: PrincipalId) -> list[Seen]:
        """Return the apps that somebody may open, by name: their own, and those shared."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            rows = await registry.select(transaction, "canvasapp", {"ownerid": person})
            known = {row["canvasappid"] for row in rows}
            for holder in who.identities:
                shares = {"principalid": holder}
                for share in await registry.select(transaction, "canvasappshare", shares):
                    known.add(share["canvasappid"])
            found = [await self._seen(transaction, AppId(id), who) for id in known]
        return sorted(found, key=lambda one: one.name.casefold())

    async def open(self, app: AppId, person: PrincipalId) -> Seen:
        """Return one app; `NotFound` where it is neither theirs nor shared with them."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            return await self._seen(transaction, app, who)

    async def carry(self, app: AppId, flow: FlowId, by: PrincipalId) -> None:
        """Let an app of ``by``'s start a flow that they may share."""
        async with self._database.transaction() as transaction:
            (await flow_permit(transaction, by, FlowAction.SHARE, flow)).to(FlowAction.SHARE)
            await self._own(transaction, app, by)
            row = {"canvasappid": app, "workflowid": flow}
            await registry.insert(transaction, "canvasappflow", row, by=by)

    async def share(self, app: AppId, holder: PrincipalId, by: PrincipalId) -> None:
        """Share an app with a user or a group, and with it the flows that it carries."""
        async with self._database.transaction() as transaction:
            await self._own(transaction, app, by)
            other = await principal(transaction, holder)
            kind = "securitygroup" if other.kind is PrincipalKind.GROUP else "systemuser"
            row = {"canvasappid": app, "principalid": holder, "principaltype": kind}
            await registry.insert(transaction, "canvasappshare", row, by=by)
            await note(transaction, Act.APP_SHARED, app, by=by, about=holder)

    async def unshare(self, app: AppId, holder: PrincipalId, by: PrincipalId) -> bool:
        """Share an app with somebody no more; False where it was not."""
        async with self._database.transaction() as transaction:
            await self._own(transaction, app, by)
            where = {"canvasappid": app, "principalid": holder}
            if not await registry.delete(transaction, "canvasappshare", where):
                return False
            await note(transaction, Act.APP_UNSHARED, app, by=by, about=holder)
            return True

    async def _own(self, transaction: Transaction, app: AppId, by: PrincipalId) -> None:
        rows = await registry.select(transaction, "canvasapp", {"canvasappid": app})
        if not rows or rows[0]["ownerid"] != by:
            raise AccessDenied("this app is somebody else's")

    async def _seen(self, transaction: Transaction, app: AppId, who: Who) -> Seen:
        rows = await registry.select(transaction, "canvasapp", {"canvasappid": app})
        shares = await registry.select(transaction, "canvasappshare", {"canvasappid": app})
        holders = {PrincipalId(share["principalid"]) for share in shares}
        mine = bool(rows) and rows[0]["ownerid"] == who.id
        if not rows or not who.enabled or not (mine or holders & who.identities):
            raise NotFound(f"there is no app `{app}`")
        owner = PrincipalId(rows[0]["ownerid"])
        people = await read_principals(transaction, {owner, *holders})
        flows = []
        for carried in await registry.select(transaction, "canvasappflow", {"canvasappid": app}):
            for row in await registry.select(
                transaction, "workflow", {"workflowid": carried["workflowid"]}
            ):
                flow = FlowId(row["workflowid"])
                flows.append(Carried(flow=flow, name=row["name"], on=row["statecode"] == 1))
        shared = [people[one] for one in holders if one in people] if mine else []
        return Seen(
            id=app,
            name=rows[0]["displayname"] or rows[0]["name"],
            owner=people[owner],
            mine=mine,
            flows=tuple(sorted(flows, key=lambda one: one.name.casefold())),
            shared_with=tuple(sorted(shared, key=lambda one: one.name.casefold())),
        )
