"""What a column holds."""

from __future__ import annotations

from enum import StrEnum


class Type(StrEnum):
    """What a column holds; the value is PostgreSQL's name for it."""

    TEXT = "text"
    WHOLE = "integer"
    BIG = "bigint"
    DECIMAL = "numeric"
    FLOAT = "double precision"
    BOOLEAN = "boolean"
    MOMENT = "timestamp with time zone"
    DAY = "date"
    LOOKUP = "uuid"
    JSON = "jsonb"
