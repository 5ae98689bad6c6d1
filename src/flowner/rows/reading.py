"""Reading for the Web API: pages with cookies, related rows, counts and groups, under the law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from flowner.access.rights import Right
from flowner.access.row_filter import require_privilege, together
from flowner.clock import Clock
from flowner.database import Transaction
from flowner.errors import AccessDenied, Code, Invalid, NotFound
from flowner.odata.functions import Asker, settled
from flowner.odata.syntax import TRUE, And, Column, In, Order, Predicate
from flowner.rows.asking import EPOCH, PROOF, Asking, as_seen_by
from flowner.rows.associations import Association
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Table
from flowner.rows.compiling import Around, columns_of, compile_path, compile_predicate, quoted
from flowner.rows.counting import among, counting_statement
from flowner.rows.grouping import MOST_GROUPED, Group, aggregate, grouping, plain
from flowner.rows.listing import Listing, common, listing_statement, served
from flowner.rows.ordering import Place, after, after_values
from flowner.rows.query import MOST
from flowner.rows.refusing import telling
from flowner.rows.shapes import all_shown, shown
from flowner.rows.store import Store
from flowner.values import JsonObject

_EPOCH: Final = sql.SQL(f"SELECT NULL{PROOF}").format()
_NO_VALUES: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which rows of a table are wanted."""

    columns: Sequence[str] | None = None
    """None: all."""
    wanted: Predicate = TRUE
    order: tuple[Order, ...] = ()
    size: int = MOST
    after: tuple[str | None, ...] | None = None
    """The values of the order's columns and the key in the row before."""
    counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows, in order."""

    rows: list[JsonObject]
    last: tuple[str | None, ...] | None
    """What `Asked.after` continues with; None: there are no more."""
    count: int | None
    """All rows that are wanted, up to `MOST`; None: not asked for."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """The statement of a page with its values, what lies around its rows, and how many places
    its order has."""

    statement: tuple[sql.Composed | bytes, Mapping[str, object]]
    around: Around
    places: int


class Reading:
    """Reads rows of any table, and what they are related to, for one caller at a time."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def page(self, caller: Caller, table: str, asked: Asked, within: Transaction) -> Page:
        """Return one page; 1 query by what is remembered of the caller, which proves it; else 2.

        1 more when rows are counted.
        """
        seen = await self._recalled(caller, table, asked, within)
        if seen is not None:
            return seen
        async with self._store.asking(caller, table, within) as asking:
            require_privilege(asking.standings, asking.table.name, Right.READ)
            wanted = self._listed(asking, asked)
            found = await fetch_rows(within, *wanted.statement)
            return await self._paged(asking, asked, wanted, found)

    async def _recalled(
        self, caller: Caller, table: str, asked: Asked, within: Transaction
    ) -> Page | None:
        """Return a page under the law as it is remembered; None: the law is another by now.

        A refusal is none of its business: it would be said of what may be over.
        """
        recalled = await self._store.remembered(caller, table, within)
        if recalled is None:
            return None
        asking, epoch = recalled
        try:
            wanted = self._listed(asking, asked, proof=PROOF)
        except (AccessDenied, Invalid, NotFound):
            return None
        found = await fetch_rows(within, *wanted.statement)
        proofs = found or await fetch_rows(within, _EPOCH)
        if proofs[0][EPOCH] != epoch:
            return None
        return await self._paged(asking, asked, wanted, found)

    def _listed(self, asking: Asking, asked: Asked, proof: str = "") -> _Listed:
        """Return what lists a page. The text is kept where it is the same for many callers."""
        table, around = asking.table, self.around(asking)
        places = [*asked.order, Order(Column(table.key), False)]

        def statement() -> tuple[sql.Composed, Mapping[str, object]]:
            listing = self._listing(asking, asked, places, proof)
            return listing_statement(asking, listing, around)

        plain = asked.wanted == TRUE and table.has(one.column.name for one in places)
        shared = common(asking, served(table, asked.order, filtered=False)) if plain else None
        if shared is not None:
            columns = None if asked.columns is None else tuple(asked.columns)
            nulls = None if asked.after is None else tuple(one is None for one in asked.after)
            what = ("page", *shared[0], columns, tuple(places), nulls, asked.size, proof)
            text, values = table.kept(what, lambda: statement()[0]), shared[1]
            return _Listed((text, {**values, **after_values(asked.after)}), around, len(places))
        made, values = statement()
        return _Listed((made, {**values, **after_values(asked.after)}), around, len(places))

    def _listing(
        self, asking: Asking, asked: Asked, places: Sequence[Order], proof: str
    ) -> Listing:
        table, around = asking.table, self.around(asking)
        order = [Place.of(one, table, around) for one in places]
        return Listing(
            columns=sql.SQL("{}{}").format(columns_of(asked.columns, table), sql.SQL(proof)),
            places=order,
            where=sql.SQL("{} AND {}").format(
                self._wanted(asking, asked.wanted, around), after(order, asked.after)
            ),
            served=served(table, asked.order, filtered=asked.wanted != TRUE),
            size=asked.size + 1,
        )

    async def _paged(
        self, asking: Asking, asked: Asked, wanted: _Listed, found: list[dict[str, Any]]
    ) -> Page:
        count = last = None
        if asked.counts:
            where = self._wanted(asking, asked.wanted, wanted.around)
            count = await _count(asking, where, MOST, wanted.around)
        if len(found) > asked.size > 0:
            last = tuple(found[asked.size - 1][f"@{at}"] for at in range(wanted.places))
        return Page(rows=all_shown(found[: asked.size], asking.table), last=last, count=count)

    async def count(
        self,
        caller: Caller,
        table: str,
        wanted: Predicate,
        within: Transaction,
        *,
        most: int | None = MOST,
    ) -> int:
        """Return how many rows there are for the caller, up to ``most``."""
        async with self._store.asking(caller, table, within) as asking:
            require_privilege(asking.standings, asking.table.name, Right.READ)
            around = self.around(asking)
            return await _count(asking, self._wanted(asking, wanted, around), most, around)

    async def those(
        self,
        caller: Caller,
        table: str,
        among: tuple[str, Iterable[str]],
        asked: Asked,
        within: Transaction,
    ) -> dict[str, list[JsonObject]]:
        """Return rows by the value of one lookup, or of the key: at most ``asked.size`` of each.

        ``among`` is the column with the values wanted. 1 query. Whoever may read no row of the
        table is refused, whether there are values or not: a list says the same on every page.
        """
        column, values = among
        listed = sorted(set(values))
        async with self._store.asking(caller, table, within) as asking:
            require_privilege(asking.standings, asking.table.name, Right.READ)
            if not listed:
                return {}
            around = self.around(asking)
            wanted = And((In(Column(column), tuple(listed)), asked.wanted))
            order = [Place.of(one, asking.table, around).direction for one in asked.order]
            key = sql.SQL("r.{}").format(sql.Identifier(asking.table.key))
            ordering = sql.SQL(", ").join([*order, key])
            places = (
                sql.SQL("rows.{} r").format(sql.Identifier(asking.table.name)),
                sql.SQL("r.{}").format(sql.Identifier(column)),
            )
            how = (asked, ordering, self.where(asking, wanted, around))
            return await _by_place(asking, places, how)

    async def associated(
        self,
        caller: Caller,
        one: Association,
        ids: Iterable[str],
        asked: Asked,
        within: Transaction,
    ) -> dict[str, list[JsonObject]]:
        """Return rows by the row that they are related to, many to many. 1 query."""
        listed = sorted(set(ids))
        async with self._store.asking(caller, one.other, within) as asking:
            require_privilege(asking.standings, asking.table.name, Right.READ)
            around = self.around(asking)
            key = sql.SQL("r.{}").format(sql.Identifier(asking.table.key))
            order = [Place.of(part, asking.table, around).direction for part in asked.order]
            of = sql.SQL("i.{}").format(sql.Identifier(one.here))
            source = sql.SQL("rows.{} r JOIN rows.{} i ON i.{} = {}").format(
                sql.Identifier(asking.table.name),
                sql.Identifier(one.kept_in),
                sql.Identifier(one.there),
                key,
            )
            where = sql.SQL("{} = ANY({}::uuid[]) AND {}").format(
                of, quoted(listed), self.where(asking, asked.wanted, around)
            )
            how = (asked, sql.SQL(", ").join([*order, key]), where)
            return await _by_place(asking, (source, of), how)

    async def groups(
        self, caller: Caller, table: str, group: Group, within: Transaction
    ) -> list[JsonObject]:
        """Return the groups. `Invalid` (0x8004e023) over more than `MOST_GROUPED` rows."""
        async with self._store.asking(caller, table, within) as asking:
            require_privilege(asking.standings, asking.table.name, Right.READ)
            around = self.around(asking)
            wanted = self._wanted(asking, group.wanted, around)
            if await _count(asking, wanted, MOST_GROUPED + 1, around) > MOST_GROUPED:
                raise Invalid(
                    "the maximum record limit is exceeded: reduce the number of records",
                    code=Code.AGGREGATE_LIMIT,
                )
            keys = [compile_path(path, asking.table, around)[0] for path, _ in group.by]
            named = [name for _, name in group.by] + [name for *_, name in group.aggregates]
            values = [*keys, *(aggregate(one, asking.table, around) for one in group.aggregates)]
            found, bound = among(asking, wanted, MOST_GROUPED, around)
            statement = sql.SQL("SELECT {} FROM rows.{} r WHERE {} {}").format(
                sql.SQL(", ").join(
                    sql.SQL("{} AS {}").format(value, sql.Identifier(f"{at}"))
                    for at, value in enumerate(values)
                ),
                sql.Identifier(asking.table.name),
                found,
                grouping(len(keys)),
            )
            return [
                {name: plain(row[f"{at}"]) for at, name in enumerate(named)}
                for row in await fetch_rows(within, statement, bound)
            ]

    async def exists(self, table: Table, id: str, within: Transaction) -> bool:
        """Say whether there is a row of this id, whoever may read it."""
        statement = sql.SQL("SELECT 1 AS one FROM rows.{} r WHERE r.{} = {}::uuid").format(
            sql.Identifier(table.name), sql.Identifier(table.key), quoted(id)
        )
        return bool(await fetch_rows(within, statement))

    async def keyed(
        self, table: Table, values: Mapping[str, object], within: Transaction
    ) -> str | None:
        """Return the id of the row with these values of an alternate key, whoever may read it."""
        statement = sql.SQL("SELECT r.{}::text AS id FROM rows.{} r WHERE {}").format(
            sql.Identifier(table.key),
            sql.Identifier(table.name),
            sql.SQL(" AND ").join(
                sql.SQL("r.{} = {}").format(sql.Identifier(name), quoted(value))
                for name, value in values.items()
            ),
        )
        found = await fetch_rows(within, statement)
        return str(found[0]["id"]) if found else None

    def where(self, asking: Asking, wanted: Predicate, around: Around) -> sql.Composable:
        """Return the caller's predicate and the law's, over the row ``r``."""
        return sql.SQL("{} AND {}").format(
            self._wanted(asking, wanted, around),
            compile_predicate(asking.law(Right.READ), asking.table, around),
        )

    def _wanted(self, asking: Asking, wanted: Predicate, around: Around) -> sql.Composable:
        return compile_predicate(self.settled(asking, wanted), asking.table, around)

    def settled(self, asking: Asking, wanted: Predicate) -> Predicate:
        """Return the predicate with what depends on who asks, and when, said in comparisons."""
        me = asking.standings[0]
        asker = Asker(
            now=self._clock.now(), user=me.id, teams=me.teams, business_unit=me.business_unit
        )
        return settled(wanted, asker)

    def around(self, asking: Asking) -> Around:
        """Return what lies around the rows of a call: other tables as the caller sees them."""

        def law(table: Table) -> Predicate:
            require_privilege(asking.standings, table.name, Right.READ)
            return together(asking.standings, table.name, Right.READ, owned=table.owned)

        def find(name: str) -> Table | None:
            found = self._store.catalogue.known(name)
            return None if found is None else as_seen_by(found, asking.standings[0])

        return Around(find=find, law=law)


