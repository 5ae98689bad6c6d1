"""Bearer tokens of OpenID providers: what makes one stand, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias

from joserfc import jws, jwt
from joserfc.errors import JoseError

from flowner.clock import Clock
from flowner.database import Database
from flowner.directory.providers import Provider, Providers
from flowner.errors import AccessDenied, Code
from flowner.rows import identities
from flowner.values import PrincipalId

# No `none`, and nothing symmetric: a provider's public key must never count as a shared secret.
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
    "EdDSA",
)  # fmt: skip
_LEEWAY_SECONDS: Final = 60
_MOST_SIGNS: Final = 16_384
Claims: TypeAlias = "Mapping[str, Any]"


class Bearers:
    """Recognises the tokens of the configured providers."""

    def __init__(self, database: Database, providers: Providers, clock: Clock) -> None:
        self._database, self._providers, self._clock = database, providers, clock

    async def recognise(self, text: str) -> PrincipalId | None:
        """Return whose token it is; None where no configured provider made it.

        Raises:
            AccessDenied: it does not stand, or is nobody's who may come in.
            Unavailable: the provider's keys cannot be had.
        """
        provider = self._providers.issuing(_unproven_issuer(text))
        if provider is None or not provider.audience:
            return None
        claims = await self.verify(provider, text, provider.audience)
        person = await self._whose(provider, claims)
        if person is None:
            raise _refused("it is nobody's whom this server knows, or theirs who is disabled")
        return person

    async def verify(self, provider: Provider, text: str, audience: Collection[str]) -> Claims:
        """Return the claims of a token that stands; `AccessDenied` says why one does not."""
        try:
            header = jws.extract_compact(text.encode()).headers()
            algorithm, kid = header.get("alg"), header.get("kid")
            if algorithm not in _ALGORITHMS:
                raise _refused("its algorithm is not taken")
            key = await self._providers.key(provider, kid)
            if key is None or key.get("alg") not in (None, algorithm):
                raise _refused("it is signed with no key of its issuer")
            token = jwt.decode(text, key, algorithms=[algorithm])
            jwt.JWTClaimsRegistry(
                now=int(self._clock.now().timestamp()),
                leeway=_LEEWAY_SECONDS,
                iss={"essential": True, "value": provider.issuer},
                aud={"essential": True, "values": list(audience)},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(token.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise _refused(_why(error)) from error
        return token.claims

    async def _whose(self, provider: Provider, claims: Claims) -> PrincipalId | None:
        async with self._database.connection() as connection:
            if (client := _client(provider, claims)) is not None:
                found = await identities.find_application(connection, client)
                if found is not None:
                    return found
            elif provider.person_claim is not None:
                named = str(claims.get(provider.person_claim, ""))
                found = await identities.find_by_object(connection, named)
                if found is not None:
                    return found
            linked = await identities.find_linked(
                connection, issuer=provider.issuer, subject=str(claims["sub"])
            )
        return linked.principal if linked is not None and linked.enabled else None


def _client(provider: Provider, claims: Claims) -> str | None:
    """Return whose application's own token it is; None where it was made for a person.

    INVARIANT: A person's token names the program that they use, too. It must never let them in
    as that program, so only what is an application's for certain counts. Sources:
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (`idtyp`)
    https://www.rfc-editor.org/rfc/rfc9068#section-2.2 (`sub` is the client's id)
    """
    if provider.application_claim is None:
        return None
    client = claims.get(provider.application_claim)
    if not isinstance(client, str) or not client:
        return None
    own = claims.get("idtyp") == "app" or claims.get("sub") == client
    return client if own else None


def _unproven_issuer(text: str) -> object:
    """Return who a token says made it, to know whose keys to prove that with."""
    if len(text) > _MOST_SIGNS or text.count(".") != 2:
        return None
    try:
        claims = json.loads(jws.extract_compact(text.encode()).payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return claims.get("iss") if isinstance(claims, dict) else None


def _refused(why: str) -> AccessDenied:
    return AccessDenied(f"the token does not stand: {why}", code=Code.UNAUTHENTICATED)


def _why(error: Exception) -> str:
    """Say what is wrong, and never what the token says."""
    if not isinstance(error, JoseError):
        return "it cannot be read"
    claim = getattr(error, "claim", None)
    if error.error == "expired_token":
        return "it has expired"
    if error.error == "bad_signature":
        return "its signature is wrong"
    return f"its claim `{claim}` is missing or wrong" if claim else "it cannot be proved"
