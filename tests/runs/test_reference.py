"""The reference names every action that is carried out, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from flowner.definitions.actions import CALL_TYPES, KNOWN_TYPES
from flowner.runs.run import Run
from worlds.flows import begun, compiled, world

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "actions.md"


def supported(type: str) -> bool:
    """Say whether an action of this type gets further than *not supported*."""
    inputs = {"host": {"connectionName": "c", "operationId": "o"}, "parameters": {}}
    run: Run = begun(compiled({"It": {"type": type, "kind": "CurrentTime", "inputs": inputs}}))
    run.advance(world())
    record = run._folding.state.records[""]["It"]
    return record.error is None or record.error.code != "ActionTypeNotSupported"


def test_every_supported_type_has_a_heading() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    headings = set(re.findall(r"^### (\w+)$", text, re.MULTILINE))
    candidates = KNOWN_TYPES | CALL_TYPES | headings
    triggers = {name for name in candidates if name.endswith("Notification")}
    assert headings == {name for name in candidates - triggers if supported(name)}
