"""How fast the audit is searched among a million action records, beside plain SQL in the same run.

The records are spread as an organisation's are: few people, flows and accounts do most, many do
little; one in a hundred fails, one in a thousand is refused. The floor is the plain statement for
the newest fifty, on the same connection: what no search can be faster than.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flowner.database import open_database
from flowner.journal.actions import WantedActions, search
from flowner.values import FlowId, PrincipalId

RECORDS, TIMES = 1_000_000, 30
_FILL = """
WITH drawn AS (
    SELECT n, floor(200 * power(random(), 3))::int AS p, floor(200 * power(random(), 3))::int AS i,
           floor(300 * power(random(), 3))::int AS f, random() AS chance
    FROM generate_series(1, %(records)s) n
)
INSERT INTO journal.action
SELECT n / 10, n %% 10, now() - make_interval(secs => (%(records)s - n) * 2.4), 'Send_mail',
       pg_temp.id(1, f), pg_temp.id(2, i), pg_temp.id(2, p), 'instant.invoker', chance < 0.0002,
       pg_temp.id(2, p), CASE WHEN chance < 0.05 THEN pg_temp.id(2, f %% 50) END,
       'person' || p || '@contoso.example', pg_temp.id(3, p), 'new_reference_' || f,
       pg_temp.id(2, p), CASE WHEN chance < 0.05 THEN 'action.impersonated' ELSE
           'action.connection' END, 'shared_' || f %% 8, 'Operation_' || f %% 40,
       CASE WHEN chance < 0.01 THEN 'Failed' ELSE 'Succeeded' END, 'OK', 1, chance < 0.001,
       chance > 0.0005
FROM drawn
"""
_ID = """
CREATE FUNCTION pg_temp.id(kind int, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('00000000-0000-4000-800' || kind || '-' || lpad(n::text, 12, '0'))::uuid $$
"""
_RUNS = """
INSERT INTO journal.run (id, flow, flow_version, flow_name, kind, status, plan, plan_hash, started)
SELECT n, '00000000-0000-4000-8001-000000000000', 1, 'Bench', 'instant', 'Succeeded', '{}', '',
       now()
FROM generate_series(0, %s / 10) n
"""
_FLOOR = "SELECT * FROM journal.action ORDER BY at DESC, run DESC, seq DESC LIMIT 50"


def _id(kind: int, n: int) -> str:
    return f"00000000-0000-4000-800{kind}-{n:012}"


def _searches(middle: datetime) -> dict[str, WantedActions]:
    often, seldom = PrincipalId(_id(2, 0)), PrincipalId(_id(2, 199))
    return {
        "everything": WantedActions(),
        "initiator, often": WantedActions(initiator=often),
        "initiator, seldom": WantedActions(initiator=seldom),
        "ran as": WantedActions(ran_as=seldom),
        "account": WantedActions(account="person150@contoso.example"),
        "account, unknown": WantedActions(account="nobody@contoso.example"),
        "connection": WantedActions(connection=_id(3, 20)),
        "reference": WantedActions(reference="new_reference_250"),
        "lender": WantedActions(lender=seldom),
        "rule": WantedActions(rule="action.impersonated"),
        "rule, unknown": WantedActions(rule="automated.row-owner"),
        "flow": WantedActions(flow=FlowId(_id(1, 299))),
        "operation": WantedActions(operation="Operation_39"),
        "connector, unknown": WantedActions(connector="shared_none"),
        "failed": WantedActions(status="Failed"),
        "refused": WantedActions(refused=True),
        "fallback": WantedActions(fallback=True),
        "not as planned": WantedActions(unplanned=True),
        "a day, long ago": WantedActions(since=middle, until=middle + timedelta(days=1)),
        "initiator and flow": WantedActions(initiator=often, flow=FlowId(_id(1, 0))),
        "three, seldom": WantedActions(
            initiator=seldom, account="person0@contoso.example", status="Failed"
        ),
        "two that never meet": WantedActions(connector="shared_0", operation="Operation_1"),
        "account, refused": WantedActions(account="person0@contoso.example", refused=True),
    }


async def main() -> None:
    """Fill, measure and print."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with tempfile.TemporaryDirectory(prefix="flowner-bench-") as folder:
        async with open_database(None, Path(folder)) as database, database.connection() as one:
            begun = time.perf_counter()
            await one.execute(_ID)
            await one.execute(_RUNS, (records,))
            await one.execute(_FILL, {"records": records})
            await one.execute("ANALYZE")
            print(f"{records:,} records in {time.perf_counter() - begun:.0f} s")
            size = await one.execute(
                "SELECT pg_relation_size('journal.action') / 1048576 AS heap,"
                " pg_indexes_size('journal.action') / 1048576 AS indexes"
            )
            print(await size.fetchone())
            middle = datetime.now(UTC) - timedelta(seconds=records * 1.2)
            print(f"{'search':20} {'found':>6} {'median':>10} {'worst':>10} {'floor':>9}")
            for name, wanted in _searches(middle).items():
                await _measure(one, name, wanted)


async def _measure(one, name: str, wanted: WantedActions) -> None:
    ours, floor, found = [], [], 0
    for _ in range(TIMES):
        begun = time.perf_counter()
        found = len(await search(one, wanted))
        ours.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        await (await one.execute(_FLOOR)).fetchall()
        floor.append((time.perf_counter() - begun) * 1000)
    print(
        f"{name:20} {found:6} {statistics.median(ours):7.1f} ms {max(ours):7.1f} ms"
        f" {statistics.median(floor):6.1f} ms"
    )


if __name__ == "__main__":
    asyncio.run(main())
