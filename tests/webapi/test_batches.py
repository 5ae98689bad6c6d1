"""Batches over HTTP: what clients really send, and what is undone when something goes wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from webapi.conftest import Door, refused

ABSENT = "11111111-2222-3333-4444-555555555555"


def part(method: str, url: str, body: Any = None, id: str | None = None, **headers: str) -> str:
    """Write one request as a part, with LF alone; `send` makes CRLF of it where it is asked to."""
    head = "Content-Type: application/http\nContent-Transfer-Encoding:binary\n"
    head += f"Content-ID: {id}\n" if id else ""
    lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
    text = "" if body is None else json.dumps(body)
    return f"{head}\n{method} {url} HTTP/1.1\nContent-Type: application/json\n{lines}\n{text}\n"


def many(*parts: str, boundary: str = "b_1") -> str:
    return "".join(f"--{boundary}\n{one}" for one in parts) + f"--{boundary}--\n"


def change_set(*parts: str) -> str:
    return f"Content-Type: multipart/mixed; boundary=c_1\n\n{many(*parts, boundary='c_1')}"


def send(door: Door, text: str, *, crlf: bool = True, quoted: bool = True, **headers: str) -> Any:
    body = text.replace("\n", "\r\n") if crlf else text
    kind = 'multipart/mixed; boundary="b_1"' if quoted else "multipart/mixed;boundary=b_1"
    return door.ask("POST", "$batch", content=body.encode(),
                    headers={"Content-Type": kind, **headers})  # fmt: skip


def statuses(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    boundary = re.search(r"boundary=(\S+)", answer.headers["content-type"])
    assert boundary is not None
    assert answer.text.startswith(f"--{boundary[1]}\r\n")
    assert answer.text.endswith(f"--{boundary[1]}--\r\n")
    assert "\n" not in answer.text.replace("\r\n", "")
    return [int(status) for status in re.findall(r"HTTP/1.1 (\d+)", answer.text)]


@pytest.mark.parametrize("crlf", [True, False])
@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("form", ["{base}/accounts", "/api/data/v9.2/accounts", "accounts"])
def test_a_batch_is_read_however_it_is_written(
    door: Door, crlf: bool, quoted: bool, form: str
) -> None:
    url = form.format(base=f"{door.address}/api/data/v9.2")
    text = many(part("POST", url, {"name": "b"}),
                part("GET", f"{url}?$select=name&$filter=name eq 'b'&$top=1"))  # fmt: skip
    answer = send(door, text, crlf=crlf, quoted=quoted)
    assert statuses(answer) == [204, 200]
    assert "OData-EntityId: " in answer.text
    assert '"name": "b"' in answer.text


def test_after_an_error_nothing_more_is_done_unless_one_prefers_to_go_on(door: Door) -> None:
    text = many(part("GET", f"accounts({ABSENT})"), part("GET", "WhoAmI"))
    assert statuses(send(door, text)) == [404]
    assert statuses(send(door, text, Prefer="odata.continue-on-error")) == [404, 200]


def test_a_change_set_refers_to_what_it_makes(door: Door) -> None:
    text = many(change_set(
        part("POST", "accounts", {"name": "cs parent"}, "1"),
        part("POST", "accounts", {"name": "cs child", "parentaccountid@odata.bind": "$1"}, "2"),
        part("PATCH", "$1", {"telephone1": "7"}, "3"),
        part("PUT", "$2/telephone1", {"value": "8"}, "4"),
    ))  # fmt: skip
    answer = send(door, text)
    assert statuses(answer) == [204, 204, 204, 204]
    assert [f"Content-ID: {at}" in answer.text for at in range(1, 5)] == [True] * 4
    query = "accounts?$filter=name eq 'cs child'&$expand=parentaccountid"
    (child,) = door.value(query)
    assert (child["telephone1"], child["parentaccountid"]["telephone1"]) == ("8", "7")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        pytest.param(part("POST", "accounts", {"nothing": 1}, "2"), 400, id="a bad body"),
        pytest.param(part("DELETE", f"accounts({ABSENT})", None, "2"), 404, id="no such row"),
        pytest.param(part("PUT", "accounts", {}, "2"), 405, id="no such method"),
        pytest.param(
            part("PATCH", "accounts(accountnumber='cs')", {"accountnumber": "cs"}, "2",
                 **{"If-None-Match": "*"}), 412, id="there already"),
        pytest.param(part("POST", "accounts", {"accountnumber": "cs"}, "2"), 412, id="key twice"),
    ],
)  # fmt: skip
def test_a_change_set_is_carried_out_whole_or_not_at_all(
    door: Door, wrong: str, status: int
) -> None:
    door.ask("PATCH", "accounts(accountnumber='cs')", json={"name": "taken"})
    before = door.get("accounts/$count").text
    good = part("POST", "accounts", {"name": "gone again"}, "1")
    text = many(change_set(good, wrong), part("GET", "WhoAmI"))
    assert statuses(send(door, text)) == [status]
    assert "changesetresponse" not in send(door, text).text
    assert door.get("accounts/$count").text == before
    assert statuses(send(door, text, Prefer="odata.continue-on-error")) == [status, 200]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("--b_1\n", id="not closed"),
        pytest.param(many("nonsense"), id="no request"),
        pytest.param(
            many(change_set(part("GET", "WhoAmI", None, "1"))), id="a GET in a change set"
        ),
        pytest.param(many(*[part("GET", "WhoAmI")] * 1001), id="too many"),
        pytest.param(many(part("GET", "http://elsewhere.example/x")), id="elsewhere"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused(door: Door, text: str) -> None:
    refused(send(door, text), 400)


def test_a_batch_in_a_batch_and_a_table_in_a_change_set_are_refused(door: Door) -> None:
    assert statuses(send(door, many(part("POST", "$batch", {})))) == [404]
    table = {"SchemaName": "cs_table", "Attributes": []}
    text = many(change_set(part("POST", "EntityDefinitions", table, "1")))
    assert statuses(send(door, text)) == [400]


def test_each_part_is_under_the_law(door: Door) -> None:
    id = door.make("accounts", "ben", name="Ben's")
    text = many(part("GET", f"accounts({id})"), part("DELETE", f"accounts({id})"))
    assert statuses(send(door, text, Prefer="odata.continue-on-error")) == [403, 403]
    acting = many(part("GET", "WhoAmI", None, None, MSCRMCallerID=door.people["ben"]))
    assert statuses(send(door, acting)) == [403]
