"""Dataverse's operations over the real row store, in the acting identity's name."""

from __future__ import annotations

import asyncio
import base64
import io
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from flowner.connectors.dataverse import connector
from flowner.directory.people import NewPerson
from flowner.engine.rows_as import RowsAs
from flowner.rows.associations import sides_of
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.describing import Described, Kind
from flowner.rows.seed import BASIC_USER
from flowner.sdk.connector import Repeat
from flowner.sdk.context import OperationContext, Rejected
from flowner.server import House
from flowner.values import JsonObject, PrincipalId

ABSENT = "11111111-2222-4333-8444-555555555555"
PRIVILEGE, ROW, GONE, DUPLICATE = "0x80040220", "0x80048306", "0x80040217", "0x80040237"


def fresh() -> str:
    return secrets.token_hex(8)


@dataclass
class Shop:
    """Orders and customers. Ann and Ben have their own rows, Vera reads every row, Guest none."""

    house: Any
    run: Any
    people: dict[str, PrincipalId] = field(default_factory=dict)

    def ask(
        self, operation: str, parameters: JsonObject, *, by: str = "ann", key: str = "",
        repeated: bool = False, **settings: Any,
    ) -> Any:  # fmt: skip
        context = OperationContext(
            idempotency_key=key or fresh(),
            repeated=repeated,
            account=by,
            settings=settings,
            rows=RowsAs(self.house.store, self.house.webapi, Caller(self.people[by])),
        )
        return self.run(connector.operations[operation].perform(parameters, context))

    def refused(self, operation: str, parameters: JsonObject, **more: Any) -> Rejected:
        with pytest.raises(Rejected) as caught:
            self.ask(operation, parameters, **more)
        return caught.value

    def order(self, name: str = "An order", *, by: str = "ann", **columns: Any) -> str:
        parameters = {"entityName": "s_orders", "item/s_name": name}
        parameters |= {f"item/{column}": value for column, value in columns.items()}
        made: str = self.ask("CreateRecord", parameters, by=by).body["s_orderid"]
        return made

    def get(self, id: str, by: str = "ann") -> Any:
        return self.ask("GetItem", {"entityName": "s_orders", "recordId": id}, by=by).body

    def count(self, name: str) -> int:
        parameters = {"entityName": "s_orders", "$filter": f"s_name eq '{name}'"}
        return len(self.ask("ListRecords", parameters, by="vera").body["value"])


@pytest.fixture(scope="module")
def shop(house, run) -> Shop:
    made, create = Shop(house, run), house.metadata.create_table
    run(create("s_customer", set_name="s_customers", primary_name="s_name", columns={}))
    columns = {"s_size": Type.WHOLE, "s_customer": Type.LOOKUP, "s_city": Type.TEXT}
    run(create("s_order", set_name="s_orders", primary_name="s_name", columns=columns))
    rights = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign")
    tables = ("s_order", "s_customer")
    own = run(house.directory.add_role("Clerk", {(t, r): 1 for t in tables for r in rights}))
    whole = run(house.directory.add_role("Auditor", {(t, "Read"): 8 for t in tables}))
    for name, role in (("ann", own), ("ben", own), ("vera", whole), ("guest", BASIC_USER)):
        new = NewPerson(name=name, upn=f"{name}@shop.example")
        made.people[name] = run(house.directory.add_person(new, roles=(BASIC_USER, role)))
    return made


# reading


def test_a_list_is_what_the_query_asks_for_and_the_law_opens(shop: Shop) -> None:
    tag = fresh()
    for name, by, size in (("a", "ann", 3), ("b", "ann", 1), ("c", "ben", 2)):
        shop.order(name, by=by, s_city=tag, s_size=size)
    query = {"entityName": "s_orders", "$filter": f"s_city eq '{tag}'", "$orderby": "s_size desc"}

    def names(by: str, **more: Any) -> list[str]:
        answer = shop.ask("ListRecords", query | more, by=by)
        return [row["s_name"] for row in answer.body["value"]]

    assert names("vera") == ["a", "c", "b"]
    assert names("ann") == ["a", "b"]
    assert names("ben") == ["c"]
    assert names("vera", **{"$top": 2}) == ["a", "c"]
    assert names("vera", **{"$filter": f"s_city eq '{tag}' and s_size lt 3"}) == ["c", "b"]
    (row,) = shop.ask("ListRecords", query | {"$select": "s_name"}, by="ben").body["value"]
    assert row["s_name"] == "c"
    assert "s_size" not in row


