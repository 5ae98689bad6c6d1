"""Flows with a known outcome, from traces and other people's measurements, on our planner.

The cases are reference material kept beside the repository, not in it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowner.runs.cases import differences
from flowner.runs.simulation import run_case

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "flows"

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the reference cases are not beside the repository"
)
files = sorted(CASES.glob("*.json")) if CASES.is_dir() else []


def test_there_are_as_many_cases_as_there_were() -> None:
    assert len(files) >= 44


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in files])
def test_case(file: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))
    assert differences(run_case(case), case["expected"]) == []
