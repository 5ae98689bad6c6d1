"""The composition root: the one module that knows every other."""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from flowner.approvals.answering import Answers
from flowner.approvals.links import Links
from flowner.approvals.posting import PostOffice
from flowner.approvals.reading import Approvals
from flowner.approvals.requesting import Requests
from flowner.clock import Clock
from flowner.database import Database, open_database
from flowner.database.keeping_time import kept_time
from flowner.directory.applications import Applications
from flowner.directory.arriving import Arrivals
from flowner.directory.bearers import Bearers
from flowner.directory.facts import Facts
from flowner.directory.groups import ProvidedGroups
from flowner.directory.keeping import KEEPERS
from flowner.directory.openid import OpenIdSignIn
from flowner.directory.passwords import Passwords
from flowner.directory.people import Directory
from flowner.directory.providers import Providers
from flowner.directory.provisioning import Provisioning
from flowner.directory.roster import Roster
from flowner.directory.sessions import Sessions
from flowner.directory.tokens import Tokens
from flowner.engine.addresses import Address
from flowner.engine.children import Children
from flowner.engine.dispatch import Dispatcher, Drain, Means
from flowner.engine.drivers import dispatcher as driver
from flowner.engine.invoke import Invoker
from flowner.engine.news import News
from flowner.engine.pacing import Pacer
from flowner.engine.replies import Replies
from flowner.engine.vitals import Vitals
from flowner.engine.worker import Worker
from flowner.flows.administering import Administering
from flowner.flows.apps import Apps
from flowner.flows.audience import Audience
from flowner.flows.auditing import Auditing
from flowner.flows.bundles import Bundles
from flowner.flows.cancelling import Cancelling
from flowner.flows.clients import Clients
from flowner.flows.connections import Connections
from flowner.flows.consent import Consent
from flowner.flows.deleting import Deleting
from flowner.flows.drafting import Drafting
from flowner.flows.estate import Estate
from flowner.flows.explain import Explain
from flowner.flows.foretelling import Foretelling
from flowner.flows.granting import Grants
from flowner.flows.history import History
from flowner.flows.importing import Importer
from flowner.flows.inspecting import Inspecting
from flowner.flows.keeping import Flows
from flowner.flows.listing import Listing
from flowner.flows.portfolio import Portfolio
from flowner.flows.publishing import Publishing
from flowner.flows.referring import keepers_of
from flowner.flows.refreshing import Refreshing
from flowner.flows.resubmitting import Resubmitting
from flowner.flows.running import Running
from flowner.flows.sharing import Sharing
from flowner.flows.sign_ins_asked import SignInsAsked
from flowner.flows.turning import Turning
from flowner.flows.wiring import Wiring
from flowner.journal.retention import Retention
from flowner.journal.store import Journal, open_journal
from flowner.journal.wakes import Wakes, fresh_owner
from flowner.rows.making import Making
from flowner.rows.metadata import Metadata
from flowner.rows.reading import Reading
from flowner.rows.store import Store
from flowner.sdk.connector import Connector
from flowner.settings import Settings
from flowner.telemetry.telemetry import Telemetry, open_tracing
from flowner.telemetry.tracing import Tracing
from flowner.triggers.clock_strikes import ClockStrikes
from flowner.triggers.holding import HeldStarts
from flowner.triggers.published import Published
from flowner.triggers.row_changes import RowChanges
from flowner.triggers.start import Starter, Taker
from flowner.values import ConnectionId, FlowId, Secret
from flowner.vault.keys import add_key, drop_old_keys, load_keys
from flowner.vault.store import Vault
from flowner.webapi.bulk import BulkDeletions
from flowner.webapi.calls import Rooms
from flowner.webapi.service import WebApi

