"""Joined tables over HTTP, in FetchXML and SQL: what stands beside what, each under the law."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

import pytest

from webapi.conftest import Door, many_to_many, refused

pytestmark = pytest.mark.usefixtures("firms")
NOTES = {"Prefer": 'odata.include-annotations="*"'}
FORMATTED = "@OData.Community.Display.V1.FormattedValue"


@pytest.fixture(scope="module")
def firms(door: Door) -> dict[str, str]:
    """Ann's two firms with a contact each way; Ben's contact below her first, which she may not
    read; and Ben's own firm."""
    ada, bob = (door.make("contacts", fullname=name) for name in ("J Ada", "J Bob"))
    one = door.make("accounts", name="J one", revenue=10, industrycode=1,
                    lastonholdtime="2024-02-29T12:30:00Z",
                    **{"primarycontactid@odata.bind": f"/contacts({ada})"})  # fmt: skip
    two = door.make("accounts", name="J two", revenue=20, industrycode=1,
                    lastonholdtime="2023-05-01T00:00:00Z",
                    **{"parentaccountid@odata.bind": f"/accounts({one})"})  # fmt: skip
    for id in (ada, bob):
        bind = {"parentcustomerid_account@odata.bind": f"/accounts({one})"}
        assert door.ask("PATCH", f"contacts({id})", json=bind).status_code == 204
    hidden = door.ask("POST", "contacts", "admin", json={
        "fullname": "J hidden", "ownerid@odata.bind": f"/systemusers({door.people['ben']})",
        "parentcustomerid_account@odata.bind": f"/accounts({one})"})  # fmt: skip
    assert hidden.status_code == 204, hidden.text
    door.make("accounts", "ben", name="J ben's")
    return {"one": one, "two": two, "ada": ada, "bob": bob}


def fetch(door: Door, inside: str, who: str = "ann", attributes: str = "", **more: Any) -> Any:
    text = (
        f"<fetch {attributes}><entity name='account'>{inside}<filter><condition attribute='name'"
        " operator='begins-with' value='J '/></filter></entity></fetch>"
    )
    return door.get(f"accounts?fetchXml={quote(text)}", who, **more)


def rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


def sql(door: Door, text: str, who: str = "ann", set_name: str = "accounts") -> Any:
    return door.get(f"{set_name}?sql={quote(text)}", who)


BELOW = (
    "<link-entity name='contact' from='parentcustomerid' to='accountid' alias='c' {}>{}"
    "</link-entity>"
)
NAMED = "<attribute name='name'/><order attribute='name'/>"
FULL = "<attribute name='fullname'/><order attribute='fullname'/>"


def pairs(found: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(row["name"], row["c.fullname"]) for row in found]


def test_an_inner_link_has_a_row_for_each_pair(door: Door) -> None:
    inside = NAMED + BELOW.format("", FULL)
    ann = pairs(rows(fetch(door, inside)))
    assert ann == [("J one", "J Ada"), ("J one", "J Bob")]
    everybody = pairs(rows(fetch(door, inside, "admin")))
    assert everybody == [("J one", "J Ada"), ("J one", "J Bob"), ("J one", "J hidden")]
    refused(fetch(door, inside, "guest"), 403, "0x80040220")


def test_an_outer_link_has_nulls_where_there_is_none(door: Door) -> None:
    inside = NAMED + BELOW.format("link-type='outer'", FULL)
    assert pairs(rows(fetch(door, inside))) == [
        ("J one", "J Ada"), ("J one", "J Bob"), ("J two", None)]  # fmt: skip
    lonely = "<filter><condition entityname='c' attribute='contactid' operator='null'/></filter>"
    assert pairs(rows(fetch(door, inside + lonely))) == [("J two", None)]
    some = FULL + "<filter><condition attribute='fullname' operator='eq' value='J Bob'/></filter>"
    assert pairs(rows(fetch(door, NAMED + BELOW.format("link-type='outer'", some)))) == [
        ("J one", "J Bob"), ("J two", None)]  # fmt: skip


def test_the_first_of_those_that_fit(door: Door) -> None:
    inside = NAMED + BELOW.format("link-type='matchfirstrowusingcrossapply'", FULL)
    assert [name for name, _ in pairs(rows(fetch(door, inside)))] == ["J one"]


