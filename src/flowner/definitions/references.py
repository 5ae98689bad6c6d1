"""What a formula names: parameters, variables, actions, loops, and whether they are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from flowner.definitions.flow import Action, Flow
from flowner.definitions.precedence import Precedence, Standing
from flowner.definitions.problems import Severity
from flowner.definitions.reading import member
from flowner.definitions.templates import Spot
from flowner.expressions.parser import CallNode, Literal

_SPECIAL: Final = ("$connections", "$authentication")
"""Parameters that every flow has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is wrong with one name."""

    message: str
    mend: str
    severity: Severity = Severity.ERROR


class References:
    """Looks up the names of one flow."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._order = Precedence(flow)
        self._parameters = {name.casefold() for name in (*flow.parameters, *_SPECIAL)}
        self._variables, self._any_variable = _initialized(flow)

    def of_call(self, call: CallNode, spot: Spot, *, needs_value: bool) -> Iterator[Said]:
        """Say what is wrong with the name that a call gives, if it gives one.

        ``needs_value``: what the call stands in fails where it gives null.
        """
        kind = call.name.lower()
        if kind == "item":
            yield from self._item(spot)
        look = _NAMING.get(kind)
        if look is None or not call.arguments:
            return
        first = call.arguments[0]
        if isinstance(first, Literal) and isinstance(first.value, str):
            yield from look(self, first.value, spot)
            if needs_value and kind in _OUTPUTS:
                yield from self._perhaps_skipped(first.value, spot)

    def _perhaps_skipped(self, name: str, spot: Spot) -> Iterator[Said]:
        found = self._order.named(name)
        if found is None or self._standing(found, spot) is not Standing.BEFORE:
            return
        choice = self._order.choice(found, spot.action)
        if choice is not None:
            yield Said(
                message=f"`{found.name}` gives null where `{choice.name}` takes another branch, and"
                " then this fails",
                mend="write `?` before what is taken from it",
                severity=Severity.WARNING,
            )

    def of_changed(self, spot: Spot) -> Iterator[Said]:
        """Say what is wrong with the variable that an action changes; ``spot`` is its name."""
        if isinstance(spot.value, str) and not spot.value.startswith("@"):
            yield from self._variable(spot.value, spot)

    def _parameter(self, name: str, spot: Spot) -> Iterator[Said]:
        del spot
        if name.casefold() not in self._parameters:
            yield Said(
                message=f"the flow declares no parameter `{name}`",
                mend=f"declare it{_or_use(name, self._flow.parameters)}",
            )

    def _variable(self, name: str, spot: Spot) -> Iterator[Said]:
        if self._any_variable:
            return
        makers = self._variables.get(name.casefold(), ())
        if not makers:
            known = [variable for one in self._variables.values() for variable, _ in one]
            yield Said(
                message=f"no action initializes a variable `{name}`",
                mend=f"add an Initialize variable action{_or_use(name, known)}",
            )
            return
        standings = {self._standing(maker, spot): maker for _, maker in makers}
        if Standing.BEFORE in standings:
            return
        maker = next(iter(standings.values()))
        together = standings.get(Standing.UNORDERED)
        if together is not None:
            yield Said(
                message=f"the variable `{name}` may not be there yet: nothing lets"
                f" `{together.name}`, which initializes it, run before",
                mend=f"let it run after `{together.name}`",
                severity=Severity.WARNING,
            )
            return
        yield Said(
            message=f"the variable `{name}` is never there: `{maker.name}`, which initializes it,"
            " does not run before",
            mend=f"let `{maker.name}` run before",
        )

    def _action(self, name: str, spot: Spot) -> Iterator[Said]:
        found = self._order.named(name)
        if found is None:
            yield Said(
                message=f"the flow has no action `{name}`",
                mend=_use(name, self._order.names(), "name one that it has"),
            )
            return
        said = _STANDINGS.get(self._standing(found, spot))
        if said is not None:
            severity, what, mend = said
            yield Said(message=f"`{found.name}` {what}", mend=mend, severity=severity)

    def _result(self, name: str, spot: Spot) -> Iterator[Said]:
        found = self._order.named(name)
        if found is not None and not found.branches:
            yield Said(
                message=f"`{found.name}` is no scope or loop, so nothing is inside of it",
                mend="name a Scope, an Apply to each or a Do until",
            )
            return
        yield from self._action(name, spot)

    def _items(self, name: str, spot: Spot) -> Iterator[Said]:
        around = [loop.name for loop in self._loops(spot) if loop.type == "Foreach"]
        if name.casefold() not in {one.casefold() for one in around}:
            yield Said(
                message=f"`{name}` is no Apply to each around this",
                mend=f"use {_listed(around)}" if around else "move the action into one",
            )

    def _index(self, name: str, spot: Spot) -> Iterator[Said]:
        around = [loop.name for loop in self._loops(spot)]
        if spot.ended and spot.action is not None and spot.action.type == "Until":
            around.append(spot.action.name)
        if name.casefold() not in {one.casefold() for one in around}:
            yield Said(
                message=f"`{name}` is no loop around this",
                mend=f"use {_listed(around)}" if around else "move the action into one",
            )

    def _item(self, spot: Spot) -> Iterator[Said]:
        if not spot.has_item and all(loop.type != "Foreach" for loop in self._loops(spot)):
            yield Said(
                message="there is no item here: this is in no Apply to each, and no mapping of"
                " Select, condition of Filter array or column of a table",
                mend="name what is meant, like `outputs('…')`; it fails when it is evaluated",
                # Power Automate saves such flows, and real ones live with it in a rare branch.
                severity=Severity.WARNING,
            )

    def _standing(self, other: Action, spot: Spot) -> Standing:
        return self._order.standing(other, spot.action, ended=spot.ended)

    def _loops(self, spot: Spot) -> list[Action]:
        return [] if spot.action is None else self._order.loops(spot.action)


