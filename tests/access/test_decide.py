"""The law of flows and connections: a page to read, and its edges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowner.access.decide import Permit, decide_connection, decide_flow, require_flow
from flowner.access.vocabulary import (
    ConnectionAction,
    ConnectionRole,
    ConnectionShare,
    FlowAction,
    FlowFacts,
    FlowRole,
    FlowShare,
)
from flowner.errors import AccessDenied, NotFound
from flowner.values import AppId, PrincipalId
from worlds import small

P = PrincipalId
FLOW = FlowFacts(
    id=small.FLOW,
    name="Flow",
    owner=P("owner"),
    version=1,
    shares=frozenset(
        {
            FlowShare(P("editors"), FlowRole.CO_OWNER),
            FlowShare(P("sales"), FlowRole.RUN_ONLY),
            FlowShare(P("guest"), FlowRole.RUN_ONLY, AppId("app")),
        }
    ),
)
CONNECTION = replace(
    small.connection("c", "owner"),
    shares=frozenset(
        {
            ConnectionShare(P("user"), ConnectionRole.CAN_USE),
            ConnectionShare(P("sharer"), ConnectionRole.CAN_SHARE),
            ConnectionShare(P("editors"), ConnectionRole.CAN_EDIT),
        }
    ),
)
ASKING = {
    "primary owner": (small.person("owner"), None),
    "co-owner through a group": (small.person("ed", groups=("editors",)), None),
    "run-only through a group": (small.person("sam", groups=("sales",)), None),
    "guest of the app, within it": (small.person("guest"), AppId("app")),
    "guest of the app, elsewhere": (small.person("guest"), None),
    "administrator": (small.person("root", administrator=True), None),
    "stranger": (small.person("eve"), None),
    "primary owner, disabled": (small.person("owner", enabled=False), None),
}
HOLDING = ("owner", "user", "sharer", "editors", "stranger")
GOLDEN = Path(__file__).with_name("matrix.golden.txt")


def page() -> str:
    lines = ["flow".ljust(30) + "".join(a.name.lower().rjust(10) for a in FlowAction)]
    for title, (principal, app) in ASKING.items():
        marks = (
            isinstance(decide_flow(principal.who, action, FLOW, within=app), Permit)
            for action in FlowAction
        )
        lines.append(title.ljust(30) + "".join(("yes" if m else "-").rjust(10) for m in marks))
    lines += [
        "",
        "connection".ljust(30) + "".join(a.name.lower().rjust(10) for a in ConnectionAction),
    ]
    asking = {name: small.person(name) for name in HOLDING}
    asking["administrator"] = small.person("root", administrator=True)
    for title, principal in asking.items():
        marks = (
            isinstance(decide_connection(principal.who, action, CONNECTION), Permit)
            for action in ConnectionAction
        )
        lines.append(title.ljust(30) + "".join(("yes" if m else "-").rjust(10) for m in marks))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def test_the_page_is_the_law() -> None:
    assert page() == GOLDEN.read_text(encoding="utf-8")


def test_a_permit_opens_for_its_action_alone() -> None:
    permit = require_flow(small.person("owner").who, FlowAction.RUN, FLOW)
    assert permit.to(FlowAction.RUN) is FLOW
    with pytest.raises(RuntimeError, match="used to"):
        permit.to(FlowAction.READ)


def test_a_stranger_does_not_learn_that_it_exists() -> None:
    with pytest.raises(NotFound, match="there is no flow"):
        require_flow(small.person("eve").who, FlowAction.READ, FLOW)


def test_a_run_only_user_may_not_read_it() -> None:
    with pytest.raises(AccessDenied, match="lets them read"):
        require_flow(small.person("sam", groups=("sales",)).who, FlowAction.READ, FLOW)
