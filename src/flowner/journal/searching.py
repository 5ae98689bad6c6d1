"""Searching runs: what is asked for, and what whoever asks may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flowner.values import AppId, FlowId, PrincipalId, RunId

FACETS_FROM: Final = 2_000
"""How many of the newest runs tell what there is to choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Which runs somebody may see: the law's answer for all flows at once."""

    reader: PrincipalId
    every: frozenset[FlowId]
    """Flows of which every run is seen."""
    own: frozenset[tuple[FlowId, AppId | None]]
    """Flows of which they see what they set off themselves; the app it has to come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs are asked for; None, or nothing, asks for all."""

    flow: FlowId | None = None
    status: str | None = None
    ran_as: PrincipalId | None = None
    initiator: PrincipalId | None = None
    account: str | None = None
    since: datetime | None = None
    before: RunId | None = None
    """Older than this one: how pages follow one another."""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """What occurs in the runs that somebody may see."""

    ran_as: frozenset[PrincipalId]
    initiators: frozenset[PrincipalId]
    accounts: frozenset[str]


SEEN: Final = """
(%(sees_all)s OR r.flow = ANY(%(every)s::uuid[]) OR (r.initiator = %(reader)s::uuid AND EXISTS (
    SELECT 1 FROM unnest(%(own)s::uuid[], %(apps)s::uuid[]) AS o(flow, app)
    WHERE o.flow = r.flow AND (o.app IS NULL OR o.app = r.app))))
"""
MATCHING: Final = """
    (%(flow)s::uuid IS NULL OR r.flow = %(flow)s::uuid)
AND (%(status)s::text IS NULL OR r.status = %(status)s)
AND (%(ran_as)s::uuid IS NULL OR r.principal = %(ran_as)s::uuid)
AND (%(initiator)s::uuid IS NULL OR r.initiator = %(initiator)s::uuid)
AND (%(account)s::text IS NULL OR %(account)s = ANY(r.accounts))
AND (%(since)s::timestamptz IS NULL OR r.started >= %(since)s)
AND (%(before)s::bigint IS NULL OR r.id < %(before)s)
"""
FACETS: Final = f"""
WITH newest AS (
    SELECT r.principal, r.initiator, r.accounts FROM journal.run r
    WHERE (%(flow)s::uuid IS NULL OR r.flow = %(flow)s::uuid)
      AND (%(since)s::timestamptz IS NULL OR r.started >= %(since)s) AND {SEEN}
    ORDER BY r.id DESC LIMIT {FACETS_FROM}
)
SELECT (SELECT coalesce(array_agg(DISTINCT principal::text), '{{}}') FROM newest
        WHERE principal IS NOT NULL) AS ran_as,
       (SELECT coalesce(array_agg(DISTINCT initiator::text), '{{}}') FROM newest
        WHERE initiator IS NOT NULL) AS initiators,
       (SELECT coalesce(array_agg(DISTINCT a), '{{}}') FROM newest, unnest(accounts) a) AS accounts
"""  # noqa: S608 - constants of ours


def values_of(wanted: Wanted, sight: Sight | None) -> dict[str, Any]:
    """Return what the statements are asked with. ``sight`` None sees everything."""
    own = sorted(sight.own, key=str) if sight is not None else []
    return {
        "flow": wanted.flow,
        "status": wanted.status,
        "ran_as": wanted.ran_as,
        "initiator": wanted.initiator,
        "account": wanted.account,
        "since": wanted.since,
        "before": wanted.before,
        "limit": wanted.limit,
        "sees_all": sight is None,
        "reader": None if sight is None else sight.reader,
        "every": [] if sight is None else sorted(sight.every),
        "own": [flow for flow, _ in own],
        "apps": [app for _, app in own],
    }


def facets_of(row: dict[str, Any]) -> Facets:
    """Read what `FACETS` answers."""
    return Facets(
        ran_as=frozenset(PrincipalId(one) for one in row["ran_as"]),
        initiators=frozenset(PrincipalId(one) for one in row["initiators"]),
        accounts=frozenset(row["accounts"]),
    )
