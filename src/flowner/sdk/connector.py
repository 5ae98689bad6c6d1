"""How a connector declares what it can do.

A connector is a module-level `Connector` with coroutine operations. An operation takes the
action's parameters as JSON, evaluated, in the flat slash keys that exported flows use
(``emailMessage/To``, ``item/name``), and an `OperationContext`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from flowner.sdk.context import Answer, OperationContext
from flowner.values import JsonObject

Perform: TypeAlias = "Callable[[JsonObject, OperationContext], Awaitable[Answer]]"


class Repeat(Enum):
    """What happens if an operation is called twice."""

    HARMLESS = auto()
    """The second call changes nothing: a read."""
    WITH_KEY = auto()
    """The second call with the same idempotency key does nothing new."""
    NEVER = auto()
    """It would be done twice. After a crash the outcome is unknown and a person must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterForm:
    """One parameter, as a form shows it."""

    name: str
    title: str
    type: str = "string"
    required: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that a connector can do."""

    id: str
    title: str
    repeat: Repeat
    perform: Perform
    parameters: tuple[ParameterForm, ...] = ()


@dataclass(slots=True, kw_only=True)
class Connector:
    """One connector. ``ids`` are the names flows know it by (``shared_office365`` …)."""

    ids: tuple[str, ...]
    title: str
    needs_connection: bool = True
    legacy_route: Callable[[str, str], tuple[str, JsonObject] | None] | None = None
    """Maps a legacy call's method (upper case) and evaluated path to operation and parameters."""
    next_page: Callable[[JsonObject, JsonObject], JsonObject | None] | None = None
    """Maps an answer's body and the parameters it came for to those of the next page; None: that
    was the last. Used where the flow's author asked for more rows than one answer holds."""
    operations: dict[str, Operation] = field(default_factory=dict)

    def operation(
        self, id: str, *, title: str, repeat: Repeat, parameters: tuple[ParameterForm, ...] = ()
    ) -> Callable[[Perform], Perform]:
        """Register the coroutine below as operation ``id``."""

        def register(perform: Perform) -> Perform:
            if id in self.operations:
                raise ValueError(f"connector {self.title} declares operation {id} twice")
            self.operations[id] = Operation(
                id=id, title=title, repeat=repeat, perform=perform, parameters=parameters
            )
            return perform

        return register

    def legacy_call(self, inputs: JsonObject) -> tuple[str, JsonObject] | None:
        """Translate the evaluated inputs of an ``ApiConnection`` to operation and parameters.

        The parameters are those of the route, the queries, and ``body`` where there is one. None:
        no operation answers this method and path.
        """
        method, path = inputs.get("method"), inputs.get("path")
        if self.legacy_route is None or not isinstance(path, str):
            return None
        routed = self.legacy_route(method.upper() if isinstance(method, str) else "GET", path)
        if routed is None:
            return None
        operation, parameters = routed
        queries = inputs.get("queries")
        merged: JsonObject = {**(queries if isinstance(queries, dict) else {}), **parameters}
        if "body" in inputs:
            merged["body"] = inputs["body"]
        return operation, merged
