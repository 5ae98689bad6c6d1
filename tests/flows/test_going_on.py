"""Going on from a failed action: what is taken over, as whom the rest runs, what is kept of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from approvals.conftest import Town, asks
from flowner.access.vocabulary import ConnectionRole, FlowRole
from flowner.errors import Code
from flowner.flows.cancelling import children_of
from flowner.flows.running import Press
from flowner.journal.actions import WantedActions, search
from flowner.runs.events import RunStarted, decode
from flowner.runs.records import STRUCK_OUT
from flowner.triggers.earlier import GoOn
from flowner.values import FlowId, RunId
from worlds import written
from worlds.living import PATIENCE, Living, embedded, responds

ME = written.call("people", written.PEOPLE, "MyProfile_V2", {})
SECURED = {"secureData": {"properties": ["outputs"]}}


def compose(value: Any, *before: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "Compose",
        "inputs": value,
        "runAfter": {name: ["Succeeded"] for name in before},
        **more,
    }


def steps(**other: Any) -> dict[str, Any]:
    """Return actions of which `Me` fails while nobody may use its connection."""
    return {
        "Ticket": compose("@guid()"),
        "Key": compose("@guid()", "Ticket", runtimeConfiguration=SECURED),
        "Me": ME | {"runAfter": {"Key": ["Succeeded"]}},
        "Said": compose("@concat(outputs('Ticket'), body('Me')?['displayName'])", "Me"),
        **other,
    }


async def again(living: Living, run: RunId, by: str, at: str = "Me", **how: Any) -> RunId:
    """Go on from an action, wait for the end, and return the new run."""
    house, fresh = living.house, living.house.running.fresh_run()
    person, go_on = await living.person(by), GoOn(at=(at,), **how)
    with house.replies.expect(fresh) as (_, end):
        await house.resubmitting.resubmit(run, person, go_on=go_on, run=fresh)
        await asyncio.wait_for(end, PATIENCE)
    return fresh


@pytest.fixture
def failed(run, living) -> tuple[FlowId, RunId]:
    """A flow of olga's whose run failed at `Me`, since lea is disabled; now olga's own is used."""
    house, name = living.house, f"ref_{living.house.running.fresh_run()}"
    leas, olga = run(living.connection("lea")), run(living.person("olga"))
    lea = run(living.person("lea"))
    flow: FlowId = run(
        living.flow("olga", written.BUTTON, steps(), embedded(name), on=False, bind={name: leas})
    )
    run(house.connections.share(leas, olga, ConnectionRole.CAN_USE, lea))
    run(house.turning.on(flow, olga))
    run(house.directory.set_enabled(lea, enabled=False))
    first = run(living.pressed(flow, "olga"))
    run(house.directory.set_enabled(lea, enabled=True))
    run(house.connections.point(name, run(living.connection("olga")), olga))
    run(house.turning.on(flow, olga))
    return flow, first


def test_it_goes_on_where_it_failed_as_whom_it_is_now(run, living, failed) -> None:
    _, first = failed
    house, olga = living.house, run(living.person("olga"))
    before = run(house.journal.entries(first))
    second = run(again(living, first, "olga"))
    header, ends = run(house.journal.header(second)), run(living.actions(second))
    assert (header.status, header.rule) == ("Succeeded", "resubmit.original")
    assert (header.principal, header.initiator, header.plan["resubmits"]) == (olga, olga, first)
    assert ends["Ticket"].outputs == run(living.actions(first))["Ticket"].outputs
    assert ends["Said"].outputs == f"{ends['Ticket'].outputs}olga"
    assert {path: end.taken_over_from for path, end in ends.items()} == {
        "Ticket": first, "Key": first, "Me": 0, "Said": 0,
    }  # fmt: skip
    assert ends["Me"].acting["account"] == f"olga@{written.PEOPLE}"
    assert run(house.journal.entries(first)) == before, "the earlier run stays as it is"


def test_what_would_differ_is_told_before(run, living, failed) -> None:
    flow, first = failed
    olga = run(living.person("olga"))
    preview = run(living.house.resubmitting.preview(first, olga, go_on=GoOn(at=("me",))))
    assert preview.refused is None
    assert [one.action for one in preview.differing] == ["Me"]
    assert preview.taking is not None
    assert preview.taking.taken == ("Ticket", "Key")
    assert preview.taking.again == ("Me",)
    assert [one.id for one in run(living.house.journal.runs(flow=flow))] == [first]


def test_only_what_it_did_itself_is_in_the_audit(run, living, failed) -> None:
    flow, first = failed
    second = run(again(living, first, "olga"))

    async def calls() -> list[RunId]:
        async with living.house.database.connection() as connection:
            found = await search(connection, WantedActions(flow=flow))
        return [one.run for one in found]

    assert run(calls()) == [second, first]
    assert run(living.house.journal.header(second)).accounts == (f"olga@{written.PEOPLE}",)


def test_it_is_whole_without_the_run_it_took_over_from(run, living, failed) -> None:
    _, first = failed
    house, olga = living.house, run(living.person("olga"))
    second = run(again(living, first, "olga"))

    async def forget() -> None:
        async with house.database.transaction() as transaction:
            for table, key in (("entry", "run"), ("action", "run"), ("run", "id")):
                await transaction.execute(
                    f"DELETE FROM journal.{table} WHERE {key} = %s",
                    (first,),
                )

    run(forget())
    record = run(house.history.run(olga, second))
    assert (record["continues"], record["goes_on_at"]) == (str(first), ["Me"])
    by_name = {one["action"]: one for one in record["actions"]}
    assert by_name["Ticket"]["taken_over_from"] == str(first)
    assert by_name["Me"]["taken_over_from"] is None


def test_what_is_secured_stays_struck_out(run, living, failed) -> None:
    flow, first = failed
    house, olga = living.house, run(living.person("olga"))
    second = run(again(living, first, "olga"))
    record = run(house.history.run(olga, second))
    key = next(one for one in record["actions"] if one["action"] == "Key")
    assert key["outputs"] == "*sanitized*"
    seen = run(house.inspecting.open(second, olga, flow=flow)).record
    assert seen.actions["Key"].outputs == STRUCK_OUT
    assert (seen.continues, seen.actions["Key"].taken_over_from) == (first, first)


@pytest.mark.parametrize(
    "asked",
    [
        ("eve", "Me", Code.NOT_FOUND),
        ("carl", "Me", Code.RESUBMIT_REFUSED),
        ("olga", "Nothing", Code.RESUBMIT_REFUSED),
        ("olga", "Said", Code.RESUBMIT_REFUSED),
    ],
)
def test_who_may_not_and_what_cannot(run, living, refused, failed, asked) -> None:
    by, at, code = asked
    flow, first = failed
    olga, carl = run(living.person("olga")), run(living.person("carl"))
    run(living.house.sharing.share(flow, carl, FlowRole.CO_OWNER, olga))
    run(living.person("eve"))
    assert refused(again(living, first, by, at)).code is code


def test_a_run_that_succeeded_has_nothing_to_go_on_from(run, living, refused) -> None:
    flow = run(living.flow("olga"))
    first = run(living.pressed(flow, "olga"))
    assert "can be resubmitted" in refused(again(living, first, "olga", "Note")).message


def test_a_run_under_way_is_not_gone_on_with(run, living, refused) -> None:
    wait = {"type": "Wait", "runAfter": {}, "inputs": {"interval": {"count": 1, "unit": "Day"}}}
    house, flow = living.house, run(living.flow("olga", written.BUTTON, {"W": wait}))
    olga = run(living.person("olga"))
    first = run(house.running.press(Press(flow=flow, by=olga, inputs={})))
    assert refused(again(living, first, "olga", "W")).code is Code.CONFLICT
    run(house.cancelling.cancel(first, olga))
    run(living.ended_run(first))
    taken = run(house.resubmitting.preview(first, olga, go_on=GoOn(at=("W",)))).taking
    assert taken.again == ("W",)


def test_the_version_that_ran_or_the_current_one_where_it_is_alike(
    run, living, refused, failed
) -> None:
    flow, first = failed
    house, olga = living.house, run(living.person("olga"))
    name = run(house.published.get(flow, 1)).references
    later = steps(Said=compose("another", "Me"))
    run(living.bring("olga", written.BUTTON, later, embedded(*name), guid=flow))
    run(house.turning.on(flow, olga))
    own = run(again(living, first, "olga"))
    assert run(house.journal.header(own)).flow_version == 1
    error = refused(again(living, first, "olga", current=True))
    assert "what `Key` answered is secured" in error.message
    other = steps(Ticket=compose("no guid"))
    run(living.bring("olga", written.BUTTON, other, embedded(*name), guid=flow))
    run(house.turning.on(flow, olga))
    error = refused(again(living, first, "olga", current=True))
    assert error.pointer == "/properties/definition/actions/Ticket"
    assert "version 3" in error.message


def test_on_the_current_version_what_follows_may_be_another(run, living) -> None:
    parts = {"A": compose("@guid()"), "B": compose("@div(1, sub(length(outputs('A')), 36))", "A")}
    house, flow = living.house, run(living.flow("olga", written.BUTTON, parts))
    first, olga = run(living.pressed(flow, "olga")), run(living.person("olga"))
    mended = parts | {"B": compose("@outputs('A')", "A"), "C": compose(1, "B")}
    run(living.bring("olga", written.BUTTON, mended, guid=flow))
    run(house.turning.on(flow, olga))
    now = run(again(living, first, "olga", "B", current=True))
    header, ends = run(house.journal.header(now)), run(living.actions(now))
    assert (header.status, header.flow_version) == ("Succeeded", 2)
    assert ends["B"].outputs == ends["A"].outputs == run(living.actions(first))["A"].outputs


ZERO = "@div(1, sub(length(outputs('A')), 36))"
BROKEN = {"A": compose("@guid()"), "B": compose(ZERO, "A")}


def test_a_run_only_user_goes_on_with_their_own_run(run, living) -> None:
    flow, house = run(living.flow("olga", written.BUTTON, BROKEN)), living.house
    rik, olga = run(living.person("rik")), run(living.person("olga"))
    run(house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
    first = run(living.pressed(flow, "rik"))
    header = run(house.journal.header(run(again(living, first, "rik", "B"))))
    assert (header.principal, header.initiator) == (rik, rik)


def test_one_run_at_a_time_holds_for_runs_that_go_on_too(run, living) -> None:
    one = {"runtimeConfiguration": {"concurrency": {"runs": 1}}}
    trigger = {"manual": written.BUTTON["manual"] | one}
    actions = {
        "A": compose("@guid()"),
        "W": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}},
              "runAfter": {"A": ["Succeeded"]}},
        "B": compose(ZERO, "W"),
    }  # fmt: skip
    flow, house = run(living.flow("olga", trigger, actions)), living.house
    olga = run(living.person("olga"))
    first = run(living.pressed(flow, "olga"))
    go_on = GoOn(at=("W",))
    both = [run(house.resubmitting.resubmit(first, olga, go_on=go_on)) for _ in range(2)]
    assert run(house.journal.header(both[1])).status == "Waiting"
    one_, other = (run(living.ended_run(id)) for id in both)
    begun = run(living.actions(both[1]))["W"].started
    assert one_.ended <= begun, "it began when the other had ended"
    assert run(living.actions(both[1]))["A"].taken_over_from == first
    assert other.status == "Failed"


def test_a_child_is_not_called_again_and_not_stopped(run, living) -> None:
    child = run(living.flow("olga", written.BUTTON, responds("@triggerBody()")))
    inputs = {"host": {"workflowReferenceName": child}, "body": {"text": "hello"}}
    actions = {
        "Call": {"type": "Workflow", "runAfter": {}, "inputs": inputs},
        "A": compose("@guid()", "Call"),
        "B": compose(ZERO, "A"),
    }
    flow, house = run(living.flow("olga", written.BUTTON, actions)), living.house
    first = run(living.pressed(flow, "olga"))
    second = run(again(living, first, "olga", "B"))
    assert len(run(house.journal.runs(flow=child))) == 1
    events = [[decode(one.entry.data) for one in run(house.journal.entries(id))]
              for id in (first, second)]  # fmt: skip
    assert [len(children_of(each)) for each in events] == [1, 0]
    seen = run(house.inspecting.open(second, run(living.person("olga")), flow=flow))
    assert seen.children == ()


def test_an_answer_of_people_is_taken_over(run, living) -> None:
    town = Town(living)
    run(town.person("bob"))
    asked = asks()
    flow = run(town.asking({"Ask": asked, "A": compose("@guid()", "Ask"), "B": compose(ZERO, "A")}))
    first = run(town.parked(flow))
    run(town.respond(first, "bob", "Approve"))
    assert run(living.ended_run(first)).status == "Failed"
    second = run(again(living, first, "olga", "B"))
    assert run(living.actions(second))["Ask"].outputs["body"]["outcome"] == "Approve"
    assert run(living.house.approvals.of_run(second)) == []


def test_another_worker_reads_the_same_run(run, living, failed) -> None:
    _, first = failed
    second = run(again(living, first, "olga"))
    entries = run(living.house.journal.entries(second))
    events = [decode(one.entry.data) for one in entries]
    assert isinstance(events[0], RunStarted)
    assert events[0].taken_over == 2
    assert [one.entry.path for one in entries[1:3]] == ["Ticket", "Key"]
    assert events[0].continues == first
