"""Evaluates parts of formulas that are made of literals alone, call by call, and never for long."""

from __future__ import annotations

from typing import Any, Final

from flowner.expressions.catalogue import CATALOGUE
from flowner.expressions.compiling import compile_node
from flowner.expressions.context import Context
from flowner.expressions.errors import ExpressionError
from flowner.expressions.parser import Access, CallNode, Literal, Node
from flowner.expressions.walking import nodes

MAX_TRIED: Final = 2_000
"""Calls and accesses that are evaluated for one flow."""
MAX_SIZE: Final = 10_000
"""Characters and items of a value from which evaluation goes on: a short formula can grow."""


class _TooMuch(Exception):
    """Nothing is known of this part."""


class Folding:
    """Tries out the constant parts of one flow's formulas, within one bound for all."""

    def __init__(self) -> None:
        self._left = MAX_TRIED
        self._scope = Context({})

    def fault(self, part: Node, text: str) -> ExpressionError | None:
        """Return what a constant part fails with; None also where finding out takes too long.

        ``text`` is shown in errors.
        """
        folded: dict[int, Node] = {}
        failed: dict[int, ExpressionError] = {}
        try:
            for node in reversed(list(nodes(part))):
                reduced, error = self._fold(_with(node, folded), failed, text)
                folded[id(node)] = reduced
                if error is not None:
                    failed[id(reduced)] = error
        except _TooMuch:
            return None
        return failed.get(id(folded[id(part)]))

    def _fold(
        self, node: Node, failed: dict[int, ExpressionError], text: str
    ) -> tuple[Node, ExpressionError | None]:
        """Return a literal in place of a node, or what failed in it, with the error."""
        if isinstance(node, Literal):
            return node, None
        if not _is_lazy(node):
            for inside in _parts(node):
                if id(inside) in failed:
                    return inside, failed[id(inside)]
        if not self._left:
            raise _TooMuch
        self._left -= 1
        try:
            value: Any = compile_node(node, text)(self._scope)
        except ExpressionError as error:
            return node, error
        if _size(value, MAX_SIZE) < 0:
            raise _TooMuch
        return Literal(value, node.position), None


def _with(node: Node, folded: dict[int, Node]) -> Node:
    match node:
        case CallNode(arguments=arguments):
            return CallNode(node.name, tuple(folded[id(one)] for one in arguments), node.position)
        case Access():
            base, key = folded[id(node.base)], folded[id(node.key)]
            return Access(base, key, node.safe, node.position)
        case Literal():
            return node


def _parts(node: CallNode | Access) -> tuple[Node, ...]:
    return node.arguments if isinstance(node, CallNode) else (node.base, node.key)


def _is_lazy(node: Node) -> bool:
    return isinstance(node, CallNode) and CATALOGUE[node.name.lower()].lazy


def _size(value: Any, left: int) -> int:
    """Return what is left of a bound after a value; negative when it is too large."""
    if isinstance(value, str | bytes):
        return left - len(value)
    if isinstance(value, list | dict):
        left -= len(value)
        for one in value.values() if isinstance(value, dict) else value:
            if left < 0:
                return left
            left = _size(one, left)
    return left - 1
