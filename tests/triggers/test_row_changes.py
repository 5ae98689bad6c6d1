"""Rows change, flows start: which, in whose name, once; and nothing stands in another's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import sql

from flowner.errors import FlownerError, Unavailable
from flowner.identity.cause import RowChanged
from flowner.rows import feed, registry
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.seed import ORGANIZATION
from flowner.triggers.occasions import Occasion
from flowner.values import FlowId, JsonObject, PrincipalId
from worlds import written
from worlds.still import CLERK, Still

LEGACY = "shared_commondataservice"
COLUMNS = {"t_size": Type.WHOLE, "t_done": Type.BOOLEAN, "t_about": Type.LOOKUP}
TABLES = ("t_message", "t_scope", "t_column", "t_filter", "t_old", "t_as", "t_other", "t_gone")
RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign")


@dataclass
class Office:
    """Writes rows in people's names."""

    still: Still
    run: Callable[..., Any]

    def person(self, name: str, **more: Any) -> PrincipalId:
        return self.run(self.still.person(name, **more))

    def listener(self, owner: str, table: str, **more: Any) -> FlowId:
        kept = {name: more.pop(name) for name in ("api", "key", "on") if name in more}
        trigger = more.pop("trigger", None) or written.row_trigger(table, **more)
        return self.run(self.still.listener(owner, trigger, **kept))

    def create(self, by: str, table: str, actor: str | None = None, **values: Any) -> str:
        caller = Caller(self.person(by), self.person(actor) if actor else None)
        row = self.run(self.still.house.store.create(caller, table, values))
        return str(row[f"{table}id"])

    def update(self, by: str, table: str, id: str, values: JsonObject) -> None:
        self.run(self.still.house.store.update(Caller(self.person(by)), table, id, values))

    def delete(self, by: str, table: str, id: str) -> None:
        self.run(self.still.house.store.delete(Caller(self.person(by)), table, id))

    def fed(self, *flows: FlowId) -> list[list[Any]]:
        return self.run(self.still.fed(*flows))

    def one(self, flow: FlowId) -> Any:
        (found,) = self.fed(flow)[0]
        return found

    def started(self, *flows: FlowId) -> list[int]:
        found = self.fed(*flows)
        assert all(one.code is None for each in found for one in each)
        return [len(each) for each in found]

    def write(self, statement: str, *values: Any) -> None:
        """Do to the database what only an administrator of it could."""

        async def written_down() -> None:
            async with self.still.house.database.connection() as connection:
                await connection.execute(sql.SQL(statement), values)

        self.run(written_down())

    def change(self, table: str, id: str, values: dict[str, Any]) -> None:
        """Change one row of our own tables."""

        async def changed() -> None:
            async with self.still.house.database.transaction() as transaction:
                await registry.update(transaction, table, id, values, by=None)

        self.run(changed())

    def off(self, flow: FlowId, by: str = "ada") -> None:
        self.run(self.still.house.turning.off(flow, self.person(by)))

    def on(self, flow: FlowId, by: str = "ada") -> None:
        self.run(self.still.house.turning.on(flow, self.person(by)))


@pytest.fixture(scope="module")
def office(still: Still, run: Callable[..., Any]) -> Office:
    async def build() -> None:
        for name in TABLES:
            await still.house.metadata.create_table(
                name, set_name=f"{name}s", primary_name="t_name", columns=COLUMNS
            )
        rights = {(table, right): 8 for table in TABLES for right in RIGHTS}
        await still.house.directory.add_role("Clerk", rights, id=CLERK)
        await still.person("ada", delegate=True)

    run(build())
    return Office(still, run)


# what happened


@pytest.fixture(scope="module")
def by_message(office: Office) -> list[FlowId]:
    return [office.listener("ada", "t_message", message=number) for number in range(1, 8)]


@pytest.mark.parametrize(
    ("change", "numbers"),
    [("Create", {1, 4, 5, 7}), ("Update", {3, 4, 6, 7}), ("Delete", {2, 5, 6, 7})],
)
def test_a_message_number_says_which_changes_are_heard(
    office: Office, by_message: list[FlowId], change: str, numbers: set[int]
) -> None:
    id = office.create("ada", "t_message", t_name="x")
    if change != "Create":
        office.fed(*by_message)
    if change == "Update":
        office.update("ada", "t_message", id, {"t_size": 1})
    if change == "Delete":
        office.delete("ada", "t_message", id)
    counts = office.started(*by_message)
    assert {number for number, count in enumerate(counts, 1) if count} == numbers
    assert set(counts) == {0, 1}


