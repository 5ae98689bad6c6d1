"""Columns are secured, and opened by profiles, by requests alone; positions are rows."""

from __future__ import annotations

import pytest

from flowner.rows.seed import ORGANIZATION
from webapi.conftest import Door, refused

REVENUE = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='revenue')"
TYPE = "#Microsoft.Dynamics.CRM.MoneyAttributeMetadata"


def secure(door: Door, is_secured: bool) -> None:
    shown = door.get(REVENUE, "admin").json()
    body = {"@odata.type": shown["@odata.type"], "LogicalName": "revenue", "IsSecured": is_secured}
    answer = door.ask("PUT", REVENUE, "admin", json=body)
    assert answer.status_code == 204, answer.text
    assert door.get(REVENUE, "admin").json()["IsSecured"] is is_secured


def seen(door: Door, account: str, who: str = "ann") -> object:
    return door.get(f"accounts({account})?$select=revenue", who).json()["revenue"]


def test_a_profile_opens_what_was_secured(door: Door) -> None:
    account = door.make("accounts", name="Vault", revenue=100)
    secure(door, True)
    assert seen(door, account) is None
    assert seen(door, account, "admin") == 100
    refused(door.ask("PATCH", f"accounts({account})", "ann", json={"revenue": 1}), 403)

    profile = door.make("fieldsecurityprofiles", "admin", name="Sees revenue")
    of = {"fieldsecurityprofileid@odata.bind": f"/fieldsecurityprofiles({profile})"}
    permission = door.make("fieldpermissions", "admin", **of, entityname="account",
                           attributelogicalname="revenue", canread=4)  # fmt: skip
    assert seen(door, account) is None, "nobody has the profile yet"
    who = {"@odata.id": f"{door.address}/api/data/v9.2/systemusers({door.people['ann']})"}
    path = f"fieldsecurityprofiles({profile})/systemuserprofiles_association/$ref"
    assert door.ask("POST", path, "admin", json=who).status_code == 204
    assert seen(door, account) == 100
    refused(door.ask("PATCH", f"accounts({account})", "ann", json={"revenue": 1}), 403)

    changed = door.ask("PATCH", f"fieldpermissions({permission})", "admin", json={"canupdate": 4})
    assert changed.status_code == 204
    patched = door.ask("PATCH", f"accounts({account})", "ann", json={"revenue": 1})
    assert patched.status_code == 204
    assert seen(door, account) == 1

    gone = door.ask("DELETE", f"fieldsecurityprofiles({profile})", "admin")
    assert gone.status_code == 204
    assert seen(door, account) is None
    assert door.value(f"fieldpermissions?$filter=fieldpermissionid eq {permission}", "admin") == []
    secure(door, False)
    assert seen(door, account) == 1


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"canread": 1}, 400),
        ({"entityname": None}, 400),
        ({"attributelogicalname": "name"}, 400),
    ],
)
def test_a_permission_is_of_a_secured_column(
    door: Door, wrong: dict[str, object], status: int
) -> None:
    secure(door, True)
    profile = door.make("fieldsecurityprofiles", "admin", name="Wrong")
    body = {"fieldsecurityprofileid@odata.bind": f"/fieldsecurityprofiles({profile})",
            "entityname": "account", "attributelogicalname": "revenue", "canread": 4}  # fmt: skip
    refused(door.ask("POST", "fieldpermissions", "admin", json=body | wrong), status)
    assert door.ask("POST", "fieldpermissions", "admin", json=body).status_code == 204
    refused(door.ask("POST", "fieldpermissions", "admin", json=body), 412)
    secure(door, False)


@pytest.mark.parametrize("name", ["fieldsecurityprofiles", "positions"])
def test_only_administrators_write_them(door: Door, name: str) -> None:
    refused(door.ask("POST", name, "ann", json={"name": "Mine"}), 403, "0x80040220")
    refused(door.ask("PUT", REVENUE, "ann", json={"IsSecured": False}), 403)


def test_positions_are_a_tree(door: Door) -> None:
    top = door.make("positions", "admin", name="Head of all")
    above = {"parentpositionid@odata.bind": f"/positions({top})"}
    below = door.make("positions", "admin", name="Head of some", **above)
    turned = {"parentpositionid@odata.bind": f"/positions({below})"}
    refused(door.ask("PATCH", f"positions({top})", "admin", json=turned), 400)
    refused(door.ask("DELETE", f"positions({top})", "admin"), 400)
    assert door.ask("DELETE", f"positions({below})", "admin").status_code == 204
    assert door.ask("DELETE", f"positions({top})", "admin").status_code == 204
    refused(door.ask("DELETE", f"organizations({ORGANIZATION})", "admin"), 403)
