"""The management API over real HTTP: who is let in, what they get, how a no looks."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from flowner.access.vocabulary import FlowRole
from flowner.directory.people import NewPerson
from flowner.flows.running import Press
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.server import House
from flowner.serving import serve
from flowner.values import FlowId
from worlds import written
from worlds.living import BUTTON, PROFILE, RECURRENCE, Living, http, provided, responds

UNKNOWN = "11111111-2222-4333-8444-555555555555"
TITLED = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {
    "type": "object", "properties": {"text": {"type": "string", "title": "City"}}}}}}  # fmt: skip


class Door:
    """Speaks HTTP to the server as somebody, or as nobody."""

    def __init__(self, living: Living, address: str, run: Callable[..., Any]) -> None:
        self.living, self.address, self.run = living, address, run
        self._tokens: dict[str, str] = {}

    def token(self, name: str) -> str:
        if name not in self._tokens:
            id = self.run(self.living.person(name))
            self._tokens[name] = self.run(self.living.house.tokens.issue(id, "t")).reveal()
        return self._tokens[name]

    def ask(self, method: str, path: str, name: str | None = None, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        if name is not None:
            headers = headers | {"Authorization": f"Bearer {self.token(name)}"}

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(base_url=self.address, timeout=30) as client:
                return await client.request(method, path, headers=headers, **more)

        answer: httpx.Response = self.run(asked())
        return answer

    def press(self, flow: str, name: str, **body: Any) -> httpx.Response:
        return self.ask("POST", f"/api/flows/{flow}/run", name, json=body)


@pytest.fixture(scope="module")
def living(house: House) -> Living:
    return Living(house)


@pytest.fixture(scope="module")
def door(living: Living, run: Callable[..., Any]) -> Iterator[Door]:
    serving = serve(living.house)
    yield Door(living, run(serving.__aenter__()), run)
    run(serving.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def flow(living: Living, run: Callable[..., Any]) -> FlowId:
    """Olga's instant flow, which Rik may run."""

    async def make() -> FlowId:
        made = await living.flow("olga", TITLED, responds("@triggerBody()?['text']"))
        olga, rik = await living.person("olga"), await living.person("rik")
        await living.house.sharing.share(made, rik, FlowRole.RUN_ONLY, olga)
        return made

    made: FlowId = run(make())
    return made


