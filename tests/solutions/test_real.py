"""Real solutions, as their makers exported them: imported, turned on, run, and seen from outside.

The archives are reference material kept beside the repository, not in it. What they need of their
home environment (tables, people, a relay) is made here; nothing in the flows is changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from conftest import SHARED
from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.demo.mailbox import Mailbox
from flowner.directory.people import NewPerson
from flowner.flows.bringing import read_paths
from flowner.flows.connections import NewConnection
from flowner.flows.explain import Supposed
from flowner.flows.running import Press
from flowner.identity.verdict import Acting
from flowner.rows.callers import Caller
from flowner.rows.seed import BASIC_USER, DELEGATE
from flowner.runs.events import ActionEnded, RunEnded, decode
from flowner.values import FlowId, PrincipalId, RunId, Secret

SOLUTIONS = SHARED / "corpus" / "solutions"
PATIENCE = 30.0
MAIL, PEOPLE = "shared_office365", "shared_office365users"
ROWS, OLD_ROWS = "shared_commondataserviceforapps", "shared_commondataservice"
SALES = "salescommunications@rsmd365rec.onmicrosoft.com"
"""The shared mailbox that one of the flows sends from, as its maker wrote it."""
RIGHTS = ("Create", "Read", "Write", "Append", "AppendTo")

pytestmark = pytest.mark.skipif(
    not SOLUTIONS.is_dir(), reason="the reference solutions are not beside the repository"
)

TABLES = {
    "dem_pet": ("dem_pets", "dem_petname", {}),
    "dem_trick": ("dem_tricks", "dem_trickname", {}),
    "dem_petrrick": (
        "dem_petrricks", "dem_name",
        {"dem_level": "whole", "dem_points": "whole",
         "dem_petid": "lookup", "dem_trickid": "lookup"},
    ),
    "account": (
        "accounts", "name",
        {f"address1_{part}": "text" for part in
         ("line1", "city", "latitude", "longitude", "stateorprovince", "postalcode")},
    ),
    "quote": ("quotes", "name", {"quotenumber": "text", "effectiveto": "moment"}),
    "ba_favouriteteam": ("ba_favouriteteams", "ba_teamname", {"ba_user": "text"}),
    "admin_app": (
        "admin_apps", "admin_displayname",
        {"admin_appowner": "lookup", "admin_appownerdisplayname": "text",
         "admin_appdescription": "text", "admin_appenvironmentdisplayname": "text",
         "admin_apppublished": "moment", "admin_appsharedgroups": "whole",
         "admin_appsharedusers": "whole", "admin_makersubmittedrequirements": "boolean",
         "admin_requirement_4": "text", "admin_requirement_5": "boolean"},
    ),
    "admin_coesettings": (
        "admin_coesettingses", "admin_name",
        {"admin_logo": "text", "admin_linktocommunitychannel": "text"},
    ),
    "new_bpf_ffa183a676d64ec9aee6a558129651a2": (
        "new_bpf_ffa183a676d64ec9aee6a558129651a2s", "bpf_name",
        {"activestagestartedon": "moment", "bpf_admin_appid": "lookup"},
    ),
}  # fmt: skip


@dataclass(repr=False)
class Town:
    people: dict[str, PrincipalId]
    bound: dict[str, str]
    mailbox: Mailbox


@pytest.fixture(scope="module")
def town(house, run):
    """Vera owns the solutions; the service account's connections serve them; Pia is a user."""
    names = ("vera", "service", "pia")
    addresses = (*(f"{name}@real.example" for name in names), SALES)
    accounts = {address: Secret(secrets.token_urlsafe(12)) for address in addresses}
    mailbox = Mailbox(accounts=accounts)

    async def build() -> Town:
        await mailbox.start()
        for name, (set_name, primary, columns) in TABLES.items():
            await house.metadata.create_table(
                name, set_name=set_name, primary_name=primary, columns=columns
            )
        role = await house.directory.add_role(
            "Maker", {(table, right): 8 for table in [*TABLES, "environmentvariabledefinition"]
                      for right in RIGHTS}
        )  # fmt: skip
        people = {
            name: await house.directory.add_person(
                NewPerson(name=name.capitalize(), upn=f"{name}@real.example",
                          service_account=name == "service"),
                roles=(BASIC_USER, role, DELEGATE),
            )
            for name in names
        }  # fmt: skip
        bound = {}
        for connector in (MAIL, SALES, PEOPLE, ROWS, OLD_ROWS):
            account = SALES if connector == SALES else "service@real.example"
            relay = connector in (MAIL, SALES)
            bound[connector] = await house.connections.make(
                NewConnection(
                    connector=MAIL if relay else connector,
                    account=account,
                    settings={"host": mailbox.host, "port": mailbox.port, "security": "none"}
                    if relay
                    else {},
                    secrets={"user": Secret(account), "password": accounts[account]}
                    if relay
                    else {},
                ),
                people["service"],
            )
        return Town(people, bound, mailbox)

    yield run(build())
    run(mailbox.stop())


