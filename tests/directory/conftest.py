"""A living world, one per module."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from flowner.errors import FlownerError
from flowner.server import House
from worlds.living import Living

R = TypeVar("R")
Refused = Callable[[Coroutine[Any, Any, Any]], FlownerError]


@pytest.fixture(scope="module")
def living(house: House) -> Living:
    return Living(house)


@pytest.fixture(scope="module")
def refused(run: Callable[[Coroutine[Any, Any, R]], R]) -> Refused:
    """Run what must be refused, and return the refusal."""

    def no(work: Coroutine[Any, Any, R]) -> FlownerError:
        with pytest.raises(FlownerError) as caught:
            run(work)
        return caught.value

    return no
