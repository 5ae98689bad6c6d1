"""The answers as JSON: what the journal keeps, the doors show, and a fingerprint holds still."""

from __future__ import annotations

import hashlib
import json

from flowner.errors import Code
from flowner.identity.verdict import Acting, ActRule, Plan, Refusal, Running, RunRule
from flowner.values import AppId, ConnectionId, FlowId, Json, JsonObject, PrincipalId, RunId


def acting_record(acting: Acting) -> JsonObject:
    """Return an acting identity as the journal keeps it.

    ``chain`` has the shape of RFC 8693, section 4.1: ``sub`` is the principal acted for, ``act``
    the actor.
    """
    chain: JsonObject = {"sub": acting.principal}
    if acting.actor is not None:
        chain["act"] = {"sub": acting.actor}
    return {
        "principal": acting.principal,
        "actor": acting.actor,
        "account": acting.account,
        "connection": acting.connection,
        "reference": acting.reference,
        "binding": acting.binding,
        "lentBy": acting.lent_by,
        "rule": acting.rule.value,
        "because": acting.because,
        "chain": chain,
    }


def refusal_record(refusal: Refusal) -> JsonObject:
    return {
        "refused": refusal.code.value,
        "message": refusal.message,
        "ask": refusal.ask,
        "binding": refusal.binding,
    }


def plan_record(plan: Plan) -> JsonObject:
    """Return the whole plan; `read_plan` is its inverse."""
    return {
        "flow": plan.flow,
        "version": plan.version,
        "initiator": plan.initiator,
        "principal": plan.running.principal,
        "rule": plan.running.rule.value,
        "fallback": plan.running.fallback,
        "app": plan.app,
        "parent": plan.parent,
        "resubmits": plan.resubmits,
        "actions": {
            name: acting_record(verdict) if isinstance(verdict, Acting) else refusal_record(verdict)
            for name, verdict in plan.actions.items()
        },
    }


def plan_hash(record: JsonObject) -> str:
    """Return the SHA-256 of a plan record in canonical form: 64 hexadecimal digits."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_plan(record: JsonObject) -> Plan:
    """Read back what `plan_record` wrote."""
    actions = record["actions"]
    if not isinstance(actions, dict):
        raise TypeError("a plan record has its actions in an object")
    parent, resubmits = record["parent"], record["resubmits"]
    fallback, app, initiator = _text(record["fallback"]), record["app"], record["initiator"]
    return Plan(
        flow=FlowId(str(record["flow"])),
        version=_whole(record["version"]),
        initiator=None if initiator is None else PrincipalId(str(initiator)),
        running=Running(
            principal=PrincipalId(str(record["principal"])),
            rule=RunRule(str(record["rule"])),
            fallback=fallback,
        ),
        actions={name: _verdict(value) for name, value in actions.items()},
        app=None if app is None else AppId(str(app)),
        parent=None if parent is None else RunId(_whole(parent)),
        resubmits=None if resubmits is None else RunId(_whole(resubmits)),
    )


def _verdict(value: Json) -> Acting | Refusal:
    if not isinstance(value, dict):
        raise TypeError("a plan record has an object for every action")
    if "refused" in value:
        return Refusal(
            code=Code(str(value["refused"])),
            message=str(value["message"]),
            ask=_principal(value["ask"]),
            binding=_text(value["binding"]),
        )
    connection = _text(value["connection"])
    return Acting(
        principal=PrincipalId(str(value["principal"])),
        actor=_principal(value["actor"]),
        account=str(value["account"]),
        connection=None if connection is None else ConnectionId(connection),
        reference=_text(value["reference"]),
        binding=_text(value["binding"]),
        lent_by=_principal(value["lentBy"]),
        rule=ActRule(str(value["rule"])),
        because=str(value["because"]),
    )


def _text(value: Json) -> str | None:
    return None if value is None else str(value)


def _principal(value: Json) -> PrincipalId | None:
    return None if value is None else PrincipalId(str(value))


def _whole(value: Json) -> int:
    if not isinstance(value, int):
        raise TypeError("a plan record has whole numbers for versions and runs")
    return value
