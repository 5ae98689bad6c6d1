"""A real issuer of tokens on loopback: discovery, keys that it rotates, tokens as it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

AUDIENCE = "api://flowner"


@dataclass
class Issuer:
    """Its keys can be rotated, and it counts how often it is asked for them."""

    address: str
    keys: list[Key] = field(default_factory=list)
    asked: int = 0
    is_down: bool = False

    def rotate(self, key: Key | None = None) -> Key:
        """Publish one new key, and no other."""
        made = key or RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
        self.keys = [made]
        return made

    def token(self, key: Key | None = None, *, alg: str = "RS256", header: Any = (), **claims: Any
              ) -> str:  # fmt: skip
        """Return a token that stands but for what is said otherwise; None leaves a claim out."""
        signing = key or self.keys[0]
        now = int(time.time())
        said = {"iss": self.address, "aud": AUDIENCE, "exp": now + 300, "nbf": now - 5,
                "iat": now, "sub": "a-subject"} | claims  # fmt: skip
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": signing.kid} | dict(header), kept, signing,
                          algorithms=[alg])  # fmt: skip

    async def _document(self, request: Request) -> JSONResponse:
        del request
        return JSONResponse({"issuer": self.address, "jwks_uri": f"{self.address}/keys"},
                            503 if self.is_down else 200)  # fmt: skip

    async def _keys(self, request: Request) -> JSONResponse:
        del request
        self.asked += 1
        return JSONResponse(KeySet(self.keys).as_dict(private=False))


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Serve an issuer, in a thread of its own, while the block lasts."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    issuer = Issuer(f"http://127.0.0.1:{listening.getsockname()[1]}")
    issuer.rotate()
    routes = [Route("/.well-known/openid-configuration", issuer._document),
              Route("/keys", issuer._keys)]  # fmt: skip
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    serving.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield issuer
    finally:
        server.should_exit = True
        serving.join()
        listening.close()


def elliptic() -> Key:
    """Return a key of another kind."""
    return ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
