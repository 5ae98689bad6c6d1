"""Published versions, read and compiled once. A version never changes, so neither does this."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from flowner.database import Database, Transaction
from flowner.definitions.codec import read_flow
from flowner.definitions.flow import Flow
from flowner.rows.versions import read_version
from flowner.runs.compiled import CompiledFlow, compile_flow
from flowner.values import FlowId

_KEPT = 500


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one flow, ready to run."""

    flow: Flow
    compiled: CompiledFlow

    @property
    def references(self) -> frozenset[str]:
        """The names of the connection references that it binds."""
        return frozenset(
            name
            for binding in self.flow.bindings.values()
            if (name := binding.reference or binding.connection) is not None
        )


class Published:
    """The versions this process has seen."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[tuple[FlowId, int], Version] = OrderedDict()

    async def get(self, flow: FlowId, number: int, *, within: Transaction | None = None) -> Version:
        """Return one version; `NotFound` when there is none."""
        key = (flow, number)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if within is not None:
            document, stays = await read_version(within, flow, number)
        else:
            async with self._database.connection() as connection:
                document, stays = await read_version(connection, flow, number)
        read = read_flow(document, name=str(flow))
        version = Version(read, compile_flow(read))
        if stays:
            self._kept[key] = version
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return version
