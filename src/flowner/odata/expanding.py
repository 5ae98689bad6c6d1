"""``$expand`` and ``$apply``, read into what they ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from flowner.errors import Invalid
from flowner.odata.tokens import MAX_LENGTH

MAX_DEPTH: Final = 8
_INSIDE: Final = frozenset({"$select", "$filter", "$orderby", "$top", "$expand", "$count"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
_AGGREGATE: Final = re.compile(
    r"(?P<path>\$count|[A-Za-z_][A-Za-z0-9_/]*)(?:\s+with\s+(?P<method>[a-z]+))?"
    r"\s+as\s+(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
)
_METHODS: Final = ("sum", "average", "min", "max", "countdistinct", "count")


@dataclass(frozen=True, slots=True)
class Expand:
    """One navigation property, and which of the rows behind it are wanted."""

    name: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Apply:
    """Rows filtered, grouped and added up. ``filter`` is still a text."""

    filter: str | None
    by: tuple[str, ...]
    aggregates: tuple[tuple[str, str | None, str], ...]
    """Method, path (None: the rows themselves), name of the result."""


def parse_expand(text: str, depth: int = 0) -> list[Expand]:
    """Read an ``$expand``; what is nested in it is read when it is carried out."""
    if len(text) > MAX_LENGTH or depth > MAX_DEPTH:
        raise Invalid(f"`$expand` is longer than {MAX_LENGTH} or deeper than {MAX_DEPTH}")
    found = []
    for part in split(text, ",", "$expand"):
        name, inside = _called(part, "$expand")
        if not _NAME.fullmatch(name):
            raise Invalid(f"`{name[:60]}` in `$expand` is no navigation property")
        options: dict[str, str] = {}
        for option in split(inside, ";", "$expand") if inside else []:
            key, sign, value = option.partition("=")
            key = key.strip()
            if key not in _INSIDE or not sign or key in options:
                raise Invalid(f"`{option[:60]}` is no option inside `$expand`")
            options[key] = value
        found.append(Expand(name, options))
    return found


def parse_apply(text: str) -> Apply:
    """Read an ``$apply``: filters, then ``groupby`` or ``aggregate``."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"`$apply` is longer than {MAX_LENGTH} characters")
    filters = []
    steps = [_called(step, "$apply") for step in split(text, "/", "$apply")]
    while steps and steps[0][0] == "filter":
        filters.append(f"({steps.pop(0)[1]})")
    wanted = " and ".join(filters) or None
    if len(steps) != 1 or steps[0][0] not in ("groupby", "aggregate"):
        raise Invalid("`$apply` is `filter(…)/groupby((…),aggregate(…))`, or a part of that")
    name, inside = steps[0]
    if name == "aggregate":
        return Apply(wanted, (), _aggregates(inside))
    first, *rest = split(inside, ",", "$apply")
    if len(rest) > 1 or not (first.startswith("(") and first.endswith(")")):
        raise Invalid("`groupby` is `groupby((column,…),aggregate(…))`")
    by = tuple(split(first[1:-1], ",", "$apply"))
    if not all(_PATH.fullmatch(path) for path in by):
        raise Invalid("`groupby` groups by columns, or columns of rows that lookups point at")
    if not rest:
        return Apply(wanted, by, ())
    name, inside = _called(rest[0], "$apply")
    if name != "aggregate":
        raise Invalid(f"`{name[:40]}` in `groupby` should be `aggregate`")
    return Apply(wanted, by, _aggregates(inside))


def _aggregates(text: str) -> tuple[tuple[str, str | None, str], ...]:
    found = []
    for part in split(text, ",", "$apply"):
        match = _AGGREGATE.fullmatch(part)
        if match is None:
            raise Invalid(f"`{part[:60]}` is no aggregate: write `column with sum as name`")
        path, method = match["path"], match["method"]
        if (path == "$count") != (method is None) or (method and method not in _METHODS):
            raise Invalid(f"`{part[:60]}` is no aggregate: there are {', '.join(_METHODS)}")
        found.append((method or "count", None if path == "$count" else path, match["name"]))
    if len({name for *_, name in found}) < len(found):
        raise Invalid("two aggregates have one name")
    return tuple(found)


def _called(text: str, option: str) -> tuple[str, str]:
    """Return the name and the inside of ``name(inside)``."""
    name, sign, inside = text.partition("(")
    if sign and not inside.endswith(")"):
        raise Invalid(f"`{text[:60]}` in `{option}` is not closed")
    return name.strip(), inside[:-1] if sign else ""


def split(text: str, sign: str, option: str) -> list[str]:
    """Split at a sign that stands neither in quotes nor in parentheses; no part is empty."""
    parts, depth, quoted = [""], 0, False
    for one in text:
        quoted ^= one == "'"
        if not quoted:
            depth += {"(": 1, ")": -1}.get(one, 0)
        if one == sign and not quoted and depth == 0:
            parts.append("")
        else:
            parts[-1] += one
    parts = [part.strip() for part in parts]
    if depth or quoted or not all(parts):
        raise Invalid(f"`{option}` has an empty place, or something that is not closed")
    return parts
