"""Runs are stopped, and run again: one, several, or all that are under way."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from flowner.cli.opening import AsJson, By, in_house, print_json, say
from flowner.definitions.flow import Status
from flowner.errors import FlownerError, Invalid
from flowner.flows.differences import preview_json
from flowner.server import House, at_work
from flowner.showing import answers
from flowner.showing.texts import text
from flowner.triggers.earlier import GoOn
from flowner.values import JsonObject, PrincipalId, RunId

_PATIENCE = 300.0


class OpenStatus(StrEnum):
    """What a run under way may be."""

    RUNNING = "running"
    WAITING = "waiting"


def cancel(  # noqa: PLR0913, PLR0917 - which runs, and by whom
    by: By,
    runs: Annotated[list[int] | None, typer.Argument(help="The runs to stop.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that are under way and that they may stop.")
    ] = False,
    flow: Annotated[str | None, typer.Option(help="With --all: of this flow, name or id.")] = None,
    status: Annotated[OpenStatus | None, typer.Option(help="With --all: only those.")] = None,
    reason: Annotated[str, typer.Option(help="Why; the history keeps it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask runs to stop, and the runs that they called: for who set them off, or an owner.

    A server at work stops them. Ends with 1 where one is not asked, since it is over or not theirs.
    """
    if bool(runs) == every or (not every and (flow or status)):
        raise Invalid("name the runs to stop, or say `--all`, with `--flow` and `--status` if any")

    async def work(house: House) -> bool:
        person = await house.running.somebody(by)
        wanted = [RunId(run) for run in runs or ()]
        if every:
            of = await house.running.find(flow) if flow else None
            kind = None if status is None else Status(status.value.capitalize())
            wanted = await house.cancelling.open_runs(person, flow=of, status=kind)
        asked, refused = await _cancelled(house, wanted, person, reason)
        if as_json:
            print_json({"cancelled": [*asked], "refused": [*refused]})
        else:
            _say_cancelled(asked, refused)
        return not refused

    if not in_house(work):
        raise typer.Exit(1)


def resubmit(
    runs: Annotated[list[int], typer.Argument(help="The runs to run again.")],
    by: By,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", help="Go on from this action, name or path; take over the rest."),
    ] = None,
    current: Annotated[
        bool, typer.Option("--current", help="With --from: on the current version.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what would differ, and run nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run runs again, in the name they ran in; wait for their ends and show them.

    Ends with 1 unless all of them succeeded.
    """
    if current and not from_:
        raise Invalid("`--current` goes with `--from`: without it the current version runs anyway")
    go_on = GoOn(at=tuple(from_), current=current) if from_ else None

    async def work(house: House) -> bool:
        person = await house.running.somebody(by)
        if preview:
            return await _foretold(house, runs, person, go_on, as_json=as_json)
        records = await _all_again(house, runs, person, go_on)
        if as_json:
            print_json(records[0] if len(runs) == 1 else {"runs": [*records]})
        else:
            for record in records:
                _say_refused(record) if "message" in record else answers.run(record)
        return all(record.get("status") == "Succeeded" for record in records)

    if not in_house(work):
        raise typer.Exit(1)


async def _all_again(
    house: House, runs: list[int], person: PrincipalId, go_on: GoOn | None
) -> list[JsonObject]:
    """Run runs again, one after the other; raises where there is one alone that may not be."""
    records: list[JsonObject] = []
    async with at_work(house):
        for earlier in runs:
            try:
                records.append(await _again(house, RunId(earlier), person, go_on))
            except FlownerError as error:
                if len(runs) == 1:
                    raise
                records.append(_refusal(RunId(earlier), error))
    return records


async def _foretold(
    house: House, runs: list[int], person: PrincipalId, go_on: GoOn | None, *, as_json: bool
) -> bool:
    """Show what would differ; answers whether all of them would begin."""
    told: list[JsonObject] = []
    for earlier in runs:
        found = await house.resubmitting.preview(RunId(earlier), person, go_on=go_on)
        told.append(preview_json(found))
    if as_json:
        print_json(told[0] if len(runs) == 1 else {"runs": [*told]})
    else:
        for one in told:
            answers.preview(one)
    return all(one["refused"] is None for one in told)


async def _cancelled(
    house: House, wanted: list[RunId], person: PrincipalId, reason: str
) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return what was asked to stop, and what was not; raises where there is one run alone."""
    asked: list[JsonObject] = []
    refused: list[JsonObject] = []
    for run, found in await house.cancelling.cancel_each(wanted, person, reason=reason):
        if not isinstance(found, FlownerError):
            asked.append({"run": str(run), "asked": found})
        elif len(wanted) == 1:
            raise found
        else:
            refused.append(_refusal(run, found))
    return asked, refused


async def _again(
    house: House, earlier: RunId, person: PrincipalId, go_on: GoOn | None
) -> JsonObject:
    id = house.running.fresh_run()
    with house.replies.expect(id) as (_, end):
        await house.resubmitting.resubmit(earlier, person, go_on=go_on, run=id)
        async with asyncio.timeout(_PATIENCE):
            await end
    return await house.history.run(person, id)


def _refusal(run: RunId, error: FlownerError) -> JsonObject:
    return {"run": str(run), "code": error.code.value, "message": error.message}


def _say_cancelled(asked: list[JsonObject], refused: list[JsonObject]) -> None:
    for one in asked:
        others = int(str(one["asked"])) - 1
        more = f", with {others} that it called" if others else ""
        say(f"run {one['run']} is asked to stop{more}")
    for one in refused:
        _say_refused(one)
    if not asked and not refused:
        say("no run is under way that they may stop")


def _say_refused(one: JsonObject) -> None:
    Console(stderr=True).print(text(f"run {one['run']}: {one['message']} ({one['code']})", "red"))
