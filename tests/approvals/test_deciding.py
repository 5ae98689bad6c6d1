"""What answers amount to: one row, one rule; and against a model that says it another way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.approvals.deciding import APPROVE, REJECT, Kind, Stage, settle

A, R = APPROVE, REJECT


def one(kind: Kind, asked: int) -> list[Stage]:
    return [Stage(kind=kind, asked=asked)]


def sequence(*stages: tuple[Kind, int]) -> list[Stage]:
    return [Stage(kind=kind, asked=asked) for kind, asked in stages]


@pytest.mark.parametrize(
    ("stages", "answers", "expected"),
    [
        pytest.param(one(Kind.FIRST, 3), [], (0, None), id="first: nobody yet"),
        pytest.param(one(Kind.FIRST, 3), [(0, R)], (0, R), id="first: it decides"),
        pytest.param(one(Kind.EVERYONE, 2), [(0, A)], (0, None), id="everyone: one is not all"),
        pytest.param(one(Kind.EVERYONE, 2), [(0, A), (0, A)], (0, A), id="everyone: all"),
        pytest.param(one(Kind.EVERYONE, 3), [(0, A), (0, R)], (0, R), id="everyone: one rejects"),
        pytest.param(one(Kind.ONE, 2), [(0, "Later")], (0, "Later"), id="own options: one answer"),
        pytest.param(one(Kind.ALL, 2), [(0, "Yes")], (0, None), id="own options: not all yet"),
        pytest.param(
            one(Kind.ALL, 2), [(0, "No"), (0, "Yes")], (0, "No, Yes"), id="own options: in order"
        ),
        pytest.param(one(Kind.ALL, 2), [(0, R), (0, A)], (0, "Reject, Approve"), id="no veto"),
        pytest.param(
            sequence((Kind.FIRST, 1), (Kind.EVERYONE, 2)), [(0, A)], (1, None), id="next stage"
        ),
        pytest.param(
            sequence((Kind.FIRST, 1), (Kind.EVERYONE, 2)),
            [(0, R)],
            (0, R),
            id="ends where rejected",
        ),
        pytest.param(
            sequence((Kind.FIRST, 1), (Kind.EVERYONE, 2)),
            [(0, A), (1, A), (1, A)],
            (1, A),
            id="all stages",
        ),
        pytest.param(
            sequence((Kind.FIRST, 2), (Kind.FIRST, 1)),
            [(0, A), (0, R)],
            (1, None),
            id="who comes after the stage was settled changes nothing",
        ),
    ],
)
def test_what_answers_amount_to(stages, answers, expected) -> None:
    assert settle(stages, answers) == expected


def model(kind: Kind, asked: int, given: list[str]) -> str | None:
    """Say it the other way round: walk through the answers, and stop where it is decided."""
    seen: list[str] = []
    for response in given:
        seen.append(response)
        if kind in (Kind.FIRST, Kind.ONE):
            return response
        if kind is Kind.EVERYONE and response == R:
            return R
        if len(seen) == asked:
            return A if kind is Kind.EVERYONE else ", ".join(seen)
    return None


kinds = st.sampled_from([Kind.FIRST, Kind.EVERYONE, Kind.ONE, Kind.ALL])


@given(kind=kinds, asked=st.integers(1, 4), given_=st.lists(st.sampled_from([A, R]), max_size=4))
def test_one_round_is_the_model(kind, asked, given_) -> None:
    given_ = given_[:asked]
    assert settle(one(kind, asked), [(0, r) for r in given_]) == (0, model(kind, asked, given_))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Kind.FIRST, Kind.EVERYONE]),
            st.lists(st.sampled_from([A, R]), min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_sequence_is_its_rounds_one_after_the_other(rounds) -> None:
    stages = [Stage(kind=kind, asked=len(given)) for kind, given in rounds]
    answers = [(at, r) for at, (_, given) in enumerate(rounds) for r in given]
    outcomes = [model(kind, len(given), given) for kind, given in rounds]
    stop = next((at for at, o in enumerate(outcomes) if o == R), len(rounds) - 1)
    assert settle(stages, answers) == (stop, outcomes[stop])
