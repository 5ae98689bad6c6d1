"""The demo: build the company, let everything happen, show it, and serve on until stopped."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flowner.demo.company import make_mailbox, settle
from flowner.demo.report import Reporter, RunReport, Told
from flowner.demo.story import Story
from flowner.server import House, at_work, open_house, serve
from flowner.settings import Settings


async def tell(
    settings: Settings, said: Callable[[RunReport], None]
) -> tuple[list[RunReport], int]:
    """Run the demo once in a folder of its own; answers the reports and how many messages came."""
    with tempfile.TemporaryDirectory(prefix="flowner-demo-") as folder:
        async with opened(settings, Path(folder)) as (house, address):
            return await _told(house, address, said)


@asynccontextmanager
async def opened(settings: Settings, folder: Path) -> AsyncIterator[tuple[House, str]]:
    """Open a house for the demo with its API on a free port of loopback."""
    own = Settings(
        database_url=settings.database_url,
        data_folder=folder,
        host="127.0.0.1",
        port=0,
        concurrency=settings.concurrency,
    )
    async with open_house(own) as house, at_work(house), serve(house) as address:
        yield house, address


async def _told(
    house: House, address: str, said: Callable[[RunReport], None]
) -> tuple[list[RunReport], int]:
    async with make_mailbox() as mailbox:
        company = await settle(house, mailbox)
        reporter = Reporter(house, company, mailbox)
        reports = []
        async for scene in Story(house, company, address).scenes():
            report = await reporter.report(scene)
            reports.append(report)
            said(report)
        return reports, len(mailbox.messages)


async def show(settings: Settings, console: Console) -> None:
    """Run the demo, show it, and serve until stopped."""
    console.print("[bold]Flowner[/bold] · building a small company on a real PostgreSQL …")
    with tempfile.TemporaryDirectory(prefix="flowner-demo-") as folder:
        async with opened(settings, Path(folder)) as (house, address):
            reports, messages = await _told(
                house, address, lambda report: print_run(console, report)
            )
            print_sum(console, reports, messages)
            token = await house.tokens.issue(await house.running.somebody("bob@fernwood.example"),
                                             "demo")  # fmt: skip
            console.print(
                f"\nThe API answers at [bold]{address}[/bold] until you stop it with Ctrl-C."
                " As Bob:\n",
            )
            console.print(
                f"  curl -H 'Authorization: Bearer {token.reveal()}' {address}/api/runs",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
            await asyncio.Event().wait()


def print_run(console: Console, report: RunReport) -> None:
    """Print one run as a table of its actions."""
    mark = "[green]✓[/green]" if report.agrees else "[red]✗ differs[/red]"
    console.print(
        f"\n{mark} [bold]{report.flow}[/bold]  [dim]{report.kind} · {report.title}[/dim]",
        highlight=False,
    )
    if report.status == "Refused":
        console.print(f"  refused for {report.initiator}: [yellow]{report.reason}[/yellow]")
        return
    by = report.initiator or "the clock, or a nameless caller"
    fallback = f" [yellow]({report.fallback})[/yellow]" if report.fallback else ""
    console.print(
        f"  initiated by {by} · ran as [bold]{report.ran_as}[/bold] by [cyan]{report.rule}[/cyan]"
        f"{fallback} · {report.status}",
        highlight=False,
    )
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for title in ("action", "acting as", "through", "account", "rule", "the outside saw"):
        table.add_column(title, overflow="fold")
    for one in report.actions:
        table.add_row(*_cells(one))
    console.print(table)


def _cells(one: Told) -> tuple[str, ...]:
    if one.acting_as is None:
        why = one.because or one.status.lower()
        return one.action, "[yellow]nobody[/yellow]", "", "", f"[yellow]{why}[/yellow]", ""
    seen = " through ".join(name for name in (one.seen, one.seen_actor) if name)
    return (
        one.action,
        f"[bold]{one.acting_as}[/bold]",
        one.actor or "",
        one.account or "",
        f"[cyan]{one.rule}[/cyan]",
        seen or "[dim]–[/dim]",
    )


def print_sum(console: Console, reports: list[RunReport], messages: int) -> None:
    """Print what it came to."""
    actions = [one for report in reports for one in report.actions]
    seen = sum(one.seen is not None for one in actions)
    odd = sum(not report.agrees for report in reports)
    console.print(
        f"\n{len(reports)} runs and refusals, {len(actions)} actions, {messages} mails;"
        f" {seen} actions were seen from outside.",
        highlight=False,
    )
    if odd:
        console.print(f"[red]{odd} differ between expected, recorded and seen.[/red]")
    else:
        console.print("[green]Expected, recorded and seen agree everywhere.[/green]")
