"""The values of environment variables, as flows read them."""

from __future__ import annotations

from collections.abc import Iterable

from flowner.database import Transaction

_VALUES = """
SELECT d.schemaname AS name, d.type, coalesce(v.value, d.defaultvalue) AS value
FROM rows.environmentvariabledefinition d
LEFT JOIN rows.environmentvariablevalue v USING (environmentvariabledefinitionid)
WHERE lower(d.schemaname) = ANY(%s)
"""


async def read_variables(
    transaction: Transaction, names: Iterable[str]
) -> dict[str, tuple[int, str | None]]:
    """Return type and current value (else default) of variables, by lower-case schema name."""
    found = await transaction.execute(_VALUES, (sorted({name.lower() for name in names}),))
    return {row["name"].lower(): (row["type"], row["value"]) for row in await found.fetchall()}
