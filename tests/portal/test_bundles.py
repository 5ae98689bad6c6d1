"""Apps with pages of their own: what such a page can do, and everything that it cannot."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from docs.blocks import ROOT, blocks
from flowner.definitions.bundles import pack
from flowner.demo.company import FLOWS
from flowner.portal import sandbox
from flowner.portal.pages import bundles as pages
from flowner.values import AppId, FlowId
from portal.conftest import Fernwood
from portal.test_guard import POLICY, form_token
from portal.test_pages import _violations, quiet
from worlds import written

_NUMBERS = itertools.count(1)
ASKS = {"manual": {"type": "Request", "kind": "PowerAppV2", "inputs": {"schema": {
    "type": "object", "required": ["text"], "properties": {
        "text": {"type": "string", "title": "To", "x-ms-content-hint": "TEXT"},
        "file": {"type": "object", "title": "Picture", "x-ms-content-hint": "FILE",
                 "properties": {"name": {"type": "string"}, "contentBytes": {"type": "string"}}},
    }}}}}  # fmt: skip
MAIL = written.call("mail", written.MAIL, "SendEmailV2", {
    "emailMessage/To": "@triggerBody()['text']", "emailMessage/Subject": "Hello",
    "emailMessage/Body": "<p>Hello</p>"})  # fmt: skip
ANSWER = {"type": "Response", "kind": "PowerApp", "runAfter": {"Send": ["Succeeded"]}, "inputs": {
    "statusCode": 200, "body": {"said": "to @{triggerBody()['text']}"}}}  # fmt: skip
ECHO = {"Answer": {"type": "Response", "kind": "PowerApp", "runAfter": {}, "inputs": {
    "statusCode": 200, "body": {"file": "@triggerBody()?['file']"}}}}  # fmt: skip
SILENT = {"Nothing": {"type": "Compose", "runAfter": {}, "inputs": "said"}}
FAILING = {"Stop": {"type": "Terminate", "runAfter": {}, "inputs": {
    "runStatus": "Failed", "runError": {"message": "the kettle is empty"}}}}  # fmt: skip
SLOW = {"Wait": {"type": "Wait", "runAfter": {}, "inputs": {
    "interval": {"count": 1, "unit": "Hour"}}}}  # fmt: skip
REFUSING = {"Answer": {"type": "Response", "kind": "PowerApp", "runAfter": {}, "inputs": {
    "statusCode": 503, "body": {}}}}  # fmt: skip
PAGE = {
    "index.html": b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Ours</title>
        <link rel="stylesheet" href="css/a.css"><script src="flows.js"></script>
        <script src="a.js" type="module"></script><h2>Ours</h2><p id="said"></p>
        <img src="a.svg" alt=""><a href="more/b.html">More</a>
        <script>document.title = "inline"</script><p id="styled" style="color: red">.</p>
        <form id="form" action="/theme" method="post"><button>Go</button></form>""",
    "a.js": b"document.getElementById('said').textContent = (await flows.me()).name;",
    "css/a.css": b"h2 { color: rgb(1, 2, 3) }",
    "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"></svg>',
    "more/b.html": b'<!doctype html><script src="../flows.js"></script><h2>More</h2>',
}


@dataclass(frozen=True, slots=True)
class Built:
    """An app of Ada's, shared with Sales."""

    app: AppId
    flow: FlowId
    name: str
    """Of the flow."""


def flow(fernwood: Fernwood, name: str, actions: dict[str, Any], *, mail: bool = False) -> FlowId:
    """Make a flow of Ada's and turn it on."""
    house, ada = fernwood.house, fernwood.company.people["ada"]
    references = {}
    if mail:
        office = fernwood.company.connections["office.mail"]
        named = fernwood.do(house.wiring.reference_to(office, ada))
        references = {"mail": written.reference(written.MAIL, named, source="invoker")}
    (made,) = written.package(ASKS, actions, references).flows
    id = fernwood.do(house.publishing.create(made, ada))
    fernwood.do(house.publishing.rename(id, name, ada))
    fernwood.do(house.turning.on(id, ada))
    return id


