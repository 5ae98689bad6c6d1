"""What a flow's author wrote in Markdown, as HTML that can do nothing.

No HTML of the author's passes, links lead to the web or to a mail program, and pictures are left
out: whoever reads an approval tells nobody elsewhere that they do.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from markdown_it import MarkdownIt

LONGEST: Final = 40_000
"""Characters that are shown; what is longer ends there."""


@cache
def _reader() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True})
    return made.enable(["table", "strikethrough"]).disable("image")


def to_html(text: str) -> str:
    """Return Markdown as HTML; its headings begin at the third, below those of a page."""
    tokens = _reader().parse(text[:LONGEST])
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + 2, 6)}"
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("rel", "noopener noreferrer")
    return str(_reader().renderer.render(tokens, _reader().options, {}))
