"""Why an action did not run: the codes and texts of skipped actions.

Source: measured texts, as PowerAutomate shows them in a run's history.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowner.definitions.flow import Status
from flowner.runs.events import Fault
from flowner.runs.state import Record

SKIPPED = "ActionSkipped"
TERMINATED = "Terminated"


def condition_failed(
    name: str, predecessor: str, accepted: Iterable[Status], actual: Status
) -> Fault:
    """Say that ``runAfter`` is not satisfied."""
    expected = ", ".join(sorted(status.value for status in accepted))
    return Fault(
        "ActionConditionFailed",
        f"The execution of template action '{name}' is skipped: the 'runAfter' condition for "
        f"action '{predecessor}' is not satisfied. Expected status values '{expected}' and actual "
        f"value '{actual.value}'.",
    )


def not_taken(name: str) -> Fault:
    """Say that the action is in a branch that was not taken."""
    return Fault(
        "ActionBranchingConditionNotSatisfied",
        f"The execution of template action '{name}' skipped: the branching condition for this "
        "action is not satisfied.",
    )


def depends(name: str, container: str, status: Status, code: str) -> Fault:
    """Say that the container never got to the action."""
    return Fault(
        "ActionDependencyFailed",
        f"The execution of template action '{name}' is skipped: dependant action '{container}' "
        f"completed with status '{status.value}' and code '{code}'.",
    )


def terminated() -> Record:
    """Return the record of an action that the end of its run left behind."""
    return Record(status=Status.SKIPPED, code=TERMINATED)


def inherited(name: str, container: str, above: Record, branch: int) -> Record | None:
    """Return how an action stands that has no record of its own, from its container's.

    ``branch`` is the position of the action's branch. None: it may still run.
    """
    if above.children:
        fault = Fault("ActionConditionFailed", above.children)
        return Record(status=Status.FAILED, code="InternalServerError", error=fault)
    if above.branch >= 0 and above.branch != branch:
        return Record(status=Status.SKIPPED, code=SKIPPED, error=not_taken(name))
    if above.branch >= 0 or not above.status.is_terminal:
        return None
    if above.code == TERMINATED:
        return terminated()
    fault = depends(name, container, above.status, above.code)
    return Record(status=Status.SKIPPED, code=SKIPPED, error=fault)