def says(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Hold an error's shape, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert {"code", "message"} <= error.keys() <= {"code", "message", "pointer", "file"}
    assert error["code"] == code
    assert error["message"] == error["message"].rstrip(".")
    assert "Traceback" not in answer.text
    return error


def test_the_server_says_that_it_is_up(door: Door) -> None:
    answer = door.ask("GET", "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "up"})


# pressing


def test_a_press_runs_in_the_name_of_the_tokens_holder(door: Door, flow: FlowId) -> None:
    answer = door.press(flow, "rik", inputs={"text": "Ghent"})
    record = answer.json()
    assert answer.status_code == 200
    assert (record["status"], record["kind"]) == ("Succeeded", "instant")
    assert (record["initiator"], record["ran_as"], record["rule"]) == (
        "rik", "rik", "instant.invoker",
    )  # fmt: skip
    assert record["reply"] == {"status": 200, "body": "Ghent"}
    (action,) = record["actions"]
    assert (action["action"], action["acting_as"], action["rule"]) == (
        "Answer", "rik", "action.none",
    )  # fmt: skip
    assert action["as_planned"] is True


def test_inputs_may_be_named_by_their_titles(door: Door, flow: FlowId) -> None:
    assert door.press(flow, "rik", inputs={"city": "Lyon"}).json()["reply"]["body"] == "Lyon"


def test_a_flow_may_be_named(door: Door, living: Living, flow: FlowId) -> None:
    name = door.run(living.house.facts.now())
    name = door.run(name.flow(flow)).name
    assert door.press(name, "olga").json()["ran_as"] == "olga"
    assert door.press(flow.upper(), "olga").json()["ran_as"] == "olga"


@pytest.mark.parametrize("app", [UNKNOWN, "", None])
def test_saying_an_app_gives_no_right(door: Door, flow: FlowId, app: str | None) -> None:
    says(door.press(flow, "stranger", app=app), 404, "NotFound")


@pytest.mark.parametrize("app", ["no guid at all", 5, {"id": UNKNOWN}])
def test_what_is_no_app_is_refused(door: Door, flow: FlowId, app: object) -> None:
    assert says(door.press(flow, "olga", app=app), 400, "BadRequest")["pointer"] == "/app"


# who is let in


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer flw_made-up"}, id="made up"),
        pytest.param({"Authorization": "Bearer"}, id="a word alone"),
        pytest.param({"Authorization": "Basic b2xnYTpwdw=="}, id="another scheme"),
        pytest.param({"Authorization": "Bearer \u00e9".encode("latin-1")}, id="not ascii"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/api/flows/{UNKNOWN}/run"),
        ("GET", f"/api/flows/{UNKNOWN}/who"),
        ("GET", "/api/runs"),
        ("GET", "/api/runs/1"),
    ],
)
def test_without_a_token_that_stands_nothing_is_told(
    door: Door, method: str, path: str, header: dict[str, Any]
) -> None:
    answer = door.ask(method, path, headers=header)
    says(answer, 401, "Unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer authorization_uri=")


def test_a_token_ends_with_its_life_and_with_its_holder(door: Door, living: Living) -> None:
    house = living.house
    id = door.run(living.person("leaver"))
    dead = door.run(house.tokens.issue(id, "old", life=timedelta(seconds=-1))).reveal()
    bearer = {"Authorization": f"Bearer {dead}"}
    says(door.ask("GET", "/api/runs", headers=bearer), 401, "Unauthenticated")
    assert door.ask("GET", "/api/runs", "leaver").status_code == 200
    door.run(house.directory.set_enabled(id, enabled=False))
    says(door.ask("GET", "/api/runs", "leaver"), 401, "Unauthenticated")


# what there is, and what there is not for you


def test_a_stranger_cannot_tell_a_flow_from_none(door: Door, flow: FlowId, living: Living) -> None:
    name = door.run(door.run(living.house.facts.now()).flow(flow)).name
    for path in ("/api/flows/{}/run", "/api/flows/{}/who"):
        method = "POST" if path.endswith("run") else "GET"
        for known, unknown in ((flow, UNKNOWN), (name, "No such flow")):
            there = says(door.ask(method, path.format(known), "stranger"), 404, "NotFound")
            absent = says(door.ask(method, path.format(unknown), "stranger"), 404, "NotFound")
            assert there["message"].replace(known, "…") == absent["message"].replace(unknown, "…")


def test_a_name_that_two_flows_have_is_nobody_elses_business(door: Door, living: Living) -> None:
    async def two() -> list[FlowId]:
        return [await living.flow(f"twin{n}", living_trigger(), guid=None) for n in (1, 2)]

    def living_trigger() -> dict[str, Any]:
        return written.BUTTON

    first, second = door.run(two())

    async def same_name() -> str:
        moment = await living.house.facts.now()
        name: str = (await moment.flow(first)).name
        async with living.house.database.connection() as connection:
            await connection.execute(
                "UPDATE rows.workflow SET name = %s WHERE workflowid = %s", (name, second)
            )
        return name

    name = door.run(same_name())
    assert door.press(name, "twin1").json()["flow_id"] == first
    assert door.press(name, "twin2").json()["flow_id"] == second


def test_who_may_run_but_not_more_is_told_why_not(door: Door, living: Living) -> None:
    flow = door.run(living.flow("olga", RECURRENCE))
    door.run(
        living.house.sharing.share(
            flow, door.run(living.person("ed")), FlowRole.CO_OWNER,
            door.run(living.person("olga")),
        )
    )  # fmt: skip
    error = says(door.press(flow, "ed"), 409, "WorkflowTriggerIsNotEnabled")
    assert "no instant flow" in error["message"]


def test_a_flow_that_is_off_does_not_start(door: Door, living: Living) -> None:
    flow = door.run(living.flow("olga", on=False))
    error = says(door.press(flow, "olga"), 409, "WorkflowTriggerIsNotEnabled")
    assert "'Disabled': trigger is not enabled" in error["message"]
    listed = door.ask("GET", "/api/runs", "olga").json()["value"]
    (refused,) = [one for one in listed if one["flow_id"] == flow]
    assert (refused["status"], refused["code"], refused["ran_as"]) == (
        "Failed", "WorkflowTriggerIsNotEnabled", None,
    )  # fmt: skip


def test_who_has_yet_to_sign_in_is_told_so(door: Door, living: Living) -> None:
    flow = door.run(living.flow("olga", written.BUTTON, PROFILE, provided()))
    error = says(door.press(flow, "olga"), 409, "InvokerConnectionOverrideFailed")
    assert "olga has yet to sign in" in error["message"]


# bodies


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"{", 400, "InvalidJson", id="half an object"),
        pytest.param(b"\xff\xfe", 400, "InvalidJson", id="no UTF-8"),
        pytest.param(b"[" * 100_000, 400, "InvalidJson", id="too deep"),
        pytest.param(b'{"inputs": {"text": NaN}}', 400, "InvalidJson", id="not a number"),
        pytest.param(b"[]", 400, "BadRequest", id="an array"),
        pytest.param(b'"text"', 400, "BadRequest", id="a text"),
        pytest.param(b'{"inputs": []}', 400, "BadRequest", id="inputs that are none"),
        pytest.param(b'{"inputs": null}', 400, "BadRequest", id="inputs that are null"),
        pytest.param(b" " * (10 * 1024 * 1024 + 1), 413, "RequestEntityTooLarge", id="too large"),
    ],
)
def test_a_body_that_cannot_be_read_is_said_to_be_so(
    door: Door, flow: FlowId, body: bytes, status: int, code: str
) -> None:
    json = {"Content-Type": "application/json"}
    path = f"/api/flows/{flow}/run"
    says(door.ask("POST", path, "rik", content=body, headers=json), status, code)


