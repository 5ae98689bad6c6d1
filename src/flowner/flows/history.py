"""What happened, and in whose name: runs as people and programs read them, under their rights."""

from __future__ import annotations

import json
from typing import Any

from flowner.access.decide import Permit, decide_flow
from flowner.access.vocabulary import FlowAction, Who
from flowner.database import Database, Transaction
from flowner.definitions.flow import Status
from flowner.errors import NotFound
from flowner.flows.asking import principal
from flowner.journal.records import RunHeader
from flowner.journal.store import Journal
from flowner.rows import registry
from flowner.rows.facts import read_flow_facts, read_principals
from flowner.runs.events import ActionEnded, ActionStarted, AnyEvent, decode
from flowner.values import FlowId, JsonObject, PrincipalId, RunId

_STRUCK = "*sanitized*"


class History:
    """Reads runs: owners, co-owners and administrators every run of a flow, others their own."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database, self._journal = database, journal

    async def runs(
        self, reader: PrincipalId | None, *, flow: FlowId | None = None, limit: int = 50
    ) -> list[JsonObject]:
        """Return the newest runs that the reader may see; None reads as the server's operator."""
        found = []
        async with self._database.connection() as connection:
            for header in await self._newest(connection, reader, flow, limit):
                if await self._may_see(connection, reader, header):
                    found.append(await self._header_json(connection, header))  # noqa: PERF401
        return found[:limit]

    async def run(self, reader: PrincipalId | None, run: RunId) -> JsonObject:
        """Return one run with its actions; `NotFound` also when the reader may not see it."""
        header = await self.seen(reader, run)
        async with self._database.connection() as connection:
            record = await self._header_json(connection, header)
            events = [decode(one.entry.data) for one in await self._journal.entries(run)]
            names = await self._names(connection, events)
        record["actions"] = actions_of(events, names)
        return record

    async def seen(self, reader: PrincipalId | None, run: RunId) -> RunHeader:
        """Return one run's header; `NotFound` also when the reader may not see it."""
        header = await self._journal.header(run)
        async with self._database.connection() as connection:
            if not await self._may_see(connection, reader, header):
                raise NotFound(f"there is no run {run}")
        return header

    async def _newest(
        self, transaction: Transaction, reader: PrincipalId | None, flow: FlowId | None, limit: int
    ) -> list[RunHeader]:
        """Return at least the newest runs that the reader may see, and perhaps others."""
        if reader is None:
            return await self._journal.runs(flow=flow, limit=limit)
        who = (await principal(transaction, reader)).who
        if who.administrator:
            return await self._journal.runs(flow=flow, limit=limit)
        batches = [await self._journal.runs(flow=flow, initiator=reader, limit=limit)]
        for one in await self._flows_of(transaction, who):
            if flow in (None, one):
                batches.append(await self._journal.runs(flow=one, limit=limit))  # noqa: PERF401
        newest = {header.id: header for batch in batches for header in batch}
        return [newest[id] for id in sorted(newest, reverse=True)]

    async def _flows_of(self, transaction: Transaction, who: Who) -> list[FlowId]:
        """Return the flows of which somebody may see every run: their own, and those shared."""
        rows = await registry.select(transaction, "workflow", {"ownerid": who.id})
        for holder in who.identities:
            rows += await registry.select(transaction, "flowshare", {"principalid": holder})
        flows = {FlowId(row["workflowid"]) for row in rows}
        return [
            flow
            for flow in flows
            if isinstance(
                decide_flow(who, FlowAction.SEE_RUNS, await read_flow_facts(transaction, flow)),
                Permit,
            )
        ]

    async def _may_see(
        self, transaction: Transaction, reader: PrincipalId | None, header: RunHeader
    ) -> bool:
        """Whether the run is of a flow of the reader's, or their own and the flow still theirs."""
        if reader is None:
            return True
        try:
            facts = await read_flow_facts(transaction, header.flow)
        except NotFound:
            return False
        who = (await principal(transaction, reader)).who
        if header.initiator == reader and isinstance(
            decide_flow(who, FlowAction.RUN, facts, within=header.app), Permit
        ):
            return True
        return isinstance(decide_flow(who, FlowAction.SEE_RUNS, facts), Permit)

    async def _header_json(self, transaction: Transaction, header: RunHeader) -> JsonObject:
        ids = {one for one in (header.initiator, header.principal) if one is not None}
        known = await read_principals(transaction, ids)
        names = {id: one.name for id, one in known.items()}
        return {
            "run": str(header.id),
            "flow": header.flow_name,
            "flow_id": header.flow,
            "version": header.flow_version,
            "kind": header.kind,
            "status": header.status,
            "initiator": names.get(header.initiator) if header.initiator else None,
            "ran_as": names.get(header.principal) if header.principal else None,
            "ran_as_id": header.principal,
            "rule": header.rule,
            "fallback": header.fallback,
            "accounts": list(header.accounts),
            "started": header.started.isoformat(),
            "ended": header.ended.isoformat() if header.ended else None,
            "code": header.code,
            "error": header.error,
            "parent": str(header.parent) if header.parent else None,
            "plan": header.plan_hash,
        }

    async def _names(self, transaction: Transaction, events: list[AnyEvent]) -> dict[str, str]:
        ids = {
            acting[part]
            for event in events
            if isinstance(event, ActionEnded) and isinstance(acting := event.acting, dict)
            for part in ("principal", "actor", "lentBy")
            if acting.get(part)
        }
        known = await read_principals(transaction, ids)
        return {id: one.name for id, one in known.items()}


def actions_of(events: list[AnyEvent], names: dict[str, str]) -> list[Any]:
    """Return the actions' ends in the order they came, with who acted; secrets struck out."""
    inputs: dict[str, object] = {}
    found: list[Any] = []
    for event in events:
        if isinstance(event, ActionStarted) and event.attempt == 1:
            inputs[event.path] = _shown(event, "inputs")
        elif isinstance(event, ActionEnded):
            acting = event.acting if isinstance(event.acting, dict) else {}
            found.append(
                {
                    "action": event.path,
                    "status": event.status.value,
                    "code": event.code,
                    "error": _error(event),
                    "ended": event.at.isoformat(),
                    "attempt": event.attempt,
                    "acting_as": names.get(acting.get("principal", "")),
                    "actor": names.get(acting.get("actor") or ""),
                    "account": acting.get("account") or None,
                    "rule": acting.get("rule"),
                    "because": acting.get("because") or acting.get("message"),
                    "as_planned": acting.get("asPlanned", True),
                    "seen": acting.get("seen"),
                    "acting": acting or None,
                    "inputs": _json(inputs.pop(event.path, None) or _shown(event, "inputs")),
                    "outputs": _json(_shown(event, "outputs")),
                }
            )
    return found


def _error(event: ActionEnded) -> str | None:
    """Return the event's own message, or the one that the outside answered a failure with."""
    if event.error is not None:
        return event.error.message
    outputs = event.outputs
    if event.status is not Status.FAILED or "outputs" in event.secure:
        return None
    body = outputs.get("body") if isinstance(outputs, dict) else None
    error = body.get("error") if isinstance(body, dict) else None
    said = error.get("message") if isinstance(error, dict) else None
    return said if isinstance(said, str) else None


def _shown(event: ActionStarted | ActionEnded, part: str) -> object:
    value = getattr(event, part)
    if value is None or type(value).__name__ == "UnsetType":
        return None
    return _STRUCK if part in event.secure else value


def _json(value: object) -> Any:
    return json.loads(json.dumps(value, default=str))
