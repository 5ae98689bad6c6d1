"""Rows of several tables side by side: each joined table under the law, like the first.

A row that may not be read is not there: an inner join leaves the pair out, an outer one has nulls
in its place. Secured columns are null, and neither joined, found, put in order nor added up by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, Final, assert_never

from psycopg import sql

from flowner.access.rights import Right
from flowner.access.row_filter import require_privilege
from flowner.database import Transaction
from flowner.errors import Code, Invalid
from flowner.odata.syntax import TRUE, Order, Predicate
from flowner.rows.asking import Asking
from flowner.rows.associations import Association
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Table, Type
from flowner.rows.compiling import (
    Around,
    compile_path,
    compile_predicate,
    quoted,
    value_of,
)
from flowner.rows.grouping import MOST_GROUPED, aggregate, plain
from flowner.rows.ordering import Place, after, after_values
from flowner.rows.query import MOST
from flowner.rows.reading import Reading, fetch_rows
from flowner.rows.shapes import shown
from flowner.rows.store import Store
from flowner.values import JsonObject

MOST_JOINED: Final = 15
"""Tables that a query joins to its first at most, as in Dataverse."""
PARTS: Final = ("day", "week", "month", "quarter", "year")
"""Of a date, what rows can be grouped by."""
_SAME: Final = "{} {} rows.{} {} ON {} = {} AND {}"
_FIRST: Final = """
{} CROSS JOIN LATERAL (
    SELECT * FROM rows.{} {} WHERE {} = {} AND {} ORDER BY {}.{} LIMIT 1
) {}
"""


_PAIRS: Final = "{} {} (rows.{} {} JOIN rows.{} {} ON {} AND {}) ON {} = {}"


class Kind(Enum):
    """Which rows a join has."""

    INNER = auto()
    OUTER = auto()
    FIRST = auto()
    """As inner, with the first of the rows that fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """One more table, each of whose rows stands beside those that it fits."""

    name: str
    """What the query calls it; its columns are ``name.column``."""
    table: str
    column: str
    to: str
    """The column that ``column`` equals: of the first table, or ``name.column``."""
    kind: Kind = Kind.INNER
    wanted: Predicate = TRUE
    """About the joined table's rows, with their columns' bare names."""
    through: Association | None = None
    """The relationship of many to many, seen from ``to``, whose pairs lie between the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Which rows are wanted."""

    joins: Sequence[Join]
    columns: Mapping[str, Sequence[str]]
    """By name of the joined table; ``""`` is the first."""
    wanted: Predicate = TRUE
    order: tuple[Order, ...] = ()
    size: int = MOST
    after: tuple[str | None, ...] | None = None
    counts: bool = False
    distinct: bool = False
    keyed: bool = True
    """Whether distinct rows are told apart by the key of the first table, which is shown then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedPage:
    """Some rows, in order."""

    rows: list[dict[str, JsonObject]]
    """Each a row of every table, by name; empty where an outer join found none."""
    last: tuple[str | None, ...] | None
    count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedGroup:
    """Rows to be counted or added up; see `reading.Group`."""

    joins: Sequence[Join]
    by: Sequence[tuple[str, str, str | None]]
    """Columns with the names that their values get; of a date, the part (`PARTS`) or None."""
    aggregates: Sequence[tuple[str, str | None, str]]
    wanted: Predicate = TRUE
    order: Sequence[tuple[str, bool]] = ()
    """Names of results; True: descending."""
    size: int = MOST_GROUPED


@dataclass(slots=True)
class _Scene:
    """The tables of one statement, and what stands behind its ``FROM``."""

    asking: Asking
    around: Around
    source: sql.Composable
    tables: dict[str, tuple[str, Table]] = field(default_factory=dict)
    """Alias and table by name; the first is ``""``."""


class Joining:
    """Reads joined tables for one caller at a time."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store, self._reading = store, reading

    async def page(
        self, caller: Caller, table: str, joined: Joined, within: Transaction
    ) -> JoinedPage:
        """Return one page; 1 query, 2 when rows are counted."""
        async with self._store.asking(caller, table, within) as asking:
            scene = self._scene(asking, joined.joins)
            where = self._reading.where(asking, joined.wanted, scene.around)
            order = _places(scene, joined)
            taken = _taken(scene, joined)
            statement = sql.SQL("SELECT {} {} FROM {} WHERE {} AND {} ORDER BY {} LIMIT {}").format(
                sql.SQL("DISTINCT" if joined.distinct else ""),
                sql.SQL(", ").join([*taken, *_ordered(order, distinct=joined.distinct)]),
                scene.source,
                where,
                after(order, joined.after),
                sql.SQL(", ").join(one.direction for one in order),
                sql.Literal(joined.size + 1),
            )
            found = await fetch_rows(within, statement, after_values(joined.after))
            more = len(found) > joined.size
            last = found[joined.size - 1] if more and joined.size else None
            return JoinedPage(
                rows=[_apart(row, scene) for row in found[: joined.size]],
                last=None if last is None else _values(last, len(order)),
                count=await _count(scene, where, MOST) if joined.counts else None,
            )

    async def groups(
        self, caller: Caller, table: str, group: JoinedGroup, within: Transaction
    ) -> list[JsonObject]:
        """Return the groups. `Invalid` (0x8004e023) over more than `MOST_GROUPED` rows."""
        async with self._store.asking(caller, table, within) as asking:
            scene = self._scene(asking, group.joins)
            where = self._reading.where(asking, group.wanted, scene.around)
            if await _count(scene, where, MOST_GROUPED + 1) > MOST_GROUPED:
                raise Invalid(
                    "the maximum record limit is exceeded: reduce the number of records",
                    code=Code.AGGREGATE_LIMIT,
                )
            names = [one[1] for one in group.by] + [one[2] for one in group.aggregates]
            values = [_key(one, scene) for one in group.by]
            values += [aggregate(one, asking.table, scene.around) for one in group.aggregates]
            statement = sql.SQL("SELECT {} FROM {} WHERE {} {} {} LIMIT {}").format(
                sql.SQL(", ").join(
                    sql.SQL("{} AS {}").format(value, sql.Identifier(f"{at}"))
                    for at, value in enumerate(values)
                ),
                scene.source,
                where,
                _numbered("GROUP BY", [(at, None) for at in range(len(group.by))]),
                _numbered("ORDER BY", _directions(group, names)),
                sql.Literal(group.size),
            )
            return [
                {name: plain(row[f"{at}"]) for at, name in enumerate(names)}
                for row in await fetch_rows(within, statement)
            ]

    def _scene(self, asking: Asking, joins: Sequence[Join]) -> _Scene:
        if len(joins) > MOST_JOINED:
            raise Invalid(f"more than {MOST_JOINED} tables are joined", code=Code.BAD_QUERY)
        require_privilege(asking.standings, asking.table.name, Right.READ)
        first = sql.SQL("rows.{} r").format(sql.Identifier(asking.table.name))
        scene = _Scene(asking, self._reading.around(asking), first, {"": ("r", asking.table)})
        for at, join in enumerate(joins, 1):
            self._join(scene, join, f"j{at}")
        return scene

    def _join(self, scene: _Scene, join: Join, alias: str) -> None:
        """Put one more table into the statement: with the law, before any row of it is seen."""
        table = scene.around.find(join.table)
        if table is None:
            raise Invalid(f"there is no table `{join.table[:60]}`", code=Code.BAD_QUERY)
        if not join.name or join.name in scene.tables:
            raise Invalid(f"two tables are called `{join.name[:60]}`", code=Code.BAD_QUERY)
        there = replace(scene.around, alias=alias)
        column, type = compile_path(join.column, table, there)
        to, to_type = compile_path(join.to, scene.asking.table, scene.around)
        if type is not to_type:
            raise Invalid(
                f"`{join.column}` holds {type} and `{join.to}` holds {to_type}: they cannot be"
                " joined",
                code=Code.BAD_QUERY,
            )
        law = scene.around.law(table)
        conditions = sql.SQL("{} AND {}").format(
            compile_predicate(law, table, there),
            compile_predicate(self._reading.settled(scene.asking, join.wanted), table, there),
        )
        scene.source = _source(scene.source, join, (alias, table), (column, to, conditions))
        scene.tables[join.name] = (alias, table)
        scene.around = replace(
            scene.around, linked={**scene.around.linked, join.name: (alias, table)}
        )


