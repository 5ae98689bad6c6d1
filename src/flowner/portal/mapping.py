"""The ownership map as a picture: where its boxes stand, and the lines between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from flowner.flows.estate import Holding, Use
from flowner.identity.marks import Mark, MarkKind, principal_mark

WIDE, TALL, _GAP, _STEP, _TOP = 270, 52, 130, 70, 40
WIDTH: Final = 3 * WIDE + 2 * _GAP
_MOST_LETTERS: Final = 24
_INVOKER: Final = Mark(kind=MarkKind.INVOKER, label="whoever runs it", is_open=True)


@dataclass(slots=True, kw_only=True)
class Box:
    """An owner, a flow or a connection."""

    id: str
    address: str
    title: str
    detail: str
    mark: Mark | None
    """None: a flow."""
    bad: str
    """What is wrong with it; '' when nothing is."""
    x: int
    y: int = 0

    @property
    def short(self) -> str:
        """The title, as far as there is room for it."""
        fits = len(self.title) <= _MOST_LETTERS
        return self.title if fits else self.title[: _MOST_LETTERS - 1].rstrip() + "…"

    @property
    def short_detail(self) -> str:
        """The detail, as far as there is room for it."""
        fits = len(self.detail) <= _MOST_LETTERS + 8
        return self.detail if fits else self.detail[: _MOST_LETTERS + 7].rstrip() + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Three columns, and the lines between them."""

    owners: Sequence[Box]
    flows: Sequence[Box]
    connections: Sequence[Box]
    lines: Sequence[tuple[str, str]]
    """Each one's kind (``owns``, ``own``, ``lent``, ``open``, ``bad``) and its path."""
    height: int

    @property
    def boxes(self) -> Sequence[Box]:
        return (*self.owners, *self.flows, *self.connections)


@dataclass(slots=True)
class _Drawing:
    owners: dict[str, Box] = field(default_factory=dict)
    flows: dict[str, Box] = field(default_factory=dict)
    connections: dict[str, Box] = field(default_factory=dict)
    joined: list[tuple[str, Box, Box]] = field(default_factory=list)


def drawn(holdings: Iterable[Holding]) -> Picture:
    """Return the map of these flows: owners by name, each one's flows together."""
    drawing = _Drawing()
    for holding in sorted(holdings, key=_by_owner):
        _draw(drawing, holding)
    columns = [list(one.values()) for one in (drawing.owners, drawing.flows, drawing.connections)]
    most = max((len(column) for column in columns), default=0)
    for column in columns:
        start = _TOP + (most - len(column)) * _STEP // 2
        for number, box in enumerate(column):
            box.y = start + number * _STEP
    owners, flows, connections = columns
    lines = dict.fromkeys((kind, _path(one, other)) for kind, one, other in drawing.joined)
    return Picture(owners=owners, flows=flows, connections=connections, lines=list(lines),
                   height=_TOP + most * _STEP)  # fmt: skip


def _draw(drawing: _Drawing, holding: Holding) -> None:
    mark = principal_mark(holding.owner)
    id = str(holding.owner.id) if holding.owner else ""
    owner = drawing.owners.setdefault(id, Box(
        id=id, address=f"/admin/people/{id}" if id else "/admin/ownership?filter=orphaned",
        title=mark.label, detail=mark.problem or mark.detail, mark=mark, bad=mark.problem or "",
        x=0,
    ))  # fmt: skip
    said = f"{'On' if holding.on else 'Off'} · {holding.kind.value}"
    orphaned = "orphaned" if holding.is_orphaned else ""
    flow = Box(
        id=holding.flow, address=f"/flows/{holding.flow}", title=holding.name,
        detail=f"{said} · orphaned" if orphaned else said, mark=None, bad=orphaned,
        x=WIDE + _GAP,
    )  # fmt: skip
    drawing.flows[holding.flow] = flow
    drawing.joined.append(("bad" if orphaned else "owns", owner, flow))
    for use in holding.uses:
        box = _connection(drawing, use)
        drawing.joined.append((_kind(holding, use), flow, box))


def _connection(drawing: _Drawing, use: Use) -> Box:
    id: str
    if use.connection is not None:
        id, title, address = use.connection.id, use.connection.account, "/connections/"
        mark, detail = principal_mark(use.owner), use.connector.removeprefix("shared_")
        address += use.connection.id
    elif use.provided:
        id, title, address = "provided", "Whoever runs it", "/admin/ownership"
        mark, detail = _INVOKER, "each brings their own"
    else:
        id, title, address = f"none:{use.connector}", "No connection", "/connections"
        mark = Mark(kind=MarkKind.NOBODY, label="no connection")
        detail = use.connector.removeprefix("shared_")
    box = Box(id=id, address=address, title=title, detail=detail, mark=mark,
              bad=use.problem or "", x=2 * (WIDE + _GAP))  # fmt: skip
    return drawing.connections.setdefault(id, box)


def _kind(holding: Holding, use: Use) -> str:
    if use.problem:
        return "bad"
    if use.provided:
        return "open"
    return "own" if use.owner == holding.owner else "lent"


def _path(one: Box, other: Box) -> str:
    begin, end = one.x + WIDE, other.x
    middle = (begin + end) // 2
    here, there = one.y + TALL // 2, other.y + TALL // 2
    return f"M{begin} {here}C{middle} {here} {middle} {there} {end} {there}"


def _by_owner(holding: Holding) -> tuple[str, str]:
    return (holding.owner.name.casefold() if holding.owner else "", holding.name.casefold())
