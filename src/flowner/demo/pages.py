"""What the demo prints for people: each run with its actions, the mail that came, the sum."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from flowner.demo.mailbox import Message
from flowner.demo.report import RunReport, Told
from flowner.showing.identities import Line, identities
from flowner.showing.texts import line, text


def print_run(out: Console, report: RunReport) -> None:
    """Print one run as a table of its actions, with what the outside saw of each."""
    out.print()
    mark = ("✓ ", "green") if report.agrees else ("✗ differs: ", "bold red")
    out.print(line(mark, (report.flow, "bold"), (f"  {report.kind} · {report.title}", "dim")))
    if report.status == "Refused":
        out.print(line("  refused for ", (report.initiator, ""), ": ", (report.reason, "yellow")))
        return
    by = report.initiator or _nobody(report.kind)
    out.print(
        line(
            "  initiated by ", (by, ""), " · ran as ", (report.ran_as, "bold"), " by ",
            (report.rule, "cyan"), f" · {report.status}",
        )
    )  # fmt: skip
    if report.fallback:
        out.print(line("  fallback: ", (report.fallback, "yellow")))
    out.print(identities([_line(one) for one in report.actions], out, seen=True))


def _nobody(kind: str) -> str:
    return "the clock" if kind == "scheduled" else "a caller without a name"


def _line(one: Told) -> Line:
    seen = " through ".join(name for name in (one.seen, one.seen_actor) if name)
    return Line(
        action=one.action,
        status=one.status,
        acting_as=one.acting_as,
        actor=one.actor,
        account=one.account,
        rule=one.rule,
        note="" if one.acting_as else one.because,
        failed=one.acting_as is None,
        seen=seen or ("nothing!" if one.must_be_seen else None),
    )


def print_sum(out: Console, reports: Sequence[RunReport], mail: Sequence[Message]) -> None:
    """Print what came to the mailbox, and what it all came to."""
    out.print(text("\nThe mailbox", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("signed in as", "to", "subject"):
        table.add_column(title, overflow="fold")
    for one in mail:
        to = ", ".join(one.recipients)
        table.add_row(text(one.authenticated_as, "bold"), text(to), text(one.subject))
    out.print(table)
    actions = [one for report in reports for one in report.actions]
    seen = sum(one.seen is not None for one in actions)
    odd = sum(not report.agrees for report in reports)
    out.print(
        f"\n{len(reports)} runs and refusals, {len(actions)} actions, {len(mail)} mails;"
        f" {seen} actions were seen from outside."
    )
    if odd:
        out.print(f"{odd} differ between expected, recorded and seen.", style="bold red")
    else:
        out.print("Expected, recorded and seen agree everywhere.", style="green")