def _source(
    source: sql.Composable,
    join: Join,
    there: tuple[str, Table],
    parts: tuple[sql.Composable, sql.Composable, sql.Composable],
) -> sql.Composable:
    """Return what stands behind ``FROM`` with one more table. ``parts``: the two columns that are
    equal, there and before, and the conditions on the table's rows."""
    (alias, table), (column, to, conditions) = there, parts
    name, row = sql.Identifier(table.name), sql.Identifier(alias)
    words = sql.SQL("LEFT JOIN" if join.kind is Kind.OUTER else "JOIN")
    if join.through is not None:
        same = sql.SQL("{} = {}").format(column, _pair(alias, join.through.there))
        return sql.SQL(_PAIRS).format(
            source, words, sql.Identifier(join.through.kept_in), sql.Identifier(f"{alias}p"),
            name, row, same, conditions, _pair(alias, join.through.here), to,
        )  # fmt: skip
    match join.kind:
        case Kind.INNER | Kind.OUTER:
            return sql.SQL(_SAME).format(source, words, name, row, column, to, conditions)
        case Kind.FIRST:
            key = sql.Identifier(table.key)
            return sql.SQL(_FIRST).format(source, name, row, column, to, conditions, row, key, row)
        case _:
            assert_never(join.kind)


def _pair(alias: str, column: str) -> sql.Composable:
    return sql.Identifier(f"{alias}p", column)