@pytest.mark.parametrize(
    ("kind", "who", "wanted"),
    [
        ("any", "ann", {"J one"}),
        ("exists", "ann", {"J one"}),
        ("in", "ann", {"J one"}),
        ("not any", "ann", {"J two"}),
        ("all", "ann", set()),
        ("not all", "ann", {"J one"}),
    ],
)
def test_a_link_asks_whether_there_is_one(
    door: Door, kind: str, who: str, wanted: set[str]
) -> None:
    test = "<filter><condition attribute='fullname' operator='eq' value='J Ada'/></filter>"
    link = BELOW.format(f"link-type='{kind}'", test)
    for inside in (link, f"<filter>{link}</filter>"):
        assert {row["name"] for row in rows(fetch(door, NAMED + inside, who))} == wanted


def test_all_is_that_none_of_some_fits(door: Door) -> None:
    """Ann sees no hidden one: what she may not read is not there to fit."""
    test = "<filter><condition attribute='fullname' operator='eq' value='J hidden'/></filter>"
    inside = NAMED + BELOW.format("link-type='all'", test)
    assert {row["name"] for row in rows(fetch(door, inside))} == {"J one"}
    assert {row["name"] for row in rows(fetch(door, inside, "admin"))} == set()


def test_links_stand_in_links(door: Door) -> None:
    inner = (
        "<link-entity name='contact' from='contactid' to='primarycontactid' alias='p'>"
        "<attribute name='fullname'/></link-entity>"
    )
    inside = (
        "<attribute name='name' alias='n'/><link-entity name='account' from='accountid'"
        " to='parentaccountid' alias='up'><attribute name='name'/><attribute name='revenue'"
        f" alias='money'/>{inner}</link-entity>"
    )
    (row,) = rows(fetch(door, inside))
    assert (row["n"], row["up.name"], row["money"], row["p.fullname"]) == (
        "J two", "J one", 10, "J Ada")  # fmt: skip


def test_linked_columns_are_annotated_and_lookups_have_their_own_name(
    door: Door, firms: dict[str, str]
) -> None:
    shown = "<attribute name='parentcustomerid'/><attribute name='fullname'/>"
    (row, *_) = rows(fetch(door, NAMED + BELOW.format("", shown), headers=NOTES))
    assert row["c.parentcustomerid"] == firms["one"]
    assert row[f"c.parentcustomerid{FORMATTED}"] == "J one"
    unnamed = ("<link-entity name='contact' from='contactid' to='primarycontactid'>"
               "<attribute name='fullname'/></link-entity>")  # fmt: skip
    assert [row["contact1.fullname"] for row in rows(fetch(door, NAMED + unnamed))] == ["J Ada"]
    (row, *_) = rows(fetch(door, BELOW.format("", "<all-attributes/>")))
    assert {"revenue", "c.fullname", "c.ownerid", "c.createdon"} <= set(row)


