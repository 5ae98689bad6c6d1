"""Apps that carry flows: sharing the app gives the right to run them, from within it alone."""

from __future__ import annotations

from flowner.access.vocabulary import FlowAction
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied
from flowner.flows.asking import flow_permit, principal
from flowner.identity.world import PrincipalKind
from flowner.rows import registry
from flowner.values import AppId, FlowId, PrincipalId


class Apps:
    """Makes apps, gives them flows, shares them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, name: str, owner: PrincipalId) -> AppId:
        """Make an app."""
        async with self._database.transaction() as transaction:
            app = {"name": name, "displayname": name, "ownerid": owner, "owneridtype": "systemuser"}
            return AppId(await registry.insert(transaction, "canvasapp", app, by=owner))

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

    async def _own(self, transaction: Transaction, app: AppId, by: PrincipalId) -> None:
        rows = await registry.select(transaction, "canvasapp", {"canvasappid": app})
        if not rows or rows[0]["ownerid"] != by:
            raise AccessDenied("this app is somebody else's")
