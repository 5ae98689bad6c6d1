"""What happens in each gathered case: who there is, and what is then done.

A scene ends by itself (it was allowed), by an error of the store, or by saying that a row was
``filtered`` out or a column ``hidden``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flowner.access.rights import Right
from flowner.clock import SystemClock
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.rows.feed import Change
from flowner.rows.holders import require_depth
from flowner.rows.seed import BASIC_USER, DELEGATE
from flowner.rows.standing import Standings
from flowner.rows.subscriptions import listening
from flowner.values import PrincipalId
from rows.stage import EVERY, Stage

Scene = Callable[[Stage], Awaitable[str | None]]
SCENES: dict[str, Scene] = {}
READ, WRITE, SHARE = Right.READ, Right.WRITE, Right.SHARE


def scene(*ids: str) -> Callable[[Scene], Scene]:
    def keep(scene: Scene) -> Scene:
        for id in ids:
            SCENES[id] = scene
        return scene

    return keep


def having(depth: str, *rights: str, table: str = "account") -> dict[str, dict[str, str]]:
    return {table: dict.fromkeys(rights or EVERY, depth)}


OWN = having("Basic")
"""Everything with one's own accounts."""
OWN_CONTACTS = having("Basic", table="contact")
BOTH = OWN | OWN_CONTACTS
ALL = having("Global")
READS = having("Basic", "Read")


async def pair(s: Stage, mine: Any = None, theirs: Any = None) -> str:
    """Me and a peer, with an account of the peer's."""
    await s.user("me", "bu1", OWN if mine is None else mine)
    await s.user("peer", "bu1", OWN if theirs is None else theirs)
    return await s.row("account", "peer")


# roles and teams


@scene("S161", "S162", "S216")
async def own_rows(s: Stage) -> None:
    await s.user("me", "bu1", OWN)
    id = str((await s.create("me", "account"))["accountid"])
    await s.get("me", "account", id)
    await s.update("me", "account", id)


@scene("S163")
async def own_rows_elsewhere(s: Stage) -> None:
    await s.user("me", "bu2", having("Basic", "Read", "Write"))
    id = await s.row("account", "me")
    await s.get("me", "account", id)
    await s.update("me", "account", id)


async def crew(s: Stage, unit: str, *, joins: bool) -> str:
    await s.user("me", unit, OWN)
    await s.team("crew", "bu1", OWN)
    id = await s.row("account", "crew")
    if joins:
        await s.join("crew", "me")
    return id


@scene("S164")
async def a_teams_row(s: Stage) -> None:
    await s.get("me", "account", await crew(s, "bu1", joins=True))


@scene("S165")
async def a_teams_row_from_another_unit(s: Stage) -> None:
    await s.get("me", "account", await crew(s, "bu2", joins=True))


@scene("S166")
async def a_strange_teams_row(s: Stage) -> None:
    await s.get("me", "account", await crew(s, "bu1", joins=False))


@scene("S167")
async def a_teams_row_after_joining(s: Stage) -> None:
    id = await crew(s, "bu1", joins=False)
    assert await s.list("me", "account") == []
    await s.join("crew", "me")
    await s.get("me", "account", id)


@scene("S169", "S179")
async def somebody_elses_row(s: Stage) -> None:
    await s.user("me", "bu1", OWN)
    await s.user("child", "bu2", OWN)
    await s.update("me", "account", await s.row("account", "child"))


@scene("S181")
async def deleting_somebody_elses_row(s: Stage) -> None:
    await s.delete("me", "account", await pair(s))


@scene("S173")
async def no_privilege_and_no_team(s: Stage) -> None:
    await s.user("me", "bu1", READS)
    await s.team("crew", "bu1", OWN_CONTACTS)
    await s.update("me", "contact", await s.row("contact", "crew"))


@scene("S174")
async def a_privilege_through_another_team(s: Stage) -> None:
    await s.user("me", "bu1", READS)
    await s.team("crew", "bu1", OWN_CONTACTS)
    await s.team("others", "bu1", having("Local", "Write", table="contact"), members=["me"])
    await s.update("me", "contact", await s.row("contact", "crew"))


