"""The formulas of every real flow that we can get hold of: which are refused, and why rightly so.

The flows worked for whoever made them, so a refusal that is not explained here is our mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowner.definitions.codec import read_flow
from flowner.definitions.documents import parse_object
from flowner.definitions.flow import Flow
from flowner.definitions.formulas import formula_problems
from flowner.definitions.packages import read_package
from flowner.definitions.problems import Problem, Severity

CORPUS = Path(__file__).resolve().parents[2] / "../shared/corpus"
pytestmark = pytest.mark.skipif(
    not (CORPUS / "flows").is_dir(), reason="the corpus of real flows is not here"
)

DECLARED_BESIDE = """
    02c061b78ab7 04f390ad0b8c 0bfa3979b4e9 0cc42b8614e9 10eb0288ac30 120bb1f1d3a1
    1dace44a00a6 2777e61390b5 3b70281ae185 40453cba9ecf 45989056dfaf 4db69e3b68ad
    5bbe9f724916 6050a4bf2c50 6571b63ff199 8374f7b4cbe3 949ba290f605 b244c379b680
    b9116b4eb825 b9407a00c14b b95d71f0aefc ba0358b1c2a0 ccce0c678760 d549551a9d2c
    e39f605ac43a e66cf1d9e958 f44cbf998378 f4e6cf32acc5 fccf194fd170
"""
"""Workflows of Logic Apps Standard, whose parameters are declared in a file beside the definition:
without that file nobody, Microsoft's engine included, can tell what they are."""

DEPLOYMENT = """
    1ef9062671b0
"""
"""A text `[concat('… @{encodeURIComponent(',…)]`: an expression of the template that deploys the
flow, which is no formula before it has been deployed."""

NO_ITEM = """
    10756d040759 1122f594ebfe 15f73b40ab13 2b7df9ef0964 3260e4474ea6 39013ff7d4ed
    3b473c914d63 4fbdce1fa92c 5fda561d0452 5fe7e00b4536 67e385b75906 852187c0f4ed
    85526a678594 8b159b471346 92147fe76c00 960c7ac51348 abd79d6a50be af6d5ccb21b1
    b16639ae7bdc bef6900e406c d5be42a65f43 e163c8df58f9 f6960d7eced3 f764a194d142
"""
"""`item()` outside of any loop, in branches that catch errors: it can be saved, and fails there."""

REASONS = {
    "the flow declares no parameter `": DECLARED_BESIDE,
    "Unable to parse template language expression 'encodeURIComponent(": DEPLOYMENT,
}


@pytest.fixture(scope="module")
def findings() -> list[tuple[str, Problem]]:
    return [(name, found) for name, flow in flows() for found in formula_problems(flow)]


def flows() -> Iterator[tuple[str, Flow]]:
    for path in sorted((CORPUS / "flows").glob("*.json")):
        yield path.stem, read_flow(parse_object(path.read_bytes()), name=path.stem)
    for path in sorted((CORPUS / "solutions").glob("*.zip")):
        for flow in read_package(path.read_bytes(), file=path.name).flows:
            yield f"{path.name}/{flow.name}", flow


def test_every_flow_that_is_refused_is_refused_for_a_reason_that_is_right(findings):
    refused = {words: set() for words in REASONS}
    for name, found in findings:
        if found.severity is Severity.ERROR:
            (words,) = (words for words in REASONS if found.message.startswith(words))
            refused[words].add(name)
    assert refused == {words: set(names.split()) for words, names in REASONS.items()}
    assert len(set().union(*refused.values())) == 30


def test_every_warning_is_right(findings):
    warned = [(name, found) for name, found in findings if found.severity is Severity.WARNING]
    assert {found.message.partition(":")[0] for _, found in warned} == {"there is no item here"}
    assert {name for name, _ in warned} == set(NO_ITEM.split())
