"""The ownership map, and what stops when somebody leaves."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.errors import AccessDenied
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from worlds import written
from worlds.living import BUTTON, PROFILE, RECURRENCE, Living, embedded, provided


@pytest.fixture
def company(living: Living, run: Any) -> dict[str, Any]:
    """Olga's clock acts as Lena; Lena owns a button that each provides for; nobody's is off."""
    lent = run(living.connection("lena"))
    house = living.house
    lena, olga = run(living.person("lena")), run(living.person("olga"))
    clock = run(
        living.flow("lena", RECURRENCE, PROFILE, embedded("ref_map"), bind={"ref_map": lent})
    )
    run(house.sharing.hand_over(clock, olga, lena))
    button = run(living.flow("lena", BUTTON, PROFILE, provided()))
    unbound = run(living.bring("lena", BUTTON, PROFILE, embedded("ref_nowhere"))).flows[0].id
    admin = run(living.person("root", SYSTEM_ADMINISTRATOR))
    return {"clock": clock, "button": button, "unbound": unbound, "admin": admin, "lena": lena,
            "olga": olga, "lent": lent}  # fmt: skip


def test_the_map_has_owners_flows_and_accounts(living: Living, run: Any, company: Any) -> None:
    holdings = {one.flow: one for one in run(living.house.estate.everything(company["admin"]))}
    clock = holdings[company["clock"]]
    assert (clock.owner.name, clock.kind, clock.on, clock.runs_as_owner) == (
        "olga", "scheduled", True, True)  # fmt: skip
    (use,) = clock.uses
    assert (use.connection.account, use.owner.name, use.provided) == (
        f"lena@{written.PEOPLE}", "lena", False)  # fmt: skip
    assert (clock.problems, clock.is_orphaned) == ((), False)
    (use,) = holdings[company["button"]].uses
    assert (use.provided, use.connection, use.problem) == (True, None, None)
    assert "no connection" in holdings[company["unbound"]].problems[0]
    with pytest.raises(AccessDenied):
        run(living.house.estate.everything(company["olga"]))


def test_only_an_administrator_sees_everybody_and_hands_over_what_one_owns(
    living: Living, run: Any, company: Any
) -> None:
    administering, lena, olga = living.house.administering, company["lena"], company["olga"]
    for work in (
        administering.people(olga),
        administering.set_enabled(lena, olga, enabled=False),
        administering.hand_over_all(lena, olga, olga),
    ):
        with pytest.raises(AccessDenied):
            run(work)
    assert lena in [one.id for one in run(administering.people(company["admin"]))]
    run(administering.set_enabled(lena, company["admin"], enabled=True))
    handed = run(administering.hand_over_all(lena, olga, company["admin"]))
    assert company["button"] in handed
    assert run(living.house.estate.of(lena, company["admin"])).owns == ()


def test_what_stops_when_somebody_leaves_is_said_before(
    living: Living, run: Any, company: Any
) -> None:
    house = living.house
    leaving = run(house.estate.of(company["lena"], company["lena"]))
    assert company["button"] in [one.flow for one in leaving.owns]
    assert company["clock"] in [one.flow for one in leaving.lends]
    assert company["lent"] in [one.id for one in leaving.connections]
    assert any("acts through lena@" in said for said in leaving.breaks)
    assert any("nobody answers for it" in said for said in leaving.breaks)
    with pytest.raises(AccessDenied):
        run(house.estate.of(company["lena"], company["olga"]))
    run(house.directory.set_enabled(company["lena"], enabled=False))
    holdings = {one.flow: one for one in run(house.estate.everything(company["admin"]))}
    assert holdings[company["button"]].is_orphaned
    assert "disabled" in holdings[company["clock"]].problems[0]
    assert "runs in their name" in " ".join(
        run(house.estate.of(company["olga"], company["admin"])).breaks)  # fmt: skip