def test_one_row_comes_with_its_own_address(shop: Shop) -> None:
    id = shop.order("One", s_size=7)
    answer = shop.ask("GetItem", {"entityName": "s_orders", "recordId": f"{{{id}}}"})
    assert answer.body["@odata.id"] == f"s_orders({id})"
    assert (answer.body["s_name"], answer.body["s_size"]) == ("One", 7)
    chosen = {"entityName": "s_orders", "recordId": id, "$select": "s_size"}
    assert "s_name" not in shop.ask("GetItem", chosen).body


def test_the_acting_identity_owns_and_signs_what_it_makes(shop: Shop) -> None:
    row = shop.get(shop.order())
    ann = shop.people["ann"]
    assert row["_ownerid_value"] == row["_createdby_value"] == row["_modifiedby_value"] == ann
    assert row["_createdonbehalfby_value"] is None


@pytest.mark.parametrize(
    ("operation", "by", "code", "status"),
    [
        pytest.param("GetItem", "ben", ROW, 403, id="another's row"),
        pytest.param("UpdateRecord", "ben", ROW, 403, id="changing another's row"),
        pytest.param("DeleteRecord", "ben", ROW, 403, id="deleting another's row"),
        pytest.param("UpdateRecord", "vera", PRIVILEGE, 403, id="reading is not writing"),
        pytest.param("GetItem", "guest", PRIVILEGE, 403, id="no privilege at all"),
        pytest.param("ListRecords", "guest", PRIVILEGE, 403, id="no privilege to list"),
        pytest.param("CreateRecord", "vera", PRIVILEGE, 403, id="no privilege to create"),
    ],
)
def test_what_the_law_refuses_keeps_its_code(
    shop: Shop, operation: str, by: str, code: str, status: int
) -> None:
    id = shop.order("Kept")
    parameters = {"entityName": "s_orders", "recordId": id, "item/s_name": "changed"}
    if operation == "ListRecords":
        parameters = {"entityName": "s_orders"}
    no = shop.refused(operation, parameters, by=by)
    assert (no.code, no.status) == (code, status)
    assert no.body["error"]["code"] == code
    assert shop.get(id)["s_name"] == "Kept"


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"entityName": "no_such_table"}, 404),
        ({"entityName": ""}, 400),
        ({}, 400),
        ({"entityName": "s_orders", "$filter": "s_name eq"}, 400),
        ({"entityName": "s_orders", "$filter": "no_column eq 1"}, 400),
        ({"entityName": "s_orders", "$top": "many"}, 400),
        ({"entityName": "s_orders", "$filter": ["a"]}, 400),
        ({"entityName": "s_orders; DROP TABLE rows.s_order"}, 404),
    ],
)
def test_what_cannot_be_asked_is_said_to_be_so(
    shop: Shop, parameters: JsonObject, status: int
) -> None:
    assert shop.refused("ListRecords", parameters).status == status


# called twice


def test_create_with_the_same_key_is_one_row(shop: Shop) -> None:
    name, key = fresh(), fresh()
    parameters = {"entityName": "s_orders", "item/s_name": name}
    first = shop.ask("CreateRecord", parameters, key=key)
    second = shop.ask("CreateRecord", parameters, key=key, repeated=True)
    assert (first.status, second.status) == (201, 201)
    assert first.body["s_orderid"] == second.body["s_orderid"]
    assert shop.count(name) == 1
    shop.ask("CreateRecord", parameters, key=fresh())
    assert shop.count(name) == 2


def test_create_with_an_id_of_the_flows_own_is_refused_the_second_time(shop: Shop) -> None:
    id = "22222222-2222-4333-8444-" + secrets.token_hex(6)
    parameters = {"entityName": "s_orders", "item/s_name": "x", "item/s_orderid": id}
    assert shop.ask("CreateRecord", parameters).body["s_orderid"] == id
    assert shop.refused("CreateRecord", parameters).code == DUPLICATE


