"""Lists that are longer than one answer: pages are joined, as far as the author asked."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.engine.outcomes import ask_for, wanted_items
from flowner.runs.commands import Failure, Success
from flowner.sdk.connector import Connector, Repeat
from flowner.sdk.context import Answer, OperationContext, Rejected
from flowner.server import connectors
from flowner.values import JsonObject

CONTEXT = OperationContext(idempotency_key="", account="")


def paged(pages: list[Any], repeat: Repeat = Repeat.HARMLESS) -> tuple[Connector, list[Any]]:
    asked: list[Any] = []

    def following(body: JsonObject, parameters: JsonObject) -> JsonObject | None:
        return {**parameters, "page": body["next"]} if "next" in body else None

    found = Connector(ids=("paged",), title="Paged", next_page=following)

    @found.operation("List", title="List", repeat=repeat)
    async def list_all(parameters: JsonObject, context: OperationContext) -> Answer:
        del context
        asked.append(parameters.get("page", 0))
        page = pages[int(str(parameters.get("page", 0)))]
        if isinstance(page, Exception):
            raise page
        return Answer(body=page)

    return found, asked


PAGES = [{"value": [1, 2], "next": 1, "name": "n"}, {"value": [3], "next": 2}, {"value": [4, 5]}]


@pytest.mark.parametrize(
    ("minimum", "asked", "items"),
    [
        pytest.param(0, [0], [1, 2], id="one page, unless more is asked for"),
        pytest.param(2, [0], [1, 2], id="enough is enough"),
        pytest.param(3, [0, 1], [1, 2, 3], id="as many pages as it takes"),
        pytest.param(100, [0, 1, 2], [1, 2, 3, 4, 5], id="to the last"),
    ],
)
def test_pages_are_joined(run, minimum: int, asked: list[int], items: list[int]) -> None:
    found, calls = paged(PAGES)
    outcome, _ = run(ask_for(minimum, found, found.operations["List"], {}, CONTEXT))
    assert isinstance(outcome, Success)
    assert isinstance(outcome.body, dict)
    assert outcome.body["value"] == items
    assert ("next" in outcome.body) == (items[-1] < 4)
    assert calls == asked


def test_a_page_that_fails_fails_the_whole(run) -> None:
    found, _ = paged([PAGES[0], Rejected("no", status=403)])
    outcome, _ = run(ask_for(10, found, found.operations["List"], {}, CONTEXT))
    assert isinstance(outcome, Failure)


def test_what_is_no_list_or_no_read_is_asked_once(run) -> None:
    single, calls = paged([{"next": 0}])
    run(ask_for(10, single, single.operations["List"], {}, CONTEXT))
    writes, written = paged(PAGES, Repeat.WITH_KEY)
    run(ask_for(10, writes, writes.operations["List"], {}, CONTEXT))
    assert (calls, written) == ([0], [0])


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({}, 0),
        ({"paginationPolicy": {"minimumItemCount": 7}}, 7),
        ({"paginationPolicy": {"minimumItemCount": 10**9}}, 100_000),
        ({"paginationPolicy": {"minimumItemCount": "7"}}, 0),
        ({"paginationPolicy": 7}, 0),
    ],
)
def test_what_the_author_asks_for(configuration: Any, expected: int) -> None:
    assert wanted_items(configuration) == expected


@pytest.mark.parametrize(
    ("connector", "body", "parameters", "expected"),
    [
        pytest.param(
            "shared_commondataserviceforapps",
            {"@odata.nextLink": "accounts?%24top=1&%24skiptoken=5000"}, {"entityName": "accounts"},
            {"entityName": "accounts", "$skiptoken": "5000"}, id="rows",
        ),
        pytest.param("shared_commondataserviceforapps", {}, {}, None, id="the last rows"),
        pytest.param(
            "http", {"nextLink": "/items?page=2"},
            {"uri": "https://a.example/items", "queries": {"page": 1}, "method": "GET"},
            {"uri": "https://a.example/items?page=2", "method": "GET"}, id="a link",
        ),
        pytest.param(
            "http", {"nextLink": "https://b.example/"}, {"uri": "https://a.example/"}, None,
            id="a link to another host is not followed",
        ),
    ],
)  # fmt: skip
def test_where_the_next_page_is(connector: str, body: Any, parameters: Any, expected: Any) -> None:
    following = connectors()[connector].next_page
    assert following is not None
    assert following(body, parameters) == expected
