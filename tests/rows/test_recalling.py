"""A page read by what is remembered of somebody: it is the one that a reading without memory finds.

After each change of who may see what, a reading that remembers how things were is asked beside one
that never asked before.
"""

from __future__ import annotations

import pytest

from flowner.clock import SystemClock
from flowner.errors import FlownerError
from flowner.odata.parser import parse_order
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.metadata import Metadata
from flowner.rows.reading import Asked, Page, Reading
from flowner.rows.store import Store
from rows.conftest import CLERK

CHANGES = {
    "nothing": "SELECT 1",
    "a role is taken": "DELETE FROM rows.roleassignment WHERE principalid = %(ann)s",
    "a privilege is gone": "DELETE FROM rows.roleprivilege WHERE roleid = %(clerk)s"
    " AND tablename = 't_told'",
    "the depth grows": "UPDATE rows.roleprivilege SET depth = 8 WHERE roleid = %(clerk)s"
    " AND tablename = 't_told'",
    "the depth shrinks": "UPDATE rows.roleprivilege SET depth = 1 WHERE roleid = %(boss)s"
    " AND tablename = 't_told'",
    "the person is disabled": "UPDATE rows.systemuser SET isdisabled = true"
    " WHERE systemuserid = %(ann)s",
    "a column is secured": "INSERT INTO rows.securedcolumn (tablename, columnname)"
    " VALUES ('t_told', 't_size')",
    "a row is shared": "INSERT INTO rows.rowshare (tablename, rowid, principalid, accessmask)"
    " SELECT 't_told', t_toldid, %(ann)s, 1 FROM rows.t_told WHERE ownerid = %(ben)s",
    "rows change hands": "UPDATE rows.t_told SET ownerid = %(ben)s WHERE ownerid = %(ann)s",
    "every row is gone": "DELETE FROM rows.t_told",
}
ORDERS = ("", "modifiedon desc", "t_size", "t_name desc,t_size")
pytestmark = pytest.mark.usefixtures("told")
BOSS = "00000000-0000-4000-8000-00000000b055"


@pytest.fixture(scope="module")
def told(company, database, run) -> None:
    async def build() -> None:
        await Metadata(database, company.store.catalogue).create_table(
            "t_told", set_name="t_tolds", primary_name="t_name", columns={"t_size": Type.WHOLE}
        )
        async with database.transaction() as t:
            await t.execute("INSERT INTO rows.role (roleid, name) VALUES (%s, 'Boss')", (BOSS,))
            await t.execute(
                "INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)"
                " VALUES (%(c)s, 't_told', 'Read', 1), (%(c)s, 't_told', 'Create', 1),"
                " (%(b)s, 't_told', 'Read', 8)",
                {"c": CLERK, "b": BOSS},
            )
            await t.execute(
                "INSERT INTO rows.roleassignment (roleid, principalid) VALUES (%s, %s)",
                (BOSS, company.ben),
            )
        for at, one in enumerate([company.ann, company.ben] * 4):
            values = {"t_name": f"No {at % 3}", "t_size": at % 4 or None}
            await company.store.create(Caller(one), "t_told", values)

    run(build())


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_remembered_shows_nothing_that_is_over(company, database, run, change) -> None:
    async def story() -> None:
        async with database.transaction() as t:
            remembering = Reading(Store(database, SystemClock()), SystemClock())
            who = [Caller(company.ann), Caller(company.ben)]
            for caller in who * 2:
                await pages(remembering, caller, t)
            names = {"ann": company.ann, "ben": company.ben, "clerk": CLERK, "boss": BOSS}
            await t.execute(CHANGES[change].encode(), names)
            for caller in who:
                anew = Reading(Store(database, SystemClock()), SystemClock())
                assert await pages(remembering, caller, t) == await pages(anew, caller, t)
            raise UndoneError

    with pytest.raises(UndoneError):
        run(story())


def test_the_changes_change_what_is_seen(company, database, run) -> None:
    """The table above would say nothing if every change left every page as it was."""

    async def story(change: str) -> None:
        async with database.transaction() as t:
            who = [Caller(company.ann), Caller(company.ben)]
            names = {"ann": company.ann, "ben": company.ben, "clerk": CLERK, "boss": BOSS}
            seen = []
            for statement in ("SELECT 1", CHANGES[change]):
                await t.execute(statement.encode(), names)
                anew = Reading(Store(database, SystemClock()), SystemClock())
                seen.append([await pages(anew, one, t) for one in who])
            assert (seen[0] == seen[1]) == (change == "nothing"), change
            raise UndoneError

    for change in CHANGES:
        with pytest.raises(UndoneError):
            run(story(change))


class UndoneError(Exception):
    """Raised to leave everything as it was."""


async def pages(reading: Reading, caller: Caller, t) -> list[object]:
    """Return every page of every order, two rows each, or how it is refused."""
    found: list[object] = []
    for order in ORDERS:
        after = None
        while True:
            asked = Asked(order=tuple(parse_order(order)) if order else (), size=2, after=after)
            try:
                page: Page = await reading.page(caller, "t_told", asked, t)
            except FlownerError as error:
                found.append((error.code, str(error)))
                break
            found.append(page.rows)
            after = page.last
            if after is None:
                break
    return found