# owners


@scene("S176")
async def giving_a_row_away(s: Stage) -> None:
    await pair(s, OWN_CONTACTS, OWN_CONTACTS)
    await s.assign("me", "contact", await s.row("contact", "me"), "peer")


@scene("S177")
async def an_owner_who_may_not_read(s: Stage) -> None:
    await s.user("me", "bu1", OWN_CONTACTS)
    await s.team("crew", "bu1", READS)
    await s.assign("admin", "contact", await s.row("contact", "me"), "crew")


@scene("S272")
async def an_access_team_as_owner(s: Stage) -> None:
    await s.user("me", "bu1", OWN)
    await s.team("crew", kind=1)
    await s.assign("me", "account", await s.row("account", "me"), "crew")


@scene("S273")
async def a_team_without_roles_as_owner(s: Stage) -> None:
    await s.user("me", "bu1", OWN)
    await s.team("crew")
    await s.assign("me", "account", await s.row("account", "me"), "crew")


@scene("S274")
async def the_unit_goes_with_the_owner(s: Stage) -> None:
    await s.user("me", "bu1", OWN)
    await s.user("sib", "buX", OWN)
    changed = await s.assign("me", "account", await s.row("account", "me"), "sib")
    assert changed["_owningbusinessunit_value"] == s.ids["buX"]


@scene("S275")
async def children_go_with_their_parent(s: Stage) -> None:
    await s.user("me", "bu1", BOTH)
    await s.user("peer", "bu1", BOTH)
    await s.user("sib", "buX", BOTH)
    went: dict[str, list[bool]] = {}
    for how in ("Cascade", "UserOwned", "Active", "NoCascade"):
        await s.unrelate()
        await s.relationship("contact", "parentcustomerid", "account", assign=how)
        parent = await s.row("account", "me")
        children = [
            await s.row("contact", owner, parentcustomerid=parent, statecode=state)
            for owner, state in (("me", 0), ("peer", 0), ("me", 1))
        ]
        await s.assign("admin", "account", parent, "sib")
        rows = [await s.get("admin", "contact", child) for child in children]
        went[how] = [row["_ownerid_value"] == s.ids["sib"] for row in rows]
    assert went == {
        "Cascade": [True, True, True],
        "UserOwned": [True, False, True],
        "Active": [True, True, False],
        "NoCascade": [False, False, False],
    }


# shares


@scene("S184")
async def a_child_put_under_a_row(s: Stage) -> None:
    await s.user("me", "bu1", BOTH)
    await s.user("peer", "bu1", BOTH)
    await s.relationship("contact", "parentcustomerid", "account", reparent="Cascade")
    parent, child = await s.row("account", "me"), await s.row("contact", "peer")
    assert await s.list("me", "contact") == []
    await s.point("admin", "contact", child, "parentcustomerid", f"/accounts({parent})")
    await s.get("me", "contact", child)


@scene("S185")
async def before_a_share(s: Stage) -> None:
    await s.get("me", "account", await pair(s, READS))


@scene("S186", "S257")
async def after_a_share(s: Stage) -> None:
    id = await pair(s, READS)
    await s.grant("peer", "account", id, "me", READ)
    await s.get("me", "account", id)
    assert await s.list("me", "account") == [id]


@scene("S219")
async def a_share_to_write(s: Stage) -> None:
    id = await pair(s)
    await s.grant("peer", "account", id, "me", READ, WRITE)
    await s.update("me", "account", id)


@scene("S258")
async def a_share_to_read_is_none_to_write(s: Stage) -> None:
    id = await pair(s)
    await s.grant("peer", "account", id, "me", READ)
    await s.update("me", "account", id)


