"""Run only users: with whom a flow is shared, and through whose connections they act."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.access.vocabulary import FlowRole
from flowner.definitions import steps
from flowner.definitions.steps import Place
from flowner.errors import AccessDenied, Code, NotFound, Refused
from flowner.flows.audience import providing
from flowner.rows.seed import DELEGATE
from flowner.values import FlowId
from worlds import written
from worlds.living import BUTTON, PROFILE, RECURRENCE, Living, provided


@pytest.fixture
def flow(living: Living, run: Any) -> FlowId:
    made, _, _ = run(living.borrowed("olga", "olga"))
    run(living.house.turning.on(made, run(living.person("olga"))))
    return made


def test_people_are_counted_once_however_they_come_in(
    living: Living, run: Any, flow: FlowId
) -> None:
    house, olga = living.house, run(living.person("olga"))
    ann, bea, cid = (run(living.person(name)) for name in ("ann", "bea", "cid"))
    inner, outer = (run(house.directory.add_group(name)) for name in ("Inner", "Outer"))
    for group, member in ((inner, bea), (inner, cid), (outer, ann), (outer, inner)):
        run(house.directory.add_member(group, member, nested=member == inner))
    for holder in (outer, bea):
        run(house.sharing.share(flow, holder, FlowRole.RUN_ONLY, olga))
    run(house.sharing.share(flow, cid, FlowRole.CO_OWNER, olga))
    shared = run(house.audience.of(flow, olga))
    assert [(one.name, one.role, one.people) for one in shared.holders] == [
        ("cid", FlowRole.CO_OWNER, 1), ("bea", FlowRole.RUN_ONLY, 1),
        ("Outer", FlowRole.RUN_ONLY, 3)]  # fmt: skip
    assert (shared.people, shared.owner.name, shared.is_instant) == (3, "olga", True)
    for stranger in (ann, run(living.person("eve"))):
        with pytest.raises((NotFound, AccessDenied)):
            run(house.audience.of(flow, stranger))


def test_a_seat_says_whose_it_is(living: Living, run: Any, flow: FlowId) -> None:
    olga = run(living.person("olga"))
    (seat,) = run(living.house.audience.of(flow, olga)).seats
    assert (seat.provided, seat.account, seat.owner_name, seat.cards, seat.problem) == (
        False, f"olga@{written.PEOPLE}", "olga", ("Me",), None)  # fmt: skip
    assert run(living.house.audience.provide(flow, seat.key, True, olga)) == 2
    (seat,) = run(living.house.audience.of(flow, olga)).seats
    assert (seat.provided, seat.account) == (True, None)


def test_a_choice_counts_from_the_next_run(living: Living, run: Any, flow: FlowId) -> None:
    house, olga, ann = living.house, run(living.person("olga")), run(living.person("ann"))
    run(house.sharing.share(flow, ann, FlowRole.RUN_ONLY, olga))
    acted = run(living.actions(run(living.pressed(flow, "ann"))))["Me"].acting
    assert acted["principal"] == olga
    run(house.audience.provide(flow, "people", True, olga))
    with pytest.raises(Refused) as refused:
        run(living.press(flow, "ann"))
    assert refused.value.code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    run(house.consent.choose(ann, flow, "people", run(living.connection("ann"))))
    acted = run(living.actions(run(living.pressed(flow, "ann"))))["Me"].acting
    assert acted["principal"] == ann
    run(house.audience.provide(flow, "people", False, olga))
    acted = run(living.actions(run(living.pressed(flow, "ann"))))["Me"].acting
    assert acted["principal"] == olga


def test_a_draft_gets_the_same_choice(living: Living, run: Any, flow: FlowId) -> None:
    house, olga = living.house, run(living.person("olga"))
    compose = {"type": "Compose", "inputs": 1}
    run(house.drafting.edit(flow, olga, "Add A",
                            lambda one: steps.with_action(one, "A", compose, Place())))  # fmt: skip
    run(house.audience.provide(flow, "people", True, olga))
    draft = run(house.drafting.open(flow, olga))
    assert (draft.based_on, draft.version) == (2, 2)
    run(house.drafting.publish(flow, olga))
    (seat,) = run(house.audience.of(flow, olga)).seats
    assert seat.provided, "publishing the draft takes nothing back"


def test_only_who_shares_it_chooses(living: Living, run: Any, flow: FlowId) -> None:
    house, olga, ann = living.house, run(living.person("olga")), run(living.person("ann"))
    run(house.sharing.share(flow, ann, FlowRole.RUN_ONLY, olga))
    with pytest.raises(AccessDenied):
        run(house.audience.provide(flow, "people", True, ann))
    scheduled = run(living.flow("olga", RECURRENCE))
    with pytest.raises(Refused) as refused:
        run(house.audience.provide(scheduled, "people", True, olga))
    assert refused.value.code is Code.RUN_ONLY_NOT_OFFERED


def test_row_actions_follow_by_impersonation(living: Living, run: Any) -> None:
    """As real exports say it: a row connection is never `invoker`."""
    actions = {
        "List": written.call("rows", written.ROWS, "ListRecords", {"entityName": "accounts"})
    }
    rows = {"rows": written.reference(written.ROWS, "ref_audience_rows")}
    package = written.package(BUTTON, actions, rows)
    there = providing(package.flows[0], "rows", True)
    assert there.bindings["rows"].impersonates
    assert there.bindings["rows"].source == "embedded"
    assert providing(there, "rows", False) == package.flows[0]
    olga = run(living.person("olga", DELEGATE))
    flow = run(living.bring("olga", BUTTON, actions, rows)).flows[0].id
    run(living.house.audience.provide(flow, "rows", True, olga))
    (seat,) = run(living.house.audience.of(flow, olga)).seats
    assert (seat.provided, seat.problem is not None) == (True, True), "and points at nothing yet"


def test_who_runs_it_is_told_what_acts_as_whom(living: Living, run: Any) -> None:
    house, olga, ann = living.house, run(living.person("olga")), run(living.person("ann"))
    two = PROFILE | {"Too": written.call("fixed", written.PEOPLE, "MyProfile_V2", {}, "Me")}
    fixed = run(living.connection("olga"))
    references = provided() | {"fixed": written.reference(written.PEOPLE, "ref_told")}
    flow = run(living.flow("olga", BUTTON, two, references, bind={"ref_told": fixed}))
    with pytest.raises(NotFound):
        run(house.consent.asked(ann, flow))
    run(house.sharing.share(flow, ann, FlowRole.RUN_ONLY, olga))
    own = run(living.connection("ann"))
    mine, told = run(house.consent.asked(ann, flow))
    assert (mine.key, mine.provided, mine.is_settled) == ("people", True, False)
    assert own in [one.id for one in mine.choices]
    assert (told.key, told.provided, told.account, told.owner_name) == (
        "fixed", False, f"olga@{written.PEOPLE}", "olga")  # fmt: skip
    run(house.consent.choose(ann, flow, "people", own))
    mine, _ = run(house.consent.asked(ann, flow))
    assert (mine.is_settled, mine.connection) == (True, own)
    (given,) = [one for one in run(house.consent.given(ann)) if one["flow"] == flow]
    assert (given["key"], given["account"]) == ("people", f"ann@{written.PEOPLE}")
    lent = {one["flow"]: one for one in run(house.connections.lent(olga))}
    assert (lent[flow]["connection"], lent[flow]["lent_by_name"]) == (fixed, "olga")
    run(house.connections.take_back(fixed, flow, olga))
    assert flow not in {one["flow"] for one in run(house.connections.lent(olga))}


def test_an_app_asks_once_for_all_its_flows(living: Living, run: Any) -> None:
    house, olga, ann = living.house, run(living.person("olga")), run(living.person("ann"))
    app = run(house.apps.make("Desk", olga))
    for _ in range(2):
        flow = run(living.flow("olga", BUTTON, PROFILE, provided()))
        run(house.apps.carry(app, flow, olga))
    with pytest.raises(NotFound):
        run(house.consent.asked(ann, app, for_app=True))
    run(house.apps.share(app, ann, olga))
    (asked,) = run(house.consent.asked(ann, app, for_app=True))
    assert (asked.key, len(asked.flows)) == ("people", 2)
