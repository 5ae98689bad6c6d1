"""Every error a caller can see.

    FlownerError
    ├── Invalid         the input is wrong; says where (a pointer, a position) and what is right
    ├── NotFound        there is no such thing, or not for this caller: one answer for both
    ├── AccessDenied    the caller may know of it, but not do this
    ├── Refused         the thing cannot be done as things stand (off, unbound, not lent, expired)
    ├── Conflict        somebody else was first: a lost lease, a stale version
    └── Unavailable     something we depend on does not answer now; trying again may help
        └── DatabaseAway    our own database: what was asked of it may have been done or not

Each carries a stable public ``code``. Where Power Automate or Dataverse has a code for the same
case, ours is spelled the same.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    """The stable public codes. The value is what callers see; never reuse or respell one."""

    # the language
    INVALID_TEMPLATE = "InvalidTemplate"
    EXPRESSION_EVALUATION_FAILED = "ExpressionEvaluationFailed"
    # definitions and packages
    INVALID_PACKAGE = "InvalidPackage"
    INVALID_JSON = "InvalidJson"
    INVALID_DEFINITION = "InvalidWorkflowDefinition"
    INVALID_RUN_AS = "InvalidRunAs"
    UNKNOWN_BINDING = "UnknownConnectionReferenceKey"
    UNKNOWN_TYPE = "UnknownOperationType"
    INVALID_BUNDLE = "InvalidBundle"
    # identity
    CONNECTION_AUTHORIZATION_FAILED = "ConnectionAuthorizationFailed"
    FLOW_MISSING_CONNECTION = "FlowMissingConnection"
    INVALID_CONNECTION = "InvalidConnection"
    INVOKER_CONNECTION_OVERRIDE_FAILED = "InvokerConnectionOverrideFailed"
    INVOKER_NOT_ALLOWED = "InvokerConnectionNotAllowed"
    RUN_AS_NOT_OFFERED = "RunAsNotOffered"
    RUN_ONLY_NOT_OFFERED = "RunOnlyNotOffered"
    CHILD_INVOKER_UNSUPPORTED = "ChildFlowUnsupportedForInvokerConnections"
    MISSING_CONNECTION_REFERENCE = "MissingConnectionReference"
    RUN_AS_UNAVAILABLE = "RunAsPrincipalUnavailable"
    PRINCIPAL_DISABLED = "0x80040225"
    PRIVILEGE_MISSING = "0x80040220"
    ROW_ACCESS_DENIED = "0x80048306"
    ROW_NOT_FOUND = "0x80040217"
    ROW_DUPLICATE = "0x80040237"
    ROW_VERSION = "0x80060882"
    ROW_KEY_DUPLICATE = "0x80060892"
    ROW_KEY_UNKNOWN = "0x80060890"
    AGGREGATE_LIMIT = "0x8004e023"
    NO_TABLE = "0x8006088a"
    BAD_QUERY = "0x80060888"
    STAMP_EXPIRED = "0x80044352"
    BAD_BODY = "0x80048d19"
    NO_COLUMN = "0x80041103"
    ROW_REFERENCED = "0x80040227"
    NO_ROLES = "0x80042f09"
    OWNER_LACKS_PRIVILEGE = "0x80040231"
    TEAM_WITHOUT_ROLES = "0x80042f0a"
    OWNED_BY_ACCESS_TEAM = "0x80048340"
    ROLE_FOR_ACCESS_TEAM = "0x80048331"
    SHARED_WITH_OWNER = "0x80040214"
    LAST_ADMINISTRATOR = "0x80041d2f"
    ROLE_EXISTS = "0x80041403"
    UNIT_DISABLED = "0x8004032d"
    INVALID_DEPTH = "0x800404bb"
    COLUMN_READ_MISSING = "0x8004f504"
    COLUMN_CREATE_MISSING = "0x8004f502"
    COLUMN_UPDATE_MISSING = "0x8004f507"
    COLUMN_SHARED_TWICE = "0x8004f50b"
    CANNOT_ACT_ON_BEHALF = "0x8004A110"
    RESUBMIT_REFUSED = "ResubmitRefused"
    # runs
    TRIGGER_NOT_ENABLED = "WorkflowTriggerIsNotEnabled"
    TOO_MANY_RUNS = "TooManyWaitingRuns"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    SIGN_IN_TIMED_OUT = "SignInTimedOut"
    RUN_LOST = "RunLeaseLost"
    RUN_FAILED = "RunFailed"
    NO_RESPONSE = "NoResponse"
    RESPONSE_TIMEOUT = "ResponseTimeout"
    # approvals
    APPROVAL_NOBODY = "InvalidApprovalCreateRequestAssignedToNoValidUsers"
    APPROVAL_AMBIGUOUS = "GraphUserDetailByEmailMultipleFound"
    APPROVAL_REQUESTOR = "InvalidApprovalRequestor"
    APPROVAL_NOT_OPEN = "ApprovalSubscriptionNotAllowed"
    APPROVAL_CLOSED = "ApprovalClosed"
    # doors
    NOT_FOUND = "NotFound"
    ACCESS_DENIED = "AccessDenied"
    UNAUTHENTICATED = "Unauthenticated"
    TOO_MANY_SIGN_INS = "TooManySignIns"
    CONFLICT = "Conflict"
    BAD_REQUEST = "BadRequest"
    TOO_LARGE = "RequestEntityTooLarge"
    UNAVAILABLE = "ServiceUnavailable"
    INTERNAL = "InternalServerError"


class FlownerError(Exception):
    """The root. ``message`` is for people: lower case, no full stop, input in backticks.

    ``pointer`` is an RFC 6901 JSON pointer into the document at fault, ``file`` its name inside
    the package, ``position`` a 0-based character offset into the expression at fault.
    """

    default: ClassVar[Code] = Code.BAD_REQUEST

    def __init__(
        self,
        message: str,
        *,
        code: Code | None = None,
        pointer: str | None = None,
        file: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default
        self.pointer = pointer
        self.file = file
        self.position = position

    def located(self) -> str:
        """Return the message with its file and pointer, as a terminal shows it."""
        place = "#".join(part for part in (self.file, self.pointer) if part is not None)
        return f"{place}: {self.message}" if place else self.message


class Invalid(FlownerError):
    """The input is wrong."""

    default = Code.BAD_REQUEST


class NotFound(FlownerError):
    """There is no such thing, or not for this caller."""

    default = Code.NOT_FOUND


class AccessDenied(FlownerError):
    """The caller may know of it, but not do this."""

    default = Code.ACCESS_DENIED


class Refused(FlownerError):
    """It cannot be done as things stand."""

    default = Code.BAD_REQUEST


class Conflict(FlownerError):
    """Somebody else was first."""

    default = Code.CONFLICT


class Unavailable(FlownerError):
    """Something we depend on does not answer now."""

    default = Code.UNAVAILABLE


class DatabaseAway(Unavailable):
    """Our own database does not answer, or has no room.

    What was under way may be durable or not; whoever needs to know looks when it is back.
    """
