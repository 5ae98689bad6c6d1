"""Running again what ran before, in the name it ran in."""

from __future__ import annotations

from flowner.flows.history import History
from flowner.triggers.start import Starter
from flowner.values import PrincipalId, RunId


class Resubmitting:
    """Resubmits runs. Whoever does it is the initiator; the principal stays the original one."""

    def __init__(self, history: History, starter: Starter) -> None:
        self._history, self._starter = history, starter

    async def resubmit(self, earlier: RunId, by: PrincipalId, *, run: RunId | None = None) -> RunId:
        """Run the trigger of an earlier run again, on the flow as it is now.

        The original principal is proved again. Raises `NotFound` for a run that ``by`` may not
        see, `Refused` for one that only its own invoker may resubmit.
        """
        await self._history.seen(by, earlier)
        return await self._starter.again(earlier, by, run=run)
