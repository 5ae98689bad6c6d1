"""What expressions cost: four of them, warm and cold, beside the same in compiled Python.

    python benchmarks/expressions.py

Microseconds an evaluation, the median of rounds that take turns. *Warm* is parsed once and
evaluated often, as a flow does; *parse* is reading and compiling alone. The scope is a document
held in memory, so that the language is measured and not the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from statistics import median
from time import perf_counter
from typing import Any

from flowner.expressions.context import Context
from flowner.expressions.scope import Scope
from flowner.expressions.template import compile_value

BODY = {"name": "ada", "x": 5, "items": list(range(1, 11)), "ts": "2026-11-24T03:49:51Z"}
ROUNDS = 15
EVALUATIONS = 20_000
PARSES = 1_000

CASES: dict[str, tuple[str, str, object]] = {
    "concat, toUpper": (
        "@concat('Hello ', toUpper(triggerBody()?['name']))",
        "'Hello ' + body.get('name').upper()",
        "Hello ADA",
    ),
    "length": ("@length(triggerBody()?['items'])", "len(body.get('items'))", 10),
    "if, greater": (
        "@if(greater(triggerBody()?['x'], 3), 'a', 'b')",
        "'a' if body.get('x') > 3 else 'b'",
        "a",
    ),
    "formatDateTime": (
        "@formatDateTime(triggerBody()?['ts'], 'yyyy-MM-dd')",
        "datetime.fromisoformat(body.get('ts')).strftime('%Y-%m-%d')",
        "2026-11-24",
    ),
}
"""Each as an expression, as Python, and what both give."""


def python(source: str) -> Callable[[dict[str, Any]], object]:
    """Return a compiled Python expression over the body of a trigger's record."""
    code = compile(source, "<benchmark>", "eval")
    names = {"datetime": datetime, "len": len}

    def evaluate(trigger: dict[str, Any]) -> object:
        body = trigger["outputs"]["body"]
        return eval(code, names, {"body": body})  # noqa: S307 - our own text, as a peer evaluates it

    return evaluate


def micros(evaluate: Callable[[Any], object], over: object, times: int) -> float:
    began = perf_counter()
    for _ in range(times):
        evaluate(over)
    return (perf_counter() - began) / times * 1e6


def measure(template: str, source: str, expected: object) -> tuple[float, float, float]:
    """Return the microseconds of our evaluation, of Python's, and of our parsing."""
    trigger = {"outputs": {"body": BODY}}
    scope: Scope = Context({"trigger": trigger})
    ours, peer = compile_value(template).evaluate, python(source)
    assert ours(scope) == expected == peer(trigger)
    rounds = [
        (
            micros(ours, scope, EVALUATIONS),
            micros(peer, trigger, EVALUATIONS),
            micros(compile_value, template, PARSES),
        )
        for _ in range(ROUNDS)
    ]
    warm, compared, parsed = (median(column) for column in zip(*rounds, strict=True))
    return warm, compared, parsed


def main() -> None:
    print(f"{'':18}{'warm µs':>10}{'Python µs':>11}{'ratio':>8}{'parse µs':>10}")
    measured = {name: measure(*case) for name, case in CASES.items()}
    count = len(measured)
    totals = tuple(sum(one[part] for one in measured.values()) / count for part in range(3))
    for name, (warm, compared, parsed) in {**measured, "mean of four": totals}.items():
        print(f"{name:18}{warm:10.2f}{compared:11.2f}{warm / compared:8.2f}{parsed:10.1f}")


if __name__ == "__main__":
    main()
