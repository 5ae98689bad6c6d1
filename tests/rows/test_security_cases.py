"""The gathered cases of the security model, asked of the law and of the store.

The cases are read where they lie beside the checkout, and skipped where they do not. Each but the
grid's has its scene here, by the case's id: who there is, and what is then done.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flowner.access.rights import Right
from flowner.errors import AccessDenied, FlownerError, Invalid, Refused
from rows.scenes import SCENES
from rows.stage import Stage, make_tables, staged

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "rows" / "security_cases.json"
NOT_HERE = {
    "S205": "a function of the Web API",
    "S220": "signing in is the Web API's",
    "S240": "headers are the Web API's",
    "S249": "identity/test_running.py: the row's owner is a team: declared fallback",
    "S250": "identity/test_acting.py: rows without the mark act as the connection",
    "S309": "the store has no $expand",
}
"""Cases that neither the law nor the store decides; the file and the id of a test that does."""
STATUS = {AccessDenied: 403, Refused: 400, Invalid: 400}


def cases() -> list[dict[str, Any]]:
    if not CASES.exists():
        return []
    found: list[dict[str, Any]] = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
    return found


GRID = [case for case in cases() if case["group"].startswith("depth/")]
OTHERS = [case for case in cases() if not case["group"].startswith("depth/")]


@pytest.fixture(scope="module")
def store(database, run):
    return run(make_tables(database))


def ids(case: dict[str, Any]) -> str:
    return str(case["id"])


def told(case: dict[str, Any]) -> tuple[str, int | None, str | None]:
    error = case.get("error") or {}
    return case["expect"], error.get("status"), error.get("code")


async def outcome(done: Any) -> tuple[str, int | None, str | None]:
    try:
        return await done or "allowed", None, None
    except FlownerError as error:
        return "denied", STATUS[type(error)], error.code.value.lower()


@pytest.mark.skipif(not CASES.exists(), reason="the gathered cases are not here")
def test_every_case_is_asked_or_listed() -> None:
    assert {case["id"] for case in OTHERS} == set(SCENES) | set(NOT_HERE)
    assert not set(SCENES) & set(NOT_HERE)
    assert len(GRID) == 160


@pytest.mark.parametrize("why", [why for why in NOT_HERE.values() if why.startswith("identity/")])
def test_what_is_tested_elsewhere_is_tested_there(why: str) -> None:
    file, _, id = why.partition(": ")
    text = (Path(__file__).resolve().parents[1] / file).read_text(encoding="utf-8")
    assert f'id="{id}"' in text


@pytest.mark.parametrize("case", GRID, ids=ids)
def test_a_depth_reaches_as_far_as_it_says(case, store, database, run) -> None:
    async def story() -> tuple[str, int | None, str | None]:
        async with staged(store, database) as stage:
            return await outcome(play_grid(stage, case))

    assert run(story()) == told(case), case["operation"]


@pytest.mark.parametrize("case", OTHERS, ids=ids)
def test_a_case_ends_as_it_is_told(case, store, database, run) -> None:
    if case["id"] in NOT_HERE:
        pytest.skip(NOT_HERE[case["id"]])

    async def story() -> tuple[str, int | None, str | None]:
        async with staged(store, database) as stage:
            return await outcome(SCENES[case["id"]](stage))

    found = run(story())
    expected = told(case)
    if case["expect"] == "denied" and "error" not in case:
        assert found[0] == "denied", case["operation"]
    else:
        assert found == expected, case["operation"]


async def play_grid(stage: Stage, case: dict[str, Any]) -> None:
    setup, what = case["setup"], case["group"].removeprefix("depth/")
    others = setup["others_roles"] or {"account": {"Read": "Global"}}
    others = {**others, "contact": {"Read": "Global"}}
    await stage.user("me", "bu1", setup["me_roles"])
    for name, unit in (("peer", "bu1"), ("child", "bu2"), ("rootuser", "root"), ("sib", "buX")):
        await stage.user(name, unit, others)
    owner = setup["row"]["owner"]
    account = await stage.row("account", "me" if "AppendTo" in what else owner)
    contact = await stage.row("contact", owner if "AppendTo" in what else "me")
    right = Right(re.sub("On(Create|Update)", "", what))
    place = ("contact", contact) if "AppendTo" in what else ("account", account)
    verdict = await stage.decide("me", right, *place)
    assert verdict.allowed == (case["expect"] == "allowed"), verdict.because
    bind = {"primarycontactid@odata.bind": f"/contacts({contact})"}
    match what:
        case "Create":
            await stage.create("me", "account", owner)
        case "Read":
            await stage.get("me", "account", account)
            assert account in await stage.list("me", "account")
        case "Write":
            await stage.update("me", "account", account)
        case "Delete":
            await stage.delete("me", "account", account)
        case "AppendOnCreate":
            await stage.create("me", "account", owner, **bind)
        case "AppendToOnCreate":
            await stage.create("me", "account", "me", **bind)
        case _:
            await stage.update("me", "account", account, **bind)
