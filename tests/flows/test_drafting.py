"""Drafts: edited together, undone, published; and through which account an action then acts."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.definitions import steps
from flowner.definitions.flow import Flow
from flowner.definitions.steps import Place
from flowner.errors import AccessDenied, Code, Conflict, Invalid, NotFound, Refused
from flowner.values import FlowId
from worlds import written
from worlds.living import BUTTON, PROFILE, RECURRENCE, Living, embedded


def adding(name: str) -> Any:
    compose = {"type": "Compose", "inputs": name}
    return lambda flow: steps.with_action(flow, name, compose, Place())


@pytest.fixture
def flow(living: Living, run: Any) -> FlowId:
    return run(living.flow("dora"))


def test_edits_are_undone_and_done_again(living: Living, run: Any, flow: FlowId) -> None:
    dora, drafting = run(living.person("dora")), living.house.drafting
    assert not run(drafting.open(flow, dora)).is_changed
    first = run(drafting.edit(flow, dora, "Add A", adding("A")))
    second = run(drafting.edit(flow, dora, "Add B", adding("B"), seen=first.step))
    assert (set(second.flow.actions), second.label) == ({"A", "B", "Note"}, "Add B")
    assert (second.can_undo, second.can_redo, second.by) == (True, False, dora)
    undone = run(drafting.undo(flow, dora))
    assert (set(undone.flow.actions), undone.can_redo) == ({"A", "Note"}, True)
    assert set(run(drafting.redo(flow, dora)).flow.actions) == {"A", "B", "Note"}
    for _ in range(3):
        undone = run(drafting.undo(flow, dora))
    assert (set(undone.flow.actions), undone.can_undo) == ({"Note"}, False)
    other = run(drafting.edit(flow, dora, "Add C", adding("C")))
    assert (set(other.flow.actions), other.can_redo) == ({"C", "Note"}, False)
    run(drafting.edit(flow, dora, "Nothing", lambda one: one))
    assert run(drafting.open(flow, dora)).label == "Add C", "what changes nothing is no step"
    assert run(drafting.discard(flow, dora))
    assert set(run(drafting.open(flow, dora)).flow.actions) == {"Note"}


def test_a_draft_runs_nowhere_before_it_is_published(
    living: Living, run: Any, flow: FlowId
) -> None:
    dora, drafting = run(living.person("dora")), living.house.drafting
    run(drafting.edit(flow, dora, "Add A", adding("A")))
    assert set(run(living.actions(run(living.pressed(flow, "dora"))))) == {"Note"}
    assert run(drafting.publish(flow, dora)) == 2
    assert set(run(living.actions(run(living.pressed(flow, "dora"))))) == {"A", "Note"}
    assert not run(drafting.open(flow, dora)).is_changed


def test_who_edits_together_is_told_of_the_other(living: Living, run: Any, flow: FlowId) -> None:
    dora, carl = run(living.person("dora")), run(living.person("carl"))
    run(living.house.sharing.share(flow, carl, FlowRole.CO_OWNER, dora))
    drafting = living.house.drafting
    seen = run(drafting.open(flow, carl)).step
    run(drafting.edit(flow, dora, "Add A", adding("A"), seen=seen))
    with pytest.raises(Conflict, match="Add A"):
        run(drafting.edit(flow, carl, "Add B", adding("B"), seen=seen))
    with pytest.raises(Conflict):
        run(drafting.publish(flow, carl, seen=seen))
    assert set(run(drafting.open(flow, carl)).flow.actions) == {"A", "Note"}


def test_nobody_edits_what_they_may_not(living: Living, run: Any, flow: FlowId) -> None:
    dora, eve = run(living.person("dora")), run(living.person("eve"))
    drafting = living.house.drafting
    for work in (lambda: drafting.open(flow, eve), lambda: drafting.publish(flow, eve),
                 lambda: drafting.edit(flow, eve, "x", adding("A")),
                 lambda: living.house.publishing.versions(flow, eve),
                 lambda: living.house.publishing.version(flow, 1, eve)):  # fmt: skip
        with pytest.raises(NotFound):
            run(work())
    run(living.house.sharing.share(flow, eve, FlowRole.RUN_ONLY, dora))
    with pytest.raises(AccessDenied):
        run(drafting.edit(flow, eve, "x", adding("A")))


def test_an_edit_that_fails_leaves_no_step(living: Living, run: Any, flow: FlowId) -> None:
    dora, drafting = run(living.person("dora")), living.house.drafting
    run(drafting.edit(flow, dora, "Add A", adding("A")))
    with pytest.raises(Invalid):
        run(drafting.edit(flow, dora, "Add A again", adding("A")))
    assert run(drafting.open(flow, dora)).label == "Add A"


def test_a_schedule_that_would_ask_somebody_is_not_published(living: Living, run: Any) -> None:
    flow = run(living.flow("dora", RECURRENCE))
    dora, drafting = run(living.person("dora")), living.house.drafting
    provided = {"people": written.reference(written.PEOPLE, "r", source="invoker")}
    asking = _flow(PROFILE, provided)
    run(drafting.edit(flow, dora, "Ask", lambda _: asking))
    with pytest.raises(Invalid):
        run(drafting.publish(flow, dora))
    assert run(drafting.open(flow, dora)).is_changed, "the draft is kept"
    assert len(run(living.house.publishing.versions(flow, dora))) == 1


def _flow(actions: dict[str, Any], references: dict[str, Any]) -> Flow:
    return written.package(RECURRENCE, actions, references).flows[0]


def test_an_error_keeps_a_flow_that_is_on_as_it_is(living: Living, run: Any, flow: FlowId) -> None:
    dora, drafting = run(living.person("dora")), living.house.drafting
    wrong = {"type": "Compose", "inputs": "@outputs('Nobody')"}
    run(drafting.edit(flow, dora, "Wrong", lambda f: steps.with_action(f, "W", wrong, Place())))
    with pytest.raises(Refused, match="Nobody"):
        run(drafting.publish(flow, dora))
    assert set(run(living.actions(run(living.pressed(flow, "dora"))))) == {"Note"}
    run(living.house.turning.off(flow, dora))
    assert run(drafting.publish(flow, dora)) == 2, "what is off may be kept with what is wrong"
    with pytest.raises(Refused, match="Nobody"):
        run(living.house.turning.on(flow, dora))


def test_versions_are_listed_and_restored(living: Living, run: Any, flow: FlowId) -> None:
    dora, house = run(living.person("dora")), living.house
    run(house.drafting.edit(flow, dora, "Add A", adding("A")))
    run(house.drafting.publish(flow, dora))
    versions = run(house.publishing.versions(flow, dora))
    assert [(one.number, one.by, one.by_name) for one in versions] == [
        (2, dora, "dora"), (1, dora, "dora")]  # fmt: skip
    assert set(run(house.publishing.version(flow, 1, dora)).actions) == {"Note"}
    restored = run(house.drafting.restore(flow, 1, dora))
    assert (set(restored.flow.actions), restored.label) == ({"Note"}, "Restore version 1")
    assert run(house.drafting.publish(flow, dora)) == 3
    with pytest.raises(NotFound):
        run(house.drafting.restore(flow, 99, dora))


def test_a_flow_is_made_and_named(living: Living, run: Any) -> None:
    dora, house = run(living.person("dora")), living.house
    made = run(house.publishing.create(written.package(BUTTON, {}, {}).flows[0], dora))
    run(house.publishing.rename(made, "Ask for leave", dora))
    facts = run(run(house.facts.now()).flow(made))
    assert (facts.name, facts.on, facts.owner) == ("Ask for leave", False, dora)
    run(house.turning.on(made, dora))


def test_one_action_acts_through_another_account(living: Living, run: Any) -> None:
    house = living.house
    mine, lent = run(living.connection("dora")), run(living.connection("lena"))
    dora, lena = run(living.person("dora")), run(living.person("lena"))
    twice = PROFILE | {"Me_too": written.call("people", written.PEOPLE, "MyProfile_V2", {}, "Me")}
    flow = run(living.flow("dora", BUTTON, twice, embedded("ref_two"), bind={"ref_two": mine}))
    assert [one.id for one in run(house.wiring.choices(written.PEOPLE, dora))][:1] == [mine]
    with pytest.raises(AccessDenied) as refused:
        run(house.wiring.change(flow, "Me_too", lent, dora, everywhere=False))
    assert refused.value.code is Code.CONNECTION_AUTHORIZATION_FAILED
    run(house.connections.share(lent, dora, ConnectionRole.CAN_USE, lena))
    draft = run(house.wiring.change(flow, "Me_too", lent, dora, everywhere=False))
    assert "lena@" in draft.label
    assert run(house.drafting.publish(flow, dora, seen=draft.step)) == 2
    ended = run(living.actions(run(living.pressed(flow, "dora"))))
    assert (ended["Me"].acting["principal"], ended["Me_too"].acting["principal"]) == (dora, lena)
    draft = run(house.wiring.change(flow, "Me", lent, dora, everywhere=True))
    references = {one.reference for one in draft.flow.bindings.values()}
    assert len(references) == 1, "the reference that points there already is taken"


def test_what_is_lent_to_a_flow_is_lent_to_its_next_version(living: Living, run: Any) -> None:
    house = living.house
    dora, carl = run(living.person("dora")), run(living.person("carl"))
    flow, _, _ = run(living.borrowed("dora", "dora"))
    run(house.turning.on(flow, dora))
    run(house.sharing.share(flow, carl, FlowRole.CO_OWNER, dora))
    run(house.drafting.edit(flow, carl, "Add A", adding("A")))
    published = run(house.drafting.publish(flow, carl))
    ended = run(living.actions(run(living.pressed(flow, "carl"))))
    assert (published, ended["Me"].acting["principal"]) == (2, dora), "dora lent it to the flow"


def test_another_connector_is_refused(living: Living, run: Any) -> None:
    house = living.house
    dora = run(living.person("dora"))
    flow, _, _ = run(living.borrowed("dora", "dora"))
    rows = run(living.connection("dora", written.ROWS))
    with pytest.raises(Refused) as refused:
        run(house.wiring.change(flow, "Me", rows, dora, everywhere=False))
    assert refused.value.code is Code.INVALID_CONNECTION