def put(fernwood: Fernwood, app: AppId, files: dict[str, bytes]) -> None:
    """Upload a bundle through the app's page, as Ada."""
    person = {"person": fernwood.company.people["ada"]}
    with httpx.Client(follow_redirects=True) as client:
        client.post(f"{fernwood.address}/sign-in/demo", data=person)
        answer = upload(fernwood, client, app, pack(files))
        assert answer.status_code == 200, answer.text


def upload(fernwood: Fernwood, client: httpx.Client, app: AppId, data: bytes) -> httpx.Response:
    return client.post(
        f"{fernwood.address}/apps/{app}/bundle",
        data={"form_token": form_token(client, fernwood)},
        files={"bundle": ("site.zip", data, "application/zip")},
    )


@pytest.fixture
def built(fernwood: Fernwood) -> Built:
    """An app that writes mail as whoever uses it, with a page of its own."""
    house, people = fernwood.house, fernwood.company.people
    name = f"Write {next(_NUMBERS)} {secrets.token_hex(3)}"
    id = flow(fernwood, name, {"Send": MAIL, "Answer": ANSWER}, mail=True)
    app = fernwood.do(house.apps.make(f"Bundled {name}", people["ada"]))
    fernwood.do(house.apps.carry(app, id, people["ada"]))
    fernwood.do(house.apps.share(app, people["sales"], people["ada"]))
    put(fernwood, app, PAGE)
    return Built(app, id, name)


def consent(fernwood: Fernwood, built: Built, who: str) -> None:
    mine = fernwood.company.connections[f"{who}.mail"]
    person = fernwood.company.people[who]
    fernwood.do(fernwood.house.consent.choose(person, built.app, "mail", mine, for_app=True))


@pytest.fixture
def opened(
    fernwood: Fernwood, built: Built, page_as: Callable[..., Any]
) -> Iterator[tuple[Any, Any]]:
    """The app as Bob has opened it: the portal's page, and the frame in it."""
    consent(fernwood, built, "bob")
    page = page_as("bob")
    yield page, open_app(fernwood, built, page)
    page.context.close()


def open_app(fernwood: Fernwood, built: Built, page: Any) -> Any:
    page.goto(f"{fernwood.address}/apps/{built.app}")
    page.wait_for_url("**/open")
    page.frame_locator("iframe").get_by_text("Keller").or_(
        page.frame_locator("iframe").get_by_text("Lindt")
    ).wait_for()
    return page.frames[1]


def call(frame: Any, name: str, inputs: dict[str, Any]) -> Any:
    """Run a flow from the page in the frame: its outputs, or code and message."""
    return frame.evaluate(
        "([name, inputs]) => flows.run(name, inputs)"
        ".catch((error) => [error instanceof Error, error.code, error.message])",
        [name, inputs],
    )


@contextmanager
def complaints_of(page: Any) -> Iterator[list[str]]:
    """Collect what the page's console complains of."""
    said: list[str] = []

    def hear(one: Any) -> None:
        if one.type in ("error", "warning"):
            said.append(one.text)

    page.on("console", hear)
    yield said
    page.remove_listener("console", hear)


def ticket_of(page: Any) -> str:
    """Return the address below which the frame's files are."""
    return str(page.frames[1].url).rpartition("/")[0] + "/"


def test_it_is_uploaded_opened_after_one_consent_and_runs_in_each_ones_name(
    fernwood: Fernwood, built: Built, page_as: Callable[..., Any]
) -> None:
    ada, bob = page_as("ada"), page_as("bob")
    ada.goto(f"{fernwood.address}/apps/{built.app}")
    ada.get_by_role("button", name="Remove").first.click()
    ada.get_by_role("dialog").get_by_role("button", name="Remove").click()
    ada.get_by_text("The app shows forms.").wait_for()
    file = {"name": "site.zip", "mimeType": "application/zip", "buffer": pack(PAGE)}
    ada.get_by_label("Bundle").set_input_files(file)
    ada.get_by_role("button", name="Upload").click()
    ada.get_by_text("now sees this bundle").wait_for()
    assert "5 files" in ada.locator("main").inner_text()
    bob.goto(f"{fernwood.address}/apps/{built.app}")
    bob.wait_for_url("**/consent**")
    bob.get_by_label("It will act as you").select_option("bob@fernwood.example")
    with complaints_of(bob) as complaints:
        bob.get_by_role("button", name="Continue").click()
        frame = bob.frame_locator("iframe")
        frame.get_by_text("Bob Keller").wait_for()
    assert all("Content Security Policy" in one for one in complaints), "its inline parts, alone"
    to = f"bundle-{secrets.token_hex(3)}@example.com"
    assert call(bob.frames[1], built.name, {"To": to}) == {"said": f"to {to}"}
    mail = [one for one in fernwood.mailbox.messages if to in one.recipients]
    assert [one.authenticated_as for one in mail] == ["bob@fernwood.example"]
    (header,) = fernwood.do(fernwood.house.journal.runs(flow=built.flow))
    assert header.app == built.app
    assert header.principal == header.initiator == fernwood.company.people["bob"]
    bob.goto(f"{fernwood.address}/flows/{built.flow}/runs/{header.id}")
    assert f"from the app Bundled {built.name}" in " ".join(
        bob.locator("#run-head").inner_text().split()
    )
    for page in (ada, bob):
        page.context.close()


