"""Arrays and objects."""

from __future__ import annotations

from typing import Any, Final

from flowner.expressions.arguments import a_list, a_string, a_whole, fail, wrong_type
from flowner.expressions.catalogue import Family, function
from flowner.expressions.equality import same_inside
from flowner.expressions.functions.strings import MAX_TEXT, from_units, units
from flowner.expressions.numbers import is_number
from flowner.expressions.text import to_json, to_text

MAX_RANGE: Final = 100_000
_F = Family.COLLECTIONS


@function("createArray", _F, "createArray(a, …)", "An array of the values.",
          ("createArray('a', 1)", ["a", 1]))  # fmt: skip
def create_array(*values: Any) -> list[Any]:
    return list(values)


@function("array", _F, "array(value)", "An array of just this value.", ("array('a')", ["a"]))
def array(value: Any) -> list[Any]:
    return [value]


@function("first", _F, "first(collection)", "The first element, or character.",
          ("first('hello')", "h"), ("first(createArray(0, 1))", 0))  # fmt: skip
def first(collection: Any) -> Any:
    if isinstance(collection, str):
        return from_units(units(collection)[:2])
    if not isinstance(collection, list):
        wrong_type("first", 0, "an array or a string", collection)
    return collection[0] if collection else None


@function("last", _F, "last(collection)", "The last element, or character.",
          ("last('abcd')", "d"))  # fmt: skip
def last(collection: Any) -> Any:
    if isinstance(collection, str):
        return from_units(units(collection)[-2:])
    if not isinstance(collection, list):
        wrong_type("last", 0, "an array or a string", collection)
    return collection[-1] if collection else None


@function("skip", _F, "skip(collection, count)", "Without the first ones.",
          ("skip(createArray(0, 1, 2), 1)", [1, 2]))  # fmt: skip
def skip(collection: Any, count: Any) -> Any:
    return _part("skip", collection, count)


@function("take", _F, "take(collection, count)", "The first ones.", ("take('abcde', 3)", "abc"))
def take(collection: Any, count: Any) -> Any:
    return _part("take", collection, count)


def _part(name: str, collection: Any, count: Any) -> Any:
    if not isinstance(collection, str | list):
        wrong_type(name, 0, "an array or a string", collection)
    number = a_whole(name, 1, count)
    if number < 0:
        fail(name, "expects its second parameter to be a positive integer.")
    if isinstance(collection, str):
        data = units(collection)
        return from_units(data[2 * number :] if name == "skip" else data[: 2 * number])
    return collection[number:] if name == "skip" else collection[:number]


@function("chunk", _F, "chunk(collection, size)", "Cut into parts of this size.",
          ("chunk('abcdefghij', 4)", ["abcd", "efgh", "ij"]))  # fmt: skip
def chunk(collection: Any, size: Any) -> list[Any]:
    if not isinstance(collection, str | list):
        wrong_type("chunk", 0, "an array or a string", collection)
    number = a_whole("chunk", 1, size)
    if number <= 0:
        fail("chunk", "expects its second parameter to be an integer greater than 0.")
    if isinstance(collection, list):
        return [collection[i : i + number] for i in range(0, len(collection), number)]
    data = units(collection)
    return [from_units(data[i : i + 2 * number]) for i in range(0, len(data), 2 * number)]


@function("union", _F, "union(a, b, …)", "All elements, each once; of objects, the last member wins.",
          ("union(createArray(1, 2), createArray(2, 3))", [1, 2, 3]))  # fmt: skip
def union(first_one: Any, *others: Any) -> Any:
    every = (first_one, *others)
    if all(isinstance(one, list) for one in every):
        return _distinct([item for one in every for item in one])
    if all(isinstance(one, dict) for one in every):
        merged: dict[str, Any] = {}
        for one in every:
            merged.update(one)
        return merged
    return _mixed("union", every)


@function("intersection", _F, "intersection(a, b, …)", "What all of them have.",
          ("intersection(createArray(1, 2), createArray(2, 3))", [2]))  # fmt: skip
