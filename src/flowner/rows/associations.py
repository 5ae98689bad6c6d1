"""Relationships of many to many: those that somebody made, and those that the server keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flowner.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """Rows of two tables related many to many, seen from one of the two."""

    schema_name: str
    intersect: str
    """The table that clients know the pairs by."""
    kept_in: str
    """The table that has the pairs."""
    navigation: str
    """From a row of this table to those that it is related to."""
    back: str
    """From those rows to this one."""
    here: str
    """The column of the pairs that has this table's row; ``there`` has the other's."""
    there: str
    table: str
    other: str
    is_first: bool
    """Whether this side is the one that the relationship was made from."""
    is_system: bool = False

    @property
    def pair(self) -> tuple[str, str]:
        """The names of the two columns, this side's first, as clients know them."""
        if not self.is_system:
            return self.here, self.there
        return f"{self.table}id", f"{self.other}id"


_SYSTEM: Final = (
    ("systemuserroles_association", "systemuserroles", "roleassignment",
     ("systemuser", "principalid"), ("role", "roleid")),
    ("teamroles_association", "teamroles", "roleassignment",
     ("team", "principalid"), ("role", "roleid")),
    ("teammembership_association", "teammembership", "teammembership",
     ("team", "teamid"), ("systemuser", "systemuserid")),
    ("systemuserprofiles_association", "systemuserprofiles", "profileassignment",
     ("systemuser", "principalid"), ("fieldsecurityprofile", "fieldsecurityprofileid")),
    ("teamprofiles_association", "teamprofiles", "profileassignment",
     ("team", "principalid"), ("fieldsecurityprofile", "fieldsecurityprofileid")),
    ("roleprivileges_association", "roleprivileges", "roleprivileges",
     ("role", "roleid"), ("privilege", "privilegeid")),
)  # fmt: skip
"""The server's own, by Dataverse's names."""


async def read_associations(transaction: Transaction) -> dict[str, list[Association]]:
    """Return every relationship of many to many by table: each is with both of its tables."""
    sides: list[Association] = []
    for name, intersect, kept_in, one, other in _SYSTEM:
        sides += sides_of(
            name, (intersect, kept_in), (one[0], other[0]), (one[1], other[1]), (name, name),
            is_system=True,
        )  # fmt: skip
    found = await transaction.execute("SELECT * FROM rows.associationmetadata ORDER BY name")
    for row in await found.fetchall():
        kept = row["intersect_name"]
        sides += sides_of(row["schemaname"], (kept, kept), row["tables"], row["attributes"],
                          row["navigations"])  # fmt: skip
    known: dict[str, list[Association]] = {}
    for side in sides:
        known.setdefault(side.table, []).append(side)
    return known


def sides_of(
    schema_name: str,
    kept: tuple[str, str],
    tables: tuple[str, str],
    attributes: tuple[str, str],
    navigations: tuple[str, str],
    *,
    is_system: bool = False,
) -> list[Association]:
    """Return both sides of a relationship. ``kept``: what its pairs are called, and lie in."""
    return [
        Association(
            schema_name=schema_name,
            intersect=kept[0],
            kept_in=kept[1],
            navigation=navigations[at],
            back=navigations[1 - at],
            here=attributes[at],
            there=attributes[1 - at],
            table=tables[at],
            other=tables[1 - at],
            is_first=at == 0,
            is_system=is_system,
        )
        for at in (0, 1)
    ]
