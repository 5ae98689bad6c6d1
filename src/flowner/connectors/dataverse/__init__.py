"""Rows: the two generations of the Dataverse connector, over our own row store.

``values`` reads parameters, ``operations`` are the operations of today, ``legacy`` those of the
connector before it, which old flows call by path.
"""

from flowner.connectors.dataverse.legacy import connector

__all__ = ["connector"]
