"""The status of a block: the leaf rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.definitions.flow import Status
from flowner.runs.status import block_status, worse
from worlds.flows import CANCELLED, FAILED, SKIPPED, SUCCEEDED, TIMED_OUT


@pytest.mark.parametrize(
    ("after", "statuses", "expected"),
    [
        pytest.param({}, {}, SUCCEEDED, id="an empty block"),
        pytest.param({"A": ""}, {"A": SUCCEEDED}, SUCCEEDED, id="one success"),
        pytest.param({"A": ""}, {"A": FAILED}, FAILED, id="one failure"),
        pytest.param({"A": ""}, {"A": TIMED_OUT}, TIMED_OUT, id="one time-out"),
        pytest.param({"A": ""}, {"A": SKIPPED}, SUCCEEDED, id="a skipped root drops out"),
        pytest.param({"A": ""}, {"A": CANCELLED}, SUCCEEDED, id="cancelled does not count"),
        pytest.param({"A": "", "B": "A"}, {"A": FAILED, "B": SUCCEEDED}, SUCCEEDED, id="handled"),
        pytest.param(
            {"A": "", "B": "A"}, {"A": FAILED, "B": SKIPPED}, FAILED, id="skipped after a failure"
        ),
        pytest.param(
            {"A": "", "B": "A", "C": "B"},
            {"A": FAILED, "B": SKIPPED, "C": SKIPPED},
            FAILED,
            id="skips all the way back",
        ),
        pytest.param(
            {"A": "", "OK": "A", "Handler": "A"},
            {"A": FAILED, "OK": SKIPPED, "Handler": SUCCEEDED},
            FAILED,
            id="a handler next to a skipped success branch does not save it",
        ),
        pytest.param(
            {"A": "", "OK": "A", "Handler": "A", "End": "OK Handler"},
            {"A": FAILED, "OK": SKIPPED, "Handler": SUCCEEDED, "End": SUCCEEDED},
            SUCCEEDED,
            id="both joined in one last action",
        ),
        pytest.param(
            {"A": "", "B": ""}, {"A": TIMED_OUT, "B": FAILED}, FAILED, id="failed before timed out"
        ),
        pytest.param(
            {"A": "", "B": "A", "C": "A"},
            {"A": SUCCEEDED, "B": SKIPPED, "C": SKIPPED},
            SUCCEEDED,
            id="two skips after one success",
        ),
    ],
)
def test_block_status(after: dict[str, str], statuses: dict[str, Status], expected: Status) -> None:
    names = list(after)
    before = [[names.index(name) for name in after[one].split()] for one in names]
    leaves = [place for place in range(len(names)) if not any(place in others for others in before)]
    assert block_status(leaves, before, [statuses[name] for name in names]) is expected


blocks = st.sampled_from([SUCCEEDED, FAILED, TIMED_OUT])


@given(blocks, blocks, blocks)
def test_worse_does_not_mind_the_order(one: Status, two: Status, three: Status) -> None:
    assert worse(one, two) is worse(two, one)
    assert worse(worse(one, two), three) is worse(one, worse(two, three))
