"""The user's own tables."""

from __future__ import annotations

from typing import Annotated

import typer

from flowner.cli.opening import in_house, pairs
from flowner.server import House

tables = typer.Typer(no_args_is_help=True, help="Tables of rows.")


@tables.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The logical name, such as fern_request.")],
    set_name: Annotated[str, typer.Option(help="The plural that queries use.")],
    primary: Annotated[str, typer.Option(help="The column that names a row.")],
    column: Annotated[
        list[str] | None, typer.Option(help="NAME=TYPE, such as fern_size=whole; may be repeated.")
    ] = None,
    organization: Annotated[
        bool,
        typer.Option(
            "--organization", help="The rows have no owners: a right on them is a right on all."
        ),
    ] = False,
) -> None:
    """Make a table. Security roles say who may do what with its rows: flowner roles add."""

    async def work(house: House) -> None:
        await house.metadata.create_table(
            name,
            set_name=set_name,
            primary_name=primary,
            columns=pairs(column),
            owned=not organization,
        )

    in_house(work)
