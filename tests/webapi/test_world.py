"""Random requests over random worlds, through the front door.

No answer is a fault of ours, and none shows a row that the store, asked directly, hides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowner.rows.callers import Caller
from flowner.values import PrincipalId
from webapi.conftest import SPACE, Door

OWNERS = ("admin", "ann", "ben", "proxy")
READERS = (*OWNERS, "guest")
_IDS = re.compile(r'"accountid":\s?"([0-9a-f-]{36})"')
COLUMNS = ("name", "accountnumber", "revenue", "statecode", "_ownerid_value", "accountid",
           "createdon", "parentaccountid/name", "primarycontactid/fullname",
           "nothing", "account_parent_account")  # fmt: skip
GROUPED = (
    "<fetch aggregate='true'><entity name='account'><attribute name='accountid' alias='a'"
    " groupby='true'/></entity></fetch>"
)
VALUES = ("'W'", "1", "null", "true", "2024-01-01", "1e999", "''''", "-1", "@p",
          "00000000-0000-0000-0000-000000000000", "99999999999999999999999")  # fmt: skip


@pytest.fixture(scope="module")
def world(door: Door) -> dict[str, str]:
    """Accounts of everybody, in a chain of parents; each is named for its owner."""
    made: dict[str, str] = {}
    for at in range(12):
        owner = OWNERS[at % len(OWNERS)]
        above: dict[str, str] = {}
        if made:
            link = f"/accounts({list(made)[-1]})"
            above["parentaccountid@odata.bind"] = link
        above["ownerid@odata.bind"] = f"/systemusers({door.people[owner]})"
        made[door.make("accounts", "admin", name=f"W {owner}", revenue=at, **above)] = owner
    peers = {"@odata.type": f"{SPACE}ManyToManyRelationshipMetadata", "SchemaName": "new_peers",
             "Entity1LogicalName": "account", "Entity2LogicalName": "account"}  # fmt: skip
    assert door.ask("POST", "RelationshipDefinitions", "admin", json=peers).status_code == 204
    ids = list(made)
    for at, id in enumerate(ids):
        for other in (ids[at - 1], ids[at - 5]):
            link = {"@odata.id": f"accounts({other})"}
            there = door.ask("POST", f"accounts({id})/new_peers/$ref", "admin", json=link)
            assert there.status_code == 204
    return made


comparisons = st.builds(
    "{} {} {}".format, st.sampled_from(COLUMNS),
    st.sampled_from(("eq", "ne", "gt", "le", "in", "has")), st.sampled_from(VALUES),
)  # fmt: skip
tests = st.one_of(
    comparisons,
    st.builds("contains({},{})".format, st.sampled_from(COLUMNS), st.sampled_from(VALUES)),
    st.builds("{}/{}(o:o/{})".format, st.sampled_from(
        ("account_parent_account", "new_peers", "Referencednew_peers")),
        st.sampled_from(("any", "all")), comparisons),
    st.builds("Microsoft.Dynamics.CRM.{}(PropertyName='{}',PropertyValue={})".format,
              st.sampled_from(("LastXDays", "NextXYears", "On", "EqualUserId", "In", "Between")),
              st.sampled_from(COLUMNS), st.sampled_from(VALUES)),
)  # fmt: skip
filters = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)
expands = st.sampled_from((
    "parentaccountid", "account_parent_account($expand=parentaccountid;$top=2)",
    "account_parent_account($filter=revenue gt 1)", "primarycontactid", "ownerid", "createdby",
    "parentaccountid($expand=account_parent_account)", "nothing",
    "new_peers($top=2;$expand=Referencednew_peers)", "Referencednew_peers($filter=revenue gt 2)",
    "ownerid,createdby($expand=systemuserroles_association($top=1))",
))  # fmt: skip
applies = st.sampled_from((
    "groupby((accountid))", "groupby((name,parentaccountid/accountid))",
    "aggregate(revenue with sum as s)", "aggregate($count as n)", "groupby((name",
))  # fmt: skip
options = st.fixed_dictionaries({}, optional={
    "$filter": filters,
    "$select": st.sampled_from(("name", "accountid,name", "nothing", "_ownerid_value")),
    "$orderby": st.builds("{} {}".format, st.sampled_from(COLUMNS), st.sampled_from(
        ("asc", "desc", "up"))),
    "$expand": expands,
    "$top": st.sampled_from(("0", "1", "3", "99999999999999999999", "x")),
    "$count": st.sampled_from(("true", "false", "1")),
    "$apply": applies,
    "$skiptoken": st.text(max_size=20),
    "fetchXml": st.sampled_from((
        "<fetch><entity name='account'><attribute name='accountid'/></entity></fetch>",
        GROUPED, "<fetch")),
    "sql": st.sampled_from(("SELECT accountid, name FROM account", "SELECT", "")),
    "@p": st.sampled_from(VALUES),
})  # fmt: skip
paths = st.sampled_from(("accounts", "accounts", "accounts", "accounts/$count", "accounts({id})",
                         "accounts({id})/account_parent_account",
                         "accounts({id})/parentaccountid", "accounts({id})/name",
                         "accounts({id})/new_peers/$count", "accounts({id})/new_peers",
                         "accounts({id})/new_peers/$ref", "accounts({id})/new_peers({other})",
                         "accounts({id})/parentaccountid/account_parent_account"))  # fmt: skip


@given(data=st.data())
@settings(max_examples=300, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_no_request_fails_and_none_shows_what_is_hidden(
    door: Door, world: dict[str, str], run: Callable[..., Any], data: st.DataObject
) -> None:
    reader = data.draw(st.sampled_from(READERS))
    acting = data.draw(st.sampled_from((None, None, None, *READERS)))
    ids = st.sampled_from(sorted(world))
    path = data.draw(paths).format(id=data.draw(ids), other=data.draw(ids))
    asked = data.draw(options)
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in asked.items())
    headers = {"Prefer": 'odata.include-annotations="*",odata.maxpagesize=5'}
    if acting is not None:
        headers["MSCRMCallerID"] = door.people[acting]
    answer = door.get(f"{path}?{query}", reader, headers=headers)
    assert answer.status_code < 500, (path, asked, answer.text)
    shown = set(_IDS.findall(answer.text))
    caller = Caller(PrincipalId(door.people[reader]))
    if acting is not None and acting != reader:
        caller = Caller(PrincipalId(door.people[acting]), PrincipalId(door.people[reader]))
    if answer.status_code == 200:
        open_to = _open(door, run, caller) if shown else set()
        assert shown <= open_to
        hidden = {id for id in world if id not in _open(door, run, caller)}
        assert not [id for id in hidden if id in answer.text and id not in _lookups(answer.text)]


def _open(door: Door, run: Callable[..., Any], caller: Caller) -> set[str]:
    found = run(door.house.store.list(caller, "accounts", {"$select": "accountid"}))
    return {row["accountid"] for row in found["value"]}


def _lookups(text: str) -> set[str]:
    """Ids that rows of the reader's own point at: the row is theirs, and so is what it says."""
    return set(re.findall(r'"_parentaccountid_value":\s?"([0-9a-f-]{36})"', text))


