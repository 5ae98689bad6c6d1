"""The pages that are lived: every command is given, every answer compared.

    python -m docs.stories     (in the folder tests) writes what the commands print today

A story is some pages, read one after another on one empty database, beside a mail relay. Ids, times
and fingerprints differ each time, so only their shapes are compared; an id that a page shows stands
for the one that was answered instead.
"""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from docs.blocks import ROOT, Block, Command, blocks, commands

STORIES = {
    "the tour": ("README.md",),
    "the first steps": (
        "docs/quickstart.md",
        "docs/how-to/import-a-solution.md",
        "docs/how-to/share-run-only.md",
        "docs/how-to/choose-run-as.md",
        "docs/how-to/change-a-connection.md",
    ),
}
COLUMNS = "130"
NOT_LIVED = frozenset({"demo", "serve"})
"""Commands that go on until they are stopped."""
_RELAY = "8025"
_ID = re.compile(r"\b\d{17,19}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_TOKEN = re.compile(r"\bflw_[\w-]{43}\b")
_SHAPES = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:\+00:00|Z)?", "<time>"),
    (r"\b[0-9a-f]{40,64}\b", "<fingerprint>"),
    (r"\b\d{10,19}\b", "<number>"),
)


@dataclass(slots=True)
class Life:
    """What a story has come to."""

    environment: Mapping[str, str]
    relay: int
    answered: dict[str, str] = field(default_factory=dict)
    """The ids that were answered, by the ids that the pages show."""

    def live(self, block: Block) -> Iterator[tuple[Command, str]]:
        """Give a block's commands to flowner; yields each command with what it prints.

        What is no command of ours, or would not end, prints what the page says.
        """
        for command in commands(block):
            if command.words[0] == "flowner" and command.words[1] not in NOT_LIVED:
                said = printed(self._give(command))
                self._learn(command.shown, said)
                yield command, said
            else:
                yield command, command.shown

    def _give(self, command: Command) -> str:
        from flowner.cli import main  # noqa: PLC0415 - the whole house, for those who live

        said = io.StringIO()
        words = [self.as_answered(word).replace(_RELAY, str(self.relay)) for word in command.words]
        given = mock.patch.object(sys, "argv", words), mock.patch.dict(os.environ, self.environment)
        with given[0], given[1], redirect_stdout(said), redirect_stderr(said), suppress(SystemExit):
            main()
        return said.getvalue()

    def as_answered(self, text: str) -> str:
        """Return a text with the ids that were answered in place of those that the pages show."""
        for shown, answered in self.answered.items():
            text = text.replace(shown, answered)
        return text

    def as_shown(self, text: str) -> str:
        """The inverse of `as_answered`."""
        for shown, answered in self.answered.items():
            text = text.replace(answered, shown)
        return text

    def _learn(self, shown: str, said: str) -> None:
        known, found = _ID.findall(shown), _ID.findall(said)
        if len(known) == len(found):
            self.answered |= dict(zip(known, found, strict=True))


def printed(text: str) -> str:
    """Return what a terminal showed, without tokens and without blanks at the ends."""
    text = _TOKEN.sub("flw_…", text)
    return "\n".join(line.rstrip() for line in text.strip("\n ").split("\n")).strip("\n")


def shape(text: str) -> str:
    """Return the words of a text without what differs each time, however lines are broken."""
    text = _ID.sub("<id>", text)
    for pattern, name in _SHAPES:
        text = re.sub(pattern, name, text)
    return re.sub(r"\s+", " ", text).strip()


@contextmanager
def beginning(database_url: str, folder: Path) -> Iterator[Life]:
    """Begin a story on an empty, migrated database, beside a relay."""
    here, port = Path.cwd(), _free_port()
    relay = subprocess.Popen(
        [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        os.chdir(ROOT)
        environment = {
            "FLOWNER_DATABASE_URL": database_url,
            "FLOWNER_DATA": str(folder),
            "COLUMNS": COLUMNS,
        }
        yield Life(environment, port)
    finally:
        os.chdir(here)
        relay.terminate()
        relay.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("the relay does not come up")


def write() -> None:
    """Write what the commands of every lived page print today."""
    from flowner.database.embedded import EmbeddedServer  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as kept:
        server = EmbeddedServer(Path(kept) / "postgres")
        try:
            for number, names in enumerate(STORIES.values()):
                _write_story(names, server.url, f"story_{number}", Path(kept))
        finally:
            server.release()


def _write_story(names: tuple[str, ...], server_url: str, database: str, folder: Path) -> None:
    import psycopg  # noqa: PLC0415

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")
    head, _, tail = server_url.partition("?")
    url = head.rsplit("/", 1)[0] + f"/{database}" + (f"?{tail}" if tail else "")
    with beginning(url, folder / database) as life:
        for page in (ROOT / name for name in names):
            text, fresh, end = page.read_text(encoding="utf-8"), "", 0
            for block in blocks(page, "console"):
                fresh += text[end : block.span[0]]
                fresh += "".join(
                    _told(command, life.as_shown(said)) for command, said in life.live(block)
                )
                end = block.span[1]
            page.write_text(fresh + text[end:], encoding="utf-8")


def _told(command: Command, said: str) -> str:
    """Return a command with what it printed; as the page has it, where only ids differ."""
    kept = command.shown if shape(command.shown) == shape(said) else said
    return f"{command.given}\n{kept}\n" if kept else f"{command.given}\n"


if __name__ == "__main__":
    write()
