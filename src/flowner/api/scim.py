"""SCIM 2.0 at ``/scim/v2``: people and groups, kept by a directory outside.

GET   /ServiceProviderConfig, /ResourceTypes, /Schemas     what is offered
GET   /Users, /Groups          a page, or those whose one attribute has a value (`eq`)
POST  /Users, /Groups          add
GET, PUT, PATCH, DELETE /Users/{id}, /Groups/{id}

Source: https://www.rfc-editor.org/rfc/rfc7644
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    Error,
    ETag,
    Filter,
    ListResponse,
    Meta,
    Patch,
    Resource,
    ResourceType,
    Schema,
    SCIMException,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
)
from scim2_models.path import CompareOperator, Comparison
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from flowner.api.doors import Doors, base_of, challenge, person_of
from flowner.api.reading import read_bytes
from flowner.api.scim_kinds import GROUPS, PEOPLE, All, Kind, SearchAll, matches
from flowner.directory.provisioning import MOST_IN_PAGE, Row, Wanted
from flowner.directory.scim import POLICY, EnterpriseUser, Group, Person, User
from flowner.errors import (
    AccessDenied,
    Code,
    Conflict,
    FlownerError,
    NotFound,
    Refused,
    Unavailable,
)
from flowner.values import PrincipalId

_AT: Final = "/scim/v2"
_MEDIA: Final = "application/scim+json"
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_MOST_BYTES: Final = 16 * 1024 * 1024
_STATUS: Final[dict[type[FlownerError], int]] = {
    AccessDenied: 403,
    NotFound: 404,
    Conflict: 409,
    Refused: 409,
    Unavailable: 503,
}
_PLACES: Final = frozenset({"Users", "Groups", "ServiceProviderConfig", "ResourceTypes", "Schemas"})
_KINDS: Final = {"Users": PEOPLE, "Groups": GROUPS}
_TypeList = ListResponse[ResourceType]
_SchemaList = ListResponse[Schema]
_Answering: TypeAlias = "Callable[[Request, PrincipalId], Awaitable[Response]]"


def _door(answering: _Answering) -> Callable[[Request], Awaitable[Response]]:
    """Let in whoever may keep people and groups, and say errors as SCIM does."""

    async def answer(request: Request) -> Response:
        doors: Doors = request.app.state.doors
        try:
            by = await person_of(request)
            await doors.provisioning.require(by)
            return await answering(request, by)
        except ValidationError as error:
            return _said(Error.from_validation_errors(error)[0])
        except SCIMException as error:
            return _said(error.to_error())
        except FlownerError as error:
            refused = _said(_error(error))
            if error.code is Code.UNAUTHENTICATED:
                refused.headers["WWW-Authenticate"] = challenge(request)
            return refused

    return answer


def _error(error: FlownerError) -> Error:
    if error.code is Code.UNAUTHENTICATED:
        return Error(status=401, detail=error.message)
    status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 400)
    kind = {400: "invalidValue", 409: "uniqueness" if isinstance(error, Conflict) else None}
    return Error(status=status, scim_type=kind.get(status), detail=error.message)


def _said(error: Error) -> Response:
    return Response(error.model_dump_json(), error.status or 400, media_type=_MEDIA)


def _json(model: Any, context: Context, status: int = 200, **more: Any) -> Response:
    said = model.model_dump_json(scim_ctx=context, **more)
    headers = {}
    if isinstance(model, Resource) and model.meta is not None and model.meta.location:
        headers["Location"] = model.meta.location
        if model.meta.version:
            headers["ETag"] = model.meta.version
    return Response(said, status, media_type=_MEDIA, headers=headers)


async def _list(request: Request, by: PrincipalId) -> Response:
    kind = _kind(request)
    asked = kind.search.model_validate(
        dict(request.query_params), scim_ctx=Context.SEARCH_REQUEST, scim_policy=POLICY
    )
    return await _page(request, by, kind, asked)


async def _search(request: Request, by: PrincipalId) -> Response:
    kind = _kind(request)
    asked = kind.search.model_validate_json(
        await read_bytes(request, _MOST_BYTES), scim_ctx=Context.SEARCH_REQUEST, scim_policy=POLICY
    )
    return await _page(request, by, kind, asked)


async def _page(
    request: Request, by: PrincipalId, kind: Kind, asked: SearchRequest[Any]
) -> Response:
    doors: Doors = request.app.state.doors
    start = asked.start_index or 1
    count = MOST_IN_PAGE if asked.count is None else min(asked.count, MOST_IN_PAGE)
    attribute, value = _filter(kind, asked)
    wanted = Wanted(
        attribute=attribute,
        value=value,
        sort=_sort(kind, asked),
        descending=asked.sort_order is SearchRequest.SortOrder.descending,
        skip=min(start - 1, 1 << 60),
        count=count,
        members="members" not in {str(path) for path in asked.excluded_attributes or ()},
    )
    total, rows = await kind.find(doors.provisioning, wanted, by)
    found = kind.listed(
        total_results=total,
        start_index=start,
        items_per_page=len(rows),
        resources=[_shown(kind, row, request) for row in rows],
    )
    return _json(found, Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked)


async def _search_all(request: Request, by: PrincipalId) -> Response:
    """Answer a search that names no kind: people first, then groups."""
    doors: Doors = request.app.state.doors
    asked = SearchAll.model_validate_json(
        await read_bytes(request, _MOST_BYTES), scim_ctx=Context.SEARCH_REQUEST, scim_policy=POLICY
    )
    if asked.sort_by is not None:
        raise _Unsupported("people and groups are not sorted together: search one of them")
    start, total, found = asked.start_index or 1, 0, []
    left = MOST_IN_PAGE if asked.count is None else min(asked.count, MOST_IN_PAGE)
    for kind in (PEOPLE, GROUPS):
        attribute, value = _filter(kind, asked)
        skip = max(0, min(start - 1, 1 << 60) - total)
        wanted = Wanted(attribute=attribute, value=value, skip=skip, count=left)
        count, rows = await kind.find(doors.provisioning, wanted, by)
        found += [_shown(kind, row, request) for row in rows]
        total, left = total + count, left - len(rows)
    page = All(total_results=total, start_index=start, items_per_page=len(found), resources=found)
    return _json(page, Context.SEARCH_RESPONSE, response_parameters=asked)


def _filter(kind: Kind, asked: SearchRequest[Any]) -> tuple[str | None, str]:
    """Return the one comparison that a filter makes; anything else is refused, not passed over."""
    if asked.filter is None:
        return None, ""
    node = asked.filter.ast
    if isinstance(node, Comparison) and node.op is CompareOperator.eq:
        path = node.attr_path
        names = {name.lower(): name for name in kind.found_by}
        name = names.get(path.attr.lower())
        if name is not None and path.sub_attr is None and isinstance(node.value, str):
            return name, node.value.replace("\0", "\ufffd")
    known = ", ".join(f"`{name} eq`" for name in kind.found_by)
    raise _Unsupported(f"the filter is not understood: write {known}")


def _sort(kind: Kind, asked: SearchRequest[Any]) -> str | None:
    if asked.sort_by is None:
        return None
    name = str(asked.sort_by).rpartition(":")[2].lower()
    if name not in kind.sorted_by:
        raise _Unsupported(f"`sortBy` is one of {', '.join(sorted(kind.sorted_by))}")
    return name


def _shown(kind: Kind, row: Row, request: Request) -> Resource[Any]:
    found = kind.shown(row, _base(request))
    if found.meta is not None:
        found.meta.version = kind.version(row)
    return found


def _require_match(request: Request, kind: Kind, row: Row) -> None:
    """Raise unless the resource is the one that whoever asks has seen (``If-Match``)."""
    wanted = request.headers.get("if-match")
    if wanted is not None and not matches(wanted, kind.version(row)):
        raise _Stale(detail="it was changed since you read it: read it again")


class _Stale(SCIMException):
    status = 412


class _Unsupported(SCIMException):
    scim_type = "invalidFilter"

    def __init__(self, detail: str) -> None:
        super().__init__(detail=detail)


async def _add(request: Request, by: PrincipalId) -> Response:
    doors, kind = request.app.state.doors, _kind(request)
    given = kind.model.model_validate_json(
        await read_bytes(request, _MOST_BYTES),
        scim_ctx=Context.RESOURCE_CREATION_REQUEST,
        scim_policy=POLICY,
    )
    row = await kind.add(doors.provisioning, given, by)
    return _json(_shown(kind, row, request), Context.RESOURCE_CREATION_RESPONSE, 201)


async def _get(request: Request, by: PrincipalId) -> Response:
    doors, kind = request.app.state.doors, _kind(request)
    asked = kind.search.model_validate(
        dict(request.query_params), scim_ctx=Context.SEARCH_REQUEST, scim_policy=POLICY
    )
    id = request.path_params["id"].replace("\0", "\ufffd")
    _, rows = await kind.find(doors.provisioning, Wanted(attribute="id", value=id), by)
    if not rows:
        raise NotFound(f"there is no resource `{id[:60]}`")
    version, seen = kind.version(rows[0]), request.headers.get("if-none-match")
    if version is not None and seen is not None and matches(seen, version):
        return Response(status_code=304, headers={"ETag": version})
    shown = _shown(kind, rows[0], request)
    return _json(shown, Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked)


async def _replace(request: Request, by: PrincipalId) -> Response:
    doors, kind = request.app.state.doors, _kind(request)
    given: Resource[Any] = kind.model.model_validate_json(
        await read_bytes(request, _MOST_BYTES),
        scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST,
        scim_policy=POLICY,
    )

    def replaced(row: Row) -> Resource[Any]:
        _require_match(request, kind, row)
        given.replace(kind.shown(row, _base(request)))
        return given

    row = await kind.change(doors.provisioning, request.path_params["id"], replaced, by)
    return _json(_shown(kind, row, request), Context.RESOURCE_REPLACEMENT_RESPONSE)


async def _patch(request: Request, by: PrincipalId) -> Response:
    doors, kind = request.app.state.doors, _kind(request)
    operations = kind.patch.model_validate_json(
        await read_bytes(request, _MOST_BYTES),
        scim_ctx=Context.RESOURCE_PATCH_REQUEST,
        scim_policy=POLICY,
    )

    def patched(row: Row) -> Resource[Any]:
        _require_match(request, kind, row)
        found = kind.shown(row, _base(request))
        operations.patch(found, scim_policy=POLICY)
        return found

    row = await kind.change(doors.provisioning, request.path_params["id"], patched, by)
    return _json(_shown(kind, row, request), Context.RESOURCE_PATCH_RESPONSE)


async def _remove(request: Request, by: PrincipalId) -> Response:
    doors, kind = request.app.state.doors, _kind(request)
    require = partial(_require_match, request, kind)
    await kind.remove(doors.provisioning, request.path_params["id"], by, require=require)
    return Response(status_code=204)


async def _config(request: Request, by: PrincipalId) -> Response:
    del by
    found = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_IN_PAGE),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Bearer token",
                description="the token of an application with the role `Provisioner`",
                primary=True,
            )
        ],
    )
    found.meta = _meta(request, "ServiceProviderConfig")
    return _json(found, Context.RESOURCE_QUERY_RESPONSE)


async def _types(request: Request, by: PrincipalId) -> Response:
    del by
    found = [ResourceType.from_resource(model) for model in (Person, Group)]
    for one in found:
        one.meta = _meta(request, "ResourceType", f"ResourceTypes/{one.id}")
    return _listed_or_one(request, found, _TypeList)


async def _schemas(request: Request, by: PrincipalId) -> Response:
    del by
    found = [model.to_schema() for model in (User, EnterpriseUser, Group)]
    for one in found:
        one.meta = _meta(request, "Schema", f"Schemas/{one.id}")
    return _listed_or_one(request, found, _SchemaList)


def _listed_or_one(request: Request, found: list[Any], listed: type[Any]) -> Response:
    if "filter" in request.query_params:
        raise AccessDenied("what is offered is not filtered")
    id = request.path_params.get("id")
    if id is None:
        total = len(found)
        page = listed(total_results=total, start_index=1, items_per_page=total, resources=found)
        return _json(page, Context.RESOURCE_QUERY_RESPONSE)
    for one in found:
        if one.id == id:
            return _json(one, Context.RESOURCE_QUERY_RESPONSE)
    raise NotFound(f"there is no `{id[:80]}`")


def _meta(request: Request, kind: str, at: str | None = None) -> Meta:
    return Meta(resource_type=kind, location=f"{_base(request)}/{at or kind}")


async def _nothing(request: Request, by: PrincipalId) -> Response:
    del by
    if request.path_params["path"].partition("/")[0] in _PLACES:
        return _said(Error(status=405, detail=f"`{request.method}` is not offered here"))
    raise NotFound(f"there is nothing at `{request.url.path[:80]}`")


def _kind(request: Request) -> Kind:
    return _KINDS[request.url.path.removeprefix(f"{_AT}/").partition("/")[0]]


def _base(request: Request) -> str:
    return f"{base_of(request)}{_AT}"


def _of(name: str) -> list[Route]:
    return [
        Route(f"/{name}", _door(_list), methods=["GET"]),
        Route(f"/{name}", _door(_add), methods=["POST"]),
        Route(f"/{name}/.search", _door(_search), methods=["POST"]),
        Route(f"/{name}/{{id}}", _door(_get), methods=["GET"]),
        Route(f"/{name}/{{id}}", _door(_replace), methods=["PUT"]),
        Route(f"/{name}/{{id}}", _door(_patch), methods=["PATCH"]),
        Route(f"/{name}/{{id}}", _door(_remove), methods=["DELETE"]),
    ]


router: Final = Router(
    [
        Route("/ServiceProviderConfig", _door(_config), methods=["GET"]),
        Route("/ResourceTypes", _door(_types), methods=["GET"]),
        Route("/ResourceTypes/{id}", _door(_types), methods=["GET"]),
        Route("/Schemas", _door(_schemas), methods=["GET"]),
        Route("/Schemas/{id}", _door(_schemas), methods=["GET"]),
        Route("/.search", _door(_search_all), methods=["POST"]),
        *_of("Users"),
        *_of("Groups"),
        Route("/{path:path}", _door(_nothing), methods=_METHODS),
    ],
    redirect_slashes=False,
)
