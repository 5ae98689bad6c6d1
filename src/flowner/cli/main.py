"""The commands, put together."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.text import Text

from flowner.cli import (
    applications,
    approvals,
    audit,
    commands,
    connections,
    directory,
    flows,
    keeping,
    runs,
    simulating,
    tables,
    upkeep,
)
from flowner.errors import FlownerError
from flowner.telemetry.logs import configure_logs

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Flowner runs flows, and says in whose name.",
)
app.command("demo")(commands.demo)
app.command("serve")(commands.serve_command)
app.command("worker")(commands.worker)
app.command("import")(commands.import_command)
app.command("who")(commands.who)
app.command("run")(commands.run)
app.command("runs")(commands.runs)
app.command("run-show")(commands.run_show)
app.command("cancel")(runs.cancel)
app.command("resubmit")(runs.resubmit)
app.command("audit")(audit.audit)
app.command("check")(commands.check)
app.command("doctor")(upkeep.doctor)
app.command("backup")(keeping.backup)
app.command("restore")(keeping.restore)
app.command("evaluate")(commands.evaluate)
app.command("simulate")(simulating.simulate)
app.add_typer(directory.people, name="people")
app.add_typer(directory.roles, name="roles")
app.add_typer(directory.groups, name="groups")
app.add_typer(applications.applications, name="applications")
app.add_typer(connections.connections, name="connections")
app.add_typer(connections.references, name="references")
app.add_typer(flows.flows, name="flows")
app.add_typer(flows.apps, name="apps")
app.add_typer(approvals.approvals, name="approvals")
app.add_typer(tables.tables, name="tables")
app.add_typer(keeping.aside, name="aside")


def main() -> None:
    """Run the command line; errors of ours end with 1 and a sentence."""
    configure_logs("text", "warning")
    try:
        app()
    except FlownerError as error:
        said = Text.assemble((error.located(), "red"), f" ({error.code})")
        Console(stderr=True).print(said, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
