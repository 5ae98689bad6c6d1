"""Rows in somebody's name: what is stamped, what is open, what is refused and how."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from psycopg import sql

from flowner.errors import AccessDenied, Code, Conflict, Invalid, NotFound
from flowner.rows import feed, registry
from flowner.rows.callers import Caller
from flowner.rows.metadata import Metadata
from flowner.rows.query import read_query
from rows.conftest import CLERK


def test_a_row_from_beginning_to_end(company, run) -> None:
    async def story() -> None:
        ann, store = Caller(company.ann), company.store
        made = await store.create(
            ann, "t_notes", {"t_name": "One", "t_size": 3, "t_due": "2026-05-01T10:00:00+02:00"}
        )
        assert made["_ownerid_value"] == made["_createdby_value"] == company.ann
        assert made["t_due"] == "2026-05-01T08:00:00Z"
        assert made["_createdonbehalfby_value"] is None
        id = made["t_noteid"]
        assert await store.get(ann, "t_note", id) == made
        changed = await store.update(ann, "t_notes", id, {"t_size": "4"})
        assert changed["t_size"] == 4
        assert changed["@odata.etag"] != made["@odata.etag"]
        with pytest.raises(Conflict):
            await store.update(ann, "t_notes", id, {"t_size": 5}, if_match=made["@odata.etag"])
        await store.delete(ann, "t_notes", id)
        with pytest.raises(NotFound, match="does not exist"):
            await store.get(ann, "t_note", id)

    run(story())


def test_acting_for_somebody_else_needs_the_rights_of_both_and_names_both(company, run) -> None:
    async def story() -> None:
        store = company.store
        made = await store.create(Caller(company.ann, company.admin), "t_note", {"t_name": "x"})
        assert made["_createdby_value"] == company.ann
        assert made["_createdonbehalfby_value"] == company.admin
        assert made["_ownerid_value"] == company.ann
        id = made["t_noteid"]
        with pytest.raises(AccessDenied):
            await store.get(Caller(company.admin, company.ben), "t_note", id)
        with pytest.raises(AccessDenied):
            await store.get(Caller(company.ann, company.ben), "t_note", id)
        assert await store.get(Caller(company.admin, company.ann), "t_note", id)
        listed = await store.list(Caller(company.admin, company.ben), "t_note", {})
        assert id not in [row["t_noteid"] for row in listed["value"]]

    run(story())


@pytest.mark.parametrize(
    ("who", "code"),
    [
        pytest.param("guest", Code.PRIVILEGE_MISSING, id="no privilege"),
        pytest.param("leaver", Code.PRINCIPAL_DISABLED, id="disabled"),
        pytest.param("ben", Code.ROW_ACCESS_DENIED, id="somebody else's row"),
    ],
)
def test_what_is_not_open_is_refused_with_dataverses_code(company, run, who, code) -> None:
    async def story() -> None:
        made = await company.store.create(Caller(company.ann), "t_note", {"t_name": "mine"})
        with pytest.raises(AccessDenied) as caught:
            await company.store.get(Caller(getattr(company, who)), "t_note", made["t_noteid"])
        assert caught.value.code is code

    run(story())


def test_a_list_holds_what_may_be_read_and_nothing_else(company, run) -> None:
    async def story() -> None:
        store = company.store
        await store.create(Caller(company.ann), "t_note", {"t_name": "list ann"})
        await store.create(Caller(company.ben), "t_note", {"t_name": "list ben"})
        crews = {"t_name": "list crew", "ownerid@odata.bind": f"/teams({company.crew})"}
        made = await store.create(Caller(company.admin), "t_note", crews)
        assert made["owneridtype"] == "team"
        asked = {
            "$filter": "startswith(t_name,'LIST')",
            "$orderby": "t_name desc",
            "$select": "t_name",
        }
        seen = {
            name: [
                row["t_name"]
                for row in (await store.list(Caller(getattr(company, name)), "t_notes", asked))[
                    "value"
                ]
            ]
            for name in ("admin", "ann", "ben")
        }
        assert seen == {
            "admin": ["list crew", "list ben", "list ann"],
            "ann": ["list ann"],
            "ben": ["list crew", "list ben"],
        }

    run(story())


def test_a_shared_row_is_open_for_what_is_shared(company, database, run) -> None:
    async def story() -> None:
        store, ben = company.store, Caller(company.ben)
        made = await store.create(Caller(company.ann), "t_note", {"t_name": "shared"})
        id = made["t_noteid"]
        async with database.transaction() as t:
            share = {
                "tablename": "t_note",
                "rowid": id,
                "principalid": company.ben,
                "accessmask": 1,
            }
            await registry.insert(t, "rowshare", share, by=None)
        assert (await store.get(ben, "t_note", id))["t_name"] == "shared"
        with pytest.raises(AccessDenied):
            await store.update(ben, "t_note", id, {"t_name": "stolen"})

    run(story())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"$filter": "nope eq 1"}, "could not find a property named `nope`", id="column"
        ),
        pytest.param({"$filter": "t_size eq 'a'"}, "no value for the column", id="type"),
        pytest.param({"$filter": "t_size eq"}, "ends where a value", id="unfinished"),
        pytest.param({"$filter": "magic(t_name,'a')"}, "the function `magic`", id="function"),
        pytest.param({"$apply": "x"}, "option `\\$apply` is not known", id="option"),
        pytest.param({"$top": "-1"}, "whole number", id="top"),
        pytest.param({"$select": "t_name,"}, "empty place", id="select"),
        pytest.param({"$orderby": "t_name sideways"}, "`asc` or `desc`", id="order"),
    ],
)
def test_a_query_that_cannot_be_understood_is_refused(company, run, options, message) -> None:
    with pytest.raises(Invalid, match=message):
        run(company.store.list(Caller(company.admin), "t_note", options))


NASTY = ("'; DROP TABLE rows.t_note; --", '"; --', "%s", "\\", "{}", "x' OR 'a'='a", "$1", "%")


@pytest.mark.parametrize("text", NASTY)
def test_text_is_only_ever_text(company, run, text: str) -> None:
    async def story() -> None:
        store, ann = company.store, Caller(company.ann)
        made = await store.create(ann, "t_note", {"t_name": text})
        quoted = text.replace("'", "''")
        for asked in (
            f"t_name eq '{quoted}'",
            f"contains(t_name,'{quoted}')",
            f"t_name in ('{quoted}','other')",
        ):
            found = await store.list(ann, "t_note", {"$filter": asked})
            assert made["t_noteid"] in [row["t_noteid"] for row in found["value"]]
        for option in ("$orderby", "$select"):
            with pytest.raises(Invalid):
                await store.list(ann, "t_note", {option: text})
        for values in ({text: 1}, {"t_size": text}, {"t_about": text}, {"ownerid": text}):
            with pytest.raises(Invalid):
                await store.create(ann, "t_note", values)
        with pytest.raises(NotFound):
            await store.get(ann, "t_note", text)
        with pytest.raises(NotFound):
            await store.get(ann, text, made["t_noteid"])

    run(story())


def test_our_own_tables_are_read_under_the_law_and_never_written(company, run) -> None:
    async def story() -> None:
        store = company.store
        people = await store.list(Caller(company.guest), "systemusers", {"$select": "fullname"})
        assert {"ann", "ben"} <= {row["fullname"] for row in people["value"]}
        with pytest.raises(AccessDenied):
            await store.update(
                Caller(company.admin), "systemuser", company.guest, {"isdisabled": True}
            )
        for hidden in ("accesstoken", "flowshare", "connectionlend", "roleassignment", "change"):
            with pytest.raises(NotFound):
                await store.list(Caller(company.admin), hidden, {})

    run(story())


def test_the_feed_is_written_with_the_row_or_not_at_all(company, database, run) -> None:
    async def broken_off() -> None:
        async with database.transaction() as t:
            await company.store.create(Caller(company.ann), "t_note", {"t_name": "no"}, within=t)
            raise RuntimeError

    async def story() -> None:
        store, ann = company.store, Caller(company.ann)
        async with database.transaction() as t:
            row = {"workflowid": company.ann, "entityname": "t_note", "message": 7, "scope": 4}
            await registry.insert(t, "callbackregistration", row, by=None)
        with pytest.raises(RuntimeError):
            await broken_off()
        made = await store.create(ann, "t_note", {"t_name": "fed"})
        await store.update(ann, "t_note", made["t_noteid"], {"t_name": "fed"})
        await store.delete(ann, "t_note", made["t_noteid"])
        async with database.transaction() as t:
            changes = await feed.take(t, 100)
        told = [(c.message, c.row["t_name"], sorted(c.named)) for c in changes]
        assert told == [
            ("Create", "fed", ["t_name"]),
            ("Update", "fed", ["t_name"]),
            ("Delete", "fed", []),
        ]
        assert {c.acting_for for c in changes} == {company.ann}
        async with database.transaction() as t:
            assert await feed.take(t, 100) == []

    run(story())


def test_a_lookup_into_several_tables_is_set_by_each_ones_property(company, run) -> None:
    async def story() -> None:
        ann = Caller(company.ann)
        other = await company.store.create(ann, "t_note", {"t_name": "other"})
        bound = f"t_notes({other['t_noteid']})"
        made = await company.store.create(
            ann, "t_note", {"t_name": "one", "t_about_t_note@odata.bind": bound}
        )
        assert made["_t_about_value"] == other["t_noteid"]
        with pytest.raises(Invalid, match="`t_name_t_note`"):
            await company.store.create(ann, "t_note", {"t_name_t_note@odata.bind": bound})

    run(story())


def test_tables_may_have_dataverses_own_names(company, database, run) -> None:
    metadata = Metadata(database, company.store.catalogue)

    async def make(name: str, **columns: str) -> None:
        await metadata.create_table(name, set_name=f"{name}s", primary_name="name", columns=columns)

    run(make("contact", size="Whole"))
    with pytest.raises(Conflict, match="`contact` already"):
        run(make("contact"))
    with pytest.raises(Conflict, match="`team` already"):
        run(make("team"))
    with pytest.raises(Invalid, match="`wide` is no type"):
        run(make("invoice", size="wide"))
    with pytest.raises(Invalid, match="two columns of one name"):
        run(make("invoice", createdby="lookup"))
    for name in ("", "1a", "A", "a-b", "a" * 80, 'a"; drop'):
        with pytest.raises(Invalid, match="is no name"):
            run(make(name))


def test_a_long_list_comes_in_pages_that_do_not_overlap(company, database, run) -> None:
    async def story() -> None:
        metadata = Metadata(database, company.store.catalogue)
        await metadata.create_table("t_many", set_name="t_manys", primary_name="t_name", columns={})
        async with database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO rows.t_many (t_name, ownerid, owneridtype)"
                " SELECT (n %% 7)::text, %s, 'systemuser' FROM generate_series(1, 5003) AS n",
                (company.admin,),
            )
        admin, store, seen = Caller(company.admin), company.store, []
        options = {"$orderby": "t_name", "$select": "t_manyid", "$count": "true"}
        pages = 0
        while True:
            page = await store.list(admin, "t_manys", options)
            assert page["@odata.count"] == 5000
            seen += [row["t_manyid"] for row in page["value"]]
            pages += 1
            if "@odata.nextLink" not in page:
                break
            options = dict(parse_qsl(page["@odata.nextLink"].partition("?")[2]))
        assert (pages, len(seen), len(set(seen))) == (2, 5003, 5003)
        few = await store.list(admin, "t_manys", {"$top": "5", "$count": "true"})
        assert (len(few["value"]), few["@odata.count"]) == (5, 5000)
        assert "@odata.nextLink" not in few
        most = await store.list(admin, "t_manys", {"$top": "5001", "$select": "t_name"})
        assert "@odata.nextLink" in most
        tokens = ("x", "5000", "[]", "[1]", '["1", "a"]', "[-1, null]", "[1, 2]", '[1, "no guid"]',
                  '[1, "\\u0000"]', "[" * 100_000)  # fmt: skip
        for bad in ({"$top": "-1"}, {"$skip": "1"}, *({"$skiptoken": one} for one in tokens)):
            with pytest.raises(Invalid):
                await store.list(admin, "t_manys", bad)

    run(story())


@pytest.mark.parametrize("order", ["t_size", "t_size desc", "t_name desc,t_size"])
def test_a_page_begins_behind_the_last_row_of_the_one_before(company, database, run, order) -> None:
    """Rows that go in between are not missed for it, and rows without a value have their place."""

    async def story() -> None:
        store, admin = company.store, Caller(company.admin)
        async with database.transaction() as transaction:
            await transaction.execute("DELETE FROM rows.t_note")
            await transaction.execute(
                "INSERT INTO rows.t_note (t_name, t_size, ownerid, owneridtype)"
                " SELECT (n %% 3)::text, CASE WHEN n %% 1000 > 1 THEN n %% 4 END, %s, 'systemuser'"
                " FROM generate_series(1, 5040) AS n",
                (company.admin,),
            )
        whole = [
            row["t_noteid"]
            for row in (await store.list(admin, "t_notes", {"$orderby": order}))["value"]
        ]
        first = await store.list(admin, "t_notes", {"$orderby": order, "$top": "5030"})
        link = dict(parse_qsl(first["@odata.nextLink"].partition("?")[2]))
        before = await store.list(admin, "t_notes", link)
        await store.delete(admin, "t_notes", whole[0])
        after = await store.list(admin, "t_notes", link)
        assert [len(before["value"]), before["value"]] == [30, after["value"]]
        assert not {row["t_noteid"] for row in after["value"]} & set(whole)
        assert "@odata.nextLink" not in after

    run(story())


def test_what_is_remembered_of_a_person_ends_with_what_it_came_from(company, database, run) -> None:
    async def story() -> None:
        store, ann = company.store, Caller(company.ann)
        admin = Caller(company.admin)
        id = (await store.create(ann, "t_note", {"t_name": "Mine"}))["t_noteid"]
        other = (await store.create(admin, "t_note", {"t_name": "Not mine"}))["t_noteid"]
        assert (await store.get(ann, "t_note", id))["t_name"] == "Mine"
        for _ in range(2):
            with pytest.raises(AccessDenied) as refused:
                await store.get(ann, "t_note", other)
            assert refused.value.code is Code.ROW_ACCESS_DENIED
        held = {"roleid": CLERK, "principalid": company.ann}
        async with database.transaction() as t:
            await t.execute("DELETE FROM rows.roleassignment WHERE principalid = %s"
                            " AND roleid = %s", (company.ann, CLERK))  # fmt: skip
        with pytest.raises(AccessDenied) as refused:
            await store.get(ann, "t_note", id)
        assert refused.value.code is Code.PRIVILEGE_MISSING
        async with database.transaction() as t:
            await registry.insert(t, "roleassignment", held, by=None)
        assert (await store.get(ann, "t_note", id))["t_name"] == "Mine"

    run(story())


@pytest.mark.parametrize("order", [{}, {"$orderby": "t_noteid desc"}], ids=["as it is", "by key"])
def test_a_page_in_the_order_of_the_key_is_not_sorted(company, database, run, order) -> None:
    """The key's index has the order, behind a row as well as at the top."""

    async def story() -> None:
        store, admin = company.store, Caller(company.admin)
        behind = json.dumps([1, *[str(UUID(int=5))] * (1 + len(order))])
        async with database.transaction() as t, store.asking(admin, "t_note", t) as asking:
            await t.execute("SET LOCAL enable_sort = off")
            await t.execute("SET LOCAL enable_seqscan = off")
            for more in ({}, {"$skiptoken": behind}):
                query = read_query({**order, **more}, asking.table)
                statement, values = query.statement(asking)
                found = await t.execute(sql.SQL("EXPLAIN ") + statement, values)
                plan = "\n".join(row["QUERY PLAN"] for row in await found.fetchall())
                assert "Index" in plan
                assert "Sort" not in plan, plan

    run(story())
