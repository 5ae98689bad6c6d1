"""Approvals in real runs: asked, parked, answered, and what the flow then reads."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.conftest import APPROVALS, asks
from approvals.test_deciding import model
from flowner.approvals.deciding import Kind
from flowner.errors import AccessDenied, Code, Conflict, Invalid, NotFound
from flowner.flows.running import Press
from worlds import written
from worlds.living import PATIENCE

ANN, BOB, CEM = (f"{name}@living.example" for name in ("ann", "bob", "cem"))


def refused(work: Any, kind: type[Exception]) -> Any:
    with pytest.raises(kind) as caught:
        work()
    return caught.value


def test_a_run_waits_as_rows_and_goes_on_when_it_is_answered(run, town) -> None:
    async def story() -> None:
        flow = await town.asking({"Ask": asks(details="**Please**", itemLink="https://x.example")})
        id = await town.parked(flow)
        (seen,) = await town.received("bob", id)
        assert (seen.approval.title, seen.approval.kind) == ("May I?", "Basic")
        assert seen.approval.options == ("Approve", "Reject")
        await town.respond(id, "bob", "Approve", "gladly")
        ended = await town.ended(id)
        body = ended.outputs["body"]
        assert (ended.status, ended.outputs["statusCode"]) == ("Succeeded", 200)
        assert body["outcome"] == "Approve"
        assert body["approvalId"] == body["name"] == seen.approval.id
        assert body["respondLink"].endswith(f"/approvals/{seen.approval.id}")
        (response,) = body["responses"]
        assert response["responder"] == {
            "id": await town.person("bob"), "displayName": "bob", "email": BOB,
            "tenantId": response["responder"]["tenantId"], "userPrincipalName": BOB,
        }  # fmt: skip
        assert (response["approverResponse"], response["comments"]) == ("Approve", "gladly")
        assert response["requestDate"] <= response["responseDate"]
        assert "Response: Approve" in body["responseSummary"]
        assert await town.received("bob", id) == []

    run(story())


def test_who_asked_and_who_answered_are_in_the_record(run, town) -> None:
    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks()}))
        await town.respond(id, "bob", "Reject", "no")
        acting = (await town.ended(id)).acting
        assert (acting["principal"], acting["rule"]) == (
            await town.person("olga"), "action.connection",
        )  # fmt: skip
        assert acting["seen"] == acting["account"]
        (by,) = acting["answeredBy"]
        assert (by["principal"], by["response"], by["onBehalfOf"]) == (
            await town.person("bob"), "Reject", None,
        )  # fmt: skip
        async with town.house.database.connection() as connection:
            found = await connection.execute(
                "SELECT path, status, account, operation FROM journal.action WHERE run = %s", (id,)
            )
            (call,) = await found.fetchall()
        assert call["operation"] == "StartAndWaitForAnApproval"
        assert (call["path"], call["status"], call["account"]) == (
            "Ask", "Waiting", acting["account"],
        )  # fmt: skip
        shown = await town.house.history.run(await town.person("olga"), id)
        assert shown["actions"][0]["acting"]["answeredBy"] == acting["answeredBy"]

    run(story())


@pytest.mark.parametrize(
    ("kind", "more", "answers", "outcome"),
    [
        pytest.param("Basic", {}, [("bob", "Reject")], "Reject", id="the first decides"),
        pytest.param("BasicAwaitAll", {}, [("bob", "Approve"), ("ann", "Approve")], "Approve",
                     id="everyone"),
        pytest.param("BasicAwaitAll", {}, [("ann", "Reject")], "Reject", id="one rejects"),
        pytest.param("CustomResponse", {"responseOptions": ["Now", "Later"]},
                     [("ann", "Later")], "Later", id="own options, one"),
        pytest.param("CustomResponseAwaitAll", {"responseOptions": ["Now", "Later"]},
                     [("ann", "Later"), ("bob", "Now")], "Later, Now", id="own options, all"),
        pytest.param("Sequential", {}, [("ann", "Approve"), ("bob", "Approve")], "Approve",
                     id="one after the other"),
        pytest.param("Sequential", {}, [("ann", "Reject")], "Reject", id="ends where rejected"),
        pytest.param(
            "Sequential",
            {"steps": [{"assignedTo": ANN}, {"assignedTo": f"{BOB};{CEM}",
                                             "approvalType": "BasicAwaitAll"}]},
            [("ann", "Approve"), ("cem", "Approve"), ("bob", "Approve")], "Approve", id="steps",
        ),
    ],
)  # fmt: skip
def test_outcomes_by_type(run, town, kind, more, answers, outcome) -> None:
    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks(kind, f"{ANN}; {BOB};", **more)}))
        for at, (name, response) in enumerate(answers):
            assert (await town.approval(id)).outcome is None, f"settled before answer {at}"
            await town.respond(id, name, response)
        assert (await town.ended(id)).outputs["body"]["outcome"] == outcome

    run(story())


PEOPLE = ("ann", "bob", "cem")


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    kind=st.sampled_from([Kind.FIRST, Kind.EVERYONE, Kind.ONE, Kind.ALL]),
    asked=st.integers(1, 3),
    answers=st.lists(
        st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["Approve", "Reject"])), max_size=6
    ),
)
def test_any_sequence_of_answers_comes_to_what_the_model_says(
    run, town, kind, asked, answers
) -> None:
    """Who is not asked, answers twice or comes too late is refused, and changes nothing."""

    async def story() -> None:
        to = ";".join(f"{name}@living.example" for name in PEOPLE[:asked])
        options = {"responseOptions": ["Approve", "Reject"]} if kind.has_own_options else {}
        id = await town.parked(await town.asking({"Ask": asks(kind.value, to, **options)}))
        counted: dict[str, str] = {}
        for name, response in answers:
            expected = model(kind, asked, list(counted.values()))
            fits = name in PEOPLE[:asked] and name not in counted and expected is None
            try:
                await town.respond(id, name, response)
            except (NotFound, Conflict):
                assert not fits
            else:
                assert fits
                counted[name] = response
        outcome = model(kind, asked, list(counted.values()))
        assert (await town.approval(id)).outcome == outcome
        if outcome is None:
            await town.house.cancelling.cancel(id, await town.person("olga"))
            assert (await town.ended(id)).status == "Cancelled"
        else:
            assert (await town.ended(id)).outputs["body"]["outcome"] == outcome

    run(story())


def test_of_two_answers_at_the_same_moment_one_wins_and_the_other_is_told(run, town) -> None:
    async def story() -> None:
        for _ in range(5):
            id = await town.parked(await town.asking({"Ask": asks(to=f"{ANN};{BOB}")}))
            both = await asyncio.gather(
                town.respond(id, "ann", "Approve"), town.respond(id, "bob", "Reject"),
                return_exceptions=True,
            )  # fmt: skip
            (told,) = (one for one in both if isinstance(one, Conflict))
            (won,) = (one for one in both if not isinstance(one, Exception))
            assert f"`{won.outcome}`, answered by" in told.message
            assert (await town.ended(id)).outputs["body"]["outcome"] == won.outcome

    run(story())


def test_created_and_waited_for_apart(run, town) -> None:
    """As the corpus has it: CreateAnApproval, then WaitForAnApproval by its name."""
    create = written.call(
        "ask", APPROVALS, "CreateAnApproval",
        {"approvalType": "Basic", "ApprovalCreationInput/title": "T",
         "ApprovalCreationInput/assignedTo": BOB},
    )  # fmt: skip
    wait = written.call(
        "ask", APPROVALS, "WaitForAnApproval",
        {"approvalName": "@body('Create')?['name']"}, "Create",
    )  # fmt: skip
    delay = {"type": "Wait", "runAfter": {"Create": ["Succeeded"]},
             "inputs": {"interval": {"count": 1, "unit": "Second"}}}  # fmt: skip

    async def story() -> None:
        before = await town.parked(await town.asking({"Create": create, "Wait": wait}))
        await town.respond(before, "bob", "Approve")
        assert (await town.ended(before, "Wait")).outputs["body"]["outcome"] == "Approve"
        # Answered before anybody waits for it, it is answered at once.
        late = wait | {"runAfter": {"Delay": ["Succeeded"]}}
        flow = await town.asking({"Create": create, "Delay": delay, "Wait": late})
        after = await town.parked(flow)
        await town.respond(after, "bob", "Reject")
        assert (await town.ended(after, "Wait")).outputs["body"]["outcome"] == "Reject"
        gone = await town.parked(flow)
        olga = await town.person("olga")
        await town.house.answers.cancel((await town.approval(gone)).id, olga)
        assert (await town.ended(gone, "Wait")).outputs["body"]["outcome"] == "Canceled"

    run(story())


def test_the_legacy_spelling(run, town) -> None:
    """ApiConnectionWebhook with a path, as exports before 2021 have it."""
    action = {
        "type": "ApiConnectionWebhook", "runAfter": {},
        "inputs": {
            "host": {"connection": {"name": "@parameters('$connections')['ask']['connectionId']"}},
            "path": "/types/@{encodeURIComponent('CustomResponse')}/subscriptions",
            "body": {"notificationUrl": "@{listCallbackUrl()}", "title": "Old", "assignedTo": BOB,
                     "responseOptions": ["Archive"]},
        },
    }  # fmt: skip

    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": action}))
        assert (await town.approval(id)).options == ("Archive",)
        await town.respond(id, "bob", "Archive")
        assert (await town.ended(id)).outputs["body"]["outcome"] == "Archive"

    run(story())


@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param({"to": "nobody@nowhere.example"}, Code.APPROVAL_NOBODY.value, id="nobody"),
        pytest.param({"to": f"{BOB};nobody@nowhere.example"}, Code.APPROVAL_NOBODY.value,
                     id="one of two is nobody"),
        pytest.param({"to": ";"}, "InvalidApprovalCreateRequestAssignedToMissing", id="no one"),
        pytest.param({"title": ""}, "InvalidApprovalCreateRequestTitleMissing", id="no title"),
        pytest.param({"kind": "CustomResponse"}, "InvalidApprovalCustomOptions", id="no options"),
        pytest.param({"kind": "CustomResponse", "responseOptions": ["a" * 100]},
                     "InvalidApprovalCustomOptions", id="an option too long"),
        pytest.param({"requestor": f"{ANN};{BOB}"}, Code.APPROVAL_REQUESTOR.value,
                     id="two requestors"),
        pytest.param({"kind": "Vote"}, "BadRequest", id="no such type"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_fails_with_the_connectors_code(run, town, more, code) -> None:
    async def story() -> None:
        flow = await town.asking({"Ask": asks(**more)})
        header = await town.living.press(flow, "olga")
        ended = (await town.living.actions(header.id))["Ask"]
        assert ended.status == "Failed"
        assert ended.outputs["body"]["error"]["code"] == code

    run(story())


@pytest.mark.parametrize(
    ("name", "response", "kind", "words"),
    [
        pytest.param("cem", "Approve", NotFound, "there is no approval", id="a stranger"),
        pytest.param(
            "olga", "Approve", AccessDenied, "not asked of you, but of bob", id="the owner"
        ),
        pytest.param("bob", "approve", Invalid, "say one of `Approve`, `Reject`", id="an option"),
    ],
)
def test_who_may_not_answer_and_what_is_no_answer(run, town, name, response, kind, words) -> None:
    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks()}))
        with pytest.raises(kind, match=words):
            await town.respond(id, name, response)
        assert (await town.approval(id)).responses == ()

    run(story())


def test_a_member_answers_for_a_group_until_they_leave_it(run, town) -> None:
    async def story() -> None:
        directory = town.house.directory
        group = await directory.add_group("Deciders")
        for name in ("ann", "bob"):
            await directory.add_member(group, await town.person(name))
        flow = await town.asking({"Ask": asks("BasicAwaitAll", "Deciders")})
        id = await town.parked(flow)
        assert len(await town.received("ann", id)) == len(await town.received("bob", id)) == 1
        await directory.remove_member(group, await town.person("ann"))
        assert await town.received("ann", id) == []
        with pytest.raises(AccessDenied, match="no longer in `Deciders`"):
            await town.respond(id, "ann", "Approve")
        await town.respond(id, "bob", "Approve")
        (by,) = (await town.ended(id)).acting["answeredBy"]
        assert (by["principal"], by["onBehalfOf"]) == (await town.person("bob"), group)

    run(story())


def test_who_is_disabled_does_not_answer(run, town) -> None:
    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks()}))
        bob = await town.person("bob")
        await town.house.directory.set_enabled(bob, enabled=False)
        with pytest.raises(AccessDenied, match="bob is disabled"):
            await town.respond(id, "bob", "Approve")
        await town.house.directory.set_enabled(bob, enabled=True)
        await town.respond(id, "bob", "Approve")
        assert (await town.ended(id)).status == "Succeeded"

    run(story())


def test_identity_is_proved_again_when_it_is_answered(run, town) -> None:
    """The connection was taken back while the run waited: it stops, and says why."""

    async def story() -> None:
        flow = await town.asking({"Ask": asks()})
        id = await town.parked(flow)
        (lent,) = [one for one in await town.house.connections.lent(await town.person("olga"))
                   if one["flow"] == flow]  # fmt: skip
        await town.house.connections.take_back(lent["connection"], flow, await town.person("olga"))
        await town.respond(id, "bob", "Approve")
        ended = await town.ended(id)
        assert (ended.status, ended.code) == ("Failed", "ConnectionAuthorizationFailed")
        assert ended.acting["refused"] == "ConnectionAuthorizationFailed"
        assert ended.acting["answeredBy"][0]["principal"] == await town.person("bob")

    run(story())


def test_reassigned_it_is_answered_on_behalf_of_who_was_asked(run, town) -> None:
    async def story() -> None:
        bob, cem, olga = [await town.person(name) for name in ("bob", "cem", "olga")]
        id = await town.parked(await town.asking({"Ask": asks()}))
        found = await town.approval(id)
        (question,) = found.requests
        reassign = town.house.answers.reassign
        with pytest.raises(NotFound):
            await reassign(found.id, question.id, cem, cem)
        await reassign(found.id, question.id, cem, bob)
        with pytest.raises(AccessDenied, match="asked of cem now"):
            await town.respond(id, "bob", "Approve")
        await town.respond(id, "cem", "Approve")
        (by,) = (await town.ended(id)).acting["answeredBy"]
        assert (by["principal"], by["onBehalfOf"]) == (cem, bob)
        fixed = await town.parked(await town.asking({"Ask": asks(enableReassignment=False)}))
        found = await town.approval(fixed)
        with pytest.raises(AccessDenied, match="does not let"):
            await reassign(found.id, found.requests[0].id, cem, bob)
        await reassign(found.id, found.requests[0].id, cem, olga)
        await town.respond(fixed, "cem", "Reject")
        assert (await town.ended(fixed)).outputs["body"]["outcome"] == "Reject"

    run(story())


def test_time_runs_out_and_the_branch_for_it_goes_on(run, town) -> None:
    late = {"type": "Compose", "inputs": "too late", "runAfter": {"Ask": ["TimedOut"]}}

    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks(limit="PT1S"), "Late": late}))
        assert (await town.ended(id)).status == "TimedOut"
        assert (await town.ended(id, "Late")).outputs == "too late"
        assert (await town.approval(id)).status == "TimedOut"
        assert await town.received("bob", id) == []
        with pytest.raises(Conflict, match="the time to answer is over"):
            await town.respond(id, "bob", "Approve")

    run(story())


def test_an_answer_in_time_is_in_time_while_another_branch_is_busy(run, town) -> None:
    """The worker that holds the run looks for answers before it says that time is over."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(4)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(slow, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        busy = {"type": "Http", "runAfter": {},
                "inputs": {"method": "GET", "uri": f"http://127.0.0.1:{port}/"}}  # fmt: skip
        flow = await town.asking({"Ask": asks(limit="PT2S"), "Busy": busy})
        press = Press(flow=flow, by=await town.person("olga"), inputs={})
        id = await town.house.running.press(press)
        async with asyncio.timeout(PATIENCE):
            while not await town.received("bob", id):  # noqa: ASYNC110 - rows tell nobody
                await asyncio.sleep(0.02)
        assert (await town.house.journal.header(id)).status == "Running"
        await town.respond(id, "bob", "Approve")
        ended = await town.ended(id)
        assert (ended.status, ended.outputs["body"]["outcome"]) == ("Succeeded", "Approve")
        assert (await town.ended(id, "Busy")).status == "Succeeded"
        server.close()

    run(story())


