"""The service: every address of the Web API, and what answers it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from flowner.database import Database, Transaction
from flowner.errors import Code, FlownerError, Invalid, NotFound
from flowner.rows.catalogue import Table
from flowner.rows.refusing import telling
from flowner.values import PrincipalId
from flowner.webapi import actions, batch, definitions, files, lists, rows
from flowner.webapi.addresses import Segment, read_path
from flowner.webapi.calls import Call, Rooms, caller_of, no_method
from flowner.webapi.problems import fault, problem
from flowner.webapi.requests import MOST_IN_URL, Answer, Request

_LOG: Final = logging.getLogger(__name__)
_SPACE: Final = "Microsoft.Dynamics.CRM."


class WebApi:
    """Answers requests in the name of those who send them."""

    def __init__(self, database: Database, rooms: Rooms) -> None:
        self._database, self._rooms = database, rooms

    async def answer(self, request: Request, person: PrincipalId) -> Answer:
        """Answer one request; what goes wrong is an answer, too, and undoes what was written."""
        try:
            if len(request.path) + len(request.query) > MOST_IN_URL:
                raise Invalid(
                    f"the address has more than {MOST_IN_URL} characters", code=Code.BAD_QUERY
                )
            if request.path.strip("/") == "$batch":
                return await batch.answer_batch(self._database, self._opened, request, person)
            # What only reads needs no transaction: each statement sees what is committed anyway.
            reads = request.method == "GET"
            opened = self._database.connection() if reads else self._database.transaction()
            async with opened as transaction:
                return await self._opened(request, person, transaction, None)
        except FlownerError as error:
            return problem(error)
        except Exception:  # noqa: BLE001 - a door answers whatever happens
            _LOG.exception("the request failed")
            return fault()

    async def _opened(
        self,
        request: Request,
        person: PrincipalId,
        transaction: Transaction,
        made: dict[str, str] | None,
    ) -> Answer:
        """Answer within a transaction. Raises what goes wrong."""
        try:
            path = read_path(request.path)
        except UnicodeDecodeError:
            raise Invalid("the address is not UTF-8", code=Code.BAD_QUERY) from None
        with telling():
            caller = await caller_of(request, person, transaction)
            call = Call(
                rooms=self._rooms,
                request=request,
                caller=caller,
                transaction=transaction,
                made=made or {},
                atomic=made is not None,
            )
            try:
                return await _route(call, path)
            except UnicodeDecodeError:
                raise Invalid("the query is not UTF-8", code=Code.BAD_QUERY) from None
            except Invalid as error:
                if error.code is not Code.BAD_REQUEST:
                    raise
                code = Code.BAD_QUERY if request.method == "GET" else Code.BAD_BODY
                raise Invalid(error.message, code=code, position=error.position) from error


async def _route(call: Call, path: list[Segment]) -> Answer:
    first = path[0]
    answerer = definitions.ANSWERERS.get(first.name)
    if answerer is not None:
        return await answerer(call, path)
    if len(path) == 1 and first.name in actions.UNBOUND:
        return await actions.UNBOUND[first.name](call)
    if not first.name:
        return await definitions.answer_service(call)
    table = await call.table(first.name)
    if first.key is None:
        return await _of_set(call, path)
    return await _of_row(call, path) if len(path) > 1 else await _row(call, table, first)


async def _of_set(call: Call, path: list[Segment]) -> Answer:
    table, method = await call.table(path[0].name), call.request.method
    if len(path) == 1:
        if method == "GET":
            text = call.request.options()
            if "fetchXml" in text or "sql" in text:
                return await actions.answer_text_query(call, table)
            return await lists.answer_list(call, table)
        return await rows.create_row(call, table) if method == "POST" else no_method(call.request)
    last = path[1].name
    if len(path) == 2 and last == "$count" and method == "GET":
        return await lists.answer_count(call, table)
    bound = actions.OF_SETS.get(last.removeprefix(_SPACE))
    if len(path) == 2 and bound is not None and last.startswith(_SPACE):
        return await bound(call, table) if method == "POST" else no_method(call.request)
    raise _nothing(path[1])


_Answering = Callable[[Call, Table, Segment], Awaitable[Answer]]
_ROW: Final[dict[str, _Answering]] = {
    "GET": rows.read_row,
    "PATCH": rows.write_row,
    "PUT": rows.write_row,
    "DELETE": rows.delete_row,
}


async def _row(call: Call, table: Table, segment: Segment) -> Answer:
    answering = _ROW.get(call.request.method)
    return no_method(call.request) if answering is None else await answering(call, table, segment)


async def _of_row(call: Call, path: list[Segment]) -> Answer:
    table, method = await call.table(path[0].name), call.request.method
    pair = (path[0], path[1])
    if path[1].name.startswith(_SPACE):
        raise _nothing(path[1])
    if path[-1].name == "$ref" and len(path) == 3:
        wanted = ("POST", "PUT", "DELETE")
        return await rows.relate(call, table, pair) if method in wanted else no_method(call.request)
    if files.is_file(table, path[1].name):
        return await files.answer_file(call, table, path)
    if path[-1].name == "$value" and len(path) == 3 and method == "GET":
        return await rows.read_raw(call, table, pair)
    if len(path) > 2 or path[1].key is not None:
        raise _nothing(path[-1])
    if method == "GET":
        return await rows.read_column(call, table, pair)
    if method in ("PUT", "DELETE"):
        return await rows.write_column(call, table, pair)
    return no_method(call.request)


def _nothing(segment: Segment) -> NotFound:
    return NotFound(f"resource not found for the segment `{segment.name[:80]}`", code=Code.NO_TABLE)