def test_an_error_of_the_body_points_at_its_place(door: Door, flow: FlowId) -> None:
    answer = door.press(flow, "rik", inputs=[])
    assert says(answer, 400, "BadRequest")["pointer"] == "/inputs"


@pytest.mark.parametrize("text", ["𝄞 \u2028", "\u0001", "x" * 100_000, ""])
def test_every_text_comes_through(door: Door, flow: FlowId, text: str) -> None:
    assert door.press(flow, "rik", inputs={"text": text}).json()["reply"]["body"] == text


@pytest.mark.parametrize("escaped", [r"\u0000", r"\ud800"])
def test_a_text_that_no_database_holds_is_refused(door: Door, flow: FlowId, escaped: str) -> None:
    body = f'{{"inputs": {{"text": "{escaped}"}}}}'
    says(door.ask("POST", f"/api/flows/{flow}/run", "rik", content=body), 400, "InvalidJson")


def test_no_address_and_no_method_but_ours(door: Door) -> None:
    says(door.ask("GET", "/api/nowhere", "rik"), 404, "NotFound")
    says(door.ask("DELETE", "/api/runs", "rik"), 405, "BadRequest")


# runs


def test_run_only_users_see_their_own_runs_and_owners_all(door: Door, living: Living) -> None:
    async def make() -> FlowId:
        made = await living.flow("olga")
        for name in ("rik", "sam"):
            holder = await living.person(name)
            await living.house.sharing.share(
                made, holder, FlowRole.RUN_ONLY, await living.person("olga")
            )
        return made

    flow = door.run(make())
    runs = {name: door.press(flow, name).json()["run"] for name in ("rik", "sam", "olga")}
    door.run(living.person("root", SYSTEM_ADMINISTRATOR))
    for name, seen in (
        ("rik", ["rik"]),
        ("sam", ["sam"]),
        ("olga", ["olga", "sam", "rik"]),
        ("root", ["olga", "sam", "rik"]),
        ("stranger", []),
    ):
        listed = door.ask("GET", "/api/runs", name).json()["value"]
        assert [one["initiator"] for one in listed if one["flow_id"] == flow] == seen
        for presser, run in runs.items():
            answer = door.ask("GET", f"/api/runs/{run}", name)
            if presser in seen:
                assert answer.json()["initiator"] == presser
            else:
                says(answer, 404, "NotFound")


