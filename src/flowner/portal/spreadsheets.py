"""Tables as CSV (RFC 4180), for programs that show tables and would run what looks like a formula.

Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Final

from starlette.responses import StreamingResponse

from flowner.values import Json, JsonObject

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell must not begin with; full-width signs are read as the others by some programs."""
_MARK: Final = "\ufeff"
"""Tells those programs that it is UTF-8."""


def cell(value: Json) -> str:
    """Return a value as a cell that no program runs: such a text gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int | float) else text


def download(
    name: str, columns: Sequence[str], rows: AsyncIterator[JsonObject]
) -> StreamingResponse:
    """Answer a file, sent as its rows are read: it needs no more memory for many than for few."""

    async def lines() -> AsyncIterator[str]:
        yield _MARK + _line(columns)
        async for row in rows:
            yield _line([cell(row[column]) for column in columns])

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _line(cells: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
