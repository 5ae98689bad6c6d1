"""Bring packages in: flows, connection references and environment variables, all or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flowner.access.vocabulary import FlowAction, FlowFacts
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.definitions.codec import write_flow
from flowner.definitions.edit import with_binding_reference
from flowner.definitions.flow import Flow, Source
from flowner.definitions.packages import Package
from flowner.flows.asking import flow_permit, future_owner
from flowner.flows.families import Family, examine, look_over, read_family
from flowner.flows.pointing import point
from flowner.flows.turning import OFF
from flowner.identity.save import Finding
from flowner.rows import registry
from flowner.rows.versions import insert_version
from flowner.triggers.published import Published
from flowner.triggers.registration import unregister
from flowner.values import ConnectionId, FlowId, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFlow:
    """One flow that an import brought."""

    id: FlowId
    name: str
    version: int
    """1 for a flow that was not here before."""
    advice: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did."""

    flows: tuple[ImportedFlow, ...]
    unbound: tuple[str, ...]
    """Connection references that point at no connection yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingFlow:
    """One flow that an import would bring."""

    flow: Flow
    here: FlowFacts | None
    """It is here already, under the same guid, and would get a next version."""
    before: Flow | None
    """Its version that is current now."""
    advice: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingReference:
    """One connection reference that the flows need."""

    name: str
    title: str
    connector: str
    is_here: bool
    is_bound: bool
    """It is here, and points at a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What an import would do; nothing is done yet."""

    flows: tuple[ComingFlow, ...]
    references: tuple[ComingReference, ...]


class Importer:
    """Imports what `definitions.packages` read."""

    def __init__(self, database: Database, published: Published, clock: Clock) -> None:
        self._database, self._published, self._clock = database, published, clock

    async def foresee(self, package: Package, by: PrincipalId) -> Foreseen:
        """Return what `bring_in` would do. Raises for flows that are here and not ``by``'s to edit.

        What would refuse the package is among the advice, and says so.
        """
        ready = [_with_references(flow) for flow in package.flows]
        async with self._database.transaction() as transaction:
            await future_owner(transaction, by)
            family = await read_family(transaction, self._published, ready)
            flows = [await self._coming(transaction, flow, family, by) for flow in ready]
            rows = await registry.select(transaction, "connectionreference", {})
        known = {str(row["connectionreferencelogicalname"]).lower(): row for row in rows}
        titles = {one.logical_name.lower(): one.display_name for one in package.references}
        references = [
            ComingReference(
                name=name,
                title=titles.get(key) or name,
                connector=connector,
                is_here=key in known,
                is_bound=key in known and known[key]["connectioninstanceid"] is not None,
            )
            for key, (name, connector) in _wanted(package, ready).items()
        ]
        return Foreseen(flows=tuple(flows), references=tuple(references))

    async def _coming(
        self, transaction: Transaction, flow: Flow, family: Family, by: PrincipalId
    ) -> ComingFlow:
        here, before = None, None
        id = FlowId(flow.guid or "")
        if id and await registry.select(transaction, "workflow", {"workflowid": id}):
            here = (await flow_permit(transaction, by, FlowAction.EDIT, id)).to(FlowAction.EDIT)
            version = await self._published.get(id, here.version, within=transaction)
            before = version.flow
        advice = look_over(flow, family)
        return ComingFlow(flow=flow, here=here, before=before, advice=advice)

    async def bring_in(
        self,
        package: Package,
        by: PrincipalId,
        *,
        bind: Mapping[str, ConnectionId] | None = None,
    ) -> Imported:
        """Import a package in one transaction; the flows arrive turned off.

        ``bind`` gives connections for connection references, by logical name; a reference that
        exists keeps what it points at unless it says otherwise, and then moves every flow that
        uses it. A flow that is here already (same guid) gets a next version, if ``by`` may edit
        it, and is turned off like the others. Raises `InvalidDefinition` with every refusal, and
        then nothing was imported.
        """
        ready = [_with_references(flow) for flow in package.flows]
        async with self._database.transaction() as transaction:
            await future_owner(transaction, by)
            family = await read_family(transaction, self._published, ready)
            advice = [examine(flow, family) for flow in ready]
            await self._references(transaction, package, ready, by, bind or {})
            await self._variables(transaction, package, by)
            flows = [
                await self._flow(transaction, flow, said, by)
                for flow, said in zip(ready, advice, strict=True)
            ]
            unbound = [
                str(row["connectionreferencelogicalname"])
                for row in await registry.select(transaction, "connectionreference", {})
                if row["connectioninstanceid"] is None
            ]
        named = {name.lower() for flow in ready for name in _embedded_references(flow)}
        return Imported(
            flows=tuple(flows),
            unbound=tuple(sorted(name for name in unbound if name.lower() in named)),
        )

    async def _flow(
        self, transaction: Transaction, flow: Flow, advice: tuple[Finding, ...], by: PrincipalId
    ) -> ImportedFlow:
        id = FlowId(flow.guid or self._clock.fresh_guid())
        if await registry.select(transaction, "workflow", {"workflowid": id}):
            (await flow_permit(transaction, by, FlowAction.EDIT, id)).to(FlowAction.EDIT)
            await registry.update(transaction, "workflow", id, {"name": flow.name, **OFF}, by=by)
            await unregister(transaction, id)
        else:
            await registry.insert(
                transaction,
                "workflow",
                {
                    "workflowid": id,
                    "name": flow.name,
                    "category": 5,
                    "type": 1,
                    "statecode": 0,
                    "statuscode": 1,
                    "ownerid": by,
                    "owneridtype": "systemuser",
                },
                by=by,
            )
        version = await insert_version(transaction, id, write_flow(flow), by=by)
        return ImportedFlow(id=id, name=flow.name, version=version, advice=advice)

    async def _references(
        self,
        transaction: Transaction,
        package: Package,
        flows: list[Flow],
        by: PrincipalId,
        bind: Mapping[str, ConnectionId],
    ) -> None:
        wanted = _wanted(package, flows)
        titles = {one.logical_name.lower(): one.display_name for one in package.references}
        connections = {name.lower(): connection for name, connection in bind.items()}
        known = {
            str(row["connectionreferencelogicalname"]).lower(): row
            for row in await registry.select(transaction, "connectionreference", {})
        }
        for key, (name, connector) in wanted.items():
            wanted_connection = connections.get(key)
            if key in known:
                if wanted_connection not in (None, known[key]["connectioninstanceid"]):
                    await point(transaction, self._published, name, wanted_connection, by)
                continue
            await registry.insert(
                transaction,
                "connectionreference",
                {
                    "connectionreferencelogicalname": name,
                    "connectionreferencedisplayname": titles.get(key) or name,
                    "connectorid": connector,
                    "connectioninstanceid": wanted_connection,
                    "ownerid": by,
                    "owneridtype": "systemuser",
                },
                by=by,
            )

    async def _variables(self, transaction: Transaction, package: Package, by: PrincipalId) -> None:
        for variable in package.variables:
            known = await registry.select(
                transaction, "environmentvariabledefinition", {"schemaname": variable.schema_name}
            )
            if known:
                continue
            id = await registry.insert(
                transaction,
                "environmentvariabledefinition",
                {
                    "schemaname": variable.schema_name,
                    "displayname": variable.display_name,
                    "type": int(variable.type),
                    "defaultvalue": variable.default,
                    "ownerid": by,
                },
                by=by,
            )
            if variable.value is not None:
                await registry.insert(
                    transaction,
                    "environmentvariablevalue",
                    {
                        "environmentvariabledefinitionid": id,
                        "schemaname": variable.schema_name,
                        "value": variable.value,
                        "ownerid": by,
                    },
                    by=by,
                )


def _with_references(flow: Flow) -> Flow:
    """Give bindings that name no reference one to be bound by: `imported_<connector>`."""
    for binding in flow.bindings.values():
        if binding.reference is None and binding.source is Source.EMBEDDED:
            name = "imported_" + re.sub(r"[^a-z0-9]", "", binding.connector.lower() or binding.key)
            flow = with_binding_reference(flow, binding.key, name)
    return replace(flow, guid=flow.guid.lower()) if flow.guid else flow


def _wanted(package: Package, flows: Iterable[Flow]) -> dict[str, tuple[str, str]]:
    """Return each reference's name and connector, by its lower-case name."""
    wanted = {
        name.lower(): (name, connector)
        for flow in flows
        for name, connector in _references_of(flow).items()
    }
    for one in package.references:
        wanted.setdefault(one.logical_name.lower(), (one.logical_name, one.connector))
    return wanted


def _references_of(flow: Flow) -> dict[str, str]:
    return {
        binding.reference: binding.connector
        for binding in flow.bindings.values()
        if binding.reference is not None
    }


def _embedded_references(flow: Flow) -> list[str]:
    return [
        binding.reference
        for binding in flow.bindings.values()
        if binding.reference is not None and binding.source is Source.EMBEDDED
    ]
