"""A flow's life: on and off, shared, consented to, handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flowner.access.vocabulary import FlowRole
from flowner.cli.opening import (
    AsJson,
    By,
    Flow,
    find_app,
    in_house,
    print_list,
    read_folder,
    say,
)
from flowner.definitions.bundles import read_bundle
from flowner.server import House

flows = typer.Typer(no_args_is_help=True, help="Turn flows on and off, share them, hand them over.")

apps = typer.Typer(no_args_is_help=True, help="Apps that carry instant flows.")

App = Annotated[str, typer.Argument(help="An app's name or id.")]
Holder = Annotated[str, typer.Argument(help="A person, application or group.")]


@flows.command("list")
def list_flows(as_json: AsJson = False) -> None:
    """List flows with kind, state, owner and shares."""

    async def work(house: House) -> None:
        found = await house.listing.flows()
        print_list("flows", found, as_json=as_json, empty="no flows yet: flowner import")

    in_house(work)


@flows.command("on")
def turn_on(flow: Flow, by: By) -> None:
    """Turn a flow on. Whoever does it lends the flow the connections that they bring."""

    async def work(house: House) -> None:
        await house.turning.on(await house.running.find(flow), await house.running.somebody(by))

    in_house(work)


@flows.command("off")
def turn_off(flow: Flow, by: By) -> None:
    """Turn a flow off: nothing starts it any more."""

    async def work(house: House) -> None:
        await house.turning.off(await house.running.find(flow), await house.running.somebody(by))

    in_house(work)


@flows.command("share")
def share(
    flow: Flow,
    holder: Holder,
    by: By,
    co_owner: Annotated[
        bool, typer.Option("--co-owner", help="As co-owner, instead of run-only.")
    ] = False,
) -> None:
    """Share a flow: run-only, or as co-owner."""

    async def work(house: House) -> None:
        await house.sharing.share(
            await house.running.find(flow),
            await house.running.somebody(holder),
            FlowRole.CO_OWNER if co_owner else FlowRole.RUN_ONLY,
            await house.running.somebody(by),
        )

    in_house(work)


@flows.command("unshare")
def unshare(flow: Flow, holder: Holder, by: By) -> None:
    """Take every share of a flow from somebody."""

    async def work(house: House) -> None:
        done = await house.sharing.unshare(
            await house.running.find(flow),
            await house.running.somebody(holder),
            await house.running.somebody(by),
        )
        if not done:
            say("there was no such share")

    in_house(work)


@flows.command("hand-over")
def hand_over(
    flow: Flow, to: Annotated[str, typer.Argument(help="The next primary owner.")], by: By
) -> None:
    """Make somebody else the primary owner. No connection moves."""

    async def work(house: House) -> None:
        await house.sharing.hand_over(
            await house.running.find(flow),
            await house.running.somebody(to),
            await house.running.somebody(by),
        )

    in_house(work)


@flows.command("keep")
def keep(
    flow: Flow,
    by: By,
    days: Annotated[
        int | None,
        typer.Option(min=0, max=36500, help="0: for ever; absent: as long as all others."),
    ] = None,
) -> None:
    """Say how many days the ended runs of a flow are kept."""

    async def work(house: House) -> None:
        person = await house.running.somebody(by)
        await house.turning.keep_runs(await house.running.find(flow), days, person)

    in_house(work)


@flows.command("delete")
def delete(flow: Flow, by: By) -> None:
    """Delete a flow that is off and has no run under way."""

    async def work(house: House) -> None:
        await house.deleting.delete(
            await house.running.find(flow), await house.running.somebody(by)
        )

    in_house(work)


@flows.command("consent")
def consent(
    flow: Flow,
    binding: Annotated[str, typer.Argument(help="The flow's key for the connection.")],
    connection: Annotated[str, typer.Argument(help="One of the person's own: id or account.")],
    by: By,
) -> None:
    """Choose the own connection that a run-only user provides for a flow."""

    async def work(house: House) -> None:
        found = await house.connections.named({"it": connection})
        await house.consent.choose(
            await house.running.somebody(by),
            await house.running.find(flow),
            binding,
            found["it"],
        )

    in_house(work)


@flows.command("withdraw")
def withdraw(flow: Flow, by: By) -> None:
    """Forget the connections that somebody chose for a flow: it asks again."""

    async def work(house: House) -> None:
        person = await house.running.somebody(by)
        gone = await house.consent.withdraw(person, await house.running.find(flow))
        say(f"{gone} choices forgotten")

    in_house(work)


@apps.command("add")
def add_app(name: Annotated[str, typer.Argument(help="The app's name.")], by: By) -> None:
    """Make an app, which carries instant flows to the people it is shared with."""

    async def work(house: House) -> None:
        say(await house.apps.make(name, await house.running.somebody(by)))

    in_house(work)


@apps.command("list")
def list_apps(as_json: AsJson = False) -> None:
    """List apps with their flows and who may open them."""

    async def work(house: House) -> None:
        found = await house.listing.apps()
        print_list("apps", found, as_json=as_json, empty="no apps yet: flowner apps add")

    in_house(work)


@apps.command("carry")
def carry(app: App, flow: Flow, by: By) -> None:
    """Let an app start a flow: whoever may open the app may run it, from there alone."""

    async def work(house: House) -> None:
        id = await find_app(house, app)
        who = await house.running.somebody(by)
        await house.apps.carry(id, await house.running.find(flow), who)

    in_house(work)


@apps.command("share")
def share_app(app: App, holder: Holder, by: By) -> None:
    """Share an app with a person or a group, and with it the flows that it carries."""

    async def work(house: House) -> None:
        id, who = await find_app(house, app), await house.running.somebody(holder)
        await house.apps.share(id, who, await house.running.somebody(by))

    in_house(work)


@apps.command("upload")
def upload(
    app: App,
    bundle: Annotated[Path, typer.Argument(exists=True, help="A zip, or a folder.")],
    by: By,
) -> None:
    """Give an app a page of its own, in place of the one before."""

    async def work(house: House) -> None:
        read = read_folder(bundle) if bundle.is_dir() else read_bundle(bundle.read_bytes())
        id, who = await find_app(house, app), await house.running.somebody(by)
        shown = await house.bundles.put(id, read, bundle.resolve().name, who)
        say(f"{shown.digest[:12]}: {shown.files} files")

    in_house(work)


@apps.command("consent")
def consent_for_app(
    app: App,
    binding: Annotated[str, typer.Argument(help="The flows' key for the connection.")],
    connection: Annotated[str, typer.Argument(help="One of the person's own: id or account.")],
    by: By,
) -> None:
    """Choose the own connection that a person provides for every flow of an app."""

    async def work(house: House) -> None:
        found = await house.connections.named({"it": connection})
        person, id = await house.running.somebody(by), await find_app(house, app)
        await house.consent.choose(person, id, binding, found["it"], for_app=True)

    in_house(work)
