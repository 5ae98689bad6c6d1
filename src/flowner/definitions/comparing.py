"""Conditions as rows and groups that people fill in: this, compared so, with that; and, or.

What a condition says and no form can show is kept as it is written, as a part of its own: read and
written back, every condition is what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from flowner.values import Json

COMPARISONS: Final = {
    "equals": "is equal to",
    "not equals": "is not equal to",
    "greater": "is greater than",
    "greaterOrEquals": "is greater than or equal to",
    "less": "is less than",
    "lessOrEquals": "is less than or equal to",
    "contains": "contains",
    "not contains": "does not contain",
    "startsWith": "starts with",
    "not startsWith": "does not start with",
    "endsWith": "ends with",
    "not endsWith": "does not end with",
}
"""The comparisons that rows offer, in the words of designers."""
_BY_NAME: Final = {name.split()[-1].casefold(): name.split()[-1] for name in COMPARISONS}
_DEEPEST: Final = 20
"""Levels of groups that are shown; what is deeper is a part as it is written."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row. ``keys`` are the operators as the definition spells them: ``not``, ``Equals``."""

    left: Json
    keys: tuple[str, ...]
    right: Json

    @property
    def how(self) -> str:
        """Which of `COMPARISONS` it is."""
        *negation, name = self.keys
        return " ".join([*("not" for _ in negation), _BY_NAME[name.casefold()]])

    def compared_by(self, how: str) -> Comparison:
        """Return the row with another of `COMPARISONS`; the same keeps its spelling."""
        return self if how == self.how else replace(self, keys=tuple(how.split()))


@dataclass(frozen=True, slots=True)
class Written:
    """A part that no row shows, as the definition says it."""

    source: Json


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts of which all must hold, or any: a group."""

    key: str
    """``and`` or ``or``, as the definition spells it; '' for a single part that stands for itself,
    which only the outermost group has."""
    parts: tuple[Part, ...]

    @property
    def how(self) -> str:
        """``and`` or ``or``."""
        return self.key.casefold() or "and"

    def joined_by(self, how: str) -> Joined:
        """Return the group with ``and`` or ``or``; the same keeps its spelling."""
        return self if how == self.how else replace(self, key=how)


Part: TypeAlias = "Comparison | Written | Joined"
Place: TypeAlias = tuple[int, ...]
"""Where a part stands: its number in the outermost group, in the group there, and so on."""
BLANK: Final = Comparison("", ("equals",), "")


def read_condition(expression: Json) -> Joined | None:
    """Return a condition as a group; None for a formula, which is none."""
    if not isinstance(expression, dict) or not expression:
        return None
    found = _read(expression, _DEEPEST)
    return found if isinstance(found, Joined) else Joined("", (found,))


def write_condition(part: Part) -> Json:
    """Return what the definition says for a part; a condition that was read is as it was."""
    match part:
        case Written(source):
            return source
        case Comparison(left, keys, right):
            written: Json = [left, right]
            for key in reversed(keys):
                written = {key: written}
            return written
        case Joined("", (single,)):
            return write_condition(single)
        case Joined(key, parts):
            return {key or "and": [write_condition(one) for one in parts]}


def part_at(condition: Joined, place: Place) -> Part:
    """Return the part at a place; `LookupError` where there is none."""
    found: Part = condition
    for number in place:
        found = _parts(found)[number]
    return found


def with_part(condition: Joined, place: Place, parts: Sequence[Part]) -> Joined:
    """Return a condition with other parts, any number of them, where one stood.

    Raises `LookupError` where there is none. The outermost group stays.
    """
    number, rest = place[0], place[1:]
    found = condition.parts[number]
    if rest:
        parts = [with_part(_joined(found), rest, parts)]
    return replace(
        condition, parts=(*condition.parts[:number], *parts, *condition.parts[number + 1 :])
    )


def with_row(condition: Joined, place: Place) -> Joined:
    """Return a condition with an empty row behind all others of the group at a place."""
    return _with_added(condition, place, BLANK)


def with_group(condition: Joined, place: Place) -> Joined:
    """Return a condition with a group of one empty row behind all others of the group there."""
    group = part_at(condition, place)
    other = "and" if isinstance(group, Joined) and group.how == "or" else "or"
    return _with_added(condition, place, Joined(other, (BLANK,)))


def without_part(condition: Joined, place: Place) -> Joined:
    """Return a condition without a part. Where it was the last of a group, the group goes, too."""
    left = with_part(condition, place, ())
    around = place[:-1]
    if around and not _group(left, around).parts:
        return without_part(left, around)
    return left


def with_grouped(condition: Joined, place: Place) -> Joined:
    """Return a condition with a part in a group of its own."""
    grouped = with_part(condition, place, [Joined("and", (part_at(condition, place),))])
    return replace(grouped, key=grouped.key or "and")


def with_ungrouped(condition: Joined, place: Place) -> Joined:
    """Return a condition with the parts of a group in the group around it."""
    return with_part(condition, place, _group(condition, place).parts)


def with_moved(condition: Joined, place: Place, by: int) -> Joined:
    """Return a condition with a part one place up (-1) or down (1) in its group, if it can go."""
    around, number = place[:-1], place[-1]
    parts = list(_group(condition, around).parts)
    to = min(len(parts) - 1, max(0, number + by))
    parts.insert(to, parts.pop(number))
    moved = replace(_group(condition, around), parts=tuple(parts))
    return with_part(condition, around, [moved]) if around else moved


CHANGES: Final[dict[str, Callable[[Joined, Place], Joined]]] = {
    "add-row": with_row,
    "add-group": with_group,
    "remove": without_part,
    "group": with_grouped,
    "ungroup": with_ungrouped,
    "up": lambda condition, place: with_moved(condition, place, -1),
    "down": lambda condition, place: with_moved(condition, place, 1),
}
"""What is done to the part at a place. Raises `LookupError` where there is no such part."""


def _with_added(condition: Joined, place: Place, part: Part) -> Joined:
    group = _group(condition, place)
    added = replace(group, parts=(*group.parts, part))
    return with_part(condition, place, [added]) if place else added


def _group(condition: Joined, place: Place) -> Joined:
    return _joined(part_at(condition, place))


def _joined(part: Part) -> Joined:
    match part:
        case Joined():
            return part
        case _:
            raise LookupError(part)


def _parts(part: Part) -> tuple[Part, ...]:
    return part.parts if isinstance(part, Joined) else ()


def _read(expression: Json, levels: int) -> Part:
    if isinstance(expression, dict) and len(expression) == 1:
        ((name, value),) = expression.items()
        if name.casefold() in ("and", "or") and isinstance(value, list) and levels:
            return Joined(name, tuple(_read(one, levels - 1) for one in value))
    return _row(expression) or Written(expression)


def _row(expression: Json) -> Comparison | None:
    keys: list[str] = []
    while isinstance(expression, dict) and len(expression) == 1:
        ((name, expression),) = expression.items()
        keys.append(name)
    is_negated = len(keys) == 2 and keys[0].casefold() == "not"
    if not keys or len(keys) > 1 + is_negated:
        return None
    how = "not " * is_negated + _BY_NAME.get(keys[-1].casefold(), "")
    if how not in COMPARISONS or not isinstance(expression, list) or len(expression) != 2:
        return None
    left, right = expression
    return Comparison(left, tuple(keys), right)
