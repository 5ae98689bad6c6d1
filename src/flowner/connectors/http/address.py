"""Where a request may go: the name is resolved here, and the address found is the one called.

A flow's author chooses addresses, so loopback, private and link-local ones are refused unless the
server's operator allows them. The check and the call use the same address: a name that answers
differently the second time changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

import httpx

from flowner.sdk.context import Rejected, Transient

MOST_SIGNS = 16_384
"""Length of an address. Source: the limits page of Power Automate."""
_SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Place:
    """A checked address, and the name it was asked by."""

    url: httpx.URL
    """With the name: for the certificate, the ``Host`` header and redirects."""
    address: str

    @property
    def pinned(self) -> httpx.URL:
        """The URL with the address in place of the name."""
        return self.url.copy_with(host=self.address)

    @property
    def host_header(self) -> str:
        """What ``Host`` must say."""
        return self.url.netloc.decode("ascii")


def read_url(text: object) -> httpx.URL:
    """Read an address as a flow gives it.

    Raises:
        Rejected: it is no absolute http or https address.
    """
    if not isinstance(text, str) or not text.strip():
        raise Rejected("`uri` is missing: give an address such as `https://api.contoso.example`")
    if len(text) > MOST_SIGNS:
        raise Rejected(f"`uri` has {len(text)} signs; an address may have {MOST_SIGNS}")
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, ValueError):
        raise Rejected("`uri` is no address: write it like `https://api.contoso.example`") from None
    if url.scheme not in _SCHEMES or not url.host:
        raise Rejected("`uri` is no absolute http or https address")
    return url


async def resolve(url: httpx.URL, *, private: bool) -> Place:
    """Find the address of the URL's host; ``private`` allows every address.

    Raises:
        Rejected: an address it has is one that flows may not reach.
        Transient: nobody knows the name.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            url.host, url.port or (443 if url.scheme == "https" else 80), type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        no = Transient(f"the name `{url.host}` could not be resolved", status=502)
        no.code = "UnresolvableHostName"
        raise no from None
    addresses = [str(sockaddr[0]) for _, _, _, _, sockaddr in found]
    if not private:
        for address in addresses:
            _refuse_private(url.host, address)
    return Place(url, addresses[0])


def _refuse_private(host: str, address: str) -> None:
    known = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(known, "ipv4_mapped", None) or getattr(known, "sixtofour", None) or known
    if not (known.is_global and inner.is_global) or known.is_multicast:
        raise Rejected(
            f"`{host}` is at a loopback, private or reserved address, which flows may not reach"
            " unless the server's operator sets `FLOWNER_ALLOW_PRIVATE_ADDRESSES`",
            status=403,
            code="AddressNotAllowed",
        )