async def record_team(s: Stage, *rights: Right) -> str:
    """A contact of a peer's, shared with an access team that I am in."""
    await pair(s, BOTH, BOTH)
    id = await s.row("contact", "peer")
    if rights:
        await s.team("record", kind=1, members=["me"])
        await s.share("contact", id, "record", *rights)
    return id


@scene("S187")
async def before_an_access_team(s: Stage) -> None:
    await s.get("me", "contact", await record_team(s))


@scene("S188", "S260")
async def in_an_access_team(s: Stage) -> None:
    await s.get("me", "contact", await record_team(s, READ))


@scene("S189")
async def writing_before_an_access_team(s: Stage) -> None:
    await s.update("me", "contact", await record_team(s))


@scene("S190")
async def writing_in_an_access_team(s: Stage) -> None:
    await s.update("me", "contact", await record_team(s, WRITE))


@scene("S192")
async def deleting_in_an_access_team(s: Stage) -> None:
    await s.delete("me", "contact", await record_team(s, Right.DELETE))


@scene("S194")
async def sharing_on_without_share(s: Stage) -> None:
    id = await record_team(s)
    await s.user("third", "bu1", BOTH)
    await s.grant("me", "contact", id, "third", READ)


@scene("S196")
async def several_access_teams(s: Stage) -> None:
    id = await record_team(s, READ)
    for name, right in (("second", WRITE), ("third", Right.DELETE)):
        await s.team(name, kind=1, members=["me"])
        await s.share("contact", id, name, right)
    await s.get("me", "contact", id)
    await s.update("me", "contact", id)
    await s.delete("me", "contact", id)


@scene("S199")
async def taking_a_row(s: Stage) -> None:
    id = await record_team(s, WRITE, Right.ASSIGN)
    await s.assign("me", "contact", id, "me")


@scene("S200")
async def pointing_without_append(s: Stage) -> None:
    id = await record_team(s, WRITE)
    account = await s.row("account", "me")
    await s.point("me", "contact", id, "parentcustomerid", f"/accounts({account})")


@scene("S201")
async def pointing_with_append(s: Stage) -> None:
    id = await record_team(s, WRITE, Right.APPEND)
    account = await s.row("account", "me")
    await s.point("me", "contact", id, "parentcustomerid", f"/accounts({account})")


@scene("S202")
async def pointing_at_a_foreign_row(s: Stage) -> None:
    foreign = await pair(s, BOTH, BOTH)
    mine = await s.row("contact", "me")
    await s.point("me", "contact", mine, "parentcustomerid", f"/accounts({foreign})")


@scene("S203")
async def anothers_access(s: Stage) -> None:
    await s.user("me", "bu1", having("Global", "Read"))
    id = await s.row("account", "admin")
    assert READ in await s.access("admin", "account", id, "me")


@scene("S204")
async def anothers_access_exactly(s: Stage) -> None:
    await s.user("me", "bu1", having("Global", "Read", "Create"))
    id = await s.row("account", "admin")
    assert await s.access("admin", "account", id, "me") == {READ, Right.CREATE}


@scene("S208")
async def a_share_without_privilege(s: Stage) -> None:
    id = await pair(s, {})
    await s.share("account", id, "me", READ)
    await s.get("me", "account", id)


@scene("S209")
async def a_table_that_no_role_mentions(s: Stage) -> None:
    await s.user("me", "bu1", OWN)
    await s.get("me", "contact", await s.row("contact", "admin"))


@scene("S210")
async def an_owner_without_privilege(s: Stage) -> None:
    await s.user("me", "bu1", READS)
    await s.update("me", "account", await s.row("account", "me"))


@scene("S228")
async def a_second_share_adds(s: Stage) -> None:
    id = await pair(s)
    await s.grant("peer", "account", id, "me", READ)
    await s.grant("peer", "account", id, "me", WRITE)
    assert await s.access("admin", "account", id, "me") == {READ, WRITE}


@scene("S229")
async def modifying_replaces(s: Stage) -> None:
    id = await pair(s)
    for right in (READ, WRITE):
        await s.modify("peer", "account", id, "me", right)
        assert await s.access("admin", "account", id, "me") == {right}


