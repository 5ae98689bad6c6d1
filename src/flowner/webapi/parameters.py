"""What functions are called with: ``(Target=@p1)?@p1={"@odata.id":"accounts(guid)"}``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from flowner.errors import Code, Invalid
from flowner.rows.catalogue import Table
from flowner.values import Json, JsonObject
from flowner.webapi.addresses import Segment, read_link
from flowner.webapi.bodies import linked
from flowner.webapi.calls import Call
from flowner.webapi.labels import SPACE

_NAMED: Final = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*", re.DOTALL)
_QUOTED: Final = re.compile(r"(?:[A-Za-z_.]+)?'(?P<text>(?:[^']|'')*)'", re.DOTALL)
_ITEM: Final = re.compile(r"'((?:[^']|'')*)'")
_WORDS: Final[dict[str, Json]] = {"null": None, "true": True, "false": False}


def read_parameters(call: Call, segment: Segment, known: frozenset[str]) -> JsonObject:
    """Return the parameters by name. `Invalid` for one that the function does not have.

    They stand in parentheses, as values or as aliases of the query; or, without parentheses, in
    the query alone.
    """
    options = call.request.options()
    aliases = {name: options.pop(name) for name in [*options] if name.startswith("@")}
    texts = dict(_named(one) for one in _split(segment.key or "")) if segment.key else {}
    for name in [*options]:
        if name in known and name not in texts:
            texts[name] = options.pop(name)
    if segment.key is None:
        texts |= {name[1:]: text for name, text in aliases.items() if name[1:] in known}
    unknown = sorted({*texts, *options} - known)
    if unknown:
        raise Invalid(
            f"`{segment.name.removeprefix(SPACE)}` has no parameter `{unknown[0][:40]}`",
            code=Code.BAD_QUERY,
        )
    found: JsonObject = {}
    for name, text in texts.items():
        if text.startswith("@") and text not in aliases:
            raise Invalid(f"the query does not say what `{text[:40]}` is", code=Code.BAD_QUERY)
        found[name] = _value(aliases[text] if text.startswith("@") else text)
    return found


async def row_of(call: Call, given: Json, what: str) -> tuple[Table, str]:
    """Return table and id of a row that a parameter names, by link or by type and key.

    `Invalid` says what is missing, `NotFound` (0x80040217) that there is no such row.
    """
    if not isinstance(given, dict):
        raise Invalid(f"`{what}` is no row: write `@odata.id`", code=Code.BAD_BODY)
    link = given.get("@odata.id")
    if not isinstance(link, str):
        table = await _typed(call, given, what)
        return table, str(given[table.key]).lower()
    # An alternate key in the link leads to its row, too.
    found = read_link(await linked(call, link, set()))
    return await call.table(found.name), found.guid or ""


async def _typed(call: Call, given: JsonObject, what: str) -> Table:
    type = str(given.get("@odata.type", "")).removeprefix("#").removeprefix(SPACE)
    if not type:
        raise Invalid(f"`{what}` has neither `@odata.id` nor `@odata.type`", code=Code.BAD_BODY)
    table = await call.named(type)
    if Segment("", str(given.get(table.key))).guid is None:
        raise Invalid(f"`{what}` has no `{table.key}`", code=Code.BAD_BODY)
    return table


def _value(text: str) -> Json:
    match = _QUOTED.fullmatch(text)
    if match is not None:
        return match["text"].replace("''", "'")
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith(("[", "{")):
        try:
            found: Json = json.loads(_ITEM.sub(_double, text) if '"' not in text else text)
        except (ValueError, RecursionError):
            raise Invalid(f"`{text[:60]}` is no value", code=Code.BAD_QUERY) from None
        return found
    return text


def _double(match: re.Match[str]) -> str:
    return json.dumps(match[1].replace("''", "'"))


def _named(text: str) -> tuple[str, str]:
    match = _NAMED.fullmatch(text)
    if match is None or not match["value"]:
        raise Invalid(f"`{text[:60]}` is no parameter: write `name=value`", code=Code.BAD_QUERY)
    return match["name"], match["value"]


def _split(text: str) -> Iterator[str]:
    """Split at commas outside quotes and brackets."""
    depth, quote, begin = 0, "", 0
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "," and depth == 0:
            yield text[begin:at]
            begin = at + 1
        else:
            depth += (sign in "([{") - (sign in ")]}")
    yield text[begin:]
