"""What is lent and consented to, for those who look it over: with names, newest first."""

from __future__ import annotations

from typing import Any

from flowner.database import Transaction
from flowner.values import JsonObject, PrincipalId

_CHOICES = """
SELECT i.workflowid::text AS flow, w.name AS flow_name, i.canvasappid::text AS app,
       a.displayname AS app_name, i.bindingkey AS key, i.connectorid AS connector,
       i.connectioninstanceid::text AS connection, c.account, i.consentedon AS at
FROM rows.invokerchoice i
LEFT JOIN rows.workflow w USING (workflowid)
LEFT JOIN rows.canvasapp a USING (canvasappid)
LEFT JOIN rows.connectioninstance c USING (connectioninstanceid)
WHERE i.principalid = %s AND i.withdrawnon IS NULL ORDER BY i.consentedon DESC, i.bindingkey
"""
_LENDS = """
SELECT DISTINCT ON (c.connectioninstanceid, w.workflowid)
       c.connectioninstanceid::text AS connection, c.account, c.connectorid AS connector,
       w.workflowid::text AS flow, w.name AS flow_name, w.statecode = 1 AS on,
       w.ownerid::text AS owner, o.fullname AS owner_name,
       l.lentby::text AS lent_by, b.fullname AS lent_by_name, l.flowversion AS version,
       l.lenton AS at
FROM rows.connectionlend l
JOIN rows.connectioninstance c USING (connectioninstanceid)
JOIN rows.workflow w ON w.workflowid = l.workflowid
LEFT JOIN rows.systemuser o ON o.systemuserid = w.ownerid
LEFT JOIN rows.systemuser b ON b.systemuserid = l.lentby
WHERE c.ownerid = %s AND l.withdrawnon IS NULL
ORDER BY c.connectioninstanceid, w.workflowid, l.lenton DESC
"""


async def read_choices(transaction: Transaction, person: PrincipalId) -> list[JsonObject]:
    """Return what somebody provides for flows and apps: one entry for each key."""
    return await _shown(transaction, _CHOICES, person)


async def read_lends(transaction: Transaction, owner: PrincipalId) -> list[JsonObject]:
    """Return which flows act through somebody's connections: one entry for each pair."""
    found = await _shown(transaction, _LENDS, owner)
    return sorted(found, key=lambda one: str(one["at"]), reverse=True)


async def _shown(transaction: Transaction, statement: str, who: PrincipalId) -> list[JsonObject]:
    rows: list[dict[str, Any]]
    rows = await (await transaction.execute(statement.encode(), (who,))).fetchall()
    return [{**row, "at": row["at"].isoformat()} for row in rows]
