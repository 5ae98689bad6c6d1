"""Each contract on imports catches what breaks it.

The tree is rebuilt as a skeleton of empty modules under the contracts of ``pyproject.toml``; then
one line is planted, and its contract must be the one that breaks. (That the real tree keeps the
contracts is what ``lint-imports`` itself says, in ``make check``.)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from house.rules import SOURCE

ROOT = SOURCE.parents[1]
SETTINGS = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
NAMES = dict(re.findall(r'^id = "([^"]+)"\nname = "([^"]+)"', SETTINGS, re.MULTILINE))

PLANTS = {
    "a word climbs to memory": ("floors", "identity/plan.py", "import flowner.rows.store"),
    "memory climbs to motion": ("floors", "rows/store.py", "import flowner.flows.sharing"),
    "a noun knows a word": ("floors", "errors.py", "import flowner.runs.state"),
    "a word asks the clock": ("pure", "runs/turn.py", "import flowner.clock"),
    "a word reads a file": ("pure", "definitions/codec.py", "import pathlib"),
    "a word waits": ("pure", "identity/plan.py", "import asyncio"),
    "a word draws lots": ("pure", "expressions/evaluate.py", "import random"),
    "motion speaks SQL": ("sql", "flows/sharing.py", "import psycopg"),
    "the Web API speaks SQL": ("sql", "webapi/lists.py", "import psycopg"),
    "a door speaks SQL": ("sql", "api/app.py", "import sqlalchemy"),
    "the sdk leans on identity": ("sdk", "sdk/context.py", "import flowner.identity.plan"),
    "a guest looks into the vault": (
        "guests", "connectors/people.py", "import flowner.vault.store",
    ),
    "a guest reads rows itself": ("guests", "connectors/people.py", "import flowner.rows.store"),
    "a guest knows another": (
        "neighbours", "connectors/people.py", "import flowner.connectors.mail",
    ),
    "a door reaches into memory": ("doors", "api/app.py", "import flowner.rows.store"),
    "a door judges": ("doors", "api/app.py", "import flowner.access.decide"),
    "the command line reads the journal": ("doors", "cli/flows.py", "import flowner.journal.store"),
    "secrets are opened elsewhere": ("secrets", "engine/worker.py", "import flowner.vault.store"),
    "the worker knows Temporal": ("temporal", "engine/worker.py", "import temporalio"),
    "the environment is read below": ("environment", "engine/worker.py", "import flowner.settings"),
    "two rooms lean on each other": (
        "no-circles", "rows/store.py", "import flowner.journal.store\n",
    ),
}  # fmt: skip
BACK = {"two rooms lean on each other": ("journal/store.py", "import flowner.rows.store")}
"""The second half of a plant that takes two."""


def skeleton(folder: Path) -> Path:
    """Build the tree's modules, all empty, and the contracts over them."""
    for path in SOURCE.rglob("*.py"):
        target = folder / "flowner" / path.relative_to(SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("", encoding="utf-8")
    (folder / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    return folder


def broken(folder: Path) -> dict[str, str]:
    """Return the contracts that the tree in this folder breaks, by id, with the whole report."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = {name: re.search(rf"^{re.escape(name)} (KEPT|BROKEN)", done.stdout, re.MULTILINE)
            for name in NAMES.values()}  # fmt: skip
    assert all(said.values()), done.stdout + done.stderr
    return {
        id: done.stdout
        for id, name in NAMES.items()
        if (match := said[name]) is not None and match[1] == "BROKEN"
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, str]]]:
    """What is broken in the skeleton (``""``) and under each plant."""

    def plant(title: str) -> tuple[str, dict[str, str]]:
        folder = skeleton(tmp_path_factory.mktemp("planted"))
        if title:
            _, module, line = PLANTS[title]
            for path, text in ((module, line), BACK.get(title, ("", ""))):
                if path:
                    (folder / "flowner" / path).write_text(text + "\n", encoding="utf-8")
        return title, broken(folder)

    tmp_path_factory.getbasetemp()  # made before two threads would make it
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield dict(pool.map(plant, ["", *PLANTS]))


def test_the_bare_skeleton_breaks_nothing(found: dict[str, dict[str, str]]) -> None:
    assert found[""] == {}


@pytest.mark.parametrize("title", PLANTS)
def test_the_contract_catches_it(title: str, found: dict[str, dict[str, str]]) -> None:
    contract, module, _ = PLANTS[title]
    assert contract in found[title]
    assert "flowner." + module.removesuffix(".py").replace("/", ".") in found[title][contract]


def test_every_contract_has_a_plant() -> None:
    assert {contract for contract, _, _ in PLANTS.values()} == set(NAMES)
