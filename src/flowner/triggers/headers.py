"""What an instant flow's trigger says of whoever pressed."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime

from flowner.values import JsonObject


def trigger_headers(person: str, name: str, mail: str, at: datetime) -> JsonObject:
    """Return the headers that an instant flow's trigger carries of whoever pressed.

    Names as Power Automate sends them; see the triggers of its instant connectors.
    """
    return {
        "x-ms-user-id": person,
        "x-ms-user-name": name.encode("ascii", "replace").decode(),
        "x-ms-user-email": mail,
        "x-ms-user-timestamp": at.isoformat().replace("+00:00", "Z"),
        **_encoded({"id": person, "name": name, "email": mail}),
    }


def _encoded(values: dict[str, str]) -> JsonObject:
    return {
        f"x-ms-user-{name}-encoded": b64encode(value.encode()).decode()
        for name, value in values.items()
    }