@scene("S259")
async def a_share_with_a_team(s: Stage) -> None:
    id = await pair(s)
    await s.team("crew", "buX", READS, members=["me"])
    await s.grant("peer", "account", id, "crew", READ)
    await s.get("me", "account", id)


async def shared_parent(s: Stage, mine: Any) -> str:
    await s.user("me", "bu1", mine)
    await s.user("peer", "bu1", BOTH)
    await s.relationship("contact", "parentcustomerid", "account", share="Cascade")
    parent = await s.row("account", "peer")
    child = await s.row("contact", "peer", parentcustomerid=parent)
    await s.grant("peer", "account", parent, "me", READ)
    return child


@scene("S263")
async def a_child_of_a_shared_row(s: Stage) -> None:
    await s.get("me", "contact", await shared_parent(s, BOTH))


@scene("S264")
async def a_child_of_a_shared_row_without_privilege(s: Stage) -> None:
    await s.get("me", "contact", await shared_parent(s, READS))


@scene("S268")
async def granting_what_one_lacks(s: Stage) -> None:
    await s.user("me", "bu1", having("Basic", "Share", "Read"))
    await s.user("peer", "bu1", OWN)
    await s.grant("me", "account", await s.row("account", "me"), "peer", WRITE)


@scene("S269")
async def sharing_with_the_owner(s: Stage) -> None:
    await s.grant("peer", "account", await pair(s), "peer", READ)


# business units and inheritance


async def moved(s: Stage) -> str:
    await pair(s, having("Local"))
    return await s.row("account", "peer", owningbusinessunit=s.ids["buX"])


@scene("S278")
async def a_row_in_another_unit_than_its_owner(s: Stage) -> None:
    await s.get("me", "account", await moved(s))


@scene("S279")
async def an_owner_wherever_the_row_is(s: Stage) -> None:
    await s.get("peer", "account", await moved(s))


async def member(s: Stage, *, own: bool) -> None:
    await s.user("me", "bu1")
    await s.team("crew", "bu1", OWN, members=["me"], own=own)


@scene("S283")
async def a_members_own_rows(s: Stage) -> None:
    await member(s, own=True)
    made = await s.create("me", "account")
    await s.get("me", "account", str(made["accountid"]))


@scene("S284")
async def a_team_role_for_the_team_alone(s: Stage) -> None:
    await member(s, own=False)
    await s.create("me", "account", "crew")
    await s.create("me", "account")


# acting for others


async def acting(
    s: Stage, caller: Any, target: Any, *, roles: tuple[str, ...] = (DELEGATE,)
) -> str:
    """The caller may act for others; the row is the target's."""
    await s.user("caller", "bu1", caller)
    await s.user("target", "bu1", target)
    for role in roles:
        await s.give("caller", role)
    return await s.row("account", "target")


def as_target(s: Stage) -> Caller:
    return s.who("target", "caller")


@scene("S211", "S212", "S244")
async def an_administrator_acts(s: Stage) -> None:
    await s.user("target", "bu1", OWN)
    made = await s.create(s.who("target", "admin"), "account")
    assert made["_createdby_value"] == made["_ownerid_value"] == s.ids["target"]
    assert made["_createdonbehalfby_value"] == s.ids["admin"]


@scene("S214")
async def acting_without_the_privilege(s: Stage) -> None:
    await acting(s, OWN, OWN, roles=())
    await s.create(as_target(s), "account")


@scene("S215")
async def nobody_acts(s: Stage) -> None:
    await s.user("me", "bu1", OWN)
    assert (await s.create("me", "account"))["_createdonbehalfby_value"] is None


@scene("S217")
async def an_administrator_may_everything(s: Stage) -> None:
    id = await pair(s)
    assert await s.access("admin", "account", id, "admin") == set(Right)


def meeting(caller: Any, target: Any) -> Scene:
    async def play(s: Stage) -> None:
        id = await acting(s, caller, target)
        await s.get(as_target(s), "account", id)

    return play


