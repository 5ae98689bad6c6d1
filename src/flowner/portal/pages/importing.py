"""Bring flows in: a file is read, its references are mapped, and then everything comes at once."""

from __future__ import annotations

import base64
import binascii

from starlette.responses import Response

from flowner.definitions.packages import Package, read_package
from flowner.definitions.problems import InvalidDefinition
from flowner.errors import Code, Invalid
from flowner.portal.pages.versions import difference
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, post
from flowner.values import ConnectionId

_MOST_BYTES = 16 * 1024 * 1024


async def _ask(visit: Visit) -> Response:
    return page(visit, "import.html", wrong=())


async def _show(visit: Visit, form: Form) -> Response:
    found = await form.file("package")
    if found is None:
        return page(visit, "import.html", status=400, wrong=("Choose a file",))
    name, data = found
    try:
        package = _read(name, data)
    except Invalid as error:
        return page(visit, "import.html", status=400, wrong=_located(error))
    return await _mapping(visit, name, data, package)


async def _mapping(
    visit: Visit, name: str, data: bytes, package: Package, *, wrong: tuple[str, ...] = ()
) -> Response:
    foreseen = await visit.rooms.importer.foresee(package, visit.me)
    connectors = {one.connector for one in foreseen.references}
    choices = {one: await visit.rooms.wiring.choices(one, visit.me) for one in connectors}
    return page(
        visit,
        "import_map.html",
        status=400 if wrong else 200,
        name=name,
        content=base64.b64encode(data).decode(),
        package=package,
        flows=[
            (one, difference(one.before, one.flow) if one.before else []) for one in foreseen.flows
        ],
        references=[(one, choices[one.connector]) for one in foreseen.references],
        wrong=wrong,
    )


async def _bring(visit: Visit, form: Form) -> Response:
    """Read the file again, which the page has kept: nothing but what is in it comes."""
    name = form.needed("name", "File")
    try:
        data = base64.b64decode(form.needed("content", "File"), validate=True)
    except binascii.Error as error:
        raise Invalid("the file has not arrived whole: choose it again") from error
    package = _read(name, data)
    bind = {one: ConnectionId(id) for one, id in form.guids("bind:").items()}
    try:
        imported = await visit.rooms.importer.bring_in(package, visit.me, bind=bind)
    except InvalidDefinition as error:
        return await _mapping(visit, name, data, package, wrong=_located(error))
    said = f"Imported: {', '.join(one.name for one in imported.flows)}. All of it is off."
    only = imported.flows[0].id if len(imported.flows) == 1 else None
    return go(f"/flows/{only}" if only else "/flows?tab=mine", said=said)


def _read(name: str, data: bytes) -> Package:
    if len(data) > _MOST_BYTES:
        raise Invalid(f"the file is larger than {_MOST_BYTES} bytes", code=Code.TOO_LARGE)
    package = read_package(data, file=name)
    if not package.flows:
        raise Invalid("holds no flow that runs here", code=Code.INVALID_PACKAGE, file=name)
    return package


def _located(error: Invalid) -> tuple[str, ...]:
    """Return what is wrong, each with its file and pointer."""
    if isinstance(error, InvalidDefinition):
        return tuple(problem.located() for problem in error.problems)
    at = f"{error.file or ''}{'#' + error.pointer if error.pointer else ''}"
    return (f"{at}: {error.message}" if at else error.message,)


routes = [
    get("/flows/import", _ask),
    post("/flows/import", _show),
    post("/flows/import/bring", _bring),
]
