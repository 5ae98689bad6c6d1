"""A flow's parameters, and the environment variables behind some of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from flowner.definitions.flow import Flow, Parameter
from flowner.errors import Invalid
from flowner.values import Json, JsonObject

_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def resolve(
    flow: Flow, *, given: Mapping[str, Json], environment: Mapping[str, Json]
) -> JsonObject:
    """Return the values that a run of the flow starts with, by parameter name.

    ``given`` are values for parameters by name; ``environment`` those of environment variables,
    by schema name. Given goes before environment, environment before the parameter's default.
    Values of environment variables are texts and take the parameter's type.

    Raises `Invalid` for a value that cannot, and for a parameter that has no value at all.
    """
    found: JsonObject = {}
    for name, parameter in flow.parameters.items():
        if name in given:
            found[name] = given[name]
        elif parameter.schema_name is not None and parameter.schema_name in environment:
            found[name] = _typed(parameter, environment[parameter.schema_name])
        elif parameter.has_default:
            found[name] = parameter.default
        elif not name.startswith("$"):
            raise Invalid(f"the flow's parameter `{name}` has no value, and no default")
    return found


def _json(text: str) -> Json:
    value: Json = json.loads(text)
    return value


def _boolean(text: str) -> Json:
    return _BOOLEANS[text.strip().casefold()]


_READ: Final[Mapping[str, Callable[[str], Json]]] = {
    "int": int,
    "float": float,
    "bool": _boolean,
    "array": _json,
    "object": _json,
    "secureobject": _json,
}


def _typed(parameter: Parameter, value: Json) -> Json:
    read = _READ.get(parameter.type.casefold())
    if read is None or not isinstance(value, str):
        return value
    try:
        return read(value)
    except (ValueError, KeyError, RecursionError):
        raise Invalid(
            f"the environment variable `{parameter.schema_name}` is no {parameter.type}, which the "
            f"flow's parameter `{parameter.name}` must be"
        ) from None