_SERVER = ConnectionId("00000000-0000-4000-8000-0000000000c0")
"""The holder of the server's own secrets; no connection has this id."""
CONNECTORS = ("approvals", "dataverse", "http", "http.preauthorized", "mail", "people")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything, put together."""

    settings: Settings
    clock: Clock
    database: Database
    journal: Journal
    store: Store
    metadata: Metadata
    directory: Directory
    roster: Roster
    sessions: Sessions
    tokens: Tokens
    applications: Applications
    providers: Providers
    bearers: Bearers
    passwords: Passwords
    openid: OpenIdSignIn
    provided_groups: ProvidedGroups
    provisioning: Provisioning
    facts: Facts
    published: Published
    importer: Importer
    turning: Turning
    sharing: Sharing
    deleting: Deleting
    connections: Connections
    grants: Grants
    refreshing: Refreshing
    clients: Clients
    consent: Consent
    sign_ins: SignInsAsked
    approvals: Approvals
    answers: Answers
    links: Links
    post_office: PostOffice
    apps: Apps
    bundles: Bundles
    explain: Explain
    foretelling: Foretelling
    audience: Audience
    auditing: Auditing
    estate: Estate
    administering: Administering
    portfolio: Portfolio
    publishing: Publishing
    drafting: Drafting
    wiring: Wiring
    running: Running
    history: History
    cancelling: Cancelling
    inspecting: Inspecting
    resubmitting: Resubmitting
    starter: Starter
    replies: Replies
    row_changes: RowChanges
    clock_strikes: ClockStrikes
    worker: Worker
    dispatcher: Dispatcher
    listing: Listing
    address: Address
    making: Making
    webapi: WebApi
    bulk_deletions: BulkDeletions
    news: News
    telemetry: Telemetry
    vitals: Vitals

    def signature(self, flow: FlowId) -> str:
        """Return the signature that lets whoever holds it call a flow's HTTP address."""
        return self.address.sign(f"call {flow}")