SCENES["S231"] = meeting(having("Global", "Read"), {})
SCENES["S232"] = meeting({}, having("Global", "Read"))
SCENES["S233"] = meeting(having("Global", "Read"), READS)


@scene("S234")
async def the_smaller_depth(s: Stage) -> None:
    await acting(s, having("Global", "Read"), READS)
    await s.user("peer", "bu1", OWN)
    await s.get(as_target(s), "account", await s.row("account", "peer"))


@scene("S235")
async def the_callers_smaller_depth(s: Stage) -> None:
    await acting(s, READS, having("Global", "Read"))
    await s.user("peer", "bu1", OWN)
    await s.get(as_target(s), "account", await s.row("account", "peer"))


@scene("S236")
async def an_administrator_sees_what_the_target_sees(s: Stage) -> str:
    await pair(s)
    mine = await s.row("account", "me")
    assert await s.list(s.who("me", "admin"), "account") == [mine]
    return "filtered"


@scene("S237")
async def acting_by_a_teams_role(s: Stage) -> None:
    id = await acting(s, OWN, OWN, roles=())
    await s.team("crew", "bu1", members=["caller"])
    await s.give("crew", DELEGATE)
    await s.get(as_target(s), "account", id)


async def secured(s: Stage, caller: bool, target: bool) -> Any:
    id = await acting(s, ALL, OWN)
    await s.secure()
    await s.t.execute("UPDATE rows.account SET ssn = 'x'")
    for name, can in (("caller", caller), ("target", target)):
        if can:
            await s.profile(name, canread=4)
    return (await s.get(as_target(s), "account", id))["ssn"]


@scene("S238")
async def the_callers_profile_does_not_count(s: Stage) -> str:
    assert await secured(s, True, False) is None
    return "hidden"


@scene("S239")
async def the_targets_profile_is_enough(s: Stage) -> None:
    assert await secured(s, False, True) == "x"


@scene("S242")
async def a_disabled_target(s: Stage) -> None:
    id = await acting(s, ALL, OWN)
    await s.t.execute("UPDATE rows.systemuser SET isdisabled = true WHERE fullname = 'target'")
    await s.get(as_target(s), "account", id)


@scene("S243")
async def who_modified(s: Stage) -> None:
    id = await acting(s, ALL, OWN)
    changed = await s.update(as_target(s), "account", id)
    assert changed["_modifiedby_value"] == s.ids["target"]
    assert changed["_modifiedonbehalfby_value"] == s.ids["caller"]


# flows


@scene("S246")
async def a_flow_as_its_owner(s: Stage) -> None:
    await s.get("me", "account", await pair(s, having("Global", "Read")))


@scene("S247")
async def a_flow_as_the_modifying_user(s: Stage) -> None:
    await acting(s, having("Global", "Read", "Write"), having("Basic", "Read", "Write"))
    await s.user("peer", "bu1", OWN)
    await s.update(as_target(s), "account", await s.row("account", "peer"))


@scene("S248")
async def a_flow_whose_owner_may_not_act(s: Stage) -> None:
    id = await acting(s, ALL, OWN, roles=())
    await s.get(as_target(s), "account", id)


async def heard(s: Stage, scope: int, owner: str, unit: str) -> bool:
    """Whether my flow, with a trigger of this scope, hears of a row of somebody in a unit."""
    await s.user("me", "bu1", having("Global", "Read"))
    await s.user(owner, unit, OWN)
    flow = await s.insert("workflow", name="f", ownerid=s.ids["me"], statecode=1)
    await s.insert(
        "callbackregistration", workflowid=flow, entityname="account", message=1, scope=scope
    )
    made = await s.create(owner, "account")
    change = Change(
        seq=1,
        at=SystemClock().now(),
        table="account",
        message="Create",
        id=str(made["accountid"]),
        row=made,
        named=frozenset(),
        acting_for=PrincipalId(s.ids[owner]),
        actor=None,
        owner=PrincipalId(s.ids[owner]),
        owner_type="systemuser",
    )
    return bool(await listening(s.t, change, Standings()))


