"""Flows over HTTP, as rows of `workflow`: every rule that holds for flows holds there."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from flowner.access.rights import Right
from flowner.access.vocabulary import FlowRole
from flowner.directory.people import NewPerson
from flowner.errors import FlownerError
from flowner.flows.running import Press
from flowner.rows.seed import BASIC_USER, MAKER
from flowner.values import FlowId, PrincipalId
from webapi.conftest import SPACE, Door, refused
from worlds import written
from worlds.living import NOTE, PROFILE, RECURRENCE, Living, embedded

BUTTON = written.BUTTON


@pytest.fixture(scope="module", autouse=True)
def living(door: Door) -> Living:
    """Mae and Max make flows; Ora has the rights that everybody has."""
    living = Living(door.house)

    async def people() -> None:
        for name, roles in (("mae", (MAKER,)), ("max", (MAKER,)), ("ora", ())):
            new = NewPerson(name=name, upn=f"{name}@flows.example")
            living.people[name] = await door.house.directory.add_person(
                new, roles=(BASIC_USER, *roles)
            )
            door.people[name] = living.people[name]
            token = await door.house.tokens.issue(living.people[name], "t")
            door.tokens[name] = token.reveal()

    door.run(people())
    return living


def data(
    trigger: dict[str, Any] | None = None,
    actions: dict[str, Any] | None = None,
    references: dict[str, Any] | None = None,
) -> str:
    definition = {
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/"
        "2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"$connections": {"defaultValue": {}, "type": "Object"}},
        "triggers": trigger or BUTTON,
        "actions": actions or NOTE,
    }
    properties = {"connectionReferences": references or {}, "definition": definition}
    return json.dumps({"properties": properties, "schemaVersion": "1.0.0.0"})


def new(**more: Any) -> dict[str, Any]:
    return {"category": 5, "name": f"Flow {uuid.uuid4().hex[:6]}", "type": 1,
            "primaryentity": "none", "clientdata": data(), **more}  # fmt: skip


def row(door: Door, id: str, who: str = "mae") -> dict[str, Any]:
    answer = door.get(f"workflows({id})", who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def patch(door: Door, id: str, who: str = "mae", **change: Any) -> Any:
    return door.ask("PATCH", f"workflows({id})", who, json=change)


def share(door: Door, action: str, id: str, to: str, *rights: Right) -> None:
    """Share a flow's row by the action of the Web API, or end that, in Mae's name."""
    holder = {"@odata.type": f"{SPACE}systemuser", "systemuserid": door.people[to]}
    body: dict[str, Any] = {"Target": {"@odata.type": f"{SPACE}workflow", "workflowid": id}}
    if action == "RevokeAccess":
        body["Revokee"] = holder
    else:
        mask = ", ".join(f"{right}Access" for right in rights)
        body["PrincipalAccess"] = {"Principal": holder, "AccessMask": mask}
    answer = door.ask("POST", action, "mae", json=body)
    assert answer.status_code == 204, answer.text


def test_a_flow_is_made_turned_on_pressed_and_turned_off(door: Door, living: Living) -> None:
    id = door.make("workflows", "mae", **new())
    found = row(door, id)
    assert (found["statecode"], found["statuscode"], found["category"]) == (0, 1, 5)
    assert found["_ownerid_value"] == door.people["mae"]
    assert found["_owningbusinessunit_value"] is not None
    assert json.loads(found["clientdata"]) == json.loads(data())
    assert patch(door, id, statecode=1).status_code == 204
    assert (row(door, id)["statecode"], row(door, id)["statuscode"]) == (1, 2)
    header = door.run(living.press(FlowId(id), "mae"))
    assert header.status == "Succeeded"
    assert patch(door, id, statecode=0, statuscode=1).status_code == 204
    with pytest.raises(FlownerError):
        door.run(living.press(FlowId(id), "mae"))


def test_a_flow_may_be_made_turned_on(door: Door) -> None:
    id = door.make("workflows", "mae", **new(statecode=1, statuscode=2))
    assert row(door, id)["statecode"] == 1


def test_another_definition_is_the_next_version_and_live(door: Door, living: Living) -> None:
    id = door.make("workflows", "mae", **new(statecode=1))
    actions = {"Other": {"runAfter": {}, "type": "Compose", "inputs": 2}}
    assert patch(door, id, clientdata=data(actions=actions)).status_code == 204
    found = row(door, id)
    assert (found["currentversion"], found["statecode"]) == (2, 1)
    run = door.run(living.pressed(FlowId(id), "mae"))
    assert set(door.run(living.actions(run))) == {"Other"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"clientdata": None}, 400, id="no definition"),
        pytest.param({"clientdata": "{"}, 400, id="no JSON"),
        pytest.param({"clientdata": "[]"}, 400, id="no flow"),
        pytest.param({"category": 0}, 400, id="a classic workflow"),
        pytest.param({"primaryentity": "account"}, 400, id="a process of a table"),
        pytest.param({"statecode": 1, "statuscode": 1}, 400, id="state and status disagree"),
        pytest.param({"name": None}, 400, id="no name"),
    ],
)
def test_what_is_no_flow_is_refused(door: Door, change: dict[str, Any], status: int) -> None:
    refused(door.ask("POST", "workflows", "mae", json=new(**change)), status)


def test_what_cannot_be_saved_is_refused_whole(door: Door) -> None:
    id = door.make("workflows", "mae", **new(statecode=1))
    before = row(door, id)
    provided = {"people": written.reference(written.PEOPLE, "x", source="invoker")}
    answer = patch(door, id, name="New", clientdata=data(RECURRENCE, PROFILE, provided))
    assert "InvokerConnectionNotAllowed" in refused(answer, 400, "0x80060467")
    assert row(door, id) == before


def test_turning_on_asks_for_the_connections(door: Door, living: Living) -> None:
    connection = door.run(living.connection("max"))
    name = f"ref_{uuid.uuid4().hex[:6]}"
    reference = {"bind": {name: connection}}
    door.run(living.bring("max", BUTTON, PROFILE, embedded(name), **reference))
    id = door.make("workflows", "mae", **new(clientdata=data(BUTTON, PROFILE, embedded(name))))
    said = refused(patch(door, id, statecode=1), 400, "0x80060467")
    assert "ConnectionAuthorizationFailed" in said
    assert "ask max" in said
    missing = embedded(f"ref_{uuid.uuid4().hex[:6]}")
    id = door.make("workflows", "mae", **new(clientdata=data(BUTTON, PROFILE, missing)))
    said = refused(patch(door, id, statecode=1), 400, "0x80060467")
    assert "FlowMissingConnection" in said


def test_nobody_lends_by_acting_for_somebody(door: Door, living: Living) -> None:
    flow, _, _ = door.run(living.borrowed("mae", "mae"))
    headers = {"MSCRMCallerID": door.people["mae"]}
    path = f"workflows({flow})"
    answer = door.ask("PATCH", path, "admin", json={"statecode": 1}, headers=headers)
    assert "ConnectionAuthorizationFailed" in refused(answer, 400, "0x80060467")
    assert patch(door, flow, statecode=1).status_code == 204


def test_a_flow_is_handed_over_to_one_who_acts(door: Door) -> None:
    id = door.make("workflows", "mae", **new(statecode=1))
    team = door.make("teams", "admin", name="Crew", teamtype=0)
    door.run(door.house.directory.give_role(PrincipalId(team), BASIC_USER))
    refused(patch(door, id, **{"ownerid@odata.bind": f"/teams({team})"}), 400)
    to = {"ownerid@odata.bind": f"/systemusers({door.people['max']})"}
    refused(patch(door, id, "ora", **to), 403, "0x80040220")
    assert patch(door, id, **to).status_code == 204
    assert row(door, id, "max")["_ownerid_value"] == door.people["max"]
    assert row(door, id)["statecode"] == 1, "the former owner is co-owner, and sees it"
    assert patch(door, id, name="Still mine to edit").status_code == 204
    back = {"ownerid@odata.bind": f"/systemusers({door.people['mae']})"}
    refused(patch(door, id, "mae", **back), 403, "0x80048306")


def test_a_share_to_write_makes_a_co_owner(door: Door) -> None:
    id = door.make("workflows", "mae", **new())
    refused(door.get(f"workflows({id})", "max"), 403, "0x80048306")
    share(door, "GrantAccess", id, "max", Right.READ)
    assert row(door, id, "max")["name"]
    refused(patch(door, id, "max", name="Mine"), 403, "0x80048306")
    share(door, "GrantAccess", id, "max", Right.READ, Right.WRITE)
    assert patch(door, id, "max", name="Ours").status_code == 204
    assert patch(door, id, "max", statecode=1).status_code == 204
    listed = {one["flow"]: one for one in door.run(door.house.listing.flows())}
    assert "co-owner" in str(listed["Ours"])
    share(door, "ModifyAccess", id, "max", Right.READ)
    refused(patch(door, id, "max", name="Mine"), 403, "0x80048306")
    assert row(door, id, "max")["name"] == "Ours"
    share(door, "GrantAccess", id, "max", Right.WRITE)
    assert patch(door, id, "max", statecode=0).status_code == 204
    share(door, "RevokeAccess", id, "max")
    refused(patch(door, id, "max", name="Mine"), 403, "0x80048306")
    refused(door.get(f"workflows({id})", "max"), 403, "0x80048306")


def test_a_share_elsewhere_opens_the_row(door: Door) -> None:
    id = door.make("workflows", "mae", **new())
    group = door.run(door.house.directory.add_group(f"g {id}"))
    mae, ora = PrincipalId(door.people["mae"]), PrincipalId(door.people["ora"])
    door.run(door.house.directory.add_member(group, PrincipalId(door.people["max"])))
    door.run(door.house.sharing.share(FlowId(id), group, FlowRole.CO_OWNER, mae))
    assert patch(door, id, "max", name="By the group").status_code == 204
    door.run(door.house.sharing.share(FlowId(id), ora, FlowRole.RUN_ONLY, mae))
    refused(door.get(f"workflows({id})", "ora"), 403, "0x80048306")


def test_rights_on_the_row_alone_are_not_enough(door: Door) -> None:
    """Somebody who may write every row of `workflow` is no owner of a flow for that."""
    id = door.make("workflows", "mae", **new())
    rights = {("workflow", right): 8 for right in ("Read", "Write", "Delete")}
    role = door.run(door.house.directory.add_role(f"r {id}", rights))
    door.run(door.house.directory.give_role(PrincipalId(door.people["ora"]), role))
    refused(patch(door, id, "ora", name="Mine"), 403, "0x80048306")
    refused(patch(door, id, "ora", statecode=1), 403, "0x80048306")
    refused(door.ask("DELETE", f"workflows({id})", "ora"), 403, "0x80048306")


def test_a_flow_is_deleted_when_it_is_off(door: Door, living: Living) -> None:
    id = door.make("workflows", "mae", **new(statecode=1))
    said = refused(door.ask("DELETE", f"workflows({id})", "mae"), 400)
    assert said.startswith("cannot delete an active workflow definition")
    door.run(living.press(FlowId(id), "mae"))
    assert patch(door, id, statecode=0).status_code == 204
    assert door.ask("DELETE", f"workflows({id})", "mae").status_code == 204
    refused(door.get(f"workflows({id})", "mae"), 404)
    assert door.run(door.house.history.runs(PrincipalId(door.people["mae"]), flow=FlowId(id))) == []
    assert len(door.run(door.house.history.runs(None, flow=FlowId(id)))) == 1


def test_a_flow_is_kept_while_a_run_is_under_way(door: Door) -> None:
    waits = {"Wait": {"runAfter": {}, "type": "Wait",
                      "inputs": {"interval": {"count": 1, "unit": "Hour"}}}}  # fmt: skip
    id = door.make("workflows", "mae", **new(statecode=1, clientdata=data(actions=waits)))
    mae = PrincipalId(door.people["mae"])
    door.run(door.house.running.press(Press(flow=FlowId(id), by=mae, inputs={})))
    assert patch(door, id, statecode=0).status_code == 204
    assert "under way" in refused(door.ask("DELETE", f"workflows({id})", "mae"), 400)


def test_a_version_that_was_undone_is_never_run(door: Door, living: Living) -> None:
    """A change set publishes, turns on and fails: the number is another definition's then."""
    id = door.make("workflows", "mae", **new())

    def parts(*bodies: dict[str, Any]) -> str:
        return "".join(
            f"--c\r\nContent-Type: application/http\r\nContent-ID: {n}\r\n\r\n"
            f"PATCH {door.address}/api/data/v9.2/workflows({id}) HTTP/1.1\r\n"
            f"Content-Type: application/json\r\n\r\n{json.dumps(body)}\r\n"
            for n, body in enumerate(bodies)
        )

    undone = {"Undone": {"runAfter": {}, "type": "Compose", "inputs": 2}}
    body = parts({"clientdata": data(actions=undone), "statecode": 1}, {"category": 1})
    text = f"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{body}--c--\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = door.ask("POST", "$batch", "mae", content=text, headers=headers)
    assert "`category`" in answer.text
    assert row(door, id)["currentversion"] == 1
    kept = {"Kept": {"runAfter": {}, "type": "Compose", "inputs": 3}}
    assert patch(door, id, clientdata=data(actions=kept), statecode=1).status_code == 204
    run = door.run(living.pressed(FlowId(id), "mae"))
    assert set(door.run(living.actions(run))) == {"Kept"}