ENDS = {"up": ("accountid", "parentaccountid"), "down": ("parentaccountid", "accountid")}


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["inner", "outer"])
@pytest.mark.parametrize("end", sorted(ENDS))
def test_joins_pair_what_the_law_opens(
    door: Door, run: Callable[..., Any], reader: str, kind: str, end: str
) -> None:
    """Two tables joined, in FetchXML and SQL, are the pairs of the rows that lists show."""
    caller = Caller(PrincipalId(door.people[reader]))
    if reader == "guest":
        assert door.get(f"accounts?sql={quote('SELECT name FROM account')}", reader).is_error
        return
    listed = run(door.house.store.list(caller, "accounts", {}))["value"]
    rows = {row["accountid"]: row["_parentaccountid_value"] for row in listed}
    pairs = {(id, up) for id, up in rows.items() if up in rows}
    if end == "down":
        pairs = {(up, id) for id, up in pairs}
    if kind == "outer":
        pairs |= {(id, None) for id in rows if id not in {one for one, _ in pairs}}
    here, there = ENDS[end]
    fetch = (
        "<fetch><entity name='account'><attribute name='accountid'/><link-entity name='account'"
        f" from='{here}' to='{there}' alias='o' link-type='{kind}'><attribute name='accountid'/>"
        "</link-entity></entity></fetch>"
    )
    found = door.value(f"accounts?fetchXml={quote(fetch)}", reader)
    assert {(row["accountid"], row["o.accountid"]) for row in found} == pairs
    assert len(found) == len(pairs)
    word = "LEFT JOIN" if kind == "outer" else "JOIN"
    text = (
        f"SELECT a.accountid, o.accountid AS other FROM account a {word} account o"
        f" ON o.{here} = a.{there}"
    )
    found = door.value(f"accounts?sql={quote(text)}", reader)
    assert {(row["accountid"], row["other"]) for row in found} == pairs
    counted = text.replace("a.accountid, o.accountid AS other", "COUNT(o.accountid) AS n")
    (total,) = door.value(f"accounts?sql={quote(counted)}", reader)
    assert total["n"] == len([one for _, one in pairs if one is not None])


