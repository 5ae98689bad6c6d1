"""The addresses that this server gives out, and what proves that it gave them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote

from flowner.values import RunId, Secret


@dataclass(slots=True, kw_only=True)
class Address:
    """Where the API is reached, and the signatures that let others in at single doors."""

    key: Secret
    base: str
    """Without a slash at the end; a free port is known once the API is served."""

    def sign(self, what: str) -> str:
        """Return the signature of a door."""
        return hmac.new(self.key.reveal().encode(), what.encode(), hashlib.sha256).hexdigest()

    def approval_link(self, approval: str) -> str:
        """Return where an approval is answered."""
        return f"{self.base}/approvals/{approval}"

    def callback_signature(self, run: RunId, path: str) -> str:
        """Return the signature that lets whoever holds it answer an action of a run."""
        return self.sign(f"answer {run} {path}")

    def callback_url(self, run: RunId, path: str) -> str:
        """Return the address at which an action of a run is answered."""
        return f"{self.base}/callbacks/{run}/{quote(path)}?sig={self.callback_signature(run, path)}"
