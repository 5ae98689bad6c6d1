"""Whether a call may go out now: declared limits, and outsides that asked to be left alone.

Calls to an outside of which nothing is known cost nothing here. One that answers 429 or 503 with
`Retry-After` is told to every process, and all calls through the same connection, or to the same
host where there is none, wait until then: a call that is out already is the only one that may
still arrive. Afterwards they go on at the pace at which they got through before.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from flowner.clock import Clock
from flowner.database import Database
from flowner.errors import Unavailable
from flowner.journal.pacing import Allowance, Pace, Paces
from flowner.runs.commands import Failure, Outcome, Success, Throttled, Transient
from flowner.sdk.connector import Connector
from flowner.values import ConnectionId, Json, JsonObject

_LIMITED: Final = frozenset({429, 503})
_SHORT: Final = timedelta(seconds=1)
"""So long a call waits in its worker's hands; for longer, its run is put down."""
_REMEMBERED: Final = timedelta(minutes=1)
_MOST_KEYS: Final = 10_000


class Pacer:
    """The paces of all outsides, as one process knows them."""

    def __init__(self, database: Database, clock: Clock, limits: Mapping[str, Allowance]) -> None:
        self._paces, self._clock, self._limits = Paces(database), clock, limits
        self._careful: dict[str, Pace] = {}
        self._passed: defaultdict[str, deque[datetime]] = defaultdict(lambda: deque(maxlen=100))

    def key(
        self, connection: ConnectionId | None, connector: Connector, parameters: JsonObject
    ) -> str | None:
        """Return what is limited by itself: a connection, or else a host; None: neither."""
        if connection is not None:
            return f"connection {connection}"
        host = _host(parameters)
        return f"host {host}" if host and "http" in connector.ids else None

    def allowance(self, connector: Connector, parameters: JsonObject) -> Allowance | None:
        """Return the declared limit: the operator's for the host or connector, or its author's."""
        if self._limits:
            for name in (_host(parameters), *connector.ids):
                if name in self._limits:
                    return self._limits[name]
        limit = connector.limit
        if limit is None:
            return None
        return Allowance(calls=limit.calls, period=timedelta(seconds=limit.seconds))

    def is_free(self, key: str | None, declared: Allowance | None) -> bool:
        """Whether a call may go out at once, as far as this process knows."""
        return key is None or (declared is None and key not in self._careful)

    async def wait(
        self, key: str | None, declared: Allowance | None, slot: datetime | None, title: str
    ) -> Throttled | None:
        """Return None when a call may go out, after a second at most; else until when it waits.

        ``slot`` is when it was told it might go, if it was told.
        """
        while key is not None and not self.is_free(key, declared):
            now = self._clock.now()
            known = self._careful.get(key)
            if slot is None or (known is not None and slot < known.not_before):
                pace, slot = await self._paces.reserve(key, declared, now)
                self._note(key, pace)
            if slot <= now:
                return None
            if slot - now > _SHORT:
                return Throttled(until=slot, reason=f"the limit of {title}")
            await asyncio.sleep((slot - now).total_seconds())
        return None

    async def answered(self, key: str | None, outcome: Outcome) -> None:
        """Take note of what an outside answered."""
        if key is None:
            return
        now = self._clock.now()
        after = _asked(outcome, now)
        if after is None:
            if len(self._passed) >= _MOST_KEYS:
                self._passed.clear()
            self._passed[key].append(now)
            return
        since = now - min(max(after, _SHORT), _REMEMBERED)
        passed = sum(when >= since for when in self._passed.get(key, ()))
        with suppress(Unavailable):
            self._note(key, await self._paces.told_no(key, now, after, passed))

    async def hear(self, key: str) -> None:
        """Learn what another process was told of one key; '' of all."""
        found = await self._paces.limited(key or None)
        if not key:
            self._careful.clear()
        self._careful.update(found)

    def _note(self, key: str, pace: Pace) -> None:
        if pace.found is None:
            self._careful.pop(key, None)
        else:
            self._careful[key] = pace


def _host(parameters: JsonObject) -> str:
    uri = parameters.get("uri")
    try:
        return (urlsplit(uri).netloc.rpartition("@")[2].lower()) if isinstance(uri, str) else ""
    except ValueError:
        return ""


def _asked(outcome: Outcome, now: datetime) -> timedelta | None:
    """Return for how long an answer asks to be left alone; None: it does not.

    Source: RFC 9110, section 10.2.3.
    """
    if not isinstance(outcome, Success | Failure | Transient) or outcome.status not in _LIMITED:
        return None
    if isinstance(outcome, Transient) and outcome.retry_after_seconds is not None:
        return timedelta(seconds=min(max(outcome.retry_after_seconds, 0.0), 86_400.0))
    written = [value for name, value in outcome.headers.items() if name.lower() == "retry-after"]
    return _read(written[0], now) if written else None


def _read(written: Json, now: datetime) -> timedelta | None:
    text = str(written).strip()
    if text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 86_400))
    try:
        return max(parsedate_to_datetime(text) - now, timedelta())
    except (ValueError, TypeError):
        return None
