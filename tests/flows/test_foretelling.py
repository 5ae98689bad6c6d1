"""In whose name it would be: for those who may read the flow, about everybody who may run it."""

from __future__ import annotations

from typing import Any

from flowner.access.vocabulary import FlowRole
from flowner.errors import Code
from flowner.flows.explain import Supposed
from flowner.flows.portfolio import Part
from worlds.living import BUTTON, PROFILE, RECURRENCE, provided


def test_the_matrix_has_everybody_who_may_run_it_once(run, living) -> None:
    house, flow = living.house, run(living.flow("olga", BUTTON, PROFILE, provided()))
    olga, carl, rik, ann, ivo = (
        run(living.person(name)) for name in ("olga", "carl", "rik", "ann", "ivo")
    )
    group = run(house.directory.add_group("walkers"))
    for one in (carl, rik):
        run(house.directory.add_member(group, one))
    run(house.sharing.share(flow, group, FlowRole.RUN_ONLY, olga))
    run(house.sharing.share(flow, carl, FlowRole.CO_OWNER, olga))
    app = run(house.apps.make("Walks", olga))
    run(house.apps.carry(app, flow, olga))
    run(house.apps.share(app, ivo, olga))
    run(house.consent.choose(rik, flow, "people", run(living.connection("rik"))))
    matrix = run(house.foretelling.matrix(flow, olga, [ann]))
    assert [(row.person.label, row.part) for row in matrix.rows] == [
        ("ann", None),
        ("olga", Part.OWNER),
        ("carl", Part.CO_OWNER),
        ("ivo", Part.RUN_ONLY),
        ("rik", Part.RUN_ONLY),
    ]
    assert matrix.actions == ("Me",)
    told = {row.person.label: row.told for row in matrix.rows}
    assert told["ann"].refusal.code is Code.ACCESS_DENIED
    assert told["ivo"].refusal is None, "from within the app that lets him"
    assert told["rik"].actions["Me"].label == "rik"
    assert "sign" in told["olga"].actions["Me"].problem
    for row in matrix.rows:
        supposed = Supposed(as_person=row.id, app=app if row.person.label == "ivo" else None)
        assert row.told.explained.answer == run(house.explain.who(flow, supposed)).answer


def test_the_matrix_is_turned_page_by_page_and_searched(run, living, monkeypatch) -> None:
    monkeypatch.setattr("flowner.flows.foretelling.MOST_PEOPLE", 2)
    house, flow = living.house, run(living.flow("olga"))
    olga = run(living.person("olga"))
    for name in ("walt", "wanda", "wim", "zoe"):
        run(house.sharing.share(flow, run(living.person(name)), FlowRole.RUN_ONLY, olga))

    def page(**more: Any) -> tuple[list[str], int, int, int]:
        found = run(house.foretelling.matrix(flow, olga, **more))
        return [row.person.label for row in found.rows], found.page, found.pages, found.people

    assert page() == (["olga", "walt"], 1, 3, 5)
    assert page(page=2) == (["wanda", "wim"], 2, 3, 5)
    assert page(page=99) == (["zoe"], 3, 3, 5)
    assert page(text="W") == (["walt", "wanda"], 1, 2, 3)
    assert page(text="wim@living") == (["wim"], 1, 1, 1)
    assert page(text="nobody") == ([], 1, 1, 0)


def test_who_may_not_read_a_flow_is_told_nothing(run, living, refused) -> None:
    house, flow = living.house, run(living.flow("olga"))
    olga, pia = run(living.person("olga")), run(living.person("pia"))
    run(house.sharing.share(flow, pia, FlowRole.RUN_ONLY, olga))
    for ask in (house.foretelling.matrix, lambda f, r: house.foretelling.about(f, r, Supposed())):
        assert refused(ask(flow, pia)).code is Code.ACCESS_DENIED
        assert refused(ask(flow, run(living.person("eve")))).code is Code.NOT_FOUND


def test_a_schedule_is_told_without_naming_anybody(run, living) -> None:
    flow, olga = run(living.flow("olga", RECURRENCE)), run(living.person("olga"))
    told = run(living.house.foretelling.about(flow, olga, Supposed()))
    assert told.runs_as.label == "olga"
    assert told.actions == {"Note": None}
