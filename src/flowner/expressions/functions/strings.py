"""Text. Positions and lengths count UTF-16 units, as .NET does."""

from __future__ import annotations

from typing import Any, Final

from flowner.expressions.arguments import (
    SOLE,
    a_string,
    a_whole,
    bounded,
    fail,
    not_valid,
    wrong_type,
)
from flowner.expressions.catalogue import Family, function
from flowner.expressions.equality import same_inside
from flowner.expressions.errors import ExpressionError
from flowner.expressions.scope import Scope
from flowner.expressions.text import MAX_TEXT, to_text, type_name

_F = Family.TEXT
MAX_ELEMENTS: Final = 10_000_000
"""What ``split`` and ``chunk`` make at most."""
_NAMED: Final = "first parameter 'string'"


def units(text: str) -> bytes:
    """Return a text as UTF-16 units, two bytes each."""
    return text.encode("utf-16-le", "surrogatepass")


def from_units(data: bytes) -> str:
    return data.decode("utf-16-le", "surrogatepass")


def _cut(text: str, start: int, end: int) -> str:
    if text.isascii():
        return text[start:end]
    return from_units(units(text)[2 * start : 2 * end])


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(units(text)) // 2


@function("concat", _F, "concat(a, b, …)", "The values as text, one after another.",
          ("concat('Hello', 'World')", "HelloWorld"), ("concat('n: ', 5)", "n: 5"),
          ("concat(null, true)", "True"), errors=(("concat()", "at least one parameter"),))  # fmt: skip
def concat(first: Any, *others: Any) -> str:
    parts = [one if type(one) is str else to_text(one) for one in (first, *others)]
    return bounded("concat", "".join(parts))


@function("substring", _F, "substring(text, start, length?)", "A part of a text.",
          ("substring('hello world', 6, 5)", "world"), ("substring('hello', 1)", "ello"),
          errors=(("substring('hello', 5)", "should be less than the length"),
                  ("substring('hello', 0, 9)", "their sum must be no larger"),
                  ("substring(null, 0)", "first parameter 'string' to be a string")))  # fmt: skip
def substring(text: Any, start: Any, length: Any = None) -> str:
    source = a_string("substring", _NAMED, text, "a string")
    begin = a_whole("substring", "second parameter 'start index'", start)
    total = _length(source)
    count = None if length is None else a_whole("substring", "third parameter 'length'", length)
    if count is not None and (count < 0 or begin < 0 or begin + count > total):
        fail(
            "substring",
            "parameters are out of range: 'start index' and 'length' must be non-negative integers"
            " and their sum must be no larger than the length of the string.",
        )
    if not 0 <= begin < total:
        fail(
            "substring",
            "parameter is out of range: 'start index' must be non-negative integer and should be"
            " less than the length of the string.",
        )
    return _cut(source, begin, total if count is None else begin + count)


@function("slice", _F, "slice(text, start, end?)", "A part of a text; negative places count from the end.",
          ("slice('Hello World', 0, 5)", "Hello"), ("slice('Hello', -2)", "lo"),
          errors=(("slice(5, 0)", "of type string"),))  # fmt: skip
def slice_(text: Any, start: Any, end: Any = None) -> str:
    source = a_string("slice", 0, text)
    total = _length(source)

    def place(value: int) -> int:
        return max(total + value, 0) if value < 0 else min(value, total)

    begin = place(a_whole("slice", 1, start))
    finish = total if end is None else place(a_whole("slice", 2, end))
    return _cut(source, begin, finish) if begin < finish else ""


@function("replace", _F, "replace(text, old, new)", "Every occurrence replaced; by case.",
          ("replace('the old string', 'old', 'new')", "the new string"),
          errors=(("replace('abc', '', 'x')", "zero length"),
                  ("replace('abc', 'b', null)", "'new string' to be a string")))  # fmt: skip
def replace(text: Any, old: Any, new: Any) -> str:
    source = a_string("replace", _NAMED, text, "a string")
    a_string("replace", "second parameter 'old string'", old, "a string")
    a_string("replace", "third parameter 'new string'", new, "a string")
    if not old:
        raise ExpressionError("String cannot be of zero length. (Parameter 'oldValue')")
    if len(source) + max(len(new) - len(old), 0) * source.count(old) > MAX_TEXT:
        fail("replace", f"makes a text of more than {MAX_TEXT} characters.")
    return source.replace(old, new)


