"""Bulk deletion: asked for in a request, carried out behind it in batches.

A batch is one transaction with what it has come to, so that a server that ends loses a batch at
most, and whoever works next does it again. Every batch is under the law as it is then.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/bulkdelete
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from flowner.database import Database, Transaction
from flowner.database.savepoints import apart
from flowner.errors import Code, FlownerError, Invalid, Unavailable
from flowner.rows.deletions import Deletion, Stage, begin_deletion, keep_deletion, take_deletion
from flowner.rows.reading import Asked
from flowner.values import Json, JsonObject
from flowner.webapi.calls import Call, Rooms, no_method
from flowner.webapi.labels import SPACE
from flowner.webapi.queries import read_criteria
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_LOG = structlog.get_logger(__name__)
_AT_ONCE: Final = 100
_PAUSE_SECONDS: Final = 1.0
_AHEAD: Final = timedelta(minutes=5)


async def bulk_delete(call: Call) -> Answer:
    """Answer ``BulkDelete``: the job behind ``JobId`` deletes what the queries find.

    A query that the caller may not ask is refused here.
    """
    if call.request.method != "POST":
        return no_method(call.request)
    body = call.request.json()
    queries = _queries(body.get("QuerySet"))
    if body.get("RecurrencePattern") or not _is_due(call, body.get("StartDateTime")):
        raise Invalid("rows are deleted as soon as can be here, and once", code=Code.BAD_BODY)
    for query in queries:
        table = await call.named(str(query.get("EntityName", "")))
        call.rooms.store.require_written(table)
        first = _asked(query, table.key, None, 1)
        await call.rooms.reading.page(call.caller, table.name, first, call.transaction)
    name = str(body.get("JobName") or "Bulk delete")[:200]
    job = await begin_deletion(call.transaction, call.caller, name, table.name, queries)
    said = context(call, f"{SPACE}BulkDeleteResponse")
    return Answer(content={"@odata.context": said, "JobId": job})


class BulkDeletions:
    """Carries bulk deletions out, those that were asked for before the server began as well."""

    def __init__(self, database: Database, rooms: Rooms) -> None:
        self._database, self._rooms = database, rooms

    async def run(self) -> None:
        """Delete for ever."""
        while True:
            try:
                while await self.step():
                    pass
            except Unavailable as error:
                _LOG.warning("bulk deletions put off", reason=error.message)
            except Exception:  # noqa: BLE001 - what is left of them is still there; try later
                _LOG.exception("bulk deletions could not go on; they will be tried again")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def step(self) -> bool:
        """Do one batch of the deletion whose turn it is; False: there is none."""
        async with self._database.transaction() as transaction:
            deletion = await take_deletion(transaction)
            if deletion is None:
                return False
            try:
                async with apart(transaction):
                    await self._batch(transaction, deletion)
            except Unavailable:
                raise
            except FlownerError as error:
                await self._fail(transaction, deletion, error.message)
            except Exception:  # noqa: BLE001 - the other deletions must go on
                _LOG.exception("a bulk deletion failed", job=deletion.job)
                await self._fail(transaction, deletion, "the fault is the server's")
        return True

    async def _batch(self, transaction: Transaction, deletion: Deletion) -> None:
        query, caller, store = deletion.queries[deletion.query], deletion.caller, self._rooms.store
        table = await store.catalogue.table(str(query["EntityName"]), transaction)
        asked = _asked(query, table.key, deletion.after, _AT_ONCE)
        page = await self._rooms.reading.page(caller, table.name, asked, transaction)
        gone = 0
        for row in page.rows:
            try:
                async with apart(transaction):
                    await store.delete(caller, table.name, str(row[table.key]), within=transaction)
                gone += 1
            except Unavailable:
                raise
            except FlownerError:
                continue  # the job goes on with the rows that its owner may delete
        later = replace(
            deletion,
            after=page.last,
            query=deletion.query + (page.last is None),
            gone=deletion.gone + gone,
            kept=deletion.kept + len(page.rows) - gone,
        )
        stage = Stage.IN_PROGRESS if later.query < len(later.queries) else Stage.SUCCEEDED
        now = self._rooms.clock.now()
        await keep_deletion(transaction, later, stage, now, _counts(later))

    async def _fail(self, transaction: Transaction, deletion: Deletion, why: str) -> None:
        said, now = f"{_counts(deletion)}; then it failed: {why}", self._rooms.clock.now()
        await keep_deletion(transaction, deletion, Stage.FAILED, now, said)


def _asked(query: JsonObject, key: str, after: tuple[str | None, ...] | None, most: int) -> Asked:
    criteria = query.get("Criteria")
    if not isinstance(criteria, dict):
        raise Invalid("a query of `QuerySet` has no `Criteria`", code=Code.BAD_BODY)
    wanted = read_criteria(criteria)
    return Asked(columns=[key, "versionnumber"], wanted=wanted, after=after, size=most)


def _counts(deletion: Deletion) -> str:
    return f"{deletion.gone} rows are deleted, {deletion.kept} could not be"


def _queries(given: Json) -> list[JsonObject]:
    if not isinstance(given, list) or not given:
        raise Invalid("`QuerySet` is a list of queries", code=Code.BAD_BODY)
    if not all(isinstance(one, dict) for one in given):
        raise Invalid("a query of `QuerySet` is no object", code=Code.BAD_BODY)
    return [one for one in given if isinstance(one, dict)]


def _is_due(call: Call, start: Json) -> bool:
    try:
        moment = datetime.fromisoformat(str(start))
    except ValueError:
        return start is None
    return moment.tzinfo is not None and moment <= call.rooms.clock.now() + _AHEAD
