"""Predicates to SQL. One compiler for the user's half and the law's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, assert_never
from uuid import UUID

from psycopg import sql

from flowner.errors import AccessDenied, Code, Invalid
from flowner.odata.syntax import (
    TRUE,
    And,
    Column,
    Compare,
    CompareColumns,
    Comparison,
    Function,
    In,
    Like,
    Not,
    Or,
    Predicate,
    Related,
    Shared,
    Test,
    TextTest,
    Value,
)
from flowner.rows.associations import Association
from flowner.rows.catalogue import Table, Type
from flowner.rows.describing import Relation
from flowner.rows.lawful import shared_with

_OPERATORS: Final = {
    Comparison.EQ: sql.SQL("="),
    Comparison.NE: sql.SQL("IS DISTINCT FROM"),
    Comparison.GT: sql.SQL(">"),
    Comparison.GE: sql.SQL(">="),
    Comparison.LT: sql.SQL("<"),
    Comparison.LE: sql.SQL("<="),
}
_PATTERNS: Final = {
    TextTest.CONTAINS: "%{}%",
    TextTest.STARTS_WITH: "{}%",
    TextTest.ENDS_WITH: "%{}",
}
_SEEN = """
CASE WHEN EXISTS (SELECT 1 FROM rows.principalobjectattributeaccess s
    WHERE s.objecttypecode = {table} AND s.objectid = {row}.{key}
    AND s.attributelogicalname = {name} AND s.readaccess
    AND s.principalid = ANY({holders}::uuid[])) THEN {row}.{column} END
"""
_DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around the rows of a statement: their alias, other tables, and the law on those."""

    find: Callable[[str], Table | None] = lambda _name: None
    law: Callable[[Table], Predicate] = lambda _table: TRUE
    alias: str = "r"
    depth: int = 0
    linked: Mapping[str, tuple[str, Table]] = field(default_factory=dict)
    """Tables that the statement joins: their alias in it, by the name that the query gives them.
    Their columns are called ``name.column``."""

    @property
    def row(self) -> sql.Composable:
        return sql.Identifier(self.alias)


_ALONE: Final = Around()


def compile_predicate(
    predicate: Predicate, table: Table, around: Around = _ALONE
) -> sql.Composable:
    """Return the predicate as SQL over the row. Values become literals of psycopg's making.

    `Invalid` names a column that the table does not have, or a value of the wrong type.
    """
    match predicate:
        case And(parts):
            return _joined(parts, table, around, (" AND ", "true"))
        case Or(parts):
            return _joined(parts, table, around, (" OR ", "false"))
        case Not(part, surely):
            form = "(NOT {})" if surely else "({} IS NOT TRUE)"
            return sql.SQL(form).format(compile_predicate(part, table, around))
        case Related(path, part, position):
            return _related(path, part, table, around, position)
        case Shared(name, holders, mask):
            values = (_quoted(name), _quoted(sorted(holders)), _quoted(mask))
            return shared_with(name, around.row, table.key, values)
        case Function(name, column, _):
            raise Invalid(f"the function `{name}` is not offered here", position=column.position)
        case Compare() | CompareColumns() | In() | Test() | Like():
            return _test(predicate, table, around)
        case _:
            assert_never(predicate)


def _test(
    predicate: Compare | CompareColumns | In | Test | Like, table: Table, around: Around
) -> sql.Composable:
    name, type = _column(predicate.column, table, around)
    match predicate:
        case Compare(op, column, value):
            return _compare(op, (name, type), value, column.name)
        case CompareColumns(op, column, other):
            right, other_type = _column(other, table, around)
            if (type in _NUMBERS) != (other_type in _NUMBERS) or (
                type not in _NUMBERS and type is not other_type
            ):
                raise Invalid(
                    f"`{column.name}` holds {type} and `{other.name}` holds {other_type}:"
                    " they cannot be compared",
                    position=other.position,
                )
            return sql.SQL("({} {} {})").format(name, _OPERATORS[op], right)
        case In(column, values):
            listed = [_literal(value, type, column.name) for value in values]
            return sql.SQL("({} IN ({}))").format(name, sql.SQL(", ").join(listed))
        case Test(test, _, text):
            pattern = _PATTERNS[test].format(_escaped(text, "%_"))
            return sql.SQL("({}::text ILIKE {})").format(name, _quoted(pattern))
        case Like(_, pattern):
            return sql.SQL("({}::text ILIKE {})").format(name, _quoted(_escaped(pattern, "")))
        case _:
            assert_never(predicate)


def _escaped(text: str, signs: str) -> str:
    for sign in ("\\", *signs):
        text = text.replace(sign, f"\\{sign}")
    return text


