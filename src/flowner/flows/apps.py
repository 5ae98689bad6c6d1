"""Apps that carry flows: sharing the app gives the right to run them, from within it alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowner.access.vocabulary import FlowAction, Who
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Invalid, NotFound
from flowner.flows.asking import flow_permit, principal
from flowner.identity.world import Principal, PrincipalKind
from flowner.rows import registry
from flowner.rows.auditing import Act, note
from flowner.rows.bundles import ShownBundle, shown_bundle
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
    bundle: ShownBundle | None = None
    """What it serves instead of forms; None: it has none."""

    def called(self, name_or_id: str) -> Carried:
        """Return the flow that the app knows by this name or id.

        Raises `NotFound`, which names those that it carries, and `Invalid` where two are called so.
        """
        by_id = [one for one in self.flows if one.flow == name_or_id.lower()]
        name = name_or_id.casefold().strip()
        found = by_id or [one for one in self.flows if one.name.casefold().strip() == name]
        if not found:
            names = ", ".join(f"`{one.name}`" for one in self.flows) or "none"
            raise NotFound(f"the app carries no flow `{name_or_id[:100]}`; it carries {names}")
        if len(found) > 1:
            raise Invalid(f"the app carries two flows `{name_or_id}`: say which by its id")
        return found[0]


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
            await require_own(transaction, app, by)
            row = {"canvasappid": app, "workflowid": flow}
            await registry.insert(transaction, "canvasappflow", row, by=by)

    async def share(self, app: AppId, holder: PrincipalId, by: PrincipalId) -> None:
        """Share an app with a user or a group, and with it the flows that it carries."""
        async with self._database.transaction() as transaction:
            await require_own(transaction, app, by)
            other = await principal(transaction, holder)
            kind = "securitygroup" if other.kind is PrincipalKind.GROUP else "systemuser"
            row = {"canvasappid": app, "principalid": holder, "principaltype": kind}
            await registry.insert(transaction, "canvasappshare", row, by=by)
            await note(transaction, Act.APP_SHARED, app, by=by, about=holder)

    async def unshare(self, app: AppId, holder: PrincipalId, by: PrincipalId) -> bool:
        """Share an app with somebody no more; False where it was not."""
        async with self._database.transaction() as transaction:
            await require_own(transaction, app, by)
            where = {"canvasappid": app, "principalid": holder}
            if not await registry.delete(transaction, "canvasappshare", where):
                return False
            await note(transaction, Act.APP_UNSHARED, app, by=by, about=holder)
            return True

    async def _seen(self, transaction: Transaction, app: AppId, who: Who) -> Seen:
        row, holders = await _opened(transaction, app, who)
        owner, mine = PrincipalId(row["ownerid"]), row["ownerid"] == who.id
        people = await read_principals(transaction, {owner, *holders})
        flows = []
        for carried in await registry.select(transaction, "canvasappflow", {"canvasappid": app}):
            for one in await registry.select(
                transaction, "workflow", {"workflowid": carried["workflowid"]}
            ):
                flow = FlowId(one["workflowid"])
                flows.append(Carried(flow=flow, name=one["name"], on=one["statecode"] == 1))
        shared = [people[one] for one in holders if one in people] if mine else []
        return Seen(
            id=app,
            name=_name(row),
            owner=people[owner],
            mine=mine,
            flows=tuple(sorted(flows, key=lambda one: one.name.casefold())),
            shared_with=tuple(sorted(shared, key=lambda one: one.name.casefold())),
            bundle=await shown_bundle(transaction, app),
        )


async def name_of_app(transaction: Transaction, app: AppId) -> str | None:
    """Return what an app is called, to whoever knows of it; None: there is none any more."""
    rows = await registry.select(transaction, "canvasapp", {"canvasappid": app})
    return _name(rows[0]) if rows else None


async def require_own(transaction: Transaction, app: AppId, by: PrincipalId) -> None:
    """Let an app's owner pass: `NotFound` to whoever may not open it, else `AccessDenied`."""
    row, _ = await _opened(transaction, app, (await principal(transaction, by)).who)
    if row["ownerid"] != by:
        raise AccessDenied("this app is somebody else's")


async def require_open(transaction: Transaction, app: AppId, person: PrincipalId) -> None:
    """Let those pass who may open an app: its owner, and those it is shared with; `NotFound`."""
    await _opened(transaction, app, (await principal(transaction, person)).who)


async def _opened(
    transaction: Transaction, app: AppId, who: Who
) -> tuple[dict[str, Any], set[PrincipalId]]:
    """Return an app's row, and with whom it is shared."""
    rows = await registry.select(transaction, "canvasapp", {"canvasappid": app})
    shares = await registry.select(transaction, "canvasappshare", {"canvasappid": app})
    holders = {PrincipalId(share["principalid"]) for share in shares}
    mine = bool(rows) and rows[0]["ownerid"] == who.id
    if not rows or not who.enabled or not (mine or holders & who.identities):
        raise NotFound(f"there is no app `{app}`")
    return rows[0], holders


def _name(row: dict[str, Any]) -> str:
    return str(row["displayname"] or row["name"])