# whose rows


@pytest.fixture(scope="module")
def places(office: Office) -> dict[str, PrincipalId]:
    """Ada's unit is north; harbour is below it, quay below that, and south beside it."""
    people: dict[str, PrincipalId] = {"ada": office.person("ada")}

    async def build() -> None:
        units: dict[str, str] = {"root": ORGANIZATION}
        async with office.still.house.database.transaction() as transaction:
            tree = {"north": "root", "harbour": "north", "quay": "harbour", "south": "root"}
            for name, parent in tree.items():
                row = {"name": name, "parentbusinessunitid": units[parent]}
                units[name] = await registry.insert(transaction, "businessunit", row, by=None)
        for name, unit in units.items():
            people[name] = await office.still.person(f"{name} clerk")
            team = await office.still.house.directory.add_team(f"{name} team")
            await office.still.house.directory.give_role(team, CLERK)
            people[f"{name} team"] = team
            async with office.still.house.database.transaction() as transaction:
                where = {"businessunitid": unit}
                await registry.update(transaction, "systemuser", people[name], where, by=None)
                await registry.update(transaction, "team", team, where, by=None)
        async with office.still.house.database.transaction() as transaction:
            where = {"businessunitid": units["north"]}
            await registry.update(transaction, "systemuser", people["ada"], where, by=None)

    office.run(build())
    return people


@pytest.fixture(scope="module")
def by_scope(office: Office) -> list[FlowId]:
    return [office.listener("ada", "t_scope", message=1, scope=number) for number in range(1, 5)]


@pytest.mark.parametrize(
    ("owner", "scopes"),
    [
        ("ada", {1, 2, 3, 4}),
        ("north", {2, 3, 4}),
        ("north team", {2, 3, 4}),
        ("harbour", {3, 4}),
        ("quay", {3, 4}),
        ("quay team", {3, 4}),
        ("south", {4}),
        ("south team", {4}),
        ("root", {4}),
    ],
)
def test_a_scope_says_whose_rows_are_heard(
    office: Office,
    places: dict[str, PrincipalId],
    by_scope: list[FlowId],
    owner: str,
    scopes: set[int],
) -> None:
    kind = "teams" if "team" in owner else "systemusers"
    bound = {"ownerid@odata.bind": f"/{kind}({places[owner]})"}
    office.create("bob", "t_scope", t_name=owner, **bound)
    counts = office.started(*by_scope)
    assert {number for number, count in enumerate(counts, 1) if count} == scopes


def test_scopes_follow_the_flows_owner_at_once(
    office: Office, places: dict[str, PrincipalId]
) -> None:
    flows = [office.listener("ada", "t_scope", message=1, scope=number) for number in (1, 2, 3)]
    made = {name: f"/systemusers({places[name]})" for name in ("ada", "south", "root")}
    office.fed()
    for flow in flows:
        office.change("workflow", flow, {"ownerid": places["south"]})
    heard = {}
    for name, bound in made.items():
        office.create("bob", "t_scope", t_name=name, **{"ownerid@odata.bind": bound})
        heard[name] = office.started(*flows)
    assert heard == {"ada": [0, 0, 0], "south": [1, 1, 1], "root": [0, 0, 0]}


def test_units_in_a_circle_hold_nobody_up(office: Office) -> None:
    flow = office.listener("ada", "t_scope", message=1, scope=3)
    one, two = "00000000-0000-4000-8000-0000000000c1", "00000000-0000-4000-8000-0000000000c2"
    office.write(
        "INSERT INTO rows.businessunit (businessunitid, name, parentbusinessunitid)"
        " VALUES (%s, 'a', %s), (%s, 'b', %s)",
        one, two, two, one,
    )  # fmt: skip
    office.change("systemuser", office.person("circular"), {"businessunitid": one})
    office.create("circular", "t_scope", t_name="x")
    assert office.started(flow) == [0]


# which columns, which rows


