"""Groups whose members come from an OpenID provider: who is in, its claim says at each sign-in."""

from __future__ import annotations

from flowner.database import Database
from flowner.directory.providers import Providers
from flowner.errors import NotFound, Refused
from flowner.rows import registry, signins
from flowner.values import PrincipalId


class ProvidedGroups:
    """Marks groups. Whoever calls this administers them."""

    def __init__(self, database: Database, providers: Providers) -> None:
        self._database, self._providers = database, providers

    async def follow(self, group: PrincipalId, provider: str, value: str) -> None:
        """Let a group follow a provider: in it are those whose groups claim holds the value.

        Raises:
            NotFound: there is no such provider.
            Refused: the provider has no `groups_claim`, or this is no group.
            Conflict: the group follows another provider.
        """
        found = self._providers.named(provider)
        if found is None:
            raise NotFound(f"there is no provider `{provider}`: see `FLOWNER_PROVIDERS`")
        if found.groups_claim is None:
            raise Refused(f"the provider `{provider}` has no `groups_claim`")
        async with self._database.transaction() as transaction:
            where = {"securitygroupid": group}
            if not await registry.select(transaction, "securitygroup", where):
                raise Refused("only a security group can follow a provider")
            await signins.mark_group(transaction, group=group, issuer=found.issuer, value=value)

    async def unfollow(self, group: PrincipalId) -> bool:
        """Let a group follow no provider; its members stay. Answers whether it followed one."""
        async with self._database.transaction() as transaction:
            return await signins.unmark_group(transaction, group=group)
