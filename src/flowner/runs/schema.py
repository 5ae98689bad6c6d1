"""JSON schemas of Parse JSON: validation, with the messages people know from there.

No reference is ever fetched: a schema that points outside of itself fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import jsonschema
import referencing
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend
from referencing.exceptions import Unresolvable

from flowner.runs.results import type_name
from flowner.values import Json, JsonObject

MAX_ERRORS: Final = 100
"""Errors that one record keeps."""

# jsonschema's checkers and validators are untyped.


def _integer(_checker: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_Validator: Final[Any] = extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft7Validator,
    type_checker=jsonschema.Draft7Validator.TYPE_CHECKER.redefine("integer", _integer),
)


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    return _Validator(json.loads(schema), registry=referencing.Registry())


def schema_errors(schema: Json, value: Json) -> list[Json]:
    """Return what is wrong with the value, at most `MAX_ERRORS`, in the shape of outputs.

    Raises `ValueError` for a schema that is none.
    """
    if not isinstance(schema, dict) or not schema:
        return []
    try:
        validator = _validator(json.dumps(schema, sort_keys=True))
        found: Iterable[Any] = validator.iter_errors(value)
        return [_error(error) for error in islice(_once(found), MAX_ERRORS)]
    except (SchemaError, Unresolvable, RecursionError) as error:
        raise ValueError(f"the schema cannot be used: {type(error).__name__}") from None
    except Exception as error:  # noqa: BLE001 - a malformed schema surfaces as any exception
        raise ValueError(f"the schema cannot be used: {error}") from None


def _once(errors: Iterable[Any]) -> Iterator[Any]:
    """Leave out what the first error of its kind says already: all properties that are missing."""
    seen: set[tuple[str | int, ...]] = set()
    for error in errors:
        place = tuple(error.absolute_schema_path) + tuple(error.absolute_path)
        if error.validator not in ("required", "additionalProperties") or place not in seen:
            seen.add(place)
            yield error


def _error(error: Any) -> JsonObject:
    kind = str(error.validator)
    return {
        "message": message(error),
        "lineNumber": 0,
        "linePosition": 0,
        "path": _path(error.absolute_path),
        "value": error.instance,
        "schemaId": "#" + "".join(f"/{part}" for part in list(error.absolute_schema_path)[:-1]),
        "errorType": _TYPES.get(kind, kind),
        "childErrors": [],
    }


def _path(parts: Iterable[str | int]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


_TYPES: Final = {"minLength": "minimumLength", "maxLength": "maximumLength"}


def _names(written: object) -> str:
    names = written if isinstance(written, list) else [written]
    return ", ".join(str(name).capitalize() for name in names)


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _required(error: Any) -> str:
    wanted: Any = error.validator_value
    have: Any = error.instance
    missing = ", ".join(name for name in wanted if name not in have)
    return f"Required properties are missing from object: {missing}."


def _additional(error: Any) -> str:
    known: Mapping[str, Any] = error.schema.get("properties", {}) if error.schema else {}
    extra = next((name for name in error.instance if name not in known), "")
    return (
        f"Property '{extra}' has not been defined and the schema does not allow additional "
        "properties."
    )


_MESSAGES: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": lambda error: (
        f"Invalid type. Expected {_names(error.validator_value)} but got "
        f"{type_name(error.instance)}."
    ),
    "required": _required,
    "additionalProperties": _additional,
    "enum": lambda error: f"Value {_quoted(error.instance)} is not defined in enum.",
    "const": lambda error: f"Value {_quoted(error.instance)} does not match const.",
    "minimum": lambda error: (
        f"{_number(error)} is less than minimum value of {error.validator_value}."
    ),
    "maximum": lambda error: f"{_number(error)} exceeds maximum value of {error.validator_value}.",
    "minLength": lambda error: (
        f"String '{error.instance}' is less than minimum length of {error.validator_value}."
    ),
    "maxLength": lambda error: (
        f"String '{error.instance}' exceeds maximum length of {error.validator_value}."
    ),
    "pattern": lambda error: (
        f"String '{error.instance}' does not match regex pattern '{error.validator_value}'."
    ),
    "minItems": lambda error: (
        f"Array item count {len(error.instance)} is less than minimum count of "
        f"{error.validator_value}."
    ),
    "maxItems": lambda error: (
        f"Array item count {len(error.instance)} exceeds maximum count of {error.validator_value}."
    ),
    "anyOf": lambda _: "JSON does not match any schemas from 'anyOf'.",
    "allOf": lambda _: "JSON does not match all schemas from 'allOf'.",
    "oneOf": lambda _: (
        "JSON is valid against more than one schema from 'oneOf', or against none of them."
    ),
    "not": lambda _: "JSON is valid against schema from 'not'.",
    "uniqueItems": lambda _: "Non-unique array items are found.",
}


def _quoted(value: Json) -> str:
    return f'"{value}"' if isinstance(value, str) else _shown(value)


def _number(error: Any) -> str:
    return f"{type_name(error.instance)} {_shown(error.instance)}"


def message(error: Any) -> str:
    """Return a `jsonschema.ValidationError`'s message as Newtonsoft's validator words it."""
    found = _MESSAGES.get(str(error.validator))
    return found(error) if found is not None else error.message[:1].upper() + error.message[1:]
