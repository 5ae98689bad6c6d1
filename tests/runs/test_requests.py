"""What an HTTP request means to a Request trigger."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.errors import Invalid, NotFound
from flowner.runs.requests import MAX_PARTS, content, request_outputs


def outputs(target: str = "", *, path: str = "", body: bytes = b"", **headers: str) -> Any:
    inputs = {"relativePath": path} if path else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request_outputs(inputs, target=target, headers=named, body=body)


def test_headers_queries_path_and_body() -> None:
    found = outputs(
        "/orders/12%2F3?a=1&b=%20x&sig=s&sv=1&sp=t&api-version=2",
        path="orders/{id}",
        body=b'{"n": 1}',
        Content_Type="application/json",
    )
    assert found == {
        "headers": {"Content-Type": "application/json"},
        "queries": {"a": "1", "b": " x"},
        "relativePathParameters": {"id": "12/3"},
        "body": {"n": 1},
    }


def test_nothing_gives_nothing() -> None:
    assert outputs() == {"headers": {}}


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json; charset=utf-8", b"[1, 2.0]", [1, 2.0]),
        ("application/problem+json", b'"x"', "x"),
        ("", b"{}", {}),
        ("", b"plain", "plain"),
        ("text/csv", "ä;b".encode(), "ä;b"),
        ("text/plain", b"\xff", "\ufffd"),
        ("image/png", b"\x00", {"$content-type": "image/png", "$content": "AA=="}),
        ("application/json", b'"\\ud800"', "\ufffd"),
        ("application/json", b"NaN", "NaN"),
        (
            "application/x-www-form-urlencoded",
            b"a=1&b=x+y&c",
            {
                "$content-type": "application/x-www-form-urlencoded",
                "$content": "YT0xJmI9eCt5JmM=",
                "$formdata": [
                    {"key": "a", "value": "1"},
                    {"key": "b", "value": "x y"},
                    {"key": "c", "value": ""},
                ],
            },
        ),
    ],
)
def test_content(kind: str, body: bytes, expected: Any) -> None:
    assert content(kind, body) == expected


def test_multipart() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain\r\n\r\nhi\r\n'
        b"--b\r\nX: y\r\n\r\n\r\n--b--\r\n"
    )
    found: Any = content('multipart/form-data; boundary="b"', body)
    assert found["$multipart"] == [
        {
            "headers": {
                "Content-Disposition": 'form-data; name="a"',
                "Content-Type": "text/plain",
                "Content-Length": "2",
            },
            "body": "hi",
        },
        {
            "headers": {"X": "y", "Content-Length": "0"},
            "body": {"$content-type": "application/octet-stream", "$content": ""},
        },
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"target": "/a/b", "path": "{x}"}, "must look like", id="a longer path"),
        pytest.param({"target": "/b/1", "path": "a/{x}"}, "must look like", id="another path"),
        pytest.param(
            {"target": "?" + "a=1&" * (MAX_PARTS + 1)}, "more than", id="too many queries"
        ),
        pytest.param({"body": b"{", "Content_Type": "application/json"}, "JSON", id="broken JSON"),
        pytest.param(
            {"body": b"[" * 100_000, "Content_Type": "application/json"}, "JSON", id="deep JSON"
        ),
        pytest.param(
            {"body": b"x", "Content_Type": "multipart/form-data"}, "boundary", id="no boundary"
        ),
        pytest.param(
            {
                "body": b"&" * MAX_PARTS,
                "Content_Type": "application/x-www-form-urlencoded",
            },
            "at most",
            id="too many fields",
        ),
    ],
)
def test_refused(arguments: Any, message: str) -> None:
    with pytest.raises((Invalid, NotFound), match=message):
        outputs(**arguments)
