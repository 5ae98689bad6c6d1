"""Which row triggers hear of a change."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flowner.access.rights import Right, RowFacts, Standing
from flowner.access.row_filter import decide_row
from flowner.database import Transaction
from flowner.errors import AccessDenied, Code, Invalid
from flowner.odata.evaluate import holds
from flowner.odata.parser import parse_filter
from flowner.rows.feed import Change
from flowner.rows.shapes import without
from flowner.rows.standing import Standings
from flowner.values import FlowId, PrincipalId

_MESSAGES = {"Create": (1, 4, 5, 7), "Update": (3, 4, 6, 7), "Delete": (2, 5, 6, 7)}

# The owner and the state are the flow's own, as they are now: the registration's may be older.
_LISTENING = """
WITH RECURSIVE whose(unit) AS (
    SELECT businessunitid FROM rows.systemuser WHERE systemuserid = %(owner)s
    UNION SELECT businessunitid FROM rows.team WHERE teamid = %(owner)s
), above(unit) AS (
    SELECT unit FROM whose
    UNION SELECT b.parentbusinessunitid FROM rows.businessunit b
          JOIN above ON above.unit = b.businessunitid
)
SELECT c.workflowid::text AS flow, w.ownerid::text AS owner, c.filteringattributes AS columns,
       c.filterexpression AS filter
FROM rows.callbackregistration c
JOIN rows.workflow w ON w.workflowid = c.workflowid
LEFT JOIN rows.systemuser o ON o.systemuserid = w.ownerid
WHERE (c.entityname = %(table)s OR c.entityname IN
       (SELECT entitysetname FROM rows.tablemetadata WHERE logicalname = %(table)s))
  AND c.message = ANY(%(messages)s) AND c.createdon <= %(at)s AND w.statecode = 1
  AND (c.scope = 4 OR (c.scope = 1 AND w.ownerid = %(owner)s)
       OR (c.scope = 2 AND o.businessunitid IN (SELECT unit FROM whose))
       OR (c.scope = 3 AND o.businessunitid IN (SELECT unit FROM above)))
ORDER BY flow
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """A flow whose trigger hears of a change."""

    flow: FlowId
    filter: str | None
    """OData, without ``$filter=``."""
    change: Change
    """As the flow's owner may see it: secured columns that they may not read are null."""

    def wants(self) -> bool:
        """Say whether the row, as it stands after the change, answers the filter.

        Raises `Invalid` for a filter that cannot be evaluated on it.
        """
        if not self.filter:
            return True
        try:
            return holds(parse_filter(self.filter), self.change.row)
        except Invalid as error:
            raise Invalid(
                f"the trigger's filter `{self.filter}` cannot be evaluated on"
                f" `{self.change.table}`: {error.message}",
                code=Code.INVALID_DEFINITION,
                position=error.position,
            ) from error


async def listening(transaction: Transaction, change: Change, standings: Standings) -> list[Heard]:
    """Return the flows that hear of a change: by message, scope and columns named.

    Those that are on, and were when it was made, and whose primary owner may read the row as it
    stood then: a trigger tells nobody what they could not have read. Their filters have yet to be
    asked.
    """
    found = await transaction.execute(
        _LISTENING,
        {
            "table": change.table,
            "messages": list(_MESSAGES[change.message]),
            "at": change.at,
            "owner": change.owner,
        },
    )
    rows = [row for row in await found.fetchall() if _named(row["columns"], change)]
    if not rows:
        return []
    facts = await _facts(transaction, change)
    heard = []
    for row in rows:
        owner = PrincipalId(row["owner"])
        standing = await _reader(transaction, standings, owner, change, facts)
        if standing is not None:
            seen = await _as_seen(transaction, standing, change)
            heard.append(Heard(FlowId(row["flow"]), row["filter"], seen))
    return heard


async def _facts(transaction: Transaction, change: Change) -> RowFacts:
    found = await transaction.execute(
        "SELECT principalid::text AS holder, accessmask | inheritedmask AS mask FROM rows.rowshare"
        " WHERE tablename = %s AND rowid = %s",
        (change.table, change.id),
    )
    unit = change.row.get("_owningbusinessunit_value")
    return RowFacts(
        owner=change.owner,
        business_unit=unit if isinstance(unit, str) else None,
        shares={row["holder"]: row["mask"] for row in await found.fetchall()},
    )


async def _reader(
    transaction: Transaction,
    standings: Standings,
    owner: PrincipalId,
    change: Change,
    facts: RowFacts,
) -> Standing | None:
    try:
        standing = await standings.of(owner, transaction)
    except AccessDenied:
        return None
    return standing if decide_row(standing, change.table, Right.READ, facts).allowed else None


async def _as_seen(transaction: Transaction, standing: Standing, change: Change) -> Change:
    dark = standing.unread(change.table)
    if not dark:
        return change
    found = await transaction.execute(
        "SELECT attributelogicalname AS name FROM rows.principalobjectattributeaccess"
        " WHERE objecttypecode = %s AND objectid = %s AND readaccess"
        " AND principalid = ANY(%s::uuid[])",
        (change.table, change.id, sorted(standing.holders)),
    )
    shared = {row["name"] for row in await found.fetchall()}
    return replace(change, row=without(change.row, dark - shared))


def _named(columns: str | None, change: Change) -> bool:
    if not columns or change.message != "Update":
        return True
    return any(name.strip() in change.named for name in columns.split(","))
