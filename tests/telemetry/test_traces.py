"""A run's spans are one trace: below the request it came with, or its own start."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flowner import server
from flowner.errors import Invalid
from flowner.server import House, at_work, open_house
from flowner.settings import Settings
from flowner.telemetry.otel import Traced
from flowner.telemetry.telemetry import open_tracing
from flowner.telemetry.tracing import Tracing
from worlds.living import BUTTON, PROFILE, Living, embedded

CAME = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def sent() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def house(
    database_url: str, run: Any, tmp_path_factory: Any, sent: InMemorySpanExporter
) -> Iterator[House]:
    """A house at work whose spans come to `sent`."""
    original = server.open_tracing
    server.open_tracing = lambda told, exporter: Traced(
        told, exporter, processor=SimpleSpanProcessor(sent)
    )
    opening = open_house(
        Settings(database_url=database_url, data_folder=tmp_path_factory.mktemp("h"), traces=True)
    )
    opened = run(opening.__aenter__())
    server.open_tracing = original
    working = at_work(opened)
    run(working.__aenter__())
    yield opened
    run(working.__aexit__(None, None, None))
    run(opening.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def flow(house: House, run: Any) -> tuple[Living, str, str]:
    """Ada's flow with one call of a connector, through a connection."""

    async def made() -> tuple[Living, str, str]:
        living = Living(house)
        connection = await living.connection("ada")
        flow = await living.flow(
            "ada", BUTTON, PROFILE, embedded("ref_traced"), bind={"ref_traced": connection}
        )
        return living, flow, connection

    return run(made())


def by_name(spans: tuple[ReadableSpan, ...]) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans}


@pytest.mark.parametrize("came", [None, CAME, "no trace at all"])
def test_a_run_is_one_trace(
    came: str | None, house: House, flow: Any, run: Any, sent: InMemorySpanExporter
) -> None:
    living, id, connection = flow
    ada = living.people["ada"]
    sent.clear()

    async def pressed() -> int:
        with house.telemetry.tracing.arriving(came):
            return await living.pressed(id, "ada")

    number = run(pressed())
    run(living.ended_run(number))
    spans = by_name(sent.get_finished_spans())
    start, moved, call = spans["start"], spans["run"], spans["action"]
    traces = {span.context.trace_id for span in spans.values()}
    assert len(traces) == 1
    if came == CAME:
        assert f"{traces.pop():032x}" == CAME.split("-")[1]
        assert f"{start.parent.span_id:016x}" == CAME.split("-")[2]
    else:
        assert start.parent is None
    assert moved.parent.span_id == start.context.span_id
    assert call.parent.span_id == moved.context.span_id
    about = {
        "flowner.run.id": str(number), "flowner.flow.id": id, "flowner.initiator.id": ada,
        "flowner.principal.id": ada, "flowner.rule": "instant.invoker",
    }  # fmt: skip
    assert dict(start.attributes) == about
    assert dict(moved.attributes) == about | {"flowner.status": "Succeeded"}
    assert dict(call.attributes) == {
        "flowner.operation": "MyProfile_V2",
        "flowner.action.path": "Me",
        "flowner.attempt": 1,
        "flowner.status": "Succeeded",
        "flowner.acting.principal.id": ada,
        "flowner.acting.rule": "action.connection",
        "flowner.connection.id": connection,
    }


@pytest.mark.parametrize(
    ("host", "told"),
    [
        pytest.param("api.contoso.example", True, id="named"),
        pytest.param("API.contoso.example", True, id="however it is written"),
        pytest.param("a.b.inside.example", True, id="below a named domain"),
        pytest.param("inside.example", False, id="the domain itself is not below it"),
        pytest.param("badinside.example", False, id="only looks like it"),
        pytest.param("elsewhere.example", False, id="not named"),
    ],
)
def test_a_trace_goes_out_to_named_hosts_alone(host: str, told: bool) -> None:
    tracing = Traced(("api.contoso.example", "*.inside.example"), "",
                     processor=SimpleSpanProcessor(InMemorySpanExporter()))  # fmt: skip
    assert tracing.headers_for(host) == {}, "no span is open"
    with tracing.span("action", {}):
        assert (set(tracing.headers_for(host)) == {"traceparent"}) == told


def test_an_error_that_passes_through_a_span_leaves_its_kind_and_not_its_text() -> None:
    sent = InMemorySpanExporter()
    tracing = Traced((), "", processor=SimpleSpanProcessor(sent))
    with pytest.raises(ValueError, match="secret"), tracing.span("run", {}):
        raise ValueError("a secret")
    (span,) = sent.get_finished_spans()
    assert dict(span.attributes) == {"error.type": "ValueError"}
    assert span.events == ()
    assert span.status.description is None


def test_an_exporter_that_is_not_there_is_named() -> None:
    with pytest.raises(Invalid, match="`OTEL_TRACES_EXPORTER` is `smoke`"):
        open_tracing((), "smoke")


def test_a_collector_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        tracing = open_tracing((), "otlp")
        with tracing.span("run", {}):
            pass
        begun = time.monotonic()
        tracing.close()
        assert time.monotonic() - begun < 5


def test_without_traces_nothing_is_said() -> None:
    tracing = Tracing()
    with tracing.arriving(CAME), tracing.span("run", {}) as say:
        say({"flowner.status": "Succeeded"})
        assert tracing.traceparent() == ""
        assert tracing.headers_for("api.contoso.example") == {}
