"""A real Temporal server, which may be ended, started again and emptied."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from functools import cache
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[2] / "tools" / "temporal.sh"


@cache
def program() -> str:
    """Return where the server is; '' where it is not. It is built by `make test`, not here."""
    found = shutil.which("temporal")
    if found or not shutil.which("go"):
        return found or ""
    told = subprocess.run(
        ["go", "env", "GOBIN", "GOPATH"], capture_output=True, text=True, check=True
    )
    into, path = told.stdout.splitlines()
    built = (Path(into) if into else Path(path) / "bin") / "temporal"
    return str(built) if built.exists() else ""


def needed() -> str:
    """Return where the server is, or skip the test; in CI it has to be there where Go is."""
    if not program():
        why = "there is no Temporal server: `tools/temporal.sh` builds it where Go is"
        if os.environ.get("CI") and shutil.which("go"):
            pytest.fail(why)
        pytest.skip(why)
    return program()


class TemporalServer:
    """One server with its files in a folder, always at the same address."""

    def __init__(self, folder: Path) -> None:
        self._program, self._file = needed(), folder / "temporal.db"
        self._log = folder / "temporal.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; returns when it listens."""
        command = [self._program, "server", "start-dev", "--headless", "--log-level", "error",
                   "--port", str(self._port), "--db-filename", str(self._file),
                   # It outlives a crash of its own; the machine's need not be outlived here.
                   "--sqlite-pragma", "journal_mode=WAL",
                   "--sqlite-pragma", "synchronous=OFF"]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, self._log.read_text()[-2000:]
                assert time.monotonic() < deadline, "Temporal does not listen"
                time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, by default as a crash does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """End it and start it with nothing in it."""
        self.stop()
        for file in self._file.parent.glob(f"{self._file.name}*"):
            file.unlink()
        self.start()
