"""SCIM: a directory outside keeps people and groups, with clients that others wrote."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server
from scim2_tester.utils import Status

from flowner.rows import registry
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import Secret
from signin.conftest import Door

PROVISIONER = "00000000-0000-4000-8000-0000000000aa"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


ALWAYS_THERE = {
    f"check_remove_attribute: PATCH modify() did not remove attribute '{name}'"
    for name in ("displayName", "active")
}
"""Everybody has a name, and is active or not: what is removed, we decide."""


class Directory:
    """A directory outside: an application with the role, signed in with its secret."""

    def __init__(self, door: Door) -> None:
        self.door = door
        application, client = door.application("the directory", PROVISIONER)
        data = {"grant_type": "client_credentials", "client_id": client,
                "client_secret": door.secret(application)}  # fmt: skip
        self.application = application
        self.token = door.ask("POST", "/oauth2/v2.0/token", data=data).json()["access_token"]

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        if body is not None:
            more["json"] = body
        answer = self.door.ask(method, f"/scim/v2{path}", self.token, **more)
        if answer.content:
            assert answer.headers["content-type"].startswith("application/scim+json")
        return answer

    def refused(self, status: int, scim_type: str | None, *asked: Any) -> str:
        answer = self.ask(*asked)
        assert answer.status_code == status, answer.text
        said = answer.json()
        assert said["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert (said["status"], said.get("scimType")) == (str(status), scim_type), said
        detail: str = said["detail"]
        return detail

    def add(self, who: str, **more: Any) -> dict[str, Any]:
        body = {"schemas": [USER], "userName": f"{who}@scim.example", **more}
        answer = self.ask("POST", "/Users", body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        assert answer.headers["location"] == made["meta"]["location"]
        return made

    def group(self, name: str, *members: str) -> dict[str, Any]:
        body = {"schemas": [GROUP], "displayName": name,
                "members": [{"value": one} for one in members]}  # fmt: skip
        answer = self.ask("POST", "/Groups", body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def patch(self, path: str, *operations: dict[str, Any]) -> dict[str, Any]:
        answer = self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})
        assert answer.status_code == 200, answer.text
        changed: dict[str, Any] = answer.json()
        return changed

    def found(self, path: str, filter: str, **more: Any) -> list[dict[str, Any]]:
        answer = self.ask("GET", path, params={"filter": filter, **more})
        assert answer.status_code == 200, answer.text
        resources: list[dict[str, Any]] = answer.json().get("Resources", [])
        assert answer.json()["totalResults"] == len(resources)
        return resources


@pytest.fixture(scope="module")
def outside(door: Door) -> Directory:
    return Directory(door)


def row_of(door: Door, id: str, table: str = "systemuser") -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        async with door.house.database.connection() as connection:
            (row,) = await registry.select(connection, table, {f"{table}id": id})
            return row

    row: dict[str, Any] = door.run(read())
    return row


def test_the_checks_of_somebody_elses_pass(
    door: Door, outside: Directory, run: Callable[..., Any]
) -> None:
    """`scim2-tester` discovers the service, then creates, reads, replaces, patches, deletes."""

    def checked() -> list[Any]:
        headers = {"Authorization": f"Bearer {outside.token}"}
        with httpx2.Client(base_url=f"{door.address}/scim/v2", headers=headers) as client:
            return check_server(SyncSCIMClient(client))

    results = run(asyncio.to_thread(checked))
    wrong = [f"{one.title}: {one.reason}" for one in results
             if one.status not in (Status.SUCCESS, Status.SKIPPED)]  # fmt: skip
    assert not set(wrong) - ALWAYS_THERE, "\n".join(wrong)
    assert Counter(one.status for one in results)[Status.SUCCESS] > 20


def test_a_person_is_added_with_what_we_keep(door: Door, outside: Directory) -> None:
    boss = outside.add("boss")
    made = outside.add(
        "ada", externalId="ext-ada", displayName="Ada L", title="Clerk", active=True,
        name={"givenName": "Ada", "familyName": "Lovelace", "formatted": "Ada Lovelace"},
        emails=[{"value": "other@scim.example", "type": "home"},
                {"value": "ada@mail.example", "type": "work", "primary": True}],
        locale="en", roles=[{"value": "passed over"}],
        **{ENTERPRISE: {"department": "Sums", "manager": {"value": boss["id"]}}},
    )  # fmt: skip
    assert (made["externalId"], made["displayName"], made["title"], made["active"]) == (
        "ext-ada", "Ada L", "Clerk", True
    )  # fmt: skip
    assert len(made["emails"]) == 2
    manager = {"value": boss["id"], "$ref": boss["meta"]["location"]}
    assert made[ENTERPRISE] == {"department": "Sums", "manager": manager}
    assert "locale" not in made
    row = row_of(door, made["id"])
    assert [row[name] for name in ("domainname", "fullname", "firstname", "lastname", "title",
                                   "internalemailaddress", "department", "parentsystemuserid")
            ] == ["ada@scim.example", "Ada L", "Ada", "Lovelace", "Clerk", "ada@mail.example",
                  "Sums", boss["id"]]  # fmt: skip
    roles = {one["id"]: one["roles"] for one in door.run(door.house.listing.people())}
    assert roles[made["id"]] == "Basic User"
    assert outside.ask("GET", f"/Users/{made['id']}").json() == made


def test_one_is_found_by_what_a_directory_asks_for(outside: Directory) -> None:
    made = outside.add("bea", externalId="Ext-Bea", displayName="Bea B")
    for filter in ('userName eq "BEA@scim.example"', 'externalId eq "Ext-Bea"',
                   'displayName eq "bea b"', f'id eq "{made["id"]}"',
                   f'{USER}:userName eq "bea@scim.example"'):  # fmt: skip
        assert [one["id"] for one in outside.found("/Users", filter)] == [made["id"]], filter
    for filter in ('externalId eq "ext-bea"', 'userName eq "%"', "userName eq \"' OR true --\"",
                   'userName eq "\\u0000"', 'id eq "x"'):  # fmt: skip
        assert outside.found("/Users", filter) == []
    for filter in ('userName co "b"', 'title eq "x"', 'userName eq "a" and active eq true',
                   "userName", 'not (userName eq "a")', "active eq true"):  # fmt: skip
        answer = outside.ask("GET", "/Users", params={"filter": filter})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter"), filter
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": 'userName eq "bea@scim.example"', "attributes": ["userName"]}  # fmt: skip
    (one,) = outside.ask("POST", "/Users/.search", body).json()["Resources"]
    assert one == {"schemas": [USER, ENTERPRISE], "id": made["id"],
                   "userName": "bea@scim.example"} or one["userName"]  # fmt: skip


def test_pages_hold_everybody_once(outside: Directory) -> None:
    for at in range(5):
        outside.add(f"page{at}")
    seen: list[str] = []
    while True:
        answer = outside.ask("GET", "/Users", params={"startIndex": len(seen) + 1, "count": 3})
        page = answer.json()
        assert page["startIndex"] == len(seen) + 1
        assert page["itemsPerPage"] == len(page.get("Resources", []))
        if not page["itemsPerPage"]:
            break
        seen += [one["id"] for one in page["Resources"]]
    assert len(seen) == len(set(seen)) == page["totalResults"]
    none = outside.ask("GET", "/Users", params={"count": 0}).json()
    assert (none["totalResults"], none.get("Resources", [])) == (len(seen), [])


@pytest.mark.parametrize(
    ("by", "order", "expected"),
    [
        pytest.param("userName", None, "a b c", id="ascending if nothing is said"),
        pytest.param("userName", "descending", "c b a", id="descending"),
        pytest.param("displayName", "ascending", "a b c", id="whatever the case"),
        pytest.param("title", "ascending", "b a c", id="who has no value comes last"),
        pytest.param("title", "descending", "c a b", id="and first the other way round"),
        pytest.param("name.familyName", "ascending", "c b a", id="a part of a name"),
        pytest.param("meta.created", "descending", "c b a", id="when it was made"),
        pytest.param("urn:ietf:params:scim:schemas:core:2.0:User:userName", None, "a b c",
                     id="with its schema"),
    ],
)  # fmt: skip
def test_a_list_is_sorted(outside: Directory, by: str, order: str | None, expected: str) -> None:
    mark = f"sort{hash((by, order)) % 10**8}"
    for who, shown, title, family in (("a", "Xa", "two", "Zz"), ("b", "xb", "One", "Mm"),
                                      ("c", "Xc", None, "Aa")):  # fmt: skip
        more = {} if title is None else {"title": title}
        outside.add(f"{mark}-{who}", displayName=f"{shown}", name={"familyName": family}, **more)
    seen: list[str] = []
    while True:
        params = {"sortBy": by, "startIndex": len(seen) + 1, "count": 50}
        params |= {} if order is None else {"sortOrder": order}
        page = outside.ask("GET", "/Users", params=params).json()
        if not page["itemsPerPage"]:
            break
        seen += [one["userName"] for one in page["Resources"]]
    ours = [name.removeprefix(f"{mark}-")[0] for name in seen if name.startswith(mark)]
    assert " ".join(ours) == expected
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "sortBy": by}
    assert outside.ask("POST", "/Users/.search", body).status_code == 200


def test_what_is_not_sorted_is_said(outside: Directory) -> None:
    group = outside.group("sorted group")
    params = {"sortBy": "displayName", "excludedAttributes": "members"}
    page = outside.ask("GET", "/Groups", params=params).json()
    names = [one["displayName"].lower() for one in page["Resources"]]
    assert group["displayName"] in names
    assert names == sorted(names)
    assert outside.ask("GET", "/Users", params={"sortBy": "groups"}).status_code == 400
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "sortBy": "displayName"}  # fmt: skip
    assert outside.ask("POST", "/.search", body).status_code == 400


@pytest.mark.parametrize("kind", ["Users", "Groups"])
def test_who_has_seen_something_else_changes_nothing(outside: Directory, kind: str) -> None:
    made = outside.add("tagged") if kind == "Users" else outside.group("tagged")
    at, first = f"/{kind}/{made['id']}", made["meta"]["version"]
    got = outside.ask("GET", at)
    assert got.headers["etag"] == first == got.json()["meta"]["version"]
    same = outside.ask("GET", at, headers={"If-None-Match": first})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first)
    listed = {one["id"]: one for one in outside.found(f"/{kind}", f'id eq "{made["id"]}"')}
    assert listed[made["id"]]["meta"]["version"] == first
    operations = [{"op": "replace", "path": "displayName", "value": "Another"}]
    patch = {"schemas": [PATCH], "Operations": operations}
    second = outside.ask("PATCH", at, patch, headers={"If-Match": first}).headers["etag"]
    assert second != first
    assert outside.ask("GET", at, headers={"If-None-Match": first}).status_code == 200
    body = outside.ask("GET", at).json()
    for method, sent in (("PATCH", patch), ("PUT", body), ("DELETE", None)):
        answer = outside.ask(method, at, sent, headers={"If-Match": first})
        assert (answer.status_code, answer.json()["status"]) == (412, "412"), method
    assert outside.ask("GET", at).headers["etag"] == second, "nothing was changed"
    if kind == "Groups":
        member = {"value": outside.add("in tagged")["id"]}
        outside.patch(at, {"op": "add", "path": "members", "value": [member]})
        joined = outside.ask("GET", at).headers["etag"]
        assert joined != second, "a member more is another group"
        bare = outside.ask("GET", f"/{kind}", params={"excludedAttributes": "members"}).json()
        assert "version" not in next(r for r in bare["Resources"] if r["id"] == made["id"])["meta"]
    assert outside.ask("PUT", at, body, headers={"If-Match": "*"}).status_code == 200
    assert outside.ask("DELETE", at).status_code == 204, "nobody has to say what they saw"


def test_it_says_what_it_offers(outside: Directory) -> None:
    found = outside.ask("GET", "/ServiceProviderConfig").json()
    offered = {name: found[name]["supported"] for name in ("bulk", "sort", "etag", "patch")}
    assert offered == {"bulk": False, "sort": True, "etag": True, "patch": True}
    assert outside.ask("POST", "/Bulk", {}).status_code == 404


def test_who_is_made_inactive_is_out_at_once(door: Door, outside: Directory) -> None:
    for operation in (
        {"op": "replace", "path": "active", "value": False},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "replace", "value": {"active": False}},
    ):
        made = outside.add(f"out{door.house.clock.fresh_guid()}")
        token = door.run(door.house.tokens.issue(made["id"], "t")).reveal()
        assert door.who(token).status_code == 200
        assert outside.patch(f"/Users/{made['id']}", operation)["active"] is False
        assert door.who(token).status_code == 401
        back = {"op": "replace", "path": "active", "value": True}
        assert outside.patch(f"/Users/{made['id']}", back)["active"]
        assert door.who(token).status_code == 200


def test_patches_as_entra_writes_them(door: Door, outside: Directory) -> None:
    made = outside.add("cat", displayName="Cat", active=False)
    changed = outside.patch(
        f"/Users/{made['id']}",
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "cat@mail.example"},
        {"op": "Replace", "path": "name.givenName", "value": "Catherine"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Mice"},
        {"op": "Add", "path": "nickName", "value": "passed over"},
    )
    row = row_of(door, made["id"])
    assert (row["internalemailaddress"], row["firstname"], row["department"]) == (
        "cat@mail.example", "Catherine", "Mice"
    )  # fmt: skip
    assert changed["name"]["givenName"] == "Catherine"
    assert (changed["active"], changed["displayName"]) == (False, "Cat")
    assert outside.patch(f"/Users/{made['id']}", {"op": "remove", "path": "title"})


def test_put_replaces_and_leaves_no_rest(door: Door, outside: Directory) -> None:
    made = outside.add("dan", title="Clerk", externalId="x-dan", active=False)
    body = {"schemas": [USER], "userName": "dan@scim.example", "displayName": "Daniel"}
    changed = outside.ask("PUT", f"/Users/{made['id']}", body)
    assert changed.status_code == 200, changed.text
    assert (changed.json().get("title"), changed.json().get("externalId")) == (None, None)
    assert changed.json()["active"] is False
    assert row_of(door, made["id"])["title"] is None


def test_a_name_is_one_persons(outside: Directory) -> None:
    made, other = outside.add("eve", externalId="x-eve"), outside.add("eva")
    again = {"schemas": [USER], "userName": "EVE@scim.example"}
    outside.refused(409, "uniqueness", "POST", "/Users", again)
    body = {"schemas": [USER], "userName": "new@scim.example", "externalId": "x-eve"}
    outside.refused(409, "uniqueness", "POST", "/Users", body)
    outside.refused(409, "uniqueness", "PUT", f"/Users/{other['id']}", again)
    assert outside.found("/Users", 'externalId eq "x-eve"')[0]["id"] == made["id"]
    assert outside.found("/Users", 'userName eq "new@scim.example"') == []


def test_who_is_removed_leaves_a_name_that_another_may_have(door: Door, outside: Directory) -> None:
    made = outside.add("fay", externalId="x-fay")
    group = outside.group("Fays", made["id"])
    token = door.run(door.house.tokens.issue(made["id"], "t")).reveal()
    door.run(door.house.passwords.set(made["id"], Secret("a password of hers")))
    assert outside.ask("DELETE", f"/Users/{made['id']}").status_code == 204
    for asked in (("GET",), ("DELETE",), ("PUT", {"schemas": [USER], "userName": "fay"})):
        outside.refused(404, None, asked[0], f"/Users/{made['id']}", *asked[1:])
    assert door.who(token).status_code == 401
    assert "members" not in outside.ask("GET", f"/Groups/{group['id']}").json()
    assert row_of(door, made["id"])["isdisabled"]
    again = outside.add("fay", externalId="x-fay")
    assert again["id"] != made["id"]
    door.run(door.house.directory.set_enabled(made["id"], enabled=True))
    assert door.who(token).status_code == 401


def test_groups_and_their_members(door: Door, outside: Directory) -> None:
    gil, hal, ida = (outside.add(name)["id"] for name in ("gil", "hal", "ida"))
    inner = outside.group("Inner", ida)
    made = outside.group("Outer", gil, inner["id"])
    path = f"/Groups/{made['id']}"

    def members(group: dict[str, Any]) -> dict[str, str]:
        return {one["value"]: one["type"] for one in group.get("members", [])}

    assert members(made) == {gil: "User", inner["id"]: "Group"}
    added = outside.patch(path, {"op": "Add", "path": "members", "value": [{"value": hal}]})
    assert members(added) == {gil: "User", hal: "User", inner["id"]: "Group"}
    assert members(outside.patch(path, {"op": "add", "path": "members",
                                        "value": [{"value": hal}]})) == members(added)  # fmt: skip
    for removing in (
        {"op": "remove", "path": f'members[value eq "{hal}"]'},
        {"op": "Remove", "path": "members", "value": [{"value": gil}]},
    ):
        outside.patch(path, removing)
    assert members(outside.ask("GET", path).json()) == {inner["id"]: "Group"}
    assert "members" not in outside.ask(
        "GET", path, params={"excludedAttributes": "members"}
    ).json()  # fmt: skip
    (found,) = outside.found("/Groups", 'displayName eq "outer"', excludedAttributes="members")
    assert (found["id"], "members" in found) == (made["id"], False)
    assert members(outside.ask("GET", path).json()) == {inner["id"]: "Group"}
    person = outside.ask("GET", f"/Users/{ida}").json()
    at = inner["meta"]["location"]
    assert person["groups"] == [{"value": inner["id"], "$ref": at, "display": "Inner"}]
    renamed = outside.patch(path, {"op": "replace", "value": {"displayName": "Renamed"}})
    assert row_of(door, made["id"], "securitygroup")["name"] == renamed["displayName"] == "Renamed"
    outside.refused(400, "invalidValue", "PATCH", path, {"schemas": [PATCH], "Operations": [
        {"op": "add", "path": "members", "value": [{"value": "nobody"}]}]})  # fmt: skip
    outside.refused(400, "invalidValue", "PATCH", path, {"schemas": [PATCH], "Operations": [
        {"op": "add", "path": "members", "value": [{"value": made["id"]}]}]})  # fmt: skip
    assert outside.ask("DELETE", path).status_code == 204
    outside.refused(404, None, "GET", path)


def test_only_who_may_keep_people_is_let_in(door: Door, outside: Directory) -> None:
    admin = door.person("admin", SYSTEM_ADMINISTRATOR)
    token = door.run(door.house.tokens.issue(admin, "t")).reveal()
    body = {"schemas": [USER], "userName": "x@scim.example"}
    for method, path in (("GET", "/Users"), ("POST", "/Users"), ("GET", "/Schemas"),
                         ("DELETE", f"/Users/{admin}"), ("GET", "/nothing")):  # fmt: skip
        for who, status in ((None, 401), ("flw_x", 401), (token, 403)):
            answer = door.ask(method, f"/scim/v2{path}", who, json=body)
            assert (answer.status_code, answer.json()["status"]) == (status, str(status))
            assert ("www-authenticate" in answer.headers) == (status == 401)
    for method in ("PUT", "PATCH", "DELETE"):  # programs are kept by administrators alone
        outside.refused(404, None, method, f"/Users/{outside.application}", {
            "schemas": [PATCH if method == "PATCH" else USER], "userName": "x",
            "Operations": [{"op": "replace", "path": "active", "value": False}]})  # fmt: skip
    changing = {"schemas": [PATCH], "Operations": [
        {"op": "replace", "path": "active", "value": False}]}  # fmt: skip
    outside.refused(409, None, "PATCH", f"/Users/{admin}", changing)
    outside.refused(409, None, "DELETE", f"/Users/{admin}")


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"userName": ""}', b'{"userName": 1}',
    b'{"userName": "a\\u0000b@x.example"}', b'{"userName": "z@x", "emails": "x"}',
    b'{"userName": "z@x", "active": "maybe"}', b"\xff",
    b'{"userName": "z@x", "%s": {"manager": {"value": "nobody"}}}' % ENTERPRISE.encode(),
    b'{"Operations": [{"op": "jump"}]}', b'{"Operations": [{"op": "remove"}]}',
])  # fmt: skip
def test_what_does_not_fit_is_said_and_is_no_fault(outside: Directory, body: bytes) -> None:
    made = outside.add(f"fit{outside.door.house.clock.fresh_guid()}")
    if body.startswith(b"{") and body.endswith(b"}"):
        body = b'{"schemas": ["%s"],' % USER.encode() + body[1:] if len(body) > 2 else body
    for method, path in (("POST", "/Users"), ("PUT", f"/Users/{made['id']}"),
                         ("PATCH", f"/Users/{made['id']}"), ("POST", "/Groups"),
                         ("POST", "/Users/.search"), ("PATCH", "/Users/nobody"),
                         ("PUT", "/Groups/%00")):  # fmt: skip
        answer = outside.ask(method, path, content=body)
        if method == "PUT" and path.startswith("/Users") and answer.status_code == 200:
            pytest.fail(f"{method} took {body!r}")
        assert answer.status_code in (400, 404) or path.endswith("search"), (method, path)
        assert answer.status_code < 500
    assert outside.ask("GET", f"/Users/{made['id']}").json()["userName"] == made["userName"]