def test_with_its_run_an_approval_is_given_up(run, town) -> None:
    async def story() -> None:
        id = await town.parked(await town.asking({"Ask": asks()}))
        await town.house.cancelling.cancel(id, await town.person("olga"))
        await town.living.ended_run(id)
        assert (await town.approval(id)).status == "Canceled"
        assert await town.received("bob", id) == []
        with pytest.raises(Conflict, match="the run that asked is over"):
            await town.respond(id, "bob", "Approve")

    run(story())


def test_whoever_asked_takes_it_back_and_the_run_goes_on(run, town) -> None:
    async def story() -> None:
        olga = await town.person("olga")
        cancel = town.house.answers.cancel
        actions = {"Ask": asks("BasicAwaitAll", to="bob@living.example;ann@living.example")}
        id = await town.parked(await town.asking(actions))
        found = await town.approval(id)
        await town.respond(id, "ann", "Approve", "fine")
        with pytest.raises(NotFound):
            await cancel(found.id, await town.person("cem"))
        with pytest.raises(AccessDenied, match="only whoever asked"):
            await cancel(found.id, await town.person("bob"))
        with pytest.raises(Invalid, match="a reason has at most"):
            await cancel(found.id, olga, reason="x" * 10_001)
        await cancel(found.id, olga, reason="not needed any more")
        with pytest.raises(Conflict, match="olga has cancelled it: not needed any more"):
            await town.respond(id, "bob", "Approve")
        with pytest.raises(Conflict, match="olga has cancelled it"):
            await cancel(found.id, olga)
        ended = await town.ended(id)
        assert ended.status == "Succeeded"
        body = ended.outputs["body"]
        assert body["outcome"] == "Canceled"
        assert [one["approverResponse"] for one in body["responses"]] == ["Approve"]
        given = [
            (one["name"], one["response"], one["comments"]) for one in ended.acting["answeredBy"]
        ]
        assert given == [
            ("ann", "Approve", "fine"), ("olga", "Canceled", "not needed any more"),
        ]  # fmt: skip
        assert (await town.approval(id)).status == "Canceled"
        assert await town.received("bob", id) == []

    run(story())


