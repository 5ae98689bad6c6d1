"""What would differ: a resubmitted run's identities, before it is resubmitted."""

from __future__ import annotations

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.errors import Code
from worlds import written


def test_nothing_differs_while_nothing_has_changed(run, living) -> None:
    flow = run(living.flow("olga"))
    first, olga = run(living.pressed(flow, "olga")), run(living.person("olga"))
    preview = run(living.house.resubmitting.preview(first, olga))
    assert preview.refused is None
    assert preview.differing == ()
    assert [one.id for one in run(living.house.journal.runs(flow=flow))] == [first]


def test_another_account_is_told_before(run, living) -> None:
    flow, name, old = run(living.borrowed("olga", "olga"))
    house, olga = living.house, run(living.person("olga"))
    run(house.turning.on(flow, olga))
    first = run(living.pressed(flow, "olga"))
    leas, lea = run(living.connection("lea")), run(living.person("lea"))
    run(house.connections.share(leas, olga, ConnectionRole.CAN_USE, lea))
    run(house.connections.point(name, leas, olga))
    run(house.turning.on(flow, olga))
    (one,) = run(house.resubmitting.preview(first, olga)).differing
    assert one.action == "Me"
    assert (one.before["connection"], one.now["connection"]) == (old, leas)
    assert one.now["account"] == f"lea@{written.PEOPLE}"


def test_what_is_still_refused_is_told_before(run, living) -> None:
    flow, _, connection = run(living.borrowed("olga", "lea"))
    lea = run(living.person("lea"))
    house, olga = living.house, run(living.person("olga"))
    run(house.connections.share(connection, olga, ConnectionRole.CAN_USE, lea))
    run(house.turning.on(flow, olga))
    first = run(living.pressed(flow, "olga"))
    assert run(house.resubmitting.preview(first, olga)).refusals == ()
    run(house.connections.unshare(connection, olga, lea))
    run(house.connections.take_back(connection, flow, lea))
    ((name, why),) = run(house.resubmitting.preview(first, olga)).refusals
    assert name == "Me"
    assert "lea" in why


def test_a_refusal_is_told_before_and_recorded_nowhere(run, living) -> None:
    flow = run(living.flow("olga"))
    olga, rik = run(living.person("olga")), run(living.person("rik"))
    run(living.house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
    first = run(living.pressed(flow, "rik"))
    preview = run(living.house.resubmitting.preview(first, olga))
    assert preview.refused.code is Code.RESUBMIT_REFUSED
    assert len(run(living.house.journal.runs(flow=flow))) == 1


def test_who_may_not_see_a_run_learns_nothing_of_it(run, living, refused) -> None:
    flow = run(living.flow("olga"))
    first = run(living.pressed(flow, "olga"))
    error = refused(living.house.resubmitting.preview(first, run(living.person("eve"))))
    assert error.code is Code.NOT_FOUND
