"""The published and observed cases of the language, against our evaluator.

The cases are reference material kept beside the repository, not in it. What we answer otherwise is
listed in expression_skips.json with the reason; a case that begins to agree must leave the list.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowner.expressions.errors import ExpressionError
from flowner.expressions.evaluate import evaluate_text
from flowner.expressions.lenient_json import read_lenient
from flowner.expressions.text import to_json

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "expressions"
_ERROR_MEMBERS = {"error", "engine_message"}
SKIPS = json.loads(Path(__file__).with_name("expression_skips.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the reference cases are not beside the repository"
)


def cases() -> Iterator[Any]:
    for file in sorted(CASES.glob("*.json")):
        if file.name == "windows-timezones.map.json":
            continue
        found = json.loads(file.read_text(encoding="utf-8"))
        listed = found if isinstance(found, list) else found["cases"]
        for index, case in enumerate(listed):
            if "expression" not in case:
                continue
            key = f"{file.stem}:{index}"
            yield pytest.param(key, case, id=f"{key} {case['expression']!s:.60}")


@pytest.mark.parametrize(("key", "case"), list(cases()) if CASES.is_dir() else [])
def test_case(key: str, case: dict[str, Any]) -> None:
    problem = disagreement(case)
    if key in SKIPS:
        if problem is None:
            pytest.fail(f"{key} agrees now: take it off the list")
        pytest.skip(SKIPS[key])
    assert problem is None, problem


def reader_cases() -> Iterator[Any]:
    for case in json.loads((CASES / "flowforger-parsejson.json").read_text(encoding="utf-8")):
        if case["kind"] == "newtonsoft-read":
            yield pytest.param(case["input"], case["expected"], id=f"read {case['input']!r:.60}")


@pytest.mark.parametrize(("text", "expected"), list(reader_cases()) if CASES.is_dir() else [])
def test_reader_case(text: str, expected: Any) -> None:
    if isinstance(expected, dict) and "error" in expected:
        with pytest.raises(ExpressionError) as caught:
            read_lenient(text)
        assert expected["error"] in caught.value.message
    else:
        assert to_json(read_lenient(text)) == to_json(expected)


def test_the_list_is_short() -> None:
    assert len(SKIPS) <= 0.03 * len(list(cases()))


def disagreement(case: dict[str, Any]) -> str | None:
    """Say how our answer differs from what the case expects; None when it does not."""
    expected = case["expected"]
    wants_error = isinstance(expected, dict) and {"error"} <= set(expected) <= _ERROR_MEMBERS
    try:
        value = evaluate_text(case["expression"], case.get("context"))
    except ExpressionError as error:
        if not wants_error:
            return f"error: {error.message}; expected {expected!r}"
        wanted = (expected["error"], expected.get("engine_message") or "*nothing*")
        if wanted[0] == "*" or any(one in error.message for one in wanted):
            return None
        return f"{error.message!r} lacks {wanted!r}"
    if wants_error:
        return f"{value!r} instead of the error {expected['error']!r}"
    if "plain space" in case.get("platform_sensitive", ""):
        value = _plainly_spaced(value)
    checker = case.get("checker")
    if checker in ("regex", "match"):
        agrees = re.search(str(expected), str(value)) is not None
    elif checker == "one-of":
        agrees = any(alike(value, one) for one in expected)
    elif checker == "contains":
        agrees = str(expected) in str(value)
    else:
        agrees = alike(value, expected)
    return None if agrees else f"{value!r} instead of {expected!r}"


def _plainly_spaced(value: Any) -> Any:
    """Return a text with plain spaces, as those cases were recorded that say so."""
    return re.sub("[\u00a0\u202f]", " ", value) if isinstance(value, str) else value


def alike(value: Any, expected: Any) -> bool:
    if isinstance(
        value, Decimal
    ):  # the cases are JSON: what was a decimal stands there as a double
        return isinstance(expected, int | float) and float(value) == float(expected)
    if isinstance(value, float) and not math.isfinite(value):
        return expected == {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(map(alike, value, expected))
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(
            alike(inner, expected[name]) for name, inner in value.items()
        )
    return type(value) is type(expected) and value == expected