async def _by_place(
    asking: Asking,
    places: tuple[sql.Composable, sql.Composable],
    how: tuple[Asked, sql.Composable, sql.Composable],
) -> dict[str, list[JsonObject]]:
    """Return so many rows of each place. ``places``: what is read from, and by what value."""
    source, of = places
    asked, ordering, where = how
    statement = sql.SQL(
        'SELECT * FROM (SELECT {}, {}::text AS "@of", row_number() OVER'
        ' (PARTITION BY {} ORDER BY {}) AS "@at" FROM {} WHERE {}) one'
        ' WHERE "@at" <= {} ORDER BY "@at"'
    ).format(
        columns_of(asked.columns, asking.table),
        of,
        of,
        ordering,
        source,
        where,
        sql.Literal(asked.size),
    )
    grouped: dict[str, list[JsonObject]] = {}
    for row in await fetch_rows(asking.transaction, statement):
        del row["@at"]
        grouped.setdefault(row.pop("@of"), []).append(shown(row, asking.table))
    return grouped


async def _count(asking: Asking, wanted: sql.Composable, most: int | None, around: Around) -> int:
    statement, values = counting_statement(asking, wanted, most, around)
    return int((await fetch_rows(asking.transaction, statement, values))[0]["count"])


async def fetch_rows(
    transaction: Transaction,
    statement: sql.Composed | bytes,
    values: Mapping[str, object] = _NO_VALUES,
) -> list[dict[str, Any]]:
    """Return all rows of a statement. What the database refuses is an error of ours."""
    with telling():
        return await (await transaction.execute(statement, values)).fetchall()
