"""Flows that people really wrote: each compiles, and comes to an end when everything answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowner.definitions.codec import read_flow
from flowner.errors import Invalid
from flowner.runs.compiled import compile_flow
from flowner.runs.simulation import simulate

FLOWS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "flows"

pytestmark = pytest.mark.skipif(
    not FLOWS.is_dir(), reason="the corpus of flows is not beside the repository"
)


def test_real_flows_compile_and_end() -> None:
    ran = 0
    for file in sorted(FLOWS.glob("*.json")):
        try:
            flow = read_flow(json.loads(file.read_bytes()), name=file.stem)
            done = simulate(compile_flow(flow), trigger={"headers": {}, "body": {}})
        except (Invalid, ValueError):
            # No flow at all, or one whose trigger asks for more than an empty body.
            continue
        assert done.record.status.is_terminal, file.name
        ran += 1
    assert ran > 500