def test_one_that_is_settled_or_given_up_is_not_cancelled(run, town) -> None:
    async def story() -> None:
        olga = await town.person("olga")
        settled = await town.parked(await town.asking({"Ask": asks()}))
        await town.respond(settled, "bob", "Approve")
        with pytest.raises(Conflict, match="it is settled"):
            await town.house.answers.cancel((await town.approval(settled)).id, olga)
        over = await town.parked(await town.asking({"Ask": asks()}))
        await town.house.cancelling.cancel(over, olga)
        await town.living.ended_run(over)
        with pytest.raises(Conflict, match="the run that asked is over"):
            await town.house.answers.cancel((await town.approval(over)).id, olga)

    run(story())


def test_an_answer_and_a_cancellation_at_the_same_moment(run, town) -> None:
    async def story() -> None:
        olga = await town.person("olga")
        for _ in range(10):
            id = await town.parked(await town.asking({"Ask": asks()}))
            found = await town.approval(id)
            said = await asyncio.gather(
                town.respond(id, "bob", "Approve"),
                town.house.answers.cancel(found.id, olga),
                return_exceptions=True,
            )
            assert sum(isinstance(one, Conflict) for one in said) == 1, said
            outcome = (await town.ended(id)).outputs["body"]["outcome"]
            assert outcome == ("Canceled" if isinstance(said[0], Conflict) else "Approve")

    run(story())
