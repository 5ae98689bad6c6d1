"""A server that a service manager stops leaves nothing running behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_and_its_database_with_it(tmp_path: Path, how: signal.Signals) -> None:
    environment = {
        **os.environ,
        "FLOWNER_DATA": str(tmp_path),
        "FLOWNER_PORT": "0",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("FLOWNER_DATABASE_URL", None)
    command = [str(Path(sys.executable).with_name("flowner")), "serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        assert "answers at http://127.0.0.1" in serving.stdout.readline()
        running = tmp_path / "postgres" / "postmaster.pid"
        assert running.exists()
        serving.send_signal(how)
        assert serving.wait(timeout=60) == 0
    assert not running.exists()
