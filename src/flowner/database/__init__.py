"""PostgreSQL: the embedded server or yours, its connections, transactions and migrations."""

from flowner.database.connections import Database, Transaction, open_database

__all__ = ["Database", "Transaction", "open_database"]
