"""The row store and the directory as one acting identity sees them, for the sdk."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote
from uuid import UUID

from flowner.database import Transaction
from flowner.database.savepoints import apart
from flowner.errors import (
    AccessDenied,
    Code,
    Conflict,
    FlownerError,
    Invalid,
    NotFound,
    Unavailable,
)
from flowner.odata.parser import parse_filter
from flowner.rows.callers import Caller
from flowner.rows.store import Store
from flowner.sdk.context import File, Person, Rejected, Transient
from flowner.values import Json, JsonObject
from flowner.webapi.service import Own, WebApi

_ANNOTATED: Final = {"prefer": 'odata.include-annotations="*"'}
_SPACE: Final = "Microsoft.Dynamics.CRM."
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,200}")
_STATUS = {Invalid: 400, AccessDenied: 403, NotFound: 404, Conflict: 412}


@dataclass(frozen=True, slots=True)
class RowsAs:
    """Rows in the name of a caller. The store's errors become the connector's.

    What is asked for is answered by the Web API's own code; what is written is written by the
    store beneath it.
    """

    store: Store
    webapi: WebApi
    caller: Caller
    within: Transaction | None = None
    """Where several operations are carried out together."""

    async def create(self, table: str, values: JsonObject, *, id: str | None = None) -> JsonObject:
        with _as_rejections():
            if self.within is None:
                return await self.store.create(self.caller, table, values, id=id)
            async with apart(self.within):  # a row that is there already is no end of the others
                return await self.store.create(
                    self.caller, table, values, id=id, within=self.within
                )

    async def get(
        self, table: str, id: str, *, select: str | None = None, expand: str | None = None
    ) -> JsonObject:
        named = {"$select": select, "$expand": expand}
        options = {name: text for name, text in named.items() if text}
        with _as_rejections():
            path = f"({_guid(id, table)})"
            row = await self._perform("GET", path, table, options=options)
        return {**row, "@odata.id": f"{table}({id})"}

    async def update(self, table: str, id: str, values: JsonObject, *, upsert: bool) -> JsonObject:
        with _as_rejections():
            return await self.store.update(
                self.caller, table, id, values, upsert=upsert, within=self.within
            )

    async def delete(self, table: str, id: str) -> None:
        with _as_rejections():
            await self.store.delete(self.caller, table, id, within=self.within)

    async def list(self, table: str, options: Mapping[str, str]) -> JsonObject:
        with _as_rejections():
            page = await self._perform("GET", "", table, options=options)
        found = self.store.catalogue.known(table)
        key = "" if found is None else found.key
        rows = page.get("value")
        value: list[Json] = [
            {"@odata.id": f"{table}({row[key]})", **row}
            if isinstance(row, dict) and key in row
            else row
            for row in (rows if isinstance(rows, list) else [])
        ]
        return {**page, "value": value}

    async def associate(self, table: str, id: str, relationship: str, other: str) -> None:
        with _as_rejections():
            path = f"({_guid(id, table)})/{_name(relationship)}/$ref"
            await self._perform("POST", path, table, body={"@odata.id": other})

    async def disassociate(self, table: str, id: str, relationship: str, other: str) -> None:
        with _as_rejections():
            path = f"({_guid(id, table)})/{_name(relationship)}/$ref"
            await self._perform("DELETE", path, table, options={"$id": other})

    async def act(
        self, action: str, values: JsonObject, *, table: str | None = None, id: str | None = None
    ) -> JsonObject:
        with _as_rejections():
            if table is None:
                return await self._perform("POST", _name(action), body=values)
            place = "" if id is None else f"({_guid(id, table)})"
            bare = _name(action.removeprefix(_SPACE))
            return await self._perform("POST", f"{place}/{_SPACE}{bare}", table, body=values)

    async def read_file(
        self, table: str, id: str, column: str, *, whole: bool = False
    ) -> File | None:
        with _as_rejections():
            own = Own(
                method="GET",
                path=f"({_guid(id, table)})/{_name(column)}/$value",
                table=table,
                options={"size": "full"} if whole else {},
            )
            answer = await self.webapi.perform(own, self.caller, self.within)
        if not isinstance(answer.content, bytes):
            return None
        name = unquote(answer.headers.get("x-ms-file-name", column))
        return File(name=name, media_type=answer.media_type, content=answer.content)

    async def write_file(self, table: str, id: str, column: str, file: File) -> None:
        with _as_rejections():
            name = quote(file.name, safe="")
            headers = {"x-ms-file-name": name, "content-type": file.media_type}
            path = f"({_guid(id, table)})/{_name(column)}"
            own = Own(method="PUT", path=path, table=table, headers=headers, body=file.content)
            await self.webapi.perform(own, self.caller, self.within)

    @asynccontextmanager
    async def together(self) -> AsyncIterator[RowsAs]:
        async with self.webapi.database.transaction() as transaction:
            yield replace(self, within=transaction)

    async def _perform(
        self,
        method: str,
        path: str,
        table: str | None = None,
        *,
        options: Mapping[str, str] | None = None,
        body: JsonObject | None = None,
    ) -> JsonObject:
        own = Own(
            method=method,
            path=path,
            table=table,
            options=options or {},
            headers=_ANNOTATED,
            body=b"" if body is None else body,
        )
        answer = await self.webapi.perform(own, self.caller, self.within)
        return answer.content if isinstance(answer.content, dict) else {}


@dataclass(frozen=True, slots=True)
class PeopleAs:
    """The directory in the name of a caller."""

    store: Store
    caller: Caller

    async def me(self) -> Person:
        found = await self.find(self.caller.acting_for)
        if found is None:
            raise Rejected("you are not in the directory", status=404, code="NotFound")
        return found

    async def find(self, id_or_upn: str) -> Person | None:
        row = await self._row(id_or_upn)
        return None if row is None else _person(row)

    async def manager_of(self, id_or_upn: str) -> Person | None:
        row = await self._row(id_or_upn)
        manager = None if row is None else row.get("_parentsystemuserid_value")
        return await self.find(manager) if isinstance(manager, str) else None

    async def reports_of(self, id_or_upn: str) -> list[Person]:
        row = await self._row(id_or_upn)
        if row is None:
            return []
        wanted = f"_parentsystemuserid_value eq {row['systemuserid']}"
        with _as_rejections():
            found = await self.store.list(self.caller, "systemusers", {"$filter": wanted})
        return _people(found)

    async def search(self, text: str, top: int) -> list[Person]:
        quoted = text.replace("'", "''")
        wanted = (
            f"contains(fullname,'{quoted}') or startswith(domainname,'{quoted}')"
            f" or startswith(internalemailaddress,'{quoted}')"
        )
        options = {"$top": str(max(1, min(top, 1000))), "$orderby": "fullname asc"}
        if text:
            parse_filter(wanted)
            options["$filter"] = wanted
        with _as_rejections():
            return _people(await self.store.list(self.caller, "systemusers", options))

    async def _row(self, id_or_upn: str) -> JsonObject | None:
        quoted = id_or_upn.replace("'", "''")
        wanted = f"domainname eq '{quoted}' or internalemailaddress eq '{quoted}'"
        with _as_rejections():
            try:
                return await self.store.get(self.caller, "systemusers", id_or_upn)
            except NotFound:
                found = await self.store.list(self.caller, "systemusers", {"$filter": wanted})
        rows = found["value"]
        return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None


def _people(page: JsonObject) -> list[Person]:
    rows = page["value"]
    return [_person(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _person(row: JsonObject) -> Person:
    def text(name: str) -> str | None:
        value = row.get(name)
        return value if isinstance(value, str) else None

    return Person(
        id=text("systemuserid") or "",
        name=text("fullname") or "",
        mail=text("internalemailaddress") or "",
        upn=text("domainname") or "",
        job_title=text("title"),
        department=text("department"),
        phone=text("mobilephone"),
        enabled=row.get("isdisabled") is not True,
        given_name=text("firstname"),
        surname=text("lastname"),
    )


def _guid(id: str, table: str) -> str:
    try:
        return str(UUID(id))
    except ValueError:
        raise NotFound(
            f"{table} with id = {id[:80]} does not exist", code=Code.ROW_NOT_FOUND
        ) from None


def _name(name: str) -> str:
    """Return the name of an action or a relationship; nothing else stands in an address."""
    if _NAME.fullmatch(name) is None:
        raise Invalid(f"`{name[:60]}` is no name of an action or a relationship")
    return name


@contextmanager
def _as_rejections() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        raise Transient(error.message) from error
    except FlownerError as error:
        status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 400)
        body: Json = {"error": {"code": error.code.value, "message": error.message}}
        raise Rejected(error.message, status=status, code=error.code.value, body=body) from error
