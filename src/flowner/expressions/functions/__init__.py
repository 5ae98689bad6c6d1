"""The functions, a module a family. `load` brings them into the catalogue."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Final

FAMILIES: Final = (
    "logic",
    "strings",
    "collections",
    "math",
    "conversion",
    "formats",
    "manipulation",
    "dates",
    "addresses",
    "content",
    "xml",
    "workflow",
)


def load() -> None:
    """Import every family that there is; importing it enters its functions."""
    for family in FAMILIES:
        name = f"{__name__}.{family}"
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
