"""How much a path may cost, guessed before it is walked.

A path cannot be stopped once it is on its way, and some that are short look at everything for
everything. The weights were measured on the worst documents, flat and deep: what is allowed takes
seconds on most, and tens of seconds on the worst there is.
"""

from __future__ import annotations

import math
import re
from typing import Final

MAX_EFFORT: Final = 2e10
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_MARK: Final = re.compile(
    r"(?P<open>\[)|(?P<close>\])|(?P<sibling>(?:following|preceding)-sibling)"
    r"|(?P<around>following|preceding)|(?P<down>//|descendant|ancestor)|(?P<up>\.\./(?!@)|parent::)"
)
_OUTSIDE: Final = {"sibling": 1.7, "around": 2.0, "down": 1.3}
"""What a step adds where it is taken from a whole set, which is then sorted and made distinct."""
_INSIDE: Final = 1.3
"""What a step adds in a condition, where it is taken from one node after another."""


def effort(path: str, nodes: int) -> float:
    """Guess how many nodes a path looks at in a document of so many."""
    power, depth, first = 1.0, 0, True
    for match in _MARK.finditer(_QUOTED.sub("", path)):
        kind = match.lastgroup or ""
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif depth > 0:
            power += _INSIDE
        elif kind == "down" and first:
            first = False
        else:
            power += _OUTSIDE.get(kind, 0.0)
    return math.pow(max(nodes, 1), min(power, 40.0))
