"""The demo: build the company, let everything happen, show it, and serve on until stopped."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console

from flowner.demo import pages
from flowner.demo.company import make_mailbox, settle
from flowner.demo.mailbox import Mailbox, Message
from flowner.demo.report import Reporter, RunReport
from flowner.demo.story import Story
from flowner.server import House, at_work, open_house
from flowner.serving import serve
from flowner.settings import Settings


async def tell(
    settings: Settings, said: Callable[[RunReport], None]
) -> tuple[list[RunReport], list[Message]]:
    """Run the demo once in a folder of its own; answers the reports and the mail that came."""
    with tempfile.TemporaryDirectory(prefix="flowner-demo-") as folder:
        async with opened(settings, Path(folder)) as (house, address):
            return await _told(house, address, said)


@asynccontextmanager
async def opened(settings: Settings, folder: Path) -> AsyncIterator[tuple[House, str]]:
    """Open a house for the demo with its API on a free port of loopback.

    Always on an embedded server of its own: nobody wants Fernwood in their database.
    """
    own = Settings(
        data_folder=folder,
        host="127.0.0.1",
        port=0,
        concurrency=settings.concurrency,
    )
    async with open_house(own) as house, at_work(house), serve(house, demo="Fernwood") as address:
        yield house, address


async def _told(
    house: House, address: str, said: Callable[[RunReport], None]
) -> tuple[list[RunReport], list[Message]]:
    async with make_mailbox() as mailbox:
        return await _told_to(house, address, mailbox, said)


async def _told_to(
    house: House, address: str, mailbox: Mailbox, said: Callable[[RunReport], None]
) -> tuple[list[RunReport], list[Message]]:
    company = await settle(house, mailbox)
    reporter = Reporter(house, company, mailbox)
    reports = []
    story = Story(house, company, address)
    async for scene in story.scenes():
        report = await reporter.report(scene)
        reports.append(report)
        said(report)
    await story.ask("a lawn mower", 450)  # and nobody answers: whoever plays Noor may
    return reports, list(mailbox.messages)


async def show(settings: Settings, console: Console) -> None:
    """Run the demo, show it, and serve until stopped."""
    console.print("[bold]Flowner[/bold] · building a small company on a real PostgreSQL …")
    with tempfile.TemporaryDirectory(prefix="flowner-demo-") as folder:
        async with opened(settings, Path(folder)) as (house, address), make_mailbox() as mailbox:
            reports, messages = await _told_to(
                house, address, mailbox, lambda report: pages.print_run(console, report)
            )
            pages.print_sum(console, reports, messages)
            token = await house.tokens.issue(await house.running.somebody("bob@fernwood.example"),
                                             "demo")  # fmt: skip
            console.print(
                f"\nOpen [bold]{address}[/bold] and be anybody of Fernwood, until you stop it with"
                " Ctrl-C. Or ask its API, as Bob:\n",
            )
            console.print(
                f"  curl -H 'Authorization: Bearer {token.reveal()}' {address}/api/runs",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
            await asyncio.Event().wait()