def test_its_own_files_are_loaded_and_what_is_inline_is_not(opened: tuple[Any, Any]) -> None:
    _, frame = opened
    assert frame.evaluate("getComputedStyle(document.querySelector('h2')).color") == "rgb(1, 2, 3)"
    assert frame.evaluate("document.images[0].naturalWidth") == 7
    assert frame.title() == "Ours"
    styled = "getComputedStyle(document.getElementById('styled')).color"
    assert frame.evaluate(styled) == "rgb(0, 0, 0)"


def test_it_lists_flows_takes_files_and_goes_from_page_to_page(
    fernwood: Fernwood, built: Built, opened: tuple[Any, Any]
) -> None:
    page, frame = opened
    ada = fernwood.company.people["ada"]
    echo = flow(fernwood, f"Echo of {built.name}", ECHO)
    fernwood.do(fernwood.house.apps.carry(built.app, echo, ada))
    told = frame.evaluate("flows.list()")
    assert [(one["name"], one["on"]) for one in told] == [
        (f"Echo of {built.name}", True), (built.name, True)]  # fmt: skip
    assert told[1]["inputs"]["properties"]["text"]["title"] == "To"
    answer = frame.evaluate(
        "(name) => flows.run(name, {To: '-', Picture: new File(['A'], 'a.txt')})", str(echo)
    )
    assert answer == {"file": {"name": "a.txt", "contentBytes": "QQ=="}}
    page.frame_locator("iframe").get_by_role("link", name="More").click()
    page.frame_locator("iframe").get_by_role("heading", name="More").wait_for()
    assert page.frames[1].evaluate("flows.me()") == {"name": "Bob Keller"}


TRICKS = """
const asked = (address) => new Promise((yes, no) => {
  const request = new XMLHttpRequest();
  request.onerror = () => no(new TypeError());
  request.onload = () => yes("loaded");
  request.open("GET", address);
  request.send();
});
const socket = () => new Promise((yes) => {
  const opened = new WebSocket(`ws://${location.host}/`);
  opened.onopen = () => yes("open");
  opened.onerror = () => yes("refused");
});
const later = (work) => new Promise((yes) => setTimeout(() => {
  try { yes(work()); } catch (error) { yes(error.name); }
}));
const added = (name, address) => new Promise((yes) => {
  addEventListener("securitypolicyviolation", (event) => yes(event.effectiveDirective));
  const element = document.createElement(name);
  element.onload = () => yes("loaded");
  element.src = address;
  document.body.append(element);
});
"""
ESCAPES = {
    "self.origin": "null",
    "document.cookie": "SecurityError",
    "localStorage.length": "SecurityError",
    "sessionStorage.length": "SecurityError",
    "indexedDB.open('x')": "SecurityError",
    "caches.keys()": "SecurityError",
    "parent.document.title": "SecurityError",
    "parent.location.href": "SecurityError",
    "parent.document.querySelector('[name=form-token]').content": "SecurityError",
    "frameElement": None,
    "top.location = '/flows'": "SecurityError",
    "String(window.open('/flows'))": "null",
    "fetch('/flows')": "TypeError",
    "fetch('/flows', {credentials: 'include'})": "TypeError",
    "fetch('/api/runs', {credentials: 'include', mode: 'no-cors'})": "TypeError",
    "fetch('index.html')": "TypeError",
    "fetch('https://elsewhere.example/')": "TypeError",
    "asked('/flows')": "TypeError",
    "socket()": "refused",
    "new EventSource('/flows').readyState === 1": False,
    # Apart from the tool that asks, which may.
    "later(() => eval('1'))": "EvalError",
    "later(() => Function('return 1')())": "EvalError",
    "navigator.serviceWorker?.register('a.js')": "SecurityError",
    "added('img', 'a.svg')": "loaded",
    "added('script', 'a.js')": "loaded",
    "added('img', '/static/x/mark.svg')": "img-src",
    "added('img', '/hooks/00000000-0000-4000-8000-000000000001?sig=x')": "img-src",
    "added('img', 'https://elsewhere.example/x.png')": "img-src",
    "added('script', '/flows')": "script-src-elem",
    "added('script', 'data:text/javascript,1')": "script-src-elem",
    "added('iframe', '/flows')": "frame-src",
    "added('iframe', 'index.html')": "frame-src",
    "added('video', '/flows')": "media-src",
}