def test_ones_own_runs_are_not_lost_among_everybodys(door: Door, living: Living) -> None:
    async def make() -> FlowId:
        made = await living.flow("olga")
        sam = await living.person("sam")
        await living.house.sharing.share(made, sam, FlowRole.RUN_ONLY, await living.person("olga"))
        return made

    flow = door.run(make())
    mine = door.press(flow, "sam").json()["run"]

    async def many() -> None:
        await asyncio.gather(*(living.press(flow, "olga") for _ in range(60)))

    door.run(many())
    listed = door.ask("GET", "/api/runs", "sam").json()["value"]
    assert mine in [one["run"] for one in listed]


def test_whoever_may_no_longer_run_a_flow_no_longer_sees_its_runs(
    door: Door, living: Living
) -> None:
    async def make() -> tuple[FlowId, str]:
        group = await living.house.directory.add_group(f"g{secrets.token_hex(4)}")
        guest = await living.person("guest")
        await living.house.directory.add_member(group, guest)
        made = await living.flow("olga")
        await living.house.sharing.share(
            made, group, FlowRole.RUN_ONLY, await living.person("olga")
        )
        return made, group

    flow, group = door.run(make())
    run = door.press(flow, "guest").json()["run"]
    assert door.ask("GET", f"/api/runs/{run}", "guest").status_code == 200
    door.run(living.house.directory.remove_member(group, door.run(living.person("guest"))))
    says(door.press(flow, "guest"), 404, "NotFound")
    says(door.ask("GET", f"/api/runs/{run}", "guest"), 404, "NotFound")
    assert door.ask("GET", "/api/runs", "guest").json()["value"] == []


@pytest.mark.parametrize(
    "number", ["0", "1", "9223372036854775807", "9" * 19, "9" * 5000, "-1", "x", "%00"]
)
def test_a_run_that_is_not_there(door: Door, number: str) -> None:
    says(door.ask("GET", f"/api/runs/{number}", "olga"), 404, "NotFound")


def test_a_run_is_resubmitted_by_who_pressed_it(door: Door, living: Living, flow: FlowId) -> None:
    first = door.press(flow, "rik", inputs={"text": "Ghent"}).json()["run"]
    answer = door.ask("POST", f"/api/runs/{first}/resubmit", "rik")
    assert answer.status_code == 202
    second = answer.json()["run"]
    door.run(living.ended_run(second))
    record = door.ask("GET", f"/api/runs/{second}", "rik").json()
    assert (record["ran_as"], record["rule"]) == ("rik", "resubmit.original")
    says(door.ask("POST", f"/api/runs/{first}/resubmit", "olga"), 409, "ResubmitRefused")
    says(door.ask("POST", f"/api/runs/{first}/resubmit", "stranger"), 404, "NotFound")
    says(door.ask("POST", f"/api/runs/{first}/resubmit"), 401, "Unauthenticated")


