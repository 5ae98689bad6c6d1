"""What an expression can see.

The evaluator asks a `Scope` and nothing else, so the same expression runs in the engine, in a
simulation and on the command line. A look-up that finds nothing raises `Missing`; the evaluator
turns it into the documented error text with the function's name and position.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from flowner.values import Json


class Missing(Exception):
    """There is no such parameter, variable, action or loop."""


class Scope(Protocol):
    """The world as one action sees it. Names are matched without regard to case."""

    def parameter(self, name: str) -> Json: ...

    def variable(self, name: str) -> Json: ...

    def action(self, name: str) -> Json:
        """Return the action's record as ``actions('X')`` gives it (language.md, section 6).

        Raises `Missing` for an action that is not defined at this place.
        """
        ...

    def outputs(self, name: str) -> Json:
        """Return the outputs in the action's record, None where it has none; raises as `action`."""
        ...

    def trigger(self) -> Json:
        """Return the trigger's record: ``{"name", "outputs": {"headers", "body"}, …}``."""
        ...

    def item(self) -> Json:
        """Return the innermost loop's (or Select's, Filter array's) current item."""
        ...

    def items(self, loop: str) -> Json: ...

    def iteration_index(self, loop: str) -> int: ...

    def result(self, scope: str) -> Json: ...

    def workflow(self) -> Json: ...

    def callback_url(self) -> str: ...

    def setting(self, name: str) -> Json:
        """Answer ``appsetting('name')``."""
        ...

    def now(self) -> datetime: ...

    def fresh_guid(self) -> str: ...

    def chance(self, minimum: int, maximum: int) -> int: ...
