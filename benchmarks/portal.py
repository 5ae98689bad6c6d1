"""How fast the portal's pages are, beside an empty page of Starlette in the same run.

The demo's company is built, its story told, and every page asked many times by one signed-in person
over one kept connection, taking turns with an empty page that is served the same way. Bar: 50 ms
median for a page.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from flowner.demo.company import FLOWS, make_mailbox, settle
from flowner.demo.main import opened
from flowner.demo.story import Story
from flowner.settings import Settings

TIMES = 40
PAGES = {
    "my flows": "/flows?tab=mine",
    "all flows": "/flows?tab=all",
    "a flow": "/flows/{announce}",
    "designer": "/flows/{as_modifier}/edit",
    "designer, a card": "/flows/{as_modifier}/edit?card=Add_note&tab=runs-as",
    "run history": "/flows/{announce}/runs",
    "in whose name": "/flows/{greet}/who",
    "connections": "/connections",
    "apps": "/apps",
    "new flow": "/flows/new",
    "ownership": "/admin/ownership",
    "people": "/admin/people",
    "audit": "/admin/audit",
    "audit, filtered": "/admin/audit?account=ada%40fernwood.example&status=Succeeded",
    "audit, acts": "/admin/audit?tab=acts",
}


async def _empty(request: Request) -> HTMLResponse:
    del request
    return HTMLResponse("<!doctype html><title>empty</title>")


@asynccontextmanager
async def _floor():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(Starlette(routes=[Route("/", _empty)]), log_level="error")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        await serving


async def _taken(client: httpx.AsyncClient, address: str) -> tuple[float, int, int]:
    begun = time.perf_counter()
    answer = await client.get(address)
    return (time.perf_counter() - begun) * 1000, answer.status_code, len(answer.content)


async def main() -> None:
    """Measure and print."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    with tempfile.TemporaryDirectory(prefix="flowner-bench-") as folder:
        settings = Settings(data_folder=Path(folder))
        async with (
            opened(settings, Path(folder)) as (house, address),
            make_mailbox() as mailbox,
            _floor() as floor,
            httpx.AsyncClient(timeout=60) as client,
        ):
            company = await settle(house, mailbox)
            async for _ in Story(house, company, address).scenes():
                pass
            person = {"person": company.people["ada"]}
            await client.post(f"{address}/sign-in/demo", data=person)
            print(f"{'page':20} {'median':>9} {'p95':>9} {'empty':>9} {'times':>6}  size")
            for name, path in PAGES.items():
                await _measure(client, name, address + path.format(**FLOWS), floor, times)


async def _measure(client: httpx.AsyncClient, name: str, page: str, floor: str, times: int) -> None:
    ours, theirs = [], []
    for _ in range(times):
        took, status, size = await _taken(client, page)
        if status != 200:
            print(f"{name:20} answers {status}")
            return
        ours.append(took)
        theirs.append((await _taken(client, floor))[0])
    median, empty = statistics.median(ours), statistics.median(theirs)
    p95 = statistics.quantiles(ours, n=20)[-1]
    print(
        f"{name:20} {median:6.1f} ms {p95:6.1f} ms {empty:6.2f} ms {median / empty:6.1f}"
        f"  {size / 1024:.0f} KB"
    )


if __name__ == "__main__":
    asyncio.run(main())
