"""What a maker chooses from: tables and their columns, as clients of the Web API see them."""

from __future__ import annotations

from dataclasses import dataclass

from flowner.database import Database
from flowner.errors import NotFound
from flowner.rows.catalogue import STAMPS, Catalogue, Table


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose, and what people call it."""

    value: str
    title: str


class Choices:
    """Lists what there is. Names of tables and columns are told to everybody who is signed in."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database, self._catalogue = database, catalogue

    async def tables(self, text: str, *, named: bool = False, limit: int = 12) -> list[Choice]:
        """Return tables by a part of their name; people's own come first.

        By set name, as the Web API calls them; ``named``: as the catalogue does.
        """
        async with self._database.connection() as connection:
            tables = await self._catalogue.tables(connection)
        wanted = text.casefold()
        fitting = [
            one
            for one in tables
            if wanted in f"{one.set_name} {one.name} {one.collection_name}".casefold()
        ]
        fitting.sort(key=lambda one: (one.is_system, one.set_name))
        return [
            Choice(one.name if named else one.set_name, one.collection_name)
            for one in fitting[:limit]
        ]

    async def column_names(
        self, table: str, text: str = "", *, named: bool = False, limit: int = 30
    ) -> list[Choice]:
        """Return all columns of a table by a part of their name, as they are read.

        A lookup is ``_fern_request_value``; ``named``: as the catalogue calls it.
        """
        found = await self._table(table)
        if found is None:
            return []
        lookups = {one.attribute for one in found.outgoing}
        choices = [
            Choice(
                f"_{name}_value" if name in lookups and not named else name,
                found.about(name).display_name,
            )
            for name in sorted(found.columns, key=lambda name: (name in STAMPS, name))
        ]
        return _fitting(choices, text)[:limit]

    async def columns(self, table: str, text: str = "", *, limit: int = 30) -> list[Choice]:
        """Return the columns of a table that can be written, by a part of their name.

        A lookup is offered as it is bound: ``fern_request@odata.bind``. Of no table: none.
        """
        found = await self._table(table)
        if found is None:
            return []
        lookups = {one.attribute: one.navigation for one in found.outgoing}
        choices = [
            Choice(
                f"{lookups[name]}@odata.bind" if name in lookups else name,
                found.about(name).display_name,
            )
            for name in sorted(found.columns)
            if name not in STAMPS and name != found.key
        ]
        return _fitting(choices, text)[:limit]

    async def _table(self, name: str) -> Table | None:
        async with self._database.connection() as connection:
            try:
                return await self._catalogue.table(name, connection)
            except NotFound:
                return None


def _fitting(choices: list[Choice], text: str) -> list[Choice]:
    wanted = text.casefold()
    return [one for one in choices if wanted in f"{one.value} {one.title}".casefold()]
