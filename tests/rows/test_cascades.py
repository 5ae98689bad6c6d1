"""What happens to the rows around a row, and to a secured column by every way through the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flowner.access.rights import Right
from flowner.clock import SystemClock
from flowner.errors import AccessDenied, Code, Conflict, FlownerError, NotFound, Refused
from flowner.rows import registry
from flowner.rows.feed import Change
from flowner.rows.standing import Standings
from flowner.rows.subscriptions import listening
from flowner.values import PrincipalId
from rows.scenes import BOTH, OWN, OWN_CONTACTS, having
from rows.stage import Stage, make_tables, staged

Story = Callable[[Stage], Awaitable[None]]
READ = Right.READ


@pytest.fixture(scope="module")
def play(database, run) -> Callable[[Story], None]:
    store = run(make_tables(database))

    async def told(story: Story) -> None:
        async with staged(store, database) as stage:
            await story(stage)

    return lambda story: run(told(story))


async def family(s: Stage, mine: Any = BOTH, *, of: str = "me", **cascades: str) -> tuple[str, str]:
    """My account with a contact below it; the relationship carries on what it says."""
    await s.user("me", "bu1", mine)
    await s.user("peer", "bu1", BOTH)
    await s.relationship("contact", "parentcustomerid", "account", **cascades)
    parent = await s.row("account", "me")
    return parent, await s.row("contact", of, parentcustomerid=parent)


async def refused(done: Awaitable[Any], kind: type[FlownerError], code: Code) -> str:
    with pytest.raises(kind) as told:
        await done
    assert told.value.code is code
    return told.value.message


# deleting


def test_a_row_that_others_need_stays(play) -> None:
    async def story(s: Stage) -> None:
        parent, child = await family(s, delete="Restrict")
        await refused(s.delete("me", "account", parent), Refused, Code.ROW_REFERENCED)
        await s.delete("me", "contact", child)
        await s.delete("me", "account", parent)

    play(story)


def test_rows_that_point_are_left_pointing_at_nothing(play) -> None:
    async def story(s: Stage) -> None:
        parent, child = await family(s, of="peer", delete="RemoveLink")
        before = await s.get("peer", "contact", child)
        await s.delete("me", "account", parent)
        after = await s.get("peer", "contact", child)
        assert after["_parentcustomerid_value"] is None
        assert after["@odata.etag"] != before["@odata.etag"]

    play(story)


def test_rows_that_point_go_too(play) -> None:
    async def story(s: Stage) -> None:
        parent, child = await family(s, delete="Cascade")
        await s.delete("me", "account", parent)
        with pytest.raises(NotFound):
            await s.get("admin", "contact", child)

    play(story)


@pytest.mark.parametrize(
    ("mine", "code"),
    [
        pytest.param(OWN, Code.PRIVILEGE_MISSING, id="without the privilege"),
        pytest.param(BOTH, Code.ROW_ACCESS_DENIED, id="without access to that row"),
    ],
)
@pytest.mark.parametrize("what", ["delete", "assign"])
def test_nobody_does_by_a_relationship_what_they_may_not_do(play, mine, code, what) -> None:
    async def story(s: Stage) -> None:
        parent, child = await family(s, mine, of="peer", **{what: "Cascade"})
        if what == "delete":
            message = await refused(s.delete("me", "account", parent), AccessDenied, code)
        else:
            await s.user("heir", "bu1", BOTH)
            done = s.assign("me", "account", parent, "heir")
            message = await refused(done, AccessDenied, code)
        assert child not in message

    play(story)


# owners


def test_what_goes_along_is_judged_before_anything_changes(play) -> None:
    """Taking the account would give me everything on the contact below it."""

    async def story(s: Stage) -> None:
        parent, child = await family(s, of="peer", assign="Cascade", reparent="Cascade")
        await s.user("third", "bu1", BOTH)
        await s.assign("admin", "contact", child, "third")
        await s.point("admin", "contact", child, "parentcustomerid", f"/accounts({parent})")
        await s.assign("admin", "account", parent, "peer")
        await s.assign("admin", "contact", child, "third")
        await s.share("account", parent, "me", Right.WRITE, Right.ASSIGN)
        done = s.assign("me", "account", parent, "me")
        await refused(done, AccessDenied, Code.ROW_ACCESS_DENIED)

    play(story)


@pytest.mark.parametrize("says", [True, False])
def test_a_row_is_shared_with_who_owned_it_if_the_organisation_says_so(play, says) -> None:
    async def story(s: Stage) -> None:
        parent, child = await family(s, assign="Cascade")
        await s.organization(sharetopreviousowneronassign=says)
        await s.assign("me", "account", parent, "peer")
        for table, id in (("account", parent), ("contact", child)):
            held = await s.access("admin", table, id, "me")
            assert held == (set(Right) - {Right.CREATE} if says else set())

    play(story)


# shares


def test_what_is_no_longer_shared_is_closed(play) -> None:
    async def story(s: Stage) -> None:
        parent, child = await family(s, share="Cascade", unshare="Cascade")
        await s.grant("me", "account", parent, "peer", READ)
        await s.get("peer", "contact", child)
        holder = PrincipalId(s.ids["peer"])
        await s.store.revoke_access(s.who("me"), "account", parent, holder, within=s.t)
        for table, id in (("account", parent), ("contact", child)):
            with pytest.raises(AccessDenied):
                await s.get("peer", table, id)

    play(story)


def test_a_child_that_is_moved_away_leaves_what_it_inherited(play) -> None:
    async def story(s: Stage) -> None:
        parent, child = await family(s, share="Cascade")
        await s.grant("me", "account", parent, "peer", READ)
        await s.get("peer", "contact", child)
        other = await s.row("account", "me")
        await s.point("me", "contact", child, "parentcustomerid", f"/accounts({other})")
        with pytest.raises(AccessDenied):
            await s.get("peer", "contact", child)
        await s.point("me", "contact", child, "parentcustomerid", f"/accounts({parent})")
        await s.get("peer", "contact", child)
        await s.update("me", "contact", child, **{"parentcustomerid@odata.bind": None})
        with pytest.raises(AccessDenied):
            await s.get("peer", "contact", child)

    play(story)


# secured columns


async def secured(s: Stage, **can: int) -> str:
    await s.user("me", "bu1", OWN | OWN_CONTACTS)
    await s.secure()
    if can:
        await s.profile("me", **can)
    return await s.row("account", "me", ssn="x")


def test_a_secured_column_of_a_new_row_takes_the_right_to_create_it(play) -> None:
    async def story(s: Stage) -> None:
        await secured(s, canread=4, canupdate=4)
        done = s.create("me", "account", ssn="x")
        await refused(done, AccessDenied, Code.COLUMN_CREATE_MISSING)
        await s.profile("me", cancreate=4)
        assert (await s.create("me", "account", ssn="x"))["ssn"] == "x"

    play(story)


def test_a_column_is_shared_once(play) -> None:
    async def story(s: Stage) -> None:
        id = await secured(s)
        await s.share_column("admin", "account", id, "ssn", "me")
        done = s.share_column("admin", "account", id, "ssn", "me")
        await refused(done, Conflict, Code.COLUMN_SHARED_TWICE)

    play(story)


@pytest.mark.parametrize("options", [{"orderby": "ssn"}, {"orderby": "name,ssn desc"}])
def test_nothing_is_put_in_order_by_a_secured_column(play, options) -> None:
    async def story(s: Stage) -> None:
        await secured(s, canupdate=4)
        done = s.list("me", "account", **options)
        await refused(done, AccessDenied, Code.COLUMN_READ_MISSING)
        await s.list("admin", "account", **options)

    play(story)


@pytest.mark.parametrize(
    ("can", "told"),
    [
        pytest.param({}, None, id="whoever may not read it is told nothing"),
        pytest.param({"canread": 4}, "x", id="whoever may read it is told"),
    ],
)
def test_a_row_trigger_tells_a_secured_column_to_who_may_read_it(play, can, told) -> None:
    async def story(s: Stage) -> None:
        await s.user("me", "bu1", having("Global", "Read"))
        await s.secure()
        if can:
            await s.profile("me", **can)
        flow = await s.insert("workflow", name="f", ownerid=s.ids["me"], statecode=1)
        await s.insert("callbackregistration", workflowid=flow, entityname="account", message=1,
                       scope=4)  # fmt: skip
        made = await s.create("admin", "account", ssn="x")
        (heard,) = await listening(s.t, _change(s, made), Standings())
        assert heard.change.row["ssn"] == told
        assert heard.change.row["name"] == "new"

    play(story)


def test_a_filter_of_a_row_trigger_does_not_tell_a_secured_column(play) -> None:
    async def story(s: Stage) -> None:
        await s.user("me", "bu1", having("Global", "Read"))
        await s.secure()
        flow = await s.insert("workflow", name="f", ownerid=s.ids["me"], statecode=1)
        await registry.insert(
            s.t, "callbackregistration", {"workflowid": flow, "entityname": "account", "message": 1,
                                          "scope": 4, "filterexpression": "ssn eq 'x'"}, by=None,
        )  # fmt: skip
        made = await s.create("admin", "account", ssn="x")
        (heard,) = await listening(s.t, _change(s, made), Standings())
        assert not heard.wants()

    play(story)


def _change(s: Stage, row: Any) -> Change:
    admin = PrincipalId(s.ids["admin"])
    return Change(
        seq=1, at=SystemClock().now(), table="account", message="Create", id=row["accountid"],
        row=row, named=frozenset(), acting_for=admin, actor=None, owner=admin,
        owner_type="systemuser",
    )  # fmt: skip
