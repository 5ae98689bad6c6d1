"""The facts that `identity` answers from, read in one go for one flow.

Six statements, whatever the size of the directory: only the principals, groups, connections and
shares that the answer can depend on are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowner.access.vocabulary import (
    ConnectionFacts,
    ConnectionRole,
    ConnectionShare,
    FlowFacts,
    FlowRole,
    FlowShare,
    Who,
)
from flowner.database import Transaction
from flowner.errors import NotFound
from flowner.identity.world import Lend, Principal, PrincipalKind, Reference, World
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import AppId, ConnectionId, FlowId, JsonObject, PrincipalId

_FLOW_ROLES = {1: FlowRole.CO_OWNER, 2: FlowRole.RUN_ONLY}
_CONNECTION_ROLES = {
    1: ConnectionRole.CAN_USE,
    2: ConnectionRole.CAN_SHARE,
    3: ConnectionRole.CAN_EDIT,
}
ACT_FOR_OTHERS = "prvActOnBehalfOfAnotherUser"

_FLOW = """
SELECT w.workflowid::text AS id, w.name, w.ownerid::text AS owner, w.statecode,
       coalesce(w.currentversion, 0) AS version,
       coalesce((SELECT json_agg(json_build_array(s.principalid, s.role, a.app))
                 FROM rows.flowshare s
                 CROSS JOIN LATERAL (SELECT s.canvasappid AS app) a
                 WHERE s.workflowid = w.workflowid), '[]') AS shares,
       coalesce((SELECT json_agg(json_build_array(h.principalid, h.canvasappid))
                 FROM rows.canvasappflow f JOIN rows.canvasappshare h USING (canvasappid)
                 WHERE f.workflowid = w.workflowid), '[]') AS app_shares,
       coalesce((SELECT json_agg(json_build_array(c.ownerid, c.canvasappid))
                 FROM rows.canvasappflow f JOIN rows.canvasapp c USING (canvasappid)
                 WHERE f.workflowid = w.workflowid), '[]') AS app_owners
FROM rows.workflow w WHERE %s::uuid IS NULL OR w.workflowid = %s
"""

_REFERENCES = """
SELECT connectionreferencelogicalname AS name, connectorid AS connector,
       connectioninstanceid::text AS connection
FROM rows.connectionreference WHERE lower(connectionreferencelogicalname) = ANY(%s)
"""

_CHOICES = """
SELECT DISTINCT ON (principalid, bindingkey)
       principalid::text AS principal, bindingkey AS key, connectioninstanceid::text AS connection
FROM rows.invokerchoice
WHERE principalid = ANY(%s::uuid[]) AND withdrawnon IS NULL
  AND (workflowid = %s OR canvasappid IN
       (SELECT canvasappid FROM rows.canvasappflow WHERE workflowid = %s))
ORDER BY principalid, bindingkey, (workflowid IS NULL), consentedon DESC
"""

_LENDS = """
SELECT connectioninstanceid::text AS connection, lentby::text AS by, flowversion AS version
FROM rows.connectionlend WHERE workflowid = %s AND withdrawnon IS NULL
"""

_CONNECTIONS = """
SELECT c.connectioninstanceid::text AS id, c.connectorid AS connector, c.ownerid::text AS owner,
       c.account, c.connectionstatus AS status, c.statusreason AS reason, c.credentials AS way,
       coalesce((SELECT json_agg(json_build_array(s.principalid, s.role))
                 FROM rows.connectionshare s
                 WHERE s.connectioninstanceid = c.connectioninstanceid), '[]') AS shares
FROM rows.connectioninstance c
WHERE %s::uuid[] IS NULL OR c.connectioninstanceid = ANY(%s::uuid[])
"""

_PRINCIPALS = f"""
WITH RECURSIVE asked AS (SELECT unnest(%s::uuid[]) AS id),
inside(member, grp) AS (
    SELECT a.id, m.securitygroupid FROM asked a JOIN rows.groupmembership m ON m.memberid = a.id
    UNION
    SELECT i.member, m.securitygroupid
    FROM inside i JOIN rows.groupmembership m ON m.memberid = i.grp
),
held AS (
    SELECT a.id AS member, a.id AS holder FROM asked a
    UNION SELECT t.systemuserid, t.teamid FROM rows.teammembership t JOIN asked a
          ON a.id = t.systemuserid
    UNION SELECT i.member, t.teamid FROM inside i JOIN rows.team t ON t.securitygroupid = i.grp
)
SELECT u.systemuserid::text AS id, coalesce(u.fullname, u.domainname) AS name,
       coalesce(u.internalemailaddress, '') AS mail, u.isdisabled OR EXISTS (
           SELECT 1 FROM rows.businessunit b WHERE b.businessunitid = u.businessunitid
           AND b.isdisabled) AS disabled,
       u.accessmode AS mode, u.applicationid IS NOT NULL AS application, NULL AS kind,
       coalesce((SELECT json_agg(DISTINCT i.grp) FROM inside i WHERE i.member = u.systemuserid),
                '[]') AS groups,
       EXISTS (SELECT 1 FROM rows.roleassignment a JOIN rows.role r USING (roleid)
               JOIN rows.roleprivilege p ON p.roleid = coalesce(r.parentrootroleid, r.roleid)
               WHERE a.principalid = u.systemuserid AND p.privilegename = '{ACT_FOR_OTHERS}')
               AS delegate,
       EXISTS (SELECT 1 FROM held h JOIN rows.roleassignment r ON r.principalid = h.holder
               JOIN rows.role o USING (roleid)
               WHERE h.member = u.systemuserid
                 AND coalesce(o.parentrootroleid, o.roleid) = '{SYSTEM_ADMINISTRATOR}')
               AS administrator
