"""One expression at a time: what ``flowner evaluate`` does."""

from __future__ import annotations

import json
from typing import Any

from flowner.expressions.context import Context
from flowner.expressions.errors import ExpressionError
from flowner.expressions.template import compile_value
from flowner.expressions.text import to_json
from flowner.values import Json, JsonObject


def evaluate_text(template: Json, context: JsonObject | None = None) -> Any:
    """Evaluate a template as it stands in a definition. Raises `ExpressionError`."""
    return compile_value(template).evaluate(Context(context or {}))


def evaluate_line(line: str) -> str:
    """Answer a line ``{"expression", "context"?}`` with ``{"value"}`` or ``{"error"}``.

    Whole numbers and doubles stay apart: ``2`` and ``2.0``.
    """
    try:
        asked = json.loads(line)
        if not isinstance(asked, dict) or "expression" not in asked:
            return to_json({"error": 'the line is not `{"expression": …, "context": {…}}`'})
        value = evaluate_text(asked["expression"], asked.get("context"))
    except json.JSONDecodeError as error:
        return to_json({"error": f"the line is no JSON: {error.msg} at character {error.pos}"})
    except ExpressionError as error:
        return to_json({"error": error.message})
    return to_json({"value": value})
