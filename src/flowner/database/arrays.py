"""Columns of values as PostgreSQL arrays, written out at once in the binary format.

Statements that carry many rows pass each column as one array and `unnest` them. psycopg writes
such arrays item by item; here a column is one join, at about a tenth of the cost.

Source: src/backend/utils/adt/arrayfuncs.c (`array_recv`) and the `*recv` functions of the types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from struct import Struct
from typing import Final

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD: Final = Struct("!iiI")
"""Dimensions, whether there may be nulls, the elements' type."""
_DIMENSION: Final = Struct("!ii")
"""Length, the first index."""
_LENGTH: Final = Struct("!i")
_INT4: Final = Struct("!ii")
_INT8: Final = Struct("!iq")
_NULL: Final = _LENGTH.pack(-1)
_BOOL: Final = {
    True: _LENGTH.pack(1) + b"\x01",
    False: _LENGTH.pack(1) + b"\x00",
    None: _NULL,
}
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Column:
    """An array parameter, ready to be sent."""

    oid: int
    __slots__ = ("data",)

    def __init__(self, element: int, cells: Sequence[bytes]) -> None:
        dimension = _DIMENSION.pack(len(cells), 1) if cells else b""
        self.data = b"".join((_HEAD.pack(bool(cells), 1, element), dimension, *cells))


class _Bools(Column):
    oid = 1000


class _Blobs(Column):
    oid = 1001


class _Int4s(Column):
    oid = 1007


class _Texts(Column):
    oid = 1009


class _Int8s(Column):
    oid = 1016


class _Moments(Column):
    oid = 1185


def bools(values: Iterable[bool]) -> Column:
    """Return a ``boolean[]``."""
    return _Bools(16, [_BOOL[value] for value in values])


def blobs(values: Iterable[bytes | None]) -> Column:
    """Return a ``bytea[]``."""
    pack = _LENGTH.pack
    return _Blobs(17, [_NULL if v is None else pack(len(v)) + v for v in values])


def int4s(values: Iterable[int | None]) -> Column:
    """Return an ``int[]``."""
    pack = _INT4.pack
    return _Int4s(23, [_NULL if value is None else pack(4, value) for value in values])


def int8s(values: Iterable[int | None]) -> Column:
    """Return a ``bigint[]``."""
    pack = _INT8.pack
    return _Int8s(20, [_NULL if value is None else pack(8, value) for value in values])


def texts(values: Iterable[str | None]) -> Column:
    """Return a ``text[]``. A text must have no NUL and no half of a surrogate pair."""
    pack, cells = _LENGTH.pack, []
    for value in values:
        if value is None:
            cells.append(_NULL)
        else:
            data = value.encode()
            cells.append(pack(len(data)) + data)
    return _Texts(25, cells)


def moments(values: Iterable[datetime | None]) -> Column:
    """Return a ``timestamptz[]`` of aware times, to the microsecond."""
    pack = _INT8.pack
    return _Moments(1184, [_NULL if v is None else pack(8, _microseconds(v)) for v in values])


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.data


for _kind in (_Bools, _Blobs, _Int4s, _Int8s, _Texts, _Moments):
    _dumper = type(f"{_kind.__name__}Dumper", (_ColumnDumper,), {"oid": _kind.oid})
    psycopg.adapters.register_dumper(_kind, _dumper)
