"""Runs in a list: under the reader's rights, filtered, a page at a time."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.access.vocabulary import FlowRole
from flowner.errors import Code
from flowner.flows.history import Asked
from flowner.identity.marks import MarkKind
from flowner.values import FlowId
from worlds import written
from worlds.living import RECURRENCE, Living


def ids(page: Any) -> list[int]:
    return [one.header.id for one in page.runs]


@pytest.fixture(scope="module")
def flow(run: Any, living: Living) -> FlowId:
    """Olga's flow, which Rik may run and Carl co-owns."""
    made: FlowId = run(living.flow("olga"))
    share, olga = living.house.sharing.share, run(living.person("olga"))
    run(share(made, run(living.person("rik")), FlowRole.RUN_ONLY, olga))
    run(share(made, run(living.person("carl")), FlowRole.CO_OWNER, olga))
    return made


@pytest.fixture(scope="module")
def pressed(run: Any, living: Living, flow: FlowId) -> dict[str, int]:
    return {who: run(living.pressed(flow, who)) for who in ("olga", "rik", "carl")}


def test_owners_see_every_run_and_others_their_own(run, living, flow, pressed) -> None:
    for who in ("olga", "carl"):
        found = run(living.house.history.page(run(living.person(who)), Asked(flow=flow)))
        assert ids(found) == sorted(pressed.values(), reverse=True)
    rik = run(living.house.history.page(run(living.person("rik")), Asked(flow=flow)))
    assert ids(rik) == [pressed["rik"]]
    assert [one.name for one in rik.ran_as] == ["rik"], "who else is among them is not told"
    eve = run(living.house.history.page(run(living.person("eve")), Asked(flow=flow)))
    assert not ids(eve)
    assert not eve.initiators


def test_a_list_and_a_single_run_are_seen_by_the_same_people(
    run, living, flow, pressed, refused
) -> None:
    history = living.house.history
    for who in ("olga", "carl", "rik", "eve"):
        reader = run(living.person(who))
        listed = ids(run(history.page(reader, Asked(flow=flow))))
        for one in pressed.values():
            if one in listed:
                assert run(history.seen(reader, one)).id == one
            else:
                assert refused(history.seen(reader, one)).code is Code.NOT_FOUND


def test_own_runs_are_seen_while_the_flow_may_be_run(run, living) -> None:
    house, flow = living.house, run(living.flow("olga"))
    olga, pia = run(living.person("olga")), run(living.person("pia"))
    run(house.sharing.share(flow, pia, FlowRole.RUN_ONLY, olga))
    mine = run(living.pressed(flow, "pia"))
    assert ids(run(house.history.page(pia, Asked(flow=flow)))) == [mine]
    run(house.sharing.unshare(flow, pia, olga))
    assert not ids(run(house.history.page(pia, Asked(flow=flow))))


def test_within_an_app_alone_what_was_run_there_is_seen(run, living) -> None:
    house, flow = living.house, run(living.flow("olga"))
    olga, ivo = run(living.person("olga")), run(living.person("ivo"))
    app = run(house.apps.make("Rounds", olga))
    run(house.apps.carry(app, flow, olga))
    run(house.apps.share(app, ivo, olga))
    there = run(living.pressed(flow, "ivo", app))
    assert ids(run(house.history.page(ivo, Asked(flow=flow)))) == [there]


def test_runs_are_filtered_by_who_and_how(run, living, flow, pressed) -> None:
    olga, rik = run(living.person("olga")), run(living.person("rik"))
    page = living.house.history.page
    assert ids(run(page(olga, Asked(flow=flow, ran_as=rik)))) == [pressed["rik"]]
    assert ids(run(page(olga, Asked(flow=flow, initiator=olga)))) == [pressed["olga"]]
    assert not ids(run(page(olga, Asked(flow=flow, status="Failed"))))
    assert len(ids(run(page(olga, Asked(flow=flow, status="Succeeded"))))) == 3


def test_pages_follow_one_another_without_a_gap(run, living, flow, pressed) -> None:
    olga, found, before = run(living.person("olga")), [], None
    for _ in range(3):
        page = run(living.house.history.page(olga, Asked(flow=flow, before=before, limit=1)))
        found += ids(page)
        before = page.older
    assert found == sorted(pressed.values(), reverse=True)
    assert before is None


def test_a_mark_says_whose_name_it_was_and_why(run, living, flow, pressed) -> None:
    olga = run(living.person("olga"))
    page = run(living.house.history.page(olga, Asked(flow=flow)))
    marks = {one.header.id: one for one in page.runs}
    riks = marks[pressed["rik"]].ran_as
    assert (riks.label, riks.kind, riks.reason) == ("rik", MarkKind.PERSON, MarkKind.INVOKER)
    clock = run(living.flow("olga", RECURRENCE))
    run(living.house.clock_strikes.bring_forward(clock))
    run(living.ended(clock))
    (struck,) = run(living.house.history.page(olga, Asked(flow=clock))).runs
    assert struck.initiator is None
    assert (struck.ran_as.label, struck.ran_as.kind) == ("olga", MarkKind.OWNER)


def test_accounts_are_what_runs_are_found_by(run, living) -> None:
    flow, name, _ = run(living.borrowed("olga", "olga"))
    olga = run(living.person("olga"))
    run(living.house.turning.on(flow, olga))
    used = run(living.pressed(flow, "olga"))
    account = f"olga@{written.PEOPLE}"
    page = run(living.house.history.page(olga, Asked(flow=flow, account=account)))
    assert ids(page) == [used]
    assert page.accounts == (account,)
    assert not ids(run(living.house.history.page(olga, Asked(flow=flow, account=name))))
