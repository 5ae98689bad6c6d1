"""The documentation says what is so: its commands exist, its examples run, its links lead there."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import typer

from docs.blocks import ROOT, Block, Command, blocks, commands, pages
from docs.stories import STORIES, beginning, shape
from flowner.cli import app
from flowner.server import connectors
from house.test_repository import dead

COMMAND = typer.main.get_command(app)
PAGES = pages()


def named(page: Path) -> Iterator[Command]:
    for block in blocks(page, "console"):
        for command in commands(block):
            if command.words[0].rpartition("/")[2] == "flowner":
                yield command


def unknown(words: list[str]) -> list[str]:
    """Return what a command line of ours says that ``flowner`` does not know."""
    command, rest = COMMAND, words
    while hasattr(command, "commands") and rest:
        if rest[0] not in command.commands:
            return [rest[0]]
        command, rest = command.commands[rest[0]], rest[1:]
    known = {"--help"} | {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    return [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]


def of_all(*languages: str) -> list[object]:
    found = [block for page in PAGES for block in blocks(page, *languages)]
    return [pytest.param(block, id=block.where) for block in found]


def ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_of_the_page_leads_somewhere(page: Path) -> None:
    assert dead(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_named_exists_with_its_options(page: Path) -> None:
    wrong = {command.given: lost for command in named(page) if (lost := unknown(command.words[1:]))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        (["check", "x.json", "--json"], []),
        (["check", "--jsno"], ["--jsno"]),
        (["chekc"], ["chekc"]),
    ],
)
def test_a_wrong_command_is_noticed(words: list[str], lost: list[str]) -> None:
    assert unknown(words) == lost


@pytest.mark.parametrize("block", of_all("json"))
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", of_all("python"))
def test_examples_run(block: Block) -> None:
    code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec")
    exec(code, {"__name__": "__main__"})  # noqa: S102 - the pages are ours


@pytest.mark.parametrize("story", STORIES)
def test_what_the_pages_print_is_what_is_printed(
    story: str, server_url: str, tmp_path: Path
) -> None:
    name = f"docs_{list(STORIES).index(story)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_flowner")
    head, _, tail = server_url.partition("?")
    url = head.rsplit("/", 1)[0] + f"/{name}" + (f"?{tail}" if tail else "")
    with beginning(url, tmp_path) as life:
        for block in (b for page in STORIES[story] for b in blocks(ROOT / page, "console")):
            for command, said in life.live(block):
                assert shape(said) == shape(command.shown), f"{block.where} {command.given}"


def test_a_word_stands_once_in_the_glossary() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.MULTILINE)
    assert len(words) > 80
    assert sorted(words) == sorted(set(words))


def test_every_dependency_says_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.match(r"[\w-]+", one)[0] for one in project["dependencies"]}
    text = (ROOT / "docs" / "decisions" / "0009-dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    said = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert said - {"binary", "pool"} == names


def test_every_package_and_contract_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    said = set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))
    tree = (ROOT / "src" / "flowner").iterdir()
    packages = {one.stem for one in tree if not one.name.startswith("_")}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {one["id"] for one in settings["tool"]["importlinter"]["contracts"]}
    assert said == packages | contracts


SOURCE = ROOT / "src" / "flowner"
MISSING = {("README.md", "most connectors"): lambda: len(connectors()) > 200}
"""What pages say is not there, and whether it is."""


@pytest.mark.parametrize("claim", MISSING, ids=lambda claim: claim[1])
def test_what_is_said_to_be_missing_is_missing(claim: tuple[str, str]) -> None:
    page, words = claim
    assert (words in (ROOT / page).read_text(encoding="utf-8")) != MISSING[claim]()


def test_a_file_named_in_the_pages_exists() -> None:
    roots = (ROOT, ROOT / "src" / "flowner")
    lost = {
        f"{page.name}: {name}"
        for page in PAGES
        for name in re.findall(r"`([\w/]+/[\w/.-]+\.(?:py|txt|toml|md))`", page.read_text("utf-8"))
        if not any((root / name).exists() for root in roots)
    }
    assert lost == set()


def test_a_test_named_in_the_pages_exists() -> None:
    known = {
        match[1]
        for path in (ROOT / "tests").rglob("*.py")
        for match in re.finditer(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }
    lost = {
        f"{page.name}: {name}"
        for page in PAGES
        for name in re.findall(r"`(test_[a-z_]+)`", page.read_text(encoding="utf-8"))
    }
    assert {one for one in lost if one.partition(": ")[2] not in known} == set()
