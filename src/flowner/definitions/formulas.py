"""What is wrong with the formulas of a flow: what can be said before anybody runs it.

Names are matched without regard to case. A name that an expression makes is not checked. What the
run alone can tell, such as a call that is perhaps never made, is a warning at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from flowner.definitions.documents import pointer
from flowner.definitions.flow import Flow
from flowner.definitions.folding import Folding
from flowner.definitions.problems import Problem, Severity
from flowner.definitions.references import References, Said, near
from flowner.definitions.templates import Spot, spots, texts
from flowner.errors import Code
from flowner.expressions.catalogue import CATALOGUE, arity_problem
from flowner.expressions.errors import ExpressionError, caret
from flowner.expressions.parser import CallNode, Literal, Node
from flowner.expressions.walking import calls, constants, trees
from flowner.values import Json

MAX_FOUND: Final = 1_000
"""Problems that are told of one flow's formulas; nobody mends more at a time."""
MAX_CONDITION_DEPTH: Final = 50
"""Levels in a condition that is written as an object, as `runs.conditions` reads them."""
_BEFORE_CARET, _WIDTH = 48, 76


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """What is wrong in a template wherever it stands."""

    said: Said
    position: int
    code: Code = Code.INVALID_TEMPLATE


@dataclass(frozen=True, slots=True)
class _Template:
    """What the checks have to know of a template."""

    calls: tuple[tuple[CallNode, bool], ...]
    """With whether the template is sure to fail where the call gives null."""
    faults: tuple[_Fault, ...]


def formula_problems(flow: Flow) -> Iterator[Problem]:
    """Yield what is wrong with the formulas of a flow, by where they stand: the first thousand."""
    checking = _Checking(References(flow))
    found = (problem for spot in spots(flow) for problem in checking.spot(spot))
    return islice(found, MAX_FOUND)


def template_problem(flow: Flow, text: str) -> str:
    """Return what is wrong first with one template, wherever in the flow it stands; '' for nothing.

    Which actions it may name depends on where it stands, and is not looked at.
    """
    faults = _Checking(References(flow)).read(text).faults
    first = min(faults, key=lambda one: one.position, default=None)
    return "" if first is None else first.said.message


