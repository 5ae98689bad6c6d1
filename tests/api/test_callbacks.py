"""Addresses that flows give out: an action that waits is answered once, by who holds its address.

The outside is a real HTTP server on loopback; what it is told, it calls back.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from flowner.directory.people import NewPerson
from flowner.flows.running import Press
from flowner.runs.events import ActionEnded, ActionStarted, decode
from flowner.serving import _Server, serve
from flowner.values import FlowId
from worlds import written
from worlds.living import http, responds

PATIENCE = 20.0


class Outside:
    """Takes subscriptions; keeps what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.status = 201

    async def take(self, request: Request) -> JSONResponse:
        body = await request.json()
        await self.told.put({"body": body, "authorization": request.headers.get("authorization")})
        return JSONResponse({"id": 1}, status_code=self.status)

    @asynccontextmanager
    async def serving(self, app: Starlette | None = None) -> AsyncIterator[str]:
        taking = Starlette(routes=[Route("/subscriptions", self.take, methods=["POST"])])
        listening = socket.create_server(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(app or taking, log_level="error", lifespan="off"))
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/subscriptions"
        finally:
            server.should_exit = True
            await task
            listening.close()


def webhook(uri: str) -> dict[str, Any]:
    subscribe = {
        "method": "POST", "uri": uri, "body": {"call": "@{listCallbackUrl()}"},
        "authentication": {"type": "Raw", "value": "Key s3cret-key"},
    }  # fmt: skip
    return {"Wait": {"type": "HttpWebhook", "runAfter": {}, "inputs": {"subscribe": subscribe}}}


async def made(house, ada, trigger: dict[str, Any], actions: dict[str, Any]) -> FlowId:
    done = await house.importer.bring_in(written.package(trigger, actions, {}), ada)
    await house.turning.on(done.flows[0].id, ada)
    return done.flows[0].id


@pytest.fixture(scope="module")
def ada(house, run):
    return run(house.directory.add_person(NewPerson(name="Ada", upn="ada@back.example")))


def test_an_action_waits_until_its_address_is_called(house, run, ada) -> None:
    async def story() -> None:
        outside = Outside()
        async with serve(house) as here, outside.serving() as uri, httpx.AsyncClient() as client:
            flow = await made(house, ada, written.BUTTON, webhook(uri))
            id = house.running.fresh_run()
            with house.replies.expect(id) as (_, end):
                await house.running.press(Press(flow=flow, by=ada, inputs={}), run=id)
                told = await asyncio.wait_for(outside.told.get(), PATIENCE)
                assert told["authorization"] == "Key s3cret-key"
                address = told["body"]["call"]
                assert address.startswith(f"{here}/callbacks/{id}/Wait?sig=")
                forged = await client.post(address[:-1] + ("0" if address[-1] != "0" else "1"))
                assert forged.status_code == 401
                other = await client.post(address.replace("/Wait?", "/Other?"))
                assert other.status_code == 401
                answer = await client.post(address, json={"decision": "yes"})
                assert answer.status_code == 202
                async with asyncio.timeout(PATIENCE):
                    await end
            late = await client.post(address, json={"decision": "no"})
            assert late.status_code == 404
        events = [decode(one.entry.data) for one in await house.journal.entries(id)]
        (ended,) = (event for event in events if isinstance(event, ActionEnded))
        assert ended.status == "Succeeded"
        assert ended.outputs["body"] == {"decision": "yes"}
        assert "s3cret" not in str(events)
        (started,) = (event for event in events if isinstance(event, ActionStarted))
        assert started.inputs["subscribe"]["uri"] == uri

    run(story())


def test_a_subscription_that_is_refused_fails_the_action(house, run, ada) -> None:
    async def story() -> None:
        outside = Outside()
        outside.status = 403
        async with outside.serving() as uri:
            flow = await made(house, ada, written.BUTTON, webhook(uri))
            id = house.running.fresh_run()
            with house.replies.expect(id) as (_, end):
                await house.running.press(Press(flow=flow, by=ada, inputs={}), run=id)
                async with asyncio.timeout(PATIENCE):
                    assert (await end).status == "Failed"

    run(story())


@pytest.mark.parametrize(
    ("inputs", "method", "path", "sent", "expected"),
    [
        pytest.param({"method": "GET"}, "POST", "", {}, 404, id="another method than declared"),
        pytest.param({"method": "get"}, "GET", "", {}, 200, id="the method that is declared"),
        pytest.param({}, "POST", "/below", {}, 404, id="an address below that is none"),
        pytest.param({"relativePath": "/c/{id}"}, "POST", "/c/7", {}, 200, id="a path"),
        pytest.param({"relativePath": "/c/{id}"}, "POST", "/d/7", {}, 404, id="another path"),
        pytest.param({}, "POST", "", {"data": {"a": "1"}}, 200, id="a form"),
        pytest.param({}, "POST", "", {"files": {"f": b"hi"}}, 200, id="parts"),
        pytest.param({}, "POST", "", {"content": b"\x00"}, 400, id="bytes that are no JSON"),
        pytest.param(
            {}, "POST", "", {"content": b"\x00", "headers": {"content-type": "image/png"}}, 200,
            id="bytes of another kind",
        ),
    ],
)  # fmt: skip
def test_how_an_http_trigger_is_called(  # noqa: PLR0917
    house, run, ada, inputs: dict[str, Any], method: str, path: str, sent: dict[str, Any],
    expected: int,
) -> None:  # fmt: skip
    body = {
        "body": "@triggerBody()",
        "id": "@{triggerOutputs()?['relativePathParameters']?['id']}",
    }

    async def story() -> None:
        flow = await made(house, ada, http(**inputs), responds(body))
        async with serve(house) as here, httpx.AsyncClient(timeout=PATIENCE) as client:
            signed = {"sig": house.signature(flow)}
            url = f"{here}/hooks/{flow}{path}"
            answer = await client.request(method, url, params=signed, **sent)
        assert answer.status_code == expected, answer.text
        if path and expected == 200:
            assert answer.json()["id"] == "7"
        if "data" in sent:
            assert answer.json()["body"]["$formdata"] == [{"key": "a", "value": "1"}]
        if "files" in sent:
            assert answer.json()["body"]["$multipart"][0]["body"] == {
                "$content-type": "application/octet-stream", "$content": "aGk="
            }  # fmt: skip

    run(story())
