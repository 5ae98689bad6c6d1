"""Old actions name a method and a path: which operation answers, and with what parameters."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.server import connectors

ROWS, MAIL, PEOPLE = "shared_commondataservice", "shared_office365", "shared_office365users"
ITEMS = "/v2/datasets/default.cds/tables/accounts/items"
PLACE = {"dataset": "default.cds", "table": "accounts"}


@pytest.mark.parametrize(
    ("connector", "inputs", "expected"),
    [
        pytest.param(
            ROWS, {"method": "get", "path": ITEMS, "queries": {"$filter": "name eq 'a'"}},
            ("GetItems_V2", {**PLACE, "$filter": "name eq 'a'"}),
            id="queries are parameters",
        ),
        pytest.param(
            ROWS, {"method": "post", "path": ITEMS, "body": {"name": "a"}},
            ("PostItem_V2", {**PLACE, "body": {"name": "a"}}), id="the body is one too",
        ),
        pytest.param(
            ROWS, {"method": "PATCH", "path": f"{ITEMS}/1%252F2", "body": {}},
            ("PatchItem_V2", {**PLACE, "id": "1/2", "body": {}}),
            id="segments are encoded twice",
        ),
        pytest.param(ROWS, {"method": "put", "path": ITEMS}, None, id="no such method"),
        pytest.param(ROWS, {"method": "get", "path": "/v3/elsewhere"}, None, id="no such path"),
        pytest.param(MAIL, {"method": "post", "path": "/v2/Mail", "body": {"To": "a"}},
                     ("SendEmailV2", {"body": {"To": "a"}}), id="mail"),
        pytest.param(MAIL, {"method": "get", "path": "/v2/Mail"}, None, id="mail is not read"),
        pytest.param(PEOPLE, {"path": "/codeless/v1.0/me"}, ("MyProfile_V2", {}),
                     id="me; without a method it is GET"),
        pytest.param(PEOPLE, {"method": "get", "path": "/codeless/v1.0/users/a%40b.example"},
                     ("UserProfile_V2", {"id": "a@b.example"}), id="somebody"),
        pytest.param(PEOPLE, {"method": "get", "path": "/codeless/v1.0/users/a/manager"},
                     ("Manager_V2", {"id": "a"}), id="a manager"),
        pytest.param(PEOPLE, {"method": "get", "path": "/users/a/directReports"},
                     ("DirectReports", {"id": "a"}), id="reports, first version"),
        pytest.param(PEOPLE, {"method": "get", "path": "/users/a/photo"}, None, id="no photo"),
        pytest.param(PEOPLE, {"method": "post", "path": "/users/a"}, None, id="nobody is made"),
    ],
)  # fmt: skip
def test_an_old_call(connector: str, inputs: dict[str, Any], expected: object) -> None:
    assert connectors()[connector].legacy_call(inputs) == expected
