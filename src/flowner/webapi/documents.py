"""Lists of documents that are no rows, asked with the same options: metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from flowner.errors import Code, Invalid
from flowner.odata.evaluate import holds
from flowner.odata.expanding import parse_expand
from flowner.odata.parser import parse_filter, parse_order, parse_select
from flowner.odata.syntax import And, Not, Or, Predicate, Related
from flowner.values import Json, JsonObject

_SOME: Final = frozenset({"$select", "$filter", "$expand", "$orderby", "$top", "$count"})
_PARTS: Final = ("Attributes", "Keys", "OptionSet", "GlobalOptionSet", "sdkmessageid")


def take_some(documents: Sequence[JsonObject], options: Mapping[str, str]) -> list[JsonObject]:
    """Return the documents that the options ask for. `Invalid` for an option that is not known."""
    _refuse(options, _SOME)
    found = list(documents)
    if options.get("$filter"):
        wanted = parse_filter(options["$filter"])
        found = [one for one in found if _matches(wanted, one)]
    for order in reversed(parse_order(options["$orderby"]) if options.get("$orderby") else ()):
        name = order.column.name
        found.sort(key=lambda one, name=name: str(one.get(name, "")), reverse=order.descending)  # type: ignore[misc]
    top = options.get("$top")
    if top is not None:
        if not top.isascii() or not top.isdigit():
            raise Invalid("`$top` is a whole number", code=Code.BAD_QUERY)
        found = found[: int(top[:9])]
    return [_taken(one, options) for one in found]


def take_one(document: JsonObject, options: Mapping[str, str]) -> JsonObject:
    """Return what is selected and expanded of a document."""
    _refuse(options, frozenset({"$select", "$expand"}))
    return _taken(document, options)


def _taken(document: JsonObject, options: Mapping[str, str]) -> JsonObject:
    expands = parse_expand(options["$expand"]) if options.get("$expand") else []
    select = parse_select(options["$select"]) if options.get("$select") else None
    if select is not None:
        _absent([name for name in select if name not in document], document)
    names = [*(select or [name for name in document if not _is_part(name)])]
    found = {name: one for name, one in document.items() if name in names or name in _ALWAYS}
    for expand in expands:
        if expand.name not in document:
            _absent([expand.name], document)
        inner = document.get(expand.name)
        if isinstance(inner, list):
            found[expand.name] = [
                *take_some([one for one in inner if isinstance(one, dict)], expand.options)
            ]
        elif isinstance(inner, dict):
            found[expand.name] = take_one(inner, expand.options)
    return found


_ALWAYS: Final = ("@odata.type", "MetadataId")


def _is_part(name: str) -> bool:
    return name in _PARTS or name.endswith("Relationships")


def _absent(names: Sequence[str], document: JsonObject) -> None:
    # Columns differ in what they have: what only other kinds have is none, not wrong.
    is_column = str(document.get("@odata.type", "")).endswith("AttributeMetadata")
    wrong = [name for name in names if not (is_column and name.isidentifier())]
    if wrong:
        raise Invalid(f"could not find a property named `{wrong[0][:60]}`", code=Code.BAD_QUERY)


def _matches(predicate: Predicate, document: Mapping[str, Json]) -> bool:
    match predicate:
        case And(parts):
            return all(_matches(part, document) for part in parts)
        case Or(parts):
            return any(_matches(part, document) for part in parts)
        case Not(part):
            return not _matches(part, document)
        case Related(path, part):
            inner = document.get(path)
            several = inner if isinstance(inner, list) else [inner]
            return any(_matches(part, one) for one in several if isinstance(one, dict))
        case _:
            return holds(predicate, document)


def _refuse(options: Mapping[str, str], known: frozenset[str]) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise Invalid(
            f"the query option `{unknown[0][:40]}` is not known here", code=Code.BAD_QUERY
        )
