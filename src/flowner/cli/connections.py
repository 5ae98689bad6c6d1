"""Connections and connection references."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from flowner.access.vocabulary import ConnectionRole
from flowner.cli.opening import AsJson, By, Flow, ask_secret, in_house, pairs, print_list, say
from flowner.flows.connections import NewConnection
from flowner.server import House, rotate_key
from flowner.settings import read_settings
from flowner.values import ConnectionId

connections = typer.Typer(no_args_is_help=True, help="Credentials, and who may use them.")
references = typer.Typer(no_args_is_help=True, help="Named pointers that flows reach them by.")

Wanted = Annotated[str, typer.Argument(help="A connection's id, or its account if that is one.")]


@connections.command("add")
def add(
    connector: Annotated[str, typer.Argument(help="Such as shared_office365.")],
    account: Annotated[str, typer.Argument(help="What the outside sees.")],
    by: By,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE, not secret; may be repeated.")
    ] = None,
    secret: Annotated[
        list[str] | None, typer.Option(help="A secret's name; its value is asked for.")
    ] = None,
    way: Annotated[
        str | None, typer.Option(help="By which of its connector's ways; the first if absent.")
    ] = None,
) -> None:
    """Make a connection. Secrets are asked for, or read a line each from a pipe; never shown."""
    given = {name: ask_secret(name) for name in secret or ()}

    async def work(house: House) -> None:
        owner = await house.running.somebody(by)
        made = NewConnection(
            connector=connector, account=account, settings=pairs(setting), secrets=given, way=way
        )
        credentials = house.clients.way(connector, way)
        if credentials is None:
            say(await house.connections.make(made, owner))
        else:
            say(await house.clients.make(made, credentials, owner, by=owner))

    in_house(work)


@connections.command("list")
def list_connections(as_json: AsJson = False) -> None:
    """List connections: whose they are, what the outside sees, who else may use them."""

    async def work(house: House) -> None:
        found = await house.listing.connections()
        print_list(
            "connections",
            found,
            as_json=as_json,
            empty="no connections yet: flowner connections add",
        )

    in_house(work)


@connections.command("share")
def share(
    connection: Wanted,
    holder: Annotated[str, typer.Argument(help="A person, application or group.")],
    by: By,
    role: Annotated[ConnectionRole, typer.Option(help="What they may do.")] = (
        ConnectionRole.CAN_USE
    ),
) -> None:
    """Let somebody use a connection."""

    async def work(house: House) -> None:
        id = await _find(house, connection)
        who = await house.running.somebody(holder)
        await house.connections.share(id, who, role, await house.running.somebody(by))

    in_house(work)


@connections.command("take-back")
def take_back(connection: Wanted, flow: Flow, by: By) -> None:
    """Withdraw what was lent to a flow: its next action through the connection stops."""

    async def work(house: House) -> None:
        id = await _find(house, connection)
        owner = await house.running.somebody(by)
        gone = await house.connections.take_back(id, await house.running.find(flow), owner)
        say(f"{gone} lends withdrawn")

    in_house(work)


@connections.command("renew")
def renew(
    connection: Wanted,
    by: By,
    secret: Annotated[list[str], typer.Option(help="A secret's name; its value is asked for.")],
) -> None:
    """Give a connection other secrets, in place of those that it has."""
    given = {name: ask_secret(name) for name in secret}

    async def work(house: House) -> None:
        id, who = await _find(house, connection), await house.running.somebody(by)
        if await house.clients.acts_through(id):
            await house.clients.mend(id, given, who)
        else:
            await house.connections.renew(id, given, who)

    in_house(work)


@connections.command("delete")
def delete(connection: Wanted, by: By) -> None:
    """Delete a connection; says which flows used it. Administrators may, too."""

    async def work(house: House) -> None:
        id = await _find(house, connection)
        for one in await house.connections.delete(id, await house.running.somebody(by)):
            say(f"has no connection any more: {one.name}")

    in_house(work)


@connections.command("rotate-key")
def rotate() -> None:
    """Seal every secret with a fresh key. Stop the server before, start it after."""
    say(f"{asyncio.run(rotate_key(read_settings()))} secrets sealed with the newest key")


@references.command("list")
def list_references(as_json: AsJson = False) -> None:
    """List connection references and the accounts they point at now."""

    async def work(house: House) -> None:
        found = await house.listing.references()
        print_list(
            "references", found, as_json=as_json, empty="no references yet: imports bring them"
        )

    in_house(work)


@references.command("point")
def point(
    reference: Annotated[str, typer.Argument(help="The reference's logical name.")],
    connection: Wanted,
    by: By,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say which flows would move.")
    ] = False,
) -> None:
    """Point a reference at another connection; says which flows move with it."""

    async def work(house: House) -> None:
        id, who = await _find(house, connection), await house.running.somebody(by)
        moved = await (
            house.connections.moves(reference)
            if dry_run
            else house.connections.point(reference, id, who)
        )
        for one in moved:
            say(f"{'would move' if dry_run else 'moved'}: {one.name}")
        if not moved:
            say("no flow uses it")

    in_house(work)


async def _find(house: House, wanted: str) -> ConnectionId:
    return (await house.connections.named({"it": wanted}))["it"]
