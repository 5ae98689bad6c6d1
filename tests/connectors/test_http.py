"""HTTP, against a real server: what goes out, what comes back, and where requests may not go."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.certificates import self_signed
from flowner.connectors.http import connector
from flowner.connectors.http.address import resolve
from flowner.connectors.http.operations import _trusting
from flowner.connectors.http.request import read_request
from flowner.connectors.http.response import content
from flowner.connectors.http.signing import sign
from flowner.engine.outcomes import secrets_in, strike
from flowner.runs.commands import Success
from flowner.sdk.connector import Repeat
from flowner.sdk.context import Answer, OperationContext, Rejected, Transient


async def echo(request: Request) -> JSONResponse:
    body = (await request.body()).decode("latin-1")
    headers = {name.decode(): value.decode() for name, value in request.headers.raw}
    said = {"method": request.method, "url": str(request.url), "headers": headers, "body": body}
    return JSONResponse(said, headers={"x-odd": "1", "etag": "e"})


async def moved(request: Request) -> Response:
    status = int(request.path_params["status"])
    return RedirectResponse(request.query_params["to"], status_code=status)


async def circle(_request: Request) -> Response:
    return RedirectResponse("/circle")


async def plain(request: Request) -> Response:
    kind = request.query_params["kind"]
    data = request.query_params.get("data", "").encode("latin-1")
    status = int(request.query_params.get("status", "200"))
    return Response(data, media_type=None, headers={"content-type": kind}, status_code=status)


async def token(request: Request) -> JSONResponse:
    form = parse_qs((await request.body()).decode())
    right = form["client_secret"] == ["s3cret"] and form["resource"] == ["api"]
    if not right:
        return JSONResponse({"error": "invalid_client"}, status_code=401)
    return JSONResponse({"access_token": "t0ken"})


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
APP = Starlette(
    routes=[
        Route("/echo", echo, methods=METHODS),
        Route("/moved/{status}", moved, methods=METHODS),
        Route("/plain", plain),
        Route("/circle", circle),
        Route("/firm/oauth2/token", token, methods=["POST"]),
    ]
)


@contextmanager
def serving(**options: Any) -> Iterator[int]:
    """Serve the app on loopback, in a thread of its own."""
    import threading  # noqa: PLC0415

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(APP, log_level="error", lifespan="off", **options))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    try:
        while not server.started:
            pass
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serving() as port:
        yield f"http://localhost:{port}"


def ask(method: str, *, private: bool = True, seconds: float = 5, **inputs: Any) -> Answer:
    context = OperationContext(
        idempotency_key="1/A", account="", allow_private_addresses=private, timeout_seconds=seconds
    )
    return asyncio.run(connector.operations[method].perform(inputs, context))


def test_what_goes_out(base: str) -> None:
    answer = ask(
        "POST", uri=f"{base}/echo?gone=1", queries={"a": "x y", "n": 2, "t": True},
        headers={"X-One": "1", "Host": "elsewhere", "X-None": None}, body={"ä": [1, None]},
        cookie="c=1",
    )  # fmt: skip
    said = answer.body
    assert said["method"] == "POST"
    assert said["url"].endswith("/echo?a=x%20y&n=2&t=True")
    assert said["headers"]["x-one"] == "1"
    assert said["headers"]["host"] == base.removeprefix("http://")
    assert said["headers"]["cookie"] == "c=1"
    assert said["headers"]["content-type"] == "application/json; charset=utf-8"
    assert "x-none" not in said["headers"]
    assert said["body"].encode("latin-1").decode() == '{"ä":[1,null]}'
    assert answer.status == 200
    assert answer.headers["ETag"] == "e"
    assert answer.headers["x-odd"] == "1"
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        pytest.param("hi", "text/plain; charset=utf-8", "hi", id="a text"),
        pytest.param([1], "application/json; charset=utf-8", "[1]", id="an array"),
        pytest.param(3, "application/json; charset=utf-8", "3", id="a number"),
        pytest.param(
            {"$content-type": "image/png", "$content": base64.b64encode(b"\x89P").decode()},
            "image/png", "\x89P", id="a content object's own bytes",
        ),
    ],
)  # fmt: skip
def test_bodies(base: str, body: object, kind: str, sent: str) -> None:
    said = ask("PUT", uri=f"{base}/echo", body=body).body
    assert (said["headers"]["content-type"], said["body"]) == (kind, sent)


def test_no_body_is_no_body(base: str) -> None:
    assert "content-type" not in ask("POST", uri=f"{base}/echo").body["headers"]


def test_a_multipart_body(base: str) -> None:
    part = {"headers": {"Content-Disposition": 'form-data; name="f"'}, "body": "hello"}
    body = {"$content-type": "multipart/form-data", "$multipart": [part]}
    said = ask("POST", uri=f"{base}/echo", body=body).body
    boundary = said["headers"]["content-type"].partition("boundary=")[2]
    assert said["body"] == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="f"\r\n'
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n--{boundary}--\r\n"
    )


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        pytest.param("application/json", b'{"a": 1.0}', {"a": 1.0}, id="JSON"),
        pytest.param("application/problem+json; charset=utf-8", b"[2]", [2], id="a kind of JSON"),
        pytest.param("text/html; charset=iso-8859-1", b"\xe4", "ä", id="text in its own charset"),
        pytest.param("text/plain; charset=nonsense", b"a", "a", id="an unknown charset"),
        pytest.param("", b"\x00", {"$content-type": "application/octet-stream", "$content": "AA=="},
                     id="no type"),
        pytest.param("image/gif", b"G", {"$content-type": "image/gif", "$content": "Rw=="},
                     id="other types"),
    ],
)  # fmt: skip
def test_what_comes_back(kind: str, data: bytes, expected: object) -> None:
    found = content(kind, data)
    assert found == expected
    assert type(found) is type(expected)


def test_an_empty_answer_has_no_body(base: str) -> None:
    answer = ask("GET", uri=f"{base}/plain?kind=text/plain&status=404")
    assert (answer.status, answer.has_body) == (404, False)


def test_json_that_is_none_fails(base: str) -> None:
    with pytest.raises(Rejected, match="and it is not"):
        ask("GET", uri=f"{base}/plain?kind=application/json&data=oops")


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [("GET", 302, "GET"), ("POST", 303, "GET"), ("POST", 301, "GET"), ("POST", 307, "POST"),
     ("PUT", 308, "PUT")],
)  # fmt: skip
def test_redirects(base: str, method: str, status: int, expected: str) -> None:
    said = ask(method, uri=f"{base}/moved/{status}?to=/echo", body="b").body
    assert said["method"] == expected
    assert said["body"] == ("b" if expected == method else "")


def test_another_origin_is_not_told_the_credentials(base: str) -> None:
    signed = {"type": "Basic", "username": "u", "password": "p"}
    same = ask("GET", uri=f"{base}/moved/302?to=/echo", authentication=signed).body
    assert "authorization" in same["headers"]
    other = base.replace("localhost", "127.0.0.1")
    told = ask(
        "GET", uri=f"{base}/moved/302?to={other}/echo", authentication=signed, cookie="a=b"
    ).body
    assert not {"authorization", "cookie"} & set(told["headers"])


def test_going_round_in_circles_ends(base: str) -> None:
    with pytest.raises(Rejected, match="moved more than"):
        ask("GET", uri=f"{base}/circle")


@pytest.mark.parametrize(
    ("authentication", "expected"),
    [
        (None, None),
        ({"type": "None"}, None),
        ({"type": "Basic", "username": "u", "password": "p"}, "Basic dTpw"),
        ({"type": "Raw", "value": "Key k"}, "Key k"),
    ],
)
def test_credentials(base: str, authentication: object, expected: str | None) -> None:
    said = ask("GET", uri=f"{base}/echo", authentication=authentication).body
    assert said["headers"].get("authorization") == expected


def oauth(base: str, **more: str) -> dict[str, str]:
    return {"type": "ActiveDirectoryOAuth", "authority": base, "tenant": "firm", "audience": "api",
            "clientId": "c", "secret": "s3cret", **more}  # fmt: skip


def test_a_token_is_fetched_for_the_audience(base: str) -> None:
    said = ask("GET", uri=f"{base}/echo", authentication=oauth(base)).body
    assert said["headers"]["authorization"] == "Bearer t0ken"


def test_no_token_no_request(base: str) -> None:
    with pytest.raises(Rejected, match="status 401") as caught:
        ask("GET", uri=f"{base}/echo", authentication=oauth(base, secret="wrong"))
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("authentication", "words"),
    [
        ("Basic", "no object"),
        ({"type": "ManagedServiceIdentity"}, "not offered here"),
        ({"type": "Basic", "username": "u"}, "`password` is missing"),
        ({"type": "Raw", "value": "a\r\nb: c"}, "no header can"),
        ({"type": "ClientCertificate", "pfx": "AAAA"}, "cannot be read"),
    ],
)
def test_credentials_that_mean_nothing(authentication: object, words: str) -> None:
    async def never(_request: object) -> Answer:
        raise AssertionError

    with pytest.raises(Rejected, match=words):
        asyncio.run(sign(authentication, never))


def test_a_client_certificate_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    self_signed(tmp_path)
    pem = tmp_path / "certificate.pem"
    pfx = pkcs12.serialize_key_and_certificates(
        b"c",
        load_pem_private_key(pem.read_bytes(), None),  # type: ignore[arg-type]
        x509.load_pem_x509_certificate(pem.read_bytes()),
        None,
        BestAvailableEncryption(b"pw"),
    )
    shown = {"type": "ClientCertificate", "pfx": base64.b64encode(pfx).decode(), "password": "pw"}
    options = {"ssl_certfile": pem, "ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": str(pem)}
    with serving(**options) as port:
        url = f"https://localhost:{port}/echo"
        with pytest.raises(Transient, match="certificate is not trusted"):
            ask("GET", uri=url, authentication=shown)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert ask("GET", uri=url, authentication=shown).status == 200
        _trusting.cache_clear()
        with pytest.raises(Transient):
            ask("GET", uri=url)
        _trusting.cache_clear()


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (None, "missing"), ("", "missing"), ("/relative", "no absolute"),
        ("ftp://a.example/", "no absolute"), ("http://", "no absolute"),
        ("http://a:b:c/", "no address"), ("http://a.example/" + "x" * 20_000, "signs"),
    ],
)  # fmt: skip
def test_addresses_that_are_none(uri: object, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        read_request("GET", {"uri": uri})


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb"])
def test_headers_cannot_be_smuggled(value: str) -> None:
    with pytest.raises(Rejected, match="no header can"):
        read_request("GET", {"uri": "http://a.example", "headers": {"X": value}})


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "192.168.1.1",
     "172.16.0.9", "169.254.169.254", "[fd00::1]", "[fe80::1]", "0.0.0.0", "100.64.0.1",  # noqa: S104
     "224.0.0.1", "2130706433", "0x7f000001", "[2002:7f00:1::]"],
)  # fmt: skip
def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises((Rejected, Transient)) as caught:
        ask("GET", uri=f"http://{host}:9/", private=False)
    assert caught.value.code in ("AddressNotAllowed", "UnresolvableHostName")


def test_a_redirect_into_the_house_is_refused(base: str) -> None:
    """Every hop is checked, not the first alone."""
    seen: list[str] = []

    async def story() -> None:
        from flowner.connectors.http import operations  # noqa: PLC0415

        real = operations.resolve

        async def first_is_public(url: Any, *, private: bool) -> Any:
            seen.append(str(url))
            return await real(url, private=len(seen) == 1 or private)

        operations.resolve = first_is_public
        try:
            context = OperationContext(idempotency_key="", account="", timeout_seconds=5)
            inputs = {"uri": f"{base}/moved/302?to=/echo"}
            await connector.operations["GET"].perform(inputs, context)
        finally:
            operations.resolve = real

    with pytest.raises(Rejected, match="loopback, private or reserved"):
        asyncio.run(story())
    assert len(seen) == 2


def test_the_address_that_was_checked_is_the_one_that_is_called(base: str) -> None:
    from httpx import URL  # noqa: PLC0415

    place = asyncio.run(resolve(URL(f"{base}/echo"), private=True))
    assert place.pinned.host in ("127.0.0.1", "::1")
    assert place.host_header == base.removeprefix("http://")


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(Transient) as caught:
        ask("GET", uri="http://nobody.invalid/")
    assert caught.value.code == "UnresolvableHostName"
    assert not caught.value.perhaps_done


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Transient, match="does not answer") as caught:
        ask("POST", uri=f"http://127.0.0.1:{port}/?key=s3cret")
    assert not caught.value.perhaps_done
    assert "s3cret" not in caught.value.message


def test_silence_after_the_request_may_mean_it_was_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(Transient) as caught:
        ask("POST", uri=f"http://127.0.0.1:{deaf.getsockname()[1]}/", seconds=0.3)
    assert caught.value.perhaps_done


def test_what_happens_if_we_call_twice() -> None:
    repeats = {name: operation.repeat for name, operation in connector.operations.items()}
    assert repeats["GET"] is Repeat.HARMLESS
    assert repeats["PUT"] is repeats["DELETE"] is Repeat.WITH_KEY
    assert repeats["POST"] is repeats["PATCH"] is Repeat.NEVER


def test_an_actions_own_secrets_are_struck_out_of_what_comes_back() -> None:
    written = {"type": "Raw", "value": "Bearer abcdef", "username": "visible"}
    back = Success(body={"told": "abcdef and visible", "whole": "Bearer abcdef"})
    struck = strike(back, list(secrets_in(written)))
    assert isinstance(struck, Success)
    assert struck.body == {"told": "***** and visible", "whole": "*****"}
