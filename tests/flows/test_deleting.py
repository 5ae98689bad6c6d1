"""Deleting flows: whose it is to do, and what goes with a flow."""

from __future__ import annotations

from flowner.access.vocabulary import FlowRole
from flowner.rows import registry


def test_all_of_a_flow_goes_with_it(living, house, run, refused) -> None:
    async def rows() -> dict[str, int]:
        async with house.database.connection() as t:
            return {
                table: len(await registry.select(t, table, {column: flow}))
                for table, column in (
                    ("workflow", "workflowid"),
                    ("flowversion", "workflowid"),
                    ("flowshare", "workflowid"),
                    ("connectionlend", "workflowid"),
                    ("rowshare", "rowid"),
                )
            }

    flow, _, _ = run(living.borrowed("ann", "ann"))
    ann, ben = run(living.person("ann")), run(living.person("ben"))
    run(house.sharing.share(flow, ben, FlowRole.CO_OWNER, ann))
    run(house.turning.on(flow, ann))
    assert set(run(rows()).values()) == {1}
    assert "turn" in refused(house.deleting.delete(flow, ann)).message
    run(house.turning.off(flow, ann))
    cleo = run(living.person("cleo"))
    assert refused(house.deleting.delete(flow, cleo)).message == f"there is no flow `{flow}`"
    run(house.deleting.delete(flow, ben))
    assert set(run(rows()).values()) == {0}