async def imported(house, town: Town, archive: str, flow: str, mail: str = MAIL) -> FlowId:
    """Import the archive for Vera, bind its references, let their owner turn the flow on.

    ``mail`` is whose connection sends its mails.
    """
    package = read_paths(SOLUTIONS / archive)
    by, service = town.people["vera"], town.people["service"]
    done = await house.importer.bring_in(package, by)
    wanted = {one["reference"]: one["connector"] for one in await house.listing.references()}
    for reference in done.unbound:
        connector = wanted[reference]
        connection = town.bound.get(mail if connector == MAIL else connector)
        if connection is not None:
            await house.connections.share(connection, by, ConnectionRole.CAN_USE, service)
            await house.connections.point(reference, connection, by)
    (id,) = (one.id for one in done.flows if one.name == flow)
    await house.sharing.share(id, service, FlowRole.CO_OWNER, by)
    await house.turning.on(id, service)
    return id


async def ended(house, flow: FlowId, set_off: Callable[[], Awaitable[object]]) -> RunId:
    known = {header.id for header in await house.journal.runs(flow=flow)}
    await set_off()
    async with asyncio.timeout(PATIENCE):
        while True:
            for header in await house.journal.runs(flow=flow):
                if header.id not in known and header.ended is not None:
                    return header.id
            await asyncio.sleep(0.02)


async def checked(house, run: RunId, explained) -> dict[str, list[ActionEnded]]:
    """Compare every action's record with what was explained before; answers ends by name."""
    header = await house.journal.header(run)
    assert (header.principal, header.rule) == (
        explained.running.principal, explained.running.rule.value
    )  # fmt: skip
    events = [decode(one.entry.data) for one in await house.journal.entries(run)]
    ends: dict[str, list[ActionEnded]] = {}
    for event in events:
        if isinstance(event, ActionEnded):
            name = event.path.rpartition("/")[2].partition("[")[0]
            ends.setdefault(name, []).append(event)
            planned = explained.actions[name]
            if event.status != "Skipped":
                assert isinstance(planned, Acting)
                assert event.acting["principal"] == planned.principal, name
                assert event.acting["account"] == planned.account, name
    (end,) = (event for event in events if isinstance(event, RunEnded))
    assert end.status == "Succeeded", [
        (e.path, e.error, e.outputs) for e in events if getattr(e, "status", "") == "Failed"
    ]
    return ends


async def explained(house, flow: FlowId, **supposed):
    return (await house.explain.who(flow, Supposed(**supposed))).answer


def test_a_row_trigger_adds_a_row(house, run, town) -> None:
    """MicrosoftLearning, PL-400 demos: a pet is added, and learns its first trick."""

    async def story() -> None:
        flow = await imported(house, town, "MicrosoftLearning-PL400Demos_1_0_18_0.zip", "New Pet")
        pia = town.people["pia"]
        sleep = await house.store.create(Caller(pia), "dem_tricks", {"dem_trickname": "Sleep"})
        plan = await explained(house, flow, modified_by=pia, row_owner=pia)
        made: list[dict] = []

        async def add() -> None:
            made.append(await house.store.create(Caller(pia), "dem_pets", {"dem_petname": "Rex"}))

        await checked(house, await ended(house, flow, add), plan)
        found = (await house.store.list(Caller(pia), "dem_petrricks", {}))["value"]
        assert [one["_dem_petid_value"] for one in found] == [made[0]["dem_petid"]]
        assert found[0]["_dem_trickid_value"] == sleep["dem_trickid"]
        assert found[0]["_createdby_value"] == town.people["service"]
        assert plan.running.principal == town.people["vera"]

    run(story())


def test_an_agent_adds_a_row_for_each_line(house, run, town) -> None:
    """Microsoft, Sample Data Copilot: accounts from a table that a model wrote."""
    said = (
        "Here you are:\n```\nName,Address1_Line1,Address1_City,Address1_StateorProvince,"
        "Address1_PostalCode,Address1_Latitude,Address1_Longitude\n"
        "Fern,1 Wood St,Ghent,EF,9000,51.05,3.72\nOak,2 Wood St,Lyon,ARA,69001,45.76,4.83\n```"
    )

    async def story() -> None:
        flow = await imported(
            house, town, "microsoft-SampleDataCopilot_1_0_0_1.zip",
            "Create Accounts in Dynamics 365 Flow",
        )  # fmt: skip
        vera, pia = town.people["vera"], town.people["pia"]
        await house.sharing.share(flow, pia, FlowRole.RUN_ONLY, vera)
        plan = await explained(house, flow, as_person=pia)
        press = Press(flow=flow, by=pia, inputs={"text": said})
        await checked(house, await ended(house, flow, lambda: house.running.press(press)), plan)
        found = (await house.store.list(Caller(pia), "accounts", {"$orderby": "name"}))["value"]
        assert [(one["name"], one["address1_city"]) for one in found] == [
            ("Fern", "Ghent"), ("Oak", "Lyon")
        ]  # fmt: skip
        assert {one["_createdby_value"] for one in found} == {town.people["service"]}

    run(story())


