"""File columns: contents sent whole or in chunks, and read again."""

from __future__ import annotations

import base64
import re
from typing import Final
from urllib.parse import quote, unquote

from flowner.errors import Code, Invalid, NotFound
from flowner.rows.catalogue import Table
from flowner.rows.describing import Kind
from flowner.rows.files import StoredFile, drop_files, put_file, read_file
from flowner.rows.pictures import thumbnail_of
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call, need, no_method
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

CHUNK: Final = 4 * 1024 * 1024
MOST: Final = 128 * 1024 * 1024
_RANGE: Final = re.compile(r"bytes[ =](?P<from>\d{1,12})-(?P<to>\d{0,12})(?:/(?P<of>\d{1,12}))?")


def is_file(table: Table, name: str) -> bool:
    """Say whether a column holds files or images."""
    return name in table.columns and table.about(name).kind in (Kind.FILE, Kind.IMAGE)


async def answer_file(call: Call, table: Table, path: list[Segment]) -> Answer:
    """Answer ``accounts(guid)/new_file``, with or without ``/$value``."""
    raw = len(path) == 3 and path[2].name == "$value"
    if len(path) > 2 and not raw:
        raise NotFound("there is nothing below a file but `$value`", code=Code.NO_TABLE)
    id = need(table, (await call.key(table, path[0]))[0])
    column, method = path[1].name, call.request.method
    if method == "GET":
        return await _read(call, table, (id, column), raw=raw)
    if method in ("PATCH", "PUT"):
        return await _write(call, table, (id, column))
    if method == "DELETE":
        await _tell(call, table, (id, column), None)
        await drop_files(call.transaction, table.name, id, column)
        return Answer(status=204)
    return no_method(call.request)


async def _read(call: Call, table: Table, place: tuple[str, str], *, raw: bool) -> Answer:
    id, column = place
    # Whoever may not read the row gets no further; a column that they may not read is null.
    row = await call.rooms.store.get(
        call.caller, table.name, id, select=column, within=call.transaction
    )
    file = await _found(call, table, (id, column))
    if file is None or row.get(column) is None:
        return Answer(status=204)
    if not raw:
        text = base64.b64encode(file.content).decode()
        said = context(call, f"{table.set_name}({id})/{column}")
        return Answer(content={"@odata.context": said, "value": text})
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "x-ms-file-name": quote(file.name, safe=""),
        "x-ms-file-size": str(len(file.content)),
    }
    wanted = _RANGE.fullmatch(call.request.header("range") or "")
    content, status = file.content, 200
    if wanted is not None:
        first, last = int(wanted["from"]), int(wanted["to"] or len(content) - 1)
        content, status = content[first : last + 1], 206
        headers["Content-Range"] = f"bytes {first}-{first + len(content) - 1}/{len(file.content)}"
    return Answer(status=status, content=content, headers=headers, media_type=file.media_type)


async def _found(call: Call, table: Table, place: tuple[str, str]) -> StoredFile | None:
    """Return a file, or of an image its thumbnail; ``size=full`` is the whole where it is kept."""
    id, column = place
    size = call.request.options().get("size", "thumbnail")
    if size not in ("full", "thumbnail"):
        raise Invalid(f"`size` is `full`, not `{size[:20]}`", code=Code.BAD_QUERY)
    whole = await read_file(call.transaction, (table.name, column, id))
    if table.about(column).kind is Kind.FILE or (size == "full" and whole is not None):
        return whole
    return await read_file(call.transaction, (table.name, thumbnail_of(column), id))


async def _write(call: Call, table: Table, place: tuple[str, str]) -> Answer:
    options = call.request.options()
    name = unquote(call.request.header("x-ms-file-name") or options.get("x-ms-file-name", ""))
    if not name or "\0" in name:
        raise Invalid("a file has a name, in the header `x-ms-file-name`", code=Code.BAD_BODY)
    if call.request.header("x-ms-transfer-mode") == "chunked":
        return await _begin(call, table, place, name)
    kind = call.request.header("content-type") or "application/octet-stream"
    file = StoredFile(name=name, media_type=kind.partition(";")[0], content=call.request.body)
    if "sessiontoken" in options:
        return await _continue(call, table, place, (options["sessiontoken"], file))
    await _keep(call, table, place, file)
    return Answer(status=204)


async def _begin(call: Call, table: Table, place: tuple[str, str], name: str) -> Answer:
    """Open a session: chunks are kept beside the column until the last has come."""
    token = call.rooms.clock.fresh_guid()
    await _may_write(call, table, place)
    empty = StoredFile(name=name, media_type="application/octet-stream", content=b"")
    await put_file(call.transaction, _session(table, place, token), empty)
    id, column = place
    link = (
        f"{call.request.service}{table.set_name}({id})/{column}"
        f"?x-ms-file-name={quote(name, safe='')}&sessiontoken={token}"
    )
    return Answer(status=200, content={}, headers={"Location": link, "x-ms-chunk-size": str(CHUNK)})


async def _continue(
    call: Call, table: Table, place: tuple[str, str], chunk: tuple[str, StoredFile]
) -> Answer:
    token, file = chunk
    session = _session(table, place, token)
    kept = await read_file(call.transaction, session)
    wanted = _RANGE.fullmatch(call.request.header("content-range") or "")
    if kept is None or wanted is None or wanted["of"] is None:
        raise Invalid("the chunk is of no session, or has no `Content-Range`", code=Code.BAD_BODY)
    first, last, whole = int(wanted["from"]), int(wanted["to"] or 0), int(wanted["of"])
    fits = first == len(kept.content) and last - first + 1 == len(file.content) and last < whole
    if not fits or whole > MOST:
        raise Invalid("the chunk does not follow the one before", code=Code.BAD_BODY)
    content = kept.content + file.content
    grown = StoredFile(name=file.name, media_type=file.media_type, content=content)
    if len(content) < whole:
        await put_file(call.transaction, session, grown)
        return Answer(status=206, content=b"")
    await drop_files(call.transaction, table.name, place[0], session[1])
    await _keep(call, table, place, grown)
    return Answer(status=204)


def _session(table: Table, place: tuple[str, str], token: str) -> tuple[str, str, str]:
    return table.name, f"{place[1]} {token}", place[0]


async def _keep(call: Call, table: Table, place: tuple[str, str], file: StoredFile) -> None:
    if len(file.content) > MOST:
        raise Invalid(f"the file is larger than {MOST} bytes", code=Code.TOO_LARGE)
    if table.about(place[1]).kind is Kind.IMAGE:
        return await _tell(call, table, place, base64.b64encode(file.content).decode())
    id = await put_file(call.transaction, (table.name, place[1], place[0]), file)
    return await _tell(call, table, place, id)


async def _may_write(call: Call, table: Table, place: tuple[str, str]) -> None:
    """Refuse those who may not change the row: an update that names no column."""
    await call.rooms.store.update(
        call.caller, table.name, place[0], {}, if_match="*", within=call.transaction
    )


async def _tell(call: Call, table: Table, place: tuple[str, str], file: str | None) -> None:
    await call.rooms.store.update(
        call.caller, table.name, place[0], {place[1]: file}, if_match="*",
        within=call.transaction,
    )  # fmt: skip
