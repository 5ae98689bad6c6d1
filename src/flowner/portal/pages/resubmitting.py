"""A run is run again, whole or from an action on; before that, what would differ is said."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from flowner.flows.differences import Preview
from flowner.flows.inspecting import Inspected
from flowner.portal.pages.run import base_of, open_run
from flowner.portal.rendering import page
from flowner.portal.summing import said_of
from flowner.portal.visiting import Form, Visit, get, go, post
from flowner.runs import paths
from flowner.runs.taking import BAD
from flowner.triggers.earlier import GoOn


async def _before(visit: Visit) -> Response:
    seen = await open_run(visit)
    asked = visit.request.query_params
    go_on = _go_on(asked.getlist("from"), asked.get("version"))
    preview = await visit.rooms.resubmitting.preview(seen.header.id, visit.me, go_on=go_on)
    return page(
        visit, "resubmit.html", seen=seen, header=seen.header, preview=preview, go_on=go_on,
        differing=said_of(preview), base=base_of(seen), **_taking(seen, preview, go_on),
    )  # fmt: skip


async def _again(visit: Visit, form: Form) -> Response:
    seen = await open_run(visit)
    go_on = _go_on(form.texts("from"), form.text("version"))
    run = await visit.rooms.resubmitting.resubmit(seen.header.id, visit.me, go_on=go_on)
    how = "It runs again, as it ran before." if go_on is None else "It goes on in a run of its own."
    return go(f"/flows/{seen.header.flow}/runs/{run}", said=how)


def _go_on(at: list[str], version: str | None) -> GoOn | None:
    names = tuple(one for one in at if one)
    return GoOn(at=names, current=version == "current") if names else None


def _taking(seen: Inspected, preview: Preview, go_on: GoOn | None) -> dict[str, Any]:
    """Return what is taken over and what is run again, and where else it may be asked for."""
    base, taking = f"{base_of(seen)}/resubmit", preview.taking
    if go_on is None:
        return {"taken": [], "again": [], "beside": [], "versions": [], "at": []}
    actions = seen.record.actions
    taken, again = ((), ()) if taking is None else (taking.taken, taking.again)
    stays = [
        path
        for path in taken
        if path in actions and actions[path].status in BAD and not _is_container(seen, path)
    ]
    numbers = dict.fromkeys([seen.header.flow_version, seen.facts.version])
    return {
        "taken": [_titled(path) for path in taken],
        "again": [_titled(path) for path in again],
        "beside": [
            (_titled(path), _address(base, (*go_on.at, path), current=go_on.current))
            for path in stays
        ],
        "versions": [
            (number, _address(base, go_on.at, current=number != seen.header.flow_version))
            for number in (numbers if len(numbers) > 1 else ())
        ],
        "at": [_titled(path) for path in go_on.at],
    }


def _is_container(seen: Inspected, path: str) -> bool:
    name = paths.name_of(paths.split(path)[1]).casefold()
    return any(one.name.casefold() == name and one.branches for one in seen.flow.walk())


def _address(base: str, at: tuple[str, ...], *, current: bool) -> str:
    asked = [("from", one) for one in at] + ([("version", "current")] if current else [])
    return f"{base}?{urlencode(asked)}"


def _titled(path: str) -> str:
    """Return a path as people read it: the action, then the loops around it, counted from 1."""
    *loops, (name, _) = paths.parts(path)
    around = [f"{loop} {(index or 0) + 1}" for loop, index in loops]
    return " · ".join(one.replace("_", " ") for one in (name, *around))


routes = [
    get("/flows/{flow:uuid}/runs/{run:int}/resubmit", _before),
    post("/flows/{flow:uuid}/runs/{run:int}/resubmit", _again),
]