def test_a_run_goes_on_from_a_failed_action(door: Door, living: Living) -> None:
    zero = "@div(1, sub(length(outputs('A')), 36))"
    actions = {
        "A": {"runAfter": {}, "type": "Compose", "inputs": "@guid()"},
        "B": {"runAfter": {"A": ["Succeeded"]}, "type": "Compose", "inputs": zero},
    }
    flow = door.run(living.flow("olga", BUTTON, actions))
    first = door.run(living.pressed(flow, "olga"))
    at = f"/api/runs/{first}/resubmit"
    told = door.ask("GET", f"{at}?from=B", "olga").json()
    assert (told["goes_on_at"], told["taken_over"], told["run_again"]) == (["B"], ["A"], ["B"])
    assert (told["runs_as"], told["initiator"], told["differing"]) == ("olga", "olga", [])
    assert told["refused"] is None
    refused = door.ask("GET", f"{at}?from=C", "olga").json()["refused"]
    assert refused["code"] == "ResubmitRefused"
    answer = door.ask("POST", at, "olga", json={"from": "B"})
    assert answer.status_code == 202
    second = answer.json()["run"]
    door.run(living.ended_run(second))
    record = door.ask("GET", f"/api/runs/{second}", "olga").json()
    assert (record["continues"], record["goes_on_at"]) == (str(first), ["B"])
    taken = {one["action"]: one["taken_over_from"] for one in record["actions"]}
    assert taken == {"A": str(first), "B": None}
    says(door.ask("POST", at, "stranger", json={"from": "B"}), 404, "NotFound")
    says(door.ask("POST", at, "olga", json={"from": 1}), 400, "BadRequest")
    says(door.ask("POST", at, "olga", json={"version": "own"}), 400, "BadRequest")
    says(door.ask("GET", at), 401, "Unauthenticated")


@pytest.mark.parametrize("theirs", [False, True], ids=["ours", "Power Automate's address"])
def test_a_run_is_cancelled_by_who_pressed_it_or_an_owner(
    door: Door, living: Living, theirs: bool
) -> None:
    pause = {"runAfter": {}, "type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Hour"}}}
    flow = door.run(living.flow("olga", BUTTON, {"Pause": pause}))
    rik, olga = door.run(living.person("rik")), door.run(living.person("olga"))
    door.run(living.house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga))
    for who in ("rik", "olga"):
        run = living.house.running.fresh_run()
        door.run(living.house.running.press(Press(flow=flow, by=rik, inputs={}), run=run))
        at = f"/api/runs/{run}/cancel"
        if theirs:
            at = f"/providers/Microsoft.ProcessSimple/environments/e/flows/{flow}/runs/{run}/cancel"
            says(door.ask("POST", at.replace(flow, "x"), who), 404, "NotFound")
        says(door.ask("POST", at, "stranger"), 404, "NotFound")
        says(door.ask("POST", at), 401, "Unauthenticated")
        answer = door.ask("POST", at, who)
        assert answer.status_code == (200 if theirs else 202)
        assert answer.json() == {"run": str(run), "asked": 1}
        door.run(living.ended_run(run))
        assert door.ask("GET", f"/api/runs/{run}", who).json()["status"] == "Cancelled"
        says(door.ask("POST", at, who), 409, "Conflict")
    says(door.ask("GET", f"/api/runs/{run}/cancel", "rik"), 405, "BadRequest")


# in whose name


def test_who_answers_for_the_tokens_holder(door: Door, living: Living) -> None:
    async def make() -> FlowId:
        flow, _, _ = await living.borrowed("olga", "olga")
        olga, rik = await living.person("olga"), await living.person("rik")
        await living.house.turning.on(flow, olga)
        await living.house.sharing.share(flow, rik, FlowRole.RUN_ONLY, olga)
        return flow

    flow = door.run(make())
    answer = door.ask("GET", f"/api/flows/{flow}/who", "rik").json()
    assert (answer["runs_as"], answer["rule"]) == ("rik", "instant.invoker")
    (action,) = answer["actions"]
    assert (action["acting_as"], action["rule"]) == ("olga", "action.connection")
    record = door.press(flow, "rik").json()
    assert record["actions"][0]["acting_as"] == "olga"
    assert record["actions"][0]["seen"] == "olga@living.example"
    assert record["accounts"] == [action["account"]]