def test_update_twice_writes_the_same(shop: Shop) -> None:
    id = shop.order("Before")
    parameters = {"entityName": "s_orders", "recordId": id, "item/s_name": "After"}
    for repeated in (False, True):
        assert shop.ask("UpdateRecord", parameters, repeated=repeated).body["s_name"] == "After"


def test_update_adds_what_is_not_there_and_update_only_does_not(shop: Shop) -> None:
    id = "33333333-2222-4333-8444-" + secrets.token_hex(6)
    parameters = {"entityName": "s_orders", "recordId": id, "item/s_name": "Made"}
    no = shop.refused("UpdateOnlyRecord", parameters)
    assert (no.status, no.code) == (404, GONE)
    made = shop.ask("UpdateRecord", parameters).body
    assert (made["s_orderid"], made["s_name"]) == (id, "Made")
    assert shop.ask("UpdateOnlyRecord", parameters | {"item/s_name": "Again"}).body["s_name"] == (
        "Again"
    )


def test_delete_gone_already_is_success_for_a_repeated_attempt_alone(shop: Shop) -> None:
    id = shop.order()
    parameters = {"entityName": "s_orders", "recordId": id}
    answer = shop.ask("DeleteRecord", parameters)
    assert (answer.status, answer.has_body) == (204, False)
    no = shop.refused("DeleteRecord", parameters)
    assert (no.status, no.code) == (404, GONE)
    assert shop.ask("DeleteRecord", parameters, repeated=True).status == 204


def test_relations_are_made_and_ended_once(shop: Shop) -> None:
    order = shop.order()
    made = shop.ask("CreateRecord", {"entityName": "s_customers", "item/s_name": "C"}).body
    customer = made["s_customerid"]
    address = f"https://org.example/api/data/v9.1/s_customers({customer})"
    parameters = {
        "entityName": "s_orders", "recordId": order,
        "associationEntityRelationship": "s_customer", "item/@odata.id": address,
    }  # fmt: skip
    for repeated in (False, True):
        answer = shop.ask("AssociateEntities", parameters, repeated=repeated)
        assert (answer.status, answer.has_body) == (204, False)
        assert shop.get(order)["_s_customer_value"] == customer
    ending = parameters | {"$id": address}
    assert shop.ask("DisassociateEntities", ending).status == 204
    assert shop.get(order)["_s_customer_value"] is None
    assert shop.refused("DisassociateEntities", ending).status == 404
    assert shop.ask("DisassociateEntities", ending, repeated=True).status == 204


def test_relations_of_many_to_many_are_made_and_ended_once(shop: Shop) -> None:
    kept = sides_of(
        "s_Order_Customers", ("s_order_customers",) * 2, ("s_order", "s_customer"),
        ("s_orderid", "s_customerid"), ("s_customers_of", "s_orders_of"),
    )  # fmt: skip
    shop.run(shop.house.making.associate(kept[0]))
    order = shop.order()
    made = shop.ask("CreateRecord", {"entityName": "s_customers", "item/s_name": "Many"}).body
    expanding = {"entityName": "s_orders", "recordId": order, "$expand": "s_customers_of"}

    def related() -> list[str]:
        row = shop.ask("GetItem", expanding).body
        return [one["s_customerid"] for one in row["s_customers_of"]]

    for relationship in ("s_customers_of", "s_Order_Customers"):  # by property, by schema name
        parameters = {
            "entityName": "s_orders", "recordId": order,
            "associationEntityRelationship": relationship,
            "item/@odata.id": f"s_customers({made['s_customerid']})",
        }  # fmt: skip
        assert shop.ask("AssociateEntities", parameters).status == 204
        no = shop.refused("AssociateEntities", parameters)
        assert (no.status, no.code) == (412, DUPLICATE)
        assert shop.ask("AssociateEntities", parameters, repeated=True).status == 204
        assert related() == [made["s_customerid"]]
        assert shop.refused("AssociateEntities", parameters, by="ben").status == 403
        ending = parameters | {"$id": parameters["item/@odata.id"]}
        assert shop.ask("DisassociateEntities", ending).status == 204
        assert related() == []
        assert shop.refused("DisassociateEntities", ending).status == 404
        assert shop.ask("DisassociateEntities", ending, repeated=True).status == 204


