"""Savepoints: parts of a transaction that fail alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from flowner.database.connections import Transaction
from flowner.errors import Unavailable


@asynccontextmanager
async def apart(transaction: Transaction) -> AsyncIterator[None]:
    """Take back what the block does, and nothing before it, when the block raises.

    Raises `Unavailable` in place of what the database says when it is gone, or asks to try again.
    """
    try:
        async with transaction.transaction():
            yield
    except psycopg.OperationalError as error:
        raise Unavailable("the database does not answer, or asks to try again") from error
