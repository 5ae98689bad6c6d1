"""One action gets another connection: it alone, or with all that share its own."""

from __future__ import annotations

import pytest

from definitions.written import BUTTON, MAIL, after, call, references, solution
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.edit import with_impersonation
from flowner.definitions.flow import Flow, Source
from flowner.definitions.rewiring import binding_of, rewired, sharers, with_binding_added
from flowner.errors import Invalid


@pytest.fixture
def flow() -> Flow:
    actions = {
        "One": {**call(MAIL, "SendEmailV2", {}), "runAfter": {}},
        "Two": {**call(MAIL, "SendEmailV2", {}), "runAfter": after("One")},
        "Plain": {"type": "Compose", "inputs": 1, "runAfter": after("Two")},
    }
    declared = {MAIL: references()[MAIL] | {"impersonation": {"source": "invoker"}}}
    found = solution(connectionReferences=declared, actions=actions, triggers={"manual": BUTTON})
    return read_flow(found, name="x")


def taken(flow: Flow) -> dict[str, tuple[str | None, Source]]:
    return {
        action.name: (flow.bindings[action.call.binding].reference,
                      flow.bindings[action.call.binding].source)
        for action in flow.walk() if action.call is not None
    }  # fmt: skip


PROVIDED = (None, Source.INVOKER)


def test_one_of_two_gets_a_key_of_its_own(flow: Flow) -> None:
    changed = rewired(flow, "two", "new_mail", everywhere=False)
    assert taken(changed) == {"One": PROVIDED, "Two": ("new_mail", Source.EMBEDDED)}
    assert sharers(changed, MAIL) == ("One",)
    assert binding_of(changed, "Two").impersonates, "whom row actions follow is another choice"


def test_all_that_share_it_go_together(flow: Flow) -> None:
    changed = rewired(flow, "Two", "new_mail", everywhere=True)
    assert taken(changed) == dict.fromkeys(("One", "Two"), ("new_mail", Source.EMBEDDED))
    assert list(changed.bindings) == [MAIL]


def test_a_key_that_says_the_same_is_taken_and_one_that_nobody_takes_is_dropped(flow: Flow) -> None:
    first = rewired(flow, "One", "new_mail", everywhere=False)
    both = rewired(first, "Two", "new_mail", everywhere=False)
    assert len(both.bindings) == 2, "the last that has a key keeps it, pointed anew"
    assert taken(both) == dict.fromkeys(("One", "Two"), ("new_mail", Source.EMBEDDED))
    again = rewired(rewired(flow, "One", "a", everywhere=False), "Two", "b", everywhere=False)
    assert taken(again) == {"One": ("a", Source.EMBEDDED), "Two": ("b", Source.EMBEDDED)}


def test_what_follows_nobody_does_not_begin_to(flow: Flow) -> None:
    quiet = with_impersonation(flow, MAIL, False)
    assert not binding_of(rewired(quiet, "One", "r", everywhere=False), "One").impersonates


def test_what_uses_no_connection_is_refused(flow: Flow) -> None:
    for name in ("Plain", "manual", "Nobody"):
        with pytest.raises(Invalid):
            rewired(flow, name, "r", everywhere=True)


def test_a_binding_is_added_once(flow: Flow) -> None:
    added, key = with_binding_added(flow, "shared_teams", "new_teams")
    assert (key, added.bindings[key].reference) == ("shared_teams", "new_teams")
    assert with_binding_added(added, "shared_teams", "new_teams") == (added, key)
    other, second = with_binding_added(added, "shared_teams", None, Source.INVOKER)
    assert second == "shared_teams-2"
    assert other.bindings[second].source is Source.INVOKER
    assert write_flow(read_flow(write_flow(other), name="x")) == write_flow(other)
