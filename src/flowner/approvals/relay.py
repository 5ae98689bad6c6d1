"""Where the server's own letters go out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flowner.values import Secret

SCHEMES: Final = {"smtp": "starttls", "smtps": "tls", "smtp+plain": "none"}
"""How the relay's address says what is secured: STARTTLS, TLS, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRelay:
    """The relay, and the account that letters come from."""

    host: str
    port: int | None
    """None: the usual one."""
    security: str
    sender: str
    user: Secret
    password: Secret
