"""Calls that fail halfway: tried again with the same key and told so, or stopped for a person.

Through the real engine on a real database; the connector is the outside, and keeps what it saw.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

import pytest

from flowner import server
from flowner.directory.people import NewPerson
from flowner.errors import Code
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.runs.commands import Failure, Success, Transient
from flowner.runs.events import ActionEnded, decode
from flowner.sdk import context as sdk
from flowner.sdk.connector import Connector, Repeat
from flowner.sdk.context import Answer, OperationContext, Rejected
from flowner.server import at_work, open_house
from flowner.settings import Settings
from flowner.values import JsonObject, Secret
from worlds import written


@dataclass
class Outside:
    """Fails the first call of each operation in the way that it was told to."""

    failure: Exception | None = None
    seen: list[tuple[str, str, bool]] = field(default_factory=list)

    async def take(self, operation: str, context: OperationContext) -> Answer:
        self.seen.append((operation, context.idempotency_key, context.repeated))
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return Answer(body={"key": context.credential["key"].reveal()}, seen=context.account)


OUTSIDE = Outside()
odd = Connector(ids=("odd",), title="Odd")


def _declare(name: str, repeat: Repeat) -> None:
    @odd.operation(name, title=name, repeat=repeat)
    async def perform(parameters: JsonObject, context: OperationContext) -> Answer:
        del parameters
        return await OUTSIDE.take(name, context)


for _name, _repeat in (("Put", Repeat.WITH_KEY), ("Pay", Repeat.NEVER)):
    _declare(_name, _repeat)


@pytest.fixture(scope="module")
def place(database_url, run, tmp_path_factory):
    """A house whose one odd connector fails as told; Ada's flows have a quick retry policy."""
    original, server.connectors = server.connectors, lambda: {"odd": odd}
    opening = open_house(
        Settings(database_url=database_url, data_folder=tmp_path_factory.mktemp("h"))
    )
    house = run(opening.__aenter__())
    working = at_work(house)
    run(working.__aenter__())
    server.connectors = original

    async def settle() -> tuple:
        ada = await house.directory.add_person(NewPerson(name="Ada", upn="ada@odd.example"))
        given = NewConnection(connector="odd", account="ada@odd.example",
                              secrets={"key": Secret("k" * 20)})  # fmt: skip
        return ada, await house.connections.make(given, ada)

    ada, connection = run(settle())
    yield house, ada, connection
    run(working.__aexit__(None, None, None))
    run(opening.__aexit__(None, None, None))


async def end_of(place, operation: str, failure: Exception | None) -> ActionEnded:
    house, ada, connection = place
    OUTSIDE.failure, OUTSIDE.seen = failure, []
    action = written.call("odd", "odd", operation, {})
    action["inputs"]["retryPolicy"] = {"type": "fixed", "count": 2, "interval": "PT5S"}
    reference = f"odd_{secrets.token_hex(4)}"
    package = written.package(
        written.BUTTON, {"Do": action}, {"odd": written.reference("odd", reference)}
    )
    done = await house.importer.bring_in(package, ada, bind={reference: connection})
    await house.turning.on(done.flows[0].id, ada)
    run = house.running.fresh_run()
    with house.replies.expect(run) as (_, end):
        await house.running.press(Press(flow=done.flows[0].id, by=ada, inputs={}), run=run)
        async with asyncio.timeout(30):
            await end
    events = [decode(one.entry.data) for one in await house.journal.entries(run)]
    (found,) = (event for event in events if isinstance(event, ActionEnded))
    return found


def lost(*, perhaps_done: bool) -> sdk.Transient:
    return sdk.Transient("the line went dead", retry_after_seconds=0.05, perhaps_done=perhaps_done)


@pytest.mark.parametrize(
    ("operation", "failure", "status", "calls"),
    [
        pytest.param("Put", None, "Succeeded", [False], id="nothing goes wrong"),
        pytest.param("Put", lost(perhaps_done=True), "Succeeded", [False, True],
                     id="with a key it is tried again, and told so"),
        pytest.param("Pay", lost(perhaps_done=True), "Failed", [False],
                     id="what cannot be made twice is not, when it may have got through"),
        pytest.param("Pay", lost(perhaps_done=False), "Succeeded", [False, True],
                     id="it is tried again when it cannot have got through"),
        pytest.param("Put", Rejected("no", status=403), "Failed", [False], id="no means no"),
        pytest.param("Put", ValueError("a defect"), "Failed", [False],
                     id="a connector's defect fails the action alone"),
    ],
)  # fmt: skip
def test_what_comes_of_a_call(place, run, operation, failure, status, calls) -> None:
    ended = run(end_of(place, operation, failure))
    assert ended.status == status
    assert [repeated for _, _, repeated in OUTSIDE.seen] == calls
    assert len({key for _, key, _ in OUTSIDE.seen}) == 1
    assert ended.acting["account"] == "ada@odd.example"
    if operation == "Pay" and status == "Failed":
        assert Code.OUTCOME_UNKNOWN.value in str(ended.outputs)
        assert "a person has to look" in str(ended.outputs)


def test_secrets_stay_out_of_the_record(place, run) -> None:
    ended = run(end_of(place, "Put", None))
    assert ended.outputs["body"] == {"key": "*****"}


async def _slow(parameters: JsonObject, context: OperationContext) -> Answer:
    del parameters, context
    await asyncio.sleep(5)
    return Answer()


@pytest.mark.parametrize(
    ("repeat", "expected"), [(Repeat.WITH_KEY, Transient), (Repeat.NEVER, Failure)]
)
def test_no_answer_in_time(repeat: Repeat, expected: type, run) -> None:
    from flowner.engine.outcomes import ask  # noqa: PLC0415

    slow = Connector(ids=("slow",), title="Slow")
    slow.operation("Go", title="Go", repeat=repeat)(_slow)
    context = OperationContext(idempotency_key="", account="", timeout_seconds=0.05)
    outcome, seen = run(ask(slow.operations["Go"], {}, context))
    assert isinstance(outcome, expected)
    assert not isinstance(outcome, Success)
    assert outcome.status == 504
    assert seen is None
