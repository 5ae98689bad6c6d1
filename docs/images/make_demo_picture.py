"""Draw what the demo prints: ``python docs/images/make_demo_picture.py`` writes demo.svg.

The demo really runs; the picture shows one scene of each kind, and what all of them came to.
"""

# ruff: noqa: INP001 - a script beside its picture

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from flowner.demo.main import tell
from flowner.demo.pages import print_run, print_sum
from flowner.demo.report import RunReport
from flowner.settings import read_settings

COLUMNS = 124
TARGET = Path(__file__).with_name("demo.svg")
SHOWN = (
    "run-only through the group Sales",
    "after the reference was changed",
    "from within the app",
    "the clock strikes",
    "the connection's owner has left",
    "not shared with her",
)
LOCAL_FONTS = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Rich's template without the fonts that it would fetch from elsewhere."""


def is_shown(report: RunReport) -> bool:
    """Say whether the picture has this scene: one for each kind of flow and each kind of no."""
    if report.kind != "automated":
        return any(words in report.title for words in SHOWN)
    changed = report.rule == "automated.modifying-user"
    return changed if "Bob" in report.title else report.fallback is not None


def main() -> None:
    """Run the demo and draw it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print("[green]$[/green] make demo", highlight=False)
    settings = read_settings({})

    def said(report: RunReport) -> None:
        if is_shown(report):
            print_run(console, report)

    reports, mail = asyncio.run(tell(settings, said))
    # Some flows run side by side: sorted, the picture is the same each time.
    mail.sort(key=lambda one: (one.authenticated_as or "", one.subject))
    print_sum(console, reports, mail)
    picture = console.export_svg(title="Flowner", code_format=LOCAL_FONTS, unique_id="demo")
    TARGET.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
