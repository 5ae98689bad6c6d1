"""Functions and actions: who am I, many rows at once, bulk deletion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from flowner.database.savepoints import apart
from flowner.errors import AccessDenied, Code, Invalid, NotFound, Refused
from flowner.rows import seed
from flowner.rows.catalogue import Table
from flowner.rows.jobs import BULK_DELETE, keep_job
from flowner.rows.privileges import business_unit_of
from flowner.rows.reading import Asked
from flowner.values import Json, JsonObject
from flowner.webapi import defining, relationships
from flowner.webapi.addresses import Segment, read_link
from flowner.webapi.bodies import read_values
from flowner.webapi.calls import Call, no_method
from flowner.webapi.deep import Nest
from flowner.webapi.fetching import answer_fetch
from flowner.webapi.labels import ENGLISH, SPACE
from flowner.webapi.queries import read_criteria
from flowner.webapi.requests import Answer
from flowner.webapi.selecting import answer_sql
from flowner.webapi.shaping import context

MOST_TARGETS: Final = 1000
_AHEAD: Final = timedelta(minutes=5)


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


async def bulk_delete(call: Call) -> Answer:
    """Answer ``BulkDelete``: the rows that the queries find and the caller may delete are gone.

    The job behind ``JobId`` is a row that has ended, and says how many they were.
    """
    if call.request.method != "POST":
        return no_method(call.request)
    body = call.request.json()
    queries = body.get("QuerySet")
    if body.get("RecurrencePattern") or not _is_due(call, body.get("StartDateTime")):
        raise Invalid("rows are deleted at once here, and once", code=Code.BAD_BODY)
    if not isinstance(queries, list) or not queries:
        raise Invalid("`QuerySet` is a list of queries", code=Code.BAD_BODY)
    started, gone, kept = call.rooms.clock.now(), 0, 0
    for query in queries:
        if not isinstance(query, dict):
            raise Invalid("a query of `QuerySet` is no object", code=Code.BAD_BODY)
        table = await call.named(str(query.get("EntityName", "")))
        call.rooms.store.require_written(table)
        deleted, refused = await _delete_found(call, table, query)
        gone, kept = gone + deleted, kept + refused
    job = await keep_job(
        call.transaction,
        call.caller,
        (BULK_DELETE, str(body.get("JobName") or "Bulk delete")[:200], table.name),
        started=started,
        ended=call.rooms.clock.now(),
        message=f"{gone} rows are deleted, {kept} could not be",
    )
    content: JsonObject = {
        "@odata.context": context(call, f"{SPACE}BulkDeleteResponse"),
        "JobId": job,
    }
    return Answer(content=content)


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


async def _delete_found(call: Call, table: Table, query: JsonObject) -> tuple[int, int]:
    """Delete what a query finds; answers how many rows are gone, and how many could not be."""
    criteria = query.get("Criteria")
    if not isinstance(criteria, dict):
        raise Invalid("a query of `QuerySet` has no `Criteria`", code=Code.BAD_BODY)
    after: tuple[str | None, ...] | None = None
    wanted, gone, kept = read_criteria(criteria), 0, 0
    while True:
        asked = Asked(columns=[table.key, "versionnumber"], wanted=wanted, after=after)
        page = await call.rooms.reading.page(call.caller, table.name, asked, call.transaction)
        for row in page.rows:
            try:
                async with apart(call.transaction):
                    await call.rooms.store.delete(
                        call.caller, table.name, str(row[table.key]), within=call.transaction
                    )
                gone += 1
            except (AccessDenied, NotFound, Refused):
                kept += 1  # the job goes on with the rows that its owner may delete
        if page.last is None:
            return gone, kept
        after = page.last


def _is_due(call: Call, start: Json) -> bool:
    try:
        moment = datetime.fromisoformat(str(start))
    except ValueError:
        return start is None
    return moment.tzinfo is not None and moment <= call.rooms.clock.now() + _AHEAD


UNBOUND: Final[dict[str, Callable[[Call], Awaitable[Answer]]]] = {
    "WhoAmI": who_am_i,
    "RetrieveAvailableLanguages": languages,
    "PublishXml": publish,
    "PublishAllXml": publish,
    "BulkDelete": bulk_delete,
    "CreateEntities": defining.create_tables,
    "CreateCustomerRelationships": relationships.relate_customers,
}
OF_SETS: Final[dict[str, Callable[[Call, Table], Awaitable[Answer]]]] = {
    "CreateMultiple": create_multiple,
    "UpdateMultiple": update_multiple,
    "UpsertMultiple": upsert_multiple,
    "DeleteMultiple": delete_multiple,
}
