"""How a step is filled in: its fields, and where in its source each stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

from flowner.values import Json, JsonObject


class Group(StrEnum):
    """Where a step is found."""

    CONTROL = "Control"
    DATA = "Data Operation"
    VARIABLE = "Variable"
    TIME = "Date Time"
    HTTP = "HTTP"
    FLOWS = "Flows"
    TRIGGER = "Triggers"


class Kind(StrEnum):
    """How a field is filled in."""

    TEXT = auto()
    """A text that may hold formulas."""
    VALUE = auto()
    """Any JSON, or a formula; what is no JSON is a text."""
    JSON = auto()
    """An object or an array."""
    SCHEMA = auto()
    """A JSON schema."""
    CONDITION = auto()
    """A condition, as a formula or as an object of operators."""
    LIST = auto()
    """A formula that gives an array."""
    CHOICE = auto()
    CODE = auto()
    """One of several numbers, each with a label."""
    NUMBER = auto()
    INPUTS = auto()
    """What an instant flow asks for: the properties of a schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form."""

    path: tuple[str, ...]
    title: str
    kind: Kind = Kind.TEXT
    required: bool = True
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """What the choices are called, where they do not say it themselves."""
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One built-in action, or one trigger."""

    id: str
    """Stable; in addresses."""
    title: str
    group: Group
    help: str
    source: JsonObject
    fields: tuple[Field, ...] = ()

    @property
    def name(self) -> str:
        """What a fresh one is called in a definition."""
        return "_".join(self.title.split())


def read(source: JsonObject, field: Field) -> Json:
    """Return what a source says in a field; None where it says nothing."""
    found: Json = source
    for token in field.path:
        if isinstance(found, dict):
            found = found.get(token)
        elif isinstance(found, list) and token.isdecimal() and int(token) < len(found):
            found = found[int(token)]
        else:
            return None
    return found
