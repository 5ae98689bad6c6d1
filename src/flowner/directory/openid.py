"""Sign-in for people with an OpenID provider: the authorization code flow, with PKCE.

`begin` gives the address to send a browser to, and a secret for that browser to keep (a cookie
that scripts cannot read). `finish` takes what the provider sent the browser back with, and that
secret: what one browser began, no other can end. Nonce and PKCE verifier are made from the secret,
so that nothing which opens a door is stored. Sources:
https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
https://www.rfc-editor.org/rfc/rfc7636 https://www.rfc-editor.org/rfc/rfc9207
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx

from flowner.clock import Clock
from flowner.database import Database
from flowner.directory.arriving import Arrivals
from flowner.directory.bearers import Bearers, Claims
from flowner.directory.providers import Provider, Providers, fetch_object
from flowner.directory.tokens import hashed
from flowner.errors import AccessDenied, Code, NotFound, Unavailable
from flowner.rows import signins as kept
from flowner.values import PrincipalId, Secret

LIFE: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""
_SECONDS: Final = 10.0
_BYTES: Final = 32
_CODE: Final = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where to send the browser, and what it keeps until it comes back."""

    url: str
    browser: Secret
    life: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who came back."""

    person: PrincipalId
    provider: str
    """The provider's name."""
    issuer: str
    return_to: str
    """Where they were going: as given to `begin`, and as safe as that was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Where somebody signs out at a provider."""

    url: str
    title: str
    """What the provider is called."""


class OpenIdSignIn:
    """Signs people in with the providers at which this server is a client."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        bearers: Bearers,
        arrivals: Arrivals,
        clock: Clock,
    ) -> None:
        self._database, self._clock = database, clock
        self._providers, self._bearers, self._arrivals = providers, bearers, arrivals

    def offered(self) -> list[Provider]:
        """Return the providers that people can sign in with, in the operator's order."""
        return [one for one in self._providers.all() if one.client_id is not None]

    async def begin(self, name: str, *, redirect_uri: str, return_to: str = "/") -> Begun:
        """Begin a sign-in with a provider, by its name.

        ``redirect_uri`` is ours, absolute, and registered there.

        Raises:
            NotFound: people sign in with no provider of this name.
            Unavailable: the provider does not answer.
        """
        provider = self._offered(name)
        state, browser = secrets.token_urlsafe(_BYTES), Secret(secrets.token_urlsafe(_BYTES))
        document = await self._providers.document(provider)
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(provider.scopes),
            "state": state,
            "nonce": _made("nonce", browser),
            "code_challenge": _coded(hashlib.sha256(_made("verifier", browser).encode()).digest()),
            "code_challenge_method": "S256",
        }
        begun = kept.Begun(issuer=provider.issuer, redirect_uri=redirect_uri, return_to=return_to)
        async with self._database.transaction() as transaction:
            await kept.insert_begun(
                transaction,
                begun,
                state=hashed(state),
                browser=hashed(browser.reveal()),
                expires=self._clock.now() + LIFE,
            )
        where = _address(document, "authorization_endpoint", provider)
        joint = "&" if "?" in where else "?"
        return Begun(url=f"{where}{joint}{urlencode(asked)}", browser=browser, life=LIFE)

    async def finish(self, parameters: Mapping[str, str], browser: Secret) -> SignedIn:
        """End a sign-in: ``parameters`` are those of the address that the browser came back to.

        Raises:
            AccessDenied: it was not begun by this browser, or is over, or was used; the provider
                says no; what it says cannot be proved; or nobody here is whom it names.
            Unavailable: the provider does not answer.
        """
        begun = await self._taken(parameters, browser)
        provider = self._providers.issuing(begun.issuer)
        if provider is None or provider.client_id is None:
            raise _refused("the provider is not offered any more")
        if parameters.get("iss", provider.issuer) != provider.issuer:
            raise _refused("the answer is another provider's")
        if "code" not in parameters:
            said = parameters.get("error", "")
            raise _refused(f"the provider says `{said if _CODE.fullmatch(said) else 'no'}`")
        claims = await self._claims(provider, begun, parameters["code"], browser)
        person = await self._arrivals.person(provider, claims)
        return SignedIn(
            person=person,
            provider=provider.name,
            issuer=provider.issuer,
            return_to=begun.return_to,
        )

    async def leaving(self, issuer: str, *, return_to: str) -> Leaving | None:
        """Return where somebody who signs out here signs out at the provider that let them in.

        ``return_to`` is ours, absolute, and registered there. None: the provider does not offer it,
        does not answer, or the operator does not want it.

        Source: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout
        """
        provider = self._providers.issuing(issuer)
        if provider is None or provider.client_id is None or not provider.end_session:
            return None
        try:
            where = (await self._providers.document(provider)).get("end_session_endpoint")
        except Unavailable:
            return None
        if not isinstance(where, str) or urlsplit(where).scheme not in ("http", "https"):
            return None
        asked = {"client_id": provider.client_id, "post_logout_redirect_uri": return_to}
        joint = "&" if "?" in where else "?"
        return Leaving(url=f"{where}{joint}{urlencode(asked)}", title=provider.title)

    async def _taken(self, parameters: Mapping[str, str], browser: Secret) -> kept.Begun:
        async with self._database.transaction() as transaction:
            begun = await kept.take_begun(
                transaction,
                state=hashed(parameters.get("state", "")),
                browser=hashed(browser.reveal()),
                now=self._clock.now(),
            )
        if begun is None:
            raise _refused("it was not begun in this browser, or took too long: begin again")
        return begun

    async def _claims(
        self, provider: Provider, begun: kept.Begun, code: str, browser: Secret
    ) -> Claims:
        document = await self._providers.document(provider)
        async with httpx.AsyncClient(timeout=_SECONDS) as client:
            got = await _exchange(client, provider, document, begun, code, browser)
            proved = await self._bearers.verify(
                provider, str(got.get("id_token")), [str(provider.client_id)]
            )
            if not hmac.compare_digest(str(proved.get("nonce")), _made("nonce", browser)):
                raise _refused("the provider's answer is to another question")
            if proved.get("azp", provider.client_id) != provider.client_id:
                raise _refused("the provider's answer is for another client")
            more = await _more(client, document, str(got.get("access_token")))
        if more.get("sub") != proved["sub"]:
            return proved
        return {**more, **proved}

    def _offered(self, name: str) -> Provider:
        provider = self._providers.named(name)
        if provider is None or provider.client_id is None:
            raise NotFound(f"people sign in with no provider `{name[:40]}`")
        return provider