def related_by(path: str, table: Table, position: int | None = None) -> list[tuple[Relation, bool]]:
    """Return the relationships of a navigation property; True: from the row pointed at.

    A lookup that may point into several tables has several under its own name.
    """
    found = [(one, False) for one in table.outgoing if one.navigation == path]
    found = found or [(one, False) for one in table.outgoing if one.attribute == path]
    found = found or [(one, True) for one in table.incoming if one.collection == path]
    if not found:
        raise Invalid(
            f"could not find a navigation property named `{path}` on the table `{table.name}`",
            position=position,
        )
    return found


def _related(
    path: str, part: Predicate, table: Table, around: Around, position: int
) -> sql.Composable:
    if around.depth >= _DEEPEST:
        raise Invalid(f"a path leads over more than {_DEEPEST} tables", position=position)
    path, table, around = _placed(path, table, around)
    there = replace(around, alias=f"n{around.depth + 1}", depth=around.depth + 1)
    association = table.associated(path)
    if association is not None:
        return _associated(association, part, table, (around, there))
    parts = []
    for relation, backwards in related_by(path, table, position):
        other = around.find(relation.referencing if backwards else relation.referenced)
        if other is None:
            raise Invalid(f"the table behind `{path}` is not here", position=position)
        here_column = table.key if backwards else relation.attribute
        there_column = relation.attribute if backwards else other.key
        parts.append(
            sql.SQL("EXISTS (SELECT FROM rows.{} {} WHERE {}.{} = {}.{} AND {} AND {})").format(
                sql.Identifier(other.name),
                there.row,
                there.row,
                sql.Identifier(there_column),
                around.row,
                sql.Identifier(here_column),
                compile_predicate(around.law(other), other, there),
                compile_predicate(part, other, there),
            )
        )
    return sql.SQL("({})").format(sql.SQL(" OR ").join(parts))


def _associated(
    one: Association, part: Predicate, table: Table, places: tuple[Around, Around]
) -> sql.Composable:
    around, there = places
    other = around.find(one.other)
    if other is None:
        raise Invalid(f"the table behind `{one.navigation}` is not here")
    return sql.SQL(
        "EXISTS (SELECT FROM rows.{pairs} {pair} JOIN rows.{other} {row} ON {row}.{key} ="
        " {pair}.{there} WHERE {pair}.{here} = {ours}.{own} AND {law} AND {part})"
    ).format(
        pairs=sql.Identifier(one.kept_in),
        pair=sql.Identifier(f"i{there.depth}"),
        other=sql.Identifier(other.name),
        row=there.row,
        key=sql.Identifier(other.key),
        there=sql.Identifier(one.there),
        here=sql.Identifier(one.here),
        ours=around.row,
        own=sql.Identifier(table.key),
        law=compile_predicate(around.law(other), other, there),
        part=compile_predicate(part, other, there),
    )


def compile_path(path: str, table: Table, around: Around = _ALONE) -> tuple[sql.Composable, Type]:
    """Return the value at the end of a path, ``primarycontactid/fullname``, and what it holds.

    Null where there is no related row, or none that may be read. `Invalid` for a path that leads
    over a collection, or over a lookup that may point into several tables.
    """
    step, slash, rest = path.partition("/")
    if not slash:
        return _column(Column(path), table, around)
    step, table, around = _placed(step, table, around)
    relations = related_by(step, table)
    other = around.find(relations[0][0].referenced)
    if len(relations) > 1 or relations[0][1] or other is None or around.depth >= _DEEPEST:
        raise Invalid(f"`{path}` does not lead to one row of one table")
    there = replace(around, alias=f"n{around.depth + 1}", depth=around.depth + 1)
    value, type = compile_path(rest, other, there)
    found = sql.SQL("(SELECT {} FROM rows.{} {} WHERE {}.{} = {}.{} AND {})").format(
        value,
        sql.Identifier(other.name),
        there.row,
        there.row,
        sql.Identifier(other.key),
        around.row,
        sql.Identifier(relations[0][0].attribute),
        compile_predicate(around.law(other), other, there),
    )
    return found, type


def column_of(name: str, table: Table, position: int | None = None) -> str:
    """Return a table's column; `Invalid` when there is none of that name."""
    found = table.column(name)
    if found is None:
        raise Invalid(
            f"could not find a property named `{name}` on the table `{table.name}`",
            position=position,
        )
    return found


def compared(name: str, table: Table, position: int | None = None) -> str:
    """Return a column that rows are found or put in order by.

    `AccessDenied` (0x8004f504) for a secured column that the caller may not read: what a query
    finds would tell its values.
    """
    column = column_of(name, table, position)
    if column in table.hidden.columns:
        raise AccessDenied(
            f"the column `{column}` of `{table.name}` is secured, and rows cannot be found or put"
            " in order by it without read permission",
            code=Code.COLUMN_READ_MISSING,
        )
    return column


