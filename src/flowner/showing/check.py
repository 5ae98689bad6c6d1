"""What ``flowner check`` prints for people: one paragraph per flow, then the sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flowner.flows.checking import Report
from flowner.showing.texts import text
from flowner.values import JsonObject

_WIDTH: Final = 100
_ROOM: Final = 60
"""For the names of actions in one line."""
_NONE: Final = "action.none"
_SAID: Final = ("severity", "code", "message", "mend", "shown")
"""What findings have in common that are said once, for all their places."""
_COLOURS: Final = {"error": "bold red", "warning": "yellow"}


def checked(report: Report, console: Console | None = None) -> None:
    """Print a whole report, at most 100 columns wide."""
    out = console or Console()
    # A pipe has no width of its own, and Rich would take it for narrow.
    out = out if console or (out.is_terminal and out.width < _WIDTH) else Console(width=_WIDTH)
    for entry in report.flows:
        _flow(out, entry)
    for skipped in report.skipped:
        line = f"{skipped['name']} {skipped['why']}: skipped ({skipped['file']})"
        out.print(text(line, "dim"))
    _sum(out, report)


def _flow(out: Console, entry: JsonObject) -> None:
    out.print(_heading(entry))
    if entry["flow"] is not None:
        out.print(text(entry["file"], "dim"))
    actions: Any = entry["actions"]
    if actions:
        out.print(_identities(actions))
    findings: Any = entry["findings"]
    if findings:
        out.print(_findings(findings))
    out.print()


def _heading(entry: JsonObject) -> Text:
    heading = text(entry["flow"] or entry["file"], "bold")
    if entry["kind"]:
        heading.append(f" · {entry['kind']}", style="dim")
    if entry["runs_as"]:
        heading.append(" · runs as ").append(f"{entry['runs_as']}", style="bold")
        heading.append(f" by {entry['rule']}", style="dim")
    elif entry["flow"] is not None:
        heading.append_text(text(f" · {entry['reason']}"))
    if entry["refused"]:
        heading.append(" · refused", style=_COLOURS["error"])
    return heading


def _identities(actions: Sequence[JsonObject]) -> Table:
    """Say who acts where, the actions of one identity together; those without a connection last."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=19, justify="right", style="cyan", no_wrap=True)
    table.add_column(width=3, justify="right")
    table.add_column(overflow="fold")
    together: dict[tuple[str, str], list[str]] = {}
    for one in actions:
        together.setdefault((str(one["rule"] or "–"), _who(one)), []).append(str(one["action"]))
    for (rule, who), names in sorted(together.items(), key=lambda item: item[0][0] == _NONE):
        said = text(who, "yellow" if rule == "–" else "")
        if rule != _NONE:
            said.append("\n").append_text(text(_listed(names), "dim"))
        table.add_row(rule, str(len(names)), said)
    return table


def _who(action: JsonObject) -> str:
    if action["acting_as"] is None:
        return f"nobody: {action['because']}"
    through = f", through {action['actor']}" if action["actor"] else ""
    # Where nothing better is known, the account only says the same again.
    account = str(action["account"] or "")
    shown = f" ({account})" if account and not account.startswith("the account behind") else ""
    return f"{action['acting_as']}{through}{shown}"


def _listed(names: Sequence[str]) -> str:
    """Name as many as fit into a line, and count the others."""
    room, said = _ROOM, names[0]
    for place, name in enumerate(names[1:], start=1):
        if len(said) + len(name) > room:
            return f"{said} and {len(names) - place} more"
        said += f", {name}"
    return said


def _findings(findings: Iterable[JsonObject]) -> Table:
    """Say what was found; what is the same in several places once."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=7)
    table.add_column(overflow="fold")
    places: dict[tuple[str, ...], list[str]] = {}
    for one in findings:
        said = tuple(str(one[name] or "") for name in _SAID)
        places.setdefault(said, []).append(str(one["pointer"]))
    for (severity, code, message, mend, shown), pointers in places.items():
        more = f" and {len(pointers) - 1} more" if len(pointers) > 1 else ""
        found = text(message).append_text(text(f"; {mend}", "italic"))
        if shown:
            found.append("\n").append_text(text(shown, "cyan"))
        found.append_text(text(f"\n{code} {pointers[0]}{more}", "dim"))
        table.add_row(Text(severity, style=_COLOURS[severity]), found)
    return table


def _sum(out: Console, report: Report) -> None:
    found = [(one, place) for place, entry in enumerate(report.flows) for one in _all(entry)]
    codes = Counter((str(one["severity"]), str(one["code"])) for one, _ in found)
    flows = {(str(one["severity"]), str(one["code"]), place) for one, place in found}
    table = Table.grid(padding=(0, 2, 0, 0))
    for (severity, code), count in sorted(codes.items(), key=lambda item: (item[0][0], -item[1])):
        inside = sum(1 for one in flows if one[:2] == (severity, code))
        table.add_row(
            Text(severity, style=_COLOURS[severity]), code, f"{count} in {_counted(inside, 'flow')}"
        )
    if len(report.flows) > 1 and codes:
        out.print(table)
    by_severity = Counter(str(one["severity"]) for one, _ in found)
    refused = sum(1 for entry in report.flows if entry["refused"])
    readable = sum(1 for entry in report.flows if entry["flow"] is not None)
    unreadable = len(report.flows) - readable
    parts = [
        _counted(readable, "flow"),
        *([f"{unreadable} unreadable"] if unreadable else []),
        f"{refused} refused",
        _counted(by_severity["error"], "error"),
        _counted(by_severity["warning"], "warning"),
        *([f"{len(report.skipped)} skipped"] if report.skipped else []),
    ]
    out.print(Text(" · ".join(parts), style="bold"))


def _all(entry: JsonObject) -> list[JsonObject]:
    findings: Any = entry["findings"]
    return list(findings)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
