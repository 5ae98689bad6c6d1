"""A flow's parameters, and the environment variables behind some of them."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.definitions.flow import Flow
from flowner.errors import Invalid
from flowner.runs.parameters import resolve
from flowner.runs.simulation import simulate
from worlds.flows import compiled, compose


def flow(type: str = "String", **members: Any) -> Flow:
    declared = {"type": type, "metadata": {"schemaName": "cr_limit"}, **members}
    found = compiled({}, parameters={"Limit (cr_limit)": declared}).flow
    assert found.parameters["Limit (cr_limit)"].schema_name == "cr_limit"
    return found


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        ("String", "5", "5"),
        ("Int", "5", 5),
        ("Float", "0.5", 0.5),
        ("Bool", "Yes", True),
        ("bool", "false", False),
        ("Array", "[1]", [1]),
        ("Object", '{"a": 1}', {"a": 1}),
        ("Int", 7, 7),
    ],
)
def test_an_environment_variable_takes_its_type(type: str, text: Any, value: Any) -> None:
    found = resolve(flow(type), given={}, environment={"cr_limit": text})
    assert found == {"Limit (cr_limit)": value}


def test_given_goes_before_environment_and_that_before_default() -> None:
    asked = flow(defaultValue="d")
    name = "Limit (cr_limit)"
    environment = {"cr_limit": "e"}
    assert resolve(asked, given={name: "g"}, environment=environment) == {name: "g"}
    assert resolve(asked, given={}, environment=environment) == {name: "e"}
    assert resolve(asked, given={}, environment={}) == {name: "d"}


@pytest.mark.parametrize(
    ("type", "text"), [("Int", "five"), ("Bool", "maybe"), ("Array", "["), ("Object", "[" * 99_999)]
)
def test_a_value_that_cannot_be(type: str, text: str) -> None:
    with pytest.raises(Invalid, match="cr_limit"):
        resolve(flow(type), given={}, environment={"cr_limit": text})


def test_a_parameter_without_any_value() -> None:
    with pytest.raises(Invalid, match="no value"):
        resolve(flow(), given={}, environment={})


def test_expressions_find_parameters_in_any_case() -> None:
    parameters = {"Url": {"type": "String", "defaultValue": "d"}}
    asked = compiled({"A": compose("@parameters('URL')")}, parameters=parameters)
    assert simulate(asked).record.actions["A"].outputs == "d"
    given = simulate(asked, parameters={"Url": "g"})
    assert given.record.actions["A"].outputs == "g"
