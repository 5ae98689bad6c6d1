"""What an operation answered, raised or failed to say, as the planner takes it in.

Whatever comes back is searched for the secrets that went out, and they are struck out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace

import structlog

from flowner.errors import Code
from flowner.runs.commands import Failure, Outcome, Parked, Success, Transient
from flowner.sdk import context as sdk
from flowner.sdk.connector import Connector, Operation, Repeat
from flowner.values import Json, JsonObject

_LOG = structlog.get_logger(__name__)
MOST_ITEMS = 100_000
"""Items that pages may come to. Source: the limits page of Power Automate."""
_SHORTEST = 4
"""Secrets shorter than this are not searched for: they would be found everywhere."""
_STRUCK = "*****"
_UNAUTHORIZED = 401
_PUBLIC = frozenset({"type", "username", "tenant", "audience", "clientId", "authority", "identity"})
"""Members of an authentication that are no secrets. Their values may stand in an answer."""


async def ask(
    operation: Operation, parameters: JsonObject, context: sdk.OperationContext
) -> tuple[Outcome, str | None]:
    """Make one call; answers its outcome, and whom the outside took the caller for."""
    try:
        async with asyncio.timeout(context.timeout_seconds):
            answer = await operation.perform(parameters, context)
    except sdk.Rejected as error:
        return _rejected(error), None
    except sdk.Transient as error:
        return _not_now(error, operation), None
    except TimeoutError:
        late = sdk.Transient(
            f"no answer within {context.timeout_seconds:.0f} seconds", status=504, perhaps_done=True
        )
        return _not_now(late, operation), None
    except Exception as error:  # noqa: BLE001 - a connector's defect must not stop the run
        _LOG.error("connector failed", operation=operation.id, error=type(error).__name__)
        return Failure(
            code="InternalServerError",
            message=f"the connector failed while it carried out `{operation.id}`",
            status=500,
        ), None
    if answer.later:
        reason = answer.waits_for or "the answer comes to its callback address"
        return Parked(reason=reason), answer.seen
    outcome = Success(
        status=answer.status,
        headers=dict(answer.headers),
        body=answer.body,
        has_body=answer.has_body,
    )
    return outcome, answer.seen


async def ask_for(
    minimum: int,
    connector: Connector,
    operation: Operation,
    parameters: JsonObject,
    context: sdk.OperationContext,
) -> tuple[Outcome, str | None]:
    """Make a call, and go on with the pages of its list until there are ``minimum`` items.

    The pages' ``value`` arrays become one. A page that fails, fails the whole.
    """
    outcome, seen = await ask(operation, parameters, context)
    following = connector.next_page
    if minimum <= 0 or following is None or operation.repeat is not Repeat.HARMLESS:
        return outcome, seen
    items: list[Json] = []
    while isinstance(outcome, Success) and isinstance(outcome.body, dict):
        page = outcome.body.get("value")
        if not isinstance(page, list):
            break
        items += page
        whole = {**outcome.body, "value": items}
        found = following(outcome.body, parameters) if len(items) < minimum else None
        if found is None:
            return replace(outcome, body=whole), seen
        parameters = found
        outcome, seen = await ask(operation, parameters, context)
    return outcome, seen


def is_refused(outcome: Outcome) -> bool:
    """Whether the outside did not take the credential, and so has carried nothing out."""
    return isinstance(outcome, Success | Failure) and outcome.status == _UNAUTHORIZED


def wanted_items(configuration: JsonObject) -> int:
    """Return how many items the action's ``paginationPolicy`` asks for; 0: one page."""
    policy = configuration.get("paginationPolicy")
    count = policy.get("minimumItemCount") if isinstance(policy, dict) else None
    return min(count, MOST_ITEMS) if isinstance(count, int) and not isinstance(count, bool) else 0


def _rejected(error: sdk.Rejected) -> Failure:
    body = error.body
    if body is None and not error.has_body:
        body = {"error": {"code": error.code, "message": error.message}}
    return Failure(
        code=error.code,
        message=error.message,
        status=error.status,
        headers=dict(error.headers),
        body=body,
        has_body=True,
    )


def _not_now(error: sdk.Transient, operation: Operation) -> Outcome:
    """Let the retry policy decide, unless trying again could do the thing a second time."""
    if error.perhaps_done and operation.repeat is Repeat.NEVER:
        return Failure(
            code=Code.OUTCOME_UNKNOWN.value,
            message=f"{error.message}; whether `{operation.id}` was carried out is not known, and"
            " it cannot be made twice: a person has to look",
            status=error.status,
        )
    return Transient(
        message=error.message,
        status=error.status,
        code=error.code,
        retry_after_seconds=error.retry_after_seconds,
        headers=dict(error.headers),
        body=error.body,
        has_body=error.has_body,
    )


def secrets_in(authentication: Json) -> Iterator[str]:
    """Yield the texts of an action's own credentials, and their words: ``Bearer abc`` is two."""
    match authentication:
        case str():
            yield authentication
            yield from authentication.split()[1:]
        case dict():
            for name, value in authentication.items():
                if name not in _PUBLIC:
                    yield from secrets_in(value)
        case _:
            pass


def strike(outcome: Outcome, secrets: list[str]) -> Outcome:
    """Strike every secret that was used out of an outcome."""
    texts = sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True)
    if not texts:
        return outcome
    match outcome:
        case Success():
            return Success(
                status=outcome.status,
                headers=_struck_headers(outcome.headers, texts),
                body=_struck(outcome.body, texts),
                has_body=outcome.has_body,
            )
        case Failure():
            return Failure(
                code=outcome.code,
                message=_struck_text(outcome.message, texts),
                status=outcome.status,
                headers=_struck_headers(outcome.headers, texts),
                body=_struck(outcome.body, texts),
                has_body=outcome.has_body,
            )
        case Transient():
            return Transient(
                message=_struck_text(outcome.message, texts),
                status=outcome.status,
                code=outcome.code,
                retry_after_seconds=outcome.retry_after_seconds,
                headers=_struck_headers(outcome.headers, texts),
                body=_struck(outcome.body, texts),
                has_body=outcome.has_body,
            )
        case _:
            return outcome


def _struck_headers(headers: Mapping[str, Json], texts: list[str]) -> dict[str, Json]:
    return {name: _struck(value, texts) for name, value in headers.items()}


def _struck(value: Json, texts: list[str]) -> Json:
    match value:
        case str():
            return _struck_text(value, texts)
        case list():
            return [_struck(item, texts) for item in value]
        case dict():
            return {_struck_text(key, texts): _struck(item, texts) for key, item in value.items()}
        case _:
            return value


def _struck_text(value: str, texts: list[str]) -> str:
    for text in texts:
        value = value.replace(text, _STRUCK)
    return value
