"""Where Temporal is."""

from __future__ import annotations

from dataclasses import dataclass

from flowner.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A namespace of a Temporal server, and how to get in."""

    address: str = "127.0.0.1:7233"
    namespace: str = "default"
    task_queue: str = ""
    """All processes of one database share it, and no others; '' is a name of the database's own."""
    tls: bool = False
    authorities: str | None = None
    """Certificates, in PEM, that the server's is proved by; None: those of the system."""
    certificate: str | None = None
    """What we show to the server, in PEM, with its key."""
    certificate_key: Secret | None = None
    api_key: Secret | None = None