def test_rows_are_put_in_order_by_linked_columns_and_paged(door: Door) -> None:
    inside = "<attribute name='name'/>" + BELOW.format(
        "link-type='outer'",
        "<attribute name='fullname'/><order attribute='fullname' descending='true'/>",
    )
    assert [name for _, name in pairs(rows(fetch(door, inside)))] == ["J Bob", "J Ada", None]
    by = "<order entityname='c' attribute='fullname'/>"
    other = NAMED.replace("<order attribute='name'/>", "") + by + BELOW.format("", FULL)
    assert [name for _, name in pairs(rows(fetch(door, other)))] == ["J Ada", "J Bob"]
    seen: list[str | None] = []
    cookie, page = "", 1
    while True:
        given = f"count='1' page='{page}'{cookie}"
        answer = fetch(door, inside, attributes=given, headers=NOTES).json()
        seen += [name for _, name in pairs(answer["value"])]
        if not answer["@Microsoft.Dynamics.CRM.morerecords"]:
            break
        page += 1
        said = answer["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
        inner = unquote(unquote(said.partition('pagingcookie="')[2].partition('"')[0]))
        cookie = f" paging-cookie='{inner.replace('<', '&lt;').replace('>', '&gt;')}'"
    assert seen == ["J Bob", "J Ada", None]
    second = fetch(door, inside, attributes="count='1' page='2'", headers=NOTES)
    assert [name for _, name in pairs(rows(second))] == ["J Ada"]


def test_rows_are_distinct_where_asked(door: Door) -> None:
    inside = NAMED + BELOW.format("", "")
    assert [row["name"] for row in rows(fetch(door, inside))] == ["J one", "J one"]
    distinct = fetch(door, inside, attributes="distinct='true'")
    assert [row["name"] for row in rows(distinct)] == ["J one"]


def test_groups_reach_over_links(door: Door) -> None:
    inside = (
        "<attribute name='name' groupby='true' alias='n'/><order alias='k' descending='true'/>"
        + BELOW.format(
            "link-type='outer'",
            "<attribute name='contactid' aggregate='countcolumn' alias='k'/>"
            "<attribute name='fullname' aggregate='countcolumn' distinct='true' alias='d'/>",
        )
    )
    found = rows(fetch(door, inside, attributes="aggregate='true'"))
    assert [(row["n"], row["k"], row["d"]) for row in found] == [("J one", 2, 2), ("J two", 0, 0)]
    assert rows(fetch(door, inside, "admin", "aggregate='true'"))[0]["k"] == 3
    dates = ("<attribute name='lastonholdtime' groupby='true' dategrouping='year' alias='y'/>"
             "<attribute name='revenue' aggregate='sum' alias='s'/><order alias='y'/>")  # fmt: skip
    found = rows(fetch(door, dates, attributes="aggregate='true'"))
    assert [(row["y"], row["s"]) for row in found] == [(2023, 20), (2024, 10)]
    first = rows(fetch(door, dates, attributes="aggregate='true' top='1'"))
    assert [row["y"] for row in first] == [2023]


@pytest.mark.parametrize(
    "inside",
    [
        BELOW.format("link-type='sideways'", ""),
        BELOW.format("", "").replace("parentcustomerid", "nothing"),
        BELOW.format("", "").replace("accountid", "nothing"),
        BELOW.format("", "").replace("to='accountid'", "to='name'"),
        BELOW.format("", "<attribute name='nothing'/>"),
        BELOW.format("", "") * 2,
        BELOW.format("", "").replace("alias='c'", "alias='a.b'"),
        BELOW.format("", "").replace("'contact'", "'flowversion'"),
        "<order entityname='x' attribute='name'/>",
        "<filter><condition entityname='x' attribute='name' operator='null'/></filter>",
        "<attribute name='name'/>" + BELOW.format("", FULL).replace("alias='c'", "") * 16,
    ],
)
def test_links_that_lead_nowhere_are_refused(door: Door, inside: str) -> None:
    answer = fetch(door, inside)
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("view", ["savedQuery", "userQuery"])
def test_views_are_named_as_what_is_missing(door: Door, view: str) -> None:
    message = refused(door.get(f"accounts?{view}=00000000-0000-0000-00aa-000010001002"), 400)
    assert "fetchXml" in message


# SQL

ON = "FROM account a {} JOIN contact c ON a.accountid = c.parentcustomerid WHERE a.name LIKE 'J %'"


def test_sql_joins(door: Door) -> None:
    inner = f"SELECT a.name, c.fullname AS who {ON.format('INNER')} ORDER BY who DESC"
    found = rows(sql(door, inner))
    assert found == [{"name": "J one", "who": name} for name in ("J Bob", "J Ada")]
    assert len(rows(sql(door, inner, "admin"))) == 3
    left = f"SELECT a.name, fullname {ON.format('LEFT OUTER')} ORDER BY a.name, c.fullname"
    assert [tuple(row.values()) for row in rows(sql(door, left))] == [
        ("J one", "J Ada"), ("J one", "J Bob"), ("J two", None)]  # fmt: skip
    none = f"SELECT a.name {ON.format('LEFT')} AND c.contactid IS NULL"
    assert [row["name"] for row in rows(sql(door, none))] == ["J two"]
    some = left.replace("WHERE", "AND (c.fullname = 'J Bob' OR c.fullname = 'x') WHERE")
    assert [tuple(row.values()) for row in rows(sql(door, some))] == [
        ("J one", "J Bob"), ("J two", None)]  # fmt: skip
    refused(sql(door, inner, "guest"), 403, "0x80040220")


def test_sql_joins_several_tables(door: Door, firms: dict[str, str]) -> None:
    text = (
        "SELECT b.name AS below, a.name AS above, p.fullname, b.parentaccountid FROM account b"
        " JOIN account AS a ON b.parentaccountid = a.accountid"
        " LEFT JOIN contact p ON p.contactid = a.primarycontactid"
        " WHERE b.revenue > a.revenue AND b.name IN ('J two', 'J one')"
    )
    assert rows(sql(door, text)) == [
        {"below": "J two", "above": "J one", "fullname": "J Ada",
         "_parentaccountid_value": firms["one"]}]  # fmt: skip


def test_sql_groups(door: Door) -> None:
    text = (
        "SELECT a.name, COUNT(c.contactid) AS k, COUNT(*) AS n, MIN(a.revenue) AS low"
        f" {ON.format('LEFT')} GROUP BY a.name ORDER BY k DESC, name"
    )
    assert rows(sql(door, text)) == [
        {"name": "J one", "k": 2, "n": 2, "low": 10},
        {"name": "J two", "k": 0, "n": 1, "low": 20},
    ]
    assert rows(sql(door, text, "admin"))[0]["k"] == 3
    alone = ("SELECT TOP 1 industrycode, SUM(revenue) AS s, AVG(revenue) AS m, MAX(revenue) AS x,"
             " COUNT(DISTINCT name) AS d FROM account WHERE name LIKE 'J %' GROUP BY industrycode"
             " ORDER BY s DESC")  # fmt: skip
    assert rows(sql(door, alone)) == [{"industrycode": 1, "s": 30, "m": 15, "x": 20, "d": 2}]
    total = "SELECT COUNT(*) AS n FROM account WHERE name LIKE 'J %'"
    assert rows(sql(door, total)) == [{"n": 2}]
    hidden = "SELECT COUNT(*) AS n FROM account WHERE name LIKE 'J %' GROUP BY name, industrycode"
    assert rows(sql(door, hidden)) == [{"n": 1}, {"n": 1}]


def test_sql_is_distinct_and_paged(door: Door) -> None:
    distinct = f"SELECT DISTINCT a.name {ON.format('')} ORDER BY a.name"
    assert rows(sql(door, distinct)) == [{"name": "J one"}]
    codes = "SELECT DISTINCT industrycode FROM account WHERE name LIKE 'J %'"
    assert rows(sql(door, codes)) == [{"industrycode": 1}]
    text = f"SELECT a.name, c.fullname {ON.format('LEFT')} ORDER BY c.fullname"
    small = {"Prefer": "odata.maxpagesize=1"}
    answer, seen = door.get(f"accounts?sql={quote(text)}", headers=small).json(), []
    while True:
        seen += [row["fullname"] for row in answer["value"]]
        if "@odata.nextLink" not in answer:
            break
        answer = door.get(answer["@odata.nextLink"], headers=small).json()
    assert seen == [None, "J Ada", "J Bob"]
    top = text.replace("SELECT", "SELECT TOP 2")
    answer = door.get(f"accounts?sql={quote(top)}", headers=small).json()
    last = door.get(answer["@odata.nextLink"], headers=small).json()
    assert "@odata.nextLink" not in last


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a.name, c.fullname FROM account a CROSS JOIN contact c",
        "SELECT a.name FROM account a JOIN contact c",
        "SELECT a.name FROM account a JOIN contact c ON a.accountid > c.parentcustomerid",
        "SELECT a.name FROM account a JOIN contact c ON a.name = a.name",
        "SELECT a.name FROM account a JOIN contact c ON c.fullname = c.lastname",
        "SELECT a.name FROM account a JOIN contact c ON a.name = c.contactid",
        "SELECT a.name FROM account a JOIN contact a ON a.accountid = a.contactid",
        "SELECT a.name FROM account a JOIN nothing c ON a.accountid = c.x",
        "SELECT a.name FROM account a JOIN rowshare c ON a.accountid = c.rowid",
        f"SELECT a.name {ON.format('').replace('WHERE', 'AND')}",
        f"SELECT createdon {ON.format('')}",
        f"SELECT a.createdon, c.createdon {ON.format('')}",
        "SELECT x.name FROM account a",
        "SELECT name, COUNT(*) AS n FROM account",
        "SELECT COUNT(*) FROM account",
        "SELECT SUM(name) AS s FROM account",
        "SELECT name FROM account GROUP BY name HAVING COUNT(*) > 1",
        "SELECT name, COUNT(*) AS n FROM account GROUP BY name ORDER BY revenue",
        "SELECT DISTINCT name FROM account ORDER BY revenue",
        "SELECT name FROM account WHERE name = (SELECT name FROM account)",
        "SELECT name FROM account UNION SELECT fullname FROM contact",
        "SELECT UPPER(name) FROM account",
    ],
)
def test_sql_that_is_not_understood_is_refused(door: Door, text: str) -> None:
    refused(sql(door, text), 400)