FROM rows.systemuser u WHERE u.systemuserid IN (SELECT id FROM asked)
UNION ALL
SELECT t.teamid::text, t.name, '', false, 0, false, 'team', '[]', false, false
FROM rows.team t WHERE t.teamid IN (SELECT id FROM asked)
UNION ALL
SELECT g.securitygroupid::text, g.name, coalesce(g.mail, ''), false, 0, false, 'group', '[]',
       false, false
FROM rows.securitygroup g WHERE g.securitygroupid IN (SELECT id FROM asked)
"""  # noqa: S608 - constants of ours


async def read_flow_facts(transaction: Transaction, flow: FlowId) -> FlowFacts:
    """Read who owns a flow and with whom it is shared; `NotFound` when there is none."""
    row = await (await transaction.execute(_FLOW, (flow, flow))).fetchone()
    if row is None:
        raise NotFound(f"there is no flow `{flow}`")
    return _flow_facts(row)


async def read_all_flow_facts(transaction: Transaction) -> list[FlowFacts]:
    """Read who owns every flow and with whom each is shared: 1 query."""
    return [_flow_facts(row) for row in await _all(transaction, _FLOW, (None, None))]


async def read_flow_owners(
    transaction: Transaction, flows: Iterable[FlowId]
) -> dict[FlowId, PrincipalId]:
    """Read who owns each of these flows that there still is: 1 query."""
    rows = await _all(
        transaction,
        "SELECT workflowid::text AS id, ownerid::text AS owner FROM rows.workflow"
        " WHERE workflowid = ANY(%s::uuid[])",
        (sorted(flows),),
    )
    return {FlowId(row["id"]): PrincipalId(row["owner"]) for row in rows}


async def read_common_world(
    transaction: Transaction, people: Iterable[PrincipalId], references: Iterable[str]
) -> World:
    """Read what marks of several flows depend on: 3 queries, however many flows there are.

    Nothing is in it that is of one flow: no lends, and no choices of those who run it.
    """
    named = sorted({name.lower() for name in references})
    pointers = await _all(transaction, _REFERENCES, (named,))
    wanted = sorted({row["connection"] for row in pointers if row["connection"] is not None})
    connections = await _all(transaction, _CONNECTIONS, (wanted, wanted))
    everyone = {*people, *(row["owner"] for row in connections)}
    return World(
        principals=await read_principals(transaction, everyone),
        references={row["name"].lower(): _reference(row) for row in pointers},
        connections={ConnectionId(row["id"]): _connection_facts(row) for row in connections},
    )


def _flow_facts(row: Mapping[str, Any]) -> FlowFacts:
    shares = {
        FlowShare(PrincipalId(holder), _FLOW_ROLES[role], None if app is None else AppId(app))
        for holder, role, app in row["shares"]
    }
    for holder, app in (*row["app_shares"], *row["app_owners"]):
        shares.add(FlowShare(PrincipalId(holder), FlowRole.RUN_ONLY, AppId(app)))
    return FlowFacts(
        id=FlowId(row["id"]),
        name=row["name"],
        owner=PrincipalId(row["owner"]),
        version=row["version"],
        on=row["statecode"] == 1,
        shares=frozenset(shares),
    )


async def read_world(
    transaction: Transaction,
    facts: FlowFacts,
    people: Iterable[PrincipalId],
    references: Iterable[str],
) -> World:
    """Read what the answer for one flow and these ``people`` may depend on.

    ``references`` are the logical names that the flow's bindings carry.
    """
    asked = sorted({*people, facts.owner})
    named = sorted({name.lower() for name in references})
    pointers = await _all(transaction, _REFERENCES, (named,))
    choices = await _all(transaction, _CHOICES, (asked, facts.id, facts.id))
    lends = await _all(transaction, _LENDS, (facts.id,))
    wanted = sorted(
        {
            row["connection"]
            for row in (*pointers, *choices, *lends)
            if row["connection"] is not None
        }
    )
    connections = await _all(transaction, _CONNECTIONS, (wanted, wanted))
    co_owners = {one.holder for one in facts.shares if one.role is FlowRole.CO_OWNER}
    owners = {row["owner"] for row in connections}
    everyone = {*asked, *co_owners, *owners, *(row["by"] for row in lends)}
    return World(
        principals=await read_principals(transaction, everyone),
        references={row["name"].lower(): _reference(row) for row in pointers},
        connections={ConnectionId(row["id"]): _connection_facts(row) for row in connections},
        choices={
            (PrincipalId(row["principal"]), row["key"]): ConnectionId(row["connection"])
            for row in choices
        },
        lends=frozenset(_lend(facts.id, row) for row in lends),
    )


def _reference(row: Mapping[str, Any]) -> Reference:
    return Reference(name=row["name"], connector=row["connector"], connection=_connection(row))


def _lend(flow: FlowId, row: Mapping[str, Any]) -> Lend:
    return Lend(
        connection=ConnectionId(row["connection"]),
        flow=flow,
        by=PrincipalId(row["by"]),
        version=row["version"],
    )


async def read_connection_facts(
    transaction: Transaction, connection: ConnectionId
) -> ConnectionFacts:
    """Read one connection's owner, account and shares; `NotFound` when there is none."""
    rows = await _all(transaction, _CONNECTIONS, ([connection], [connection]))
    if not rows:
        raise NotFound(f"there is no connection `{connection}`")
    return _connection_facts(rows[0])