@pytest.mark.parametrize(
    ("columns", "values", "fires"),
    [
        pytest.param("t_size", {"t_size": 2}, True, id="changed"),
        pytest.param("t_size", {"t_size": 1}, True, id="named and not changed"),
        pytest.param("t_size", {"t_size": 1, "t_name": "x"}, True, id="one of those named"),
        pytest.param("t_size", {"t_name": "x"}, False, id="another one"),
        pytest.param(" T_Size , t_done", {"t_done": True}, True, id="the list is lenient"),
        pytest.param("t_about", {"t_about_t_column@odata.bind": None}, True, id="a lookup"),
        pytest.param("modifiedon", {"t_name": "x"}, False, id="what the store writes"),
        pytest.param(None, {"t_name": "x"}, True, id="no columns, all columns"),
        pytest.param("", {"t_name": "x"}, True, id="an empty list"),
    ],
)
def test_filtering_columns_fire_when_named(
    office: Office, columns: str | None, values: JsonObject, fires: bool
) -> None:
    more = {} if columns is None else {"filteringattributes": columns}
    flow = office.listener("ada", "t_column", **more)
    id = office.create("bob", "t_column", t_name="x", t_size=1)
    office.update("bob", "t_column", id, values)
    assert office.started(flow) == [int(fires)]
    office.off(flow)


def test_filtering_columns_are_for_updates_alone(office: Office) -> None:
    flow = office.listener("ada", "t_column", message=7, filteringattributes="t_size")
    id = office.create("bob", "t_column", t_name="x")
    assert office.started(flow) == [1]
    office.delete("bob", "t_column", id)
    assert office.started(flow) == [1]


@pytest.mark.parametrize(
    ("filter", "fires"),
    [
        pytest.param("t_size eq 5", True, id="as it is after"),
        pytest.param("t_size eq 1", False, id="as it was before"),
        pytest.param("t_name eq 'KEPT'", True, id="a column the request did not name"),
        pytest.param("t_done eq null and not (t_size lt 5)", True, id="nothing, and not"),
        pytest.param("t_done eq false", False, id="unknown is no"),
        pytest.param("t_size gt 1 or t_done eq true", True, id="or"),
    ],
)
def test_a_filter_is_asked_of_the_row_after_the_change(
    office: Office, filter: str, fires: bool
) -> None:
    flow = office.listener("ada", "t_filter", filterexpression=filter)
    id = office.create("bob", "t_filter", t_name="kept", t_size=1)
    office.update("bob", "t_filter", id, {"t_size": 5})
    assert office.started(flow) == [int(fires)]
    office.off(flow)


def test_a_filter_may_ask_for_an_owner_and_for_what_was_deleted(office: Office) -> None:
    bob = office.person("bob")
    flow = office.listener(
        "ada", "t_filter", message=2, filterexpression=f"_ownerid_value eq {bob}"
    )
    for name in ("bob", "cas"):
        office.delete("ada", "t_filter", office.create(name, "t_filter", t_name="x"))
    assert [one.initiator for one in office.fed(flow)[0]] == [office.person("ada")]


@pytest.mark.parametrize(
    ("filter", "says"),
    [
        pytest.param("t_nope eq 1", "`t_nope`", id="no such column"),
        pytest.param("t_size eq", "ends where a value", id="unfinished"),
        pytest.param("magic(t_name,'a')", "`magic`", id="no such function"),
    ],
)
def test_a_filter_that_cannot_be_evaluated_starts_nothing_and_says_so(
    office: Office, filter: str, says: str
) -> None:
    broken = office.listener("ada", "t_filter", message=1, filterexpression=filter)
    sound = office.listener("ada", "t_filter", message=1)
    office.create("bob", "t_filter", t_name="x")
    (refused,), (started,) = office.fed(broken, sound)
    assert (refused.status, refused.code) == ("Failed", "InvalidWorkflowDefinition")
    assert (refused.principal, refused.kind) == (None, "automated")
    assert refused.initiator == office.person("bob")
    assert filter in refused.error
    assert says in refused.error
    assert started.status == "Running"
    for flow in (broken, sound):
        office.off(flow)


# triggers of old


def old(what: str, table: str, **queries: str) -> dict[str, Any]:
    """Return a trigger of the legacy connector that names only a path."""
    path = (
        "/datasets/@{encodeURIComponent(encodeURIComponent('default.cds'))}/tables/"
        f"@{{encodeURIComponent(encodeURIComponent('{table}'))}}/on{what}itemswebhook"
    )
    host = {"connection": {"name": f"@parameters('$connections')['{LEGACY}']['connectionId']"}}
    inputs = {"host": host, "body": {"NotificationUrl": "@{listCallbackUrl()}"}, "path": path,
              "queries": queries}  # fmt: skip
    return {"When": {"type": "ApiConnectionWebhook", "inputs": inputs}}


