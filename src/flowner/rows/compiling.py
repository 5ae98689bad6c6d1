"""Predicates to SQL. One compiler for the user's half and the law's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, assert_never
from uuid import UUID

from psycopg import sql

from flowner.errors import AccessDenied, Code, Invalid
from flowner.odata.syntax import (
    And,
    Column,
    Compare,
    Comparison,
    In,
    Not,
    Or,
    Predicate,
    Shared,
    Test,
    TextTest,
    Value,
)
from flowner.rows.catalogue import Table, Type

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
_SHARED = """
EXISTS (SELECT 1 FROM rows.rowshare s WHERE s.tablename = {table} AND s.rowid = r.{key}
    AND s.principalid = ANY({holders}::uuid[]) AND (s.accessmask | s.inheritedmask) & {mask} <> 0)
"""
_SEEN = """
CASE WHEN EXISTS (SELECT 1 FROM rows.columnshare s WHERE s.tablename = {table}
    AND s.rowid = r.{key} AND s.columnname = {name} AND s.readaccess
    AND s.principalid = ANY({holders}::uuid[])) THEN r.{column} END AS {column}
"""


def compile_predicate(predicate: Predicate, table: Table) -> sql.Composable:
    """Return the predicate as SQL over the alias ``r``. Values become literals of psycopg's making.

    `Invalid` names a column that the table does not have, or a value of the wrong type.
    """
    match predicate:
        case And(parts):
            return _joined(parts, table, " AND ", "true")
        case Or(parts):
            return _joined(parts, table, " OR ", "false")
        case Not(part):
            return sql.SQL("(NOT {})").format(compile_predicate(part, table))
        case Compare(op, column, value):
            return _compare(op, column, value, table)
        case In(column, values):
            name, type = _column(column, table)
            listed = [_literal(value, type, column.name) for value in values]
            return sql.SQL("({} IN ({}))").format(name, sql.SQL(", ").join(listed))
        case Test(test, column, text):
            name, _ = _column(column, table)
            escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            pattern = _PATTERNS[test].format(escaped)
            return sql.SQL("({}::text ILIKE {})").format(name, _quoted(pattern))
        case Shared(name, holders, mask):
            return sql.SQL(_SHARED).format(
                table=_quoted(name),
                key=sql.Identifier(table.key),
                holders=_quoted(sorted(holders)),
                mask=_quoted(mask),
            )
        case _:
            assert_never(predicate)


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
    """Return columns of the row ``r``, null where the caller may not see them; None: all."""
    wanted = sorted(table.columns) if columns is None else columns
    return sql.SQL(", ").join(_shown(name, table) for name in wanted)


def _shown(name: str, table: Table) -> sql.Composable:
    column = sql.Identifier(name)
    if name not in table.hidden.columns:
        return sql.SQL("r.{}").format(column)
    return sql.SQL(_SEEN).format(
        table=_quoted(table.name),
        key=sql.Identifier(table.key),
        name=_quoted(name),
        holders=_quoted(sorted(table.hidden.holders)),
        column=column,
    )


def _joined(parts: tuple[Predicate, ...], table: Table, word: str, empty: str) -> sql.Composable:
    if not parts:
        return sql.SQL(empty)
    compiled = [compile_predicate(part, table) for part in parts]
    return sql.SQL("({})").format(sql.SQL(word).join(compiled))


def _compare(op: Comparison, column: Column, value: Value, table: Table) -> sql.Composable:
    name, type = _column(column, table)
    if value is None:
        if op is Comparison.EQ:
            return sql.SQL("({} IS NULL)").format(name)
        return sql.SQL("({} IS NOT NULL)").format(name)
    literal = _literal(value, type, column.name)
    if type is Type.TEXT:
        name, literal = (sql.SQL("lower({})").format(part) for part in (name, literal))
    return sql.SQL("({} {} {})").format(name, _OPERATORS[op], literal)


def _column(column: Column, table: Table) -> tuple[sql.Composable, Type]:
    name = compared(column.name, table, column.position)
    return sql.SQL("r.{}").format(sql.Identifier(name)), table.columns[name]


def _literal(value: Value, type: Type, column: str) -> sql.Composable:
    fits = {
        Type.TEXT: isinstance(value, str),
        Type.LOOKUP: isinstance(value, str) and _is_guid(value),
        Type.BOOLEAN: isinstance(value, bool),
        Type.MOMENT: isinstance(value, datetime),
        Type.JSON: False,
    }.get(type, isinstance(value, int | Decimal) and not isinstance(value, bool))
    if not fits and value is not None:
        raise Invalid(f"`{value}` is no value for the column `{column}`, which holds {type}")
    return sql.SQL("{}::{}").format(_quoted(value), sql.SQL(type.value))


def _quoted(value: object) -> sql.Composable:
    """Quote a value as psycopg does, with ``%`` doubled: the statement has placeholders as well."""
    return sql.SQL(sql.Literal(value).as_string().replace("%", "%%"))


def _is_guid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
