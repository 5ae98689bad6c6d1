"""Both that a process is watched by, in one hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowner.errors import Invalid
from flowner.telemetry.metrics import Metrics
from flowner.telemetry.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """The metrics and the traces of one house."""

    metrics: Metrics = field(default_factory=Metrics)
    tracing: Tracing = field(default_factory=Tracing)


def open_tracing(told: tuple[str, ...], exporter: str) -> Tracing:
    """Open the way out for traces; see `flowner.telemetry.otel.Traced`.

    Raises `Invalid` when OpenTelemetry is not installed, or has no such exporter.
    """
    try:
        from flowner.telemetry.otel import Traced  # noqa: PLC0415 - it is an extra
    except ImportError:
        raise Invalid(
            "`FLOWNER_TRACES` is `yes`, which needs OpenTelemetry: install `flowner[otel]`"
        ) from None
    return Traced(told, exporter)