_OUTPUTS: Final = frozenset({"outputs", "body", "actionoutputs", "actionbody"})
_ERROR, _WARNING = Severity.ERROR, Severity.WARNING
_STANDINGS: Final[Mapping[Standing, tuple[Severity, str, str]]] = {
    Standing.SELF: (_ERROR, "names itself, before it has run", "name an action that runs before"),
    Standing.INSIDE: (
        _ERROR,
        "is inside of this, and has not run when it begins",
        "name an action that runs before",
    ),
    Standing.LATER: (_ERROR, "runs only after this", "name an action that runs before"),
    Standing.ELSEWHERE: (
        _ERROR,
        "is in another branch: where this runs, it does not",
        "name an action of this branch, or one before the condition",
    ),
    Standing.TOO_DEEP: (
        _ERROR,
        "is in a loop inside of an Apply to each: from outside of both it has no one outcome",
        "gather what is needed in a variable, inside of the loops",
    ),
    Standing.AROUND: (
        _WARNING,
        "is around this, and has not ended when it is asked",
        "name an action that runs before",
    ),
    Standing.UNORDERED: (
        _WARNING,
        "may not have run: nothing lets it run before this",
        "let this run after it",
    ),
}
_Look = Callable[[References, str, Spot], Iterator[Said]]
_NAMING: Final[Mapping[str, _Look]] = {
    "parameters": References._parameter,  # noqa: SLF001 - a table of its own methods
    "variables": References._variable,  # noqa: SLF001
    "items": References._items,  # noqa: SLF001
    "iterationindexes": References._index,  # noqa: SLF001
    "result": References._result,  # noqa: SLF001
    **dict.fromkeys(
        (
            "actions",
            "outputs",
            "body",
            "actionoutputs",
            "actionbody",
            "formdatavalue",
            "formdatamultivalues",
            "multipartbody",
        ),
        References._action,  # noqa: SLF001
    ),
}


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three names that are spelled alike, the nearest first."""
    spelled = {one.casefold(): one for one in known}
    return [spelled[one] for one in get_close_matches(name.casefold(), spelled, n=3)]


def _initialized(flow: Flow) -> tuple[dict[str, list[tuple[str, Action]]], bool]:
    """Return the variables with what initialises each, and whether there may be any others."""
    found: dict[str, list[tuple[str, Action]]] = {}
    others = False
    for action in flow.walk():
        if action.type != "InitializeVariable":
            continue
        declared = member(action.inputs, "variables")
        others |= not isinstance(declared, list)
        for one in declared if isinstance(declared, list) else ():
            name = member(one, "name")
            if isinstance(name, str) and "@" not in name:
                found.setdefault(name.casefold(), []).append((name, action))
            else:
                others = True
    return found, others


def _use(name: str, known: Iterable[str], otherwise: str) -> str:
    alike = near(name, known)
    return f"use {_listed(alike)}" if alike else otherwise


def _or_use(name: str, known: Iterable[str]) -> str:
    alike = near(name, known)
    return f", or use {_listed(alike)}" if alike else ""


def _listed(names: Iterable[str]) -> str:
    *first, last = (f"`{name}`" for name in names)
    return f"{', '.join(first)} or {last}" if first else last