PAIRED = (
    "<link-entity name='new_join_pairs' from='accountid' to='accountid' intersect='true' {}>"
    "<link-entity name='contact' from='contactid' to='contactid' alias='c' {}>"
    "<attribute name='fullname'/>{}</link-entity></link-entity>"
)


@pytest.fixture(scope="module")
def paired(door: Door, firms: dict[str, str]) -> None:
    """One firm is related to Ada, and to somebody whom Ann may not read; nobody to the other."""
    body = many_to_many("new_join_pairs", "account", "contact")
    assert door.ask("POST", "RelationshipDefinitions", "admin", json=body).status_code == 204
    (hidden,) = door.value("contacts?$filter=fullname eq 'J hidden'", "admin")
    for contact in (firms["ada"], hidden["contactid"]):
        path = f"accounts({firms['one']})/new_join_pairs/$ref"
        link = {"@odata.id": f"contacts({contact})"}
        assert door.ask("POST", path, "admin", json=link).status_code == 204


@pytest.mark.usefixtures("paired")
def test_links_go_through_pairs_under_the_law_of_both_sides(door: Door) -> None:
    def told(*parts: str, who: str = "ann") -> set[tuple[str, str | None]]:
        found = rows(fetch(door, "<attribute name='name'/>" + PAIRED.format(*parts), who))
        return {(row["name"], row.get("c.fullname")) for row in found}

    assert told("", "", "") == {("J one", "J Ada")}
    assert told("", "", "", who="admin") >= {("J one", "J Ada"), ("J one", "J hidden")}
    outer = told("link-type='outer'", "", "")
    assert outer == {("J one", "J Ada"), ("J two", None)}
    named = "<filter><condition attribute='fullname' operator='eq' value='J {}'/></filter>"
    assert told("", "", named.format("Ada")) == {("J one", "J Ada")}
    assert told("", "", named.format("hidden")) == set()