def test_a_schedule_mails_makers(house, run, town) -> None:
    """Microsoft, CoE audit components: legacy actions read rows and people, and send mail."""

    async def story() -> None:
        flow = await imported(
            house, town, "microsoft-CenterofExcellenceAuditComponents_1_17_managed.zip",
            "Admin | Compliance detail request",
        )  # fmt: skip
        pia = town.people["pia"]
        apps = [
            {"admin_displayname": "Stale", "admin_makersubmittedrequirements": True,
             "admin_apppublished": "2020-01-01T00:00:00Z"},
            {"admin_displayname": "Broad", "admin_appsharedusers": 25},
            {"admin_displayname": "Quiet", "admin_appsharedusers": 1},
        ]  # fmt: skip
        for app in apps:
            owner = {"admin_appowner@odata.bind": f"/systemusers({pia})",
                     "admin_appownerdisplayname": "Pia"}  # fmt: skip
            await house.store.create(Caller(pia), "admin_apps", app | owner)
        await house.store.create(
            Caller(pia), "admin_coesettingses", {"admin_name": "s", "admin_logo": "l.png"}
        )
        plan = await explained(house, flow)
        before = len(town.mailbox.messages)
        id = await ended(house, flow, lambda: house.clock_strikes.bring_forward(flow))
        ends = await checked(house, id, plan)
        sent = list(town.mailbox.messages)[before:]
        assert sorted(one.subject for one in sent) == [
            "Keep your app updated to stay compliant",
            "Submit business justification details for your app",
        ]
        assert {one.authenticated_as for one in sent} == {"service@real.example"}
        assert {one.recipients for one in sent} == {("pia@real.example",)}
        succeeded = [
            end.path
            for name in ("Send_an_email_(V2)", "Send_an_email_(V2)_2")
            for end in ends[name]
            if end.status == "Succeeded"
        ]
        digests = {hashlib.sha256(f"{id}/{path}".encode()).hexdigest()[:40] for path in succeeded}
        assert len(digests) == 2
        assert all(any(d in one.headers["Message-ID"] for one in sent) for d in digests)
        assert plan.running.rule == "scheduled.owner"

    run(story())


def test_a_schedule_mails_quotes_with_their_owners(house, run, town) -> None:
    """PnP sample: rows are listed with the users behind a lookup, and mailed as a table."""

    async def story() -> None:
        flow = await imported(
            house, town, "pnp-scheduledquoteemail.zip", "Scheduled quote email", SALES
        )
        soon = datetime.now(UTC) + timedelta(days=3)
        for name, due in (("Soon", soon), ("Late", soon + timedelta(days=30))):
            row = {"name": name, "quotenumber": f"Q-{name}", "effectiveto": due.isoformat()}
            await house.store.create(Caller(town.people["pia"]), "quotes", row)
        plan = await explained(house, flow)
        before = len(town.mailbox.messages)
        id = await ended(house, flow, lambda: house.clock_strikes.bring_forward(flow))
        await checked(house, id, plan)
        (sent,) = list(town.mailbox.messages)[before:]
        assert "Q-Soon" in sent.body
        assert "Q-Late" not in sent.body
        assert "Pia" in sent.body

    run(story())


def test_a_bot_asks_and_remembers(house, run, town) -> None:
    """Community sample VARify: one flow adds a row, the other finds it and answers."""

    async def story() -> None:
        vera, pia = town.people["vera"], town.people["pia"]
        answers = {}
        for name, inputs in (
            ("VARify_Introduction", {"text_1": "Pia"}),
            ("VARify_SetFavouriteTeam", {"text": "Ghent", "text_1": "Pia"}),
            ("VARify_Introduction", {"text_1": "Pia"}),
        ):
            flow = await imported(house, town, "pnp-varify-bot.zip", name)
            await house.sharing.share(flow, pia, FlowRole.RUN_ONLY, vera)
            plan = await explained(house, flow, as_person=pia)
            id = house.running.fresh_run()
            with house.replies.expect(id) as (reply, end):
                press = Press(flow=flow, by=pia, inputs=inputs)
                await house.running.press(press, run=id, answers=True)
                async with asyncio.timeout(PATIENCE):
                    answers.setdefault(name, []).append((await reply).body)
                    await end
            await checked(house, id, plan)
        assert answers["VARify_SetFavouriteTeam"] == [
            {"response": "Your favourite team has now been set to Ghent."}
        ]
        first, second = answers["VARify_Introduction"]
        assert "not yet selected" in first["varresponse"]
        assert second == {"varresponse": "Ghent"}

    run(story())
