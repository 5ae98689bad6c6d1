"""The one table of identities: who acts in each action, by which rule, and what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flowner.showing.texts import text

_WIDE: Final = 116
"""From so many columns on, the account has a column of its own."""
_NONE: Final = "action.none"
MARKS: Final = {
    "Succeeded": ("✓", "green"),
    "Failed": ("✗", "red"),
    "TimedOut": ("✗", "red"),
    "Skipped": ("–", "dim"),
    "Cancelled": ("–", "dim"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One action."""

    action: str
    status: str = ""
    """'' where nothing has happened yet."""
    acting_as: str | None
    actor: str | None = None
    account: str | None = None
    rule: str | None = None
    note: str = ""
    """Why, or why not."""
    failed: bool = False
    """Whether the note is of a failure."""
    seen: str | None = None


def identities(lines: Sequence[Line], out: Console, *, seen: bool = False) -> Table:
    """Return the table, for the console's width; ``seen`` adds what the outside saw."""
    wide = out.width >= _WIDE
    status = any(one.status for one in lines)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    if status:
        table.add_column("", width=1)
    table.add_column("action", overflow="fold", max_width=34 if wide else 24)
    table.add_column("acting as", overflow="fold")
    if wide:
        table.add_column("account", overflow="fold")
    table.add_column("rule", overflow="fold")
    if seen:
        table.add_column("the outside saw", overflow="fold")
    for one in lines:
        cells = [_who(one, wide=wide)]
        if wide:
            cells.append(text(one.account or "", "dim"))
        cells.append(_rule(one))
        if seen:
            cells.append(text(one.seen or "–", "" if one.seen else "dim"))
        mark = [Text(*MARKS.get(one.status, ("", "")))] if status else []
        table.add_row(*mark, text(one.action), *cells)
    return table


def _who(one: Line, *, wide: bool) -> Text:
    if one.acting_as is None:
        return text("" if one.status == "Skipped" else "nobody", "yellow")
    who = text(one.acting_as, "bold")
    if one.actor:
        who.append_text(text(f" through {one.actor}" if wide else f"\nthrough {one.actor}"))
    if one.account and not wide:
        who.append_text(text(f"\n{one.account}", "dim"))
    return who


def _rule(one: Line) -> Text:
    rule = text(one.rule or "", "cyan")
    if one.note and one.rule != _NONE:
        style = ("red" if one.status else "yellow") if one.failed else "dim"
        rule.append_text(text(("\n" if one.rule else "") + one.note, style))
    return rule
