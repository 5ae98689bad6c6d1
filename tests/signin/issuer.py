"""A real OpenID provider on loopback: discovery, keys that it rotates, tokens as it is told.

People sign in at once, as whom the test says. Codes are good once, for the client, the address and
the PKCE verifier that they were asked for; the client shows its secret.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

AUDIENCE = "api://flowner"
CLIENT_SECRET = "a secret: with signs &+%"


@dataclass
class Issuer:
    """Its keys can be rotated, and it counts how often it is asked for them."""

    address: str
    keys: list[Key] = field(default_factory=list)
    asked: int = 0
    is_down: bool = False
    person: dict[str, Any] = field(default_factory=dict)
    """The claims of whoever signs in next."""
    said_besides: dict[str, Any] = field(default_factory=dict)
    """What the address for more about a person says."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

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
        said = {"issuer": self.address, "jwks_uri": f"{self.address}/keys",
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "userinfo_endpoint": f"{self.address}/userinfo"}  # fmt: skip
        return JSONResponse(said, 503 if self.is_down else 200)

    async def _authorize(self, request: Request) -> RedirectResponse:
        asked = dict(request.query_params)
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.address}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> JSONResponse:
        given = dict(parse_qsl((await request.body()).decode()))
        asked = self.codes.pop(given.get("code", ""), None)
        shown = base64.b64decode(request.headers.get("authorization", "")[6:]).decode()
        made = (
            base64.urlsafe_b64encode(
                hashlib.sha256(given.get("code_verifier", "").encode()).digest()
            )
            .decode()
            .rstrip("=")
        )
        if (asked is None or shown != f"{asked['client_id']}:{quote_plus(CLIENT_SECRET)}"
                or made != asked["code_challenge"] or given["redirect_uri"] != asked["redirect_uri"]
                or given["grant_type"] != "authorization_code"):  # fmt: skip
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {"aud": asked["client_id"], "nonce": asked["nonce"]} | self.person
        return JSONResponse({"token_type": "Bearer", "expires_in": 60, "access_token": "more",
                             "id_token": self.token(**claims)})  # fmt: skip

    async def _userinfo(self, request: Request) -> JSONResponse:
        known = request.headers.get("authorization") == "Bearer more"
        return JSONResponse(self.said_besides, 200 if known else 401)

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
              Route("/keys", issuer._keys), Route("/authorize", issuer._authorize),
              Route("/token", issuer._token, methods=["POST"]),
              Route("/userinfo", issuer._userinfo)]  # fmt: skip
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
