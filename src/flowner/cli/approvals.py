"""Approvals, and sign-ins that runs wait for."""

from __future__ import annotations

from typing import Annotated

import typer

from flowner.approvals.reading import Seen
from flowner.cli.opening import AsJson, By, in_house, print_json, print_list, say
from flowner.server import House

approvals = typer.Typer(no_args_is_help=True, help="What runs ask people, and what they answer.")

Approval = Annotated[str, typer.Argument(help="An approval's id.")]


@approvals.command("list")
def list_approvals(
    by: By,
    sent: Annotated[bool, typer.Option("--sent", help="What they, or their flows, asked.")] = False,
    history: Annotated[bool, typer.Option("--history", help="What became of others.")] = False,
    as_json: AsJson = False,
) -> None:
    """List approvals that wait for somebody's answer."""
    which = "sent" if sent else "history" if history else "received"

    async def work(house: House) -> None:
        found = await house.approvals.of(await house.running.somebody(by), which)
        if as_json:
            link = house.approvals.link
            print_json({"approvals": [one.as_json(link(one.approval.id)) for one in found]})
            return
        rows = [_row(one) for one in found]
        print_list("approvals", rows, as_json=False, empty="nothing is asked")

    in_house(work)


@approvals.command("respond")
def respond(
    approval: Approval,
    response: Annotated[str, typer.Argument(help="Such as Approve, Reject, or an option.")],
    by: By,
    comments: Annotated[str, typer.Option(help="What to say with it.")] = "",
) -> None:
    """Answer an approval, in somebody's name: it must be theirs to answer."""

    async def work(house: House) -> None:
        person = await house.running.somebody(by)
        settled = await house.answers.respond(
            approval, person, response, comments=comments, via="cli"
        )
        say(f"settled: {settled.outcome}" if settled.outcome else "others have yet to answer")

    in_house(work)


@approvals.command("reassign")
def reassign(
    approval: Approval,
    to: Annotated[str, typer.Argument(help="A person or group who is asked instead.")],
    by: By,
    of: Annotated[str | None, typer.Option(help="In whose place, where several are asked.")] = None,
) -> None:
    """Ask somebody else in place of who is asked."""

    async def work(house: House) -> None:
        who = await house.running.somebody(by)
        other = await house.running.somebody(to)
        asked = None if of is None else await house.running.somebody(of)
        request = await house.approvals.to_reassign(approval, who, asked)
        await house.answers.reassign(approval, request, other, who)

    in_house(work)


@approvals.command("cancel")
def cancel(
    approval: Approval,
    by: By,
    reason: Annotated[str, typer.Option(help="Why; whoever was asked reads it.")] = "",
) -> None:
    """Take an approval back: by who asked, or the flow's owner; its run goes on."""

    async def work(house: House) -> None:
        await house.answers.cancel(
            approval, await house.running.somebody(by), reason=reason, via="cli"
        )
        say("cancelled")

    in_house(work)


@approvals.command("sign-ins")
def list_sign_ins(by: By, as_json: AsJson = False) -> None:
    """List runs that wait for somebody to choose a connection; answered by flows consent."""

    async def work(house: House) -> None:
        asked = await house.sign_ins.of(await house.running.somebody(by))
        rows = [one.as_json() for one in asked]
        print_list("sign_ins", rows, as_json=as_json, empty="no run waits for a sign-in")

    in_house(work)


def _row(seen: Seen) -> dict[str, object]:
    one = seen.approval
    return {
        "approval": one.id,
        "title": one.title,
        "flow": one.flow_name,
        "asked by": seen.people.name(one.requestor or one.owner),
        "answers": ", ".join(one.options),
        "state": one.outcome or one.status,
    }
