"""Mail: send e-mail through the relay named in the connection, in its account.

``message`` makes the message, ``relay`` hands it over, ``operations`` are what flows ask for.
"""

from flowner.connectors.mail.operations import connector

__all__ = ["connector"]