def test_an_app_gives_the_right_from_within_it_alone(door: Door, living: Living) -> None:
    async def make() -> tuple[FlowId, str]:
        house, olga = living.house, await living.person("olga")
        made, app = await living.flow("olga"), await living.house.apps.make("App", olga)
        await house.apps.carry(app, made, olga)
        await house.apps.share(app, await living.person("ann"), olga)
        return made, app

    flow, app = door.run(make())
    says(door.press(flow, "ann"), 404, "NotFound")
    says(door.ask("GET", f"/api/flows/{flow}/who", "ann"), 404, "NotFound")
    record = door.press(flow, "ann", app=app).json()
    assert record["ran_as"] == "ann"
    assert door.ask("GET", f"/api/flows/{flow}/who?app={app}", "ann").json()["runs_as"] == "ann"
    assert door.ask("GET", f"/api/runs/{record['run']}", "ann").status_code == 200


def test_an_application_signs_in_like_a_person(door: Door, living: Living) -> None:
    async def make() -> tuple[FlowId, str]:
        bot = await living.house.directory.add_application("bot", str(uuid.uuid4()))
        living.people["bot"] = bot
        made = await living.flow("olga")
        await living.house.sharing.share(made, bot, FlowRole.RUN_ONLY, await living.person("olga"))
        return made, bot

    flow, bot = door.run(make())
    assert door.press(flow, "bot").json()["ran_as_id"] == bot


# HTTP triggers


ECHO = "@triggerOutputs()"


@pytest.fixture(scope="module")
def hook(door: Door, living: Living) -> Callable[..., httpx.Response]:
    """Make a flow that is called over HTTP, and call it."""

    def call(flow: FlowId, name: str | None = None, **more: Any) -> httpx.Response:
        method = more.pop("method", "POST")
        params = more.pop("params", {})
        if more.pop("signed", False):
            params = params | {"sig": living.house.signature(flow)}
        return door.ask(method, f"/hooks/{flow}", name, params=params, **more)

    return call


def make_hook(door: Door, living: Living, body: Any = "hello", **inputs: Any) -> FlowId:
    made: FlowId = door.run(living.flow("olga", http(**inputs), responds(body)))
    return made


def test_a_signed_address_runs_as_the_owner_and_names_nobody(
    door: Door, living: Living, hook: Any
) -> None:
    flow = make_hook(door, living)
    answer = hook(flow, signed=True, json={"a": 1})
    assert (answer.status_code, answer.text) == (200, "hello")
    run = answer.headers["x-ms-workflow-run-id"]
    record = door.ask("GET", f"/api/runs/{run}", "olga").json()
    assert (record["initiator"], record["ran_as"], record["rule"]) == (None, "olga", "http.owner")


def test_an_address_that_is_not_signed_for_this_flow_opens_nothing(
    door: Door, living: Living, hook: Any
) -> None:
    flow, other = make_hook(door, living), make_hook(door, living)
    signature = living.house.signature(other)
    for params in ({}, {"sig": ""}, {"sig": "é"}, {"sig": signature}):
        says(hook(flow, params=params), 401, "Unauthenticated")
    says(hook(flow, "olga"), 401, "Unauthenticated")
    assert door.run(living.house.journal.runs(flow=flow)) == []


def test_what_came_reaches_the_flow_without_what_signed_it(
    door: Door, living: Living, hook: Any
) -> None:
    flow = make_hook(door, living, ECHO)
    answer = hook(
        flow, signed=True, params={"q": "1"}, json={"a": 2.5},
        headers={"X-Mine": "x", "Authorization": "Bearer no", "Cookie": "c=1"},
    )  # fmt: skip
    seen = answer.json()
    assert seen["queries"] == {"q": "1"}
    assert seen["body"] == {"a": 2.5}
    assert seen["headers"]["x-mine"] == "x"
    assert {"authorization", "cookie"} & seen["headers"].keys() == set()
    assert living.house.signature(flow) not in answer.text


