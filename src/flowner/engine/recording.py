"""What can be searched of an event that is a call: who, through whose account, what, how it ended.

A call is what went out to a connector, or was refused on its way there. Actions that stay inside
the server use nobody's account and have no record of their own; neither has the call of a child
flow, whose run has its own.
"""

from __future__ import annotations

from flowner.definitions.flow import Status
from flowner.journal.records import ActionRecord
from flowner.runs.events import ActionEnded, AnyEvent, AttemptFailed, Waiting
from flowner.values import Json


def action_record(event: AnyEvent) -> ActionRecord | None:
    """Return the record of a call; None where the event is none.

    Every attempt is one. A call whose answer comes later is recorded once, when it was taken.
    """
    if not isinstance(event, ActionEnded | AttemptFailed | Waiting):
        return None
    acting = event.acting
    if not isinstance(acting, dict) or not (acting.get("sent") or acting.get("refused")):
        return None
    status, code, attempt = _end(event, acting.get("attempt"))
    return ActionRecord(
        acting=acting.get("principal") or None,
        actor=acting.get("actor") or None,
        account=acting.get("account") or None,
        connection=acting.get("connection") or None,
        reference=acting.get("reference") or None,
        lender=acting.get("lentBy") or None,
        rule=acting.get("rule") or None,
        connector=acting.get("connector") or None,
        operation=acting.get("operation") or None,
        status=status.value,
        code=code,
        attempt=attempt,
        refused=bool(acting.get("refused")),
        planned=bool(acting.get("asPlanned", True)),
    )


def _end(event: ActionEnded | AttemptFailed | Waiting, attempt: Json) -> tuple[Status, str, int]:
    match event:
        case ActionEnded():
            return event.status, event.code, event.attempt
        case AttemptFailed():
            return Status.FAILED, event.code, event.attempt
        case Waiting():
            return Status.WAITING, "", attempt if isinstance(attempt, int) else 1