async def _exchange(
    client: httpx.AsyncClient,
    provider: Provider,
    document: Mapping[str, Any],
    begun: kept.Begun,
    code: str,
    browser: Secret,
) -> dict[str, Any]:
    data = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": begun.redirect_uri,
        "code_verifier": _made("verifier", browser),
    }
    headers = {"Accept": "application/json"}
    id, secret = str(provider.client_id), provider.client_secret
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if secret is None:
        data["client_id"] = id
    elif "client_secret_basic" in methods:
        pair = f"{quote_plus(id)}:{quote_plus(secret.reveal())}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    else:
        data |= {"client_id": id, "client_secret": secret.reveal()}
    try:
        answer = await client.post(
            _address(document, "token_endpoint", provider), data=data, headers=headers
        )
        got = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"the provider `{provider.name}` does not answer as it should") from error
    if answer.status_code != 200 or not isinstance(got, dict):
        raise _refused("the provider does not take the code that it gave")
    return got


async def _more(
    client: httpx.AsyncClient, document: Mapping[str, Any], token: str
) -> dict[str, Any]:
    """Return what the provider says of the person besides; nothing where it says nothing."""
    where = document.get("userinfo_endpoint")
    if not isinstance(where, str):
        return {}
    try:
        return await fetch_object(client, where, headers={"Authorization": f"Bearer {token}"})
    except (httpx.HTTPError, ValueError):
        return {}


def _address(document: Mapping[str, Any], name: str, provider: Provider) -> str:
    found = document.get(name)
    if not isinstance(found, str):
        raise Unavailable(f"the provider `{provider.name}` says no `{name}`")
    return found


def _made(what: str, browser: Secret) -> str:
    """Make one more secret from the browser's: 43 characters, as a PKCE verifier has at least."""
    return _coded(hmac.digest(browser.reveal().encode(), what.encode(), "sha256"))


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _refused(why: str) -> AccessDenied:
    return AccessDenied(f"the sign-in did not succeed: {why}", code=Code.UNAUTHENTICATED)
