"""The gathered cases of the security model, asked with requests in the name of each person.

The same scenes as in ``tests/rows``, status and code taken from the wire; and those that only the
Web API can play.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowner.errors import FlownerError
from flowner.server import House
from flowner.serving import serve
from rows.scenes import BOTH, OWN, SCENES
from rows.test_security_cases import GRID, NOT_HERE, OTHERS, STATUS, ids, play_grid, told
from webapi.conftest import column, lookup, many_to_many, one_to_many
from webapi.door_stage import PAIRED, DoorStage, RefusedAtTheDoor, staged_at_the_door
from webapi.fuzz import Client

AT_THE_DOOR: dict[str, Callable[[DoorStage], Any]] = {}
TEXTS = [column("String", "name", IsPrimaryName=True), column("String", "ssn")]
MADE: list[tuple[str, Any]] = [
    ("EntityDefinitions", {"SchemaName": "account", "Attributes": TEXTS}),
    ("EntityDefinitions", {"SchemaName": "contact", "Attributes": TEXTS}),
    ("RelationshipDefinitions", one_to_many(
        "account_primary_contact", "contact", "account", Lookup=lookup("primarycontactid"))),
    ("CreateCustomerRelationships", {
        "Lookup": lookup("parentcustomerid"),
        "OneToManyRelationships": [
            one_to_many("contact_customer_accounts", "account", "contact"),
            one_to_many("contact_customer_contacts", "contact", "contact"),
        ],
    }),
    ("RelationshipDefinitions", many_to_many(PAIRED, "account", "contact")),
]  # fmt: skip


def scene(id: str) -> Callable[[Callable[[DoorStage], Any]], Callable[[DoorStage], Any]]:
    def keep(play: Callable[[DoorStage], Any]) -> Callable[[DoorStage], Any]:
        AT_THE_DOOR[id] = play
        return play

    return keep


@scene("S205")
async def who_am_i(s: DoorStage) -> None:
    await s.user("child", "bu2", OWN)
    said = (await s.ask("child", "GET", "WhoAmI")).content
    assert (said["UserId"], said["BusinessUnitId"]) == (s.ids["child"], s.ids["bu2"])


@scene("S220")
async def nobody_in_particular(s: DoorStage) -> None:
    await s.ask(None, "POST", "accounts", {"name": "new"})


@scene("S240")
async def by_either_header(s: DoorStage) -> None:
    object_id = "00000000-0000-4000-8000-0000000000ef"
    await s.user("target", "bu1", OWN, azureactivedirectoryobjectid=object_id)
    for name, value in (("MSCRMCallerID", s.ids["target"]), ("CallerObjectId", object_id)):
        said = await s.ask("admin", "GET", "WhoAmI", **{name: value})
        assert said.content["UserId"] == s.ids["target"]


@scene("S309")
async def a_row_behind_that_is_not_open(s: DoorStage) -> str:
    await s.user("me", "bu1", BOTH)
    await s.user("peer", "bu1", BOTH)
    contact = await s.row("contact", "peer")
    account = await s.row("account", "me", primarycontactid=contact)
    (row,) = (await s.ask("me", "GET", "accounts?$expand=primarycontactid")).content["value"]
    assert (row["accountid"], row["primarycontactid"]) == (account, None)
    return "filtered"


@pytest.fixture(scope="module")
def client(house: House, run: Callable[..., Any]) -> Iterator[Client]:
    serving = serve(house)
    address = run(serving.__aenter__())
    client = Client("127.0.0.1", int(address.rpartition(":")[2]))

    async def make() -> None:
        async with staged_at_the_door(house, client) as stage:
            for path, body in MADE:
                await stage.ask("admin", "POST", path, body)

    run(make())
    yield client
    run(client.close())
    run(serving.__aexit__(None, None, None))


async def outcome(done: Any) -> tuple[str, int | None, str | None]:
    try:
        return await done or "allowed", None, None
    except RefusedAtTheDoor as error:
        return "denied", error.status, error.code
    except FlownerError as error:
        return "denied", STATUS[type(error)], error.code.value.lower()


@pytest.mark.parametrize("case", GRID, ids=ids)
def test_a_depth_reaches_as_far_as_it_says(
    case: dict[str, Any], house: House, client: Client, run: Callable[..., Any]
) -> None:
    async def story() -> tuple[str, int | None, str | None]:
        async with staged_at_the_door(house, client) as stage:
            return await outcome(play_grid(stage, case))

    assert run(story()) == told(case), case["operation"]


@pytest.mark.parametrize("case", OTHERS, ids=ids)
def test_a_case_ends_as_it_is_told(
    case: dict[str, Any], house: House, client: Client, run: Callable[..., Any]
) -> None:
    play: Callable[[Any], Any] | None = AT_THE_DOOR.get(case["id"], SCENES.get(case["id"]))
    if play is None:
        pytest.skip(NOT_HERE[case["id"]])

    async def story() -> tuple[str, int | None, str | None]:
        async with staged_at_the_door(house, client) as stage:
            return await outcome(play(stage))

    found = run(story())
    status, code = told(case)[1:]
    expected = (case["expect"], status, code or found[2])
    if case["expect"] == "denied" and "error" not in case:
        assert found[0] == "denied", case["operation"]
    else:
        assert found == expected, case["operation"]


def test_what_only_the_door_decides_is_played_here() -> None:
    assert set(AT_THE_DOOR) == {
        id for id, why in NOT_HERE.items() if "Web API" in why or "$" in why
    }
