"""People, service accounts and groups."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from flowner.access.rights import Depth, Right
from flowner.cli.opening import AsJson, ask_secret, in_house, pairs, print_list, say
from flowner.directory.people import NewPerson
from flowner.errors import Invalid
from flowner.server import House

people = typer.Typer(no_args_is_help=True, help="People and service accounts.")
roles = typer.Typer(no_args_is_help=True, help="Security roles: rights on tables of rows.")
groups = typer.Typer(no_args_is_help=True, help="Security groups.")

Who = Annotated[str, typer.Argument(help="Name, UPN or id.")]
Group = Annotated[str, typer.Argument(help="A group's name or id.")]
_DEFAULT_ROLES = ("Basic User",)


@people.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The full name.")],
    upn: Annotated[str, typer.Argument(help="The UPN, such as ada@contoso.example.")],
    title: Annotated[str | None, typer.Option(help="The job title.")] = None,
    manager: Annotated[str | None, typer.Option(help="The manager: name, UPN or id.")] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="A security role besides Basic User; may be repeated.")
    ] = None,
    service_account: Annotated[
        bool, typer.Option("--service-account", help="A user that nobody signs in as.")
    ] = False,
) -> None:
    """Add a user or a service account."""

    async def work(house: House) -> None:
        roles = await house.directory.roles((*_DEFAULT_ROLES, *(role or ())))
        above = await house.running.somebody(manager) if manager else None
        person = NewPerson(
            name=name, upn=upn, title=title, manager=above, service_account=service_account
        )
        say(await house.directory.add_person(person, roles=roles))

    in_house(work)


@people.command("list")
def list_people(as_json: AsJson = False) -> None:
    """List everybody."""

    async def work(house: House) -> None:
        found = await house.listing.people()
        print_list("people", found, as_json=as_json, empty="nobody yet: flowner people add")

    in_house(work)


@people.command("disable")
def disable(who: Who) -> None:
    """Disable somebody: nothing runs or acts in their name from now on."""
    _set_enabled(who, enabled=False)


@people.command("enable")
def enable(who: Who) -> None:
    """Enable somebody again."""
    _set_enabled(who, enabled=True)


@people.command("token")
def token(
    who: Who,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it stands.")] = 90,
) -> None:
    """Make a personal access token, and print it: it is shown this once."""

    async def work(house: House) -> None:
        person = await house.running.somebody(who)
        made = await house.tokens.issue(person, name, life=timedelta(days=days))
        typer.echo(made.reveal())

    in_house(work)


@people.command("tokens")
def tokens(who: Who, as_json: AsJson = False) -> None:
    """List somebody's personal access tokens that stand; never what they are."""

    async def work(house: House) -> None:
        found = await house.tokens.list(await house.running.somebody(who))
        print_list("tokens", found, as_json=as_json, empty="no tokens: flowner people token")

    in_house(work)


@people.command("revoke")
def revoke(
    who: Who,
    token: Annotated[str | None, typer.Option(help="One token's id; absent: all of them.")] = None,
) -> None:
    """Revoke somebody's personal access tokens: they open nothing from now on."""

    async def work(house: House) -> None:
        done = await house.tokens.revoke(await house.running.somebody(who), token)
        say(f"{done} revoked")

    in_house(work)


@people.command("password")
def password(
    who: Who,
    remove: Annotated[bool, typer.Option("--remove", help="Take the password away.")] = False,
) -> None:
    """Give somebody a password to sign in with; it is asked for, or read from a pipe."""

    async def work(house: House) -> None:
        person = await house.running.somebody(who)
        if remove:
            if not await house.passwords.remove(person):
                raise Invalid("they have no password")
            return
        await house.passwords.set(person, ask_secret("password"))

    in_house(work)


def _set_enabled(who: str, *, enabled: bool) -> None:
    async def work(house: House) -> None:
        await house.directory.set_enabled(await house.running.somebody(who), enabled=enabled)

    in_house(work)


@groups.command("add")
def add_group(name: Annotated[str, typer.Argument(help="The group's name.")]) -> None:
    """Add a security group."""

    async def work(house: House) -> None:
        say(await house.directory.add_group(name))

    in_house(work)


@groups.command("list")
def list_groups(as_json: AsJson = False) -> None:
    """List groups with their direct members."""

    async def work(house: House) -> None:
        found = await house.listing.groups()
        print_list("groups", found, as_json=as_json, empty="no groups yet: flowner groups add")

    in_house(work)


@groups.command("join")
def join(group: Group, member: Who) -> None:
    """Put somebody, or another group, into a group."""

    async def work(house: House) -> None:
        into, who = await house.running.somebody(group), await house.running.somebody(member)
        nested = who in {one["id"] for one in await house.listing.groups()}
        if into == who:
            raise Invalid("a group cannot be in itself")
        await house.directory.add_member(into, who, nested=nested)

    in_house(work)


@groups.command("leave")
def leave(group: Group, member: Who) -> None:
    """Take a member out of a group; what came through the group ends at once."""

    async def work(house: House) -> None:
        await house.directory.remove_member(
            await house.running.somebody(group), await house.running.somebody(member)
        )

    in_house(work)


@groups.command("follow")
def follow(
    group: Group,
    provider: Annotated[str, typer.Argument(help="A provider's name.")],
    value: Annotated[str, typer.Argument(help="What its groups claim holds for members.")],
) -> None:
    """Let a group's members come from an OpenID provider: its claim says who is in."""

    async def work(house: House) -> None:
        await house.provided_groups.follow(await house.running.somebody(group), provider, value)

    in_house(work)


@groups.command("unfollow")
def unfollow(group: Group) -> None:
    """Let a group come from no provider; its members stay."""

    async def work(house: House) -> None:
        if not await house.provided_groups.unfollow(await house.running.somebody(group)):
            raise Invalid("the group follows no provider")

    in_house(work)


@roles.command("add")
def add_role(
    name: Annotated[str, typer.Argument(help="The role's name.")],
    grant: Annotated[
        list[str], typer.Option(help="TABLE=RIGHT[,RIGHT…][:DEPTH], may be repeated.")
    ],
) -> None:
    """Add a security role; depths are user (default), local, deep and organization."""

    async def work(house: House) -> None:
        say(await house.directory.add_role(name, _privileges(pairs(grant))))

    in_house(work)


@roles.command("list")
def list_roles(as_json: AsJson = False) -> None:
    """List security roles with who holds them."""

    async def work(house: House) -> None:
        found = await house.listing.roles()
        print_list("roles", found, as_json=as_json, empty="no roles")

    in_house(work)


@roles.command("give")
def give_role(
    role: Annotated[str, typer.Argument(help="The role's name.")],
    who: Who,
) -> None:
    """Give somebody, or a team, a security role."""

    async def work(house: House) -> None:
        (id,) = await house.directory.roles([role])
        await house.directory.give_role(await house.running.somebody(who), id)

    in_house(work)


def _privileges(grants: dict[str, str]) -> dict[tuple[str, str], int]:
    rights = {right.value.lower(): right.value for right in Right}
    depths = {depth.name.lower(): depth.value for depth in Depth}
    found: dict[tuple[str, str], int] = {}
    for table, grant in grants.items():
        names, _, depth = grant.partition(":")
        if (depth or "user").lower() not in depths:
            raise Invalid(f"`{depth}` is no depth: take one of {', '.join(depths)}")
        for name in names.split(","):
            if name.lower() not in rights:
                raise Invalid(f"`{name}` is no right: take some of {', '.join(rights.values())}")
            found[table, rights[name.lower()]] = depths[(depth or "user").lower()]
    return found
