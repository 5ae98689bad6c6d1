"""Which row triggers hear of a change."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from flowner.database import Transaction
from flowner.errors import Invalid
from flowner.odata.evaluate import holds
from flowner.odata.parser import parse_filter
from flowner.rows.feed import Change
from flowner.values import FlowId

_LOG = structlog.get_logger(__name__)
_MESSAGES = {"Create": (1, 4, 5, 7), "Update": (3, 4, 6, 7), "Delete": (2, 5, 6, 7)}

_LISTENING = """
WITH whose AS (
    SELECT businessunitid AS unit FROM rows.systemuser WHERE systemuserid = %(owner)s
    UNION SELECT businessunitid FROM rows.team WHERE teamid = %(owner)s
), heard AS (
    SELECT c.workflowid::text AS flow, c.scope, c.ownerid, c.filteringattributes AS columns,
           c.filterexpression AS filter, u.businessunitid AS unit
    FROM rows.callbackregistration c LEFT JOIN rows.systemuser u ON u.systemuserid = c.ownerid
    WHERE c.entityname IN (%(table)s, %(set)s) AND c.message = ANY(%(messages)s)
)
SELECT flow, columns, filter FROM heard h
WHERE scope = 4
   OR (scope = 1 AND h.ownerid = %(owner)s)
   OR (scope IN (2, 3) AND h.unit IN (SELECT unit FROM whose))
   OR (scope = 3 AND h.unit IN (SELECT b.parentbusinessunitid FROM rows.businessunit b
                                JOIN whose ON whose.unit = b.businessunitid))
ORDER BY flow
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """A flow whose trigger a change sets off."""

    flow: FlowId


async def listening(transaction: Transaction, change: Change, set_name: str) -> list[Heard]:
    """Return the flows that hear of a change: by message, scope, columns named and filter.

    The filter is evaluated on the row as it stands after the change.
    """
    found = await transaction.execute(
        _LISTENING,
        {
            "table": change.table,
            "set": set_name,
            "messages": list(_MESSAGES[change.message]),
            "owner": change.owner,
        },
    )
    return [
        Heard(FlowId(row["flow"]))
        for row in await found.fetchall()
        if _named(row["columns"], change) and _holds(row["filter"], change, row["flow"])
    ]


def _named(columns: str | None, change: Change) -> bool:
    if not columns or change.message != "Update":
        return True
    return any(name.strip() in change.named for name in columns.split(","))


def _holds(expression: str | None, change: Change, flow: str) -> bool:
    if not expression:
        return True
    try:
        return holds(parse_filter(expression), change.row)
    except Invalid as error:
        _LOG.warning("row filter cannot be evaluated", flow=flow, error=error.message)
        return False
