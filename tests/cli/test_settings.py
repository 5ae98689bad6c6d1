"""Settings: what the environment may say, and what is said when it says something else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowner.engine.temporal.place import Place
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


def test_who_dispatches(tmp_path: Path) -> None:
    assert read_settings({"FLOWNER_TEMPORAL_NAMESPACE": "ours"}).temporal is None
    given = {"FLOWNER_DISPATCH": "Temporal"}
    assert read_settings(given).temporal == Place()
    given |= {
        "FLOWNER_TEMPORAL_ADDRESS": "temporal.example:7233",
        "FLOWNER_TEMPORAL_NAMESPACE": "flows",
        "FLOWNER_TEMPORAL_TASK_QUEUE": "ours",
    }
    place = read_settings(given).temporal
    assert place == Place(address="temporal.example:7233", namespace="flows", task_queue="ours")
    assert read_settings(given | {"FLOWNER_TEMPORAL_TLS": "yes"}).temporal == replace(
        place, tls=True
    )
    for name in ("authorities", "certificate", "key", "api"):
        (tmp_path / name).write_text(f"the {name}\n", encoding="utf-8")
    secured = read_settings(given | {
        "FLOWNER_TEMPORAL_API_KEY_FILE": str(tmp_path / "api"),
        "FLOWNER_TEMPORAL_AUTHORITIES_FILE": str(tmp_path / "authorities"),
        "FLOWNER_TEMPORAL_CERTIFICATE_FILE": str(tmp_path / "certificate"),
        "FLOWNER_TEMPORAL_CERTIFICATE_KEY_FILE": str(tmp_path / "key"),
    }).temporal  # fmt: skip
    assert secured is not None
    assert secured.tls, "what proves who we are goes over TLS"
    assert (secured.authorities, secured.certificate) == ("the authorities", "the certificate")
    assert secured.certificate_key is not None
    assert secured.certificate_key.reveal() == "the key"
    assert secured.api_key is not None
    assert secured.api_key.reveal() == "the api"
    assert "the key" not in repr(secured)
    assert "the api" not in repr(secured)


@pytest.mark.parametrize("address", ["temporal.example", "7233", ":7233", "http://temporal/"])
def test_temporal_is_at_a_host_and_a_port(address: str) -> None:
    with pytest.raises(Invalid, match=f"`FLOWNER_TEMPORAL_ADDRESS` is `{address}`: write a host"):
        read_settings({"FLOWNER_DISPATCH": "temporal", "FLOWNER_TEMPORAL_ADDRESS": address})


def test_a_certificate_is_nothing_without_its_key(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x", encoding="utf-8")
    given = {"FLOWNER_TEMPORAL_CERTIFICATE_FILE": str(tmp_path / "one")}
    with pytest.raises(Invalid, match="set together"):
        read_settings({"FLOWNER_DISPATCH": "temporal"} | given)


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
        ("FLOWNER_DISPATCH", "kafka"),
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
