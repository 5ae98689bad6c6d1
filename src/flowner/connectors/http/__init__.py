"""HTTP: requests to anywhere that the server may reach, for actions without a connection.

`address` says where a request may go, `request` makes it, `response` reads what comes back,
`signing` adds credentials, `operations` are the methods that flows name.
"""

from flowner.connectors.http.operations import connector

__all__ = ["connector"]
