"""What the database server has written into its log: statements that it could not understand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flowner.database import Database

_LINE: Final = re.compile(r"ERROR:\s+(.*)")
_MISTAKES: Final = re.compile(
    r"syntax error|does not exist|unterminated|must appear in|is ambiguous|too many|permission"
    r"|cannot be (?:cast|matched)|could not determine|missing FROM|is not unique|zero-length"
)


@dataclass(slots=True)
class Complaints:
    """The part of the log from here on; none where the server does not run beside us."""

    path: Path
    start: int = 0

    @classmethod
    async def of(cls, database: Database) -> Complaints:
        async with database.transaction() as t:
            row = await (await t.execute("SHOW data_directory")).fetchone()
        path = Path(str(row["data_directory"] if row else "")) / "log"
        return cls(path, path.stat().st_size if path.is_file() else 0)

    def lines(self) -> list[str]:
        """Return every error since."""
        if not self.path.is_file():
            return []
        with self.path.open("rb") as log:
            log.seek(self.start)
            text = log.read().decode("utf-8", "replace")
        return _LINE.findall(text)

    def mistakes(self) -> list[str]:
        """Return the errors that no value can cause, but a statement put together wrong."""
        return [line for line in self.lines() if _MISTAKES.search(line)]
