"""The audit: who did what in whose name, through whose account; and what people managed."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from flowner.cli.opening import AsJson, in_house, pairs, print_list
from flowner.errors import Invalid
from flowner.flows.auditing import act_json, action_json
from flowner.flows.searching import ACTIONS, ACTS, PEOPLE, wanted_actions, wanted_acts
from flowner.server import House
from flowner.values import JsonObject

_COLUMNS: Final = (
    "at", "initiator", "ran_as", "flow", "action", "acted_as", "account", "status", "refused",
)  # fmt: skip
_ACTS_COLUMNS: Final = ("at", "by", "act", "target", "about")


def audit(
    filters: Annotated[
        list[str] | None, typer.Argument(help="NAME=VALUE, such as by=bob or refused=yes.")
    ] = None,
    acts: Annotated[
        bool, typer.Option("--acts", help="Search what people managed, not what flows did.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Search who did what in whose name, when, through whose account; the newest first."""
    asked = pairs(filters)
    for name in asked:
        if name not in (known := ACTS if acts else ACTIONS):
            offered = ", ".join(f"`{one}`" for one in known)
            raise Invalid(f"nothing is filtered by `{name}` here; there are {offered}")

    async def work(house: House) -> None:
        for name in asked.keys() & set(PEOPLE):
            asked[name] = await house.running.somebody(asked[name])
        if acts:
            wanted = wanted_acts(asked, limit=limit)
            managed = (await house.auditing.acts(None, wanted)).managed
            _print("acts", [act_json(one) for one in managed], _ACTS_COLUMNS, as_json=as_json)
            return
        if "flow" in asked:
            asked["flow"] = await house.running.find(asked["flow"])
        done = (await house.auditing.actions(None, wanted_actions(asked, limit=limit))).done
        _print("actions", [action_json(one) for one in done], _COLUMNS, as_json=as_json)

    in_house(work)


def _print(name: str, found: list[JsonObject], columns: tuple[str, ...], *, as_json: bool) -> None:
    rows = found if as_json else [{column: one[column] for column in columns} for one in found]
    print_list(name, rows, as_json=as_json, empty="nothing is like that")
