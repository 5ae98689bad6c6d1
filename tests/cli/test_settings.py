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
            "FLOWNER_DRAIN_SECONDS": "25",
            "FLOWNER_KEEP_RUNS_DAYS": "0",
            "FLOWNER_WORKER_HOST": "0.0.0.0",  # noqa: S104 - it is only read
            "FLOWNER_WORKER_PORT": "8741",
            "FLOWNER_METRICS": "Token",
            "FLOWNER_METRICS_TOKEN": "scrape",
            "FLOWNER_LOG": "json",
            "FLOWNER_LOG_LEVEL": "debug",
            "FLOWNER_TRACES": "yes",
            "FLOWNER_TRACES_TO": "Api.contoso.example, *.inside.example",
            "OTEL_TRACES_EXPORTER": "console",
        }
    )
    assert (settings.drain_seconds, settings.worker_host, settings.worker_port) == (
        25, "0.0.0.0", 8741  # noqa: S104 - as above
    )  # fmt: skip
    assert settings.metrics == "token"
    assert settings.metrics_token is not None
    assert settings.metrics_token.reveal() == "scrape"
    assert (settings.log, settings.log_level) == ("json", "debug")
    assert (settings.traces, settings.traces_exporter) == (True, "console")
    assert settings.traces_to == ("api.contoso.example", "*.inside.example")
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
        ("FLOWNER_DRAIN_SECONDS", "0"),
        ("FLOWNER_WORKER_PORT", "none"),
        ("FLOWNER_METRICS", "yes"),
        ("FLOWNER_LOG", "xml"),
        ("FLOWNER_LOG_LEVEL", "loud"),
        ("FLOWNER_TRACES", "some"),
    ],
)
def test_what_cannot_be_understood_is_named_with_what_would_be_right(name: str, value: str) -> None:
    with pytest.raises(Invalid, match=f"`{name}` is `{value}`: write "):
        read_settings({name: value})


@pytest.mark.parametrize("name", ["FLOWNER_KEY", "FLOWNER_DATABASE_URL", "FLOWNER_METRICS_TOKEN"])
def test_a_secret_may_come_in_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    settings = read_settings({f"{name}_FILE": str(file)})
    given = (settings.key, settings.metrics_token)
    found = {one.reveal() for one in given if one is not None} | {settings.database_url}
    assert "from a file" in found
    with pytest.raises(Invalid, match=f"`{name}` and `{name}_FILE` are both set"):
        read_settings({name: "here", f"{name}_FILE": str(file)})
    file.write_text(" \n")
    with pytest.raises(Invalid, match="is empty"):
        read_settings({f"{name}_FILE": str(file)})
    with pytest.raises(Invalid, match=f"`{name}_FILE` is `/nowhere`, which cannot be read"):
        read_settings({f"{name}_FILE": "/nowhere"})


def test_metrics_by_token_need_a_token() -> None:
    with pytest.raises(Invalid, match="set `FLOWNER_METRICS_TOKEN`"):
        read_settings({"FLOWNER_METRICS": "token"})