links = st.recursive(
    st.just(""),
    lambda inner: st.builds(
        "<link-entity name='account' from='{}' to='{}' link-type='{}' alias='{}'>"
        "<attribute name='{}'/>{}{}</link-entity>".format,
        st.sampled_from(("accountid", "parentaccountid", "name")),
        st.sampled_from(("parentaccountid", "accountid", "nothing")),
        st.sampled_from(("inner", "outer", "any", "not any", "all", "exists", "sideways",
                         "matchfirstrowusingcrossapply")),
        st.sampled_from(("a", "b", "c", "d")),
        st.sampled_from(("accountid", "accountid", "revenue", "nothing")),
        st.sampled_from(("", "<order attribute='name'/>",
                         "<filter><condition attribute='revenue' operator='not-null'/></filter>",
                         "<filter><condition attribute='name' operator='in'/></filter>")),
        inner,
    ),
    max_leaves=4,
)  # fmt: skip
words = st.lists(
    st.sampled_from((
        "SELECT", "DISTINCT", "TOP 2", "a.accountid", "b.accountid AS x", "COUNT(*) AS n", ",",
        "FROM account a", "JOIN account b ON a.accountid = b.parentaccountid", "LEFT", "WHERE",
        "b.revenue > 1", "AND", "a.name = b.name", "GROUP BY a.accountid", "ORDER BY", "x", "(",
    )),
    max_size=12,
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_no_join_fails_and_none_shows_what_is_hidden(
    door: Door, world: dict[str, str], run: Callable[..., Any], data: st.DataObject
) -> None:
    reader = data.draw(st.sampled_from(READERS))
    attributes = data.draw(st.sampled_from(("", " distinct='true'", " count='2'", " top='1'")))
    inside = data.draw(links)
    text = f"<fetch{attributes}><entity name='account'>{inside}</entity></fetch>"
    query = f"fetchXml={quote(text)}"
    if data.draw(st.booleans()):
        query = f"sql={quote(' '.join(('SELECT a.accountid', *data.draw(words))))}"
    answer = door.get(f"accounts?{query}", reader)
    assert answer.status_code < 500, (query, answer.text)
    if answer.status_code == 200:
        caller = Caller(PrincipalId(door.people[reader]))
        hidden = set(world) - _open(door, run, caller)
        assert not [id for id in hidden if id in answer.text and id not in _lookups(answer.text)]


bodies = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8),
              st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=2),
                            st.dictionaries(st.sampled_from((
                                "name", "revenue", "numberofemployees", "ownerid", "statecode",
                                "accountid", "creditonhold", "parentaccountid@odata.bind",
                                "Targets", "@odata.id", "value", "SchemaName", "Attributes",
                                "QuerySet", "Target", "PrincipalAccess", "Principal",
                                "AccessMask", "Revokee", "@odata.type", "MaxLength",
                                "DisplayName", "LocalizedLabels", "CascadeConfiguration",
                                "Delete", "Value", "Values", "Label")), inner, max_size=4)),
    max_leaves=6,
)  # fmt: skip
addresses = st.sampled_from((
    "accounts", "accounts(accountnumber='r')", "accounts({id})", "accounts({id})/name",
    "accounts({id})/primarycontactid/$ref", "accounts({id})/new_peers({id})/$ref",
    "teams({id})/teamroles_association/$ref",
    "accounts/Microsoft.Dynamics.CRM.CreateMultiple",
    "accounts/Microsoft.Dynamics.CRM.UpsertMultiple", "BulkDelete", "EntityDefinitions",
    "CreateEntities", "RelationshipDefinitions", "GlobalOptionSetDefinitions",
    "EntityDefinitions(LogicalName='account')/Keys", "$batch", "", "systemusers", "WhoAmI",
    "InsertOptionValue", "UpdateOptionValue", "OrderOption", "$metadata",
    "EntityDefinitions(LogicalName='account')",
    "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='name')",
    "RelationshipDefinitions(SchemaName='account_parent_account')",
    "GrantAccess", "ModifyAccess", "RevokeAccess", "organizations", "privileges",
))  # fmt: skip


