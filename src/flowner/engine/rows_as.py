"""The row store and the directory as one acting identity sees them, for the sdk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from flowner.errors import AccessDenied, Conflict, FlownerError, Invalid, NotFound, Unavailable
from flowner.odata.parser import parse_filter
from flowner.rows.callers import Caller
from flowner.rows.store import Store
from flowner.sdk.context import Person, Rejected, Transient
from flowner.values import Json, JsonObject

_STATUS = {Invalid: 400, AccessDenied: 403, NotFound: 404, Conflict: 412}


@dataclass(frozen=True, slots=True)
class RowsAs:
    """Rows in the name of a caller. The store's errors become the connector's."""

    store: Store
    caller: Caller

    async def create(self, table: str, values: JsonObject, *, id: str | None = None) -> JsonObject:
        with _as_rejections():
            return await self.store.create(self.caller, table, values, id=id)

    async def get(
        self, table: str, id: str, *, select: str | None = None, expand: str | None = None
    ) -> JsonObject:
        with _as_rejections():
            if expand:
                raise Invalid("`$expand` is not offered here")
            return await self.store.get(self.caller, table, id, select=select)

    async def update(self, table: str, id: str, values: JsonObject, *, upsert: bool) -> JsonObject:
        with _as_rejections():
            return await self.store.update(self.caller, table, id, values, upsert=upsert)

    async def delete(self, table: str, id: str) -> None:
        with _as_rejections():
            await self.store.delete(self.caller, table, id)

    async def list(self, table: str, options: Mapping[str, str]) -> JsonObject:
        with _as_rejections():
            return await self.store.list(self.caller, table, options)

    async def associate(self, table: str, id: str, relationship: str, other: str) -> None:
        with _as_rejections():
            await self.store.update(self.caller, table, id, {f"{relationship}@odata.bind": other})

    async def disassociate(self, table: str, id: str, relationship: str, other: str) -> None:
        with _as_rejections():
            row = await self.store.get(self.caller, table, id)
            bound = row.get(f"_{relationship}_value")
            if not isinstance(bound, str) or bound not in other.lower():
                raise NotFound(f"`{table}({id})` is not associated with `{other}`")
            await self.store.update(self.caller, table, id, {f"{relationship}@odata.bind": None})


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
