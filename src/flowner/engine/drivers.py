"""Which driver dispatches."""

from __future__ import annotations

from dataclasses import replace

from flowner.engine.claiming import PostgresDispatcher
from flowner.engine.dispatch import Dispatcher, Means
from flowner.engine.temporal.place import Place
from flowner.errors import Invalid


def dispatcher(means: Means, temporal: Place | None, own: str) -> Dispatcher:
    """Return the driver for Temporal, or PostgreSQL's where ``temporal`` is None.

    ``own`` is a text that no other database has. Raises `Invalid` where Temporal's SDK is not
    installed.
    """
    if temporal is None:
        return PostgresDispatcher(means)
    try:
        from flowner.engine.temporal.driver import TemporalDispatcher  # noqa: PLC0415 - an extra
    except ImportError:
        raise Invalid(
            "`FLOWNER_DISPATCH` is `temporal`, which needs Temporal's SDK: install"
            " `flowner[temporal]`"
        ) from None
    queue = temporal.task_queue or f"flowner-{own[:12]}"
    return TemporalDispatcher(means, replace(temporal, task_queue=queue))