@dataclass(slots=True)
class _Checking:
    references: References
    known: dict[str, _Template] = field(default_factory=dict)
    folding: Folding = field(default_factory=Folding)

    def spot(self, spot: Spot) -> Iterator[Problem]:
        if spot.is_condition and isinstance(spot.value, dict):
            yield from self._condition(spot, 0)
            return
        for text, at in texts(spot):
            yield from self._text(text, at, spot)
        if spot.names_variable:
            for said in self.references.of_changed(spot):
                yield _problem(said, spot.pointer)

    def _text(self, text: str, at: str, spot: Spot) -> Iterator[Problem]:
        template = self.known.get(text)
        if template is None:
            template = self.known[text] = self.read(text)
        faults = [*template.faults, *self._names(template, spot)]
        once = {fault.said: fault for fault in reversed(faults)}
        for fault in sorted(once.values(), key=lambda one: one.position):
            yield _problem(fault.said, at, code=fault.code, shown=_shown(text, fault.position))

    def _names(self, template: _Template, spot: Spot) -> Iterator[_Fault]:
        for call, needs_value in template.calls:
            for said in self.references.of_call(call, spot, needs_value=needs_value):
                yield _Fault(said=said, position=call.position)
            if call.name.lower() == "action" and not spot.ended:
                yield _Fault(said=_NO_ACTION_HERE, position=call.position)

    def read(self, text: str) -> _Template:
        try:
            nodes = trees(text)
        except ExpressionError as error:
            mend = "correct it; a text that begins with `@` and is no expression begins with `@@`"
            said = Said(message=error.message, mend=mend)
            return _Template((), (_Fault(said=said, position=error.position or 0),))
        found = tuple(call for node, _ in nodes for call in calls(node))
        shape = [
            _Fault(said=said, position=call.position)
            for call, _ in found
            for said in _shape(call.name, len(call.arguments))
        ]
        values = [
            fault
            for node, own in nodes
            for part, sure in constants(node)
            for fault in self._value(part, own, sure=sure)
        ]
        return _Template(found, (*shape, *values))

    def _value(self, part: Node, text: str, *, sure: bool) -> Iterator[_Fault]:
        """Evaluate what is made of literals alone."""
        error = self.folding.fault(part, text)
        if error is not None:
            yield _Fault(
                said=Said(
                    message=error.message,
                    mend="correct it; it fails whenever it is evaluated",
                    severity=Severity.ERROR if sure else Severity.WARNING,
                ),
                position=part.position if error.position is None else error.position,
                code=Code.EXPRESSION_EVALUATION_FAILED,
            )

    def _condition(self, spot: Spot, depth: int) -> Iterator[Problem]:
        """Check an object of operators; every one is a function, and its value the arguments."""
        written = spot.value
        if not isinstance(written, dict):
            yield from self.spot(replace(spot, is_condition=False))
            return
        if not written or depth > MAX_CONDITION_DEPTH:
            yield _problem(_NO_CONDITION if not written else _TOO_DEEP, spot.pointer)
            return
        for name, value in written.items():
            at = pointer(spot.pointer, name)
            arguments: list[Json] = value if isinstance(value, list) else [value]
            for said in _shape(name, len(arguments)):
                yield _problem(said, at)
            for place, argument in enumerate(arguments):
                inner = pointer(at, place) if isinstance(value, list) else at
                yield from self._condition(replace(spot, value=argument, pointer=inner), depth + 1)
            yield from self._operator(name, arguments, at)

    def _operator(self, name: str, arguments: list[Json], at: str) -> Iterator[Problem]:
        """Try out an operator whose arguments are plain values."""
        plain = [
            Literal(one, 0)
            for one in arguments
            if not isinstance(one, list | dict) and not (isinstance(one, str) and "@" in one)
        ]
        if len(plain) < len(arguments) or any(True for _ in _shape(name, len(plain))):
            return
        call = CallNode(name, tuple(plain), 0)
        for part, sure in constants(call):
            for fault in self._value(part, name, sure=sure):
                yield _problem(fault.said, at, code=fault.code)


_NO_ACTION_HERE: Final = Said(
    message="`action()` is not expected here",
    mend="use it in tracked properties, in the condition of a Do until, or to unsubscribe;"
    " elsewhere name the action: `actions('…')`",
)
_NO_CONDITION: Final = Said(
    message="the condition is empty", mend='write `{"equals": […]}` or an expression'
)
_TOO_DEEP: Final = Said(
    message=f"the condition is nested deeper than {MAX_CONDITION_DEPTH} levels",
    mend="write it as one expression, or as several conditions",
)


def _shape(name: str, given: int) -> Iterator[Said]:
    """Check that the function exists and takes so many arguments."""
    found = CATALOGUE.get(name.lower())
    if found is None:
        if name.lower() == "action":
            return
        alike = near(name, (one.name for one in CATALOGUE.values()))
        offered = " or ".join(f"`{one}`" for one in alike)
        yield Said(
            message=f"there is no function `{name[:80]}`",
            mend=f"use {offered}" if alike else "use one that the reference of functions lists",
        )
        return
    wrong = arity_problem(found, given)
    if wrong is not None:
        yield Said(message=wrong, mend=f"write `{found.signature}`")


def _shown(text: str, position: int) -> str:
    """Return the line that a position is in, as much as fits, with a caret under it."""
    line, mark = caret(text, position).rsplit("\n", 1)
    column = len(mark) - 1
    start = max(0, column - _BEFORE_CARET)
    cut = "…" if start else ""
    more = "…" if len(line) > start + _WIDTH else ""
    return f"{cut}{line[start : start + _WIDTH]}{more}\n{' ' * (len(cut) + column - start)}^"


def _problem(
    said: Said, at: str, *, code: Code = Code.INVALID_TEMPLATE, shown: str | None = None
) -> Problem:
    return Problem(
        severity=said.severity,
        code=code,
        pointer=at,
        message=said.message,
        mend=said.mend,
        shown=shown,
    )