def hears(scope: int, owner: str, unit: str, *, does: bool) -> Scene:
    async def play(s: Stage) -> str | None:
        assert await heard(s, scope, owner, unit) is does
        return None if does else "filtered"

    return play


SCENES["S251"] = hears(1, "peer", "bu1", does=False)
SCENES["S252"] = hears(2, "peer", "bu1", does=True)
SCENES["S253"] = hears(2, "child", "bu2", does=False)
SCENES["S254"] = hears(3, "child", "bu2", does=True)
SCENES["S255"] = hears(4, "sib", "buX", does=True)


# hierarchy


async def line(s: Stage, depth: int = 3, **settings: object) -> None:
    """A boss, who has a head, who has a hand, who has an aide."""
    await s.organization(
        ishierarchicalsecuritymodelenabled=True,
        maxdepthforhierarchicalsecuritymodel=depth,
        **settings,
    )
    above = None
    for name in ("boss", "head", "hand", "aide"):
        manager = None if above is None else s.ids[above]
        await s.user(name, "bu1", OWN, parentsystemuserid=manager)
        above = name


@scene("S285")
async def a_direct_reports_row(s: Stage) -> None:
    await line(s)
    id = await s.row("account", "head")
    await s.get("boss", "account", id)
    assert await s.list("boss", "account") == [id]


@scene("S288")
async def an_indirect_reports_row(s: Stage) -> None:
    await line(s)
    await s.get("boss", "account", await s.row("account", "hand"))


@scene("S289")
async def writing_an_indirect_reports_row(s: Stage) -> None:
    await line(s)
    await s.update("boss", "account", await s.row("account", "hand"))


@scene("S290")
async def too_far_below(s: Stage) -> None:
    await line(s, depth=2)
    await s.get("boss", "account", await s.row("account", "aide"))


@scene("S292")
async def a_report_in_an_unrelated_unit(s: Stage) -> None:
    await line(s)
    await s.user("far", "buX", OWN, parentsystemuserid=s.ids["boss"])
    await s.get("boss", "account", await s.row("account", "far"))


@scene("S293")
async def a_row_that_a_report_merely_reads(s: Stage) -> None:
    await line(s)
    await s.user("reader", "bu1", having("Local"), parentsystemuserid=s.ids["boss"])
    await s.user("third", "bu1", OWN)
    id = await s.row("account", "third")
    await s.get("reader", "account", id)
    await s.get("boss", "account", id)


@scene("S294")
async def a_row_shared_with_a_report(s: Stage) -> None:
    await line(s)
    await s.user("third", "bu1", OWN)
    id = await s.row("account", "third")
    await s.share("account", id, "head", READ)
    await s.get("boss", "account", id)


@scene("S295")
async def a_table_without_hierarchy(s: Stage) -> None:
    await line(s)
    await s.insert("hierarchyexclusion", tablename="account")
    await s.get("boss", "account", await s.row("account", "head"))


# columns


async def with_secret(s: Stage, holder: str = "me", **can: int) -> str:
    """My account, with a secured column, and a profile for the holder."""
    await s.user("me", "bu1", OWN)
    await s.secure()
    if holder != "me":
        await s.team(holder, "bu1", OWN, members=["me"])
    if can:
        await s.profile(holder, **can)
    return await s.row("account", "me", ssn="x")


@scene("S298")
async def reading_without_a_profile(s: Stage) -> str:
    id = await with_secret(s)
    assert (await s.get("me", "account", id))["ssn"] is None
    return "hidden"


@scene("S299")
async def writing_without_a_profile(s: Stage) -> None:
    await s.update("me", "account", await with_secret(s), ssn="y")


@scene("S301")
async def reading_by_a_teams_profile(s: Stage) -> None:
    id = await with_secret(s, "crew", canread=4)
    assert (await s.get("me", "account", id))["ssn"] == "x"


