"""A small world to ask questions in: a handful of principals, connections and one flow."""

from __future__ import annotations

from flowner.access.vocabulary import (
    ConnectionFacts,
    ConnectionRole,
    ConnectionShare,
    FlowFacts,
    FlowRole,
    FlowShare,
    Who,
)
from flowner.definitions.flow import (
    Action,
    Binding,
    Call,
    Flow,
    FlowKind,
    Format,
    Message,
    RowScope,
    RowSubscription,
    RunAs,
    Source,
    Trigger,
    WhenUnavailable,
)
from flowner.identity.world import Lend, Principal, PrincipalKind, Reference, World
from flowner.values import ConnectionId, FlowId, PrincipalId

FLOW = FlowId("f")
MAIL, ROWS = "shared_office365", "shared_commondataserviceforapps"


def person(
    id: str,
    *,
    kind: PrincipalKind = PrincipalKind.USER,
    groups: tuple[str, ...] = (),
    enabled: bool = True,
    delegate: bool = False,
    administrator: bool = False,
) -> Principal:
    return Principal(
        who=Who(
            id=PrincipalId(id),
            name=id.capitalize(),
            groups=frozenset(PrincipalId(group) for group in groups),
            enabled=enabled,
            administrator=administrator,
        ),
        kind=kind,
        mail=f"{id}@contoso.example",
        may_act_for_others=delegate,
    )


def binding(
    key: str,
    *,
    connector: str = MAIL,
    source: Source = Source.EMBEDDED,
    impersonates: bool = False,
    reference: str | None = None,
) -> Binding:
    return Binding(
        key=key,
        connector=connector,
        source=source,
        impersonates=impersonates,
        reference=reference or f"ref_{key}",
        connection=None,
        document={},
    )


def action(name: str, key: str | None = None, *, operation: str = "Do") -> Action:
    call = None
    if key is not None:
        call = Call(binding=key, connector="", operation=operation, parameters={}, legacy=False)
    return Action(
        name=name,
        type="Compose" if key is None else "OpenApiConnection",
        kind=None,
        inputs=None,
        run_after={},
        branches=(),
        call=call,
        pointer=f"/actions/{name}",
        source={},
    )


def flow(
    kind: FlowKind,
    *bindings: Binding,
    actions: tuple[Action, ...] | None = None,
    run_as: RunAs | None = None,
    rows: bool = False,
    when_unavailable: WhenUnavailable = WhenUnavailable.OWNER,
) -> Flow:
    """One action per binding unless said otherwise, and a Compose."""
    listed = actions or (action("Note"), *(action(f"use_{b.key}", b.key) for b in bindings))
    subscription = RowSubscription(
        table="account",
        messages=frozenset({Message.UPDATE}),
        scope=RowScope.ORGANIZATION,
        run_as=run_as,
        filtering_columns=frozenset(),
        filter_expression=None,
        postpone_until=None,
    )
    return Flow(
        name="Flow",
        guid=None,
        format=Format.SOLUTION,
        trigger=Trigger(
            name="trigger",
            type="x",
            kind=None,
            inputs=None,
            flow_kind=kind,
            rows=subscription if rows or run_as is not None else None,
            call=None,
            when_unavailable=when_unavailable,
            pointer="/triggers/trigger",
            source={},
        ),
        actions={a.name: a for a in listed},
        bindings={b.key: b for b in bindings},
        parameters={},
        outputs={},
        static_results={},
        document={"properties": {"definition": {}}},
    )


def facts(owner: str = "olga", **shares: FlowRole) -> FlowFacts:
    """The flow's facts; keyword arguments are its shares, holder by holder."""
    return FlowFacts(
        id=FLOW,
        name="Flow",
        owner=PrincipalId(owner),
        version=1,
        shares=frozenset(FlowShare(PrincipalId(h), role) for h, role in shares.items()),
    )


def connection(
    id: str, owner: str, *, connector: str = MAIL, shared: tuple[str, ...] = (), ok: bool = True
) -> ConnectionFacts:
    return ConnectionFacts(
        id=ConnectionId(id),
        connector=connector,
        owner=PrincipalId(owner),
        account=f"{owner}@contoso.example",
        connected=ok,
        shares=frozenset(
            ConnectionShare(PrincipalId(holder), ConnectionRole.CAN_USE) for holder in shared
        ),
    )


def world(
    *people: Principal,
    connections: tuple[ConnectionFacts, ...] = (),
    bound: dict[str, str] | None = None,
    chosen: dict[tuple[str, str], str] | None = None,
    lent: dict[str, str] | None = None,
) -> World:
    """``bound``: binding key → connection; ``lent``: connection → who lent it to the flow."""
    by_id = {c.id: c for c in connections}
    return World(
        principals={p.id: p for p in people},
        references={
            f"ref_{key}": Reference(
                name=f"ref_{key}",
                connector=by_id[ConnectionId(target)].connector,
                connection=ConnectionId(target),
            )
            for key, target in (bound or {}).items()
        },
        connections=by_id,
        choices={
            (PrincipalId(who), key): ConnectionId(chosen_id)
            for (who, key), chosen_id in (chosen or {}).items()
        },
        lends=frozenset(
            Lend(connection=ConnectionId(lent_id), flow=FLOW, by=PrincipalId(by), version=1)
            for lent_id, by in (lent or {}).items()
        ),
    )
