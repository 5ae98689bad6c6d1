"""Arrays and objects."""

from __future__ import annotations

from typing import Any, NoReturn

from flowner.expressions.arguments import (
    SOLE,
    a_list,
    a_string,
    a_whole,
    fail,
    kinds_of,
    wrong_type,
)
from flowner.expressions.catalogue import Family, function
from flowner.expressions.equality import same_inside
from flowner.expressions.errors import ExpressionError
from flowner.expressions.functions.strings import MAX_ELEMENTS, from_units, units
from flowner.expressions.numbers import is_number, number_key
from flowner.expressions.text import MAX_TEXT, to_json, to_text, type_name

_F = Family.COLLECTIONS


@function("createArray", _F, "createArray(a, …)", "An array of the values.",
          ("createArray('a', 1)", ["a", 1]),
          errors=(("createArray()", "invoked with no parameters"),),
          arity="a comma separated list of parameters")  # fmt: skip
def create_array(first_one: Any, *others: Any) -> list[Any]:
    return [first_one, *others]


@function("array", _F, "array(value)", "An array of just this value; an array is one already.",
          ("array('a')", ["a"]), ("array(createArray(1, 2))", [1, 2]),
          errors=(("array('a', 'b')", "one parameter"),),
          arity="one parameter: the value that is to be converted to an array")  # fmt: skip
def array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _end(which: str) -> str:
    return f"one parameter: the array or string of which the {which} element will be returned"


def _neither(name: str, value: Any) -> NoReturn:
    fail(
        name,
        "expects its parameter be an array or a string. The provided value is of type"
        f" '{type_name(value)}'.",
    )


@function("first", _F, "first(collection)", "The first element, or character.",
          ("first('hello')", "h"), ("first(createArray(0, 1))", 0), ("first(json('[]'))", None),
          errors=(("first(5)", "an array or a string"),), arity=_end("first"))  # fmt: skip
def first(collection: Any) -> Any:
    if isinstance(collection, str):
        return from_units(units(collection[:1])[:2])
    if not isinstance(collection, list):
        _neither("first", collection)
    return collection[0] if collection else None


@function("last", _F, "last(collection)", "The last element, or character.",
          ("last('abcd')", "d"), ("last(createArray(0, 1))", 1),
          errors=(("last(null)", "an array or a string"),), arity=_end("last"))  # fmt: skip
def last(collection: Any) -> Any:
    if isinstance(collection, str):
        return from_units(units(collection[-1:])[-2:])
    if not isinstance(collection, list):
        _neither("last", collection)
    return collection[-1] if collection else None


@function("skip", _F, "skip(collection, count)", "Without the first ones.",
          ("skip(createArray(0, 1, 2), 1)", [1, 2]), ("skip('abc', 2)", "c"),
          errors=(("skip(createArray(1), -1)", "must be a positive integer"),
                  ("skip(null, 1)", "'collection' to be an array or a string")))  # fmt: skip
def skip(collection: Any, count: Any) -> Any:
    return _part("skip", collection, count)


@function("take", _F, "take(collection, count)", "The first ones.", ("take('abcde', 3)", "abc"),
          ("take(createArray(0, 1, 2), 2)", [0, 1]),
          errors=(("take('abc', -1)", "must be a positive integer"),))  # fmt: skip
def take(collection: Any, count: Any) -> Any:
    return _part("take", collection, count)


def _part(name: str, collection: Any, count: Any) -> Any:
    if not isinstance(collection, str | list):
        wrong_type(name, "first parameter 'collection'", "an array or a string", collection)
    number = a_whole(name, "second parameter 'count'", count)
    if number < 0:
        # Source: the engine's own spelling of the message of take.
        value = "value" if name == "skip" else "valus"
        fail(
            name,
            f"parameters are out of range: 'count' must be a positive integer. The provided {value}"
            f" is '{number}'.",
        )
    if isinstance(collection, str):
        data = units(collection)
        return from_units(data[2 * number :] if name == "skip" else data[: 2 * number])
    return collection[number:] if name == "skip" else collection[:number]


@function("chunk", _F, "chunk(collection, size)", "Cut into parts of this size.",
          ("chunk('abcdefghij', 4)", ["abcd", "efgh", "ij"]),
          ("chunk(createArray(1, 2, 3), 2)", [[1, 2], [3]]),
          errors=(("chunk('abc', 0)", "greater than 0"), ("chunk(null, 2)", "string or array")))  # fmt: skip
def chunk(collection: Any, size: Any) -> list[Any]:
    if not isinstance(collection, str | list):
        wrong_type("chunk", 0, "of type string or array", collection)
    number = a_whole("chunk", 1, size)
    if number <= 0:
        fail("chunk", "expects its second parameter to be an integer greater than 0.")
    if len(collection) // number > MAX_ELEMENTS:
        fail("chunk", f"makes an array of more than {MAX_ELEMENTS} elements.")
    if isinstance(collection, list):
        return [collection[i : i + number] for i in range(0, len(collection), number)]
    data = units(collection)
    return [from_units(data[i : i + 2 * number]) for i in range(0, len(data), 2 * number)]


@function("union", _F, "union(a, b, …)", "All elements, each once; of objects, the last member wins.",
          ("union(createArray(1, 2), createArray(2, 3))", [1, 2, 3]),
          ("union(json('{\"a\":1}'), json('{\"a\":2}'))", {"a": 2}),
          errors=(("union('ab', 'bc')", "comma separated list of arrays"),
                  ("union(createArray(1), json('{}'))", "parameters of same type")))  # fmt: skip
