"""Approvals as one acting identity asks for them, for the sdk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowner.approvals.deciding import Kind
from flowner.approvals.requesting import Asking, Requests, Wanted, stages_of
from flowner.errors import FlownerError, NotFound, Unavailable
from flowner.sdk.context import NewApproval, Rejected, Transient
from flowner.values import JsonObject


@dataclass(frozen=True, slots=True)
class ApprovalsAs:
    """Asks for one step of one run. The house's errors become the connector's."""

    requests: Requests
    asking: Asking

    async def make(self, new: NewApproval, *, waits: bool) -> JsonObject:
        with _as_rejections():
            kind = Kind(new.kind)
            wanted = Wanted(
                kind=kind,
                title=new.title,
                stages=stages_of(kind, new.assigned_to, new.steps),
                details=new.details,
                link=new.link,
                link_text=new.link_text,
                requestor=new.requestor,
                options=new.options,
                notifies=new.notifies,
                may_be_reassigned=new.may_be_reassigned,
            )
            return await self.requests.make(wanted, self.asking, waits=waits)

    async def wait(self, id: str) -> JsonObject | None:
        with _as_rejections():
            return await self.requests.wait(id, self.asking)


@contextmanager
def _as_rejections() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        raise Transient(error.message) from error
    except FlownerError as error:
        status = 404 if isinstance(error, NotFound) else 400
        raise Rejected(error.message, status=status, code=error.code.value) from error
