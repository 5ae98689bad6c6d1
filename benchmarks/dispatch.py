"""Both drivers in one run: ten-step runs a second, and how long a press takes to its first effect.

    python benchmarks/dispatch.py [RUNS]

Temporal's own server runs on the same machine as everything else, keeps its files in SQLite, and
is built by `tools/temporal.sh`. The drivers take turns, because the machine is shared: compare the
medians. Every step is a connector call as in `engine.py`. The CPU time is that of the one process
that presses and moves the runs, of the database, and of Temporal's server.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from workers import cpu

from engine import AT_ONCE, nothing, prepare, presses, runs
from flowner import server
from flowner.engine.temporal.place import Place
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs
from worlds.temporal_server import TemporalServer, program

RUNS, WARM, PRESSES, ROUNDS = 200, 30, 30, 3


@dataclass
class Timed:
    """What one turn of one driver came to."""

    rate: float
    press: float
    spent: tuple[float, float, float]
    """CPU milliseconds a run: this process, the database, Temporal."""


async def main(count: int) -> None:
    if not program():
        print("there is no Temporal server: `tools/temporal.sh` builds it where Go is")
        return
    original = server.connectors
    server.connectors = lambda: {**original(), "bench": nothing}
    timed: dict[str, list[Timed]] = {"postgres": [], "temporal": []}
    with tempfile.TemporaryDirectory() as folder:
        temporal = TemporalServer(Path(folder))
        try:
            for turn in range(ROUNDS):
                for name, found in timed.items():
                    data = Path(folder) / f"{name}-{turn}"
                    found.append(await _timed(data, temporal, count, asks=name == "temporal"))
        finally:
            temporal.stop()
    for name, found in timed.items():
        rates = sorted(one.rate for one in found)
        delays = sorted(one.press * 1e3 for one in found)
        spent = [statistics.median(part) for part in zip(*(t.spent for t in found), strict=True)]
        print(f"{name}: ten-step runs a second    {statistics.median(rates):8.1f}"
              f"   ({rates[0]:.1f} to {rates[-1]:.1f})")  # fmt: skip
        print(f"  press to first call, idle      {statistics.median(delays):8.1f} ms median"
              f"   ({delays[0]:.1f} to {delays[-1]:.1f})")  # fmt: skip
        print(f"  CPU a run                      {sum(spent):8.1f} ms"
              "   (process {:.1f}, database {:.1f}, Temporal {:.1f})".format(*spent))  # fmt: skip
    rate, press = (
        [statistics.median(getattr(one, part) for one in found) for found in timed.values()]
        for part in ("rate", "press")
    )
    print(f"postgres : temporal, runs        {rate[0] / rate[1]:8.1f} : 1")
    print(f"postgres : temporal, press              1 : {press[1] / press[0]:.1f}")


async def _timed(data: Path, temporal: TemporalServer, count: int, *, asks: bool) -> Timed:
    place = Place(address=temporal.address) if asks else None
    settings = Settings(data_folder=data, concurrency=AT_ONCE, temporal=place)
    async with server.open_house(settings) as house, server.at_work(house):
        ada, flow = await prepare(house)
        await runs(house, ada, flow, WARM)
        database = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
        before, begun = _spent(database, temporal.pid), time.perf_counter()
        await runs(house, ada, flow, count)
        seconds, after = time.perf_counter() - begun, _spent(database, temporal.pid)
        delays = await presses(house, ada, flow, PRESSES)
    one, two, three = ((b - a) / count * 1e3 for a, b in zip(before, after, strict=True))
    return Timed(count / seconds, statistics.median(delays), (one, two, three))


def _spent(database: int, temporal: int) -> tuple[float, float, float]:
    return time.process_time(), cpu([database]), cpu([temporal])


if __name__ == "__main__":
    configure_logs("text", "warning")
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
