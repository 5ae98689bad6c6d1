"""Traces: spans of runs and of calls, by OpenTelemetry where it is asked for.

A span says who, which and how it ended; never what went in or came out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Attributes = Mapping[str, object]
"""None leaves an attribute out."""
Say = Callable[[Attributes], None]
"""Adds attributes to a span that is open."""


class Tracing:
    """Spans that go nowhere: what there is unless traces are asked for."""

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, parent: str = "") -> Iterator[Say]:
        """Open a span while the block lasts; spans opened inside are below it.

        ``parent`` is a W3C `traceparent`; '' stands for the span that is open already, if any.
        """
        del name, attributes, parent
        yield _silent

    def begun(self, attributes: Attributes) -> str:
        """Leave a span that says how a run began; answers its `traceparent`, for what follows."""
        with self.span("start", attributes):
            return self.traceparent()

    @contextmanager
    def arriving(self, parent: str | None) -> Iterator[None]:
        """Continue the trace that a request came with while the block lasts."""
        del parent
        yield

    def traceparent(self) -> str:
        """Return the open span's `traceparent`; '' where there is none."""
        return ""

    def headers_for(self, host: str) -> Mapping[str, str]:
        """Return the headers that continue the trace at a host; none where it is not to know."""
        del host
        return {}

    def close(self) -> None:
        """Send what has not been sent."""


def about_run(
    run: int, flow: str, initiator: str | None, principal: str | None, rule: str | None
) -> Attributes:
    """Return what every span of a run says."""
    return {
        "flowner.run.id": str(run),
        "flowner.flow.id": flow,
        "flowner.initiator.id": initiator,
        "flowner.principal.id": principal,
        "flowner.rule": rule,
    }


def _silent(attributes: Attributes) -> None:
    del attributes
