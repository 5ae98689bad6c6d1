"""The main commands: show, serve, import, ask, run, look, check, evaluate."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from flowner.cli.opening import (
    App,
    AsJson,
    AsPerson,
    Flow,
    find_app,
    in_house,
    pairs,
    print_json,
    settled,
    until_stopped,
)
from flowner.demo import main as demo_main
from flowner.demo import pages
from flowner.demo.report import RunReport
from flowner.flows.bringing import read_paths
from flowner.flows.checking import Checked, check_path
from flowner.flows.explain import Supposed, explanation_json
from flowner.flows.running import Press
from flowner.server import House, at_work, open_house
from flowner.serving import serve, watch
from flowner.settings import read_settings
from flowner.showing import answers
from flowner.showing import check as show_check
from flowner.showing.texts import console
from flowner.telemetry.logs import configure_logs
from flowner.values import RunId

_PATIENCE = 300.0


def demo(
    once: Annotated[bool, typer.Option(help="End when everything has happened.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show flows of every kind at a small company, and in whose name each action runs."""
    settings, out = read_settings(), console()
    if not once and not as_json:
        until_stopped(demo_main.show(settings, out))
        return
    said = _printer(None if as_json else out)
    reports, mail = asyncio.run(demo_main.tell(settings, said))
    if as_json:
        print_json({"runs": [report.json() for report in reports]})
    else:
        pages.print_sum(out, reports, mail)
    if not all(report.agrees for report in reports):
        raise typer.Exit(1)


def serve_command(
    tls_self_signed: Annotated[
        bool,
        typer.Option(help="Serve over TLS, with a certificate that the server makes for itself."),
    ] = False,
    worker: Annotated[
        bool, typer.Option(help="Move runs as well; without, other processes have to.")
    ] = True,
) -> None:
    """Run flows and answer people and programs, until stopped."""
    settings = read_settings()
    configure_logs(settings.log, settings.log_level)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            house = await stack.enter_async_context(open_house(settings))
            if worker:
                await stack.enter_async_context(at_work(house))
            address = await stack.enter_async_context(serve(house, tls=tls_self_signed))
            settled()
            Console().print(f"Flowner answers at [bold]{address}[/bold]", highlight=False)
            await asyncio.Event().wait()

    until_stopped(work())


def worker() -> None:
    """Run flows without answering anybody, until stopped: as many beside one another as wanted."""
    settings = read_settings()
    configure_logs(settings.log, settings.log_level)

    async def work() -> None:
        # Its health is told to the end: also while the runs in hand come to a rest.
        async with open_house(settings) as house, watch(house) as address, at_work(house):
            told = f", and answers for its health at [bold]{address}[/bold]" if address else ""
            settled()
            Console().print(f"Flowner moves runs{told}", highlight=False)
            await asyncio.Event().wait()

    until_stopped(work())


