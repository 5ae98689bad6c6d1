"""Connection references and environment variables over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from flowner.rows.seed import MAKER
from flowner.rows.variables import read_variables
from webapi.conftest import Door, refused
from worlds import written
from worlds.living import PROFILE, Living, embedded

APIS = "/providers/Microsoft.PowerApps/apis/"
TEXT, NUMBER, BOOLEAN, JSON = range(100_000_000, 100_000_004)


@pytest.fixture(scope="module", autouse=True)
def living(door: Door) -> Living:
    """Mae and Max make flows."""
    living = Living(door.house)

    async def people() -> None:
        for name in ("mae", "max"):
            door.people[name] = await living.person(name, MAKER)
            door.tokens[name] = (await door.house.tokens.issue(living.people[name], "t")).reveal()

    door.run(people())
    return living


def reference(door: Door, who: str = "mae", **more: Any) -> tuple[str, str]:
    name = f"ref_{uuid.uuid4().hex[:6]}"
    id = door.make("connectionreferences", who, connectionreferencelogicalname=name,
                   connectorid=APIS + written.PEOPLE, **more)  # fmt: skip
    return id, name


def row(door: Door, path: str, who: str = "mae") -> dict[str, Any]:
    answer = door.get(path, who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def patch(door: Door, path: str, who: str = "mae", **change: Any) -> Any:
    return door.ask("PATCH", path, who, json=change)


def test_a_reference_points_at_ones_own_connection(door: Door, living: Living) -> None:
    mine, other = (door.run(living.connection(who)) for who in ("mae", "max"))
    id, _ = reference(door, connectionid=mine, connectionreferencedisplayname="People")
    path = f"connectionreferences({id})"
    found = row(door, path)
    assert (found["connectionid"], found["connectorid"]) == (mine, written.PEOPLE)
    assert found["_ownerid_value"] == door.people["mae"]
    said = refused(patch(door, path, connectionid=other), 403, "0x80060467")
    assert "ConnectionAuthorizationFailed" in said
    whole = f"{APIS}{written.PEOPLE}/connections/{door.run(living.connection('mae'))}"
    assert patch(door, path, connectionid=whole).status_code == 204
    assert row(door, path)["connectionid"] == whole.rpartition("/")[2]
    mail = door.run(living.connection("mae", written.MAIL))
    assert "InvalidConnection" in refused(patch(door, path, connectionid=mail), 400, "0x80060467")
    assert patch(door, path, connectionid=None).status_code == 204
    assert row(door, path)["connectionid"] is None
    refused(patch(door, path, connectionreferencelogicalname="other"), 400)
    assert patch(door, path, connectionreferencedisplayname="Renamed").status_code == 204


def test_nobody_points_at_anothers_by_acting_for_them(door: Door, living: Living) -> None:
    mine = door.run(living.connection("mae"))
    id, _ = reference(door)
    headers = {"MSCRMCallerID": door.people["mae"]}
    path = f"connectionreferences({id})"
    answer = door.ask("PATCH", path, "admin", json={"connectionid": mine}, headers=headers)
    refused(answer, 403, "0x80060467")


def test_a_reference_stays_while_a_flow_uses_it(door: Door, living: Living) -> None:
    id, name = reference(door, connectionid=door.run(living.connection("mae")))
    flow = door.run(living.flow("mae", written.BUTTON, PROFILE, embedded(name)))
    path = f"connectionreferences({id})"
    refused(door.ask("DELETE", path, "max"), 403, "0x80048306")
    refused(door.ask("DELETE", path, "mae"), 400, "0x80040227")
    assert patch(door, f"workflows({flow})", statecode=0).status_code == 204
    assert door.ask("DELETE", f"workflows({flow})", "mae").status_code == 204
    assert door.ask("DELETE", path, "mae").status_code == 204
    refused(door.get(path, "mae"), 404)


def test_one_reference_of_a_name(door: Door) -> None:
    _, name = reference(door)
    body = {"connectionreferencelogicalname": name.upper(), "connectorid": written.PEOPLE}
    refused(door.ask("POST", "connectionreferences", "max", json=body), 412, "0x80040237")
    refused(door.ask("POST", "connectionreferences", "max", json={"connectorid": "x"}), 400)


def test_a_variable_has_a_default_and_one_value(door: Door) -> None:
    name = f"t_{uuid.uuid4().hex[:6]}"
    id = door.make("environmentvariabledefinitions", "mae", schemaname=name, type=NUMBER,
                   defaultvalue="1", displayname="Number")  # fmt: skip

    def now() -> tuple[int, str | None]:
        async def read() -> dict[str, tuple[int, str | None]]:
            async with door.house.database.connection() as t:
                return await read_variables(t, [name])

        found: dict[str, tuple[int, str | None]] = door.run(read())
        return found.get(name, (0, None))

    assert now() == (NUMBER, "1")
    link = f"/environmentvariabledefinitions({id})"
    body = {"EnvironmentVariableDefinitionId@odata.bind": link, "value": "2"}
    refused(door.ask("POST", "environmentvariablevalues", "max", json=body), 403, "0x80048306")
    bare = {"environmentvariabledefinitionid": id, "value": "2"}
    refused(door.ask("POST", "environmentvariablevalues", "max", json=bare), 403, "0x80048306")
    value = door.make("environmentvariablevalues", "mae", **body)
    assert now() == (NUMBER, "2")
    refused(door.ask("POST", "environmentvariablevalues", "mae", json=body), 412, "0x80040237")
    refused(patch(door, f"environmentvariablevalues({value})", value="two"), 400)
    assert patch(door, f"environmentvariablevalues({value})", value="3").status_code == 204
    assert now() == (NUMBER, "3")
    refused(patch(door, f"environmentvariabledefinitions({id})", schemaname="x"), 400)
    path = f"environmentvariabledefinitions({id})?$expand=environmentvariabledefinition_environmentvariablevalue"  # noqa: E501
    found = row(door, path)
    assert [
        one["value"] for one in found["environmentvariabledefinition_environmentvariablevalue"]
    ] == ["3"]
    assert door.ask("DELETE", f"environmentvariabledefinitions({id})", "mae").status_code == 204
    refused(door.get(f"environmentvariablevalues({value})", "mae"), 404)
    assert now() == (0, None)


@pytest.mark.parametrize(
    ("type", "value"), [(NUMBER, "x"), (BOOLEAN, "maybe"), (JSON, "{"), (1, "x"), (None, "x")]
)
def test_a_default_is_of_its_type(door: Door, type: int | None, value: str) -> None:
    body = {"schemaname": f"t_{uuid.uuid4().hex}", "type": type, "defaultvalue": value}
    refused(door.ask("POST", "environmentvariabledefinitions", "mae", json=body), 400)


@pytest.mark.parametrize(
    ("table", "said"),
    [("callbackregistrations", "turning a flow on"), ("securitygroups", "`flowner groups`")],
)
def test_what_is_written_otherwise_says_how(door: Door, table: str, said: str) -> None:
    assert said in refused(door.ask("POST", table, "admin", json={}), 403, "0x80040220")


def test_a_registration_is_seen_while_its_flow_is_on(door: Door, living: Living) -> None:
    trigger = written.row_trigger("account")
    rows = door.run(living.connection("mae", written.ROWS))
    bound = f"ref_{uuid.uuid4().hex[:6]}"
    references = {"rows": written.reference(written.ROWS, bound)}
    flow = door.run(living.flow("mae", trigger, None, references, bind={bound: rows}))
    where = f"callbackregistrations?$filter=_workflowid_value eq {flow}"
    (seen,) = door.value(where, "mae")
    assert seen["entityname"] == "account"
    assert patch(door, f"workflows({flow})", statecode=0).status_code == 204
    assert door.value(where, "mae") == []