def named(operation: str, table: str, **parameters: str) -> dict[str, Any]:
    """Return a trigger of the legacy connector that names its operation."""
    trigger = written.call(
        LEGACY, LEGACY, operation, {"dataset": "default.cds", "table": table, **parameters}
    )
    del trigger["runAfter"]
    return {"When": trigger | {"type": "OpenApiConnectionWebhook"}}


@pytest.mark.parametrize(
    ("trigger", "heard"),
    [
        pytest.param(old("new", "t_olds", scope="Organization"), [1, 0, 0], id="new, by path"),
        pytest.param(old("updated", "t_olds"), [0, 1, 0], id="updated, by path"),
        pytest.param(old("deleted", "t_olds"), [0, 0, 1], id="deleted, by path"),
        pytest.param(named("SubscribeOnNewItems", "t_olds", scope="User"), [0, 0, 0], id="user's"),
        pytest.param(named("GetOnUpdatedItems_V2", "t_olds"), [0, 1, 0], id="by operation"),
        pytest.param(
            named("SubscribeOnUpdatedItems", "t_olds", **{"$filter": "t_size eq 9"}), [0, 0, 0],
            id="filtered",
        ),
        pytest.param(named("SubscribeOnNewItems", "t_others"), [0, 0, 0], id="another table"),
    ],
)  # fmt: skip
def test_triggers_of_the_old_connector_hear_by_the_sets_name(
    office: Office, trigger: dict[str, Any], heard: list[int]
) -> None:
    flow = office.listener("ada", "", trigger=trigger, api=LEGACY, key=LEGACY)
    id = office.create("bob", "t_old", t_name="x")
    found = [office.fed(flow)[0]]
    office.update("bob", "t_old", id, {"t_size": 1})
    found.append(office.fed(flow)[0])
    office.delete("bob", "t_old", id)
    found.append(office.fed(flow)[0])
    assert [len(one) for one in found] == heard
    for header in (header for one in found for header in one):
        assert (header.rule, header.principal) == ("automated.owner", office.person("ada"))
        assert header.initiator == office.person("bob")
    office.off(flow)


# in whose name


@pytest.mark.parametrize(
    ("run_as", "runs_as", "rule"),
    [
        (1, "mo", "automated.modifying-user"),
        (2, "cas", "automated.row-owner"),
        (3, "ada", "automated.owner"),
        (None, "ada", "automated.owner"),
    ],
)
@pytest.mark.parametrize("actor", [None, "bot"])
def test_run_as_is_as_the_row_stood_when_it_changed(
    office: Office, run_as: int | None, runs_as: str, rule: str, actor: str | None
) -> None:
    flow = office.listener("ada", "t_as", message=1, run_as=run_as)
    office.person("bot", delegate=True)
    owner = {"ownerid@odata.bind": f"/systemusers({office.person('cas')})"}
    id = office.create("mo", "t_as", actor, t_name="x", **owner)
    office.update("zoe", "t_as", id, {"ownerid": office.person("zoe")})
    header = office.one(flow)
    assert (header.principal, header.rule) == (office.person(runs_as), rule)
    assert (header.initiator, header.fallback) == (office.person("mo"), None)
    office.off(flow)


def test_whoever_takes_a_row_over_is_its_owner_in_that_change(office: Office) -> None:
    flow = office.listener("ada", "t_as", message=3, run_as=2)
    id = office.create("cas", "t_as", t_name="x")
    office.update("mo", "t_as", id, {"ownerid": office.person("zoe")})
    assert office.one(flow).principal == office.person("zoe")
    office.off(flow)


LACKS = [
    pytest.param(1, "leaver", None, "leaver is disabled", id="disabled modifying user"),
    pytest.param(2, "leaver", None, "leaver is disabled", id="disabled row owner"),
    pytest.param(2, "mo", "team", "night shift is a team", id="a team owns the row"),
    pytest.param(1, None, None, "made by the system", id="the system"),
]


