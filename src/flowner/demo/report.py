"""Expected, recorded, seen: three accounts of every action, side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from flowner.definitions.flow import Flow, Status
from flowner.demo.company import APPROVALS, MAIL, PEOPLE, Company
from flowner.demo.mailbox import Mailbox
from flowner.demo.story import Scene
from flowner.errors import NotFound
from flowner.identity.verdict import Acting, Plan
from flowner.rows.callers import Caller
from flowner.runs.events import ActionEnded, decode
from flowner.server import House
from flowner.values import Json, JsonObject, RunId

Name = str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One action, told three times. Names of principals; None: nobody."""

    action: str
    status: str
    acting_as: Name
    actor: Name
    account: Name
    rule: Name
    expected: Name
    expected_actor: Name
    seen: Name
    """Whom the outside took it for; None where the outside sees nothing."""
    seen_actor: Name
    must_be_seen: bool
    """Whether the outside must have seen it: it sent mail, made a row, or looked a person up."""
    because: str

    @property
    def agrees(self) -> bool:
        """Whether expected, recorded and seen are the same."""
        if (self.expected, self.expected_actor) != (self.acting_as, self.actor):
            return False
        if self.seen is None:
            return not self.must_be_seen
        return (self.seen, self.seen_actor) == (self.acting_as, self.actor)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run, or one refusal."""

    title: str
    flow: str
    kind: str
    initiator: Name
    ran_as: Name
    rule: Name
    fallback: Name
    status: str
    reason: Name
    actions: tuple[Told, ...]
    expected_as: Name

    @property
    def agrees(self) -> bool:
        """Whether the run, and every action of it, is as it was expected."""
        return self.expected_as == self.ran_as and all(one.agrees for one in self.actions)

    def json(self) -> JsonObject:
        """Return the report as ``flowner demo --json`` prints it."""
        actions: list[Json] = [
            {
                "action": one.action,
                "status": one.status,
                "acting_as": one.acting_as,
                "actor": one.actor,
                "account": one.account,
                "rule": one.rule,
                "expected": one.expected,
                "seen": one.seen,
                "seen_actor": one.seen_actor,
                "because": one.because,
            }
            for one in self.actions
        ]
        return {
            "flow": self.flow,
            "kind": self.kind,
            "what": self.title,
            "initiator": self.initiator,
            "ran_as": self.ran_as,
            "rule": self.rule,
            "fallback": self.fallback,
            "status": self.status,
            "reason": self.reason,
            "actions": actions,
        }


class Reporter:
    """Looks at the record, and at what the outside systems saw."""

    def __init__(self, house: House, company: Company, mailbox: Mailbox) -> None:
        self._house, self._company, self._mailbox = house, company, mailbox

    async def report(self, scene: Scene) -> RunReport:
        """Tell one scene."""
        names = await self._names()
        plan = scene.expected.answer if scene.expected else None
        written = scene.expected.flow if scene.expected else None
        kind = scene.expected.flow.trigger.flow_kind.value if scene.expected else ""
        flow = scene.expected.facts.name if scene.expected else scene.flow
        expected_as = names.get(plan.running.principal) if isinstance(plan, Plan) else None
        if scene.run is None:
            return RunReport(
                title=scene.title, flow=flow, kind=kind, initiator=names.get(scene.initiator),
                ran_as=None, rule=None, fallback=None, status="Refused",
                reason=scene.refusal.message if scene.refusal else None, actions=(),
                expected_as=expected_as,
            )  # fmt: skip
        header = await self._house.journal.header(scene.run)
        return RunReport(
            title=scene.title, flow=flow, kind=kind, initiator=names.get(header.initiator or ""),
            ran_as=names.get(header.principal or ""), rule=header.rule, fallback=header.fallback,
            status=header.status, reason=header.error, expected_as=expected_as,
            actions=tuple(await self._actions(scene.run, plan, written, names)),
        )  # fmt: skip

    async def _actions(
        self, run: RunId, plan: object, flow: Flow | None, names: Mapping[str, str]
    ) -> list[Told]:
        found = []
        witnessed = _witnessed(flow)
        for listed in await self._house.journal.entries(run):
            event = decode(listed.entry.data)
            if isinstance(event, ActionEnded):
                witnessed_too = event.path in witnessed
                found.append(await self._told(run, event, plan, names, witnessed=witnessed_too))
        return found

    async def _told(
        self,
        run: RunId,
        event: ActionEnded,
        plan: object,
        names: Mapping[str, str],
        *,
        witnessed: bool,
    ) -> Told:
        acting = event.acting if isinstance(event.acting, dict) else {}
        planned = plan.actions.get(event.path) if isinstance(plan, Plan) else None
        ran = bool(acting) and "refused" not in acting
        expected = planned if isinstance(planned, Acting) and event.status != "Skipped" else None
        seen, seen_actor = await self._seen(run, event, names)
        return Told(
            action=event.path,
            status=event.status.value,
            acting_as=names.get(acting.get("principal", "")) if ran else None,
            actor=names.get(acting.get("actor") or "") if ran else None,
            account=acting.get("account") or None,
            rule=acting.get("rule"),
            expected=names.get(expected.principal) if expected else None,
            expected_actor=names.get(expected.actor or "") if expected else None,
            seen=seen,
            seen_actor=seen_actor,
            must_be_seen=witnessed and event.status is Status.SUCCEEDED,
            because=str(acting.get("because") or acting.get("message") or ""),
        )

    async def _seen(
        self, run: RunId, event: ActionEnded, names: Mapping[str, str]
    ) -> tuple[Name, Name]:
        """Ask the mail server who signed in, the rows who made them, and an approval who asks."""
        digest = hashlib.sha256(f"{run}/{event.path}".encode()).hexdigest()[:40]
        for message in self._mailbox.messages:
            if digest in message.headers.get("Message-ID", ""):
                return names.get(message.authenticated_as), None
        body = event.outputs.get("body") if isinstance(event.outputs, dict) else None
        if not isinstance(body, dict):
            return None, None
        if isinstance(body.get("approvalId"), str):
            ada = self._company.people["ada"]
            asked = await self._house.approvals.open(body["approvalId"], ada)
            return names.get(asked.approval.owner), None
        for table in ("fern_note", "fern_request"):
            made = body.get(f"{table}id")
            if isinstance(made, str):
                return await self._stamps(table, made, names)
        if isinstance(body.get("displayName"), str):
            return body["displayName"], None
        return None, None

    async def _stamps(self, table: str, id: str, names: Mapping[str, str]) -> tuple[Name, Name]:
        try:
            row = await self._house.store.get(Caller(self._company.people["ada"]), table, id)
        except NotFound:
            return None, None
        return (
            names.get(str(row["_createdby_value"])),
            names.get(str(row["_createdonbehalfby_value"] or "")),
        )

    async def _names(self) -> dict[str, str]:
        """Return the names of everybody, by id and by account."""
        ada = Caller(self._company.people["ada"])
        rows = (await self._house.store.list(ada, "systemusers", {}))["value"]
        names: dict[str, str] = {}
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                keys = (row["systemuserid"], row["domainname"], row["internalemailaddress"])
                names |= {key: str(row["fullname"]) for key in keys if isinstance(key, str)}
        return names


def _witnessed(flow: Flow | None) -> frozenset[str]:
    """Return the actions of which the outside cannot but take notice when they succeed."""
    if flow is None:
        return frozenset()
    return frozenset(
        action.name
        for action in flow.walk()
        if action.call is not None
        and (
            action.call.connector in (APPROVALS, MAIL, PEOPLE)
            or action.call.operation == "CreateRecord"
        )
    )