def test_it_takes_the_privilege(door: Door) -> None:
    refused(door.ask("POST", "workflows", "ora", json=new()), 403, "0x80040220")


def test_runs_are_seen_by_those_who_see_the_history(door: Door, living: Living) -> None:
    """Owner and co-owners see every run, run-only users their own, others none."""
    id = door.make("workflows", "mae", **new(statecode=1))
    mae, max_, ora = (PrincipalId(door.people[name]) for name in ("mae", "max", "ora"))
    house = door.house
    door.run(house.sharing.share(FlowId(id), max_, FlowRole.CO_OWNER, mae))
    group = door.run(house.directory.add_group(f"runners {id}"))
    door.run(house.directory.add_member(group, ora))
    door.run(house.sharing.share(FlowId(id), group, FlowRole.RUN_ONLY, mae))
    hers = door.run(living.pressed(FlowId(id), "mae"))
    theirs = door.run(living.pressed(FlowId(id), "ora"))
    where = f"flowruns?$filter=_workflowid_value eq {id}"

    def seen(who: str) -> set[str]:
        return {one["name"] for one in door.value(where, who)}

    assert seen("mae") == seen("max") == seen("admin") == {str(hers), str(theirs)}
    assert seen("ora") == {str(theirs)}
    for who, name in (("mae", mae), ("max", max_), ("ora", ora)):
        told = door.run(house.history.runs(name, flow=FlowId(id)))
        assert {one["run"] for one in told} == seen(who)
    (run,) = door.value(where, "ora")
    assert (run["status"], run["triggertype"]) == ("Succeeded", "Manual")
    assert run["_ownerid_value"] == mae
    assert run["_startedbyid_value"] == run["_ranasid_value"] == ora
    path = f"flowruns({run['flowrunid']})"
    assert door.get(path, "ora").status_code == 200
    refused(door.get(path, "ben"), 403)
    refused(door.ask("DELETE", path, "admin"), 403, "0x80040220")
    door.run(house.sharing.unshare(FlowId(id), group, mae))
    assert seen("ora") == set()
    assert patch(door, id, statecode=0).status_code == 204
    assert door.ask("DELETE", f"workflows({id})", "mae").status_code == 204
    assert seen("mae") == set()