@pytest.mark.parametrize(("run_as", "by", "owner", "reason"), LACKS)
@pytest.mark.parametrize("otherwise", [None, "owner", "fail", "wait"])
def test_whoever_cannot_be_had_is_replaced_as_declared_or_not_at_all(
    office: Office, run_as: int, by: str | None, owner: str | None, reason: str, otherwise: Any
) -> None:
    trigger = written.row_trigger("t_as", message=1, run_as=run_as)
    if otherwise is not None:
        (inner,) = trigger.values()
        inner["metadata"] = {"flownerWhenUnavailable": otherwise}
    flow = office.listener("ada", "t_as", trigger=trigger)
    lacking(office, by, owner)
    header = office.one(flow)
    if otherwise in (None, "owner"):
        assert header.principal == office.person("ada")
        assert header.rule == ("automated.modifying-user" if run_as == 1 else "automated.row-owner")
        assert reason in header.fallback
        assert header.status == "Running"
    else:
        waits = otherwise == "wait" and "disabled" in reason
        assert header.status == ("Waiting" if waits else "Failed")
        assert header.code == "RunAsPrincipalUnavailable"
        assert (header.principal, header.rule) == (None, None)
        assert reason in header.error
    office.off(flow)


def lacking(office: Office, by: str | None, owner: str | None) -> None:
    """Make a row by somebody who is disabled before anybody feeds, or by the system."""
    if by is None:
        cas = office.person("cas")
        row = {"t_name": "x", "_ownerid_value": cas, "owneridtype": "systemuser"}
        id = "00000000-0000-4000-8000-00000000aaaa"

        async def put() -> None:
            async with office.still.house.database.transaction() as transaction:
                await feed.put(transaction, "Create", "t_as", (id, row, []), None)

        office.run(put())
        return
    bound = {}
    if owner == "team":
        team = office.run(office.still.house.directory.add_team("night shift"))
        office.run(office.still.house.directory.give_role(team, CLERK))
        bound = {"ownerid@odata.bind": f"/teams({team})"}
    someone = office.person(by)
    directory = office.still.house.directory
    office.run(directory.set_enabled(someone, enabled=True))
    office.create(by, "t_as", t_name="x", **bound)
    if by == "leaver":
        office.run(directory.set_enabled(someone, enabled=False))


def test_a_disabled_owner_can_replace_nobody(office: Office) -> None:
    olga = office.person("olga", delegate=True)
    flow = office.listener("olga", "t_as", message=1, run_as=1)
    lacking(office, "leaver", None)
    office.run(office.still.house.directory.set_enabled(olga, enabled=False))
    header = office.one(flow)
    assert (header.principal, header.code) == (None, "0x80040225")
    office.run(office.still.house.directory.set_enabled(olga, enabled=True))
    office.off(flow, "olga")


def test_the_owners_right_to_act_for_others_is_asked_again(office: Office) -> None:
    owner = office.person("was delegate", delegate=True)
    flow = office.listener("was delegate", "t_as", message=1, run_as=1)
    office.create("mo", "t_as", t_name="x")
    office.write("DELETE FROM rows.roleassignment WHERE principalid = %s AND roleid <> %s",
                 owner, CLERK)  # fmt: skip
    header = office.one(flow)
    assert (header.principal, header.code) == (None, "0x8004A110")
    office.off(flow, "was delegate")


# with the change or not at all


