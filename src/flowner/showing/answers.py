"""What ``flowner who``, ``run``, ``runs``, ``run-show`` and ``import`` print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from flowner.definitions.packages import Package
from flowner.flows.importing import Imported
from flowner.showing.identities import MARKS, Line, identities
from flowner.showing.texts import console, line, text
from flowner.values import Json, JsonObject


def explanation(answer: JsonObject) -> None:
    """Print the answer of ``flowner who``."""
    out = console()
    title = (answer["flow"], "bold")
    out.print(line(title, f" · {answer['kind']} · owned by ", (answer["owner"], "")))
    refused: Any = answer.get("refused")
    if refused:
        out.print(line("would not run: ", (refused["message"], "yellow")))
        return
    out.print(line("runs as ", (answer["runs_as"], "bold"), " by ", (answer["rule"], "cyan")))
    if answer["fallback"]:
        out.print(line("fallback: ", (answer["fallback"], "yellow")))
    actions: Any = answer["actions"]
    lines = [
        Line(
            action=one["action"],
            acting_as=one["acting_as"],
            actor=one.get("actor"),
            account=one.get("account"),
            rule=one.get("rule"),
            note=one.get("because") or one.get("message") or "",
            failed=one["acting_as"] is None,
        )
        for one in actions
    ]
    out.print()
    out.print(identities(lines, out))


def matrix(people: Sequence[str], answers: Sequence[JsonObject]) -> None:
    """Print people × actions."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("action", *people):
        table.add_column(text(heading), overflow="fold")
    actions: list[str] = []
    cells: dict[tuple[str, int], tuple[str, str]] = {}
    for place, answer in enumerate(answers):
        found: Any = answer["actions"]
        for one in found:
            if one["action"] not in actions:
                actions.append(one["action"])
            through = f"\nthrough {one['actor']}" if one.get("actor") else ""
            cells[one["action"], place] = (
                (f"{one['acting_as']}{through}", "")
                if one["acting_as"]
                else (one["refused"], "yellow")
            )
    whole = [
        text(a["runs_as"], "bold") if a["runs_as"] else text("refused", "yellow") for a in answers
    ]
    table.add_row(text("the run", "bold"), *whole)
    for action in actions:
        row = (text(*cells.get((action, place), ("", ""))) for place in range(len(people)))
        table.add_row(text(action), *row)
    console().print(table)


def runs(found: Sequence[JsonObject]) -> None:
    """Print a list of runs."""
    out = console()
    if not found:
        out.print(text("no runs yet", "dim"))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("", width=1)
    table.add_column("run", no_wrap=True)
    for heading in ("flow", "initiated by", "ran as"):
        table.add_column(heading, overflow="fold")
    for one in found:
        ran = text(one["ran_as"] or "–", "bold")
        if one["rule"]:
            ran.append_text(text(f"\n{one['rule']}", "cyan"))
        accounts: Any = one["accounts"]
        flow = text(one["flow"]).append_text(text(f"\n{one['kind']}", "dim"))
        ran.append_text(text("".join(f"\n{account}" for account in accounts), "dim"))
        mark = text(*MARKS.get(str(one["status"]), ("…", "yellow")))
        table.add_row(mark, str(one["run"]), flow, text(one["initiator"] or "–"), ran)
    out.print(table)


def run(record: JsonObject) -> None:
    """Print one run."""
    out = console()
    out.print(line((record["flow"], "bold"), f" · run {record['run']} · {record['status']}"))
    by = (record["initiator"] or "nobody named", "")
    ran_as = (record["ran_as"] or "nobody", "bold")
    out.print(
        line("initiated by ", by, " · ran as ", ran_as, " by ", (record["rule"] or "–", "cyan"))
    )
    for name in ("fallback", "error"):
        if record[name]:
            out.print(line(f"{name}: ", (record[name], "yellow")))
    actions: Any = record["actions"]
    lines = [
        Line(
            action=one["action"],
            status=one["status"],
            acting_as=one["acting_as"],
            actor=one["actor"],
            account=one["account"],
            rule=one["rule"],
            note=_taken(one) or one["error"] or one["because"] or "",
            failed=bool(one["error"]),
        )
        for one in actions
    ]
    if record.get("continues"):
        out.print(line("goes on from run ", (record["continues"], "bold")))
    out.print()
    out.print(identities(lines, out))


