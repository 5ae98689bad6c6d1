"""The command line: `flowner --help`.

Whoever may read the data folder may use these commands: they open the house itself.
"""

from flowner.cli.main import app, main

__all__ = ["app", "main"]
