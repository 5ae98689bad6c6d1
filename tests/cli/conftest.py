"""A data folder with a small company in it, and the command line as a process of its own.

The embedded server is held up while the module runs, so that a command takes no second to start it.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from flowner.access.vocabulary import FlowRole
from flowner.database.embedded import EmbeddedServer
from flowner.rows.seed import DELEGATE
from flowner.server import open_house
from flowner.settings import Settings
from worlds import written
from worlds.living import NOTE, Living

PROGRAM = Path(sys.executable).with_name("flowner")
TITLED = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {
    "type": "object", "properties": {"text": {"type": "string", "title": "City"}}}}}}  # fmt: skip


def flow_file(trigger: dict[str, Any], actions: dict[str, Any], references: dict[str, Any]) -> str:
    """Return a flow as an exported solution holds it."""
    definition = {"triggers": trigger, "actions": actions}
    properties = {"connectionReferences": references, "definition": definition}
    return json.dumps({"properties": properties, "schemaVersion": "1.0.0.0"})


def flow_name(name: str) -> str:
    """Return the name of a flow's file in a solution."""
    return f"Workflows/{name}-{str(uuid.uuid4()).upper()}.json"


def archive(files: dict[str, str]) -> bytes:
    """Return a solution's archive."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return kept.getvalue()


@dataclass
class Terminal:
    """Runs commands on one data folder."""

    folder: Path

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        # Without compiled modules every command would read all of them anew.
        ours = ("FLOWNER_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {
            "FLOWNER_DATA": str(self.folder),
            "FLOWNER_PORT": "0",
            "COLUMNS": "200",
        }

    def says(self, *arguments: str, **environment: str) -> Any:
        """Run a command with ``--json`` that must succeed, and return what it prints."""
        done = self(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refuses(self, *arguments: str, **environment: str) -> str:
        """Run a command that must be refused with one line, and return the line."""
        done = self(*arguments, **environment)
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        (line,) = done.stderr.splitlines()
        return line


@dataclass
class Company:
    """Olga's flows; Rik may press one of them."""

    flows: dict[str, str]
    url: str

    def count(self, table: str) -> int:
        """Return how many rows one of our own tables has."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(f"SELECT count(*) FROM rows.{table}".encode()).fetchone()
        return int(row[0]) if row else -1


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def company(terminal: Terminal) -> Iterator[Company]:
    """Settle the company, and hold its server up."""
    flows = asyncio.run(_settled(terminal.folder))
    server = EmbeddedServer(terminal.folder / "postgres")
    yield Company(flows, server.url)
    server.release()


async def _settled(folder: Path) -> dict[str, str]:
    async with open_house(Settings(data_folder=folder)) as house:
        living, flows = Living(house), {}
        await house.metadata.create_table("c_note", set_name="c_notes", primary_name="c_name",
                                          columns={})  # fmt: skip
        olga, rik = await living.person("olga", DELEGATE), await living.person("rik")
        await living.person("eve")
        await living.connection("rik")
        bound = {
            "ref_people": await living.connection("olga"),
            "ref_rows": await living.connection("olga", written.ROWS),
        }
        who = written.call("people", written.PEOPLE, "MyProfile_V2", {})
        fixed = {"people": written.reference(written.PEOPLE, "ref_people")}
        own = {"people": written.reference(written.PEOPLE, "ref_own", source="invoker")}
        listening = {"rows": written.reference(written.ROWS, "ref_rows")}
        said = {"runAfter": {}, "type": "Compose", "inputs": "@triggerBody()?['text']"}
        fails = {"runAfter": {}, "type": "Terminate", "inputs": {"runStatus": "Failed"}}
        hour = {"interval": {"count": 1, "unit": "Hour"}}
        pause = {"runAfter": {}, "type": "Wait", "inputs": hour}
        for name, trigger, actions, references in (
            ("Greet", TITLED, {"Say": said, "Who": who}, fixed),
            ("Ask", written.BUTTON, {"Who": who}, own),
            ("Fail", written.BUTTON, {"End": fails}, {}),
            ("Pause", written.BUTTON, {"Pause": pause}, {}),
            ("Follow", written.row_trigger("c_note", run_as=2), NOTE, listening),
            ("Modify", written.row_trigger("c_note", run_as=1), NOTE, listening),
        ):
            text = flow_file(trigger, actions, references).encode()
            file = flow_name(name).removeprefix("Workflows/")
            package = written.read_package(text, file=file)
            done = await house.importer.bring_in(package, olga, bind=bound)
            flows[name] = done.flows[0].id
            await house.turning.on(done.flows[0].id, olga)
        for name in ("Greet", "Ask", "Pause"):
            await house.sharing.share(flows[name], rik, FlowRole.RUN_ONLY, olga)
    return flows