def columns_of(columns: Sequence[str] | None, table: Table) -> sql.Composable:
    """Return columns of the row ``r``, null where the caller may not see them; None: all.

    Ids come as text, which is what everybody wants of them.
    """
    wanted = sorted(table.columns) if columns is None else columns
    return sql.SQL(", ").join(
        sql.SQL("{}::text AS {}" if table.columns.get(name) is Type.LOOKUP else "{} AS {}").format(
            value_of(name, table), sql.Identifier(name)
        )
        for name in wanted
    )


def value_of(name: str, table: Table, around: Around = _ALONE) -> sql.Composable:
    """Return a column's value, null where the caller may not see it."""
    column = sql.Identifier(name)
    if name not in table.hidden.columns:
        return sql.SQL("{}.{}").format(around.row, column)
    return sql.SQL(_SEEN).format(
        row=around.row,
        table=_quoted(table.name),
        key=sql.Identifier(table.key),
        name=_quoted(name),
        holders=_quoted(sorted(table.hidden.holders)),
        column=column,
    )


def _joined(
    parts: tuple[Predicate, ...], table: Table, around: Around, words: tuple[str, str]
) -> sql.Composable:
    word, empty = words
    if not parts:
        return sql.SQL(empty)
    compiled = [compile_predicate(part, table, around) for part in parts]
    return sql.SQL("({})").format(sql.SQL(word).join(compiled))


def _compare(
    op: Comparison, named: tuple[sql.Composable, Type], value: Value, column: str
) -> sql.Composable:
    name, type = named
    if value is None:
        if op is Comparison.EQ:
            return sql.SQL("({} IS NULL)").format(name)
        return sql.SQL("({} IS NOT NULL)").format(name)
    literal = _literal(value, type, column)
    if type is Type.TEXT:
        name, literal = (sql.SQL("lower({})").format(part) for part in (name, literal))
    return sql.SQL("({} {} {})").format(name, _OPERATORS[op], literal)


def _column(column: Column, table: Table, around: Around) -> tuple[sql.Composable, Type]:
    name, table, around = _placed(column.name, table, around)
    name = compared(name, table, column.position)
    return sql.SQL("{}.{}").format(around.row, sql.Identifier(name)), table.columns[name]


def _placed(name: str, table: Table, around: Around) -> tuple[str, Table, Around]:
    """Return a name without the linked table before it, and that table with its surroundings."""
    link, dot, rest = name.rpartition(".")
    if not dot:
        return name, table, around
    found = around.linked.get(link)
    if found is None:
        raise Invalid(f"there is no linked table `{link}` for `{name}`")
    return rest, found[1], replace(around, alias=found[0])


def _literal(value: Value, type: Type, column: str) -> sql.Composable:
    given = _read(value, type) if isinstance(value, str) else value
    fits = {
        Type.TEXT: isinstance(given, str),
        Type.LOOKUP: isinstance(given, str) and _is_guid(given),
        Type.BOOLEAN: isinstance(given, bool),
        Type.MOMENT: isinstance(given, datetime),
        Type.DAY: isinstance(given, datetime),
        Type.JSON: False,
    }.get(type, isinstance(given, int | Decimal) and not isinstance(given, bool))
    if not fits and given is not None:
        raise Invalid(f"`{value}` is no value for the column `{column}`, which holds {type}")
    if type in (Type.WHOLE, Type.BIG) and isinstance(given, int | Decimal):
        type = Type.DECIMAL  # a number beyond the column's bounds is compared, too
    return sql.SQL("{}::{}").format(_quoted(given), sql.SQL(type.value))


def _read(text: str, type: Type) -> Value:
    """Read a text as what the column holds: functions give every value as a text."""
    try:
        if type in _NUMBERS:
            number = Decimal(text)
            return number if number.is_finite() else text
        if type in (Type.MOMENT, Type.DAY):
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, ArithmeticError):
        return text
    if type is Type.BOOLEAN:
        return {"true": True, "false": False, "1": True, "0": False}.get(text.lower(), text)
    return text


_NUMBERS: Final = frozenset({Type.WHOLE, Type.BIG, Type.DECIMAL, Type.FLOAT})


def quoted(value: object) -> sql.Composable:
    """Quote a value as psycopg does, with ``%`` doubled: the statement has placeholders as well."""
    return sql.SQL(sql.Literal(value).as_string().replace("%", "%%"))


_quoted = quoted


def _is_guid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
