"""A house served over real HTTP, with providers that are real servers on loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowner.clock import SystemClock
from flowner.directory.people import NewPerson
from flowner.directory.providers import Provider
from flowner.rows.seed import BASIC_USER
from flowner.server import House, open_house
from flowner.serving import serve
from flowner.settings import Settings
from flowner.values import PrincipalId
from signin.issuer import AUDIENCE, Issuer, issuing


class MovedClock(SystemClock):
    """The real time, moved by what a test says."""

    ahead = timedelta(0)

    def now(self):
        return super().now() + self.ahead


@dataclass
class Door:
    """Speaks HTTP to the server."""

    house: House
    address: str
    run: Callable[..., Any]
    clock: MovedClock

    def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = path if path.startswith("http") else self.address + path

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(timeout=30) as client:
                return await client.request(method, url, headers=headers, **more)

        answer: httpx.Response = self.run(asked())
        return answer

    def who(self, token: str, **headers: str) -> httpx.Response:
        return self.ask("GET", "/api/data/v9.2/WhoAmI", token, headers=headers)

    def person(self, name: str, *roles: str, **more: Any) -> PrincipalId:
        new = NewPerson(name=name, upn=f"{name}@signin.example", **more)
        made: PrincipalId = self.run(
            self.house.directory.add_person(new, roles=(BASIC_USER, *roles))
        )
        return made

    def application(self, name: str, *roles: str) -> tuple[PrincipalId, str]:
        """Return an application's id and its client id."""
        client = self.house.clock.fresh_guid()
        adding = self.house.directory.add_application(name, client, roles=(BASIC_USER, *roles))
        return self.run(adding), client

    def secret(self, application: PrincipalId, *, life: timedelta = timedelta(days=9)) -> str:
        made = self.run(self.house.applications.add_secret(application, "t", life=life))
        text: str = made.reveal()
        return text


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def independent() -> Iterator[str]:
    """A provider that somebody else wrote, as a process of its own; answers its issuer."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    program = Path(sys.executable).with_name("oidc-provider-mock")
    process = subprocess.Popen([str(program), "--port", str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        for _ in range(400):
            with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def providers(issuer: Issuer) -> tuple[Provider, ...]:
    """What the operator says of them; a module may say something else."""
    return (
        Provider(
            name="real",
            title="The real one",
            issuer=issuer.address,
            audience=(AUDIENCE, "api://other"),
            person_claim="oid",
            application_claim="azp",
        ),
    )


@pytest.fixture(scope="module")
def door(
    database_url: str,
    run: Callable[..., Any],
    tmp_path_factory: Any,
    providers: tuple[Provider, ...],
) -> Iterator[Door]:
    folder, clock = tmp_path_factory.mktemp("signin"), MovedClock()
    settings = Settings(database_url=database_url, data_folder=folder, port=0,
                        providers=providers)  # fmt: skip
    opening = open_house(settings, clock=clock)
    house = run(opening.__aenter__())
    serving = serve(house)
    yield Door(house, run(serving.__aenter__()), run, clock)
    run(serving.__aexit__(None, None, None))
    run(opening.__aexit__(None, None, None))