def _taken(action: Any) -> str:
    """Say where an action was carried out, if it was in another run."""
    other = action.get("taken_over_from")
    return f"taken over: it was done in run {other}" if other else ""


def simulated(record: JsonObject, differences: Sequence[str]) -> None:
    """Print a simulated run, and where it is not what was expected."""
    run(record | {"run": "simulated"})
    out = console()
    response: Any = record["response"]
    if response is not None:
        body = json.dumps(response.get("body"), ensure_ascii=False)
        out.print(line("\nresponded with ", (response["statusCode"], "bold"), " ", (body, "dim")))
    for one in differences:
        out.print(line(("differs: ", "red"), (one, "")))


def imported(done: Imported, package: Package) -> None:
    """Print what an import did."""
    out = console()
    for one in done.flows:
        out.print(line((one.name, "bold"), f" · version {one.version} · off"))
        for advice in one.advice:
            out.print(line("  ", (f"{advice.message}; {advice.mend}", "yellow")))
    for skipped in package.skipped:
        out.print(text(f"{skipped.name} {skipped.why}: skipped", "dim"))
    if done.unbound:
        out.print(
            line("connection references to bind: ", (", ".join(done.unbound), "bold")),
            text("flowner references point REFERENCE CONNECTION --as PERSON", "dim"),
            sep="\n",
        )


def imported_json(done: Sequence[tuple[Imported, Package]]) -> JsonObject:
    """Return what an import of several packages did, as ``--json`` prints it."""
    unbound: list[Json] = [*sorted({name for imported, _ in done for name in imported.unbound})]
    return {
        "flows": [
            {
                "id": one.id,
                "name": one.name,
                "version": one.version,
                "advice": [advice.message for advice in one.advice],
            }
            for imported, _ in done
            for one in imported.flows
        ],
        "unbound": unbound,
        "skipped": [f"{one.name} {one.why}" for _, package in done for one in package.skipped],
    }


def preview(told: JsonObject) -> None:
    """Print what would differ, were a run resubmitted."""
    out = console()
    refused: Any = told["refused"]
    out.print(line((told["flow"], "bold"), f" · run {told['run']}"))
    if refused:
        out.print(line("would not run: ", (refused["message"], "yellow"), f" ({refused['code']})"))
        return
    runs_as = (told["runs_as"] or "nobody", "bold")
    by = (told["initiator"] or "nobody named", "")
    out.print(
        line("initiated by ", by, " · runs as ", runs_as, " by ", (told["rule"] or "–", "cyan"))
    )
    if told["version"] != told["version_then"]:
        out.print(line(f"it ran as version {told['version_then']}, now as {told['version']}"))
    for name, title in (("taken_over", "taken over"), ("run_again", "run again")):
        paths: Any = told[name]
        if paths:
            out.print(line(f"{title}: {', '.join(paths)}"))
    differing: Any = told["differing"]
    for one in differing:
        out.print(
            line((one["action"], "bold"), f": {_who(one['then'])} → ", (_who(one["now"]), ""))
        )
    would_be_refused: Any = told["would_be_refused"]
    for one in would_be_refused:
        why = (one["because"], "yellow")
        out.print(line((one["action"], "bold"), " would be refused: ", why))
    if not differing and not would_be_refused:
        out.print(line(("every action would act as it was planned", "dim")))


def _who(told: Any) -> str:
    if told is None:
        return "no such action"
    if told["acting_as"] is None:
        return f"nobody ({told['because']})"
    return f"{told['acting_as']} ({told['account']})" if told["account"] else str(told["acting_as"])
