"""How fast the portal's pages are, beside an empty page of Starlette in the same run.

The demo's company is built, its story told, and every page asked many times by one signed-in person
over one kept connection, taking turns with an empty page that is served the same way. Bar: 50 ms
median for a page.

A flow of 400 cards is measured in a browser as well, where there is one: from the click on a card
until its panel is shown. Bar: 300 ms median.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from playwright.async_api import async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from flowner.definitions.codec import read_flow
from flowner.demo.company import FLOWS, make_mailbox, settle
from flowner.demo.main import opened
from flowner.demo.story import Story
from flowner.settings import Settings

TIMES = 40
CARDS = 400
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


LARGE = {
    "designer, 400 cards": "/flows/{large}/edit",
    "one of 400 cards": "/flows/{large}/edit?card=Step_7&tab=parameters",
}
_OPENS = """name => new Promise((done) => {
  const head = document.querySelector(`[data-card="${name}"]`);
  const panel = document.getElementById("panel");
  head.scrollIntoView();
  const begun = performance.now();
  const looking = new MutationObserver(() => {
    if (!panel.querySelector(`.panel[data-name="${name}"] .pills`)) return;
    looking.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
  });
  looking.observe(panel, { childList: true, subtree: true });
  head.click();
})"""
"""Opens a card, and tells in milliseconds when its panel was painted with its texts in pieces."""


def _large():
    """Return a flow of many cards in a row, each with a formula that names the one before."""
    actions = {
        f"Step_{number}": {
            "type": "Compose",
            "inputs": f"Hello @{{outputs('Step_{number - 1}')}}" if number else "Hello",
            "runAfter": {f"Step_{number - 1}": ["Succeeded"]} if number else {},
        }
        for number in range(CARDS)
    }
    trigger = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}}
    definition = {"triggers": trigger, "actions": actions}
    document = {"properties": {"connectionReferences": {}, "definition": definition}}
    return read_flow(document, name="Four hundred cards")


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
            large = await house.publishing.create(_large(), company.people["ada"])
            for name, path in LARGE.items():
                partial = {"HX-Request": "true"} if "card=" in path else {}
                client.headers.update(partial)
                await _measure(client, name, address + path.format(large=large), floor, times)
            await _open_cards(f"{address}/flows/{large}/edit", dict(client.cookies), times)


async def _open_cards(address: str, cookies: dict[str, str], times: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("a card in the browser: there is no Chromium here")
        return
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": 1360, "height": 860})
        await context.add_cookies(
            [{"name": name, "value": value, "url": address} for name, value in cookies.items()]
        )
        page = await context.new_page()
        await page.goto(address)
        await page.locator(".canvas[data-ready]").wait_for()
        took = [await page.evaluate(_OPENS, f"Step_{at * 97 % CARDS}") for at in range(times)]
        print(f"a card in the browser: {statistics.median(took):.0f} ms median, "
              f"{statistics.quantiles(took, n=20)[-1]:.0f} ms p95, {times} times")  # fmt: skip
        await browser.close()


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
