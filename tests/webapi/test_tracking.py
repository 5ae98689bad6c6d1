"""Change tracking over HTTP: what is new, changed or gone since, under the law, nothing lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest

from flowner.access.rights import Right
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.values import PrincipalId
from webapi.conftest import Door, refused

FOLLOW = {"Prefer": "odata.track-changes"}


def begin(door: Door, path: str = "accounts?$select=name", who: str = "ann") -> str:
    """Read all pages, and return the link to what changes later."""
    answer = door.get(path, who, headers=FOLLOW)
    assert answer.status_code == 200, answer.text
    assert "odata.track-changes" in answer.headers["Preference-Applied"]
    assert answer.json()["@odata.context"].endswith("/$delta")
    while "@odata.nextLink" in answer.json():
        answer = door.get(answer.json()["@odata.nextLink"], who)
    link: str = answer.json()["@odata.deltaLink"]
    return link


def since(door: Door, link: str, who: str = "ann") -> tuple[list[Any], list[Any], str]:
    """Return the rows that are new or changed, the ids of those gone, and the next link."""
    rows: list[Any] = []
    while True:
        answer = door.get(link, who)
        assert answer.status_code == 200, answer.text
        rows += answer.json()["value"]
        link = answer.json().get("@odata.nextLink", "")
        if not link:
            break
    gone = [row for row in rows if str(row.get("@odata.context")).endswith("/$deletedEntity")]
    assert all(row["reason"] == "deleted" for row in gone)
    there = [row for row in rows if row not in gone]
    return there, [row["id"] for row in gone], answer.json()["@odata.deltaLink"]


def test_a_list_is_followed(door: Door) -> None:
    kept, lost = door.make("accounts", name="kept"), door.make("accounts", name="lost")
    link = begin(door)
    assert since(door, link)[:2] == ([], [])
    made = door.make("accounts", name="made")
    door.ask("PATCH", f"accounts({kept})", json={"name": "kept, changed"})
    door.ask("DELETE", f"accounts({lost})")
    brief = door.make("accounts", name="brief")
    door.ask("DELETE", f"accounts({brief})")
    token = re.search(r"deltatoken=([^&]+)", unquote(link))
    assert token is not None
    count = door.get(f"accounts/$count?$deltatoken={quote(token[1], safe='')}", "ann")
    rows, gone, later = since(door, link)
    assert (count.status_code, int(count.text)) == (200, len(rows) + len(gone))
    refused(door.get("accounts/$count?$deltatoken=1", "ann"), 400)
    refused(door.get("accounts/$count?$deltatoken=1&$filter=name eq 'x'", "ann"), 400)
    assert {row["accountid"]: row["name"] for row in rows} == {made: "made", kept: "kept, changed"}
    assert all(row["@odata.etag"].startswith("W/") and "revenue" not in row for row in rows)
    assert gone == [lost]
    assert since(door, link)[:2] == (rows, gone), "a link can be followed again"
    assert since(door, later)[:2] == ([], [])
    door.ask("DELETE", f"accounts({made})")
    assert since(door, later)[:2] == ([], [made])


def test_a_row_that_came_back_is_there(door: Door) -> None:
    id = door.make("accounts", name="came")
    link = begin(door)
    door.ask("DELETE", f"accounts({id})")
    door.ask("PATCH", f"accounts({id})", json={"name": "back"})
    rows, gone, _ = since(door, link)
    assert ([row["name"] for row in rows], gone) == (["back"], [])


def test_pages_go_on_and_miss_nothing_that_happens_meanwhile(door: Door) -> None:
    ids = [door.make("accounts", name=f"page {at}") for at in range(5)]
    small = {"Prefer": "odata.track-changes,odata.maxpagesize=2"}
    answer = door.get("accounts?$select=name", headers=small)
    assert len(answer.json()["value"]) == 2
    assert "@odata.deltaLink" not in answer.json()
    (first, *_) = answer.json()["value"]
    door.ask("PATCH", f"accounts({first['accountid']})", json={"name": "page changed"})
    seen = len(answer.json()["value"])
    while "@odata.nextLink" in answer.json():
        answer = door.get(answer.json()["@odata.nextLink"], headers=small)
        seen += len(answer.json()["value"])
    assert seen == len(door.value("accounts?$select=name"))
    rows, _, _ = since(door, answer.json()["@odata.deltaLink"])
    assert first["accountid"] in {row["accountid"] for row in rows}
    for id in ids:
        door.ask("PATCH", f"accounts({id})", json={"name": "again"})
    changed: list[str] = []
    link = answer.json()["@odata.deltaLink"]
    while True:
        page = door.get(link, headers={"Prefer": "odata.maxpagesize=2"}).json()
        assert len(page["value"]) <= 2
        changed += [row["accountid"] for row in page["value"]]
        if "@odata.deltaLink" in page:
            break
        link = page["@odata.nextLink"]
    assert set(ids) <= set(changed)
    assert len(changed) == len(set(changed))
    assert since(door, page["@odata.deltaLink"])[:2] == ([], [])


def test_links_name_no_row_that_may_not_be_read(door: Door) -> None:
    link = begin(door)
    hidden = {door.make("accounts", "ben", name=f"hidden {at}") for at in range(6)}
    shown = {door.make("accounts", name=f"shown {at}") for at in range(3)}
    seen: list[str] = []
    while link:
        page = door.get(link, headers={"Prefer": "odata.maxpagesize=1"})
        text = page.text
        for _ in range(5):
            text = unquote(text)
        assert not [id for id in hidden if id in text]
        seen += [row["accountid"] for row in page.json()["value"]]
        link = page.json().get("@odata.nextLink", "")
    assert sorted(seen) == sorted(shown)


async def get(door: Door, link: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Ask from within the loop, where another transaction is still open."""
    given = {"Authorization": f"Bearer {door.tokens['ann']}", **(headers or {})}
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(link, headers=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_change_that_commits_late_is_told_late(door: Door, run: Callable[..., Any]) -> None:
    """It has an older version than what was seen before it: versions come before commits."""
    slow, quick = door.make("accounts", name="slow"), door.make("accounts", name="quick")
    link = begin(door)
    ann, store = Caller(PrincipalId(door.people["ann"])), door.house.store

    async def overtaken() -> dict[str, Any]:
        async with door.house.database.transaction() as t:
            await store.update(ann, "account", slow, {"name": "slow, changed"}, within=t)
            await store.update(ann, "account", quick, {"name": "quick, changed"})
            return await get(door, link)

    early = run(overtaken())
    assert [row["name"] for row in early["value"]] == ["quick, changed"]
    rows, _, later = since(door, early["@odata.deltaLink"])
    assert [row["name"] for row in rows] == ["slow, changed"]
    assert since(door, later)[:2] == ([], [])


def test_the_first_to_follow_waits_for_those_who_write(door: Door, run: Callable[..., Any]) -> None:
    """What they write is logged by nobody: they began before anybody followed the table."""
    ann, store = Caller(PrincipalId(door.people["ann"])), door.house.store
    address = f"{door.address}/api/data/v9.2/contacts?$select=fullname"

    async def raced() -> dict[str, Any]:
        async with door.house.database.transaction() as t:
            await registry.delete(t, "trackedtable", {"tablename": "contact"})
        async with door.house.database.transaction() as t:
            await store.create(ann, "contact", {"fullname": "unlogged"}, within=t)
            asked = asyncio.create_task(get(door, address, FOLLOW))
            done, _ = await asyncio.wait({asked}, timeout=0.5)
            assert not done
        return await asked

    answer = run(raced())
    assert "unlogged" in {row["fullname"] for row in answer["value"]}


def test_nobody_hears_of_what_they_may_not_read(door: Door, run: Callable[..., Any]) -> None:
    shared, hidden = (door.make("accounts", name=name) for name in ("shared", "hidden"))
    ann, store = Caller(PrincipalId(door.people["ann"])), door.house.store
    ben = PrincipalId(door.people["ben"])
    run(store.grant_access(ann, "account", shared, ben, {Right.READ}))
    links = {who: begin(door, who=who) for who in ("ben", "admin")}
    for id in (shared, hidden):
        door.ask("PATCH", f"accounts({id})", json={"name": "changed"})
    assert [row["accountid"] for row in since(door, links["ben"], "ben")[0]] == [shared]
    assert len(since(door, links["admin"], "admin")[0]) == 2
    for id in (shared, hidden):
        door.ask("DELETE", f"accounts({id})")
    assert since(door, links["ben"], "ben")[:2] == ([], [shared])
    assert set(since(door, links["admin"], "admin")[1]) == {shared, hidden}
    refused(door.get("accounts", "guest", headers=FOLLOW), 403, "0x80040220")
    refused(door.get(links["ben"], "guest"), 403, "0x80040220")


def test_a_row_that_was_given_away_is_not_told(door: Door, run: Callable[..., Any]) -> None:
    id = door.make("accounts", name="given")
    link = begin(door)
    ann = Caller(PrincipalId(door.people["ann"]))
    run(door.house.store.update(ann, "account", id, {"ownerid": door.people["ben"]}))
    door.ask("DELETE", f"accounts({id})", "ben")
    assert since(door, link)[:2] == ([], [])


@pytest.mark.parametrize(
    "query",
    ["$filter=name eq 'x'", "$orderby=name", "$expand=primarycontactid", "$top=3", "$count=true",
     "$apply=groupby((name))", "$select=nothing", "$deltatoken=x", "$deltatoken=1:1:!x",
     "$deltatoken=1:x:!2026-01-01T00:00:00Z", "$deltatoken=1:1:!2026-01-01T00:00:00",
     "$deltatoken=", "$skiptoken=x"],
)  # fmt: skip
def test_what_does_not_go_with_it_is_refused(door: Door, query: str) -> None:
    refused(door.get(f"accounts?{quote(query, safe='$=&(),')}", headers=FOLLOW), 400)


def test_old_and_foreign_links_have_expired(door: Door, run: Callable[..., Any]) -> None:
    link = unquote(begin(door))
    foreign = re.sub(r"deltatoken=(\d+):(\d+):", r"deltatoken=\1:\g<2>000:", link)
    old = re.sub(r"!\d{4}", "!2001", link)
    for one in (old, foreign):
        assert one != link
        refused(door.get(one), 400, "0x80044352")

    async def forget() -> None:
        """As a database does that was restored; somebody else asks before whoever has the link."""
        async with door.house.database.transaction() as t:
            await t.execute("DELETE FROM rows.trackedtable")
            await t.execute("INSERT INTO rows.trackedtable (tablename, begunon)"
                            " VALUES ('account', now() + interval '1 second')")  # fmt: skip

    run(forget())
    refused(door.get(link), 400, "0x80044352")

    async def forget_all() -> None:
        async with door.house.database.transaction() as t:
            await registry.delete(t, "trackedtable", {"tablename": "account"})

    run(forget_all())
    refused(door.get(link), 400, "0x80044352")
    begin(door)


def test_the_servers_own_tables_are_not_followed(door: Door) -> None:
    refused(door.get("systemusers", "admin", headers=FOLLOW), 400, "0x80060888")
    told = {
        name: door.get(f"EntityDefinitions(LogicalName='{name}')?$select=ChangeTrackingEnabled",
                       "admin").json()["ChangeTrackingEnabled"]
        for name in ("account", "systemuser")
    }  # fmt: skip
    assert told == {"account": True, "systemuser": False}
