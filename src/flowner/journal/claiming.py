"""Which runs are claimed when more are due than there is room for: flows take turns.

A place goes to the flow that has the fewest runs in hand, then to the one whose turn it is, then
to the oldest run of that flow. Whose turn it is, is found by walking the flows in the order of
their ids, from where the walk before has stopped; each step is one look into an index. A walk is
of so many steps at most, so that 5,000 flows that only wait for a time cost no claim more than
that: a flow whose runs are due is reached within flows / `STEPS` claims, plus one for each flow
before it whose runs are due. Meanwhile the oldest runs that are due fill the places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from flowner.database import Transaction
from flowner.values import FlowId, RunId

STEPS: Final = 100
"""Flows that one claim looks at, at most."""
_NOBODY: Final = FlowId("00000000-0000-0000-0000-000000000000")

_CLAIM_ALL = """
WITH front AS MATERIALIZED (
    SELECT run, due FROM journal.wake
    WHERE due <= %(now)s AND (owner IS NULL OR lease < now())
    ORDER BY due LIMIT %(room)s + 1 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE journal.wake SET owner = %(owner)s, lease = now() + make_interval(secs => %(lease)s)
    WHERE run IN (SELECT run FROM front) AND (SELECT count(*) FROM front) <= %(room)s
    RETURNING run, flow
)
SELECT t.run, t.flow::text AS flow, f.due
FROM (SELECT count(*) AS due FROM front) f LEFT JOIN (taken t JOIN front USING (run)) ON true
ORDER BY front.due, t.run
"""
_CLAIM_SHARES = """
WITH RECURSIVE hand AS (
    SELECT * FROM unnest(%(flows)s::uuid[], %(runs)s::int[]) AS h(flow, runs)
), walk(flow, due, step, round, found) AS (
    SELECT %(after)s::uuid, 'infinity'::timestamptz, 0, 0, 0
    UNION ALL
    SELECT n.flow, n.due, w.step + 1, n.round,
        w.found + (n.due <= %(now)s AND n.flow NOT IN (SELECT flow FROM hand))::int
    FROM walk w CROSS JOIN LATERAL (
        (SELECT flow, due, w.round FROM journal.wake WHERE flow > w.flow ORDER BY flow, due LIMIT 1)
        UNION ALL
        (SELECT flow, due, 1 FROM journal.wake WHERE w.round = 0 ORDER BY flow, due LIMIT 1)
        LIMIT 1) n
    WHERE w.step < %(steps)s AND w.found < %(most)s
        AND (n.round = 0 OR n.flow <= %(after)s::uuid)
), oldest AS (
    SELECT DISTINCT flow FROM (
        SELECT flow FROM journal.wake
        WHERE due <= %(now)s AND (owner IS NULL OR lease < now()) ORDER BY due LIMIT %(most)s) o
), found AS (
    SELECT flow, step FROM walk WHERE due <= %(now)s
    UNION ALL
    SELECT flow, %(steps)s + 1 FROM oldest
    WHERE NOT EXISTS (SELECT FROM walk w WHERE w.flow = oldest.flow AND w.due <= %(now)s)
), ready AS (
    SELECT r.run, f.flow, f.step, coalesce(h.runs, 0)
        + row_number() OVER (PARTITION BY f.flow ORDER BY r.due, r.run) AS level
    FROM found f LEFT JOIN hand h ON h.flow = f.flow
        CROSS JOIN LATERAL journal.oldest_due(f.flow, %(now)s, 2 * %(most)s) r
), picked AS (
    SELECT w.run, r.flow, r.step, r.level FROM ready r JOIN journal.wake w ON w.run = r.run
    WHERE w.due <= %(now)s AND (w.owner IS NULL OR w.lease < now())
    ORDER BY r.level, r.step, r.flow
    LIMIT greatest(%(room)s, least(%(most)s, (SELECT count(*) FROM ready WHERE level = 1)))
    FOR UPDATE OF w SKIP LOCKED
), taken AS (
    UPDATE journal.wake w
    SET owner = %(owner)s, lease = now() + make_interval(secs => %(lease)s)
    FROM picked p WHERE w.run = p.run RETURNING w.run
), passed_over AS (
    SELECT min(step) AS step FROM ready r
    WHERE level <= (SELECT max(level) FROM picked)
        AND NOT EXISTS (SELECT FROM picked p WHERE p.flow = r.flow)
), reached AS (
    SELECT flow FROM walk WHERE step < coalesce((SELECT step FROM passed_over), %(steps)s + 1)
    ORDER BY step DESC LIMIT 1
)
SELECT p.run, p.flow::text AS flow, r.flow::text AS reached
FROM reached r LEFT JOIN (picked p JOIN taken USING (run)) ON true
ORDER BY p.level, p.step, p.flow
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What room a process has, and what each flow occupies of it already."""

    room: int
    """Runs that may be claimed, of whatever flow."""
    spare: int = 0
    """So many more, each the first of a flow that has none in hand."""
    in_hand: Mapping[FlowId, int] = field(default_factory=dict)
    """Runs by flow; a flow that is not named has none."""


class Turns:
    """Whose turn it is, as one worker sees it."""

    def __init__(self, owner: str, lease_seconds: float) -> None:
        self._who = {"owner": owner, "lease": lease_seconds}
        self.after = _NOBODY
        """The flow that the last walk has reached."""
        self.crowded = False
        """Whether more runs may be due than were claimed."""

    async def claim(
        self, transaction: Transaction, places: Places, now: datetime
    ) -> dict[RunId, FlowId]:
        """Claim what is due, or each flow's share of it, in the order in which places are given.

        The first ``places.room`` of them are in the room, the others in the spare places. 1 or 2
        queries; their cost does not grow with the runs that are due, nor with those that wait.
        """
        if places.room > 0 and not self.crowded:
            taken = await self._claim_all(transaction, places, now)
            if not self.crowded:
                return taken
        return await self._claim_shares(transaction, places, now)

    async def _claim_all(
        self, transaction: Transaction, places: Places, now: datetime
    ) -> dict[RunId, FlowId]:
        values = self._who | {"now": now, "room": places.room}
        rows = await (await transaction.execute(_CLAIM_ALL, values)).fetchall()
        self.crowded = rows[0]["due"] > places.room
        return _claimed(rows)

    async def _claim_shares(
        self, transaction: Transaction, places: Places, now: datetime
    ) -> dict[RunId, FlowId]:
        room = max(places.room, 0)
        values = self._who | {
            "now": now,
            "room": room,
            "most": room + places.spare,
            "steps": STEPS,
            "after": self.after,
            "flows": list(places.in_hand),
            "runs": list(places.in_hand.values()),
        }
        rows = await (await transaction.execute(_CLAIM_SHARES, values)).fetchall()
        taken = _claimed(rows)
        self.after = FlowId(rows[0]["reached"])
        if room:
            self.crowded = len(taken) >= room
        return taken


def _claimed(rows: list[dict[str, Any]]) -> dict[RunId, FlowId]:
    return {RunId(row["run"]): FlowId(row["flow"]) for row in rows if row["run"] is not None}
