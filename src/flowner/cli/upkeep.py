"""The operator's commands: look for faults and mend them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeAlias

import typer

from flowner.cli.opening import AsJson, print_json, say
from flowner.server import open_house
from flowner.settings import Settings, read_settings
from flowner.upkeep import doctor as looking

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_Mends: TypeAlias = "Callable[[looking.Fault], Awaitable[None]]"


def doctor(
    mend: Annotated[bool, typer.Option("--mend", help="Mend what is safe to mend.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with this server, and what to do; ends with 1 where something is left."""
    visit = _Visit(mend=mend, yes=yes, quiet=as_json)
    asyncio.run(visit.make(read_settings()))
    if as_json:
        print_json({"faults": [*visit.told]})
    elif not visit.told:
        say("nothing is wrong")
    if not all(one["mended"] for one in visit.told):
        raise typer.Exit(1)


class _Visit:
    """One look at a house."""

    def __init__(self, *, mend: bool, yes: bool, quiet: bool) -> None:
        self._mend, self._yes, self._quiet = mend, yes, quiet
        self.told: list[dict[str, str | bool]] = []

    async def make(self, settings: Settings) -> None:
        """Look from outside; then, if the house can be opened as it is, inside."""
        outside = await looking.faults_outside(settings)

        async def mend(fault: looking.Fault) -> None:
            looking.mend_outside(settings, fault)

        await self._treat(outside, mend)
        kept_out = (looking.KEY_READABLE, "not-current")
        if any(one["code"] in kept_out and not one["mended"] for one in self.told):
            if not self._quiet:
                say("flows and runs were not looked at: do this first")
            return
        async with open_house(settings) as house:
            await self._treat(
                await looking.faults_inside(house), lambda fault: looking.mend_inside(house, fault)
            )

    async def _treat(self, faults: Sequence[looking.Fault], mend: _Mends) -> None:
        for fault in faults:
            if not self._quiet:
                say(f"{fault.code}: {fault.text}\n    {fault.advice}")
            mended = self._mend and fault.mends and self._agreed(fault)
            if mended:
                await mend(fault)
                if not self._quiet:
                    say("    mended")
            self.told.append(
                {
                    "code": fault.code,
                    "about": fault.about,
                    "text": fault.text,
                    "advice": fault.advice,
                    "mends": fault.mends,
                    "mended": mended,
                }
            )

    def _agreed(self, fault: looking.Fault) -> bool:
        return self._yes or typer.confirm(f"mend `{fault.code}` of {fault.about}?", err=True)