@function("split", _F, "split(text, delimiter)", "The parts between delimiters.",
          ("split('a_b_c', '_')", ["a", "b", "c"]), ("split('abc', '')", ["abc"]),
          errors=(("split(null, ',')", "of type string"),))  # fmt: skip
def split(text: Any, delimiter: Any) -> list[str]:
    source, mark = a_string("split", 0, text), a_string("split", 1, delimiter)
    if mark and source.count(mark) > MAX_ELEMENTS:
        fail("split", f"makes an array of more than {MAX_ELEMENTS} elements.")
    return source.split(mark) if mark else [source]


@function("toLower", _F, "toLower(text)", "In lower case, as no culture in particular has it.",
          ("toLower('Hello')", "hello"), errors=(("toLower(1)", "to be a string"),))  # fmt: skip
def to_lower(text: Any) -> str:
    source = a_string("toLower", SOLE, text, "a string")
    if source.isascii():
        return source.lower()
    return "".join(one.lower() if len(one.lower()) == 1 else one for one in source)


@function("toUpper", _F, "toUpper(text)", "In upper case, as no culture in particular has it.",
          ("toUpper('Hello')", "HELLO"), ("toUpper('ß')", "ß"),
          errors=(("toUpper(null)", "to be a string"),))  # fmt: skip
def to_upper(text: Any) -> str:
    source = a_string("toUpper", SOLE, text, "a string")
    if source.isascii():
        return source.upper()
    return "".join(_upper(one) for one in source)


def _upper(one: str) -> str:
    # The dotless i has no capital in the invariant culture.
    return one if one == "ı" or len(one.upper()) != 1 else one.upper()


@function("trim", _F, "trim(text)", "Without white space at both ends.", ("trim('  a ')", "a"),
          errors=(("trim(null)", "are not valid"),))  # fmt: skip
def trim(text: Any) -> str:
    if not isinstance(text, str):
        not_valid("trim")
    return text.strip()


@function("length", _F, "length(value)", "How many characters, or elements.",
          ("length('abcd')", 4), ("length(createArray(0, 1))", 2),
          errors=(("length(json('{}'))", "an array or a string"),))  # fmt: skip
def length(value: Any) -> int:
    if isinstance(value, list):
        return len(value)
    if not isinstance(value, str):
        wrong_type("length", SOLE, "an array or a string", value)
    return _length(value)


@function("startsWith", _F, "startsWith(text, start)", "Whether it begins so; whatever the case.",
          ("startsWith('hello world', 'Hello')", True),
          errors=(("startsWith(1, '1')", "of type string"),))  # fmt: skip
def starts_with(text: Any, start: Any) -> bool:
    source, wanted = a_string("startsWith", 0, text), a_string("startsWith", 1, start)
    return source.lower().startswith(wanted.lower())


@function("endsWith", _F, "endsWith(text, end)", "Whether it ends so; whatever the case.",
          ("endsWith('hello world', 'World')", True),
          errors=(("endsWith('a', null)", "of type string"),))  # fmt: skip
def ends_with(text: Any, end: Any) -> bool:
    source, wanted = a_string("endsWith", 0, text), a_string("endsWith", 1, end)
    return source.lower().endswith(wanted.lower())


@function("indexOf", _F, "indexOf(text, part)", "Where a part first stands, from 0; -1: nowhere.",
          ("indexOf('hello world', 'World')", 6), ("indexOf('hello', 'x')", -1),
          errors=(("indexOf(null, 'a')", "of type string"),))  # fmt: skip
def index_of(text: Any, part: Any) -> int:
    source, wanted = a_string("indexOf", 0, text), a_string("indexOf", 1, part)
    found = _folded(source).find(_folded(wanted))
    return found if found < 0 else _length(source[:found])


def _folded(text: str) -> str:
    """Return a text without case, of the same length."""
    if text.isascii():
        return text.lower()
    return "".join(one.lower() if len(one.lower()) == 1 else one for one in text)


