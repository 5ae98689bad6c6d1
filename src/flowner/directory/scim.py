"""The language of SCIM: what people and groups look like there, and what they are here.

The schemas name what is kept, and nothing else; what a client says besides is passed over, as the
specification allows. Sources: https://www.rfc-editor.org/rfc/rfc7643
https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
"""

# Annotations are evaluated here, so that a reference may name a resource that is declared below.
from typing import Annotated, Any, Final, Union

from pydantic import Field
from scim2_models import (
    URN,
    CaseExact,
    ComplexAttribute,
    Extension,
    Meta,
    Mutability,
    Reference,
    Required,
    Resource,
    ScimPolicy,
    Uniqueness,
)
from scim2_models.resources.resource import AnyExtension

from flowner.directory.provisioning import GroupSaid, PersonSaid, Row
from flowner.errors import Invalid
from flowner.values import JsonObject

POLICY: Final = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""Directories send more than we keep, and Entra sends PATCH in a manner of its own."""


class Name(ComplexAttribute):
    """The parts of a person's name."""

    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None


class Email(ComplexAttribute):
    """One mail address; the primary one, or the first, is where mail goes."""

    value: str | None = None
    type: str | None = None
    primary: bool | None = None


class Membership(ComplexAttribute):
    """A group that a person is in."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, Mutability.read_only] = None


class Superior(ComplexAttribute):
    """A person's manager, by id."""

    value: Annotated[str | None, CaseExact.true] = None
    ref: Reference["User"] | None = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )


class EnterpriseUser(Extension):
    """What organizations say of a person besides."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    department: str | None = None
    manager: Superior | None = None


class User(Resource[AnyExtension]):
    """A person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    display_name: str | None = None
    title: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    groups: Annotated[list[Membership] | None, Mutability.read_only] = None


class GroupMember(ComplexAttribute):
    """A user or a group in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[Union["User", "Group"]] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User", "Group"])


class Group(Resource[Any]):
    """A security group."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[GroupMember] | None = None


Person = User[EnterpriseUser]
_TYPES: Final = {"systemuser": "User", "securitygroup": "Group"}


def person_said(user: User[Any], *, was_active: bool = True) -> PersonSaid:
    """Return what a client says of a person; `Invalid` where the UPN is empty."""
    upn = (user.user_name or "").strip()
    if not upn:
        raise Invalid("`userName` is empty")
    name, more = user.name or Name(), user[EnterpriseUser] or EnterpriseUser()
    emails = [one for one in user.emails or () if one.value]
    first = next((one for one in emails if one.primary), emails[0] if emails else None)
    whole = " ".join(part for part in (name.given_name, name.family_name) if part)
    said: JsonObject = {}
    if emails:
        said["emails"] = [one.model_dump() for one in emails]
    if name.formatted:
        said["formatted"] = name.formatted
    return PersonSaid(
        upn=upn,
        name=user.display_name or name.formatted or whole or upn,
        given=name.given_name,
        family=name.family_name,
        mail=upn if first is None or first.value is None else first.value,
        title=user.title,
        department=more.department,
        manager=None if more.manager is None else (more.manager.value or "").lower() or None,
        active=was_active if user.active is None else user.active,
        external_id=user.external_id,
        said=said,
    )


def user_of(row: Row, base: str) -> User[Any]:
    """Return a person as clients see them; ``base`` is the address that they ask below."""
    said, name = row["said"], None
    if row["given"] or row["family"] or said.get("formatted"):
        name = Name(
            formatted=said.get("formatted"), family_name=row["family"], given_name=row["given"]
        )
    user = Person(
        id=row["id"],
        external_id=row["externalid"],
        user_name=row["upn"],
        name=name,
        display_name=row["name"],
        title=row["title"],
        active=row["active"],
        emails=_emails(row) or None,
        groups=[
            Membership(
                value=one["value"],
                ref=Reference(f"{base}/Groups/{one['value']}"),
                display=one["display"],
            )
            for one in row["groups"]
        ]
        or None,
        meta=_meta(row, "User", base),
    )
    if row["department"] or row["manager"]:
        manager = None
        if row["manager"]:
            at = Reference[Any](f"{base}/Users/{row['manager']}")
            manager = Superior(value=row["manager"], ref=at)
        user[EnterpriseUser] = EnterpriseUser(department=row["department"], manager=manager)
    return user


def group_said(group: Group) -> GroupSaid:
    """Return what a client says of a group; `Invalid` where its name is empty."""
    name = (group.display_name or "").strip()
    if not name:
        raise Invalid("`displayName` is empty")
    members = frozenset((one.value or "").lower() for one in group.members or ())
    return GroupSaid(name=name, external_id=group.external_id, members=members)


def group_of(row: Row, base: str) -> Group:
    """Return a group as clients see it."""
    members = [
        GroupMember(
            value=one["value"],
            ref=Reference(f"{base}/{_TYPES[one['type']]}s/{one['value']}"),
            type=_TYPES[one["type"]],
        )
        for one in row["members"] or ()
    ]
    return Group(
        id=row["id"],
        external_id=row["externalid"],
        display_name=row["name"],
        members=members or None,
        meta=_meta(row, "Group", base),
    )


def _emails(row: Row) -> list[Email]:
    """Return the addresses as they were said, unless another was given to the person here."""
    said = [Email.model_validate(one) for one in row["said"].get("emails", ())]
    if row["mail"] in (one.value for one in said):
        return said
    if not row["mail"] or (row["mail"] == row["upn"] and not said):
        return []
    return [Email(value=row["mail"], type="work", primary=True)]


def _meta(row: Row, kind: str, base: str) -> Meta:
    return Meta(
        resource_type=kind,
        created=row["createdon"],
        last_modified=row["modifiedon"],
        location=f"{base}/{kind}s/{row['id']}",
    )
