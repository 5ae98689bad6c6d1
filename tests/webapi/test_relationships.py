"""Relationships made over HTTP carry on what they say: to children, and in whose name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowner.rows import registry
from webapi.conftest import CLERK, RIGHTS, Door, column, label, lookup, one_to_many, refused

TABLES = "EntityDefinitions"
RELATIONS = "RelationshipDefinitions"


@pytest.fixture(scope="module")
def parcels(door: Door, run: Callable[..., Any]) -> Door:
    """A table for each behavior on delete, of parcels that belong to an account."""
    for name, cascade in (
        ("par_free", None),
        ("par_kept", {"Delete": "Restrict"}),
        ("par_gone", {"Delete": "Cascade", "Assign": "Cascade"}),
        ("par_near", {"Delete": "RemoveLink", "Assign": "UserOwned"}),
    ):
        body = {"SchemaName": name, "DisplayName": label(name),
                "Attributes": [column("String", "par_name", IsPrimaryName=True)]}  # fmt: skip
        assert door.ask("POST", TABLES, "admin", json=body).status_code == 204
        more = {} if cascade is None else {"CascadeConfiguration": cascade}
        relation = one_to_many(f"{name}_account", "account", name, Lookup=lookup("par_account"),
                               **more)  # fmt: skip
        assert door.ask("POST", RELATIONS, "admin", json=relation).status_code == 204

    async def grant() -> None:
        async with door.house.database.transaction() as t:
            for table in ("par_free", "par_kept", "par_gone", "par_near"):
                for right in RIGHTS:
                    row = {"roleid": CLERK, "tablename": table, "rightname": right, "depth": 1}
                    await registry.insert(t, "roleprivilege", row, by=None)

    run(grant())
    return door


def parcel(door: Door, kind: str, account: str, who: str = "ann") -> str:
    return door.make(f"{kind}s", who, **{
        "par_name": "p", "par_account@odata.bind": f"/accounts({account})"})  # fmt: skip


def account_of(door: Door, kind: str, id: str) -> object:
    return door.get(f"{kind}s({id})", "admin").json()["_par_account_value"]


@pytest.mark.parametrize("kind", ["par_free", "par_near"])
def test_a_link_is_removed_when_nothing_else_is_said(parcels: Door, kind: str) -> None:
    account = parcels.make("accounts", name="A")
    id = parcel(parcels, kind, account)
    assert parcels.ask("DELETE", f"accounts({account})").status_code == 204
    assert account_of(parcels, kind, id) is None


def test_a_row_that_is_needed_stays(parcels: Door) -> None:
    account = parcels.make("accounts", name="A")
    id = parcel(parcels, "par_kept", account)
    refused(parcels.ask("DELETE", f"accounts({account})"), 400, "0x80040227")
    assert account_of(parcels, "par_kept", id) == account
    assert parcels.ask("DELETE", f"par_kepts({id})").status_code == 204
    assert parcels.ask("DELETE", f"accounts({account})").status_code == 204


def test_children_go_with_their_parent(parcels: Door) -> None:
    account = parcels.make("accounts", name="A")
    id = parcel(parcels, "par_gone", account)
    assert parcels.ask("DELETE", f"accounts({account})").status_code == 204
    refused(parcels.get(f"par_gones({id})", "admin"), 404)


def test_nobody_deletes_by_a_relationship_what_they_may_not_delete(parcels: Door) -> None:
    account = parcels.make("accounts", name="A")
    id = parcel(parcels, "par_gone", account, "admin")
    refused(parcels.ask("DELETE", f"accounts({account})"), 403, "0x80048306")
    assert account_of(parcels, "par_gone", id) == account, "nothing is done by halves"


@pytest.mark.parametrize(("kind", "goes"), [("par_gone", True), ("par_free", False)])
def test_a_new_owner_is_carried_on(parcels: Door, kind: str, goes: bool) -> None:
    account = parcels.make("accounts", name="A")
    id = parcel(parcels, kind, account)
    owner = {"ownerid@odata.bind": f"/systemusers({parcels.people['ben']})"}
    given = parcels.ask("PATCH", f"accounts({account})", "admin", json=owner)
    assert given.status_code == 204, given.text
    found = parcels.get(f"{kind}s({id})", "admin").json()["_ownerid_value"]
    assert (found == parcels.people["ben"]) is goes


def test_a_relationship_works_from_the_moment_it_is_made(parcels: Door) -> None:
    account = parcels.make("accounts", name="A")
    body = {"SchemaName": "par_late", "DisplayName": label("Late"),
            "Attributes": [column("String", "par_name", IsPrimaryName=True)]}  # fmt: skip
    assert parcels.ask("POST", TABLES, "admin", json=body).status_code == 204
    relation = one_to_many("par_late_account", "account", "par_late", Lookup=lookup("par_account"),
                           CascadeConfiguration={"Delete": "Restrict"})  # fmt: skip
    assert parcels.ask("POST", RELATIONS, "admin", json=relation).status_code == 204
    parcel(parcels, "par_late", account, "admin")
    refused(parcels.ask("DELETE", f"accounts({account})"), 400, "0x80040227")
    attribute = "EntityDefinitions(LogicalName='par_late')/Attributes(LogicalName='par_account')"
    assert parcels.ask("DELETE", attribute, "admin").status_code == 204
    assert parcels.ask("DELETE", f"accounts({account})").status_code == 204


@pytest.mark.parametrize(
    ("what", "how"), [("Delete", "Sometimes"), ("Assign", "RemoveLink"), ("Delete", 3)]
)
def test_an_unknown_behavior_is_refused(door: Door, what: str, how: object) -> None:
    relation = one_to_many("contact_odd", "contact", "account", Lookup=lookup("oddid"),
                           CascadeConfiguration={what: how})  # fmt: skip
    said = refused(door.ask("POST", RELATIONS, "admin", json=relation), 400)
    assert what in said


def test_a_row_that_two_ways_lead_to_goes_once(parcels: Door) -> None:
    above = one_to_many("par_above_par", "par_gone", "par_gone", Lookup=lookup("par_above"),
                        CascadeConfiguration={"Delete": "Cascade"})  # fmt: skip
    assert parcels.ask("POST", RELATIONS, "admin", json=above).status_code == 204
    account = parcels.make("accounts", name="A")
    four = [parcel(parcels, "par_gone", account) for _ in range(4)]
    for below, top in ((four[1], four[0]), (four[2], four[3])):
        link = {"par_above@odata.bind": f"/par_gones({top})"}
        assert parcels.ask("PATCH", f"par_gones({below})", json=link).status_code == 204
    assert parcels.ask("DELETE", f"accounts({account})").status_code == 204
    assert {parcels.get(f"par_gones({id})", "admin").status_code for id in four} == {404}