def test_what_harmless_operations_are_is_that_they_read() -> None:
    reads = {name for name, one in connector.operations.items() if one.repeat is Repeat.HARMLESS}
    own = {"ListRecords", "GetItem", "GetEntityFileImageFieldContent"}
    twins = {f"{name}WithOrganization" for name in own}
    assert reads == own | {"GetItems_V2", "GetItem_V2"} | twins
    never = {name for name, one in connector.operations.items() if one.repeat is Repeat.NEVER}
    acts = ("PerformUnboundAction", "PerformBoundAction")
    assert never == {*acts, *(f"{name}WithOrganization" for name in acts)}


# the columns of a row


def test_columns_are_written_one_by_one_or_as_a_whole(shop: Shop) -> None:
    whole = {"entityName": "s_orders", "item": {"s_name": "whole", "s_size": 1}}
    assert shop.ask("CreateRecord", whole | {"item/s_size": 2}).body["s_size"] == 2
    text = {"entityName": "s_orders", "item": '{"s_name": "from text", "s_size": 3}'}
    assert shop.ask("CreateRecord", text).body["s_name"] == "from text"


def test_a_lookup_is_bound_by_address_or_by_kind_and_value(shop: Shop) -> None:
    customer = shop.ask(
        "CreateRecord", {"entityName": "s_customers", "item/s_name": "C"}
    ).body["s_customerid"]  # fmt: skip
    for lookup in (
        {"item/s_customer@odata.bind": f"/s_customers({customer})"},
        {"item/_s_customer_type": "s_customers", "item/_s_customer_value": customer},
    ):
        parameters = {"entityName": "s_orders", "item/s_name": "x", **lookup}
        assert shop.ask("CreateRecord", parameters).body["_s_customer_value"] == customer


def test_an_owner_is_given_away_by_who_may(shop: Shop) -> None:
    ben = shop.people["ben"]
    id = shop.order()
    parameters = {
        "entityName": "s_orders", "recordId": id, "item/ownerid@odata.bind": f"/systemusers({ben})",
    }  # fmt: skip
    assert shop.ask("UpdateRecord", parameters).body["_ownerid_value"] == ben
    assert shop.get(id, by="ben")["_ownerid_value"] == ben
    assert shop.refused("GetItem", {"entityName": "s_orders", "recordId": id}).code == ROW


@pytest.mark.parametrize(
    "columns",
    [
        {"item/no_such_column": 1},
        {"item/s_size": "many"},
        {"item": "[1]"},
        {"item": "{"},
        {"item": 5},
        {"item/s_name": "x", "item/s_name/deeper": 1},
        {"item/" + "/".join("x" * 200): 1},
    ],
)
def test_columns_that_cannot_be_are_refused(shop: Shop, columns: JsonObject) -> None:
    no = shop.refused("CreateRecord", {"entityName": "s_orders", **columns})
    assert no.status == 400


# environments


@pytest.mark.parametrize("where", ["current", "", "https://org.example/", "ORG.example", None])
def test_the_own_environment_has_several_names(shop: Shop, where: Any) -> None:
    parameters = {"organization": where, "entityName": "s_orders"}
    answer = shop.ask("ListRecordsWithOrganization", parameters, organization="https://org.example")
    assert "value" in answer.body


@pytest.mark.parametrize("operation", [
    name for name in connector.operations if name.endswith("WithOrganization")
])  # fmt: skip
def test_another_environment_is_out_of_reach(shop: Shop, operation: str) -> None:
    parameters = {"organization": "https://other.example", "entityName": "s_orders"}
    no = shop.refused(operation, parameters, organization="https://org.example")
    assert no.status == 404
    assert "other.example" in no.message


# the connector before