@pytest.fixture(scope="module")
def inside(fernwood: Fernwood, page_as: Callable[..., Any]) -> Iterator[Any]:
    """A frame to try things in."""
    made: Built = built.__wrapped__(fernwood)  # type: ignore[attr-defined]
    consent(fernwood, made, "bob")
    page = page_as("bob")
    yield open_app(fernwood, made, page)
    page.context.close()


@pytest.mark.parametrize(("attempt", "result"), ESCAPES.items(), ids=ESCAPES)
def test_it_is_locked_in(inside: Any, attempt: str, result: object) -> None:
    outcome = inside.evaluate(
        f"(async () => {{ {TRICKS} try {{ return await ({attempt}); }}"
        f" catch (error) {{ return error.name; }} }})()"
    )
    assert outcome == result
    assert inside.page.url.endswith("/open")


@pytest.mark.parametrize(
    "script",
    [
        "location = '/flows'",
        "location = 'https://elsewhere.example/?told=all'",
        "document.getElementById('form').submit()",
        "document.getElementById('form').requestSubmit()",
        "document.links[0].href = '/apps'; document.links[0].click()",
        "const a = document.links[0]; a.href = '/apps'; a.target = '_top'; a.click()",
    ],
)
def test_its_frame_goes_nowhere_else(opened: tuple[Any, Any], script: str) -> None:
    """It could tell what it knows by where it goes."""
    page, frame = opened
    answered: list[str] = []
    page.on("response", lambda one: answered.append(one.url))
    with complaints_of(page) as complaints:
        frame.evaluate(f"void setTimeout(() => {{ {script}; }})")
        page.wait_for_timeout(600)
    assert answered == []
    assert complaints
    assert page.url.endswith("/open")


def test_it_runs_no_flow_that_the_app_does_not_carry(opened: tuple[Any, Any]) -> None:
    _, frame = opened
    greet = call(frame, "Greet a customer", {"text": "client@example.com", "text_1": "Cleo"})
    assert greet[:2] == [True, "NotFound"]
    assert "carries no flow `Greet a customer`; it carries `Write" in greet[2]


def test_the_portal_speaks_to_the_frame_alone(opened: tuple[Any, Any]) -> None:
    page, _ = opened
    got = page.evaluate(
        """() => new Promise((done) => {
            addEventListener("message", (event) => {
                if (event.data.flowner === "port") done("a port");
            });
            postMessage({ flowner: "hello" }, "*");
            setTimeout(() => done("nothing"), 500);
        })"""
    )
    assert got == "nothing"


UNANSWERED: list[Any] = [
    pytest.param(SILENT, "NoResponse", "ended without an answer", id="no response"),
    pytest.param(FAILING, "RunFailed", "the kettle is empty", id="it fails"),
    pytest.param(SLOW, "ResponseTimeout", "for 1 seconds; it goes on", id="it takes long"),
    pytest.param(REFUSING, "RunFailed", "answered with 503", id="it answers with an error"),
]


