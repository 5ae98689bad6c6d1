"""The service: every address of the Web API, and what answers it."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote, urlencode

from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Code, FlownerError, Invalid, NotFound, Refused
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Table
from flowner.rows.refusing import telling
from flowner.values import JsonObject, PrincipalId
from flowner.webapi import actions, batch, definitions, files, lists, operations, rows, tracking
from flowner.webapi.addresses import Segment, read_path
from flowner.webapi.calls import Call, Rooms, caller_of, no_method, opening
from flowner.webapi.parameters import read_parameters
from flowner.webapi.problems import fault, problem
from flowner.webapi.requests import MOST_IN_URL, Answer, Request

_LOG: Final = logging.getLogger(__name__)
_SPACE: Final = "Microsoft.Dynamics.CRM."
_MOST_STEPS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A request of the server's own."""

    method: str
    path: str
    """Behind the table's set where there is a table, else behind the service. Escaped."""
    table: str | None = None
    """By set name or logical name."""
    options: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""
    body: JsonObject | bytes = b""


class WebApi:
    """Answers requests in the name of those who send them."""

    def __init__(self, database: Database, rooms: Rooms) -> None:
        self.database, self._rooms = database, rooms

    async def answer(self, request: Request, person: PrincipalId) -> Answer:
        """Answer one request; what goes wrong is an answer, too, and undoes what was written."""
        try:
            if len(request.path) + len(request.query) > MOST_IN_URL:
                raise Invalid(
                    f"the address has more than {MOST_IN_URL} characters", code=Code.BAD_QUERY
                )
            if request.path.strip("/") == "$batch":
                return await batch.answer_batch(self.database, self._opened, request, person)
            async with opening(self.database, request) as transaction:
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
        with telling():
            caller = await caller_of(request, person, transaction)
        return await self._answered(request, caller, transaction, made)

    async def perform(self, own: Own, caller: Caller, within: Transaction | None) -> Answer:
        """Answer what the server itself asks in a caller's name.

        Links in it are relative to the service. Raises what goes wrong.
        """
        request = Request(
            method=own.method,
            service="",
            path=own.path,
            query=urlencode(own.options, quote_via=quote),
            headers=own.headers,
            body=own.body if isinstance(own.body, bytes) else json.dumps(own.body).encode(),
        )
        async with AsyncExitStack() as stack:
            transaction = within
            if transaction is None:
                transaction = await stack.enter_async_context(opening(self.database, request))
            if own.table is not None:
                found = await self._rooms.store.catalogue.table(own.table, transaction)
                request = replace(request, path=f"{found.set_name}{own.path}")
            # What is part of a transaction changes no tables, as in a change set.
            made: dict[str, str] | None = None if within is None else {}
            answer = await self._answered(request, caller, transaction, made)
            if answer.status == 405:
                raise Refused(f"`{own.method}` is not offered at `{request.path}`")
            return answer

    async def _answered(
        self,
        request: Request,
        caller: Caller,
        transaction: Transaction,
        made: dict[str, str] | None,
    ) -> Answer:
        try:
            path = read_path(request.path)
        except UnicodeDecodeError:
            raise Invalid("the address is not UTF-8", code=Code.BAD_QUERY) from None
        with telling():
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
            except AccessDenied as error:
                raise call.untold(error) from error
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
        read_parameters(call, first, frozenset())
        return await actions.UNBOUND[first.name](call)
    if len(path) == 1 and first.name in operations.UNBOUND:
        method, answering = operations.UNBOUND[first.name]
        if call.request.method != method:
            return no_method(call.request)
        return await answering(call, first)
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
            for view in ("savedQuery", "userQuery"):
                if view in text:
                    raise Invalid(
                        f"`{view}` names a view, and no views are kept here: send what it asks"
                        " for as `fetchXml`",
                        code=Code.BAD_QUERY,
                    )
            if tracking.is_tracked(call):
                return await tracking.answer_tracked(call, table)
            return await lists.answer_list(call, table)
        return await rows.create_row(call, table) if method == "POST" else no_method(call.request)
    last = path[1].name
    if len(path) == 2 and last == "$count" and method == "GET":
        if "$deltatoken" in call.request.options():
            return await tracking.answer_tracked_count(call, table)
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
        return await _bound(call, table, path)
    if len(path) == 3 and path[2].name in ("$ref", "$count"):
        return await _behind(call, table, path)
    if files.is_file(table, path[1].name):
        return await files.answer_file(call, table, path)
    if path[-1].name == "$value" and len(path) == 3 and method == "GET":
        return await rows.read_raw(call, table, pair)
    if len(path) > 2 or path[1].key is not None:
        if method != "GET" or len(path) > _MOST_STEPS:
            raise _nothing(path[-1])
        return await _route(call, [await rows.step(call, table, pair), *path[2:]])
    if method == "GET":
        return await rows.read_column(call, table, pair)
    if method in ("PUT", "DELETE"):
        return await rows.write_column(call, table, pair)
    return no_method(call.request)


async def _behind(call: Call, table: Table, path: list[Segment]) -> Answer:
    """Answer what is asked of the rows behind a row: how many they are, and links to them."""
    pair, method = (path[0], path[1]), call.request.method
    if method == "GET":
        counts = path[2].name == "$count"
        return await (rows.count_behind if counts else rows.read_references)(call, table, pair)
    if path[2].name == "$ref" and method in ("POST", "PUT", "DELETE"):
        return await rows.relate(call, table, pair)
    return no_method(call.request)


async def _bound(call: Call, table: Table, path: list[Segment]) -> Answer:
    known = operations.OF_ROWS.get(table.name, {})
    method, answering = known.get(path[1].name.removeprefix(_SPACE), ("", None))
    if answering is None or len(path) != 2:
        raise _nothing(path[1])
    if call.request.method != method:
        return no_method(call.request)
    return await answering(call, table, (path[0], path[1]))


def _nothing(segment: Segment) -> NotFound:
    return NotFound(f"resource not found for the segment `{segment.name[:80]}`", code=Code.NO_TABLE)
