"""Spans that go out through OpenTelemetry. Imported where traces are asked for: it is an extra."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any, Final

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flowner.errors import Invalid
from flowner.telemetry.tracing import Attributes, Say, Tracing

_PARENT: Final = "traceparent"
_PARTING_SECONDS: Final = 3.0


class Traced(Tracing):
    """Spans that go out through OpenTelemetry's SDK."""

    def __init__(
        self, told: tuple[str, ...], exporter: str, *, processor: SpanProcessor | None = None
    ) -> None:
        """``told``: hosts that the trace continues at; ``*.example`` means all below it.

        ``exporter`` is the value of ``OTEL_TRACES_EXPORTER``; the other standard variables the SDK
        reads itself. ``processor`` takes the spans in the exporter's place. Raises `Invalid` where
        no such exporter is installed.
        """
        provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        provider.add_span_processor(processor or _batches(exporter))
        self._provider, self._told = provider, told
        self._tracer = provider.get_tracer("flowner")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, parent: str = "") -> Iterator[Say]:
        """Open a span; see `Tracing.span`. An error that passes through is named by its type."""
        with self._tracer.start_as_current_span(
            name,
            context=self._context(parent) if parent else None,
            attributes=_plain(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as opened:
            try:
                yield lambda more: opened.set_attributes(_plain(more))
            except BaseException as error:
                opened.set_attribute("error.type", type(error).__name__)
                raise

    @contextmanager
    def arriving(self, parent: str | None) -> Iterator[None]:
        """Continue a request's trace; see `Tracing.arriving`."""
        if not parent:
            yield
            return
        token = context.attach(self._context(parent))
        try:
            yield
        finally:
            context.detach(token)

    def traceparent(self) -> str:
        """Return the open span's `traceparent`; '' where there is none."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(_PARENT, "")

    def headers_for(self, host: str) -> Mapping[str, str]:
        """Return the headers that continue the trace at a host that may know of it."""
        if not any(_fits(host.lower(), one) for one in self._told):
            return {}
        parent = self.traceparent()
        return {_PARENT: parent} if parent else {}

    def close(self) -> None:
        """Send what has not been sent, for three seconds at most, and stop.

        An exporter whose collector is away tries for longer; what ends does not wait for it.
        """
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_PARTING_SECONDS)

    def _context(self, parent: str) -> Context:
        return self._propagator.extract({_PARENT: parent})


def _resource() -> Resource:
    found = Resource.create()
    if not str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return found
    return found.merge(Resource({SERVICE_NAME: "flowner"}))


def _batches(exporter: str) -> SpanProcessor:
    name = "otlp_proto_http" if exporter in ("", "otlp") else exporter
    for one in entry_points(group="opentelemetry_traces_exporter", name=name):
        return BatchSpanProcessor(one.load()())
    raise Invalid(
        f"`OTEL_TRACES_EXPORTER` is `{exporter}`, and no exporter of that name is installed"
    )


def _fits(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return host == pattern


def _plain(attributes: Attributes) -> dict[str, Any]:
    return {
        name: value if isinstance(value, int | float | bool) else str(value)
        for name, value in attributes.items()
        if value is not None
    }
