"""``$metadata`` describes the service so that clients find their way by it alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from flowner.webapi import actions, definitions, operations
from flowner.webapi.csdl import Description
from webapi.conftest import SPACE, Door, column, refused
from webapi.test_clients import play

NAMES = {"e": "http://docs.oasis-open.org/odata/ns/edm",
         "x": "http://docs.oasis-open.org/odata/ns/edmx"}  # fmt: skip
SCRIPT = Path(__file__).parent / "reflecting.py"


@pytest.fixture
def described(door: Door) -> etree._Element:
    answer = door.get("$metadata", "guest")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/xml")
    return etree.fromstring(answer.content)


def all_of(root: etree._Element, path: str) -> list[etree._Element]:
    return root.findall(f".//{path}", NAMES)


def test_a_table_is_a_type_with_key_columns_and_ways_on(described: etree._Element) -> None:
    schema = described.find("x:DataServices/e:Schema", NAMES)
    assert schema is not None
    assert schema.attrib == {"Namespace": SPACE.rstrip("."), "Alias": "mscrm"}
    (account,) = all_of(described, "e:EntityType[@Name='account']")
    assert account.get("BaseType") == "mscrm.crmbaseentity"
    assert [one.get("Name") for one in account.findall("e:Key/e:PropertyRef", NAMES)] == [
        "accountid"
    ]
    types = {one.get("Name"): one.get("Type") for one in account.findall("e:Property", NAMES)}
    assert types["accountid"] == types["_primarycontactid_value"] == "Edm.Guid"
    assert types["revenue"] == "Edm.Decimal"
    assert types["createdon"] == "Edm.DateTimeOffset"
    ways = {one.get("Name"): one for one in account.findall("e:NavigationProperty", NAMES)}
    assert ways["primarycontactid"].get("Type") == "mscrm.contact"
    assert ways["ownerid"].get("Type") == "mscrm.principal"
    assert ways["contact_customer_accounts"].get("Type") == "Collection(mscrm.contact)"
    rule = ways["primarycontactid"].find("e:ReferentialConstraint", NAMES)
    assert rule is not None
    assert rule.attrib == {"Property": "_primarycontactid_value", "ReferencedProperty": "contactid"}


def test_what_a_row_shows_is_what_is_described(door: Door, described: etree._Element) -> None:
    for name, set_name in (("account", "accounts"), ("systemuser", "systemusers")):
        if name == "account":
            door.make("accounts", name="described")
        row = door.value(f"{set_name}?$top=1", "admin")[0]
        (entity,) = all_of(described, f"e:EntityType[@Name='{name}']")
        found = {one.get("Name") for one in entity.findall("e:Property", NAMES)}
        assert found == {name for name in row if "@" not in name}


def test_every_name_leads_somewhere(described: etree._Element) -> None:
    known = {one.get("Name") for kind in ("EntityType", "ComplexType", "EnumType")
             for one in all_of(described, f"e:{kind}")}  # fmt: skip
    sets = {one.get("Name"): one for one in all_of(described, "e:EntitySet")}
    ways = {
        (entity.get("Name"), one.get("Name")): one
        for entity in all_of(described, "e:EntityType")
        for one in entity.findall("e:NavigationProperty", NAMES)
    }
    for one in described.iter(etree.Element):
        for attribute in ("Type", "BaseType"):
            type = (one.get(attribute) or "").removeprefix("Collection(").removesuffix(")")
            assert not type.startswith("mscrm.") or type.removeprefix("mscrm.") in known, type
    for name, one in sets.items():
        assert one.get("EntityType", "").removeprefix(SPACE) in known
        for binding in one.findall("e:NavigationPropertyBinding", NAMES):
            assert binding.get("Target") in sets, (name, binding.get("Path"))
    for (name, _), one in ways.items():
        if one.get("Partner"):
            other = one.get("Type", "").removeprefix("Collection(").removesuffix(")")
            back = ways[other.removeprefix("mscrm."), one.get("Partner")]
            assert back.get("Type", "").strip("()").endswith((f".{name}", f".{name})")), name
    for entity in all_of(described, "e:EntityType"):
        names = [one.get("Name") for one in entity if one.get("Name")]
        assert len(set(names)) == len(names)


def test_everything_that_is_answered_is_described(described: etree._Element) -> None:
    calls = {one.get("Name"): one for kind in ("Function", "Action")
             for one in all_of(described, f"e:{kind}")}  # fmt: skip
    bound = {name for of in operations.OF_ROWS.values() for name in of}
    others = {name for name in definitions.ANSWERERS if name.startswith("Retrieve")}
    answered = {*actions.UNBOUND, *operations.UNBOUND, *actions.OF_SETS, *bound, *others}
    assert set(calls) == answered
    for name, (method, _) in operations.UNBOUND.items():
        assert (method == "GET") == calls[name].tag.endswith("Function"), name
    imported = {one.get("Name") for kind in ("FunctionImport", "ActionImport")
                for one in all_of(described, f"e:{kind}")}  # fmt: skip
    assert imported == answered - bound - set(actions.OF_SETS)
    multiple = [one for one in all_of(described, "e:Action") if one.get("Name") == "CreateMultiple"]
    assert "Collection(mscrm.account)" in {
        one.findall("e:Parameter", NAMES)[0].get("Type") for one in multiple
    }


def test_a_new_column_is_described_at_once(door: Door) -> None:
    before = door.get("$metadata").content
    assert door.get("$metadata?annotations=true").content == before
    assert b'"new_described"' not in before
    made = door.ask("POST", "EntityDefinitions(LogicalName='account')/Attributes", "admin",
                    json=column("Decimal", "new_described"))  # fmt: skip
    assert made.status_code == 204
    assert b'"new_described"' in door.get("$metadata").content
    refused(door.get("$metadata?$select=x"), 400)
    refused(door.get("$metadata/x"), 405, "0x8006088a")
    assert door.ask("GET", "$metadata", None).status_code == 401


def test_the_document_is_made_once_for_each_state() -> None:
    description, state = Description(), {}
    first = description.document({}, state)
    assert description.document({}, state) is first
    assert description.document({}, {}) is not first


@pytest.fixture(scope="session")
def reflecting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has a client which knows nothing but ``$metadata``."""
    folder = tmp_path_factory.mktemp("reflecting")
    python = folder / "bin" / "python"
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, check=False)
    install = [python, "-m", "pip", "install", "--quiet", "python-odata==0.8.1"]
    if made.returncode or subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip("python-odata cannot be had here")
    return python


def test_a_client_finds_its_way_by_reflection(door: Door, reflecting: Path) -> None:
    said = play(door, reflecting, str(SCRIPT))
    assert said.split() == ["made", "found", "changed", "followed", "called", "deleted"], said
