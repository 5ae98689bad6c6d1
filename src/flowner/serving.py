"""Serving the house: its API and its portal at one address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from flowner.api.app import build
from flowner.api.counting import Counting
from flowner.api.doors import Doors
from flowner.api.health import Watch, routes
from flowner.api.tls import Certificates, keep_certificates
from flowner.engine.children import Callbacks
from flowner.errors import Refused
from flowner.flows.choices import Choices
from flowner.flows.keyring import Keyring
from flowner.portal.app import build as build_portal
from flowner.portal.rooms import Rooms as Parlours
from flowner.server import House, connectors
from flowner.settings import Settings


@asynccontextmanager
async def serve(house: House, *, tls: bool = False, demo: str | None = None) -> AsyncIterator[str]:
    """Serve API and portal while the block lasts; yields their address. Port 0 takes a free one.

    ``tls``: over TLS, with a certificate of the server's own under ``tls`` in the data folder.
    ``demo``: the name of a company whose people anybody may sign in as; on loopback alone.
    """
    pages = build_portal(_parlours(house, demo))
    beside = [*routes(_watch(house)), Mount("/", pages)]
    app = Counting(build(_doors(house), beside=beside), house.telemetry)
    listening = _listen(house.settings.host, house.settings.port, "`FLOWNER_PORT`")
    certificates = _certificates(house) if tls else None
    async with house.news.heard(), _answering(house, app, listening, certificates):
        scheme, port = "https" if tls else "http", listening.getsockname()[1]
        here = f"{scheme}://{house.settings.host}:{port}"
        house.address.base = house.settings.public_url or here
        yield here


@asynccontextmanager
async def watch(house: House) -> AsyncIterator[str | None]:
    """Answer for the health of a process without doors while the block lasts; yields where.

    None: nowhere, because no port is set for it.
    """
    settings = house.settings
    if settings.worker_port is None:
        yield None
        return
    app = Counting(Starlette(routes=routes(_watch(house))), house.telemetry)
    listening = _listen(settings.worker_host, settings.worker_port, "`FLOWNER_WORKER_PORT`")
    async with _answering(house, app, listening, None):
        yield f"http://{settings.worker_host}:{listening.getsockname()[1]}"


@asynccontextmanager
async def _answering(
    house: House, app: ASGIApp, listening: socket.socket, certificates: Certificates | None
) -> AsyncIterator[None]:
    """Answer requests; at the end, those that wait for a reply hear that their run goes on."""
    patience = house.settings.drain_seconds
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        lifespan="off",
        timeout_keep_alive=75,  # longer than clients and proxies keep theirs
        timeout_graceful_shutdown=patience + 2,
        ssl_certfile=None if certificates is None else certificates.chain,
        ssl_keyfile=None if certificates is None else certificates.key,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listening]), name="api")
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        yield
    finally:
        house.vitals.ends = True
        server.should_exit = True
        _, late = await asyncio.wait([serving], timeout=patience)
        if late:
            house.replies.let_go()
        await serving
        listening.close()


def _watch(house: House) -> Watch:
    return Watch(
        vitals=house.vitals,
        metrics=house.telemetry.metrics,
        readers=house.settings.metrics,
        token=house.settings.metrics_token,
    )


def _doors(house: House) -> Doors:
    return Doors(
        tokens=house.tokens,
        bearers=house.bearers,
        applications=house.applications,
        provisioning=house.provisioning,
        running=house.running,
        history=house.history,
        resubmitting=house.resubmitting,
        cancelling=house.cancelling,
        explain=house.explain,
        replies=house.replies,
        callbacks=Callbacks(journal=house.journal),
        approvals=house.approvals,
        answers=house.answers,
        sign_ins=house.sign_ins,
        webapi=house.webapi,
        signature=house.signature,
        callback_signature=house.address.callback_signature,
        public_url=house.settings.public_url,
    )


# over budget: it is one list of what the portal is given
def _parlours(house: House, demo: str | None) -> Parlours:
    if demo is not None and house.settings.host not in ("127.0.0.1", "::1", "localhost"):
        raise Refused("a demo is served on loopback alone: everybody may be anybody in it")
    return Parlours(
        clock=house.clock,
        sessions=house.sessions,
        tokens=house.tokens,
        passwords=house.passwords,
        openid=house.openid,
        roster=house.roster,
        directory=house.directory,
        portfolio=house.portfolio,
        history=house.history,
        inspecting=house.inspecting,
        cancelling=house.cancelling,
        explain=house.explain,
        foretelling=house.foretelling,
        running=house.running,
        resubmitting=house.resubmitting,
        replies=house.replies,
        turning=house.turning,
        sharing=house.sharing,
        audience=house.audience,
        auditing=house.auditing,
        connections=house.connections,
        grants=house.grants,
        clients=house.clients,
        keyring=Keyring(house.database, house.published),
        consent=house.consent,
        sign_ins=house.sign_ins,
        approvals=house.approvals,
        answers=house.answers,
        links=house.links,
        apps=house.apps,
        bundles=house.bundles,
        publishing=house.publishing,
        drafting=house.drafting,
        wiring=house.wiring,
        importer=house.importer,
        choices=Choices(house.database, house.store.catalogue),
        estate=house.estate,
        administering=house.administering,
        connectors=connectors(),
        tenant=demo or "The organization",
        base=lambda: house.address.base,
        hosts=_hosts(house.settings, demo),
        answers_without_sign_in=house.settings.answers_without_sign_in,
        is_demo=demo is not None,
        sign=house.address.sign,
        address_of=lambda flow: f"{house.address.base}/hooks/{flow}?sig={house.signature(flow)}",
    )


def _hosts(settings: Settings, demo: str | None) -> frozenset[str] | None:
    """Return the names that the portal answers to; None: any, where nobody has said which."""
    named = urlsplit(settings.public_url or "").hostname
    if named is None and demo is None:
        return None
    return frozenset({"localhost", "127.0.0.1", "::1", *([named] if named else [])})


def _listen(host: str, port: int, setting: str) -> socket.socket:
    # With the protocol named, asyncio turns Nagle's algorithm off: no answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Refused(f"port {port} of {host} is taken: set {setting}") from error
    return listening


def _certificates(house: House) -> Certificates:
    settings = house.settings
    named = urlsplit(settings.public_url or "").hostname
    hosts = {"localhost", "127.0.0.1", "::1", settings.host, *([named] if named else [])}
    return keep_certificates(settings.data_folder / "tls", hosts, house.clock.now())


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the house."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
