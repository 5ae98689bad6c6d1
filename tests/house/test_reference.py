"""The reference is whole: what the code offers has a heading, and no heading is of nothing."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

import click
import pytest
import typer.main

from flowner.access.decide import Permit, decide_connection, decide_flow
from flowner.access.rights import Depth, Right
from flowner.access.vocabulary import (
    ConnectionAction,
    ConnectionRole,
    ConnectionShare,
    FlowAction,
    FlowFacts,
    FlowRole,
    FlowShare,
)
from flowner.cli import app
from flowner.errors import Code
from flowner.rows.facts import ACT_FOR_OTHERS
from flowner.rows.privileges import PROVISION
from flowner.sdk.connector import Connector, Repeat
from flowner.sdk.context import Answer, OperationContext
from flowner.server import connectors
from flowner.values import AppId, JsonObject, PrincipalId
from house.pages import REFERENCE, called_twice, operations_page
from house.rules import SOURCE, modules
from worlds import small

OPERATIONS = [
    operation
    for connector in {one.ids: one for one in connectors().values()}.values()
    for operation in connector.operations.values()
]


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def headings(text: str, level: int = 3) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", text, re.MULTILINE)


def sections(text: str, level: int) -> dict[str, str]:
    parts = re.split(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


# settings


def settings_read(source: str) -> set[str]:
    return set(re.findall(r"\"(FLOWNER_[A-Z_]+)\"", source))


def test_every_setting_has_a_heading_and_every_heading_is_a_setting() -> None:
    read = settings_read((SOURCE / "settings.py").read_text(encoding="utf-8"))
    assert {name.strip("`") for name in headings(page("settings"))} == read
    assert len(read) > 5


def test_a_setting_that_is_read_is_noticed() -> None:
    assert settings_read('given.get("FLOWNER_SECRET_DOOR")') == {"FLOWNER_SECRET_DOOR"}


def test_no_setting_is_read_outside() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.name != "settings.py":
            assert not settings_read(path.read_text(encoding="utf-8")), path


# errors


def advice_codes(trees: list[ast.Module]) -> set[str]:
    """Return the codes of findings that are no `Code`: texts, written out or by a constant's name.

    A finding that stops something has a `Code`; advice stops nothing.
    """
    constants = {
        target.id: node.value.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    given = [
        part
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
        for keyword in node.keywords
        if keyword.arg == "code"
        for part in ast.walk(keyword.value)
    ]
    written = {part.value for part in given if isinstance(part, ast.Constant)}
    return written | {
        constants[p.id] for p in given if isinstance(p, ast.Name) and p.id in constants
    }


def test_a_code_of_advice_is_noticed() -> None:
    written = 'ODD = "Odd"\nFinding(code=ODD if x else Code.BAD_REQUEST)\nFinding(code="Even")'
    assert advice_codes([ast.parse(written)]) == {"Odd", "Even"}


def test_every_error_code_has_a_heading_and_every_heading_is_one() -> None:
    found = [name.strip("`") for name in headings(page("errors"))]
    assert len(found) == len(set(found))
    assert set(found) == {code.value for code in Code} | advice_codes(
        [module.tree for module in modules()]
    )


def test_every_error_code_says_more_than_its_name() -> None:
    said = sections(page("errors"), 3)
    assert [code for code, text in said.items() if len(text.strip()) < 30] == []


def test_no_code_is_used_twice() -> None:
    assert len({code.value.lower() for code in Code}) == len(Code.__members__)


# operations


def test_the_page_of_operations_is_what_the_connectors_say() -> None:
    assert page("operations") == operations_page(connectors()), (
        "write it anew: `python tests/house/pages.py`"
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_every_operation_says_what_happens_when_it_is_called_twice(operation) -> None:
    assert called_twice(operation)
    assert f"### `{operation.id}`" in page("operations")
    reads = called_twice(operation) == "it reads twice."
    assert reads == (operation.repeat is Repeat.HARMLESS)


def test_an_operation_that_does_not_say_it_is_noticed() -> None:
    silent = Connector(ids=("silent",), title="Silent")

    @silent.operation("Do", title="Do", repeat=Repeat.NEVER)
    async def do(parameters: JsonObject, context: OperationContext) -> Answer:
        """Do it."""
        del parameters, context
        return Answer()

    assert called_twice(silent.operations["Do"]) == ""
    assert operations_page({"silent": silent}) != operations_page({})


# the command line


def commands() -> dict[str, click.Command]:
    """Return every command by its words: ``people add`` is in the group ``people``."""
    found: dict[str, click.Command] = {}
    for name, command in typer.main.get_command(app).commands.items():
        inside = getattr(command, "commands", None)
        if inside is None:
            found[name] = command
        else:
            found |= {f"{name} {inner}": one for inner, one in inside.items()}
    return found


def parameters(command: click.Command) -> set[str]:
    """Return a command's options as they are typed, and its arguments in capitals."""
    found: set[str] = set()
    for one in command.params:
        if one.param_type_name == "argument":
            found.add(str(one.name).upper())
        elif one.name != "help":
            found |= {*one.opts, *one.secondary_opts}
    return found


