"""Bearer tokens of a provider that is a real server: which stand, whose they are, and no others."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from flowner.rows import registry
from flowner.rows.identities import link
from signin.conftest import Door
from signin.issuer import AUDIENCE, Issuer, elliptic

OBJECT = "7d1c0d6e-5a4b-4c3d-8e2f-0a1b2c3d4e5f"


@pytest.fixture(scope="module")
def ada(door: Door) -> Any:
    """Known to the provider's directory by an object id."""
    ada = door.person("ada")

    async def known() -> None:
        async with door.house.database.transaction() as transaction:
            await registry.update(transaction, "systemuser", ada,
                                  {"azureactivedirectoryobjectid": OBJECT}, by=None)  # fmt: skip

    door.run(known())
    return ada


def let_in(door: Door, token: str) -> str | None:
    """Return whom a token lets in; None: nobody, with a 401."""
    answer = door.who(token)
    if answer.status_code == 401:
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert token not in answer.text
        return None
    assert answer.status_code == 200, answer.text
    user: str = answer.json()["UserId"]
    return user


def test_an_object_id_says_who_it_is(door: Door, issuer: Issuer, ada: Any) -> None:
    token = issuer.token(oid=OBJECT)
    assert let_in(door, token) == ada
    assert door.ask("GET", "/api/runs", token).status_code == 200
    assert let_in(door, issuer.token(oid=OBJECT.upper(), aud=["x", "api://other"])) == ada


def test_a_link_says_who_it_is(door: Door, issuer: Issuer) -> None:
    ben = door.person("ben")

    async def linked() -> bool:
        async with door.house.database.transaction() as transaction:
            return await link(transaction, issuer=issuer.address, subject="ben's", principal=ben,
                              now=door.clock.now())  # fmt: skip

    assert door.run(linked())
    assert let_in(door, issuer.token(sub="ben's")) == ben
    door.run(door.house.directory.set_enabled(ben, enabled=False))
    assert let_in(door, issuer.token(sub="ben's")) is None


def now(**by: float) -> int:
    return int(time.time() + timedelta(**by).total_seconds())


BAD: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://elsewhere.example"},
    "no issuer": {"iss": None},
    "an issuer that is a list": {"iss": ["x"]},
    "another audience": {"aud": "api://elsewhere"},
    "no audience": {"aud": None},
    "expired": {"exp": now(minutes=-2)},
    "never ends": {"exp": None},
    "not yet": {"nbf": now(days=1)},
    "no subject": {"sub": None},
    "nobody's object id": {"oid": "00000000-0000-4000-8000-00000000dead"},
    "an object id that is none": {"oid": "' OR true --"},
    "an object id that is an object": {"oid": {"a": 1}},
    "no object id": {"oid": None},
    "an expiry that is no number": {"exp": "tomorrow"},
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_stand_lets_nobody_in(door: Door, issuer: Issuer, ada: Any, what) -> None:
    del ada
    assert let_in(door, issuer.token(**{"oid": OBJECT} | BAD[what])) is None


def forged(issuer: Issuer, header: dict[str, Any], key: Any = None) -> str:
    claims = {"iss": issuer.address, "aud": AUDIENCE, "exp": now(minutes=5), "sub": "s",
              "oid": OBJECT}  # fmt: skip
    if key is not None:
        return jwt.encode(header, claims, key, algorithms=[header["alg"]])
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def test_no_other_algorithm_is_believed(door: Door, issuer: Issuer, ada: Any) -> None:
    """The classics: none at all, and a public key used as a shared secret."""
    del ada
    key = issuer.keys[0]
    assert isinstance(key, RSAKey)
    public = key.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    shared = OctKey.import_key(base64.urlsafe_b64encode(public).decode().rstrip("="))
    for alg in ("none", "None", "NONE", ""):
        assert let_in(door, forged(issuer, {"alg": alg, "kid": key.kid})) is None
    for kid in ({"kid": key.kid}, {}):
        assert let_in(door, forged(issuer, {"alg": "HS256", **kid}, shared)) is None
    other = RSAKey.generate_key(2048, auto_kid=True)
    assert let_in(door, issuer.token(other, header={"kid": key.kid}, oid=OBJECT)) is None
    assert let_in(door, issuer.token(other, oid=OBJECT)) is None
    told = {"jwk": other.as_dict(private=False), "kid": key.kid}
    assert let_in(door, issuer.token(other, header=told, oid=OBJECT)) is None


def test_nothing_that_is_sent_as_a_token_is_a_fault(door: Door, issuer: Issuer) -> None:
    good = issuer.token(oid=OBJECT)
    head, body, signature = good.split(".")
    for text in ("x", "..", "a.b.c", f"{head}.{body}.", f"{head}..{signature}", good + "x",
                 good[:-8] + "AAAAAAAA", f"{head}.{body}.{signature}.x", "flw_", "e30.e30.e30",
                 f"{head}.bnVsbA.{signature}", "a." + "b" * 20_000 + ".c"):  # fmt: skip
        assert let_in(door, text) is None


def test_an_applications_own_token_is_the_application(door: Door, issuer: Issuer) -> None:
    application, client = door.application("of the provider")
    for own in ({"idtyp": "app"}, {"sub": client}):
        assert let_in(door, issuer.token(azp=client, **own)) == application
    door.run(door.house.directory.set_enabled(application, enabled=False))
    assert let_in(door, issuer.token(azp=client, idtyp="app")) is None


def test_a_persons_token_never_lets_in_the_program_they_use(
    door: Door, issuer: Issuer, ada: Any
) -> None:
    _, client = door.application("a program", "00000000-0000-4000-8000-0000000000a1")
    stranger = "11111111-0000-4000-8000-00000000dead"
    assert let_in(door, issuer.token(azp=client, oid=stranger)) is None
    assert let_in(door, issuer.token(azp=client, oid=OBJECT)) == ada


def test_keys_are_kept_and_rotated(door: Door, issuer: Issuer, ada: Any) -> None:
    let_in(door, issuer.token(oid=OBJECT))
    asked = issuer.asked
    for _ in range(3):
        assert let_in(door, issuer.token(oid=OBJECT)) == ada
    assert issuer.asked == asked
    old = issuer.keys[0]
    issuer.rotate(elliptic())
    fresh = issuer.token(alg="ES256", oid=OBJECT)
    try:
        door.clock.ahead = timedelta(minutes=2)
        assert let_in(door, fresh) == ada
        assert issuer.asked == asked + 1
        for _ in range(5):  # what names no key makes nobody ask all the time
            assert let_in(door, issuer.token(old, oid=OBJECT)) is None
        assert issuer.asked == asked + 1
        door.clock.ahead = timedelta(minutes=4)
        assert let_in(door, issuer.token(old, oid=OBJECT)) is None
        assert issuer.asked == asked + 2
    finally:
        door.clock.ahead = timedelta(0)


def test_a_provider_that_is_down_is_asked_again_later(door: Door, issuer: Issuer, ada: Any) -> None:
    token = issuer.token(issuer.keys[0], alg="ES256", oid=OBJECT, exp=now(hours=9))
    assert let_in(door, token) == ada
    try:
        issuer.is_down, door.clock.ahead = True, timedelta(hours=2)
        assert let_in(door, token) == ada
    finally:
        issuer.is_down, door.clock.ahead = False, timedelta(0)
