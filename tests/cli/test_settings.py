"""Settings: what the environment may say, and what is said when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowner.errors import Invalid
from flowner.settings import Settings, read_settings


def test_an_empty_environment_is_the_defaults() -> None:
    assert read_settings({}) == Settings()
    names = ("DATABASE_URL", "DATA", "KEY", "HOST", "PORT", "CONCURRENCY")
    assert read_settings({f"FLOWNER_{name}": "" for name in names}) == Settings()


def test_every_setting_is_read() -> None:
    settings = read_settings(
        {
            "FLOWNER_DATABASE_URL": "postgresql://h/d",
            "FLOWNER_DATA": "~/somewhere",
            "FLOWNER_KEY": "c2VjcmV0",
            "FLOWNER_HOST": "127.0.0.2",
            "FLOWNER_PORT": "0",
            "FLOWNER_CONCURRENCY": "1000",
            "FLOWNER_ALLOW_PRIVATE_ADDRESSES": "Yes",
        }
    )
    assert settings.database_url == "postgresql://h/d"
    assert settings.data_folder == Path.home() / "somewhere"
    assert settings.key is not None
    assert settings.key.reveal() == "c2VjcmV0"
    assert (settings.host, settings.port, settings.concurrency) == ("127.0.0.2", 0, 1000)
    assert settings.allow_private_addresses


def test_what_may_hold_a_secret_is_not_shown() -> None:
    given = {"FLOWNER_DATABASE_URL": "postgresql://u:horse@h/d", "FLOWNER_KEY": "c2VjcmV0"}
    assert "horse" not in repr(read_settings(given))
    assert "c2VjcmV0" not in repr(read_settings(given))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLOWNER_PORT", "many"),
        ("FLOWNER_PORT", "-1"),
        ("FLOWNER_PORT", "65536"),
        ("FLOWNER_PORT", "1.5"),
        ("FLOWNER_PORT", "²"),
        ("FLOWNER_CONCURRENCY", "0"),
        ("FLOWNER_CONCURRENCY", "1001"),
        ("FLOWNER_ALLOW_PRIVATE_ADDRESSES", "maybe"),
        ("FLOWNER_ALLOW_PRIVATE_ADDRESSES", "1"),
    ],
)
def test_what_cannot_be_understood_is_named_with_what_would_be_right(name: str, value: str) -> None:
    with pytest.raises(Invalid, match=f"`{name}` is `{value}`: write "):
        read_settings({name: value})