def import_command(
    files: Annotated[list[Path], typer.Argument(help="Solutions, packages, folders, flows.")],
    by: Annotated[str, typer.Option("--as", help="Who will own the flows.")],
    bind: Annotated[
        list[str] | None, typer.Option(help="REFERENCE=CONNECTION, may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import flows, turned off. All of a package, or nothing."""

    async def work(house: House) -> None:
        owner = await house.running.somebody(by)
        bound = await house.connections.named(pairs(bind))
        packages = [read_paths(file) for file in files]
        stderr = Console(stderr=True)
        quiet = as_json or not stderr.is_terminal
        shown = track(packages, "importing", disable=quiet, transient=True, console=stderr)
        done = [
            (await house.importer.bring_in(package, owner, bind=bound), package)
            for package in shown
        ]
        if as_json:
            print_json(answers.imported_json(done))
            return
        for one, package in done:
            answers.imported(one, package)

    in_house(work)


def who(  # noqa: PLR0913, PLR0917 - what can be supposed of a run
    flow: Flow,
    as_person: AsPerson = None,
    row_owner: Annotated[str | None, typer.Option(help="Who owns the row.")] = None,
    modified_by: Annotated[str | None, typer.Option(help="Who changed the row.")] = None,
    what_if: Annotated[
        list[str] | None, typer.Option(help="Compare people: may be repeated.")
    ] = None,
    app: App = None,
    as_json: AsJson = False,
) -> None:
    """Say in whose name a flow and each of its actions would run, and why."""

    async def work(house: House) -> None:
        supposed = Supposed(
            as_person=as_person,
            row_owner=row_owner,
            modified_by=modified_by,
            app=await find_app(house, app) if app else None,
        )
        if what_if:
            found = await house.explain.what_if(flow, what_if)
            told = [explanation_json(one) for one in found]
            if as_json:
                print_json({"what_if": dict(zip(what_if, told, strict=True))})
            else:
                answers.matrix(what_if, told)
            return
        answer = explanation_json(await house.explain.who(flow, supposed))
        print_json(answer) if as_json else answers.explanation(answer)

    in_house(work)


def run(
    flow: Flow,
    as_person: Annotated[str, typer.Option("--as", help="Who presses it.")],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="NAME=VALUE, may be repeated.")
    ] = None,
    app: App = None,
    as_json: AsJson = False,
) -> None:
    """Press an instant flow, wait for its end, and show what it did."""

    async def work(house: House) -> bool:
        person = await house.running.somebody(as_person)
        press = Press(
            flow=await house.running.find(flow),
            by=person,
            inputs=dict(pairs(inputs)),
            app=await find_app(house, app) if app else None,
        )
        async with at_work(house):
            id = house.running.fresh_run()
            with house.replies.expect(id) as (_, end):
                await house.running.press(press, run=id)
                async with asyncio.timeout(_PATIENCE):
                    await end
        record = await house.history.run(person, id)
        print_json(record) if as_json else answers.run(record)
        return record["status"] == "Succeeded"

    if not in_house(work):
        raise typer.Exit(1)


def runs(
    flow: Annotated[str | None, typer.Argument(help="A flow's name or id.")] = None,
    as_person: AsPerson = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List runs: all of them, or those that a person may see."""

    async def work(house: House) -> None:
        wanted = await house.running.find(flow) if flow else None
        reader = await house.running.somebody(as_person) if as_person else None
        found = await house.history.runs(reader, flow=wanted, limit=limit)
        print_json({"runs": found}) if as_json else answers.runs(found)

    in_house(work)


def run_show(
    run: Annotated[int, typer.Argument(help="A run's id.")],
    as_person: AsPerson = None,
    as_json: AsJson = False,
) -> None:
    """Show one run: who initiated it, whom it ran as, and who acted in each action."""

    async def work(house: House) -> None:
        reader = await house.running.somebody(as_person) if as_person else None
        record = await house.history.run(reader, RunId(run))
        print_json(record) if as_json else answers.run(record)

    in_house(work)


def check(
    paths: Annotated[list[Path], typer.Argument(help="Solutions, packages, folders, flows.")],
    as_json: AsJson = False,
) -> None:
    """Say in whose name exported flows would run, and what is wrong with that; needs no server.

    Ends with 1 when a flow would be refused or cannot be read, with 0 otherwise: warnings are
    advice.
    """
    checked = Checked()
    packages = [found for path in paths for found in check_path(path)]
    stderr = Console(stderr=True)
    for package in track(packages, "checking", disable=as_json, transient=True, console=stderr):
        checked.add(package)
    report = checked.report()
    print_json(report.json()) if as_json else show_check.checked(report)
    if report.refused:
        raise typer.Exit(1)


def evaluate(
    expression: Annotated[
        str | None, typer.Argument(help="A template, such as `@add(1, 2)`.")
    ] = None,
) -> None:
    """Evaluate an expression; without one, JSON lines from standard input."""
    from flowner.expressions.errors import ExpressionError, caret  # noqa: PLC0415
    from flowner.expressions.evaluate import evaluate_line, evaluate_text  # noqa: PLC0415
    from flowner.expressions.text import to_json  # noqa: PLC0415

    if expression is not None:
        try:
            sys.stdout.write(to_json(evaluate_text(expression)) + "\n")
        except ExpressionError as error:
            if error.position is not None:
                sys.stderr.write(caret(expression, error.position) + "\n")
            raise
        return
    for line in sys.stdin:
        if line.strip():
            sys.stdout.write(evaluate_line(line) + "\n")
            sys.stdout.flush()


def _printer(out: Console | None) -> Callable[[RunReport], None]:
    def said(report: RunReport) -> None:
        if out is not None:
            pages.print_run(out, report)

    return said