async def read_all_connections(transaction: Transaction) -> list[ConnectionFacts]:
    """Read every connection's owner, account and shares: 1 query."""
    return [_connection_facts(row) for row in await _all(transaction, _CONNECTIONS, (None, None))]


async def own_connections(transaction: Transaction, owner: PrincipalId) -> list[ConnectionFacts]:
    """Return somebody's own connections, by account."""
    found = await _all(
        transaction,
        "SELECT connectioninstanceid::text AS id FROM rows.connectioninstance WHERE ownerid = %s",
        (owner,),
    )
    ids = [row["id"] for row in found]
    rows = await _all(transaction, _CONNECTIONS, (ids, ids))
    return sorted(map(_connection_facts, rows), key=lambda one: (one.account, one.connector))


async def read_settings(transaction: Transaction, connection: ConnectionId) -> JsonObject:
    """Read a connection's settings; empty when there is no such connection."""
    found = await transaction.execute(
        "SELECT settings FROM rows.connectioninstance WHERE connectioninstanceid = %s",
        (connection,),
    )
    row = await found.fetchone()
    return {} if row is None else dict(row["settings"])


async def read_principals(
    transaction: Transaction, ids: Iterable[PrincipalId | str]
) -> dict[PrincipalId, Principal]:
    """Read principals with their groups, however deep, and the rights that identity asks of."""
    rows = await _all(transaction, _PRINCIPALS, (sorted(set(ids)),))
    return {PrincipalId(row["id"]): _principal(row) for row in rows}


def _principal(row: Mapping[str, Any]) -> Principal:
    return Principal(
        who=Who(
            id=PrincipalId(row["id"]),
            name=row["name"],
            groups=frozenset(PrincipalId(group) for group in row["groups"]),
            enabled=not row["disabled"],
            administrator=row["administrator"],
        ),
        kind=_kind(row),
        mail=row["mail"],
        may_act_for_others=row["delegate"],
    )


def _kind(row: Mapping[str, Any]) -> PrincipalKind:
    if row["kind"] is not None:
        return PrincipalKind(row["kind"])
    if row["application"]:
        return PrincipalKind.APPLICATION
    return PrincipalKind.SERVICE_ACCOUNT if row["mode"] == 4 else PrincipalKind.USER


def _connection(row: Mapping[str, Any]) -> ConnectionId | None:
    return None if row["connection"] is None else ConnectionId(row["connection"])


def _connection_facts(row: Mapping[str, Any]) -> ConnectionFacts:
    return ConnectionFacts(
        id=ConnectionId(row["id"]),
        connector=row["connector"],
        owner=PrincipalId(row["owner"]),
        account=row["account"],
        connected=row["status"] == "Connected",
        reason=row["reason"] or "",
        way=row["way"],
        shares=frozenset(
            ConnectionShare(PrincipalId(holder), _CONNECTION_ROLES[role])
            for holder, role in row["shares"]
        ),
    )


async def _all(
    transaction: Transaction, statement: str, values: tuple[object, ...]
) -> list[dict[str, Any]]:
    return await (await transaction.execute(statement.encode(), values)).fetchall()
