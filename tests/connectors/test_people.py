"""People: the directory as the connector shows it, to whom the action acts for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import pytest

from flowner.connectors.people import connector
from flowner.directory.people import NewPerson
from flowner.engine.rows_as import PeopleAs
from flowner.rows.callers import Caller
from flowner.rows.seed import BASIC_USER
from flowner.sdk.connector import Repeat
from flowner.sdk.context import OperationContext, Rejected
from flowner.values import JsonObject, PrincipalId

MEMBERS = {
    "id", "displayName", "givenName", "surname", "mail", "userPrincipalName", "jobTitle",
    "department", "businessPhones", "mobilePhone", "accountEnabled",
}  # fmt: skip


@dataclass
class Office:
    """Ada leads; Bob and Cleo report to her; Zoe, whose name needs quoting, reports to Bob."""

    house: Any
    run: Any
    people: dict[str, PrincipalId] = field(default_factory=dict)

    def ask(self, operation: str, parameters: JsonObject, *, by: str = "ada") -> Any:
        caller = Caller(self.people[by])
        context = OperationContext(
            idempotency_key="k", account="", people=PeopleAs(self.house.store, caller)
        )
        return self.run(connector.operations[operation].perform(parameters, context))

    def refused(self, operation: str, parameters: JsonObject, *, by: str = "ada") -> Rejected:
        with pytest.raises(Rejected) as caught:
            self.ask(operation, parameters, by=by)
        return caught.value


@pytest.fixture(scope="module")
def office(house, run) -> Office:
    made = Office(house, run)
    for name, full, manager, title in (
        ("ada", "Ada Brand", None, "Lead"),
        ("bob", "Bob Keller", "ada", "Clerk"),
        ("cleo", "Cleo Keller", "ada", None),
        ("zoe", "Zoe O'Neil", "bob", None),
    ):
        new = NewPerson(
            name=full,
            upn=f"{name}@office.example",
            mail=f"{name}.mail@office.example",
            title=title,
            department="Sales" if title else None,
            manager=made.people.get(manager or ""),
        )
        made.people[name] = run(house.directory.add_person(new, roles=(BASIC_USER,)))
    new = NewPerson(name="Guest", upn="guest@office.example")
    made.people["guest"] = run(house.directory.add_person(new))
    return made


def names(answer: Any) -> list[str]:
    return sorted(one["displayName"] for one in answer.body["value"])


def test_my_profile_is_of_whom_the_action_acts_for(office: Office) -> None:
    for name, full in (("ada", "Ada Brand"), ("bob", "Bob Keller")):
        answer = office.ask("MyProfile_V2", {}, by=name)
        assert answer.seen == f"{name}@office.example"
        assert answer.body.keys() == MEMBERS
        assert answer.body["displayName"] == full
        assert answer.body["id"] == office.people[name]
        assert answer.body["mail"] == f"{name}.mail@office.example"
        assert answer.body["accountEnabled"] is True


def test_what_is_not_known_of_somebody_is_null_and_still_there(office: Office) -> None:
    body = office.ask("UserProfile_V2", {"id": "cleo@office.example"}).body
    assert body.keys() == MEMBERS
    assert (body["jobTitle"], body["department"], body["mobilePhone"]) == (None, None, None)
    assert body["businessPhones"] == []


@pytest.mark.parametrize(
    "by", ["bob@office.example", "BOB@OFFICE.EXAMPLE", "bob.mail@office.example"]
)
def test_somebody_is_found_by_upn_or_mail(office: Office, by: str) -> None:
    assert office.ask("UserProfile_V2", {"id": by}).body["id"] == office.people["bob"]


@pytest.mark.parametrize("key", ["id", "userId"])
def test_somebody_is_found_by_id(office: Office, key: str) -> None:
    answer = office.ask("UserProfile_V2", {key: office.people["bob"]})
    assert answer.body["displayName"] == "Bob Keller"


@pytest.mark.parametrize(
    "nobody",
    ["nobody@office.example", "11111111-2222-4333-8444-555555555555", "' or 1 eq 1 or 'a' eq '",
     "x" * 3000, "ada", "\N{SNOWMAN}"],
)  # fmt: skip
def test_nobody_is_a_404(office: Office, nobody: str) -> None:
    no = office.refused("UserProfile_V2", {"id": nobody})
    assert (no.status, no.code) == (404, "Request_ResourceNotFound")
    assert "nobody called" in no.message


@pytest.mark.parametrize("who", [None, 5, {"id": 1}, ""])
def test_who_is_meant_has_to_be_said(office: Office, who: Any) -> None:
    for operation in ("UserProfile_V2", "Manager_V2", "DirectReports_V2"):
        no = office.refused(operation, {"id": who})
        assert no.status == 400
        assert "`id` is missing" in no.message


def test_select_leaves_the_rest_out(office: Office) -> None:
    wanted = {"id": "bob@office.example", "$select": "displayName, mail,nonsense"}
    assert office.ask("UserProfile_V2", wanted).body == {
        "displayName": "Bob Keller", "mail": "bob.mail@office.example",
    }  # fmt: skip
    assert office.ask("UserProfile_V2", wanted | {"$select": " "}).body.keys() == MEMBERS
    assert office.ask("MyProfile_V2", {"$select": "id"}).body == {"id": office.people["ada"]}


def test_managers_and_reports(office: Office) -> None:
    assert office.ask("Manager_V2", {"id": "bob@office.example"}).body["id"] == office.people["ada"]
    no = office.refused("Manager_V2", {"id": "ada@office.example"})
    assert (no.status, no.code) == (404, "Request_ResourceNotFound")
    assert "has no manager" in no.message
    assert names(office.ask("DirectReports_V2", {"id": "ada@office.example"})) == [
        "Bob Keller", "Cleo Keller",
    ]  # fmt: skip
    assert names(office.ask("DirectReports_V2", {"id": "zoe@office.example"})) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Keller", ["Bob Keller", "Cleo Keller"]),
        ("keller", ["Bob Keller", "Cleo Keller"]),
        ("zoe@", ["Zoe O'Neil"]),
        ("cleo.mail", ["Cleo Keller"]),
        ("O'Neil", ["Zoe O'Neil"]),
        ("nobody at all", []),
        ("100%", []),
        ("_", []),
        ("') or contains(fullname,'", []),
    ],
)
def test_search_finds_names_upns_and_mails(office: Office, text: str, found: list[str]) -> None:
    assert names(office.ask("SearchUserV2", {"searchTerm": text})) == found


def test_an_empty_search_finds_everybody_and_top_cuts(office: Office) -> None:
    everybody = names(office.ask("SearchUserV2", {}))
    assert {"Ada Brand", "Guest", "Zoe O'Neil"} <= set(everybody)
    assert everybody == names(office.ask("SearchUserV2", {"searchTerm": ""}))
    cut = office.ask("SearchUserV2", {"top": 2})
    assert [one["displayName"] for one in cut.body["value"]] == everybody[:2]
    assert names(office.ask("SearchUserV2", {"top": 10**6})) == everybody


@pytest.mark.parametrize("top", [0, -1, "2", 1.5, True, None])
def test_top_is_a_whole_number(office: Office, top: Any) -> None:
    assert "`top`" in office.refused("SearchUserV2", {"top": top}).message


def test_who_may_not_read_the_directory_is_told_the_stores_own_code(office: Office) -> None:
    for operation, parameters in (
        ("MyProfile_V2", {}),
        ("UserProfile_V2", {"id": "ada@office.example"}),
        ("SearchUserV2", {"searchTerm": "Ada"}),
    ):
        no = office.refused(operation, parameters, by="guest")
        assert (no.status, no.code) == (403, "0x80042f09")


def test_somebody_who_was_disabled_is_shown_so(office: Office) -> None:
    name = f"leaver{secrets.token_hex(4)}"
    new = NewPerson(name=name, upn=f"{name}@office.example")
    leaver = office.run(office.house.directory.add_person(new))
    office.run(office.house.directory.set_enabled(leaver, enabled=False))
    assert office.ask("UserProfile_V2", {"id": leaver}).body["accountEnabled"] is False


def test_without_a_directory_it_says_so(office: Office) -> None:
    context = OperationContext(idempotency_key="k", account="")
    with pytest.raises(Rejected) as caught:
        office.run(connector.operations["MyProfile_V2"].perform({}, context))
    assert caught.value.status == 501


def test_every_operation_only_reads() -> None:
    assert {one.repeat for one in connector.operations.values()} == {Repeat.HARMLESS}
