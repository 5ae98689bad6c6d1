"""What planning costs: the planner against plain Python doing the same sums.

    python benchmarks/planner.py

CPU time per run, the best of several rounds; the engine's I/O is not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

from flowner.definitions.codec import read_flow
from flowner.runs.compiled import CompiledFlow, compile_flow
from flowner.runs.events import decode, encode
from flowner.runs.run import Run
from flowner.runs.simulation import simulate

TRIGGER = {"manual": {"type": "Request", "kind": "Button", "inputs": {}}}


def compiled(actions: dict[str, object]) -> CompiledFlow:
    """Return a flow of these actions, ready to run."""
    definition = {"triggers": TRIGGER, "actions": actions}
    return compile_flow(read_flow({"definition": definition}, name="benchmark"))  # type: ignore[dict-item]


def chain(count: int) -> CompiledFlow:
    """Return a flow of Compose actions, one after another."""
    return compiled(
        {
            f"Step_{place}": {
                "type": "Compose",
                "inputs": {"place": place, "text": "some text"},
                "runAfter": {f"Step_{place - 1}": ["Succeeded"]} if place else {},
            }
            for place in range(count)
        }
    )


def loop(items: int) -> CompiledFlow:
    """Return a flow that goes through numbers, with two actions for each."""
    inside = {
        "Double": {"type": "Compose", "inputs": "@mul(items('Each'), 2)"},
        "Keep": {
            "type": "Compose",
            "inputs": {"of": "@items('Each')", "is": "@outputs('Double')"},
            "runAfter": {"Double": ["Succeeded"]},
        },
    }
    return compiled(
        {"Each": {"type": "Foreach", "foreach": f"@range(0, {items})", "actions": inside}}
    )


def best(work: Callable[[], object], rounds: int) -> float:
    """Return the least CPU seconds that one round took."""
    times = []
    for _ in range(rounds):
        begun = process_time()
        work()
        times.append(process_time() - begun)
    return min(times)


def plain(items: int) -> list[dict[str, int]]:
    """Do what `loop` does, without a planner."""
    return [{"of": item, "is": item * 2} for item in range(items)]


def main() -> None:
    ten, thousand, many = chain(10), loop(1_000), loop(10_000)
    ten_ms = best(lambda: simulate(ten), 200) * 1_000
    loop_ms = best(lambda: simulate(thousand), 20) * 1_000
    many_ms = best(lambda: simulate(many), 3) * 1_000
    plain_ms = best(lambda: plain(1_000), 200) * 1_000
    print(f"10 Compose, one run, with its record     {ten_ms:8.3f} ms")
    print(f"Foreach 1,000 x 2, one run               {loop_ms:8.2f} ms")
    print(f"Foreach 10,000 x 2, one run              {many_ms:8.2f} ms")
    print(f"  an action in 1,000, and in 10,000     {loop_ms / 2:9.1f} {many_ms / 20:.1f} us")
    print(f"the same sums in plain Python            {plain_ms:8.3f} ms")
    done = simulate(thousand)
    data = [encode(event) for event in done.events]
    fold_ms = best(lambda: Run.replay(thousand, map(decode, data)), 10) * 1_000
    snapshot = best(lambda: Run.restore(thousand, done.run.snapshot()), 20) * 1_000
    print(f"replaying its {len(data)} events                {fold_ms:8.2f} ms")
    print(f"snapshot and back                        {snapshot:8.3f} ms")


if __name__ == "__main__":
    main()