def test_a_change_that_is_taken_back_starts_nothing(office: Office) -> None:
    flow = office.listener("ada", "t_other", message=7)

    async def broken_off() -> None:
        async with office.still.house.database.transaction() as transaction:
            bob = Caller(await office.still.person("bob"))
            await office.still.house.store.create(
                bob, "t_other", {"t_name": "x"}, within=transaction
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        office.run(broken_off())
    assert office.started(flow) == [0]
    office.off(flow)


def stop(office: Office, flow: FlowId, code: str) -> None:
    """Let the database refuse runs of a flow, from now on, with an error of this code."""
    office.write(f"""
        CREATE FUNCTION journal.stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.flow = '{flow}' AND NEW.ended IS NULL THEN
                RAISE EXCEPTION 'stopped' USING ERRCODE = '{code}';
            END IF;
            RETURN NEW;
        END $$
    """)
    office.write(
        "CREATE TRIGGER stop BEFORE INSERT ON journal.run"
        " FOR EACH ROW EXECUTE FUNCTION journal.stop()"
    )


def go(office: Office) -> None:
    office.write("DROP FUNCTION journal.stop CASCADE")


def test_an_event_that_the_database_cannot_serve_now_is_kept(office: Office) -> None:
    flow = office.listener("ada", "t_other", message=1)
    office.create("bob", "t_other", t_name="x")
    stop(office, flow, "40001")
    try:
        for _ in range(2):
            with pytest.raises(Unavailable):
                office.fed(flow)
    finally:
        go(office)
    assert office.started(flow) == [1]
    office.off(flow)


# nothing stands in another's way


def test_a_start_that_goes_wrong_is_said_and_takes_nothing_along(office: Office) -> None:
    first, wrong, last = (office.listener("ada", "t_other", message=1) for _ in range(3))
    for _ in range(3):
        office.create("bob", "t_other", t_name="x")
    stop(office, wrong, "XX000")
    try:
        found = office.fed(first, wrong, last)
    finally:
        go(office)
    assert [[one.status for one in each] for each in found] == [
        ["Running"] * 3, ["Failed"] * 3, ["Running"] * 3,
    ]  # fmt: skip
    assert {one.code for one in found[1]} == {"InternalServerError"}
    office.create("bob", "t_other", t_name="x")
    assert office.started(first, wrong, last) == [1, 1, 1]
    for flow in (first, wrong, last):
        office.off(flow)


def test_a_definition_that_cannot_be_read_is_said_to_be_so(office: Office) -> None:
    sound, broken = (office.listener("ada", "t_other", message=1) for _ in range(2))
    office.write(
        "INSERT INTO rows.flowversion (workflowid, number, definition) VALUES (%s, 2, '{}')",
        broken,
    )
    office.change("workflow", broken, {"currentversion": 2})
    office.create("bob", "t_other", t_name="x")
    (started,), (refused,) = office.fed(sound, broken)
    assert started.code is None
    assert (refused.status, refused.principal) == ("Failed", None)
    assert refused.code == "InvalidWorkflowDefinition"
    office.change("workflow", broken, {"currentversion": 1})
    for flow in (sound, broken):
        office.off(flow)


def test_a_condition_that_cannot_be_evaluated_is_said_to_be_so(office: Office) -> None:
    trigger = written.row_trigger("t_other", message=1)
    trigger["When_a_row_changes"]["conditions"] = [{"expression": "@triggerBody()?['t_size']"}]
    flow = office.listener("ada", "t_other", trigger=trigger)
    office.create("bob", "t_other", t_name="x")
    header = office.one(flow)
    assert (header.status, header.code) == ("Failed", "InvalidTemplate")
    assert "the trigger's condition 1" in header.error
    office.off(flow)


def test_a_flow_and_a_table_that_are_gone_hold_nobody_up(office: Office) -> None:
    heard = office.listener("ada", "t_gone", message=1)
    gone = office.listener("ada", "t_other", message=1)
    other = office.listener("ada", "t_other", message=1)
    office.create("bob", "t_gone", t_name="x")
    office.create("bob", "t_other", t_name="x")
    office.write("DROP TABLE rows.t_gone")
    office.write("DELETE FROM rows.tablemetadata WHERE logicalname = 't_gone'")
    office.write("DELETE FROM rows.workflow WHERE workflowid = %s", gone)
    office.still.house.store.catalogue.forget()
    assert office.started(heard, other, gone) == [1, 1, 0]
    office.off(heard)
    office.off(other)


# on and off


def test_a_flow_hears_of_what_changes_while_it_is_on(office: Office) -> None:
    witness = office.listener("ada", "t_other", message=1)
    before = office.listener("ada", "t_other", message=1, on=False)
    between = office.listener("ada", "t_other", message=1)
    off = office.listener("ada", "t_other", message=1)
    again = office.listener("ada", "t_other", message=1)
    office.create("bob", "t_other", t_name="x")
    office.on(before)
    office.off(between)
    office.on(between)
    office.off(off)
    office.on(again)
    assert office.started(witness, before, between, off, again) == [1, 0, 0, 0, 1]
    office.create("bob", "t_other", t_name="x")
    assert office.started(witness, before, between, off, again) == [1, 1, 1, 0, 1]


def test_a_flow_that_was_turned_off_is_refused_whoever_starts_it(office: Office) -> None:
    flow = office.listener("ada", "t_other", message=1)
    office.off(flow)

    async def start() -> None:
        cause = RowChanged(by=None, row_owner=None)
        await office.still.house.starter.start_each(Occasion(flow=flow, cause=cause))

    with pytest.raises(FlownerError) as caught:
        office.run(start())
    assert caught.value.code == "WorkflowTriggerIsNotEnabled"