def legacy(method: str, table: str, id: str = "", *, twice: bool = True, **inputs: Any) -> Any:
    def encoded(text: str) -> str:
        return quote(quote(text, safe=""), safe="") if twice else quote(text, safe="")

    path = f"/v2/datasets/{encoded('default.cds')}/tables/{encoded(table)}/items"
    return connector.legacy_call(
        {"method": method, "path": path + (f"/{encoded(id)}" if id else ""), **inputs}
    )


def test_old_flows_do_the_same_by_path(shop: Shop) -> None:
    tag = fresh()
    routed = legacy("post", "s_orders", body={"s_name": tag, "s_size": 1})
    assert routed[0] == "PostItem_V2"
    made = shop.ask(*routed)
    assert made.status == 201
    id = made.body["ItemInternalId"]
    assert id == made.body["s_orderid"]
    patched = shop.ask(*legacy("patch", "s_orders", id, body={"s_size": 2})).body
    assert (patched["s_size"], patched["ItemInternalId"]) == (2, id)
    assert shop.ask(*legacy("get", "s_orders", id)).body["s_size"] == 2
    listed = shop.ask(*legacy("get", "s_orders", queries={"$filter": f"s_name eq '{tag}'"}))
    assert [row["ItemInternalId"] for row in listed.body["value"]] == [id]
    assert not shop.ask(*legacy("delete", "s_orders", id)).has_body
    assert shop.refused(*legacy("get", "s_orders", id)).code == GONE


def test_old_operations_called_twice(shop: Shop) -> None:
    name, key = fresh(), fresh()
    operation, parameters = legacy("post", "s_orders", body={"s_name": name})
    ids = {
        shop.ask(operation, parameters, key=key, repeated=repeated).body["ItemInternalId"]
        for repeated in (False, True)
    }
    assert len(ids) == shop.count(name) == 1
    operation, parameters = legacy("delete", "s_orders", ids.pop())
    shop.ask(operation, parameters)
    assert shop.refused(operation, parameters).code == GONE
    shop.ask(operation, parameters, repeated=True)


def test_patching_what_is_not_there_adds_nothing(shop: Shop) -> None:
    assert shop.refused(*legacy("patch", "s_orders", ABSENT, body={"s_name": "x"})).code == GONE


def test_another_dataset_is_out_of_reach(shop: Shop) -> None:
    parameters = {"dataset": "other.crm", "table": "s_orders"}
    assert shop.refused("GetItems_V2", parameters).status == 404


@pytest.mark.parametrize(
    "inputs",
    [
        {"method": "get", "path": "/v2/Mail"},
        {"method": "put", "path": "/v2/datasets/d/tables/t/items"},
        {"method": "post", "path": "/v2/datasets/d/tables/t/items/1"},
        {"method": "get", "path": "/v2/datasets/d/tables/t/items/1/more"},
        {"method": "get", "path": None},
        {},
    ],
)
def test_a_path_that_is_none_of_ours_is_no_operation(inputs: JsonObject) -> None:
    assert connector.legacy_call(inputs) is None


def test_without_rows_it_says_so(shop: Shop) -> None:
    context = OperationContext(idempotency_key="k", account="")
    with pytest.raises(Rejected) as caught:
        shop.run(connector.operations["ListRecords"].perform({"entityName": "s_orders"}, context))
    assert caught.value.status == 403


# what the Web API answers


def related(shop: Shop, order: str, name: str, **more: Any) -> str:
    """Give an order a customer of its own."""
    made = shop.ask("CreateRecord", {"entityName": "s_customers", "item/s_name": name}, **more)
    customer: str = made.body["s_customerid"]
    shop.ask("AssociateEntities", {
        "entityName": "s_orders", "recordId": order,
        "associationEntityRelationship": "s_customer",
        "item/@odata.id": f"s_customers({customer})"}, **more)  # fmt: skip
    return customer


