"""Real processes of `flowner` on one database, and a service outside that they call."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("flowner")
PATIENCE = 60.0
_SAID = re.compile(r"Flowner (?:answers at|moves runs)(?:.* at)? ?(http\S+)?")


@dataclass
class Process:
    """One process, what it prints, and where it answers."""

    popen: subprocess.Popen[bytes]
    printed: Path
    address: str = ""

    def text(self) -> str:
        """Return all that it printed, on both streams."""
        return self.printed.read_text(encoding="utf-8")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Stop it; answers how many seconds it took to end, with status 0."""
        begun = time.monotonic()
        self.popen.send_signal(how)
        assert self.popen.wait(timeout=PATIENCE) == 0, self.text()
        return time.monotonic() - begun


@dataclass
class Machine:
    """Starts processes with one data folder and one environment."""

    data: Path
    """The data folder."""
    folder: Path
    """Where what they print is kept."""
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Process] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> Process:
        """Start a process and wait until it is at work."""
        process = self.launch(*arguments, **environment)
        said = until(lambda: _SAID.search(process.text()) or process.popen.poll() is not None,
                     process.text)  # fmt: skip
        assert isinstance(said, re.Match), process.text()
        process.address = said.group(1) or ""
        return process

    def launch(self, *arguments: str, **environment: str) -> Process:
        """Start a process."""
        ours = ("FLOWNER_", "OTEL_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        own = {"FLOWNER_DATA": str(self.data), "FLOWNER_PORT": "0", "FLOWNER_WORKER_PORT": "0",
               "FLOWNER_ALLOW_PRIVATE_ADDRESSES": "yes", "PYTHONUNBUFFERED": "1",
               "COLUMNS": "200"}  # fmt: skip
        printed = self.folder / f"printed-{len(self.started)}.txt"
        with printed.open("wb") as out:
            popen = subprocess.Popen(
                [str(PROGRAM), *arguments],
                env=kept | own | self.environment | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        process = Process(popen, printed)
        self.started.append(process)
        return process

    def end(self) -> None:
        """End whatever still runs."""
        for process in self.started:
            if process.popen.poll() is None:
                process.popen.kill()
                process.popen.wait()


@dataclass
class Outside:
    """A service that takes its time, and writes down what it was asked."""

    url: str
    seconds: float = 0.0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Addresses and headers, names in lower case."""


@contextmanager
def outside() -> Iterator[Outside]:
    """Serve while the block lasts."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            service.asked.append((self.path, {n.lower(): v for n, v in self.headers.items()}))
            time.sleep(service.seconds)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST  # noqa: N815 - its base class names it so

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    service = Outside(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def until(
    true: Callable[[], object], said: Callable[[], str] = str, seconds: float = PATIENCE
) -> object:
    """Wait until something is true; answers what it is then."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, said()
        time.sleep(0.02)
    return found
