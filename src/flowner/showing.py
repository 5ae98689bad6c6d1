"""What the commands print for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from flowner.definitions.packages import Package
from flowner.flows.importing import Imported
from flowner.values import JsonObject


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def explanation(answer: JsonObject) -> None:
    """Print the answer of ``flowner who``."""
    console = Console()
    console.print(f"[bold]{answer['flow']}[/bold] · {answer['kind']} · owned by {answer['owner']}")
    refused: Any = answer.get("refused")
    if refused:
        console.print(f"would not run: [yellow]{refused['message']}[/yellow]")
        return
    console.print(f"runs as [bold]{answer['runs_as']}[/bold] by [cyan]{answer['rule']}[/cyan]")
    if answer["fallback"]:
        console.print(f"fallback: [yellow]{answer['fallback']}[/yellow]")
    table = _table("action", "acting as", "through", "account", "rule", "why")
    actions: Any = answer["actions"]
    for one in actions:
        if one["acting_as"] is None:
            table.add_row(one["action"], "[yellow]nobody[/yellow]", "", "", "", one["message"])
        else:
            table.add_row(
                one["action"], f"[bold]{one['acting_as']}[/bold]", one["actor"] or "",
                one["account"] or "", f"[cyan]{one['rule']}[/cyan]", one["because"],
            )  # fmt: skip
    console.print(table)


def matrix(people: Sequence[str], answers: Sequence[JsonObject]) -> None:
    """Print people × actions."""
    table = _table("action", *people)
    rows: dict[str, list[str]] = {"(the run)": []}
    for index, answer in enumerate(answers):
        rows["(the run)"].append(str(answer["runs_as"] or "[yellow]refused[/yellow]"))
        actions: Any = answer["actions"]
        for one in actions:
            cells = rows.setdefault(one["action"], [""] * index)
            cells.append(one["acting_as"] or f"[yellow]{one['refused']}[/yellow]")
        for row in rows.values():
            row.extend([""] * (index + 1 - len(row)))
    for name, cells in rows.items():
        table.add_row(name, *cells)
    Console().print(table)


def runs(found: Sequence[JsonObject]) -> None:
    """Print a list of runs."""
    table = _table("run", "flow", "kind", "status", "initiated by", "ran as", "rule", "accounts")
    for one in found:
        accounts: Any = one["accounts"]
        table.add_row(
            str(one["run"]), str(one["flow"]), str(one["kind"]), str(one["status"]),
            str(one["initiator"] or "–"), str(one["ran_as"] or "–"), str(one["rule"] or "–"),
            ", ".join(accounts),
        )  # fmt: skip
    Console().print(table)


def run(record: JsonObject) -> None:
    """Print one run."""
    console = Console()
    console.print(
        f"[bold]{record['flow']}[/bold] · run {record['run']} · {record['status']}\n"
        f"initiated by {record['initiator'] or 'nobody named'} · ran as"
        f" [bold]{record['ran_as'] or 'nobody'}[/bold] by [cyan]{record['rule']}[/cyan]",
        highlight=False,
    )
    if record["error"]:
        console.print(f"[yellow]{record['error']}[/yellow]")
    table = _table("action", "status", "acting as", "through", "account", "rule", "why")
    actions: Any = record["actions"]
    for one in actions:
        table.add_row(
            one["action"], one["status"], one["acting_as"] or "–", one["actor"] or "",
            one["account"] or "", one["rule"] or "", one["error"] or one["because"] or "",
        )  # fmt: skip
    console.print(table)


def imported(done: Imported, package: Package, *, as_json: bool) -> None:
    """Print what an import did."""
    console = Console()
    if as_json:
        console.print_json(
            data={
                "flows": [
                    {"id": one.id, "name": one.name, "version": one.version,
                     "advice": [advice.message for advice in one.advice]}
                    for one in done.flows
                ],
                "unbound": list(done.unbound),
                "skipped": [f"{one.name} {one.why}" for one in package.skipped],
            }
        )  # fmt: skip
        return
    for one in done.flows:
        console.print(f"[bold]{one.name}[/bold] · version {one.version} · {one.id} · off")
        for advice in one.advice:
            console.print(f"  [yellow]{advice.message}[/yellow]; {advice.mend}")
    for skipped in package.skipped:
        console.print(f"[dim]{skipped.name} {skipped.why}: skipped[/dim]")
    if done.unbound:
        console.print(f"connection references to bind: {', '.join(done.unbound)}")
