"""Secrets open for their own connection, with their own key, and for nothing else."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from flowner.errors import Invalid, Refused
from flowner.values import ConnectionId, Secret
from flowner.vault.keys import Key, load_keys, read_key
from flowner.vault.store import Vault

A = ConnectionId("00000000-0000-4000-8000-00000000000a")
B = ConnectionId("00000000-0000-4000-8000-00000000000b")


def key(byte: int) -> Key:
    return read_key(Secret(base64.b64encode(bytes([byte]) * 32).decode()))


async def sealed(database, vault: Vault) -> None:
    async with database.transaction() as t:
        await vault.seal(t, A, {"password": Secret("s3cret")})


def test_what_was_sealed_opens(database, run) -> None:
    vault = Vault(database, [key(1)])
    run(sealed(database, vault))
    assert run(vault.open(A))["password"].reveal() == "s3cret"
    assert run(vault.open(B)) == {}


def test_a_moved_seal_does_not_open(database, run) -> None:
    vault = Vault(database, [key(1)])

    async def story() -> None:
        await sealed(database, vault)
        async with database.transaction() as t:
            await t.execute(
                "INSERT INTO vault.secret (connection, name, key_id, sealed) SELECT"
                " %s, name, key_id, sealed FROM vault.secret WHERE connection = %s",
                (B, A),
            )
        try:
            with pytest.raises(Refused, match="the seal is broken") as caught:
                await vault.open(B)
            assert "s3cret" not in str(caught.value)
        finally:
            async with database.transaction() as t:
                await vault.forget(t, B)

    run(story())


def test_rotation(database, run) -> None:
    run(sealed(database, Vault(database, [key(1)])))
    both = Vault(database, [key(2), key(1)])
    assert run(both.rotate()) == 1
    assert run(both.rotate()) == 0
    assert run(Vault(database, [key(2)]).open(A))["password"].reveal() == "s3cret"
    with pytest.raises(Refused, match="not loaded"):
        run(Vault(database, [key(1)]).open(A))


def test_the_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "key"
    made = load_keys(None, file)[0]
    assert load_keys(None, file)[0] == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert "material" not in repr(made)
    if os.name == "posix":
        file.chmod(0o644)
        with pytest.raises(Invalid, match="chmod 600"):
            load_keys(None, file)[0]


@pytest.mark.parametrize("text", ["", "short", "not base64!", base64.b64encode(b"x" * 31).decode()])
def test_a_bad_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Invalid, match="32 bytes") as caught:
        read_key(Secret(text))
    assert not text or text not in str(caught.value)