@pytest.mark.parametrize(("actions", "code", "says"), UNANSWERED)
@pytest.mark.usefixtures("short_patience")
def test_what_a_flow_does_not_answer_is_told(
    built: Built, opened: tuple[Any, Any], fernwood: Fernwood, actions: dict[str, Any],
    code: str, says: str,
) -> None:  # fmt: skip
    ada = fernwood.company.people["ada"]
    id = flow(fernwood, f"Odd {built.name}", actions)
    fernwood.do(fernwood.house.apps.carry(built.app, id, ada))
    is_error, found, message = call(opened[1], f"odd {built.name}", {"To": "-"})
    assert (is_error, found) == (True, code)
    assert says in message


@pytest.fixture
def short_patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    code = request.node.callspec.params["code"]
    monkeypatch.setattr(pages, "PATIENCE", 1.0 if code == "ResponseTimeout" else 20.0)


def test_inputs_are_looked_at_and_a_flow_that_is_off_says_so(
    fernwood: Fernwood, built: Built, opened: tuple[Any, Any]
) -> None:
    _, frame = opened
    assert call(frame, built.name, {}) == [True, "BadRequest", "Fill in *To*."]
    assert call(frame, built.name, {"Tu": "-"})[2].startswith(
        "Nothing asks for `Tu`; asked is *To*"
    )
    assert call(frame, built.name, {"To": "\0"})[1] == "RunFailed"
    fernwood.do(fernwood.house.turning.off(built.flow, fernwood.company.people["ada"]))
    assert call(frame, built.name, {"To": "-"})[1] == "WorkflowTriggerIsNotEnabled"


def test_consent_that_is_withdrawn_leads_to_the_page_that_asks(
    fernwood: Fernwood, built: Built, opened: tuple[Any, Any]
) -> None:
    page, frame = opened
    fernwood.do(fernwood.house.consent.withdraw(fernwood.company.people["bob"], built.app))
    told = call(frame, built.name, {"To": "x@example.com"})
    assert told[1] == "InvokerConnectionOverrideFailed"
    page.get_by_role("link", name="Choose what acts as you").click()
    page.wait_for_url("**/consent?next=/apps/*/open")
    page.get_by_label("It will act as you").select_option("bob@fernwood.example")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/open")


def test_who_is_signed_out_is_led_to_sign_in(built: Built, opened: tuple[Any, Any]) -> None:
    page, frame = opened
    page.context.clear_cookies()
    assert call(frame, built.name, {"To": "x@example.com"})[1] == "Unauthenticated"
    page.get_by_role("link", name="Sign in again").wait_for()


def test_after_it_is_shared_no_more_the_next_call_is_refused(
    fernwood: Fernwood, built: Built, opened: tuple[Any, Any]
) -> None:
    page, frame = opened
    files = ticket_of(page)
    assert httpx.get(files + "a.js").status_code == 200
    people = fernwood.company.people
    fernwood.do(fernwood.house.apps.unshare(built.app, people["sales"], people["ada"]))
    to = f"late-{secrets.token_hex(3)}@example.com"
    told = call(frame, built.name, {"To": to})
    assert told == [True, "NotFound", "This app is not shared with you any more."]
    assert [one for one in fernwood.mailbox.messages if to in one.recipients] == []
    for path in ("a.js", "flows.js", "index.html"):
        assert httpx.get(files + path).status_code == 404, path
    page.reload()
    assert "Not found" in page.locator("main").inner_text()
    fernwood.do(fernwood.house.consent.withdraw(people["bob"], built.app))


def test_a_ticket_is_for_one_session_and_one_app(
    fernwood: Fernwood, built: Built, opened: tuple[Any, Any], client_as: Callable[[str], Any]
) -> None:
    page, _ = opened
    files = ticket_of(page)
    plain = httpx.get(files)
    assert plain.status_code == 200, "subresources of a page without an origin send no cookie"
    for who in ("mia", "ada", "bob"):  # Bob, too: it is another session of his
        assert client_as(who).get(files + "a.js").status_code == 404, who
    head, ticket = files.rstrip("/").rsplit("/", 1)
    flipped = ("B" if ticket[5] == "A" else "A").join((ticket[:5], ticket[6:]))
    other_words = (f"{ticket};", f"{ticket[:9]}%0d%0a{ticket[9:]}", f"{ticket};%20script-src%20*")
    for wrong in (flipped, ticket[:-2], ticket + "AAAA", "x", "%00", ticket[::-1], *other_words):
        assert httpx.get(f"{head}/{wrong}/a.js").status_code == 404, wrong
    other = files.replace(str(built.app), str(fernwood.company.defects))
    assert httpx.get(other + "index.html").status_code == 404
    for path in ("none.js", "..%2f..%2fflows", "a.js%2f..", "%00.js", "A.JS"):
        answer = httpx.get(files + path)
        assert (answer.status_code, path) == (404, path)
        assert answer.headers[POLICY].startswith("sandbox; default-src 'none'")
    page.get_by_role("button", name="account and theme").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/sign-in**")
    assert httpx.get(files + "a.js").status_code == 404, "it ends with its session"


