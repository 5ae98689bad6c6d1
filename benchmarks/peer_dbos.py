"""DBOS at the work of `peers.py`, on its default database (SQLite). Needs `dbos` and `fastapi`.

Run by `peers.py` with the Python that has them; prints what it measured as one line of JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

try:
    import uvicorn
    from dbos import DBOS
    from fastapi import FastAPI
except ImportError:  # it is the peer's, and `make bench` goes on without it
    print("DBOS is not installed here: see `peers.py --dbos`")
    sys.exit(0)

DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{os.environ['PEER_FOLDER']}/{sys.argv[1]}.sqlite",
        "log_level": "ERROR",
        "run_admin_server": False,
        "enable_otlp": False,
    }
)


@DBOS.step()
def inc(x: int) -> int:
    return x + 1


@DBOS.step()
def compose(body: dict) -> dict:
    size = "a" if body["x"] > 3 else "b"
    return {"greeting": "Hello " + body["name"].upper(), "count": len(body["items"]), "size": size}


@DBOS.workflow()
def w1() -> int:
    found = 0
    for _ in range(40):
        found = inc(found)
    return found


@DBOS.workflow()
def w2(body: dict) -> dict:
    return compose(body)


@DBOS.workflow()
def w3(x: int) -> int:
    return inc(inc(inc(x)))


@DBOS.workflow()
def w4() -> int:
    return len([inc(inc(item)) for item in range(1000)])


def measure(quick: bool) -> dict[str, list[float]]:
    """Return how many seconds each piece of work took."""
    DBOS.launch()
    queue = DBOS.register_queue("bench")
    for _ in range(5):
        assert w1() == 40
    found: dict[str, list[float]] = {"w1": [], "w3": [], "w4": []}
    for _ in range(10 if quick else 40):
        begun = time.perf_counter()
        w1()
        found["w1"].append(time.perf_counter() - begun)
    for _ in range(1 if quick else 3):
        begun = time.perf_counter()
        handles = [DBOS.enqueue_workflow("bench", w3, n) for n in range(1000)]
        for handle in handles:
            handle.get_result(polling_interval_sec=0.1)
        found["w3"].append(time.perf_counter() - begun)
    for _ in range(1 if quick else 3):
        begun = time.perf_counter()
        assert w4() == 1000
        found["w4"].append(time.perf_counter() - begun)
    assert queue
    DBOS.destroy()
    return found


def serve() -> None:
    """Answer W2."""
    app = FastAPI()

    @app.post("/w2")
    def answer(body: dict) -> dict:
        return w2(body)

    DBOS.launch()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if sys.argv[1] == "serve":
    serve()
else:
    print(json.dumps(measure(sys.argv[1] == "quick")))
