"""Applications: programs with an identity of their own, and the secrets they sign in with."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Annotated

import typer

from flowner.cli.opening import AsJson, in_house, print_json, print_list, say
from flowner.errors import Invalid
from flowner.server import House

applications = typer.Typer(no_args_is_help=True, help="Applications and their secrets.")

Which = Annotated[str, typer.Argument(help="An application's name or id.")]
_DEFAULT_ROLES = ("Basic User",)


@applications.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The name to show.")],
    client_id: Annotated[
        str | None, typer.Option(help="The application id, a GUID; absent: a fresh one.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="A security role besides Basic User; may be repeated.")
    ] = None,
) -> None:
    """Add an application (service principal), and print its client id."""
    if client_id is not None:
        try:
            client_id = str(uuid.UUID(client_id))
        except ValueError:
            raise Invalid(f"`{client_id}` is no GUID") from None

    async def work(house: House) -> None:
        client = client_id or house.clock.fresh_guid()
        roles = await house.directory.roles((*_DEFAULT_ROLES, *(role or ())))
        await house.directory.add_application(name, client, roles=roles)
        say(client)

    in_house(work)


@applications.command("secret")
def secret(
    application: Which,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    days: Annotated[int, typer.Option(min=1, max=730, help="How long it stands.")] = 180,
    as_json: AsJson = False,
) -> None:
    """Make another secret for an application, and print it: it is shown this once."""

    async def work(house: House) -> None:
        who = await house.running.somebody(application)
        made = await house.applications.add_secret(who, name, life=timedelta(days=days))
        print_json({"secret": made.reveal()}) if as_json else typer.echo(made.reveal())

    in_house(work)


@applications.command("revoke")
def revoke(
    application: Which,
    secret: Annotated[
        str | None, typer.Option(help="One secret's id; absent: all of them.")
    ] = None,
) -> None:
    """Revoke an application's secrets, and every token that it got with them."""

    async def work(house: House) -> None:
        who = await house.running.somebody(application)
        done = await house.applications.revoke(who, secret)
        say(f"{done} revoked")

    in_house(work)


@applications.command("list")
def list_applications(as_json: AsJson = False) -> None:
    """List applications with their secrets that stand."""

    async def work(house: House) -> None:
        found = await house.applications.list()
        print_list(
            "applications", found, as_json=as_json, empty="none yet: flowner applications add"
        )

    in_house(work)
