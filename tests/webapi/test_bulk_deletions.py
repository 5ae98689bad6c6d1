"""Bulk deletion: a job that deletes behind the request, in batches, as whoever asked for it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from flowner.access.rights import Right
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.server import House, at_work, open_house
from flowner.settings import Settings
from flowner.values import PrincipalId
from webapi.conftest import CLERK, Door, refused

SAID = "@OData.Community.Display.V1.FormattedValue"
NOTES = {"Prefer": 'odata.include-annotations="*"'}
READY, IN_PROGRESS, SUCCEEDED, FAILED = (0, 0), (2, 20), (3, 30), (3, 31)


@pytest.fixture(scope="module")
def house(database_url: str, run: Callable[..., Any], tmp_path_factory: Any) -> Iterator[House]:
    """A house where nothing is deleted by itself."""
    settings = Settings(database_url=database_url, data_folder=tmp_path_factory.mktemp("house"),
                        port=0)  # fmt: skip
    opening = open_house(settings)
    yield run(opening.__aenter__())
    run(opening.__aexit__(None, None, None))


def query(name: str, table: str = "account") -> dict[str, Any]:
    condition = {"AttributeName": "name", "Operator": "Equal", "Values": [{"Value": name}]}
    return {"EntityName": table, "Criteria": {"Conditions": [condition]}}


def many(door: Door, owner: str, count: int) -> str:
    """Make so many accounts of one fresh name; answers the name."""
    name, me = uuid.uuid4().hex, door.people[owner]
    values = ("INSERT INTO rows.account (name, ownerid, owneridtype, owningbusinessunit)"
              " SELECT %s, systemuserid, 'systemuser', businessunitid FROM rows.systemuser,"
              " generate_series(1, %s) WHERE systemuserid = %s")  # fmt: skip

    async def insert() -> None:
        async with door.house.database.transaction() as t:
            await t.execute(values, (name, count, me))

    door.run(insert())
    return name


def begin(door: Door, who: str, *queries: dict[str, Any], **more: Any) -> str:
    answer = door.ask("POST", "BulkDelete", who, json={"QuerySet": [*queries], **more})
    assert answer.status_code == 200, answer.text
    return str(uuid.UUID(answer.json()["JobId"]))


def job(door: Door, id: str, who: str = "admin") -> dict[str, Any]:
    answer = door.get(f"asyncoperations({id})", who, headers=NOTES)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def stage(door: Door, id: str) -> tuple[tuple[int, int], str | None]:
    found = job(door, id)
    return (found["statecode"], found["statuscode"]), found["message"]


def left(door: Door, name: str) -> int:
    return int(door.get(f"accounts/$count?$filter=name eq '{name}'", "admin").text)


def step(door: Door) -> bool:
    more: bool = door.run(door.house.bulk_deletions.step())
    return more


def finish(door: Door) -> None:
    while step(door):
        pass


def test_a_request_leaves_a_job_and_deletes_nothing_itself(door: Door) -> None:
    name = many(door, "ben", 3)
    id = begin(door, "ben", query(name), JobName="Sweep")
    before = job(door, id, "ben")
    assert (stage(door, id), left(door, name)) == ((READY, None), 3)
    assert before[f"statecode{SAID}"] == "Ready"
    assert before["startedon"] is before["completedon"] is None
    finish(door)
    after = job(door, id, "ben")
    assert left(door, name) == 0
    assert stage(door, id) == (SUCCEEDED, "3 rows are deleted, 0 could not be")
    assert (after["name"], after["primaryentitytype"]) == ("Sweep", "account")
    assert after[f"statecode{SAID}"] == "Completed"
    assert after[f"statuscode{SAID}"] == "Succeeded"
    assert after[f"operationtype{SAID}"] == "Bulk Delete"
    assert after["startedon"] <= after["completedon"]
    assert after["@odata.etag"] != before["@odata.etag"]
    assert after["_ownerid_value"] == door.people["ben"]


def test_only_what_its_owner_may_delete_is_deleted_and_the_rest_counted(
    door: Door, run: Callable[..., Any]
) -> None:
    """What the owner may not read is not counted either: the number would tell of it."""
    name = uuid.uuid4().hex
    mine, hers, hidden = (door.make("accounts", who, name=name) for who in ("ben", "ann", "ann"))
    ann, ben = (PrincipalId(door.people[name]) for name in ("ann", "ben"))
    run(door.house.store.grant_access(Caller(ann), "account", hers, ben, {Right.READ}))
    id = begin(door, "ben", query(name))
    finish(door)
    assert stage(door, id) == (SUCCEEDED, "1 rows are deleted, 1 could not be")
    refused(door.get(f"accounts({mine})", "admin"), 404)
    for other in (hers, hidden):
        assert door.get(f"accounts({other})", "admin").status_code == 200


def test_a_job_is_seen_by_its_owner_and_by_those_with_the_right(door: Door) -> None:
    id = begin(door, "ben", query("nobody's"))
    listed = f"asyncoperations?$filter=asyncoperationid eq {id}"
    assert [len(door.value(listed, who)) for who in ("ben", "admin", "ann")] == [1, 1, 0]
    refused(door.get(f"asyncoperations({id})", "ann"), 403, "0x80048306")
    refused(door.ask("PATCH", f"asyncoperations({id})", "ben", json={"statecode": 3}), 403)
    refused(door.get("bulkdeletions", "admin"), 404)
    finish(door)


def test_a_job_goes_on_where_the_server_stopped(door: Door, run: Callable[..., Any]) -> None:
    """A batch that was not committed is done again; nothing is counted twice."""
    first, second = many(door, "ben", 150), many(door, "ben", 120)
    id = begin(door, "ben", query(first), query(second))
    assert step(door)
    assert stage(door, id) == (IN_PROGRESS, "100 rows are deleted, 0 could not be")

    async def restart() -> None:
        ending = asyncio.create_task(door.house.bulk_deletions.step())
        await asyncio.sleep(0.05)
        ending.cancel()
        with suppress(asyncio.CancelledError):
            await ending
        async with open_house(door.house.settings) as anew, at_work(anew), asyncio.timeout(30):
            while (await state(anew))["statecode"] != 3:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)

    async def state(anew: House) -> dict[str, Any]:
        async with anew.database.connection() as t:
            return (await registry.select(t, "asyncoperation", {"asyncoperationid": id}))[0]

    run(restart())
    assert stage(door, id) == (SUCCEEDED, "270 rows are deleted, 0 could not be")
    assert (left(door, first), left(door, second), step(door)) == (0, 0, False)


def test_jobs_take_turns(door: Door) -> None:
    names = [many(door, "ben", 150) for _ in range(2)]
    ids = [begin(door, "ben", query(name)) for name in names]
    assert step(door)
    assert step(door)
    assert [stage(door, id)[0] for id in ids] == [IN_PROGRESS, IN_PROGRESS]
    finish(door)
    assert [left(door, name) for name in names] == [0, 0]


@pytest.mark.parametrize(
    ("withdraw", "restore"),
    [
        pytest.param(
            "UPDATE rows.systemuser SET isdisabled = true WHERE systemuserid = %(me)s",
            "UPDATE rows.systemuser SET isdisabled = false WHERE systemuserid = %(me)s",
            id="disabled",
        ),
        pytest.param(
            "DELETE FROM rows.roleassignment WHERE principalid = %(me)s AND roleid = %(role)s",
            "INSERT INTO rows.roleassignment (principalid, roleid) VALUES (%(me)s, %(role)s)",
            id="role withdrawn",
        ),
    ],
)
def test_each_batch_is_under_the_law_as_it_is_then(
    door: Door, run: Callable[..., Any], withdraw: str, restore: str
) -> None:
    name = many(door, "ben", 130)
    id = begin(door, "ben", query(name))
    assert step(door)

    async def say(statement: str) -> None:
        async with door.house.database.transaction() as t:
            await t.execute(statement, {"me": door.people["ben"], "role": CLERK})

    run(say(withdraw))
    try:
        finish(door)
        now, said = stage(door, id)
        assert (now, left(door, name)) == (FAILED, 30)
        assert str(said).startswith("100 rows are deleted, 0 could not be; then it failed: ")
        assert job(door, id)["completedon"] is not None
    finally:
        run(say(restore))


def test_whoever_acts_for_another_deletes_what_both_may(
    door: Door, run: Callable[..., Any]
) -> None:
    name = uuid.uuid4().hex
    ids = [door.make("accounts", "ann", name=name) for _ in range(3)]
    ann, proxy = (PrincipalId(door.people[name]) for name in ("ann", "proxy"))
    for id, rights in zip(ids, ({Right.READ, Right.DELETE}, {Right.READ}), strict=False):
        run(door.house.store.grant_access(Caller(ann), "account", id, proxy, rights))
    headers, body = {"MSCRMCallerID": ann}, {"QuerySet": [query(name)]}
    answer = door.ask("POST", "BulkDelete", "proxy", json=body, headers=headers)
    finish(door)
    found = job(door, answer.json()["JobId"])
    assert (found["_ownerid_value"], found["_createdonbehalfby_value"]) == (ann, proxy)
    assert found["message"] == "1 rows are deleted, 1 could not be"
    assert [row["accountid"] for row in door.value(f"accounts?$filter=name eq '{name}'", "admin")
            ] == sorted(ids[1:])  # fmt: skip


@pytest.mark.parametrize(
    ("who", "body", "status"),
    [
        pytest.param("ben", {}, 400, id="no queries"),
        pytest.param("ben", {"QuerySet": []}, 400, id="none of them"),
        pytest.param("ben", {"QuerySet": ["x"]}, 400, id="no object"),
        pytest.param("ben", {"QuerySet": [{"EntityName": "account"}]}, 400, id="no criteria"),
        pytest.param("ben", {"QuerySet": [{"EntityName": "account", "Criteria": {}}]}, 400,
                     id="every row"),
        pytest.param("ben", {"QuerySet": [query("x", "nothing")]}, 404, id="no table"),
        pytest.param("ben", {"QuerySet": [query("x", "asyncoperation")]}, 403, id="not written"),
        pytest.param("ben", {"QuerySet": [query("x"), query("x", "contact")]}, 400,
                     id="no column, in the second"),
        pytest.param("guest", {"QuerySet": [query("x")]}, 403, id="no privilege"),
        pytest.param("ben", {"QuerySet": [query("x")], "StartDateTime": "2999-01-01T00:00:00Z"},
                     400, id="another day"),
        pytest.param("ben", {"QuerySet": [query("x")], "RecurrencePattern": "FREQ=DAILY;"}, 400,
                     id="again and again"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_refused_and_leaves_no_job(
    door: Door, who: str, body: dict[str, Any], status: int
) -> None:
    before = door.get("asyncoperations/$count", "admin").text
    refused(door.ask("POST", "BulkDelete", who, json=body), status)
    assert door.get("asyncoperations/$count", "admin").text == before
