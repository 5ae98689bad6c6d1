"""Text. Positions and lengths count UTF-16 units, as .NET does."""

from __future__ import annotations

from typing import Any, Final

from flowner.expressions.arguments import a_string, a_whole, fail, wrong_type
from flowner.expressions.catalogue import Family, function
from flowner.expressions.equality import same_inside
from flowner.expressions.scope import Scope
from flowner.expressions.text import to_text

MAX_TEXT: Final = 104_857_600
_F = Family.TEXT


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
          ("concat('Hello', 'World')", "HelloWorld"), ("concat('n: ', 5)", "n: 5"))  # fmt: skip
def concat(first: Any, *others: Any) -> str:
    parts = [to_text(one) for one in (first, *others)]
    if sum(map(len, parts)) > MAX_TEXT:
        fail("concat", f"makes a text of more than {MAX_TEXT} characters.")
    return "".join(parts)


@function("substring", _F, "substring(text, start, length?)", "A part of a text.",
          ("substring('hello world', 6, 5)", "world"))  # fmt: skip
def substring(text: Any, start: Any, length: Any = None) -> str:
    source, begin = a_string("substring", 0, text), a_whole("substring", 1, start)
    total = _length(source)
    if not 0 <= begin < total:
        fail(
            "substring",
            "parameters are out of range: 'start index' and 'length' must be non-negative integers"
            " and the start index must be less than the length of the string.",
        )
    count = total - begin if length is None else a_whole("substring", 2, length)
    if count < 0 or begin + count > total:
        fail(
            "substring",
            "parameters are out of range: 'start index' and 'length' must be non-negative integers"
            " and their sum must be no larger than the length of the string.",
        )
    return _cut(source, begin, begin + count)


@function("slice", _F, "slice(text, start, end?)", "A part of a text; negative places count from the end.",
          ("slice('Hello World', 0, 5)", "Hello"), ("slice('Hello', -2)", "lo"))  # fmt: skip
def slice_(text: Any, start: Any, end: Any = None) -> str:
    source = a_string("slice", 0, text)
    total = _length(source)

    def place(value: int) -> int:
        return max(total + value, 0) if value < 0 else min(value, total)

    begin = place(a_whole("slice", 1, start))
    finish = total if end is None else place(a_whole("slice", 2, end))
    return _cut(source, begin, finish) if begin < finish else ""


@function("replace", _F, "replace(text, old, new)", "Every occurrence replaced; by case.",
          ("replace('the old string', 'old', 'new')", "the new string"))  # fmt: skip
def replace(text: Any, old: Any, new: Any) -> str:
    source = a_string("replace", 0, text)
    a_string("replace", 1, old)
    a_string("replace", 2, new)
    if not old:
        fail("replace", "expects its second parameter, the old value, to be a non-empty string.")
    if len(source) + max(len(new) - len(old), 0) * source.count(old) > MAX_TEXT:
        fail("replace", f"makes a text of more than {MAX_TEXT} characters.")
    return source.replace(old, new)


@function("split", _F, "split(text, delimiter)", "The parts between delimiters.",
          ("split('a_b_c', '_')", ["a", "b", "c"]))  # fmt: skip
def split(text: Any, delimiter: Any) -> list[str]:
    source, mark = a_string("split", 0, text), a_string("split", 1, delimiter)
    return source.split(mark) if mark else [source]


@function("toLower", _F, "toLower(text)", "In lower case.", ("toLower('Hello')", "hello"))
def to_lower(text: Any) -> str:
    return "".join(
        one.lower() if len(one.lower()) == 1 else one for one in a_string("toLower", 0, text)
    )


@function("toUpper", _F, "toUpper(text)", "In upper case.", ("toUpper('Hello')", "HELLO"))
def to_upper(text: Any) -> str:
    return "".join(
        one.upper() if len(one.upper()) == 1 else one for one in a_string("toUpper", 0, text)
    )


@function("trim", _F, "trim(text)", "Without white space at both ends.", ("trim('  a ')", "a"))
def trim(text: Any) -> str:
    return a_string("trim", 0, text).strip()


