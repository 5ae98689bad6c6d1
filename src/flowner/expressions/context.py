"""A scope over a JSON document: what ``flowner evaluate`` and the tests ask in."""

from __future__ import annotations

from datetime import UTC, datetime

from flowner.expressions.scope import Missing
from flowner.values import Json, JsonObject

_FROZEN = datetime(2026, 1, 1, tzinfo=UTC)
_CALLBACK = "https://localhost/workflows/flow/triggers/manual/paths/invoke?sig=none"


class Context:
    """Answers from ``parameters``, ``variables``, ``item``, ``items``, ``iterationIndexes``,
    ``actions``, ``outputs``, ``results``, ``trigger``, ``workflow``, ``appsettings``, ``utcNow``.

    Time stands still; ids and chance are counted up, so that the same context answers the same.
    """

    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self._count = 0

    def parameter(self, name: str) -> Json:
        found = self._named("parameters", name)
        return found["value"] if isinstance(found, dict) and set(found) == {"value"} else found

    def variable(self, name: str) -> Json:
        return self._named("variables", name)

    def action(self, name: str) -> Json:
        try:
            return self._named("actions", name)
        except Missing:
            return {"name": name, "status": "Succeeded", "outputs": self._named("outputs", name)}

    def outputs(self, name: str) -> Json:
        record = self.action(name)
        return record.get("outputs") if isinstance(record, dict) else None

    def trigger(self) -> Json:
        return self._document.get("trigger")

    def item(self) -> Json:
        if "item" not in self._document:
            raise Missing("item")
        return self._document["item"]

    def items(self, loop: str) -> Json:
        return self._named("items", loop)

    def iteration_index(self, loop: str) -> int:
        found = self._named("iterationIndexes", loop)
        if not isinstance(found, int):
            raise Missing(loop)
        return found

    def result(self, scope: str) -> Json:
        return self._named("results", scope)

    def workflow(self) -> Json:
        return self._document.get("workflow")

    def callback_url(self) -> str:
        return str(self._document.get("callbackUrl", _CALLBACK))

    def setting(self, name: str) -> Json:
        return self._named("appsettings", name)

    def now(self) -> datetime:
        given = self._document.get("utcNow")
        return datetime.fromisoformat(given) if isinstance(given, str) else _FROZEN

    def fresh_guid(self) -> str:
        self._count += 1
        return f"00000000-0000-4000-8000-{self._count:012x}"

    def chance(self, minimum: int, maximum: int) -> int:
        self._count += 1
        return minimum + self._count % (maximum - minimum)

    def _named(self, where: str, name: str) -> Json:
        held = self._document.get(where)
        if isinstance(held, dict):
            if name in held:
                return held[name]
            for key, value in held.items():
                if key.lower() == name.lower():
                    return value
        raise Missing(name)
