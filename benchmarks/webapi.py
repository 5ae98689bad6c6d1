"""Reading one row and making one through HTTP: the Web API beside the same SQL without any law.

    python benchmarks/webapi.py [--seconds N]

Ours is the whole house served by uvicorn in a process of its own: bearer token, standing, law,
column security, the change feed. The floor is Starlette with a psycopg pool of the same size in
another process, on the same database: the row by its key; the same ``INSERT`` with its line in the
change feed, in a transaction. One client with 16 connections asks them in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import uvicorn
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowner.directory.people import NewPerson
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.server import House, open_house
from flowner.serving import serve
from flowner.settings import Settings
from flowner.values import PrincipalId

AT_ONCE, ROUNDS, POOL = 16, 5, 12
VALUES = {"b_name": "Fern", "b_amount": 5, "b_note": "a row like many"}
INSERT = """
INSERT INTO rows.b_item (b_name, b_amount, b_note, ownerid, owneridtype, owningbusinessunit,
    createdby, modifiedby)
VALUES (%s, %s, %s, %s, 'systemuser', %s, %s, %s) RETURNING *
"""
FEED = """
WITH told AS (SELECT pg_notify('flowner_rows', 'b_item'))
INSERT INTO rows.change (at, tablename, message, rowid, "row", named)
SELECT clock_timestamp(), 'b_item', 'Create', %s, '{}', '{}' FROM told
WHERE EXISTS (SELECT 1 FROM rows.callbackregistration WHERE entityname IN ('b_item', 'b_items'))
"""


def bare(url: str, person: str, unit: str, port: int) -> None:
    """Serve the floor until ended."""
    pool = AsyncConnectionPool(url, max_size=POOL, min_size=POOL, open=False,
                               kwargs={"autocommit": True, "row_factory": dict_row})  # fmt: skip

    async def read(request: Request) -> Response:
        async with pool.connection() as connection:
            found = await connection.execute(
                "SELECT * FROM rows.b_item WHERE b_itemid = %s", (request.path_params["id"],)
            )
            row = await found.fetchone()
        return JSONResponse({name: plain(value) for name, value in row.items()})

    async def create(request: Request) -> Response:
        body = json.loads(await request.body())
        async with pool.connection() as connection, connection.transaction():
            values = (*(body[name] for name in VALUES), person, unit, person, person)
            row = await (await connection.execute(INSERT, values)).fetchone()
            await connection.execute(FEED, (row["b_itemid"],))
        return Response(status_code=204, headers={"OData-EntityId": str(row["b_itemid"])})

    app = Starlette(routes=[Route("/b_items/{id}", read), Route("/b_items", create,
                                                                methods=["POST"])])  # fmt: skip
    config = uvicorn.Config(app, port=port, log_level="warning", lifespan="off")

    async def main() -> None:
        async with pool:
            await uvicorn.Server(config).serve()

    asyncio.run(main())


def plain(value: object) -> object:
    """Return what JSON can hold."""
    return value if value is None or isinstance(value, int | str) else str(value)


async def house_alone(url: str, folder: str) -> None:
    """Serve ours until ended; write what the client needs to know."""
    settings = Settings(database_url=url, data_folder=Path(folder), port=0)
    async with open_house(settings) as house, serve(house) as address:
        print(json.dumps({"address": address, **await prepare(house)}), flush=True)
        await asyncio.Event().wait()


async def prepare(house: House) -> dict[str, str]:
    """Make a table, a person with their own rows, and one row."""
    await house.metadata.create_table(
        "b_item", set_name="b_items", primary_name="b_name",
        columns={"b_amount": Type.WHOLE, "b_note": Type.TEXT},
    )  # fmt: skip
    ada = await house.directory.add_person(NewPerson(name="ada", upn="ada@b.example"))
    async with house.database.transaction() as transaction:
        role = await registry.insert(transaction, "role", {"name": "Clerk"}, by=None)
        for right in ("Create", "Read"):
            given = {"roleid": role, "tablename": "b_item", "rightname": right, "depth": 1}
            await registry.insert(transaction, "roleprivilege", given, by=None)
        held = {"roleid": role, "principalid": ada}
        await registry.insert(transaction, "roleassignment", held, by=None)
    row = await house.store.create(Caller(PrincipalId(ada)), "b_item", VALUES)
    token = await house.tokens.issue(ada, "benchmark")
    return {
        "id": str(row["b_itemid"]),
        "person": str(ada),
        "unit": str(row["_owningbusinessunit_value"]),
        "token": token.reveal(),
    }


def request(address: str, path: str, token: str, body: bytes | None = None) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {address}",
             f"Authorization: Bearer {token}", "Content-Type: application/json",
             f"Content-Length: {len(body or b'')}"]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


async def ask(address: str, wire: bytes, until: float) -> int:
    """Send one request again and again on one connection; return how many were answered."""
    where = urlsplit(f"//{address}")
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    done = 0
    while time.perf_counter() < until:
        writer.write(wire)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.split(b" ", 2)[1] in (b"200", b"204"), head
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
        await reader.readexactly(int(length or 0))
        done += 1
    writer.close()
    return done


async def rate(address: str, wire: bytes, seconds: float) -> float:
    """Return requests a second over 16 connections."""
    begun = time.perf_counter()
    done = await asyncio.gather(*(ask(address, wire, begun + seconds) for _ in range(AT_ONCE)))
    return sum(done) / (time.perf_counter() - begun)


async def measure(known: dict[str, str], floor: str, seconds: float) -> None:
    ours, token = urlsplit(known["address"]).netloc, known["token"]
    service, body = "/api/data/v9.2/b_items", json.dumps(VALUES).encode()
    pairs = {
        "read a row": (
            request(ours, f"{service}({known['id']})", token),
            request(floor, f"/b_items/{known['id']}", token),
        ),
        "make a row": (
            request(ours, service, token, body),
            request(floor, "/b_items", token, body),
        ),
    }
    print("requests a second       ours    floor   ours / floor")
    for name, (mine, bare_one) in pairs.items():
        await rate(ours, mine, seconds / 2)
        await rate(floor, bare_one, seconds / 2)
        rates = [
            (await rate(ours, mine, seconds), await rate(floor, bare_one, seconds))
            for _ in range(ROUNDS)
        ]
        a, b = (statistics.median(one) for one in zip(*rates, strict=True))
        ratio = statistics.median(one / other for one, other in rates)
        print(f"  {name:18} {a:9.0f} {b:8.0f} {ratio:10.2f}")


def main(seconds: float) -> None:
    from flowner.database.embedded import EmbeddedServer  # noqa: PLC0415 - not for the processes

    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "postgres")
        program = [sys.executable, __file__]
        url, port = server.url, 8800 + os.getpid() % 1000
        with psycopg.connect(url, autocommit=True):
            pass
        started: list[subprocess.Popen[bytes]] = []
        try:
            started.append(subprocess.Popen(  # noqa: S603 - our own
                [*program, "--house", url, folder], stdout=subprocess.PIPE))  # fmt: skip
            said = started[0].stdout
            assert said is not None
            known = json.loads(said.readline())
            started.append(subprocess.Popen(  # noqa: S603 - our own
                [*program, "--bare", url, known["person"], known["unit"], str(port)]))  # fmt: skip
            time.sleep(2)
            asyncio.run(measure(known, f"127.0.0.1:{port}", seconds))
        finally:
            for one in started:
                one.terminate()
                one.wait()
            server.release()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--house", nargs=2)
    parser.add_argument("--bare", nargs=4)
    given = parser.parse_args()
    if given.house:
        asyncio.run(house_alone(*given.house))
    elif given.bare:
        bare(*given.bare[:3], int(given.bare[3]))
    else:
        main(given.seconds)
