"""The reference of the functions, written from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flowner.expressions import functions
from flowner.expressions.catalogue import CATALOGUE, Family, Function
from flowner.expressions.functions.strings import MAX_ELEMENTS
from flowner.expressions.lenient_json import MAX_DEPTH as JSON_DEPTH
from flowner.expressions.parser import MAX_DEPTH, MAX_LENGTH
from flowner.expressions.text import MAX_TEXT, to_json
from flowner.values import JsonObject

functions.load()

_FORM: Final = "subject=Hello&to=a&to=b"

SAMPLE: Final[JsonObject] = {
    "parameters": {"limit": 10},
    "variables": {"total": 3},
    "item": {"n": 1},
    "items": {"Each": {"n": 1}},
    "iterationIndexes": {"Until": 2},
    "actions": {
        "Fetch": {"status": "Succeeded", "outputs": {"body": {"name": "Ada"}}},
        "Form": {"status": "Succeeded", "outputs": {"body": _FORM}},
        "Parts": {
            "status": "Succeeded",
            "outputs": {"body": {"$multipart": [{"body": "first"}, {"body": "second"}]}},
        },
    },
    "results": {"Try": [{"name": "Fetch", "status": "Failed"}]},
    "trigger": {
        "name": "manual",
        "outputs": {"headers": {"Accept": "text/plain"}, "body": _FORM},
    },
    "workflow": {"run": {"name": "08585"}},
    "appsettings": {"region": "north"},
    "utcNow": "2026-01-01T00:00:00Z",
}
"""The run in which every example is asked."""

_HEAD: Final = f"""# Functions

Every function that an expression can call, by what it is about. Names are read without regard to \
case. In a flow an expression stands after `@`, or between `@{{` and `}}` inside a text. The \
examples are run as tests, at the first moment of 2026, in a run like this:

```json
{to_json(SAMPLE)}
```

This page is written from the catalogue by `python tests/expressions/reference_page.py`.

## Where hosts differ

What Microsoft's own hosts answer differently from one another has one answer here.

- A double is written as the shortest text that reads back, with an exponent from `1E+17` on.
- Names of days and months, patterns and separators are those of CLDR. A culture that is not known \
is that of the United States. Short dates have four digits of the year; before AM and PM stands a \
plain space.
- Formats of numbers round halves away from zero.
- `greater`, `less` and their like order texts as people do (a, A, b, B; é beside e), `sort` by \
their UTF-16 codes.
- Time zones go by their Windows or IANA names, and follow the IANA database.
- Units of time are named in the singular: `Day`, not `Days`.
- The clock counts microseconds; the seventh digit of `utcNow()` is 0.

## Limits

An expression has at most {MAX_LENGTH:,} characters and is nested at most {MAX_DEPTH} deep. JSON \
and XML that are read may be nested {JSON_DEPTH} deep, and XML declares no entities. A text that \
is made has at most {MAX_TEXT:,} characters, an array that `split` or `chunk` makes \
{MAX_ELEMENTS:,} elements. An XPath expression that would look everywhere for everything in a \
large document is refused.
"""


def reference_text() -> str:
    """Return the page, in Markdown."""
    return _HEAD + "".join(_chapter(family) for family in Family)


def _chapter(family: Family) -> str:
    entries = sorted(
        (one for one in CATALOGUE.values() if one.family is family),
        key=lambda one: one.name.lower(),
    )
    return f"\n## {family}\n" + "".join(_entry(one) for one in entries)


def _entry(one: Function) -> str:
    lines = [f"\n### `{one.name}`", f"`{one.signature}`", "", one.summary, ""]
    lines += _examples(one)
    lines += ["", f"[Source]({one.source})", ""]
    return "\n".join(lines)


def _examples(one: Function) -> Iterator[str]:
    for expression, value in one.examples:
        yield f"- {_code(expression)} is {_code(to_json(value))}"
    for expression, part in one.errors:
        yield f"- {_code(expression)} is refused: *… {part} …*"


def _code(text: str) -> str:
    """Return a text as code, fenced so that backticks in it do no harm."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"