def test_any_user_of_the_directory_may_call_where_the_flow_says_so(
    door: Door, living: Living, hook: Any
) -> None:
    flow = make_hook(door, living, triggerAuthenticationType="Tenant")
    says(hook(flow, signed=True), 401, "Unauthenticated")
    answer = hook(flow, "stranger")
    assert answer.status_code == 200
    run = answer.headers["x-ms-workflow-run-id"]
    record = door.ask("GET", f"/api/runs/{run}", "olga").json()
    assert (record["initiator"], record["ran_as"]) == ("stranger", "olga")
    # Who calls is no run-only user: what the owner's flow did is not theirs to read.
    says(door.ask("GET", f"/api/runs/{run}", "stranger"), 404, "NotFound")


def test_named_users_and_applications_may_call_and_nobody_else(
    door: Door, living: Living, hook: Any
) -> None:
    async def people() -> str:
        house = living.house
        bot = await house.directory.add_application("caller", str(uuid.uuid4()))
        living.people["caller"] = bot
        mail = NewPerson(name="mailed", upn="m1@living.example", mail="mailed@other.example")
        living.people["mailed"] = await house.directory.add_person(mail)
        rik = await living.person("rik")
        return f"{rik.upper()}, MAILED@other.example;{bot}"

    named = door.run(people())
    flow = make_hook(
        door, living, triggerAuthenticationType="User", triggerAllowedUsers=named
    )  # fmt: skip
    for name in ("rik", "mailed", "caller"):
        assert hook(flow, name).status_code == 200, name
    for name in ("sam", "olga"):
        error = says(hook(flow, name), 403, "AccessDenied")
        assert "named users" in error["message"]
    says(hook(flow), 401, "Unauthenticated")


def test_named_users_without_a_name_are_all_of_the_directory(
    door: Door, living: Living, hook: Any
) -> None:
    flow = make_hook(door, living, triggerAuthenticationType="User")
    assert hook(flow, "stranger").status_code == 200
    says(hook(flow, signed=True), 401, "Unauthenticated")


def test_a_kind_of_caller_that_is_not_known_is_nobody(
    door: Door, living: Living, hook: Any
) -> None:
    flow = make_hook(door, living, triggerAuthenticationType="Everybody and their dog")
    says(hook(flow, "stranger"), 403, "AccessDenied")
    says(hook(flow, signed=True), 403, "AccessDenied")


@pytest.mark.parametrize("flow", [UNKNOWN, "no-guid", "%00", "a" * 2000])
def test_there_is_no_such_address(door: Door, flow: str) -> None:
    says(door.ask("POST", f"/hooks/{flow}"), 404, "NotFound")


def test_a_flow_of_another_kind_has_no_address(flow: FlowId, hook: Any) -> None:
    there = says(hook(flow, signed=True), 404, "NotFound")
    absent = says(hook(FlowId(UNKNOWN), params={"sig": "x"}), 404, "NotFound")
    assert there["message"].replace(flow, "") == absent["message"].replace(UNKNOWN, "")


def test_a_flow_that_is_off_is_not_called(door: Door, living: Living, hook: Any) -> None:
    flow = make_hook(door, living)
    door.run(living.house.turning.off(flow, door.run(living.person("olga"))))
    says(hook(flow, signed=True), 409, "WorkflowTriggerIsNotEnabled")


def test_what_the_flow_answers_is_what_the_caller_gets(
    door: Door, living: Living, hook: Any
) -> None:
    flow = make_hook(door, living, {"made": True})
    assert hook(flow, signed=True).json() == {"made": True}
    quiet = door.run(living.flow("olga", http()))
    answer = hook(quiet, signed=True)
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["x-ms-workflow-run-id"]


def test_other_bodies_than_json_reach_the_flow_as_text(
    door: Door, living: Living, hook: Any
) -> None:
    flow = make_hook(door, living, "@triggerBody()")
    assert hook(flow, signed=True, content="a,b", headers={"Content-Type": "text/csv"}).text == (
        "a,b"
    )
    bad = hook(flow, signed=True, content="{", headers={"Content-Type": "application/json"})
    says(bad, 400, "InvalidJson")
