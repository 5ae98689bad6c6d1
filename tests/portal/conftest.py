"""The company of the demo in a real browser: its story is told once, and then it is looked at.

The house lives on a loop of its own, in a thread, so that a test may click and wait.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
from playwright.sync_api import sync_playwright

from flowner.demo.company import Company, make_mailbox, settle
from flowner.demo.mailbox import Mailbox
from flowner.demo.story import Story
from flowner.flows.running import Press
from flowner.server import House, at_work, open_house
from flowner.serving import serve
from flowner.settings import Settings
from flowner.values import FlowId, RunId
from worlds import written

R = TypeVar("R")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REQUIRED = os.environ.get("FLOWNER_REQUIRE_BROWSER") == "1"
SCREENS = Path(__file__).resolve().parents[2] / "build" / "screens"
_NUMBERS = itertools.count(1)
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@dataclass
class Fernwood:
    """The company, where it is served, and its people's browsers."""

    house: House
    company: Company
    mailbox: Mailbox
    address: str
    loop: asyncio.AbstractEventLoop
    pages: dict[str, Any] = field(default_factory=dict)

    def do(self, work: Coroutine[Any, Any, R]) -> R:
        """Do something in the house, as if from elsewhere, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


class _Life(threading.Thread):
    """Opens the house, tells the story, and serves until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._ready = threading.Event()
        self._error: BaseException | None = None

    def begin(self) -> Fernwood:
        self.start()
        assert self._ready.wait(120)
        if self._error is not None:
            raise self._error
        return self.fernwood

    def end(self) -> None:
        self.fernwood.loop.call_soon_threadsafe(self._ending.set)
        self.join(30)

    def run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            self._error = error
            self._ready.set()

    async def _live(self) -> None:
        self._ending = asyncio.Event()
        async with (
            open_house(self._settings) as house,
            at_work(house),
            make_mailbox() as mailbox,
            serve(house, demo="Fernwood") as address,
        ):
            company = await settle(house, mailbox)
            story = Story(house, company, address)
            async for _ in story.scenes():
                pass
            await house.consent.choose(
                company.people["mia"], company.defects, "shared_office365",
                company.connections["mia.mail"], for_app=True,
            )  # fmt: skip
            await story.ask("a lawn mower", 450)
            loop = asyncio.get_running_loop()
            self.fernwood = Fernwood(house, company, mailbox, address, loop)
            self._ready.set()
            await self._ending.wait()


@pytest.fixture(scope="session")
def fernwood(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fernwood]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS portal WITH (FORCE)")
        connection.execute("CREATE DATABASE portal TEMPLATE template_flowner")
    head, _, tail = server_url.partition("?")
    url = f"{head.rsplit('/', 1)[0]}/portal" + (f"?{tail}" if tail else "")
    life = _Life(
        Settings(
            database_url=url,
            data_folder=tmp_path_factory.mktemp("portal"),
            port=0,
            allow_private_addresses=True,
        )
    )
    yield life.begin()
    life.end()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium. Without one these tests are skipped; where one is required they fail."""
    if CHROMIUM is None:
        reason = "there is no Chromium here: install the package `chromium`"
        pytest.fail(reason) if REQUIRED else pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def page_as(fernwood: Fernwood, browser: Any) -> Iterator[Callable[..., Any]]:
    """Return a page of somebody of Fernwood, who is signed in through the front door.

    Every page fails its test when something is wrong in its console.
    """
    contexts = []

    def open_as(who: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1360, "height": 860}} | options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{fernwood.address}/sign-in")
        page.locator(f'button[name="person"][value="{fernwood.company.people[who]}"]').click()
        page.wait_for_url("**/flows*")
        return page

    yield open_as
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def known_pages(fernwood: Fernwood, page_as: Callable[..., Any]) -> Callable[[str], Any]:
    """Return one page for each person, signed in once for the session."""

    def known(who: str) -> Any:
        if who not in fernwood.pages:
            fernwood.pages[who] = page_as(who)
        return fernwood.pages[who]

    return known


@pytest.fixture(scope="session")
def client_as(fernwood: Fernwood) -> Iterator[Callable[[str], Any]]:
    """Return an HTTP client of somebody of Fernwood, who is signed in through the front door."""
    clients: dict[str, httpx.Client] = {}

    def client(who: str) -> httpx.Client:
        if who not in clients:
            made = httpx.Client(follow_redirects=True, headers={"Accept-Encoding": "gzip"})
            person = fernwood.company.people[who]
            answer = made.post(f"{fernwood.address}/sign-in/demo", data={"person": person})
            assert answer.status_code == 200, answer.text
            clients[who] = made
        return clients[who]

    yield client
    for made in clients.values():
        made.close()


@pytest.fixture
def made(fernwood: Fernwood) -> Callable[..., FlowId]:
    """Make a flow of Ada's for one test."""

    def make(trigger: Any = None, actions: Any = None, references: Any = None) -> FlowId:
        package = written.package(trigger or written.BUTTON, actions or {}, references or {})
        (flow,) = package.flows
        ada = fernwood.company.people["ada"]
        id = fernwood.do(fernwood.house.publishing.create(flow, ada))
        fernwood.do(fernwood.house.publishing.rename(id, f"Made {next(_NUMBERS)}", ada))
        return id

    return make


@pytest.fixture
def desk(fernwood: Fernwood, known_pages: Callable[[str], Any]) -> Callable[[FlowId], Any]:
    def open_desk(flow: FlowId) -> Any:
        page = known_pages("ada")
        page.set_viewport_size({"width": 1360, "height": 860})
        page.goto(f"{fernwood.address}/flows/{flow}/edit")
        page.locator(".canvas[data-ready]").wait_for()
        return page

    return open_desk


@pytest.fixture
def brought(fernwood: Fernwood) -> Callable[..., FlowId]:
    """Make a flow of Ada's that is on."""

    def make(actions: Any, references: Any = None, **bind: Any) -> FlowId:
        ada = fernwood.company.people["ada"]
        package = written.package(written.BUTTON, actions, references or {})
        came = fernwood.do(fernwood.house.importer.bring_in(package, ada, bind=bind))
        flow = came.flows[0].id
        fernwood.do(fernwood.house.turning.on(flow, ada))
        return flow

    return make


@pytest.fixture
def pressed(fernwood: Fernwood) -> Callable[..., RunId]:
    """Press a flow; unless ``waits``, until its run has ended."""

    def press(flow: FlowId, who: str = "ada", *, waits: bool = False) -> RunId:
        async def work() -> RunId:
            run = fernwood.house.running.fresh_run()
            asked = Press(flow=flow, by=fernwood.company.people[who], inputs={})
            with fernwood.house.replies.expect(run) as (_, end):
                await fernwood.house.running.press(asked, run=run)
                if not waits:
                    await asyncio.wait_for(end, 30)
            return run

        return fernwood.do(work())

    return press
