"""Searching action records: who did what in whose name, through whose account, over all runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import sql

from flowner.database import Transaction
from flowner.journal.records import ActionRecord
from flowner.values import FlowId, PrincipalId, RunId

Place = tuple[datetime, RunId, int]
"""Where an action record stands among all: its time, its run, its entry's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedActions:
    """Which action records are asked for; None asks for all."""

    initiator: PrincipalId | None = None
    ran_as: PrincipalId | None = None
    """The run's principal."""
    acting: PrincipalId | None = None
    """In whose name the call was made."""
    actor: PrincipalId | None = None
    """Who acted for them."""
    account: str | None = None
    connection: str | None = None
    """A connection's id."""
    reference: str | None = None
    lender: PrincipalId | None = None
    rule: str | None = None
    """The action's rule, or the run's."""
    flow: FlowId | None = None
    connector: str | None = None
    operation: str | None = None
    status: str | None = None
    refused: bool = False
    """Only what was refused."""
    fallback: bool = False
    """Only in runs in which somebody stood in for whom Run as names."""
    unplanned: bool = False
    """Only what acted otherwise than was decided before the run."""
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""
    before: Place | None = None
    """Older than this one: how pages follow one another."""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAction:
    """One action record, with what it takes from its run."""

    run: RunId
    seq: int
    at: datetime
    path: str
    """'' where the whole run was refused."""
    flow: FlowId
    flow_name: str
    """As it was called then."""
    kind: str
    """The flow's."""
    initiator: PrincipalId | None
    ran_as: PrincipalId | None
    run_rule: str | None
    fallback: str | None
    """Why somebody stood in; None: nobody had to."""
    error: str | None
    """The run's, where it was refused as a whole."""
    record: ActionRecord

    @property
    def place(self) -> Place:
        return self.at, self.run, self.seq


_EQUAL: Final = {
    "initiator": "initiator",
    "ran_as": "principal",
    "acting": "acting",
    "actor": "actor",
    "account": "account",
    "connection": "connection",
    "reference": "reference",
    "lender": "lender",
    "flow": "flow",
    "connector": "connector",
    "operation": "operation",
    "status": "status",
}
"""What is asked for, by column."""
_SELECT: Final = sql.SQL("""
SELECT a.*, a.flow::text AS flow_id, r.flow_name, r.kind, r.fallback AS stands_in, r.error
FROM (
    SELECT * FROM journal.action WHERE {all} ORDER BY at DESC, run DESC, seq DESC LIMIT %(limit)s
) a JOIN journal.run r ON r.id = a.run
ORDER BY a.at DESC, a.run DESC, a.seq DESC
""")


async def search(transaction: Transaction, wanted: WantedActions) -> list[FoundAction]:
    """Return the newest of the action records wanted.

    One look into an index where one filter is given; of several, the one that PostgreSQL holds for
    the rarest is looked up, and the others are compared. The statement is planned for its values
    each time: what is rare and what is not differs a thousandfold.
    """
    values: dict[str, Any] = {"limit": wanted.limit}
    parts = [sql.SQL("true"), *_parts(wanted, values)]
    statement = _SELECT.format(all=sql.SQL(" AND ").join(parts))
    found = await transaction.execute(statement, values, prepare=False)
    return [_found(row) for row in await found.fetchall()]


def _parts(wanted: WantedActions, values: dict[str, Any]) -> list[sql.Composable]:
    """Return the conditions, and put what they are asked with into ``values``."""
    parts: list[sql.Composable] = []
    for name, column in _EQUAL.items():
        if (value := getattr(wanted, name)) is not None:
            values[name] = value
            is_it = sql.SQL("{} = {}")
            parts.append(is_it.format(sql.Identifier(column), sql.Placeholder(name)))
    if wanted.rule is not None:
        values["rule"] = wanted.rule
        of_action = wanted.rule.startswith("action.")
        parts.append(sql.SQL("rule = %(rule)s" if of_action else "run_rule = %(rule)s"))
    for name, condition in _OTHERS.items():
        if value := getattr(wanted, name):
            values[name] = value
            parts.append(sql.SQL(condition))
    if wanted.before is not None:
        values |= dict(zip(("at", "run", "seq"), wanted.before, strict=True))
        parts.append(sql.SQL("(at, run, seq) < (%(at)s, %(run)s, %(seq)s)"))
    return parts


_OTHERS: Final = {
    "refused": "refused",
    "fallback": "fallback",
    "unplanned": "NOT planned",
    "since": "at >= %(since)s",
    "until": "at < %(until)s",
}


def _found(row: Mapping[str, Any]) -> FoundAction:
    return FoundAction(
        run=RunId(row["run"]),
        seq=row["seq"],
        at=row["at"],
        path=row["path"],
        flow=FlowId(row["flow_id"]),
        flow_name=row["flow_name"],
        kind=row["kind"],
        initiator=_person(row["initiator"]),
        ran_as=_person(row["principal"]),
        run_rule=row["run_rule"],
        fallback=row["stands_in"],
        error=None if row["path"] else row["error"],
        record=ActionRecord(
            acting=_text(row["acting"]),
            actor=_text(row["actor"]),
            account=row["account"],
            connection=_text(row["connection"]),
            reference=row["reference"],
            lender=_text(row["lender"]),
            rule=row["rule"],
            connector=row["connector"],
            operation=row["operation"],
            status=row["status"],
            code=row["code"],
            attempt=row["attempt"],
            refused=row["refused"],
            planned=row["planned"],
        ),
    )


def _text(id: object) -> str | None:
    return None if id is None else str(id)


def _person(id: object) -> PrincipalId | None:
    return None if id is None else PrincipalId(str(id))
