"""A flow, as its author wrote it.

These are frozen views over the JSON that was imported. Each node keeps that JSON (`source`), less
what its typed children carry, so that nothing an author or another tool wrote is lost on the way
out. ``codec`` makes and unmakes them; nothing else knows how a format spells things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto

from flowner.values import Json, JsonObject


class Status(StrEnum):
    """How an action or a run stands. The four that `runAfter` may name come first."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    RUNNING = "Running"
    WAITING = "Waiting"

    @property
    def is_terminal(self) -> bool:
        return self not in (Status.RUNNING, Status.WAITING)


class Format(StrEnum):
    """How the document was wrapped when it reached us."""

    SOLUTION = auto()
    """``{"properties": {"connectionReferences", "definition"}, "schemaVersion"}``"""
    LEGACY = auto()
    """``Microsoft.Flow/flows/<id>/definition.json`` of a package; ``source: Embedded|Invoker``"""
    BARE = auto()
    """``{"$schema", "triggers", "actions"}`` alone, or ``{"definition": {…}, "kind"}``"""
    ARM = auto()
    """An ARM template with a ``Microsoft.Logic/workflows`` resource"""


class Source(StrEnum):
    """Whose connection a binding takes."""

    EMBEDDED = auto()
    """*Use this connection*: the account behind the reference, whoever runs the flow."""
    INVOKER = auto()
    """*Provided by run-only user*: the running principal's own connection."""


class FlowKind(StrEnum):
    """What sets a flow off, as far as it matters to *in whose name*."""

    INSTANT = auto()
    AUTOMATED = auto()
    SCHEDULED = auto()
    HTTP = auto()


class RunAs(StrEnum):
    """A row trigger's *Run as*. The wire's numbers are in `codec`."""

    MODIFYING_USER = auto()
    ROW_OWNER = auto()
    FLOW_OWNER = auto()


class WhenUnavailable(StrEnum):
    """What a run does when the principal that Run as names cannot be had."""

    FAIL = auto()
    OWNER = auto()
    WAIT = auto()


class SameRow(StrEnum):
    """How the runs go that changes of one row set off."""

    AT_ONCE = "atOnce"
    IN_ORDER = "inOrder"
    """One after the other, in the order of the changes."""


class Message(StrEnum):
    """What happened to a row."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"


class RowScope(StrEnum):
    """Whose rows a row trigger hears of, relative to the flow's primary owner."""

    USER = auto()
    BUSINESS_UNIT = auto()
    PARENT_CHILD = auto()
    ORGANIZATION = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSubscription:
    """What a row trigger listens for."""

    table: str
    messages: frozenset[Message]
    scope: RowScope
    run_as: RunAs | None
    """None: the author did not say; it means the flow owner."""
    filtering_columns: frozenset[str]
    """Updates only; fires when one of them is *named* in the request, changed or not."""
    filter_expression: str | None
    """OData, without ``$filter=``; evaluated on the row after the change."""
    postpone_until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One key of the flow's ``connectionReferences``."""

    key: str
    connector: str
    """``shared_office365``; never the whole path."""
    source: Source
    impersonates: bool
    """``impersonation.source`` is ``invoker``: row actions follow the run's principal."""
    reference: str | None
    """The connection reference's logical name; None: never bound, or a raw connection."""
    connection: str | None
    """A raw connection's name, where a package binds without a reference."""
    account: str | None = None
    """Whom the outside sees, where the document or its package says so: ``ada@example.com``."""
    document: JsonObject = field(repr=False)

    @property
    def is_bound(self) -> bool:
        """Whether it says at all through which connection it acts."""
        return self.reference is not None or self.connection is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a connector action or trigger asks of which binding."""

    binding: str
    connector: str
    """As the definition names it; '' where only the binding knows."""
    operation: str
    """The operation id; '' for a legacy call that names only method and path."""
    parameters: JsonObject
    """Templates, unevaluated: flat slash keys as written. For a legacy call: method, path,
    queries, headers, body."""
    legacy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One list of actions inside a control action."""

    slot: str
    """``actions``, ``else``, ``case`` or ``default``."""
    name: str
    """The case's name; otherwise the slot again."""
    case: Json
    """The value a case is compared with; None for the others."""
    actions: Mapping[str, Action]
    source: JsonObject = field(repr=False)
    """Members of the branch other than its actions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step. ``inputs`` and ``expression`` are templates, unevaluated."""

    name: str
    type: str
    kind: str | None
    inputs: Json
    run_after: Mapping[str, frozenset[Status]]
    """Empty: starts with its block."""
    branches: tuple[Branch, ...]
    """Empty unless this is If, Switch, Foreach, Until, Scope or Changeset."""
    call: Call | None
    """None: no connector is asked."""
    pointer: str
    """JSON pointer of the action inside the flow document."""
    source: JsonObject = field(repr=False)
    """The action as written, less its branches."""

    def walk(self) -> Iterator[Action]:
        """Yield this action and all inside it, in document order."""
        yield self
        for branch in self.branches:
            for child in branch.actions.values():
                yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What starts the flow. ``inputs`` is a template, unevaluated."""

    name: str
    type: str
    kind: str | None
    inputs: Json
    flow_kind: FlowKind
    rows: RowSubscription | None
    """Set for row triggers alone."""
    call: Call | None
    when_unavailable: WhenUnavailable
    same_row: SameRow = SameRow.AT_ONCE
    pointer: str
    source: JsonObject = field(repr=False)
    """The trigger as written: ``recurrence``, ``conditions``, ``splitOn`` are read from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the flow; its value comes from the environment or its default."""

    name: str
    type: str
    """``String``, ``Int``, ``Float``, ``Bool``, ``Array``, ``Object``, ``SecureString``,
    ``SecureObject``; the case as written."""
    default: Json
    has_default: bool
    schema_name: str | None
    """The environment variable behind it, if any."""
    source: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A whole flow definition."""

    name: str
    guid: str | None
    """The workflow id that the file or document gives, lower case."""
    format: Format
    trigger: Trigger
    actions: Mapping[str, Action]
    """The top level, in document order."""
    bindings: Mapping[str, Binding]
    parameters: Mapping[str, Parameter]
    outputs: JsonObject
    static_results: JsonObject
    document: JsonObject = field(repr=False)
    """Everything around trigger, actions and bindings, as written."""
    file: str | None = field(default=None, compare=False)
    """Where it was read from: the file's path inside its package."""

    def walk(self) -> Iterator[Action]:
        """Yield every action, however deep, in document order."""
        for action in self.actions.values():
            yield from action.walk()