def test_a_ticket_ends(
    fernwood: Fernwood, built: Built, monkeypatch: pytest.MonkeyPatch,
    page_as: Callable[..., Any],
) -> None:  # fmt: skip
    consent(fernwood, built, "bob")
    monkeypatch.setattr(sandbox, "_WINDOW_SECONDS", 1)
    page = page_as("bob")
    page.goto(f"{fernwood.address}/apps/{built.app}/open")
    files = page.locator("iframe").get_attribute("data-bundle").removesuffix("index.html")
    time.sleep(2.1)
    assert httpx.get(fernwood.address + files + "a.js").status_code == 404
    page.context.close()


def test_every_file_is_sent_under_its_policy_and_kept_by_its_content(
    opened: tuple[Any, Any],
) -> None:
    page, _ = opened
    files = ticket_of(page)
    for path in ("index.html", "a.js", "css/a.css", "a.svg", "flows.js"):
        answer = httpx.get(files + path)
        policy = answer.headers[POLICY]
        assert policy.startswith("sandbox allow-scripts allow-forms; default-src 'none'")
        assert "allow-same-origin" not in policy
        assert "unsafe" not in policy
        assert "connect-src 'none'" in policy
        assert f"script-src {files};" in policy, "of its own address, not of all the portal's"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
    first = httpx.get(files + "a.js")
    assert first.headers["cache-control"] == "private, max-age=3600, immutable"
    again = httpx.get(files + "a.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_opened_by_itself_it_leads_to_the_portal_and_would_be_nobody_there(
    opened: tuple[Any, Any], built: Built
) -> None:
    page, _ = opened
    address = ticket_of(page) + "index.html"
    page.goto(address)
    assert page.url.endswith(f"/apps/{built.app}/open")
    # As a browser would show it that does not say what it asks for: the same headers.
    real = httpx.get(address)
    page.context.route(address, lambda route: route.fulfill(
        status=200, headers=dict(real.headers) | {"content-encoding": "identity"},
        body=real.text))  # fmt: skip
    alone = page.context.new_page()
    alone.goto(address)
    assert alone.evaluate("self.origin") == "null"
    caught = "(() => { try { return document.cookie; } catch (e) { return e.name; } })()"
    assert alone.evaluate(caught) == "SecurityError"


def test_who_has_no_share_finds_nothing(
    fernwood: Fernwood, built: Built, client_as: Callable[[str], Any]
) -> None:
    noor = client_as("noor")
    for path in ("", "/open", "/flows", "/bundle.zip"):
        assert noor.get(f"{fernwood.address}/apps/{built.app}{path}").status_code == 404, path
    token = {"form_token": form_token(noor, fernwood)}
    call_ = noor.post(
        f"{fernwood.address}/apps/{built.app}/call", data={**token, "flow": built.name}
    )
    assert call_.status_code == 404
    assert upload(fernwood, noor, built.app, pack(PAGE)).status_code == 404


def test_who_may_open_it_may_not_change_it(
    fernwood: Fernwood, built: Built, client_as: Callable[[str], Any]
) -> None:
    mia, address = client_as("mia"), f"{fernwood.address}/apps/{built.app}"
    assert upload(fernwood, mia, built.app, pack(PAGE)).status_code == 403
    token = {"form_token": form_token(mia, fernwood)}
    assert mia.post(f"{address}/bundle/remove", data=token).status_code == 403
    assert mia.get(f"{address}/bundle.zip").status_code == 403
    assert mia.post(f"{address}/call", data={"flow": built.name}).status_code == 403, "no token"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.html": b""}, "has no `index.html`"),
        ({"index.html": b"", "up.php": b""}, "holds `up.php`"),
    ],
)
def test_a_hostile_zip_is_refused_and_the_page_says_which_entry(
    fernwood: Fernwood, built: Built, client_as: Callable[[str], Any],
    files: dict[str, bytes], says: str,
) -> None:  # fmt: skip
    answer = upload(fernwood, client_as("ada"), built.app, pack(files))
    assert answer.status_code == 400
    assert says in answer.text.replace("&#39;", "'")
    assert "InvalidBundle" in answer.text
    kept = client_as("ada").get(f"{fernwood.address}/apps/{built.app}/bundle.zip")
    assert kept.content == pack(PAGE), "what was there is there"