@pytest.mark.usefixtures("paired")
def test_pairs_are_asked_for_without_being_shown(door: Door) -> None:
    def told(kind: str, who: str = "ann") -> set[str]:
        link = PAIRED.format(f"link-type='{kind}'", "", "").replace(
            "<attribute name='fullname'/>", ""
        )
        found = rows(fetch(door, f"<attribute name='name'/><filter>{link}</filter>", who))
        return {row["name"] for row in found}

    assert told("any") == {"J one"}
    assert told("not any") == {"J two"}


@pytest.mark.usefixtures("paired")
@pytest.mark.parametrize(
    "link",
    [
        "<link-entity name='new_join_pairs' from='accountid' to='accountid'/>",
        (
            "<link-entity name='new_join_pairs' from='accountid' to='accountid'>"
            "<attribute name='contactid'/></link-entity>"
        ),
        (
            "<link-entity name='new_join_pairs' from='accountid' to='accountid'>"
            "<link-entity name='contact' from='contactid' to='accountid'/></link-entity>"
        ),
        (
            "<link-entity name='new_join_pairs' from='contactid' to='accountid'>"
            "<link-entity name='contact' from='contactid' to='contactid'/></link-entity>"
        ),
        PAIRED.format("link-type='matchfirstrowusingcrossapply'", "", ""),
    ],
)
def test_pairs_by_themselves_are_not_read(door: Door, link: str) -> None:
    refused(fetch(door, link), 404 if "from='contactid' to='accountid'>" in link[:90] else 400)