def test_rows_are_expanded_and_annotated(shop: Shop) -> None:
    tag = fresh()
    id = shop.order("Expanded", s_city=tag)
    one = {"entityName": "s_orders", "recordId": id, "$select": "s_name",
           "$expand": "owninguser($select=fullname)"}  # fmt: skip
    row = shop.ask("GetItem", one).body
    assert (row["owninguser"]["fullname"], row["@odata.id"]) == ("ann", f"s_orders({id})")
    many = {"entityName": "s_orders", "$filter": f"s_city eq '{tag}'", "$expand": "owninguser"}
    (row,) = shop.ask("ListRecords", many | {"partitionId": ""}).body["value"]
    assert row["owninguser"]["fullname"] == "ann"
    assert row["_ownerid_value@OData.Community.Display.V1.FormattedValue"] == "ann"
    assert row["statecode@OData.Community.Display.V1.FormattedValue"] == "Active"
    assert shop.refused("ListRecords", many | {"$expand": "nothing"}).status == 400


def test_lists_are_asked_for_in_fetchxml_and_added_up(shop: Shop) -> None:
    tag = fresh()
    for size, by in ((1, "ann"), (2, "ann"), (4, "ben")):
        shop.order("Fetched", by=by, s_city=tag, s_size=size)
    text = (
        "<fetch><entity name='s_order'><attribute name='s_size'/><order attribute='s_size'/>"
        f"<filter><condition attribute='s_city' operator='eq' value='{tag}'/></filter>"
        "<link-entity name='systemuser' from='systemuserid' to='ownerid' alias='o'><attribute"
        " name='fullname'/></link-entity></entity></fetch>"
    )
    found = shop.ask("ListRecords", {"entityName": "s_orders", "fetchXml": text}).body["value"]
    assert [(row["s_size"], row["o.fullname"]) for row in found] == [(1, "ann"), (2, "ann")]
    apply = f"filter(s_city eq '{tag}')/aggregate(s_size with sum as whole)"
    for by, whole in (("ann", 3), ("vera", 7)):
        asked = {"entityName": "s_orders", "$apply": apply}
        assert shop.ask("ListRecords", asked, by=by).body["value"] == [{"whole": whole}]


def test_a_relation_is_ended_only_with_the_row_it_is_with(shop: Shop) -> None:
    order, other = shop.order(), shop.order()
    customer, stranger = related(shop, order, "C"), related(shop, other, "D")
    ending = {"entityName": "s_orders", "recordId": order,
              "associationEntityRelationship": "s_customer",
              "$id": f"s_customers({stranger})"}  # fmt: skip
    assert shop.refused("DisassociateEntities", ending).status == 404
    assert shop.get(order)["_s_customer_value"] == customer
    for name in ("nothing", "s_customer/$ref", "../s_customers", "s_customer?x"):
        no = shop.refused("DisassociateEntities", ending | {"associationEntityRelationship": name})
        assert no.status == 400


def test_actions_are_those_of_the_web_api(shop: Shop) -> None:
    targets = {"item/Targets": [{"s_name": "Acted"}, {"s_name": "Acted"}]}
    bound = {"entityName": "s_orders", "actionName": "Microsoft.Dynamics.CRM.CreateMultiple"}
    answer = shop.ask("PerformBoundAction", bound | targets)
    assert [shop.get(id)["s_name"] for id in answer.body["Ids"]] == ["Acted", "Acted"]
    no = shop.refused("PerformBoundAction", bound | targets, by="guest")
    assert (no.status, no.code) == (403, PRIVILEGE)
    condition = {"AttributeName": "s_name", "Operator": "Equal", "Values": [{"Value": "Acted"}]}
    query = {"EntityName": "s_order", "Criteria": {"Conditions": [condition]}}
    sweep = {"actionName": "BulkDelete", "item": {"QuerySet": [query], "JobName": "x"}}
    assert shop.ask("PerformUnboundAction", sweep).body["JobId"]
    shop.run(until_deleted(shop.house))
    assert shop.count("Acted") == 0
    assert shop.ask("PerformUnboundAction", {"actionName": "PublishAllXml"}).status == 204
    for action in ("Nothing", "WhoAmI", "../x", "a(b)", "$batch", ""):
        no = shop.refused("PerformUnboundAction", {"actionName": action, "item": {"s_name": "x"}})
        assert no.status in (400, 403, 404), action
        assert no.message


async def until_deleted(house: House) -> None:
    """Let the bulk deletions end that are under way."""
    async with asyncio.timeout(30):
        while True:
            async with house.database.connection() as connection:
                found = await connection.execute("SELECT FROM rows.bulkdeletion")
                if await found.fetchone() is None:
                    return
            await asyncio.sleep(0.05)