def test_it_is_replaced_at_once_and_an_open_page_goes_on_with_its_own_files(
    fernwood: Fernwood, built: Built, opened: tuple[Any, Any]
) -> None:
    page, _ = opened
    before = ticket_of(page)
    put(fernwood, built.app, PAGE | {"a.js": b"document.title = 'new'; await flows.me();"})
    assert httpx.get(before + "a.js").content == PAGE["a.js"]
    page.reload()
    page.frame_locator("iframe").get_by_role("heading", name="Ours").wait_for()
    page.wait_for_timeout(300)
    after = ticket_of(page)
    assert after != before
    assert page.frames[1].title() == "new"
    fernwood.do(fernwood.house.bundles.remove(built.app, fernwood.company.people["ada"]))
    for files in (before, after):
        assert httpx.get(files + "a.js").status_code == 404
    page.reload()
    page.get_by_role("button", name="Run", exact=True).wait_for()
    assert page.locator("iframe").count() == 0


def test_the_first_bundle_of_the_documentation_works(
    fernwood: Fernwood, page_as: Callable[..., Any]
) -> None:
    how = ROOT / "docs/how-to/make-an-app.md"
    (html,), (script,) = ([one.text for one in blocks(how, kind)] for kind in ("html", "js"))
    house, people = fernwood.house, fernwood.company.people
    app = fernwood.do(house.apps.make("Field visits, own page", people["ada"]))
    fernwood.do(house.apps.carry(app, FLOWS["visit"], people["ada"]))
    fernwood.do(house.apps.share(app, people["mia"], people["ada"]))
    put(fernwood, app, {"index.html": html.encode(), "visit.js": script.encode()})
    mine = fernwood.company.connections["mia.mail"]
    key = "shared_office365"
    fernwood.do(house.consent.choose(people["mia"], app, key, mine, for_app=True))
    page = page_as("mia")
    with quiet(page):
        page.goto(f"{fernwood.address}/apps/{app}")
        frame = page.frame_locator("iframe")
        frame.get_by_label("City").fill("Ghent")
        to = f"doc-{secrets.token_hex(3)}@example.com"
        frame.get_by_label("Customer's address").fill(to)
        frame.get_by_role("button", name="Log it").click()
        frame.get_by_text("It is noted as").wait_for()
    (mail,) = [one for one in fernwood.mailbox.messages if to in one.recipients]
    assert mail.authenticated_as == "mia@fernwood.example"
    page.context.close()


def test_the_demo_reports_a_defect_in_each_ones_name(
    fernwood: Fernwood, page_as: Callable[..., Any]
) -> None:
    page = page_as("mia")
    with quiet(page):
        page.goto(f"{fernwood.address}/apps/{fernwood.company.defects}")
        frame = page.frame_locator("iframe")
        frame.get_by_text("Hello Mia.").wait_for()
        what = f"The lamp {secrets.token_hex(3)}"
        frame.get_by_label("What is broken").fill(what)
        frame.get_by_label("Where").fill("Greenhouse 2")
        frame.get_by_text("Today").click()
        frame.get_by_role("button", name="Send the report").click()
        frame.get_by_text("Thank you. It is on its way.").wait_for()
    number = frame.locator("#number").inner_text()
    for part in ("#again", "#report"):
        frame.locator("#again").evaluate(
            "(button, part) => part === '#report' && button.click()", part
        )
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert _violations(page.frames[1]) == []
    (mail,) = [one for one in fernwood.mailbox.messages if what in one.subject]
    assert mail.authenticated_as == "mia@fernwood.example"
    assert mail.subject == f"{number}: {what} (Today)"
    page.context.close()
