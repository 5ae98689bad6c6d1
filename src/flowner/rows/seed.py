"""The ids of what every database begins with."""

from __future__ import annotations

ORGANIZATION = "00000000-0000-4000-8000-0000000000b0"
"""The root business unit."""
SYSTEM_ADMINISTRATOR = "00000000-0000-4000-8000-0000000000a1"
"""The role that may do everything, everywhere."""
BASIC_USER = "00000000-0000-4000-8000-0000000000a2"
"""The role that reads the directory."""
DELEGATE = "00000000-0000-4000-8000-0000000000a3"
"""The role with the privilege to act on behalf of another user."""
MAKER = "00000000-0000-4000-8000-0000000000a4"
"""The role that makes flows, and keeps what is its holder's own."""
