"""Letters to people of the directory: written with what they are about, sent afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowner.database import Transaction
from flowner.values import PrincipalId

CHANNEL = "flowner_letter"
_WRITE = """
INSERT INTO rows.letter (kind, aboutid, principalid, nexton)
SELECT %(kind)s, %(about)s, p, CASE WHEN %(wanted)s THEN now() END
FROM unnest(%(people)s::uuid[]) p ON CONFLICT (kind, aboutid, principalid) DO NOTHING
"""
_CLAIM = """
UPDATE rows.letter SET attempts = attempts + 1, nexton = now() + make_interval(secs => %s)
WHERE letterid IN (
    SELECT letterid FROM rows.letter WHERE nexton <= now()
    ORDER BY nexton LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING letterid::text AS id, kind, aboutid::text AS about, principalid::text AS person, attempts
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter that is to be sent."""

    id: str
    kind: str
    about: str
    """The id of what it is about."""
    person: PrincipalId
    attempts: int


async def write_letters(
    transaction: Transaction, kind: str, about: str, people: Iterable[PrincipalId], *, wanted: bool
) -> None:
    """Write a letter to each, once; ``wanted`` False keeps that they were asked, and sends none."""
    values = {"kind": kind, "about": about, "people": sorted(people), "wanted": wanted}
    await transaction.execute(_WRITE, values)
    if wanted:
        await transaction.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


async def was_written_to(
    transaction: Transaction, kind: str, about: Iterable[str], person: PrincipalId
) -> bool:
    """Say whether somebody was ever asked about one of these."""
    found = await transaction.execute(
        "SELECT FROM rows.letter WHERE kind = %s AND aboutid = ANY(%s::uuid[])"
        " AND principalid = %s LIMIT 1",
        (kind, list(about), person),
    )
    return await found.fetchone() is not None


async def claim_letters(
    transaction: Transaction, most: int, *, again_seconds: float
) -> list[Letter]:
    """Take letters that are due; one that is not settled falls due again after a while."""
    found = await transaction.execute(_CLAIM, (again_seconds, most))
    return [
        Letter(
            id=row["id"],
            kind=row["kind"],
            about=row["about"],
            person=PrincipalId(row["person"]),
            attempts=row["attempts"],
        )
        for row in await found.fetchall()
    ]


async def settle_letter(transaction: Transaction, id: str, *, error: str | None = None) -> None:
    """Write down that a letter was sent, or, with an ``error``, that it will not be."""
    await transaction.execute(
        "UPDATE rows.letter SET nexton = NULL, error = %(error)s,"
        " senton = CASE WHEN %(error)s::text IS NULL THEN now() END WHERE letterid = %(id)s",
        {"id": id, "error": error},
    )


async def letters_of(transaction: Transaction, kind: str, about: str) -> list[dict[str, object]]:
    """Return what became of the letters about one thing."""
    found = await transaction.execute(
        "SELECT principalid::text AS person, senton, attempts, error, nexton IS NOT NULL AS due"
        " FROM rows.letter WHERE kind = %s AND aboutid = %s",
        (kind, about),
    )
    return await found.fetchall()