@scene("S302")
async def writing_what_one_may_not_read(s: Stage) -> None:
    changed = await s.update("me", "account", await with_secret(s, canupdate=4), ssn="y")
    assert changed["ssn"] is None


@scene("S303")
async def a_profile_opens_no_row(s: Stage) -> None:
    await with_secret(s, canread=4)
    await s.user("peer", "bu1", OWN)
    await s.get("me", "account", await s.row("account", "peer"))


@scene("S304")
async def a_column_of_one_row(s: Stage) -> None:
    id = await with_secret(s)
    other = await s.row("account", "me", ssn="x")
    await s.share_column("admin", "account", id, "ssn", "me")
    assert (await s.get("me", "account", id))["ssn"] == "x"
    assert (await s.get("me", "account", other))["ssn"] is None


@scene("S306")
async def finding_by_a_secured_column(s: Stage) -> None:
    await with_secret(s)
    await s.list("me", "account", filter="ssn eq 'x'")


# queries and the rest


@scene("S307")
async def a_list_of_what_may_be_read(s: Stage) -> str:
    await pair(s)
    mine = await s.row("account", "me")
    assert await s.list("me", "account") == [mine]
    return "filtered"


@scene("S308")
async def a_list_without_privilege(s: Stage) -> None:
    await pair(s, {})
    await s.list("me", "account")


@scene("S310")
async def a_count_of_what_may_be_read(s: Stage) -> str:
    await pair(s)
    await s.row("account", "me")
    assert await s.count("me", "account") == 1
    return "filtered"


@scene("S311")
async def a_row_that_is_there(s: Stage) -> None:
    await s.get("me", "account", await pair(s))


@scene("S316")
async def a_user_who_only_reads(s: Stage) -> None:
    await s.user("me", "bu1", OWN, accessmode=2)
    id = await s.row("account", "me")
    await s.get("me", "account", id)
    await s.update("me", "account", id)


@scene("S317")
async def an_application(s: Stage) -> None:
    await s.user(
        "me", "bu1", READS, accessmode=4, applicationid="00000000-0000-4000-8000-00000000a881"
    )
    await s.get("me", "account", await s.row("account", "me"))


@scene("S318")
async def a_directory_groups_team(s: Stage) -> None:
    await s.user("me", "bu1", {})
    group = await s.insert("securitygroup", name="g")
    await s.team("crew", "bu1", READS, kind=2, securitygroupid=group)
    id = await s.row("account", "crew")
    await s.insert(
        "groupmembership", securitygroupid=group, memberid=s.ids["me"], membertype="systemuser"
    )
    await s.get("me", "account", id)
    await s.t.execute("DELETE FROM rows.groupmembership WHERE memberid = %s", (s.ids["me"],))
    assert await s.access("admin", "account", id, "me") == set()


@scene("S319")
async def associating_without_append(s: Stage) -> None:
    await s.user("me", "bu1", having("Basic", "Append") | having("Basic", "Read", table="contact"))
    one, other = await s.row("account", "me"), await s.row("contact", "me")
    await s.associate("me", ("account", one), ("contact", other))


@scene("S320")
async def relating_a_child(s: Stage) -> None:
    await s.user(
        "me", "bu1",
        having("Basic", "Read", "AppendTo") | having("Basic", "Write", "Append", table="contact"),
    )  # fmt: skip
    one, other = await s.row("account", "me"), await s.row("contact", "me")
    await s.point("me", "contact", other, "parentcustomerid", f"/accounts({one})")


@scene("S221")
async def privileges_by_table(s: Stage) -> None:
    for table, owned in (("account", True), ("position", False)):
        found = await s.store.list(
            s.who("admin"), "privilege", {"$filter": f"endswith(name,'{table}')"}, within=s.t
        )
        rows = found["value"]
        wanted = {f"prv{right}{table}".lower() for right in Right}
        if not owned:
            wanted -= {f"prvShare{table}".lower(), f"prvAssign{table}".lower()}
        assert {row["name"].lower() for row in rows} == wanted
        assert all(row["canbebasic"] is owned and row["canbeglobal"] for row in rows)