@given(data=st.data())
@settings(max_examples=200, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_no_body_makes_a_fault(door: Door, world: dict[str, str], data: st.DataObject) -> None:
    who = data.draw(st.sampled_from(READERS))
    method = data.draw(st.sampled_from(("POST", "PATCH", "PUT", "DELETE", "GET")))
    id = data.draw(st.sampled_from(sorted(world)))
    if method == "DELETE" and world[id] in (who, "admin"):
        id = "00000000-0000-0000-0000-000000000000"  # the world is kept for the others
    if who == "admin" and method == "DELETE":
        who = "guest"
    path, body = data.draw(addresses).format(id=id), data.draw(bodies)
    answer = door.ask(method, path, who, json=body)
    assert answer.status_code < 500, (method, path, body, answer.text)
    assert answer.status_code == 405 or answer.status_code < 300 or answer.json()["error"]


keys = st.one_of(
    st.text(max_size=12),
    st.builds("{}={}".format, st.sampled_from(
        ("Target", "EntityNames", "RoleId", "ObjectId", "AccessType", "x")),
        st.one_of(st.text(max_size=12), st.sampled_from(VALUES), st.sampled_from(
            ("@p", "['account']", '["contact","account"]', "[1,null]", "[[", "{}", "[",
             '{"@odata.id":"accounts(1)"}', '{"@odata.id":5}', '{"@odata.type":"account"}',
             "Microsoft.Dynamics.CRM.X'Default'")))),
)  # fmt: skip
functions = st.sampled_from((
    "RetrieveTotalRecordCount", "RetrieveSharedPrincipalsAndAccess", "RetrieveRolePrivilegesRole",
    "RetrieveCurrentOrganization", "RetrieveVersion", "WhoAmI", "GrantAccess",
    f"systemusers({{me}})/{SPACE}RetrievePrincipalAccess",
    f"systemusers({{me}})/{SPACE}RetrievePrincipalAccessInfo",
    f"systemusers({{me}})/{SPACE}RetrieveUserPrivileges", f"teams({{me}})/{SPACE}AddMembersTeam",
))  # fmt: skip


@given(data=st.data())
@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_no_parameter_makes_a_fault(door: Door, data: st.DataObject) -> None:
    who = data.draw(st.sampled_from(READERS))
    path = data.draw(functions).format(me=door.people[who])
    given_keys = ",".join(data.draw(st.lists(keys, max_size=2)))
    alias = data.draw(st.sampled_from(("", *VALUES, "[", '{"@odata.id":"x"}')))
    inside = data.draw(st.sampled_from(("", f"({quote(given_keys, safe='')})")))
    query = f"?@p={quote(alias, safe='')}" if alias else ""
    answer = door.get(f"{path}{inside}{query}", who)
    assert answer.status_code < 500, (path, inside, query, answer.text)
    assert answer.status_code < 300 or answer.json()["error"]
