"""Functions and actions: who am I, many rows at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from flowner.errors import Code, Invalid
from flowner.rows import seed
from flowner.rows.catalogue import Table
from flowner.rows.privileges import business_unit_of
from flowner.values import Json, JsonObject
from flowner.webapi import bulk, defining, relationships
from flowner.webapi.addresses import Segment, read_link
from flowner.webapi.bodies import read_values
from flowner.webapi.calls import Call, no_method
from flowner.webapi.deep import Nest
from flowner.webapi.fetching import answer_fetch
from flowner.webapi.labels import ENGLISH, SPACE
from flowner.webapi.requests import Answer
from flowner.webapi.selecting import answer_sql
from flowner.webapi.shaping import context

MOST_TARGETS: Final = 1000


async def who_am_i(call: Call) -> Answer:
    """Answer ``WhoAmI``: the user that the request acts for."""
    if call.request.method != "GET":
        return no_method(call.request)
    me = call.caller.acting_for
    content: JsonObject = {
        "@odata.context": context(call, f"{SPACE}WhoAmIResponse"),
        "BusinessUnitId": await business_unit_of(call.transaction, me),
        "UserId": me,
        "OrganizationId": seed.ORGANIZATION,
    }
    return Answer(content=content)


async def languages(call: Call) -> Answer:
    """Answer ``RetrieveAvailableLanguages``: labels are in one language here."""
    said = f"{SPACE}RetrieveAvailableLanguagesResponse"
    return Answer(content={"@odata.context": context(call, said), "LocaleIds": [ENGLISH]})


async def publish(call: Call) -> Answer:
    """Answer ``PublishXml`` and ``PublishAllXml``: changes of tables are there at once."""
    return Answer(status=204) if call.request.method == "POST" else no_method(call.request)


async def create_multiple(call: Call, table: Table) -> Answer:
    """Answer ``CreateMultiple``: all of the rows, or none."""
    nest = Nest(call)
    ids: list[Json] = []
    for target in _targets(call):
        row = await nest.create(table, target)
        ids.append(row[table.key])
    said = f"{SPACE}CreateMultipleResponse"
    return Answer(content={"@odata.context": context(call, said), "Ids": ids})


async def update_multiple(call: Call, table: Table) -> Answer:
    """Answer ``UpdateMultiple``: all of the rows, or none."""
    for target in _targets(call):
        id, said = await _target_id(call, table, target)
        if id is None:
            raise Invalid(f"a target has neither `{table.key}` nor a key", code=Code.BAD_BODY)
        values = await read_values(call, table, {**target, **said})
        await call.rooms.store.update(
            call.caller, table.name, id, values, if_match="*", within=call.transaction
        )
    return Answer(status=204)


async def upsert_multiple(call: Call, table: Table) -> Answer:
    """Answer ``UpsertMultiple``: each row is changed, or made where there is none."""
    nest = Nest(call)
    results: list[Json] = []
    for target in _targets(call):
        id, said = await _target_id(call, table, target)
        there = id is not None and await call.rooms.reading.exists(table, id, call.transaction)
        if there and id is not None:
            values = await read_values(call, table, {**target, **said})
            row = await call.rooms.store.update(
                call.caller, table.name, id, values, within=call.transaction
            )
        else:
            key: JsonObject = {} if id is None else {table.key: id}
            row = await nest.create(table, {**target, **said}, key)
        link: JsonObject = {"@odata.type": f"#{SPACE}{table.name}", table.key: row[table.key]}
        results.append({"RecordCreated": not there, "Target": link})
    answer = f"{SPACE}UpsertMultipleResponse"
    return Answer(content={"@odata.context": context(call, answer), "Results": results})


async def delete_multiple(call: Call, table: Table) -> Answer:
    """Answer ``DeleteMultiple``: all of the rows, or none."""
    for target in _targets(call):
        id, _ = await _target_id(call, table, target)
        if id is None:
            raise Invalid(f"a target has neither `{table.key}` nor a key", code=Code.BAD_BODY)
        await call.rooms.store.delete(call.caller, table.name, id, within=call.transaction)
    return Answer(status=204)


async def answer_text_query(call: Call, table: Table) -> Answer:
    """Answer ``accounts?fetchXml=…`` and ``accounts?sql=…``."""
    options = call.request.options()
    allowed = {"sql", "$skiptoken"} if "sql" in options else {"fetchXml"}
    other = sorted(set(options) - allowed)
    if other:
        raise Invalid(f"`{other[0][:40]}` does not go with it", code=Code.BAD_QUERY)
    if "sql" in options:
        return await answer_sql(call, table, options)
    return await answer_fetch(call, table, options["fetchXml"])


def _targets(call: Call) -> list[JsonObject]:
    given = call.request.json().get("Targets")
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Invalid("`Targets` is a list of rows", code=Code.BAD_BODY)
    if len(given) > MOST_TARGETS:
        raise Invalid(f"`Targets` has at most {MOST_TARGETS} rows", code=Code.BAD_BODY)
    return [one for one in given if isinstance(one, dict)]


async def _target_id(call: Call, table: Table, target: JsonObject) -> tuple[str | None, JsonObject]:
    link, id = target.get("@odata.id"), target.get(table.key)
    if isinstance(link, str):
        segment = read_link(link)
        if (await call.table(segment.name)).name != table.name:
            raise Invalid("a target is of another table", code=Code.BAD_BODY)
        return await call.key(table, segment)
    if id is None:
        return None, {}
    guid = Segment("", str(id)).guid
    if guid is None:
        raise Invalid(f"`{str(id)[:60]}` is no id", code=Code.BAD_BODY)
    return guid, {}


UNBOUND: Final[dict[str, Callable[[Call], Awaitable[Answer]]]] = {
    "WhoAmI": who_am_i,
    "RetrieveAvailableLanguages": languages,
    "PublishXml": publish,
    "PublishAllXml": publish,
    "BulkDelete": bulk.bulk_delete,
    "CreateEntities": defining.create_tables,
    "CreateCustomerRelationships": relationships.relate_customers,
}
OF_SETS: Final[dict[str, Callable[[Call, Table], Awaitable[Answer]]]] = {
    "CreateMultiple": create_multiple,
    "UpdateMultiple": update_multiple,
    "UpsertMultiple": upsert_multiple,
    "DeleteMultiple": delete_multiple,
}
