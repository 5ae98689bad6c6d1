"""What checking costs: ``flowner check`` of many real flows, beside merely parsing their JSON.

    python benchmarks/check.py [FOLDER]

Without a folder it takes the corpus beside the repository, where there is one. Wall time of the
best of several rounds, after one that warms the disk's cache; the command is timed whole, with the
start of Python.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

from flowner.flows.checking import Checked, Report, check_path

CORPUS = Path(__file__).resolve().parents[1] / "../shared/corpus"
ROUNDS = 3
LIMIT_SECONDS = 10.0


def documents(folder: Path) -> list[bytes]:
    """Return the bytes of every JSON file of a folder, those in its archives included."""
    found = [path.read_bytes() for path in sorted(folder.rglob("*.json"))]
    for path in sorted(folder.rglob("*.zip")):
        found += packed(path.read_bytes())
    return found


def packed(data: bytes) -> Iterator[bytes]:
    """Yield the JSON files of an archive, and of archives in it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.lower().endswith(".zip"):
                yield from packed(archive.read(name))
            elif name.lower().endswith(".json"):
                yield archive.read(name)


def check(folder: Path) -> Report:
    """Do what the command does, without printing."""
    checked = Checked()
    for found in check_path(folder):
        checked.add(found)
    return checked.report()


def command(folder: Path) -> None:
    """Run the command as a user does."""
    program = [str(Path(sys.executable).with_name("flowner")), "check", str(folder), "--json"]
    done = subprocess.run(program, capture_output=True, check=False)  # noqa: S603 - our own
    assert json.loads(done.stdout)["flows"]


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the least seconds that one round took."""
    times = []
    for _ in range(rounds):
        begun = perf_counter()
        work()
        times.append(perf_counter() - begun)
    return min(times)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS
    if not folder.is_dir():
        print(f"skipped: there is no folder of flows at {folder}")
        return
    data = documents(folder)
    size = sum(map(len, data)) / 1e6
    report = check(folder)
    actions = sum(len(entry["actions"]) for entry in report.flows)  # type: ignore[arg-type]
    floor = best(lambda: [json.loads(one) for one in data])
    inside, whole = best(lambda: check(folder)), best(lambda: command(folder))
    print(f"{len(report.flows)} flows, {actions} actions, {len(data)} JSON files, {size:.1f} MB")
    print(f"json.loads of the same bytes   {floor:7.2f} s")
    print(f"check, in process              {inside:7.2f} s   {inside / floor:5.1f} x")
    print(f"flowner check --json, whole    {whole:7.2f} s   {whole / floor:5.1f} x")
    print(f"  per flow                     {whole / max(1, len(report.flows)) * 1e3:7.2f} ms")
    if folder == CORPUS and whole > LIMIT_SECONDS:
        sys.exit(f"slower than {LIMIT_SECONDS:.0f} s")


if __name__ == "__main__":
    main()
