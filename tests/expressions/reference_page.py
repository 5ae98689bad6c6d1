"""Where the reference of the functions lies; run, it is written again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flowner.expressions.reference import reference_text

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "functions.md"

if __name__ == "__main__":
    PAGE.write_text(reference_text(), encoding="utf-8")
