"""Fernwood: its people, groups, tables, connections and flows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import PurePosixPath

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.definitions.bundles import bundle_of
from flowner.definitions.packages import read_files, read_package
from flowner.demo.mailbox import Mailbox
from flowner.directory.people import NewPerson
from flowner.flows.connections import NewConnection
from flowner.rows.catalogue import Type
from flowner.rows.seed import BASIC_USER, DELEGATE, SYSTEM_ADMINISTRATOR
from flowner.server import House
from flowner.values import AppId, ConnectionId, FlowId, PrincipalId, Secret

MAIL, PEOPLE, ROWS = "shared_office365", "shared_office365users", "shared_commondataserviceforapps"
APPROVALS = "shared_approvals"
DESK = "desk@fernwood.example"
_CLERK = "5eed0000-0000-4000-8000-00000000c1e4"
_DESK_ROLE = "5eed0000-0000-4000-8000-00000000de54"
_USER_ROLES = (BASIC_USER, _CLERK)
_ACCOUNTS = ("ada", "bob", "mia", "noor", "leo", "office")


def _id(number: int) -> str:
    return f"5eed0000-0000-4000-8000-{number:012d}"


FLOWS = {
    name: FlowId(f"3f0c1b52-6a0e-4d55-9b0e-0d7c5a1f{number:04d}")
    for number, name in enumerate(
        ("greet", "announce", "visit", "as_owner", "as_modifier", "as_row_owner", "summary",
         "intake", "remind"),
        start=1,
    )
} | {"buy": FlowId("3f0c1b52-6a0e-4d55-9b0e-0d7c5a1f0020")}  # fmt: skip


@dataclass(slots=True)
class Company:
    """Who and what there is, by short names."""

    people: dict[str, PrincipalId] = field(default_factory=dict)
    connections: dict[str, ConnectionId] = field(default_factory=dict)
    app: AppId = field(default_factory=lambda: AppId(""))
    defects: AppId = field(default_factory=lambda: AppId(""))
    """The app with a page of its own."""
    team: PrincipalId = field(default_factory=lambda: PrincipalId(""))


def make_mailbox() -> Mailbox:
    """Return a mail server with an account for everybody; passwords are made up each time."""
    return Mailbox(
        accounts={
            f"{name}@fernwood.example": Secret(secrets.token_urlsafe(18)) for name in _ACCOUNTS
        }
    )


async def settle(house: House, mailbox: Mailbox) -> Company:
    """Build the company in an empty house."""
    company = Company()
    await _tables(house)
    await _people(house, company)
    await _connections(house, company, mailbox)
    await _flows(house, company)
    return company


async def _tables(house: House) -> None:
    await house.metadata.create_table(
        "fern_request",
        set_name="fern_requests",
        primary_name="fern_name",
        columns={"fern_status": Type.WHOLE, "fern_city": Type.TEXT},
    )
    await house.metadata.create_table(
        "fern_note",
        set_name="fern_notes",
        primary_name="fern_name",
        columns={"fern_request": Type.LOOKUP},
    )
    everything = ("Create", "Read", "Write", "Append", "AppendTo")
    both = ("fern_request", "fern_note")
    await house.directory.add_role(
        "Fernwood clerk", {(t, r): 1 for t in both for r in everything}, id=_CLERK
    )
    await house.directory.add_role(
        "Fernwood desk", {(t, r): 8 for t in both for r in everything}, id=_DESK_ROLE
    )


async def _people(house: House, company: Company) -> None:
    add = house.directory.add_person
    people = company.people

    async def person(number: int, short: str, name: str, *roles: str, **more: str) -> None:
        people[short] = await add(
            NewPerson(
                name=name,
                upn=f"{short}@fernwood.example",
                id=_id(number),
                title=more.get("title"),
                manager=people.get(more.get("manager", "")),
                service_account="service" in more,
            ),
            roles=(*_USER_ROLES, *roles),
        )

    await person(1, "ada", "Ada Brand", DELEGATE, _DESK_ROLE, SYSTEM_ADMINISTRATOR,
                 title="Maker of flows")  # fmt: skip
    await person(2, "noor", "Noor Aziz", _DESK_ROLE, title="Service desk", manager="ada")
    await person(3, "bob", "Bob Keller", title="Sales", manager="noor")
    await person(4, "mia", "Mia Lindt", title="Sales, east", manager="noor")
    await person(5, "leo", "Leo Past", title="Left in March")
    await person(6, "office", "Office mail", service="yes")
    people["bot"] = await house.directory.add_application(
        "Nightly bot", _id(7), roles=(*_USER_ROLES, _DESK_ROLE)
    )
    people["sales"] = await house.directory.add_group("Sales", id=_id(20))
    people["east"] = await house.directory.add_group("Sales east", id=_id(21))
    await house.directory.add_member(people["sales"], people["bob"])
    await house.directory.add_member(people["sales"], people["east"], nested=True)
    await house.directory.add_member(people["east"], people["mia"])
    company.team = await house.directory.add_team("Night shift")
    await house.directory.give_role(company.team, _CLERK)


async def _connections(house: House, company: Company, mailbox: Mailbox) -> None:
    make, people, made = house.connections.make, company.people, company.connections
    for short in _ACCOUNTS:
        account = f"{short}@fernwood.example"
        made[f"{short}.mail"] = await make(
            NewConnection(
                connector=MAIL,
                account=account,
                settings={"host": mailbox.host, "port": mailbox.port, "security": "none"},
                secrets={"user": Secret(account), "password": mailbox.accounts[account]},
            ),
            people[short],
        )
    for short in ("bob", "mia"):
        made[f"{short}.people"] = await make(
            NewConnection(connector=PEOPLE, account=f"{short}@fernwood.example"), people[short]
        )
    made["ada.approvals"] = await make(
        NewConnection(connector=APPROVALS, account="ada@fernwood.example"), people["ada"]
    )
    for short in ("ada", "bot"):
        made[f"{short}.rows"] = await make(
            NewConnection(connector=ROWS, account=f"{short}@fernwood.example"), people[short]
        )
    share = house.connections.share
    for holder in ("ada", "bot"):
        await share(made["office.mail"], people[holder], ConnectionRole.CAN_USE, people["office"])
    await share(made["leo.mail"], people["ada"], ConnectionRole.CAN_USE, people["leo"])


async def _flows(house: House, company: Company) -> None:
    people, made = company.people, company.connections
    ada, bot = people["ada"], people["bot"]
    bound = {
        "fern_officemail": made["ada.mail"],
        "fern_rows": made["ada.rows"],
        "fern_servicemail": made["office.mail"],
        "fern_botrows": made["bot.rows"],
        "fern_leosmail": made["leo.mail"],
        "fern_approvals": made["ada.approvals"],
    }
    await house.importer.bring_in(read_files(exported(), file="Fernwood"), ada, bind=bound)
    await house.sharing.hand_over(FLOWS["summary"], bot, ada)
    for name, flow in FLOWS.items():
        await house.turning.on(flow, bot if name == "summary" else ada)
    for name in ("greet", "announce", "remind", "buy"):
        await house.sharing.share(FLOWS[name], people["sales"], FlowRole.RUN_ONLY, ada)
    company.app = await house.apps.make("Field visits", ada)
    await house.apps.carry(company.app, FLOWS["visit"], ada)
    await house.apps.share(company.app, people["sales"], ada)
    await _defects(house, company)
    await house.directory.set_enabled(people["leo"], enabled=False)


async def _defects(house: House, company: Company) -> None:
    """Make the app whose page is a bundle: no scene of the story, but there to be used."""
    ada, sales = company.people["ada"], company.people["sales"]
    ((file, document),) = _files("defects/flow").items()
    (flow,) = read_package(document, file=file).flows
    id = await house.publishing.create(replace(flow, name="Report a defect"), ada)
    await house.turning.on(id, ada)
    app = company.defects = await house.apps.make("Report a defect", ada)
    await house.apps.carry(app, id, ada)
    await house.apps.share(app, sales, ada)
    bundle = bundle_of(list(_files("defects/bundle").items()))
    await house.bundles.put(app, bundle, "report-a-defect.zip", ada)


def exported() -> dict[str, bytes]:
    """Return the files of the demo's solution, as an export has them."""
    return _files("solution")


def _files(folder: str) -> dict[str, bytes]:
    """Return the demo's own files below a folder, by their paths in it."""
    found: dict[str, bytes] = {}
    waiting = [(resources.files("flowner.demo") / folder, PurePosixPath())]
    while waiting:
        inside, path = waiting.pop()
        for entry in inside.iterdir():
            if entry.is_dir():
                waiting.append((entry, path / entry.name))
            else:
                found[str(path / entry.name)] = entry.read_bytes()
    return found