@function("lastIndexOf", _F, "lastIndexOf(text, part)", "Where a part last stands, from 0; -1: nowhere.",
          ("lastIndexOf('a b a', 'a')", 4),
          errors=(("lastIndexOf('a', 1)", "of type string"),))  # fmt: skip
def last_index_of(text: Any, part: Any) -> int:
    source, wanted = a_string("lastIndexOf", 0, text), a_string("lastIndexOf", 1, part)
    if not wanted:
        return max(_length(source) - 1, 0)
    found = _folded(source).rfind(_folded(wanted))
    return found if found < 0 else _length(source[:found])


@function("nthIndexOf", _F, "nthIndexOf(text, part, n)",
          "Where a part stands for the nth time; a negative n counts from the end.",
          ("nthIndexOf('1 2 1 2 1', '1', 3)", 8), ("nthIndexOf('1 2 1', '1', -1)", 4),
          errors=(("nthIndexOf('abc', 'b', 0)", "non-zero integer"),))  # fmt: skip
def nth_index_of(text: Any, part: Any, occurrence: Any) -> int:
    source = a_string("nthIndexOf", 0, text)
    wanted = a_string("nthIndexOf", 1, part)
    count = a_whole("nthIndexOf", 2, occurrence)
    if count == 0:
        fail(
            "nthIndexOf",
            "expects its third parameter to be a non-zero integer. The provided value is '0'.",
        )
    if not wanted:
        return 0
    places, at, folded, sought = [], 0, _folded(source), _folded(wanted)
    while (at := folded.find(sought, at)) >= 0:
        places.append(at)
        at += 1
    index = count - 1 if count > 0 else count
    if not -len(places) <= index < len(places):
        return -1
    return _length(source[: places[index]])


@function("contains", _F, "contains(collection, value)",
          "Whether a text holds a part (by case), an array a value, an object a name.",
          ("contains('hello world', 'world')", True), ("contains('hello', 'H')", False),
          ("contains(createArray(1, 2), 2)", True), ("contains(json('{\"a\":1}'), 'A')", True),
          errors=(("contains('a1', 1)", "parameters of matching types"),
                  ("contains(null, 'a')", "a dictionary (object), an array or a string")))  # fmt: skip
def contains(collection: Any, value: Any) -> bool:
    if isinstance(collection, list):
        return any(same_inside(one, value) for one in collection)
    if not isinstance(collection, str | dict):
        fail(
            "contains",
            "expects its first argument 'collection' to be a dictionary (object), an array or a"
            f" string. The provided value is of type '{type_name(collection)}'.",
        )
    if not isinstance(value, str):
        fail(
            "contains",
            "expects parameters of matching types: a dictionary and a key (string), an array and a"
            " value (object), or a string and a substring. The provided types"
            f" '{type_name(collection)}' and '{type_name(value)}' are incompatible.",
        )
    if isinstance(collection, str):
        return value in collection
    wanted = value.lower()
    return value in collection or any(name.lower() == wanted for name in collection)


@function("guid", _F, "guid(format?)", "A new identifier; formats N, D, B, P, X.",
          ("length(guid())", 36), ("length(guid('N'))", 32),
          errors=(("guid('Z')", "supported formats"), ("guid(1)", "of type string")),
          needs_scope=True)  # fmt: skip
def guid(scope: Scope, form: Any = "D") -> str:
    wanted = a_string("guid", SOLE, form).upper() or "D"
    text = scope.fresh_guid()
    plain = text.replace("-", "")
    match wanted:
        case "D":
            return text
        case "N":
            return plain
        case "B":
            return "{" + text + "}"
        case "P":
            return "(" + text + ")"
        case "X":
            tail = ",".join(f"0x{plain[i : i + 2]}" for i in range(16, 32, 2))
            return f"{{0x{plain[:8]},0x{plain[8:12]},0x{plain[12:16]},{{{tail}}}}}"
        case _:
            fail(
                "guid",
                f"format parameter '{form}' is not supported. The supported formats are: 'N, D, B,"
                " P, X'.",
            )