def documented(section: str) -> set[str]:
    lines = re.findall(r"^- (.+?): ", section, re.MULTILINE)
    return {name for line in lines for name in re.findall(r"`([^`]+)`", line)}


def test_every_command_has_a_heading_and_every_heading_is_one() -> None:
    assert headings(page("cli"), 2) == [f"`flowner {name}`" for name in commands()]


@pytest.mark.parametrize("name", commands())
def test_every_option_of_a_command_has_its_line(name: str) -> None:
    section = sections(page("cli"), 2)[f"`flowner {name}`"]
    assert documented(section) == parameters(commands()[name])


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_helps(name: str) -> None:
    command = commands()[name]
    assert command.help
    silent = [one.name for one in command.params
              if one.param_type_name == "option" and one.name != "limit"
              and not getattr(one, "help", None)]  # fmt: skip
    assert silent == []


# permissions


def words(action: FlowAction | ConnectionAction) -> str:
    return action.name.lower().replace("_", " ")


def table(text: str, title: str) -> dict[tuple[str, str], bool]:
    """Read a table of the page: by row and column, whether it says yes."""
    lines = [line for line in sections(text, 2)[title].splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {
        (row[0], column): cell == "yes"
        for row in rows[2:]
        for column, cell in zip(rows[0][1:], row[1:], strict=True)
    }


def test_the_page_says_of_flows_what_the_law_says() -> None:
    shares = (("co-owner", FlowRole.CO_OWNER, None), ("run-only", FlowRole.RUN_ONLY, None),
              ("through an app", FlowRole.RUN_ONLY, AppId("app")))  # fmt: skip
    facts = FlowFacts(
        id=small.FLOW, name="Flow", owner=PrincipalId("primary owner"), version=1,
        shares=frozenset(FlowShare(PrincipalId(who), role, app) for who, role, app in shares),
    )  # fmt: skip
    people = {name: small.person(name) for name in ("primary owner", *(one[0] for one in shares))}
    people["administrator"] = small.person("administrator", administrator=True)
    assert table(page("permissions"), "Flows") == {
        (words(action), name): isinstance(
            decide_flow(person.who, action, facts, within=AppId("app")), Permit
        )
        for name, person in people.items()
        for action in FlowAction
    }


def test_the_page_says_of_connections_what_the_law_says() -> None:
    held = frozenset(ConnectionShare(PrincipalId(role.value), role) for role in ConnectionRole)
    facts = replace(small.connection("c", "owner"), shares=held)
    people = {name: small.person(name) for name in ("owner", *ConnectionRole)}
    people["administrator"] = small.person("administrator", administrator=True)
    assert table(page("permissions"), "Connections") == {
        (words(action), str(name)): isinstance(decide_connection(person.who, action, facts), Permit)
        for name, person in people.items()
        for action in ConnectionAction
    }


def test_every_permission_has_a_heading_and_every_heading_is_one() -> None:
    said = {title: headings(text) for title, text in sections(page("permissions"), 2).items()}
    assert said == {
        "Flows": [words(action) for action in FlowAction],
        "Connections": [
            words(one) + ("" if words(one) in ("use", "see") else " (a connection)")
            for one in ConnectionAction
        ],
        "Rows": [right.value for right in Right],
        "Privileges": [f"`{ACT_FOR_OTHERS}`", f"`{PROVISION}`"],
    }
    assert all(f"*{depth.name.lower()}*" in page("permissions") for depth in Depth)
