"""A flow's versions: who published which, how two differ; and its definition as code."""

from __future__ import annotations

import difflib
import json
from typing import Final

from starlette.responses import Response

from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.documents import parse_object
from flowner.definitions.flow import Flow
from flowner.errors import Invalid
from flowner.portal.rendering import page, pretty
from flowner.portal.visiting import Form, Visit, get, go, post
from flowner.values import FlowId

_CLASSES: Final = {"+": "add", "-": "cut", "@": "at"}


async def _versions(visit: Visit) -> Response:
    id = FlowId(visit.path("flow"))
    opened = await visit.rooms.portfolio.open(id, visit.me)
    versions = await visit.rooms.publishing.versions(id, visit.me)
    newest = versions[0].number
    to = _number(visit.query("to", str(newest)))
    since = _number(visit.query("from", str(max(1, to - 1))))
    before = await visit.rooms.publishing.version(id, since, visit.me)
    after = await visit.rooms.publishing.version(id, to, visit.me)
    return page(
        visit,
        "versions.html",
        one=opened.listed,
        may={action.name for action in opened.listed.may},
        versions=versions,
        since=since,
        to=to,
        lines=difference(before, after),
    )


async def _restore(visit: Visit, form: Form) -> Response:
    id, number = FlowId(visit.path("flow")), _number(form.text("version"))
    await visit.rooms.drafting.restore(id, number, visit.me)
    return go(f"/flows/{id}/edit", said=f"The draft is version {number} again. Publish it to run.")


async def _code(visit: Visit) -> Response:
    id = FlowId(visit.path("flow"))
    draft = await visit.rooms.drafting.open(id, visit.me)
    return page(visit, "code.html", draft=draft, source=pretty(write_flow(draft.flow)), wrong=None)


async def _download(visit: Visit) -> Response:
    draft = await visit.rooms.drafting.open(FlowId(visit.path("flow")), visit.me)
    return Response(
        json.dumps(write_flow(draft.flow), indent=2, ensure_ascii=False),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{draft.id}.json"'},
    )


async def _write(visit: Visit, form: Form) -> Response:
    id = FlowId(visit.path("flow"))
    draft = await visit.rooms.drafting.open(id, visit.me)
    source = form.text("source")
    try:
        wanted = read_flow(parse_object(source.encode(), file="definition"), name=draft.facts.name)
    except Invalid as error:
        return page(visit, "code.html", status=400, draft=draft, source=source, wrong=error)
    seen = _number(form.text("seen"))
    await visit.rooms.drafting.edit(id, visit.me, "Edit the code", lambda _: wanted, seen=seen)
    return go(f"/flows/{id}/code", said="The draft is saved. Publish it in the designer to run.")


def difference(before: Flow, after: Flow) -> list[tuple[str, str]]:
    """Return the lines that differ, and three around them, each with the style it is shown in."""
    old, new = (pretty(write_flow(one)).splitlines() for one in (before, after))
    lines = list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]
    return [(_CLASSES.get(line[:1], ""), line) for line in lines]


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise Invalid(f"`{text}` is not the number of a version")
    return int(text)


routes = [
    get("/flows/{flow:uuid}/versions", _versions),
    post("/flows/{flow:uuid}/versions", _restore),
    get("/flows/{flow:uuid}/code", _code),
    post("/flows/{flow:uuid}/code", _write),
    get("/flows/{flow:uuid}/definition.json", _download),
]
