"""What people call an expression: the value it takes of what has happened before, or its function.

``triggerBody()?['text']`` is *Whom?* where the trigger asks so; ``outputs('Compose')`` is
*Compose · Outputs*; ``concat('a', 'b')`` is *concat(…)*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from flowner.definitions.flow import Action, Flow, Trigger
from flowner.definitions.visible import Fields, given_by, title_of
from flowner.expressions.errors import ExpressionError
from flowner.expressions.parser import Access, CallNode, Literal, Node, parse_whole

_ACTIONS: Final = {"outputs": (), "body": ("body",), "actionoutputs": (), "actionbody": ("body",)}
_TRIGGERS: Final = {"triggeroutputs": (), "triggerbody": ("body",), "trigger": ()}
_LOOPS: Final = {"items": ("item",), "iterationindexes": ("index",)}
_PLAIN: Final = {
    (): "Outputs",
    ("body",): "Body",
    ("item",): "Current item",
    ("index",): "Current iteration index",
}
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """How an expression is shown."""

    words: str
    node: Action | Trigger | None = None
    """What the value is of."""
    source: str = ""
    """The same for people, or *Variables*, *Parameters*."""
    is_formula: bool = False
    """Whether it is more than a value that is taken."""
    missing: str = ""
    """The action that it names and the flow does not have."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A value that is taken: of what, and the keys that lead to it."""

    of: str
    """``trigger``, ``variable``, ``parameter``, ``item``; '' for an action."""
    name: str
    path: tuple[str, ...]


@dataclass(slots=True)
class Labels:
    """Names the expressions of one flow. What a source gives is asked once."""

    flow: Flow
    fields: Fields
    _titles: dict[str, dict[_Taken, str]] = field(default_factory=dict)
    _actions: dict[str, Action] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._actions = {one.name.casefold(): one for one in self.flow.walk()}

    def of(self, node: Node) -> Label:
        """Return what an expression is called."""
        taken = _taken(node)
        if taken is None:
            return Label(words=_call(node), is_formula=True)
        match taken.of:
            case "variable" | "parameter":
                words = " · ".join((taken.name, *taken.path))
                return Label(words=words, source=f"{taken.of.title()}s")
            case "item":
                return Label(words=taken.path[-1] if taken.path else "Current item", source="Item")
            case "trigger":
                return self._given(taken, self.flow.trigger)
            case _:
                action = self._actions.get(taken.name.casefold())
                if action is None:
                    words = f"{title_of(taken.name)} · {_last(taken.path)}"
                    return Label(words=words, source=title_of(taken.name), missing=taken.name)
                return self._given(taken, action)

    def _given(self, taken: _Taken, node: Action | Trigger) -> Label:
        titles = self._titles.get(node.name)
        if titles is None:
            titles = self._titles[node.name] = self._read_titles(node)
        title = titles.get(_folded(taken)) or _last(taken.path)
        source = title_of(node.name)
        is_plain = len(taken.path) < 2 or taken.path[0] not in ("body", "item")
        return Label(words=f"{source} · {title}" if is_plain else title, node=node, source=source)

    def _read_titles(self, node: Action | Trigger) -> dict[_Taken, str]:
        found: dict[_Taken, str] = {}
        for token in given_by(node, self.flow, self.fields):
            try:
                taken = _taken(parse_whole(token.formula))
            except ExpressionError:
                continue
            if taken is not None and taken.path != ("body",):
                found.setdefault(_folded(taken), token.title)
        return found


def _folded(taken: _Taken) -> _Taken:
    return _Taken(taken.of, taken.name.casefold(), tuple(one.casefold() for one in taken.path))


def _last(path: tuple[str, ...]) -> str:
    """Return what a value is called that nothing gives a title."""
    return _PLAIN.get(path) or path[-1]


def _taken(node: Node) -> _Taken | None:
    """Return which value an expression takes; None where it makes one."""
    keys: list[str] = []
    while isinstance(node, Access):
        if not isinstance(node.key, Literal) or isinstance(node.key.value, bool | None):
            return None
        keys[:0] = str(node.key.value).split("/")
        node = node.base
    if not isinstance(node, CallNode):
        return None
    called = node.name.casefold()
    if called in _TRIGGERS and not node.arguments:
        return _Taken("trigger", "", (*_TRIGGERS[called], *keys))
    if called == "item" and not node.arguments:
        return _Taken("item", "", tuple(keys))
    first = node.arguments[0] if len(node.arguments) == 1 else None
    name = first.value if isinstance(first, Literal) else None
    if not isinstance(name, str):
        return None
    if called in ("variables", "parameters"):
        return _Taken(called.removesuffix("s"), name, tuple(keys))
    start = _ACTIONS.get(called, _LOOPS.get(called))
    return None if start is None else _Taken("", name, (*start, *keys))


def _call(node: Node) -> str:
    keys = ""
    while isinstance(node, Access):
        key = node.key.value if isinstance(node.key, Literal) else "…"
        keys = f"[{key}]{keys}"
        node = node.base
    if isinstance(node, CallNode):
        return f"{node.name}({'…' if node.arguments else ''}){keys}"
    said = f"'{node.value}'" if isinstance(node.value, str) else str(node.value).lower()
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"