def changes(*requests: tuple[str, JsonObject]) -> JsonObject:
    return {"requests": [{"name": f"R{at}", "operation": operation, "parameters": given}
                         for at, (operation, given) in enumerate(requests)]}  # fmt: skip


def test_a_changeset_is_carried_out_whole_or_not_at_all(shop: Shop) -> None:
    name, id = f"Set {fresh()}", shop.order("Old")
    create = ("CreateRecord", {"entityName": "s_orders", "item/s_name": name})
    update = ("UpdateOnlyRecord", {"entityName": "s_orders", "recordId": id, "item/s_name": "New"})
    gone = ("DeleteRecord", {"entityName": "s_orders", "recordId": ABSENT})
    no = shop.refused("ExecuteChangeset", changes(create, update, gone))
    assert (no.status, no.code) == (404, GONE)
    assert (shop.count(name), shop.get(id)["s_name"]) == (0, "Old")
    key = fresh()
    for repeated in (False, True):
        answer = shop.ask("ExecuteChangeset", changes(create, create, update), key=key,
                          repeated=repeated)  # fmt: skip
        assert [one["statusCode"] for one in answer.body] == [201, 201, 200]
        assert (shop.count(name), shop.get(id)["s_name"]) == (2, "New")
    assert answer.body[2]["body"]["s_name"] == "New"
    for wrong in ("ListRecords", "ExecuteChangeset", "SendEmailV2"):
        assert shop.refused("ExecuteChangeset", changes((wrong, {}))).status == 400


def test_files_and_images_are_read_and_written(shop: Shop) -> None:
    async def widen() -> None:
        async with shop.house.database.transaction() as t:
            table = await shop.house.store.catalogue.table("s_order", t)
        for kind, name in ((Kind.FILE, "s_paper"), (Kind.IMAGE, "s_photo")):
            about = Described(kind=kind, schema_name=name, display_name=name,
                              details={"CanStoreFullImage": True})  # fmt: skip
            await shop.house.making.add_column(table, name, about)

    shop.run(widen())
    id = shop.order("Papers")
    place = {"entityName": "s_orders", "recordId": id, "fileImageFieldName": "s_paper"}
    assert shop.ask("GetEntityFileImageFieldContent", place).status == 204
    sent = {
        "item": {"$content-type": "text/plain", "$content": "aGk="},
        "x-ms-file-name": "ä b.txt",
    }
    assert shop.ask("UpdateEntityFileImageFieldContent", place | sent).status == 204
    answer = shop.ask("GetEntityFileImageFieldContent", place)
    assert answer.body == sent["item"]
    assert answer.headers["x-ms-file-name"] == "ä b.txt"
    shop.ask("UpdateEntityFileImageFieldContent", place | {"item": "plain", "x-ms-file-name": "x"})
    answer = shop.ask("GetEntityFileImageFieldContent", place)
    assert base64.b64decode(answer.body["$content"]) == b"plain"
    written = io.BytesIO()
    Image.new("RGB", (200, 200)).save(written, "PNG")
    content = {"$content": base64.b64encode(written.getvalue()).decode()}
    named = {"fileImageFieldName": "s_photo", "x-ms-file-name": "a.png"}
    image = place | named | {"item": content}
    shop.ask("UpdateEntityFileImageFieldContent", image)
    whole = shop.ask("GetEntityFileImageFieldContent", image | {"size": "full"}).body
    assert base64.b64decode(whole["$content"]) == written.getvalue()
    small = shop.ask("GetEntityFileImageFieldContent", image).body
    assert small["$content-type"] == "image/jpeg"
    assert shop.refused("GetEntityFileImageFieldContent", place, by="ben").code == ROW
    assert shop.refused("UpdateEntityFileImageFieldContent", place | sent, by="ben").status == 403
    for wrong in ({"item": 5}, {"item": {"$content": "!"}}, {"fileImageFieldName": "../x"}):
        assert shop.refused("UpdateEntityFileImageFieldContent", place | sent | wrong).status == 400
