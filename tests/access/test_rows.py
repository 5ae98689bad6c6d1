"""The golden page of the row law: every right at every depth, on whose rows."""

from __future__ import annotations

from pathlib import Path

from flowner.access.rights import Depth, Reach, Right, RowFacts, Standing
from flowner.access.row_filter import decide_row

GOLDEN = Path(__file__).with_name("rows.golden.txt")
REACH = {
    Depth.USER: Reach(),
    Depth.LOCAL: Reach(units=frozenset({"here"})),
    Depth.DEEP: Reach(units=frozenset({"here", "below"})),
    Depth.ORGANIZATION: Reach(everywhere=True),
}
ROWS = {
    "mine": RowFacts(owner="me", business_unit="elsewhere"),
    "my team's": RowFacts(owner="team", business_unit="elsewhere"),
    "shared": RowFacts(owner="other", shares={"me": sum(right.mask for right in Right)}),
    "here": RowFacts(owner="other", business_unit="here"),
    "below": RowFacts(owner="other", business_unit="below"),
    "elsewhere": RowFacts(owner="other", business_unit="elsewhere"),
    "nobody's": RowFacts(owner=None),
}


def page() -> str:
    lines = ["right at depth".ljust(26) + "".join(name.rjust(11) for name in ROWS)]
    for right in Right:
        for depth in (None, *Depth):
            held = {} if depth is None else {("t", right): REACH[depth]}
            me = Standing(id="me", name="me", teams=frozenset({"team"}), privileges=held)
            marks = (decide_row(me, "t", right, row).allowed for row in ROWS.values())
            title = f"{right} {'none' if depth is None else depth.name.lower()}"
            lines.append(title.ljust(26) + "".join(("yes" if m else "-").rjust(11) for m in marks))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def test_the_page_is_the_law() -> None:
    assert page() == GOLDEN.read_text(encoding="utf-8")


def test_every_right_and_depth_is_on_the_page() -> None:
    titles = {line[:26].strip() for line in GOLDEN.read_text(encoding="utf-8").splitlines()[1:]}
    depths = ("none", *(depth.name.lower() for depth in Depth))
    assert titles == {f"{right} {depth}" for right in Right for depth in depths}
    assert set(REACH) == set(Depth)