def _places(scene: _Scene, joined: Joined) -> list[Place]:
    """Return the order, made total: behind it the keys or, of distinct rows, all that is shown."""
    order = [Place.of(one, scene.asking.table, scene.around) for one in joined.order]
    for name, (alias, table) in scene.tables.items():
        around = replace(scene.around, alias=alias)
        columns = [table.key]
        if joined.distinct:
            columns = sorted({*joined.columns.get(name, ()), *_keys(joined, name, table)})
        # As they are shown: a secured column that is null to the caller tells no rows apart.
        order += [Place(value_of(c, table, around), table.columns[c], False) for c in columns]
    return order


def _keys(joined: Joined, name: str, table: Table) -> tuple[str, ...]:
    """Return the columns of a table that are there although nobody asks for them."""
    told_apart = joined.keyed and not name
    return (table.key, "versionnumber") if told_apart or not joined.distinct else ()


def _ordered(order: Sequence[Place], *, distinct: bool) -> list[sql.Composable]:
    """Return the values to go on behind; of distinct rows also those that they are ordered by."""
    found: list[sql.Composable] = [
        sql.SQL("({})::text AS {}").format(one.value, sql.Identifier(f"@{at}"))
        for at, one in enumerate(order)
    ]
    if distinct:
        found += [
            sql.SQL("{} AS {}").format(one.value, sql.Identifier(f"@@{at}"))
            for at, one in enumerate(order)
        ]
    return found


def _taken(scene: _Scene, joined: Joined) -> list[sql.Composable]:
    """Return the values to be shown, each called by its table's alias and its name."""
    found: list[sql.Composable] = []
    for name, (alias, table) in scene.tables.items():
        always = _keys(joined, name, table)
        around = replace(scene.around, alias=alias)
        for column in sorted({*joined.columns.get(name, ()), *always}):
            value = value_of(column, table, around)
            label = sql.Identifier(f"{alias}.{column}")
            found.append(sql.SQL("{} AS {}").format(value, label))
    return found


def _values(row: Mapping[str, Any], places: int) -> tuple[str | None, ...]:
    return tuple(row[f"@{at}"] for at in range(places))


def _apart(row: Mapping[str, Any], scene: _Scene) -> dict[str, JsonObject]:
    """Return the rows of each table in one row of the statement."""
    parts: dict[str, dict[str, Any]] = {alias: {} for alias, _ in scene.tables.values()}
    for label, value in row.items():
        alias, _, column = label.partition(".")
        if alias in parts:
            parts[alias][column] = value
    return {
        name: shown({"versionnumber": 0, **parts[alias]}, table)
        if parts[alias].get(table.key, "") is not None
        else {}
        for name, (alias, table) in scene.tables.items()
    }


def _key(one: tuple[str, str, str | None], scene: _Scene) -> sql.Composable:
    path, _, part = one
    value, type = compile_path(path, scene.asking.table, scene.around)
    if part is None:
        return value
    if part not in PARTS or type not in (Type.MOMENT, Type.DAY):
        raise Invalid(f"`{path}` cannot be grouped by `{part[:20]}`", code=Code.BAD_QUERY)
    return sql.SQL("extract({} FROM {})::integer").format(sql.SQL(part), value)


def _directions(group: JoinedGroup, names: Sequence[str]) -> list[tuple[int, bool | None]]:
    unknown = [name for name, _ in group.order if name not in names]
    if unknown:
        raise Invalid(
            f"groups are put in order by what they show, not by `{unknown[0][:60]}`",
            code=Code.BAD_QUERY,
        )
    wanted: list[tuple[int, bool | None]] = [(names.index(name), d) for name, d in group.order]
    return wanted + [(at, False) for at in range(len(group.by))]


def _numbered(words: str, places: Sequence[tuple[int, bool | None]]) -> sql.Composable:
    """Return a clause over results by their numbers; None: without a direction."""
    if not places:
        return sql.SQL("")
    said = {None: "{}", True: "{} DESC NULLS LAST", False: "{} ASC NULLS FIRST"}
    listed = [sql.SQL(said[down]).format(sql.Literal(at + 1)) for at, down in places]
    return sql.SQL("{} {}").format(sql.SQL(words), sql.SQL(", ").join(listed))


async def _count(scene: _Scene, where: sql.Composable, most: int) -> int:
    statement = sql.SQL("SELECT count(*) AS count FROM (SELECT FROM {} WHERE {} LIMIT {}) one")
    found = await fetch_rows(
        scene.asking.transaction, statement.format(scene.source, where, quoted(most))
    )
    return int(found[0]["count"])
