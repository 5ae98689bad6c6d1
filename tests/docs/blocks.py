"""The fenced blocks of the pages, and the commands in them.

A ``console`` block shows commands after ``$`` and, below each, what it prints.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    """Where its text begins, counted from 1."""
    info: str
    text: str
    span: tuple[int, int]
    """Where the text stands in the page."""

    @property
    def language(self) -> str:
        return self.info.split()[0] if self.info else ""

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block."""

    block: Block
    given: str
    """As it stands there, with the prompt."""
    shown: str
    """What the page says that it prints."""

    @property
    def words(self) -> list[str]:
        """The command and its arguments; redirections and what follows a pipe left out."""
        text = self.given.removeprefix("$ ").replace("\\\n", " ")
        words = shlex.split(text, comments=True)
        ends = [place for place, word in enumerate(words) if word in ("|", ">", "<", "&", "&&")]
        return words[: min(ends, default=len(words))]


def pages() -> list[Path]:
    """Return every page: the README, the change log and what is below docs."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return a page's fenced blocks in these languages, in order."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(
            page,
            text.count("\n", 0, match.start("text")) + 1,
            match["info"],
            match["text"],
            match.span("text"),
        )
        for match in _FENCE.finditer(text)
    ]
    return [block for block in found if block.language in languages]


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block, in order."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.rstrip("\n").split("\n")
        count = 1
        while lines[count - 1].endswith("\\"):
            count += 1
        yield Command(block, "$ " + "\n".join(lines[:count]), "\n".join(lines[count:]))