@scene("S222")
async def a_shallow_right_on_rows_without_owners(s: Stage) -> None:
    await require_depth(s.t, "businessunit", 1)


@scene("S322")
async def a_role_for_an_access_team(s: Stage) -> None:
    await s.team("record", kind=1)
    await s.take("admin", "record", BASIC_USER)


@scene("S323")
async def the_last_administrator(s: Stage) -> None:
    await s.disable("admin", "admin")


# business units and roles


async def default_teams(s: Stage, unit: str) -> list[dict[str, Any]]:
    return await registry.select(s.t, "team", {"businessunitid": unit, "isdefault": True})


@scene("S206")
async def a_unit_has_a_default_team(s: Stage) -> None:
    unit = str((await s.create("admin", "businessunit", name="North"))["businessunitid"])
    (team,) = await default_teams(s, unit)
    assert (team["name"], team["teamtype"]) == ("North", 0)
    s.ids["north"] = unit
    await s.user("me", "north", OWN)
    members = await registry.select(s.t, "teammembership", {"teamid": team["teamid"]})
    assert [row["systemuserid"] for row in members] == [s.ids["me"]]


@scene("S207")
async def a_default_team_goes_with_its_unit(s: Stage) -> None:
    unit = str((await s.create("admin", "businessunit", name="North"))["businessunitid"])
    await s.update("admin", "businessunit", unit, name="South")
    (team,) = await default_teams(s, unit)
    assert team["name"] == "South"
    for change in ({"name": "Other"}, {"isdefault": False}):
        with pytest.raises(s.refusal):
            await s.update("admin", "team", team["teamid"], **change)
    with pytest.raises(s.refusal):
        await s.delete("admin", "team", team["teamid"])
    await s.delete("admin", "businessunit", unit)
    assert await default_teams(s, unit) == []


async def copies(s: Stage, root: str) -> dict[str, dict[str, Any]]:
    found = await registry.select(s.t, "role", {"parentrootroleid": root})
    return {row["businessunitid"]: row for row in found if row["roleid"] != root}


@scene("S223")
async def a_role_is_in_every_unit(s: Stage) -> None:
    role = str((await s.create("admin", "role"))["roleid"])
    found = await copies(s, role)
    assert set(found) == {s.ids[name] for name in ("bu1", "bu2", "buX")}
    assert found[s.ids["bu1"]]["parentroleid"] == role
    assert found[s.ids["bu2"]]["parentroleid"] == found[s.ids["bu1"]]["roleid"]
    below = {"parentbusinessunitid": s.ids["bu2"]}
    unit = str((await s.create("admin", "businessunit", **below))["businessunitid"])
    (copy,) = [one for place, one in (await copies(s, role)).items() if place == unit]
    assert copy["parentroleid"] == found[s.ids["bu2"]]["roleid"]


@scene("S224")
async def a_copy_stays_as_long_as_its_root(s: Stage) -> None:
    role = str((await s.create("admin", "role"))["roleid"])
    copy = (await copies(s, role))[s.ids["bu1"]]["roleid"]
    spare = str((await s.create("admin", "role", name="spare"))["roleid"])
    await s.delete("admin", "role", spare)
    assert await registry.select(s.t, "role", {"parentrootroleid": spare}) == []
    await s.delete("admin", "role", copy)


@scene("S225")
async def a_role_of_another_unit_where_that_is_not_offered(s: Stage) -> None:
    await s.user("me", "bu1")
    here, there = [
        str((await s.create("admin", "role", name=unit, businessunitid=s.ids[unit]))["roleid"])
        for unit in ("bu1", "bu2")
    ]
    await s.take("admin", "me", there)
    await s.organization(enableownershipacrossbusinessunits=False)
    await s.take("admin", "me", here)
    await s.take("admin", "me", there)