def intersection(first_one: Any, *others: Any) -> Any:
    every = (first_one, *others)
    if all(isinstance(one, list) for one in every):
        held = [{_identity(item) for item in one} for one in others]
        return _distinct([i for i in first_one if all(_identity(i) in h for h in held)])
    if all(isinstance(one, dict) for one in every):
        return {
            name: value
            for name, value in first_one.items()
            if all(name in one and same_inside(one[name], value) for one in others)
        }
    return _mixed("intersection", every)


def _mixed(name: str, every: tuple[Any, ...]) -> Any:
    odd = next((i for i, one in enumerate(every) if not isinstance(one, list | dict)), 0)
    wrong_type(name, odd, "either all arrays or all objects", every[odd])


def _distinct(items: list[Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for item in items:
        found.setdefault(_identity(item), item)
    return list(found.values())


def _identity(item: Any) -> str:
    return f"{type(item).__name__ if is_number(item) else ''}{to_json(_sorted(item))}"


def _sorted(item: Any) -> Any:
    if isinstance(item, dict):
        return {name: _sorted(item[name]) for name in sorted(item)}
    return [_sorted(one) for one in item] if isinstance(item, list) else item


@function("join", _F, "join(array, delimiter)", "The elements as text, with a delimiter between.",
          ("join(createArray('a', 'b'), '.')", "a.b"))  # fmt: skip
def join(collection: Any, delimiter: Any) -> str:
    items = a_list("join", 0, collection)
    mark = a_string("join", 1, delimiter)
    parts = [to_text(item) for item in items]
    if sum(map(len, parts)) + len(mark) * len(parts) > MAX_TEXT:
        fail("join", f"makes a text of more than {MAX_TEXT} characters.")
    return mark.join(parts)


@function("empty", _F, "empty(collection)", "Whether there is nothing in it; null is empty.",
          ("empty('')", True), ("empty('abc')", False))  # fmt: skip
def empty(collection: Any) -> bool:
    if collection is None:
        return True
    if not isinstance(collection, str | list | dict):
        wrong_type("empty", 0, "either array, object or string", collection)
    return not collection


@function("reverse", _F, "reverse(array)", "The other way round.",
          ("reverse(createArray(0, 1))", [1, 0]))  # fmt: skip
def reverse(collection: Any) -> list[Any]:
    return a_list("reverse", 0, collection)[::-1]


@function("sort", _F, "sort(array, member?)", "In order; of objects, by one of their members.",
          ("sort(createArray(2, 1, 0))", [0, 1, 2]))  # fmt: skip
def sort(collection: Any, member: Any = None) -> list[Any]:
    items = a_list("sort", 0, collection)
    name = None if member is None else a_string("sort", 1, member)
    keys = [item if name is None else _member(item, name) for item in items]
    kinds = {_kind(key) for key in keys if key is not None}
    if len(kinds) > 1 or kinds - {"number", "text", "boolean"}:
        fail("sort", "expects an array whose elements can be compared with one another.")
    nothing: Any = "" if "text" in kinds else 0
    order = sorted(
        range(len(items)),
        key=lambda i: (keys[i] is not None, nothing if keys[i] is None else keys[i]),
    )
    return [items[i] for i in order]


def _member(item: Any, name: str) -> Any:
    if not isinstance(item, dict):
        wrong_type("sort", 0, "an array of objects", item)
    if name not in item:
        fail("sort", f"cannot sort by '{name}': an element has no such property.")
    return item[name]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    return "text" if isinstance(value, str) else "other"


@function("range", Family.MATH, "range(start, count)", "Whole numbers in a row.",
          ("range(1, 4)", [1, 2, 3, 4]))  # fmt: skip
def range_(start: Any, count: Any) -> list[int]:
    begin, number = a_whole("range", 0, start), a_whole("range", 1, count)
    if not 0 <= number <= MAX_RANGE:
        fail("range", f"expects its second parameter, the count, to be from 0 to {MAX_RANGE}.")
    if begin + number > 2_147_483_647:
        fail("range", "makes numbers that are larger than 2147483647.")
    return list(range(begin, begin + number))