def union(first_one: Any, *others: Any) -> Any:
    every = [first_one, *others]
    _all_alike("union", every)
    if isinstance(first_one, list):
        return _distinct([item for one in every for item in one])
    merged: dict[str, Any] = {}
    for one in every:
        merged.update(one)
    return merged


@function("intersection", _F, "intersection(a, b, …)", "What all of them have.",
          ("intersection(createArray(1, 2), createArray(2, 3))", [2]),
          errors=(("intersection('ab', 'bc')", "comma separated list of arrays"),
                  ("intersection(createArray(1), json('{}'))", "parameters of same type")))  # fmt: skip
def intersection(first_one: Any, *others: Any) -> Any:
    _all_alike("intersection", [first_one, *others])
    if isinstance(first_one, list):
        held = [{_identity(item) for item in one} for one in others]
        return _distinct([i for i in first_one if all(_identity(i) in h for h in held)])
    return {
        name: value
        for name, value in first_one.items()
        if all(name in one and same_inside(one[name], value) for one in others)
    }


def _all_alike(name: str, every: list[Any]) -> None:
    """Refuse what is not a list of arrays or a list of objects."""
    odd = [one for one in every if not isinstance(one, list | dict)]
    if odd:
        fail(
            name,
            "expects either a comma separated list of arrays or a comma separated list of objects"
            f" as its parameters. The function was invoked with parameters of type"
            f" '{kinds_of(odd)}'.",
        )
    if len({type(one) for one in every}) > 1:
        raise ExpressionError(
            f"Template language function '{name}' expects parameters of same type, but found"
            f" '{kinds_of(every)}' distinct types."
        )


def _distinct(items: list[Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for item in items:
        found.setdefault(_identity(item), item)
    return list(found.values())


def _identity(item: Any) -> str:
    return f"{type_name(item) if is_number(item) else ''}{to_json(_sorted(item))}"


def _sorted(item: Any) -> Any:
    if isinstance(item, dict):
        return {name: _sorted(item[name]) for name in sorted(item)}
    return [_sorted(one) for one in item] if isinstance(item, list) else item


@function("join", _F, "join(array, delimiter)", "The elements as text, with a delimiter between.",
          ("join(createArray('a', 'b'), '.')", "a.b"), ("join(createArray(1, null), '-')", "1-"),
          errors=(("join('ab', ',')", "to be an array"), ("join(createArray('a'))", "two parameters")),
          arity="two parameters: the array of elements to join as the first parameter, and the"
                " element separator as the second parameter")  # fmt: skip
def join(collection: Any, delimiter: Any) -> str:
    items = a_list("join", 0, collection, "an array")
    mark = a_string("join", 1, delimiter)
    parts = [to_text(item) for item in items]
    if sum(map(len, parts)) + len(mark) * len(parts) > MAX_TEXT:
        fail("join", f"makes a text of more than {MAX_TEXT} characters.")
    return mark.join(parts)


@function("empty", _F, "empty(collection)", "Whether there is nothing in it; null is empty.",
          ("empty('')", True), ("empty('abc')", False), ("empty(null)", True),
          errors=(("empty(0)", "an object, an array or a string"),),
          arity="one parameter: the object, array or string to test for emptiness")  # fmt: skip
def empty(collection: Any) -> bool:
    if collection is None:
        return True
    if not isinstance(collection, str | list | dict):
        wrong_type("empty", SOLE, "an object, an array or a string", collection)
    return not collection


@function("reverse", _F, "reverse(array)", "The other way round.",
          ("reverse(createArray(0, 1))", [1, 0]), errors=(("reverse('abc')", "of type array"),))  # fmt: skip
def reverse(collection: Any) -> list[Any]:
    return a_list("reverse", 0, collection)[::-1]


@function("sort", _F, "sort(array, member?)",
          "In order, texts by their codes; of objects, by one of their members.",
          ("sort(createArray(2, 1, 0))", [0, 1, 2]),
          ("sort(createArray('b', 'a', 'B'))", ["B", "a", "b"]),
          errors=(("sort(createArray(2, 'a'))", "Failed to compare two elements"),
                  ("sort(json('[{\"a\":1},{\"b\":2}]'), 'a')", "did not find the named sortField")))  # fmt: skip
def sort(collection: Any, member: Any = None) -> list[Any]:
    items = a_list("sort", 0, collection)
    name = None if member is None else a_string("sort", 1, member)
    keys = [item if name is None else _member(item, name) for item in items]
    kinds = {_kind(key) for key in keys if key is not None}
    if len(items) > 1 and (len(kinds) > 1 or kinds - {"number", "text", "boolean"}):
        raise ExpressionError("Failed to compare two elements in the array.")
    order = sorted(range(len(items)), key=lambda i: _sort_key(keys[i]))
    return [items[i] for i in order]


def _sort_key(value: Any) -> tuple[Any, ...]:
    if value is None:
        return (False,)
    if isinstance(value, str):
        return True, value.encode("utf-16-be", "surrogatepass")
    return (True, *number_key(value)) if is_number(value) else (True, value)


def _member(item: Any, name: str) -> Any:
    if isinstance(item, dict):
        if name in item:
            return item[name]
        for key, value in item.items():
            if key.lower() == name.lower():
                return value
    fail("sort", f"did not find the named sortField '{name}' on one or more objects in the array.")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    return "text" if isinstance(value, str) else "other"