@function("length", _F, "length(value)", "How many characters, or elements.",
          ("length('abcd')", 4), ("length(createArray(0, 1))", 2))  # fmt: skip
def length(value: Any) -> int:
    if isinstance(value, list):
        return len(value)
    if not isinstance(value, str):
        wrong_type("length", 0, "an array or a string", value)
    return _length(value)


@function("startsWith", _F, "startsWith(text, start)", "Whether it begins so; whatever the case.",
          ("startsWith('hello world', 'Hello')", True))  # fmt: skip
def starts_with(text: Any, start: Any) -> bool:
    return (
        a_string("startsWith", 0, text).lower().startswith(a_string("startsWith", 1, start).lower())
    )


@function("endsWith", _F, "endsWith(text, end)", "Whether it ends so; whatever the case.",
          ("endsWith('hello world', 'World')", True))  # fmt: skip
def ends_with(text: Any, end: Any) -> bool:
    return a_string("endsWith", 0, text).lower().endswith(a_string("endsWith", 1, end).lower())


@function("indexOf", _F, "indexOf(text, part)", "Where a part first stands, from 0; -1: nowhere.",
          ("indexOf('hello world', 'World')", 6))  # fmt: skip
def index_of(text: Any, part: Any) -> int:
    source, wanted = a_string("indexOf", 0, text), a_string("indexOf", 1, part)
    found = source.lower().find(wanted.lower())
    return found if found < 0 else _length(source[:found])


@function("lastIndexOf", _F, "lastIndexOf(text, part)", "Where a part last stands, from 0; -1: nowhere.",
          ("lastIndexOf('a b a', 'a')", 4))  # fmt: skip
def last_index_of(text: Any, part: Any) -> int:
    source, wanted = a_string("lastIndexOf", 0, text), a_string("lastIndexOf", 1, part)
    if not wanted:
        return max(_length(source) - 1, 0)
    found = source.lower().rfind(wanted.lower())
    return found if found < 0 else _length(source[:found])


@function("nthIndexOf", _F, "nthIndexOf(text, part, n)",
          "Where a part stands for the nth time; a negative n counts from the end.",
          ("nthIndexOf('1 2 1 2 1', '1', 3)", 8))  # fmt: skip
def nth_index_of(text: Any, part: Any, occurrence: Any) -> int:
    source = a_string("nthIndexOf", 0, text)
    wanted = a_string("nthIndexOf", 1, part)
    count = a_whole("nthIndexOf", 2, occurrence)
    if count == 0:
        fail("nthIndexOf", "expects its third parameter to be an integer other than 0.")
    if not wanted:
        return 0
    places, at, folded, sought = [], 0, source.lower(), wanted.lower()
    while (at := folded.find(sought, at)) >= 0:
        places.append(at)
        at += 1
    index = count - 1 if count > 0 else count
    if not -len(places) <= index < len(places):
        return -1
    return _length(source[: places[index]])


@function("contains", _F, "contains(collection, value)",
          "Whether a text holds a part (by case), an array a value, an object a name.",
          ("contains('hello world', 'world')", True), ("contains('hello', 'H')", False))  # fmt: skip
def contains(collection: Any, value: Any) -> bool:
    if isinstance(collection, str):
        return a_string("contains", 1, value) in collection
    if isinstance(collection, list):
        return any(same_inside(one, value) for one in collection)
    if isinstance(collection, dict):
        wanted = a_string("contains", 1, value).lower()
        return any(name.lower() == wanted for name in collection)
    wrong_type("contains", 0, "a dictionary, an array or a string", collection)


@function("guid", _F, "guid(format?)", "A new identifier; formats N, D, B, P, X.", needs_scope=True)
def guid(scope: Scope, form: Any = "D") -> str:
    wanted = a_string("guid", 0, form).upper() or "D"
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
            fail("guid", f"was invoked with the format '{form}': it is one of N, D, B, P and X.")