@asynccontextmanager
async def open_house(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[House]:
    """Open the house; nothing moves until `at_work`. ``clock`` None: the database's."""
    telemetry = Telemetry(
        tracing=open_tracing(settings.traces_to, settings.traces_exporter)
        if settings.traces
        else Tracing()
    )
    keys = load_keys(settings.key, _key_file(settings))
    try:
        async with (
            open_database(settings.database_url, settings.data_folder, pool_size=12) as database,
            kept_time(database, clock) as kept,
            open_journal(database, telemetry.metrics, kept) as journal,
        ):
            vault = Vault(database, keys)
            signing = await vault.kept(
                _SERVER, "signing", lambda: Secret(secrets.token_urlsafe(32))
            )
            house = _build(settings, kept, (database, journal, vault), signing, telemetry)
            try:
                yield house
            finally:
                await house.making.keys.close()
    finally:
        await asyncio.to_thread(telemetry.tracing.close)


async def rotate_key(settings: Settings) -> int:
    """Seal every secret with a fresh key; answers how many. Processes that run must start anew.

    A key from the environment is not made here: set `FLOWNER_KEY` to the new and the old one with a
    comma between them, call this, and leave the old one out.
    """
    if settings.key is None:
        add_key(_key_file(settings))
    async with open_house(settings) as house:
        sealed = await house.connections.seal_again()
    if settings.key is None:
        drop_old_keys(_key_file(settings))
    return sealed


def _key_file(settings: Settings) -> Path:
    return settings.data_folder / "key"


@asynccontextmanager
async def at_work(house: House) -> AsyncIterator[None]:
    """Move runs, feed row triggers, fire schedules, delete in bulk, build the indexes that broke
    off and remove old runs while the block lasts; then drain."""
    retention = Retention(house.database, house.clock, house.settings.keep_runs_days)
    house.starter.taker = Taker(
        claim=lambda: house.dispatcher.claim,
        take_up=lambda header, first: house.dispatcher.take_up(
            header.id, header.flow, house.worker.begin(header, first)
        ),
    )
    feeding = [
        asyncio.create_task(house.row_changes.run(), name="row changes"),
        asyncio.create_task(house.clock_strikes.run(), name="clock strikes"),
        asyncio.create_task(house.post_office.run(), name="post office"),
        asyncio.create_task(house.making.keys.run(), name="indexes"),
        asyncio.create_task(house.bulk_deletions.run(), name="bulk deletions"),
        asyncio.create_task(retention.run(), name="retention"),
    ]
    moving = asyncio.create_task(house.dispatcher.run(), name="dispatcher")
    house.vitals.watch(*feeding, moving)
    async with house.news.heard():
        try:
            yield
        finally:
            house.vitals.ends = True
            house.starter.taker = None
            for task in (*feeding, moving):
                task.cancel()
            await asyncio.gather(*feeding, moving, return_exceptions=True)


def connectors() -> Mapping[str, Connector]:
    """Return the connectors of this server by every id that flows know them by."""
    found = [importlib.import_module(f"flowner.connectors.{name}") for name in CONNECTORS]
    return {id: module.connector for module in found for id in module.connector.ids}


# over budget: it is one list of who is given what, and reads best in one piece
def _build(
    settings: Settings,
    clock: Clock,
    memory: tuple[Database, Journal, Vault],
    signing: Secret,
    telemetry: Telemetry,
) -> House:
    database, journal, vault = memory
    address = Address(key=signing, base=settings.base)
    pacer = Pacer(database, clock, settings.limits)
    facts, published = Facts(database), Published(database)
    turning, sharing = Turning(database, published, clock), Sharing(database, published, clock)
    deleting, drafting = Deleting(database, journal), Drafting(database, published, clock)
    flows = Flows(
        published=published, turning=turning, sharing=sharing, deleting=deleting, clock=clock
    )
    store = Store(database, clock, {**KEEPERS, "workflow": flows, **keepers_of(published)})
    making = Making(database, store.catalogue)
    rooms = Rooms(store=store, reading=Reading(store, clock), making=making, clock=clock)
    webapi = WebApi(database, rooms)
    directory, tokens = Directory(database), Tokens(database, clock)
    providers = Providers(settings.providers, clock)
    bearers = Bearers(database, providers, clock)
    starter = Starter(database, journal, facts, published, clock, telemetry)
    history, explain = History(database, journal), Explain(database, facts, published)
    cancelling = Cancelling(database, journal, history)
    sign_ins = SignInsAsked(database, journal, clock)
    links = Links(lambda: address.base, address.sign, clock)
    replies = Replies(journal, published)
    private = settings.allow_private_addresses
    refreshing = Refreshing(database, vault, clock, connectors(), sign_ins, private)
    connections = Connections(database, vault, published, sign_ins)
    wakes = Wakes(database, fresh_owner(), clock=clock)
    worker = Worker(
        journal=journal,
        published=published,
        invoker=Invoker(
            database=database,
            facts=facts,
            store=store,
            webapi=webapi,
            vault=vault,
            refreshing=refreshing,
            requests=Requests(database, address.approval_link),
            sign_ins=sign_ins,
            pacer=pacer,
            clock=clock,
            connectors=connectors(),
            allow_private_addresses=private,
            telemetry=telemetry,
        ),
        children=Children(database=database, journal=journal, starter=starter),
        held=HeldStarts(database, starter, clock),
        replies=replies,
        clock=clock,
        owner=wakes.owner,
        callback_url=address.callback_url,
        telemetry=telemetry,
    )
    means = Means(
        database=database,
        wakes=wakes,
        activate=worker.activate,
        clock=clock,
        concurrency=settings.concurrency,
        drain=Drain(worker.draining, settings.drain_seconds),
        metrics=telemetry.metrics,
    )
    dispatcher = driver(means, settings.temporal, address.sign("task queue"))
    estate = Estate(database, published)
    return House(
        settings=settings,
        clock=clock,
        database=database,
        journal=journal,
        store=store,
        metadata=Metadata(database, store.catalogue),
        directory=directory,
        roster=Roster(database),
        sessions=Sessions(database, clock),
        tokens=tokens,
        applications=Applications(database, tokens, clock),
        providers=providers,
        bearers=bearers,
        passwords=Passwords(database, clock),
        openid=OpenIdSignIn(
            database, providers, bearers, Arrivals(database, directory, clock), clock
        ),
        provided_groups=ProvidedGroups(database, providers),
        provisioning=Provisioning(database, clock),
        facts=facts,
        published=published,
        importer=Importer(database, published, clock),
        turning=turning,
        sharing=sharing,
        deleting=deleting,
        connections=connections,
        grants=Grants(database, clock, refreshing, private),
        refreshing=refreshing,
        clients=Clients(database, connections, refreshing, private),
        consent=Consent(database, published, connectors(), sign_ins),
        sign_ins=sign_ins,
        approvals=Approvals(database, address.approval_link),
        links=links,
        answers=Answers(database, journal, clock, address.approval_link),
        apps=Apps(database),
        bundles=Bundles(database, clock),
        explain=explain,
        foretelling=Foretelling(database, explain, published),
        audience=Audience(database, published, clock),
        auditing=Auditing(database),
        estate=estate,
        administering=Administering(database, directory, sharing, estate),
        portfolio=Portfolio(database, published, journal),
        publishing=Publishing(database, published, clock),
        drafting=drafting,
        wiring=Wiring(database, drafting, connectors(), clock),
        running=Running(database, starter, facts, published, clock),
        history=history,
        cancelling=cancelling,
        inspecting=Inspecting(database, journal, published, history, cancelling),
        resubmitting=Resubmitting(history, starter, database, journal, published, clock),
        starter=starter,
        replies=replies,
        row_changes=RowChanges(database, starter),
        clock_strikes=ClockStrikes(database, starter, published, clock),
        worker=worker,
        dispatcher=dispatcher,
        listing=Listing(database, published),
        post_office=PostOffice(database, links, settings.mail),
        address=address,
        making=making,
        webapi=webapi,
        bulk_deletions=BulkDeletions(database, rooms),
        news=News(database, replies, store.catalogue, pacer),
        telemetry=telemetry,
        vitals=Vitals(database, wakes, dispatcher, telemetry.metrics),
    )
