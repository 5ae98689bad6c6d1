"""A house whose tables are made as clients make them: through the Web API, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from flowner.directory.people import NewPerson
from flowner.rows import registry
from flowner.rows.seed import BASIC_USER, DELEGATE, SYSTEM_ADMINISTRATOR
from flowner.server import House
from flowner.serving import serve

CLERK = "00000000-0000-4000-8000-00000000c1e5"
RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
PEOPLE = {
    "admin": (SYSTEM_ADMINISTRATOR,),
    "ann": (CLERK, BASIC_USER),
    "ben": (CLERK, BASIC_USER),
    "guest": (BASIC_USER,),
    "proxy": (DELEGATE, CLERK, BASIC_USER),
}
SPACE = "Microsoft.Dynamics.CRM."


def label(text: str) -> dict[str, Any]:
    return {"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]}


def column(kind: str, name: str, **more: Any) -> dict[str, Any]:
    type = f"{SPACE}{kind}AttributeMetadata"
    return {"@odata.type": type, "SchemaName": name, "DisplayName": label(name), **more}


def lookup(name: str) -> dict[str, Any]:
    return {"SchemaName": name, "DisplayName": label(name)}


def many_to_many(schema: str, one: str, other: str, **more: Any) -> dict[str, Any]:
    return {"@odata.type": f"{SPACE}ManyToManyRelationshipMetadata", "SchemaName": schema,
            "IntersectEntityName": schema.lower(), "Entity1LogicalName": one,
            "Entity2LogicalName": other, **more}  # fmt: skip


def one_to_many(schema: str, referenced: str, referencing: str, **more: Any) -> dict[str, Any]:
    return {"@odata.type": f"{SPACE}OneToManyRelationshipMetadata", "SchemaName": schema,
            "ReferencedEntity": referenced, "ReferencingEntity": referencing, **more}  # fmt: skip


ACCOUNT = {
    "SchemaName": "account",
    "DisplayName": label("Account"),
    "Attributes": [
        column("String", "name", IsPrimaryName=True, MaxLength=160),
        column("String", "accountnumber", MaxLength=20),
        column("String", "telephone1"),
        column("Money", "revenue"),
        column("Integer", "numberofemployees"),
        column("Boolean", "creditonhold"),
        column("DateTime", "lastonholdtime"),
        column("MultiSelectPicklist", "new_interests", OptionSet={"Options": [
            {"Value": 1, "Label": label("Bikes")}, {"Value": 2, "Label": label("Boats")}]}),
        column("Picklist", "industrycode", OptionSet={"Options": [
            {"Value": 1, "Label": label("Farming")}, {"Value": 2, "Label": label("Fishing")}]}),
    ],
}  # fmt: skip
CONTACT = {
    "SchemaName": "contact",
    "DisplayName": label("Contact"),
    "Attributes": [
        column("String", "fullname", IsPrimaryName=True),
        column("String", "firstname"),
        column("String", "lastname"),
        column("String", "emailaddress1"),
    ],
}


@dataclass
class Door:
    """Speaks HTTP to the server as somebody. Paths are behind ``/api/data/v9.2/``."""

    house: House
    address: str
    run: Callable[..., Any]
    people: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, who: str | None = "ann", **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        url = path if path.startswith("http") else f"{self.address}/api/data/v9.2/{path}"

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(timeout=30) as client:
                return await client.request(method, url, headers=headers, **more)

        answer: httpx.Response = self.run(asked())
        return answer

    def get(self, path: str, who: str = "ann", **more: Any) -> httpx.Response:
        return self.ask("GET", path, who, **more)

    def value(self, path: str, who: str = "ann", **more: Any) -> list[dict[str, Any]]:
        answer = self.get(path, who, **more)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["value"]
        return found

    def make(self, set_name: str, who: str = "ann", **values: Any) -> str:
        answer = self.ask("POST", set_name, who, json=values)
        assert answer.status_code == 204, answer.text
        return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")


def refused(answer: httpx.Response, status: int, code: str | None = None) -> str:
    """Hold an error's shape, and return its message."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"}
    assert set(error) == {"code", "message"}
    assert error["code"].startswith(("0x", "Unauth")), error
    if code is not None:
        assert error["code"] == code, error
    message: str = error["message"]
    return message


@pytest.fixture(scope="module")
def door(house: House, run: Callable[..., Any]) -> Iterator[Door]:
    """Ann and Ben are clerks: their own rows. The guest has no right on any table of ours."""
    serving = serve(house)
    door = Door(house, run(serving.__aenter__()), run)

    async def people() -> None:
        async with house.database.transaction() as t:
            await registry.insert(t, "role", {"roleid": CLERK, "name": "Clerk"}, by=None)
            for table in ("account", "contact"):
                for right in RIGHTS:
                    row = {"roleid": CLERK, "tablename": table, "rightname": right, "depth": 1}
                    await registry.insert(t, "roleprivilege", row, by=None)
        for name, roles in PEOPLE.items():
            new = NewPerson(name=name, upn=f"{name}@webapi.example")
            door.people[name] = await house.directory.add_person(new, roles=roles)
            door.tokens[name] = (await house.tokens.issue(door.people[name], "t")).reveal()

    run(people())
    for path, body in (
        ("EntityDefinitions", ACCOUNT),
        ("EntityDefinitions", CONTACT),
        ("EntityDefinitions(LogicalName='account')/Keys",
         {"SchemaName": "accountnumber_key", "KeyAttributes": ["accountnumber"]}),
        ("RelationshipDefinitions", one_to_many(
            "account_primary_contact", "contact", "account", Lookup=lookup("primarycontactid"))),
        ("RelationshipDefinitions", one_to_many(
            "account_parent_account", "account", "account", Lookup=lookup("parentaccountid"))),
    ):  # fmt: skip
        answer = door.ask("POST", path, "admin", json=body)
        assert answer.status_code == 204, answer.text
    customers = {
        "Lookup": lookup("parentcustomerid"),
        "OneToManyRelationships": [
            one_to_many("contact_customer_accounts", "account", "contact"),
            one_to_many("contact_customer_contacts", "contact", "contact"),
        ],
    }
    answer = door.ask("POST", "CreateCustomerRelationships", "admin", json=customers)
    assert answer.status_code == 200, answer.text
    yield door
    run(serving.__aexit__(None, None, None))
