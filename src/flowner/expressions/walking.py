"""Syntax trees of templates, walked without evaluating them: what checks look at.

`trees` reads a template as `template` does, which compiles it instead; a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowner.expressions import functions
from flowner.expressions.catalogue import CATALOGUE, arity_problem
from flowner.expressions.errors import ExpressionError
from flowner.expressions.parser import SEGMENT, Access, CallNode, Literal, Node, parse_whole

functions.load()


def trees(text: str) -> list[tuple[Node, str]]:
    """Read the expressions in a template, in order, each with its own text.

    Positions count from the template's begin. Raises `ExpressionError`, placed, for the first that
    cannot be read.
    """
    if text.startswith("@@") or text == "@":
        return []
    if text.startswith("@") and not text.startswith("@{"):
        return [(parse_whole(text, 1), text[1:])]
    return list(_interpolated(text))


def _interpolated(text: str) -> Iterator[tuple[Node, str]]:
    at = 0
    while (found := text.find("@{", at)) >= 0:
        if found > at and text[found - 1] == "@":
            at = found + 2
            continue
        ended = SEGMENT.match(text, found + 2)
        if ended is None:
            raise ExpressionError(
                f"the `@{{` at position {found} has no `}}` that ends it", position=found
            )
        end = ended.end() - 1
        yield parse_whole(text, found + 2, end), text[found + 2 : end]
        at = ended.end()


def nodes(node: Node) -> Iterator[Node]:
    """Yield a tree's nodes from left to right, the outer before the inner, however deep it is."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(_inside(one)))


def calls(node: Node) -> Iterator[tuple[CallNode, bool]]:
    """Yield every call in a tree, from left to right, the outer before the inner.

    The flag says whether the whole is sure to fail where the call gives null: it is evaluated
    whenever the whole is, and something is taken from its value without ``?``.
    """
    waiting = [(node, True, False)]
    while waiting:
        one, sure, strict = waiting.pop()
        if isinstance(one, CallNode):
            yield one, sure and strict
        always = _always_evaluated(one)
        of_base = isinstance(one, Access) and not one.safe
        waiting += reversed(
            [
                (part, sure and place < always, of_base and place == 0)
                for place, part in enumerate(_inside(one))
            ]
        )


def constants(node: Node) -> Iterator[tuple[Node, bool]]:
    """Yield the largest parts that are made of literals alone and are none themselves.

    The flag says whether evaluating the whole is sure to evaluate the part: it is not, behind the
    first argument of ``if``, ``and``, ``or`` and ``coalesce``.
    """
    settled: dict[int, bool] = {}
    for one in reversed(list(nodes(node))):
        settled[id(one)] = _is_pure(one) and all(settled[id(part)] for part in _inside(one))
    waiting = [(node, True)]
    while waiting:
        one, sure = waiting.pop()
        if not settled[id(one)]:
            always = _always_evaluated(one)
            waiting += reversed(
                [(part, sure and place < always) for place, part in enumerate(_inside(one))]
            )
        elif not isinstance(one, Literal):
            yield one, sure


def _inside(node: Node) -> tuple[Node, ...]:
    match node:
        case CallNode(arguments=arguments):
            return arguments
        case Access(base=base, key=key):
            return base, key
        case Literal():
            return ()


def _always_evaluated(node: Node) -> int:
    """Return how many of the parts of a node are evaluated whenever it is."""
    known = CATALOGUE.get(node.name.lower()) if isinstance(node, CallNode) else None
    return 1 if known is not None and known.lazy else len(_inside(node))


def _is_pure(node: Node) -> bool:
    """Say whether a node's value follows from that of its parts."""
    if not isinstance(node, CallNode):
        return True
    known = CATALOGUE.get(node.name.lower())
    if known is None or known.needs_scope:
        return False
    return arity_problem(known, len(node.arguments)) is None
