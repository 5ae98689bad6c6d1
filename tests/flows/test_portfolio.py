"""The flows that somebody may know of: which, as what, and whose accounts each uses."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.access.vocabulary import FlowAction, FlowRole
from flowner.errors import NotFound
from flowner.flows.portfolio import Listed, Part
from flowner.identity.marks import MarkKind
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from worlds import written
from worlds.living import BUTTON, PROFILE, RECURRENCE, Living, embedded, provided


def listed(living: Living, run: Any, who: str) -> dict[str, Listed]:
    found = run(living.house.portfolio.of(run(living.person(who))))
    assert [one.facts.name for one in found] == sorted(
        (one.facts.name for one in found), key=str.casefold)  # fmt: skip
    return {one.facts.id: one for one in found}


def test_everybody_sees_what_they_may_do_something_with(living: Living, run: Any) -> None:
    house, olga = living.house, run(living.person("olga"))
    flow = run(living.flow("olga"))
    for name, role in (("cora", FlowRole.CO_OWNER), ("rik", FlowRole.RUN_ONLY)):
        run(house.sharing.share(flow, run(living.person(name)), role, olga))
    run(living.person("root", SYSTEM_ADMINISTRATOR))
    for who, part in (("olga", Part.OWNER), ("cora", Part.CO_OWNER), ("rik", Part.RUN_ONLY),
                      ("root", Part.ADMINISTRATOR)):  # fmt: skip
        assert listed(living, run, who)[flow].part is part
        assert run(house.portfolio.open(flow, run(living.person(who)))).listed.part is part
    assert listed(living, run, "rik")[flow].may == {FlowAction.RUN}
    assert flow not in listed(living, run, "eve")
    with pytest.raises(NotFound):
        run(house.portfolio.open(flow, run(living.person("eve"))))


def test_a_flow_shows_in_whose_name_it_runs_and_whose_accounts_it_uses(
    living: Living, run: Any
) -> None:
    house = living.house
    lent = run(living.connection("lena"))
    lena, olga = run(living.person("lena")), run(living.person("olga"))
    given = {"ref_portfolio": lent}
    clock = run(living.flow("lena", RECURRENCE, PROFILE, embedded("ref_portfolio"), bind=given))
    run(house.sharing.hand_over(clock, olga, lena))
    each = run(living.flow("olga", BUTTON, PROFILE, provided()))
    of_olga = listed(living, run, "olga")
    assert [(mark.kind, mark.label) for mark in of_olga[clock].marks] == [
        (MarkKind.OWNER, "olga"), (MarkKind.PERSON, "lena")]  # fmt: skip
    assert (of_olga[clock].uses_mine, of_olga[clock].as_others) == (False, True)
    assert listed(living, run, "lena")[clock].uses_mine
    (mark,) = of_olga[each].marks
    assert (mark.kind, mark.is_open) == (MarkKind.INVOKER, True)
    run(house.directory.set_enabled(lena, enabled=False))
    assert any(mark.problem for mark in listed(living, run, "olga")[clock].marks)


def test_the_newest_run_is_that_of_whom_one_may_see(living: Living, run: Any) -> None:
    house, olga, rik = living.house, run(living.person("olga")), run(living.person("rik"))
    flow = run(living.flow("olga"))
    run(house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
    assert listed(living, run, "olga")[flow].last is None
    own = run(living.pressed(flow, "rik"))
    newest = run(living.pressed(flow, "olga"))
    assert listed(living, run, "olga")[flow].last.id == str(newest)
    assert listed(living, run, "rik")[flow].last.id == str(own)


@pytest.mark.parametrize("run_as", [1, 2])
def test_run_as_is_shown_before_it_is_known(living: Living, run: Any, run_as: int) -> None:
    trigger = written.row_trigger("account", run_as=run_as)
    rows = {"rows": written.reference(written.ROWS, "ref_rows_portfolio")}
    flow = run(living.bring("olga", trigger, {}, rows)).flows[0].id
    mark = listed(living, run, "olga")[flow].marks[0]
    kinds = {1: MarkKind.MODIFIER, 2: MarkKind.ROW_OWNER}
    assert (mark.kind, mark.is_open) == (kinds[run_as], True)
